//! Total variation of images and volumes: the sum of differences between neighbours.
//!
//! A pixel owns the differences to its next neighbours along each axis. Its gradient is the slopes of those before it
//! less the slopes of its own:
//!
//! ```text
//! dL/dx_i = s_w(i − e_w) + s_h(i − e_h) + s_d(i − e_d) − s_w(i) − s_h(i) − s_d(i)
//! ```
//!
//! Rows are swept in strips, in parallel; the slopes of the row and plane before a strip are evaluated again.

#![forbid(unsafe_code)]

mod cpu;

use crate::error::{Error, Result, check_shape};
use crate::loops::sum::sum;
use crate::math::Real;
use crate::options::{Gradient, Reduction};
use crate::parallel;
use crate::scalar::{Prim, in_precision, with_scratch};
use crate::simd::{Isa, Task, dispatch};
use crate::view::{View, ViewMut};

pub use cpu::{Anisotropic, Isotropic, Squared, Variation};

/// How differences to neighbours become a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum VariationNorm {
    /// `Σ |d|`, as kornia, BasicSR, and piq's `l1`.
    #[default]
    Anisotropic,
    /// `Σ √(d_w² + d_h² + d_d²)` over pixels (Rudin, Osher and Fatemi).
    Isotropic,
    /// `Σ d²`, as piq's `l2_squared`.
    Squared,
    /// `√(Σ d²)` over the whole image, as piq's `l2`.
    Root,
}

/// What the sum over an image is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum VariationScale {
    /// Nothing, as piq and kornia's `sum`.
    Total,
    /// The sum along each axis by the number of its differences, as BasicSR and kornia's `mean`. Isotropic: by the
    /// number of pixels.
    #[default]
    Differences,
}

/// Options of [`evaluate`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How differences become a number.
    pub norm: VariationNorm,
    /// Smooths [`VariationNorm::Isotropic`] near 0.
    pub eps: f64,
    /// What the sum over an image is divided by.
    pub scale: VariationScale,
    /// How images are reduced.
    pub reduction: Reduction,
}

/// Total variation of `input`, whose space is depth × height × width; a pixel's weight is that of its own differences.
///
/// Returns the reduced value; with [`Reduction::None`] it writes one value per image and returns their sum.
pub fn evaluate(
    options: &Options,
    space: [usize; 3],
    input: &View<'_>,
    weight: Option<&View<'_>>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    options.check()?;
    let shape = input.shape();
    check_shape("input", [shape[0], shape[1], space.iter().product()], shape)?;
    if let Some(gradient) = &gradient {
        check_shape("gradient", shape, gradient.view.shape())?;
    }
    let weight = match weight {
        Some(weight) => Some(weight.broadcast("weight", shape)?),
        None => None,
    };
    let image = Image {
        space,
        input,
        weight: weight.as_ref(),
    };
    in_precision!(input.dtype(), P => image.reduce::<P>(options, values, gradient))
}

impl Options {
    pub(crate) fn check(&self) -> Result<()> {
        match self.eps >= 0.0 && self.eps.is_finite() {
            true => Ok(()),
            false => Err(Error::option(
                "eps",
                self.eps,
                "a finite number of at least 0",
            )),
        }
    }

    /// Of differences along width, height and depth.
    pub(crate) fn factors(&self, channels: usize, space: [usize; 3]) -> [f64; 3] {
        let [depth, height, width] = space;
        let pixels = channels * depth * height * width;
        let share =
            |len: usize| 1.0 / ((pixels / len.max(1)) * len.saturating_sub(1)).max(1) as f64;
        match (self.scale, self.norm) {
            (VariationScale::Total, _) => [1.0; 3],
            (_, VariationNorm::Isotropic) => [1.0 / pixels.max(1) as f64; 3],
            _ => [share(width), share(height), share(depth)],
        }
    }
}

/// What is read.
#[derive(Clone, Copy)]
struct Image<'a> {
    space: [usize; 3],
    input: &'a View<'a>,
    weight: Option<&'a View<'a>>,
}

/// A strip of rows of one plane or volume, and where its gradient goes.
struct Strip<'g> {
    n: usize,
    c: usize,
    /// In rows of the whole volume.
    start: usize,
    rows: usize,
    gradient: Option<ViewMut<'g>>,
}

impl Image<'_> {
    fn reduce<P: Prim>(
        self,
        options: &Options,
        mut values: Option<ViewMut<'_>>,
        gradient: Option<Gradient<'_>>,
    ) -> Result<f64> {
        let items = self.input.shape()[0];
        let outer = match options.reduction {
            Reduction::Mean => 1.0 / items.max(1) as f64,
            _ => 1.0,
        };
        let factors = options.factors(self.input.shape()[1], self.space);
        let isotropic = Isotropic { eps: options.eps };
        let whole = |gradient, scales: &[f64]| match options.norm {
            VariationNorm::Anisotropic => {
                self.sweep::<_, P>(Anisotropic, factors, gradient, scales)
            }
            VariationNorm::Isotropic => self.sweep::<_, P>(isotropic, factors, gradient, scales),
            _ => self.sweep::<_, P>(Squared, factors, gradient, scales),
        };
        let losses = if options.norm == VariationNorm::Root {
            let mut roots = whole(None, &[]);
            roots.iter_mut().for_each(|sum| *sum = sum.sqrt());
            if gradient.is_some() {
                // A flat image has slope 0.
                let slope = |root: &f64| match *root == 0.0 {
                    true => 0.0,
                    false => outer / (2.0 * root),
                };
                whole(gradient, &roots.iter().map(slope).collect::<Vec<_>>());
            }
            roots
        } else {
            whole(gradient, &vec![outer; items])
        };
        if let Some(values) = &mut values {
            for (n, loss) in losses.iter().enumerate() {
                values.write_row(n, 0, 0, &[*loss], false);
            }
        }
        Ok(losses.iter().sum::<f64>() * outer)
    }

    /// The value of each image; and the gradient, times a factor for each image.
    fn sweep<V: Variation, P: Prim>(
        self,
        formula: V,
        factors: [f64; 3],
        gradient: Option<Gradient<'_>>,
        scales: &[f64],
    ) -> Vec<f64> {
        let accumulate = gradient.as_ref().is_some_and(|g| g.accumulate);
        let scale = gradient.as_ref().map_or(0.0, |g| g.scale);
        let strips = self.strips(gradient.map(|g| g.view));
        let owners: Vec<_> = strips.iter().map(|strip| strip.n).collect();
        let sums = parallel::map(strips, |mut strip| {
            let item = scales.get(strip.n).map_or(0.0, |item| scale * item);
            self.strip::<V, P>(formula, factors, &mut strip, P::of(item), accumulate)
        });
        let mut totals = vec![0.0; self.input.shape()[0]];
        for (n, sum) in owners.into_iter().zip(sums) {
            totals[n] += sum;
        }
        totals
    }

    /// Cuts every plane or volume into strips of whole rows.
    fn strips(self, gradient: Option<ViewMut<'_>>) -> Vec<Strip<'_>> {
        let [items, channels, _] = self.input.shape();
        let [depth, height, width] = self.space;
        let rows = depth * height;
        let len = parallel::piece_len(rows, 1, LEAST.div_ceil(width.max(1)));
        let mut gradients = gradient.map(|gradient| {
            let planes = gradient.split(0, 1).into_iter();
            let planes = planes.flat_map(|item| item.split(1, 1));
            planes.flat_map(move |plane| plane.split(2, (len * width).max(1)))
        });
        let mut strips = Vec::new();
        for n in 0..items {
            for c in 0..channels {
                // A plane without pixels has one strip without rows, as its gradient has one piece.
                let mut start = 0;
                loop {
                    let rows_left = if width == 0 { 0 } else { rows - start };
                    strips.push(Strip {
                        n,
                        c,
                        start,
                        rows: rows_left.min(len),
                        gradient: gradients.as_mut().and_then(Iterator::next),
                    });
                    start += len;
                    if start >= rows || width == 0 {
                        break;
                    }
                }
            }
        }
        strips
    }

    fn strip<V: Variation, P: Prim>(
        self,
        formula: V,
        factors: [f64; 3],
        strip: &mut Strip<'_>,
        scale: P,
        accumulate: bool,
    ) -> f64 {
        let [_, height, width] = self.space;
        with_scratch::<P, _>(BUFFERS * width + 1, |memory| {
            let mut rows = Rows::new(memory, width);
            let mut total = 0.0;
            for row in strip.start..strip.start + strip.rows {
                let at = (strip.n, strip.c, row);
                let (z, y) = (row / height, row % height);
                // The row before: left from the last turn, except at the first.
                rows.slopes.swap(1, 3);
                if y == 0 {
                    rows.slopes[3].fill(P::default());
                } else if row == strip.start && strip.gradient.is_some() {
                    let before = (strip.n, strip.c, row - 1);
                    self.row::<V, P>(formula, factors, before, &mut rows);
                    rows.slopes.swap(1, 3);
                }
                // The plane before.
                if z > 0 && strip.gradient.is_some() {
                    let before = (strip.n, strip.c, row - height);
                    self.row::<V, P>(formula, factors, before, &mut rows);
                    rows.slopes.swap(2, 4);
                }
                total += self.row::<V, P>(formula, factors, at, &mut rows);
                if let Some(gradient) = &mut strip.gradient {
                    let has_plane_before = z > 0;
                    dispatch(Gather {
                        slopes: &rows.slopes,
                        has_plane_before,
                        scale,
                        out: rows.values,
                    });
                    let start = (row - strip.start) * width;
                    gradient.write_row(0, 0, start, rows.values, accumulate);
                }
            }
            total
        })
    }

    /// Values and slopes of one row; returns the sum of its values.
    fn row<V: Variation, P: Prim>(
        self,
        formula: V,
        factors: [f64; 3],
        (n, c, row): (usize, usize, usize),
        rows: &mut Rows<'_, P>,
    ) -> f64 {
        let [depth, height, width] = self.space;
        if width == 0 {
            return 0.0;
        }
        let (z, y) = (row / height, row % height);
        let read = |row: usize, to: &mut [P]| self.input.read_row(n, c, row * width, to);
        read(row, &mut rows.own[..width]);
        // Without a neighbour, the difference to oneself is 0.
        rows.own[width] = rows.own[width - 1];
        read(if y + 1 < height { row + 1 } else { row }, rows.below);
        let behind = if z + 1 < depth { row + height } else { row };
        read(behind, rows.behind);
        match self.weight {
            Some(weight) => weight.read_row(n, c, row * width, rows.weight),
            None => rows.weight.fill(P::of(1.0)),
        }
        let [w, h, d, _, _] = &mut rows.slopes;
        dispatch(Row {
            formula,
            factors,
            own: &rows.own[..width],
            right: &rows.own[1..],
            below: rows.below,
            behind: rows.behind,
            weight: rows.weight,
            slopes: [w, h, d],
            values: rows.values,
        })
    }
}

/// The least number of pixels worth a thread.
const LEAST: usize = 16 * 1024;
/// Rows of scratch.
const BUFFERS: usize = 10;
/// Rows are summed in parts of this length.
const PART: usize = 1024;

/// A thread's work memory.
struct Rows<'m, P> {
    /// One longer than a row.
    own: &'m mut [P],
    below: &'m mut [P],
    behind: &'m mut [P],
    weight: &'m mut [P],
    values: &'m mut [P],
    /// Along width, height and depth; along height of the row before, and along depth of the plane before.
    slopes: [&'m mut [P]; 5],
}

impl<'m, P: Prim> Rows<'m, P> {
    fn new(memory: &'m mut [P], width: usize) -> Self {
        let (own, rest) = memory.split_at_mut(width + 1);
        let (below, rest) = rest.split_at_mut(width);
        let (behind, rest) = rest.split_at_mut(width);
        let (weight, rest) = rest.split_at_mut(width);
        let (values, rest) = rest.split_at_mut(width);
        let (a, rest) = rest.split_at_mut(width);
        let (b, rest) = rest.split_at_mut(width);
        let (c, rest) = rest.split_at_mut(width);
        let (d, e) = rest.split_at_mut(width);
        Self {
            own,
            below,
            behind,
            weight,
            values,
            slopes: [a, b, c, d, e],
        }
    }
}

/// Values and slopes of a row.
struct Row<'a, V, P> {
    formula: V,
    factors: [f64; 3],
    own: &'a [P],
    right: &'a [P],
    below: &'a [P],
    behind: &'a [P],
    weight: &'a [P],
    slopes: [&'a mut [P]; 3],
    values: &'a mut [P],
}

impl<V: Variation, P: Prim> Task for Row<'_, V, P> {
    type Prim = P;
    type Output = f64;
    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        type R<P, I> = <P as Prim>::Lane<I>;
        let n = self.own.len();
        let new = R::<P, I>::new;
        let factors = self.factors.map(R::<P, I>::of);
        let (right, below, behind) = (&self.right[..n], &self.below[..n], &self.behind[..n]);
        let (weight, values) = (&self.weight[..n], &mut self.values[..n]);
        let [w, h, d] = self.slopes;
        let (w, h, d) = (&mut w[..n], &mut h[..n], &mut d[..n]);
        for i in 0..n {
            let x = new(self.own[i]);
            let differences = [new(right[i]) - x, new(below[i]) - x, new(behind[i]) - x];
            let (value, slopes) = self.formula.eval(differences, factors);
            let weight = new(weight[i]);
            values[i] = (value * weight).get();
            w[i] = (slopes[0] * weight).get();
            h[i] = (slopes[1] * weight).get();
            d[i] = (slopes[2] * weight).get();
        }
        values.chunks(PART).map(sum::<R<P, I>>).sum()
    }
}

/// A row of the gradient, from slopes.
struct Gather<'a, 'm, P> {
    slopes: &'a [&'m mut [P]; 5],
    has_plane_before: bool,
    scale: P,
    out: &'a mut [P],
}

impl<P: Prim> Task for Gather<'_, '_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        type R<P, I> = <P as Prim>::Lane<I>;
        let new = R::<P, I>::new;
        let n = self.out.len();
        let [w, h, d, above, before] = self.slopes;
        let (w, h, d, above, before) = (&w[..n], &h[..n], &d[..n], &above[..n], &before[..n]);
        let scale = new(self.scale);
        for i in 0..n {
            let own = new(w[i]) + (new(h[i]) + new(d[i]));
            self.out[i] = (new(above[i]) - own).get();
        }
        if self.has_plane_before {
            for i in 0..n {
                self.out[i] = (new(self.out[i]) + new(before[i])).get();
            }
        }
        for i in (1..n).rev() {
            self.out[i] = ((new(self.out[i]) + new(w[i - 1])) * scale).get();
        }
        if n > 0 {
            self.out[0] = (new(self.out[0]) * scale).get();
        }
    }
}
