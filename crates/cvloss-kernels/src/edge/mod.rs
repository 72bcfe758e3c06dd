//! Losses of image gradients: a penalty of what edge filters make of the difference of two images.
//!
//! With `d = x − t`, responses `r_k = K_k ∗ d` and slopes `s_k = ρ'(r_k)`, the gradient is the transposed filter of the
//! slopes: `dL/dx = Σ_k K_kᵀ s_k`. It is taken on the padded image, whose border then returns to the pixels that it was
//! copied from.
//!
//! A plane is cut into strips of rows; a strip holds its differences, and slopes, with the rows around it.

#![forbid(unsafe_code)]

mod filter;
mod rows;

use crate::error::{Result, check_shape};
use crate::loops::pointwise::Difference;
use crate::loops::sum::Total;
use crate::options::{Gradient, Gradients, Reduction};
use crate::parallel;
use crate::pixel::{Charbonnier, L1, L2, TINY, check_positive};
use crate::scalar::{Prim, Scalar, in_precision, with_scratch};
use crate::simd::dispatch;
use crate::view::{View, ViewMut, check_view};

pub use filter::EdgeFilter;
use filter::Kernel;
use rows::{Respond, Row, Scale, Subtract, Transpose};

/// What a response costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum EdgePenalty {
    /// `|r|`
    #[default]
    Absolute,
    /// `r²`
    Square,
    /// `√(r² + ε²)`
    Charbonnier(f64),
}

/// What lies beyond the border.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum EdgeBorder {
    /// The nearest pixel, as `kornia.filters.sobel`.
    #[default]
    Replicate,
    /// The pixel on the other side of the outermost one, as `kornia.filters.laplacian`.
    Reflect,
    /// 0.
    Zero,
    /// Nothing: no response where the filter leaves the image.
    Valid,
}

/// Whether coefficients are divided by the sum of their absolute values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum EdgeScale {
    /// They are, as kornia's `normalized=True`, its default.
    #[default]
    Unit,
    /// They are not.
    Integer,
}

/// Options of [`evaluate`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What finds edges.
    pub filter: EdgeFilter,
    /// Whether its coefficients are normalised.
    pub scale: EdgeScale,
    /// What a response costs.
    pub penalty: EdgePenalty,
    /// What lies beyond the border.
    pub border: EdgeBorder,
    /// How images are reduced.
    pub reduction: Reduction,
}

/// The mean cost of responses in each image, summed over filters; `space` is height × width.
///
/// Returns the reduced value; with [`Reduction::None`] it writes one value per image and returns their sum.
pub fn evaluate(
    options: &Options,
    space: [usize; 2],
    input: &View<'_>,
    target: &View<'_>,
    weight: Option<&View<'_>>,
    values: Option<ViewMut<'_>>,
    gradients: Gradients<'_>,
) -> Result<f64> {
    let shape = input.shape();
    check_shape("input", [shape[0], shape[1], space[0] * space[1]], shape)?;
    check_view("target", shape, target)?;
    for gradient in [&gradients.input, &gradients.target].into_iter().flatten() {
        check_shape("gradient", shape, gradient.view.shape())?;
    }
    let weight = match weight {
        Some(weight) => Some(weight.broadcast("weight", shape)?),
        None => None,
    };
    let pair = Pair {
        space,
        input,
        target,
        weight: weight.as_ref(),
        options,
    };
    in_precision!(input.dtype(), P => pair.penalise::<P>(values, gradients))
}

/// What is read.
#[derive(Clone, Copy)]
struct Pair<'a> {
    space: [usize; 2],
    input: &'a View<'a>,
    target: &'a View<'a>,
    weight: Option<&'a View<'a>>,
    options: &'a Options,
}

/// Rows of one plane, and where their gradients go.
struct Strip<'g> {
    n: usize,
    c: usize,
    start: usize,
    end: usize,
    gradients: [Option<ViewMut<'g>>; 2],
}

impl Pair<'_> {
    fn penalise<P: Prim>(
        self,
        values: Option<ViewMut<'_>>,
        gradients: Gradients<'_>,
    ) -> Result<f64> {
        match self.options.penalty {
            EdgePenalty::Absolute => Ok(self.sweep::<P>(&respond(L1), values, gradients)),
            EdgePenalty::Square => Ok(self.sweep::<P>(&respond(L2), values, gradients)),
            EdgePenalty::Charbonnier(eps) => {
                check_positive("eps", eps)?;
                let penalty = Charbonnier { eps: eps.max(TINY) };
                Ok(self.sweep::<P>(&respond(penalty), values, gradients))
            }
        }
    }

    /// The filters, times what the options say.
    fn kernels(self) -> Vec<Kernel> {
        let filter = self.options.filter;
        let factor = match self.options.scale {
            EdgeScale::Unit => 1.0 / filter.norm(),
            EdgeScale::Integer => 1.0,
        };
        let scaled = |kernel: Kernel| kernel.map(|row| row.map(|k| k * factor));
        filter.kernels().iter().copied().map(scaled).collect()
    }

    fn sweep<P: Prim>(
        self,
        respond: Responder<'_, P>,
        mut values: Option<ViewMut<'_>>,
        gradients: Gradients<'_>,
    ) -> f64 {
        let [items, channels, _] = self.input.shape();
        let [height, width] = self.space;
        let inner = match self.options.border {
            EdgeBorder::Valid => height.saturating_sub(2) * width.saturating_sub(2),
            _ => height * width,
        };
        let per_point = 1.0 / (channels * inner).max(1) as f64;
        let outer = match self.options.reduction {
            Reduction::Mean => 1.0 / items.max(1) as f64,
            _ => 1.0,
        };
        let of = |gradient: &Option<Gradient<'_>>, sign: f64| match gradient {
            Some(gradient) => (
                sign * gradient.scale * per_point * outer,
                gradient.accumulate,
            ),
            None => (0.0, false),
        };
        let into = [of(&gradients.input, 1.0), of(&gradients.target, -1.0)];
        let kernels = self.kernels();
        let strips = self.strips(gradients);
        let owners: Vec<_> = strips.iter().map(|strip| strip.n).collect();
        let sums = parallel::map(strips, |strip| {
            self.strip::<P>(respond, &kernels, strip, into)
        });
        let mut totals = vec![0.0; items];
        for (n, sum) in owners.into_iter().zip(sums) {
            totals[n] += sum * per_point;
        }
        if let Some(values) = &mut values {
            for (n, total) in totals.iter().enumerate() {
                values.write_row(n, 0, 0, &[*total], false);
            }
        }
        totals.into_iter().sum::<f64>() * outer
    }

    fn strips<'g>(self, gradients: Gradients<'g>) -> Vec<Strip<'g>> {
        let [items, channels, _] = self.input.shape();
        let [height, width] = self.space;
        // A reflected row returns to the second one: it must be in the same strip.
        let len = (PIXELS / width.max(1)).max(LEAST_ROWS).min(height.max(1));
        let mut starts: Vec<_> = (0..height.max(1)).step_by(len).collect();
        if starts.len() > 1 && height - starts[starts.len() - 1] < LEAST_ROWS {
            starts.pop();
        }
        let ends: Vec<_> = starts.iter().skip(1).copied().chain([height]).collect();
        let mut parts = [gradients.input, gradients.target].map(|gradient| {
            gradient.map(|gradient| pieces(gradient.view, &starts, width).into_iter())
        });
        let mut strips = Vec::new();
        for n in 0..items {
            for c in 0..channels {
                for (start, end) in starts.iter().zip(&ends) {
                    strips.push(Strip {
                        n,
                        c,
                        start: *start,
                        end: *end,
                        gradients: parts.each_mut().map(|parts| parts.as_mut()?.next()),
                    });
                }
            }
        }
        strips
    }

    fn strip<P: Prim>(
        self,
        respond: Responder<'_, P>,
        kernels: &[Kernel],
        mut strip: Strip<'_>,
        into: [(f64, bool); 2],
    ) -> f64 {
        let [height, width] = self.space;
        if height == 0 || width == 0 {
            return 0.0;
        }
        let has_gradient = strip.gradients.iter().any(Option::is_some);
        // Rows whose slopes are needed, and the padded rows of differences for them.
        let margin = usize::from(has_gradient);
        let first = strip.start.saturating_sub(margin);
        let last = (strip.end + margin).min(height);
        let (wide, rows) = (width + 2, last - first);
        let all = kernels.len() * (rows + 2) * wide;
        let len = (rows + 2) * wide + all + 4 * wide;
        with_scratch::<P, _>(len, |memory| {
            let (differences, rest) = memory.split_at_mut((rows + 2) * wide);
            let (slopes, rest) = rest.split_at_mut(all);
            let (weight, rest) = rest.split_at_mut(wide);
            let (values, rest) = rest.split_at_mut(wide);
            let (out, folded) = rest.split_at_mut(wide);
            for (at, row) in differences.chunks_exact_mut(wide).enumerate() {
                let y = (first + at).checked_sub(1);
                self.difference(strip.n, strip.c, y, row, out);
            }
            // Row and column 0 of the slopes are padding, too: no response lies there.
            slopes.fill(P::default());
            let mut total = 0.0;
            for y in first..last {
                if self.options.border == EdgeBorder::Valid && (y == 0 || y + 1 == height) {
                    continue;
                }
                let at = (y - first) * wide;
                let weight = &mut weight[..width];
                match self.weight {
                    Some(view) => view.read_row(strip.n, strip.c, y * width, weight),
                    None => weight.fill(P::of(1.0)),
                }
                if self.options.border == EdgeBorder::Valid {
                    weight[0] = P::default();
                    weight[width - 1] = P::default();
                }
                let values = &mut values[..width];
                values.fill(P::default());
                let of_filter = slopes.chunks_exact_mut((rows + 2) * wide);
                for (kernel, slopes) in kernels.iter().zip(of_filter) {
                    respond(Row {
                        kernel,
                        differences: &differences[at..at + 3 * wide],
                        weight,
                        slopes: &mut slopes[at + wide + 1..at + wide + 1 + width],
                        values: &mut *values,
                        is_valid: self.options.border == EdgeBorder::Valid,
                    });
                }
                if (strip.start..strip.end).contains(&y) {
                    total += values
                        .chunks(PART)
                        .map(|part| dispatch(Total(part)))
                        .sum::<f64>();
                }
            }
            if has_gradient {
                let slopes = Slopes {
                    slopes,
                    first,
                    rows,
                    wide,
                };
                self.gather(kernels, &slopes, &mut strip, into, out, folded);
            }
            total
        })
    }

    /// A row of `x − t` with one column more on each side; beyond the border where `y` is.
    fn difference<P: Prim>(
        self,
        n: usize,
        c: usize,
        y: Option<usize>,
        row: &mut [P],
        target: &mut [P],
    ) {
        let [height, width] = self.space;
        let Some(y) = self.source(y, height) else {
            row.fill(P::default());
            return;
        };
        let target = &mut target[..width];
        self.input.read_row(n, c, y * width, &mut row[1..=width]);
        self.target.read_row(n, c, y * width, target);
        dispatch(Subtract {
            x: &mut row[1..=width],
            t: target,
        });
        for (to, beyond) in [(0, None), (width + 1, Some(width))] {
            row[to] = match self.source(beyond, width) {
                Some(x) => row[x + 1],
                None => P::default(),
            };
        }
    }

    /// Where the row or column `at` (before the first if none) of an axis of `len` comes from.
    fn source(self, at: Option<usize>, len: usize) -> Option<usize> {
        let is_inside = at.is_some_and(|at| at < len);
        match self.options.border {
            _ if is_inside => at,
            EdgeBorder::Zero | EdgeBorder::Valid => None,
            EdgeBorder::Replicate => Some(if at.is_none() { 0 } else { len - 1 }),
            // An axis of one pixel has no other side: `check` of the front refuses it.
            EdgeBorder::Reflect => Some(if at.is_none() { 1 } else { len.max(2) - 2 }.min(len - 1)),
        }
    }

    /// The gradient of the strip's rows.
    fn gather<P: Prim>(
        self,
        kernels: &[Kernel],
        slopes: &Slopes<'_, P>,
        strip: &mut Strip<'_>,
        into: [(f64, bool); 2],
        out: &mut [P],
        folded: &mut [P],
    ) {
        let [height, width] = self.space;
        for y in strip.start..strip.end {
            slopes.transpose(kernels, Some(y), out);
            // Rows beyond the border that are copies of this one.
            for beyond in [None, Some(height)] {
                if self.source(beyond, height) == Some(y) {
                    slopes.transpose(kernels, beyond, folded);
                    Scalar::add_slice(folded, out);
                }
            }
            for (from, beyond) in [(0, None), (width + 1, Some(width))] {
                if let Some(x) = self.source(beyond, width) {
                    out[x + 1] = P::of(out[x + 1].to_f64() + out[from].to_f64());
                }
            }
            let start = (y - strip.start) * width;
            for (gradient, (scale, accumulate)) in strip.gradients.iter_mut().zip(into) {
                if let Some(gradient) = gradient {
                    let row = &mut folded[..width];
                    dispatch(Scale {
                        from: &out[1..=width],
                        scale: P::of(scale),
                        to: row,
                    });
                    gradient.write_row(0, 0, start, row, accumulate);
                }
            }
        }
    }
}

/// Responses of a row by a penalty. All else is compiled once, not per penalty.
type Responder<'r, P> = &'r (dyn Fn(Row<'_, P>) + Sync);

fn respond<D: Difference, P: Prim>(penalty: D) -> impl Fn(Row<'_, P>) + Sync {
    move |row| dispatch(Respond { penalty, row })
}

/// Rows are summed in parts of this length.
const PART: usize = 1024;
/// Pixels of a strip: differences and slopes stay in the second-level cache.
const PIXELS: usize = 16 * 1024;
/// The least number of rows of a strip.
const LEAST_ROWS: usize = 4;

/// The rows from each start to the next, of every plane.
fn pieces<'g>(view: ViewMut<'g>, starts: &[usize], width: usize) -> Vec<ViewMut<'g>> {
    let planes = view.split(0, 1).into_iter();
    let mut pieces = Vec::new();
    for plane in planes.flat_map(|item| item.split(1, 1)) {
        let mut rest = plane;
        for pair in starts.windows(2) {
            let (piece, tail) = rest.split_at(2, (pair[1] - pair[0]) * width);
            pieces.push(piece);
            rest = tail;
        }
        pieces.push(rest);
    }
    pieces
}

/// Slopes of a strip, by filter, row and column; padded on all sides.
struct Slopes<'a, P> {
    slopes: &'a [P],
    first: usize,
    rows: usize,
    wide: usize,
}

impl<P: Prim> Slopes<'_, P> {
    /// The transposed filters at padded row `y` (−1 if none), over all padded columns.
    fn transpose(&self, kernels: &[Kernel], y: Option<usize>, out: &mut [P]) {
        out.fill(P::default());
        // The responses that read row y lie in rows y − 1, y, y + 1.
        let y = y.map_or(-1, |y| y as isize);
        for (k, kernel) in kernels.iter().enumerate() {
            for (i, coefficients) in kernel.iter().enumerate() {
                let row = y - (i as isize - 1) - self.first as isize;
                if row < 0 || row >= self.rows as isize {
                    continue;
                }
                let start = (k * (self.rows + 2) + row as usize + 1) * self.wide;
                let row = &self.slopes[start..start + self.wide];
                dispatch(Transpose {
                    coefficients: *coefficients,
                    row,
                    out,
                });
            }
        }
    }
}
