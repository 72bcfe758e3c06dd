//! One value and one slope per element, from the element, its target and an auxiliary number.

use crate::error::{Error, Result};
use crate::math::Real;
use crate::options::{Gradient, Normalizer, Reduction};
use crate::parallel;
use crate::scalar::{DType, Prim};
use crate::simd::{Isa, Task, dispatch};
use crate::view::{View, ViewMut, check_view};

use super::sum::sum;

/// Elements that a formula sees at a time; the working set of a tile stays in the first-level cache.
const TILE: usize = 512;
/// The least number of elements worth a thread.
const LEAST: usize = 16 * 1024;

/// The formula of a pointwise loss.
pub trait Pointwise: Copy + Send + Sync {
    /// The value at input `x`, target `t`, auxiliary `a` (1 unless given), and its derivative with respect to `x`.
    ///
    /// Must be `#[inline(always)]` and branch-free.
    fn eval<R: Real>(&self, x: R, t: R, a: R) -> (R, R);
}

/// What a pointwise loss reads.
#[derive(Clone, Debug)]
pub struct Operands<'a> {
    /// The input, of any floating type.
    pub input: View<'a>,
    /// The target, of the input's shape and any type.
    pub target: View<'a>,
    /// The formula's auxiliary number, broadcast to the input's shape; 1 where absent.
    pub auxiliary: Option<View<'a>>,
    /// Multiplies value and slope, broadcast to the input's shape; 1 where absent.
    pub weight: Option<View<'a>>,
    /// Elements with this target have value 0, slope 0, and leave every denominator.
    pub ignore: Option<f64>,
}

/// Evaluates a formula over all elements.
///
/// Returns the reduced value; with [`Reduction::None`] it writes one value per element to `values` and returns their sum.
/// The gradient is that of the reduced value, or with [`Reduction::None`] the slope of each element's own value.
pub fn evaluate<F: Pointwise>(
    formula: F,
    operands: &Operands<'_>,
    reduction: Reduction,
    normalizer: Normalizer,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let shape = operands.input.shape();
    check_view("target", shape, &operands.target)?;
    if let Some(values) = &values {
        crate::error::check_shape("values", shape, values.shape())?;
    }
    if let Some(gradient) = &gradient {
        crate::error::check_shape("gradient", shape, gradient.view.shape())?;
    }
    let wide = Operands {
        input: operands.input.reborrow(),
        target: operands.target.reborrow(),
        auxiliary: widen("auxiliary", &operands.auxiliary, shape)?,
        weight: widen("weight", &operands.weight, shape)?,
        ignore: operands.ignore,
    };
    match operands.input.dtype() {
        DType::F64 => reduce::<F, f64>(formula, &wide, reduction, normalizer, values, gradient),
        DType::F32 | DType::F16 | DType::BF16 => {
            reduce::<F, f32>(formula, &wide, reduction, normalizer, values, gradient)
        }
        got => Err(Error::DType {
            argument: "input",
            expected: "f32, f64, f16 or bf16",
            got,
        }),
    }
}

fn widen<'a>(
    argument: &'static str,
    view: &'a Option<View<'_>>,
    shape: [usize; 3],
) -> Result<Option<View<'a>>> {
    view.as_ref()
        .map(|view| view.broadcast(argument, shape))
        .transpose()
}

fn reduce<F: Pointwise, P: Prim>(
    formula: F,
    operands: &Operands<'_>,
    reduction: Reduction,
    normalizer: Normalizer,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let denominator = match reduction {
        Reduction::None | Reduction::Sum => 1.0,
        Reduction::Mean => denominator::<P>(operands, normalizer),
    };
    let factor = if denominator > 0.0 {
        1.0 / denominator
    } else {
        0.0
    };
    let gradient = gradient.map(|gradient| Gradient {
        scale: gradient.scale * factor,
        ..gradient
    });
    Ok(run::<F, P>(formula, operands, values, gradient) * factor)
}

/// What the mean divides by; 0 if nothing counts.
fn denominator<P: Prim>(operands: &Operands<'_>, normalizer: Normalizer) -> f64 {
    let elements = operands.input.len() as f64;
    match normalizer {
        Normalizer::Elements if operands.ignore.is_none() => elements,
        Normalizer::Weights if operands.ignore.is_none() && operands.weight.is_none() => elements,
        Normalizer::Elements => run::<Kept, P>(Kept, &unweighted(operands), None, None),
        Normalizer::Weights => run::<Kept, P>(Kept, operands, None, None),
        Normalizer::Positives => {
            run::<Positive, P>(Positive, &unweighted(operands), None, None).max(1.0)
        }
    }
}

/// The operands of a count: only targets matter, so that the input is not read.
fn unweighted<'a>(operands: &Operands<'a>) -> Operands<'a> {
    Operands {
        input: operands.target.clone(),
        auxiliary: None,
        weight: None,
        ..operands.clone()
    }
}

/// Counts every element that is not ignored.
#[derive(Clone, Copy)]
struct Kept;
impl Pointwise for Kept {
    #[inline(always)]
    fn eval<R: Real>(&self, _: R, _: R, _: R) -> (R, R) {
        (R::one(), R::zero())
    }
}

/// Counts elements with a positive target.
#[derive(Clone, Copy)]
struct Positive;
impl Pointwise for Positive {
    #[inline(always)]
    fn eval<R: Real>(&self, _: R, t: R, _: R) -> (R, R) {
        (R::select(t > R::zero(), R::one(), R::zero()), R::zero())
    }
}

/// A block of elements and where their results go.
struct Piece<'i, 'v, 'g> {
    operands: Operands<'i>,
    values: Option<ViewMut<'v>>,
    gradient: Option<ViewMut<'g>>,
}

/// Evaluates in parallel; returns the sum of all values.
fn run<F: Pointwise, P: Prim>(
    formula: F,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> f64 {
    let (scale, accumulate) = gradient
        .as_ref()
        .map_or((0.0, false), |g| (g.scale, g.accumulate));
    let piece = Piece {
        operands: operands.clone(),
        values,
        gradient: gradient.map(|g| g.view),
    };
    let pieces = piece.flatten().split();
    let sums = parallel::map(pieces, |piece| {
        piece.run::<F, P>(formula, P::of(scale), accumulate)
    });
    sums.into_iter().sum()
}

impl<'i> Piece<'i, '_, '_> {
    /// One long row, if every tensor is contiguous.
    fn flatten(self) -> Self {
        let contiguous = self.operands.input.is_contiguous()
            && self.operands.target.is_contiguous()
            && self
                .operands
                .auxiliary
                .as_ref()
                .is_none_or(View::is_contiguous)
            && self
                .operands
                .weight
                .as_ref()
                .is_none_or(View::is_contiguous)
            && self.values.as_ref().is_none_or(ViewMut::is_contiguous)
            && self.gradient.as_ref().is_none_or(ViewMut::is_contiguous);
        if !contiguous {
            return self;
        }
        let Operands {
            input,
            target,
            auxiliary,
            weight,
            ignore,
        } = self.operands;
        Self {
            operands: Operands {
                input: input.flatten(),
                target: target.flatten(),
                auxiliary: auxiliary.map(View::flatten),
                weight: weight.map(View::flatten),
                ignore,
            },
            // `flatten` returns nothing only for views that are not contiguous.
            values: self.values.and_then(ViewMut::flatten),
            gradient: self.gradient.and_then(ViewMut::flatten),
        }
    }

    /// Pieces along the longest axis.
    fn split(self) -> Vec<Self> {
        let shape = self.operands.input.shape();
        let axis = (0..3).max_by_key(|axis| (shape[*axis], *axis)).unwrap_or(2);
        let len = shape[axis];
        let across = (shape.iter().product::<usize>() / len.max(1)).max(1);
        let unit = if axis == 2 { TILE } else { 1 };
        let piece = parallel::piece_len(len, unit, LEAST.div_ceil(across));
        if piece >= len {
            return vec![self];
        }
        let split = |view: Option<View<'i>>| view.map(|view| view.split(axis, piece).into_iter());
        let mut input = self.operands.input.split(axis, piece).into_iter();
        let mut target = self.operands.target.split(axis, piece).into_iter();
        let mut auxiliary = split(self.operands.auxiliary);
        let mut weight = split(self.operands.weight);
        let mut values = self.values.map(|v| v.split(axis, piece).into_iter());
        let mut gradient = self.gradient.map(|v| v.split(axis, piece).into_iter());
        let mut pieces = Vec::new();
        while let (Some(input), Some(target)) = (input.next(), target.next()) {
            pieces.push(Piece {
                operands: Operands {
                    input,
                    target,
                    auxiliary: auxiliary.as_mut().and_then(Iterator::next),
                    weight: weight.as_mut().and_then(Iterator::next),
                    ignore: self.operands.ignore,
                },
                values: values.as_mut().and_then(Iterator::next),
                gradient: gradient.as_mut().and_then(Iterator::next),
            });
        }
        pieces
    }

    /// Evaluates this piece tile by tile; returns the sum of its values.
    fn run<F: Pointwise, P: Prim>(mut self, formula: F, scale: P, accumulate: bool) -> f64 {
        let shape = self.operands.input.shape();
        let len: usize = shape.iter().product();
        let ignore = P::of(self.operands.ignore.unwrap_or(f64::NAN));
        let Operands {
            input,
            target,
            auxiliary,
            weight,
            ..
        } = &self.operands;
        let (mut xs, mut ts) = ([P::default(); TILE], [P::default(); TILE]);
        // Ones are written once: an absent operand costs a read from the first-level cache.
        let (mut auxs, mut ws) = ([P::of(1.0); TILE], [P::of(1.0); TILE]);
        let (mut vs, mut gs) = ([P::default(); TILE], [P::default(); TILE]);
        let mut total = 0.0;
        let mut position = 0;
        while position < len {
            let tile = Tile::at(shape, position, len);
            let task = Eval {
                formula,
                x: tile.read(input, &mut xs),
                t: tile.read(target, &mut ts),
                a: match auxiliary {
                    Some(view) => tile.read(view, &mut auxs),
                    None => &auxs[..tile.len],
                },
                w: match weight {
                    Some(view) => tile.read(view, &mut ws),
                    None => &ws[..tile.len],
                },
                ignore,
                scale,
                values: &mut vs[..tile.len],
            };
            match &mut self.gradient {
                None => total += dispatch(task),
                Some(view) => match tile.lend(view).filter(|_| !accumulate) {
                    Some(slopes) => total += dispatch(WithSlopes { task, slopes }),
                    None => {
                        let slopes = &mut gs[..tile.len];
                        total += dispatch(WithSlopes { task, slopes });
                        tile.write(view, &gs, accumulate);
                    }
                },
            }
            if let Some(values) = &mut self.values {
                tile.write(values, &vs, false);
            }
            position += tile.len;
        }
        total
    }
}

/// Consecutive elements in (N, C, S) order.
#[derive(Clone, Copy)]
struct Tile {
    shape: [usize; 3],
    start: usize,
    len: usize,
}

/// The part of a tile in one row: row (n, c), where in the row, where in the tile, how many elements.
struct Segment {
    n: usize,
    c: usize,
    start: usize,
    at: usize,
    len: usize,
}

impl Tile {
    /// The tile that begins at `start` of `total` elements.
    fn at(shape: [usize; 3], start: usize, total: usize) -> Self {
        let len = (total - start).min(TILE);
        Self { shape, start, len }
    }

    fn segments(self) -> impl Iterator<Item = Segment> {
        let [_, channels, space] = self.shape;
        let mut at = 0;
        std::iter::from_fn(move || {
            if at == self.len {
                return None;
            }
            let (row, start) = ((self.start + at) / space, (self.start + at) % space);
            let len = (space - start).min(self.len - at);
            let segment = Segment {
                n: row / channels,
                c: row % channels,
                start,
                at,
                len,
            };
            at += len;
            Some(segment)
        })
    }

    /// The only segment, if the tile lies in one row.
    fn whole(self) -> Option<Segment> {
        self.segments().next().filter(|s| s.len == self.len)
    }

    /// This tile's elements, lent or copied into `buffer`.
    fn read<'b, P: Prim>(self, view: &'b View<'_>, buffer: &'b mut [P]) -> &'b [P] {
        if let Some(s) = self.whole()
            && let Some(row) = view.row(s.n, s.c, s.start, s.len)
        {
            return row;
        }
        for s in self.segments() {
            view.read_row(s.n, s.c, s.start, &mut buffer[s.at..s.at + s.len]);
        }
        &buffer[..self.len]
    }

    /// This tile's memory, where a formula may write it directly.
    fn lend<'b, P: Prim>(self, view: &'b mut ViewMut<'_>) -> Option<&'b mut [P]> {
        let s = self.whole()?;
        view.row(s.n, s.c, s.start, s.len)
    }

    fn write<P: Prim>(self, view: &mut ViewMut<'_>, buffer: &[P], accumulate: bool) {
        for s in self.segments() {
            let row = &buffer[s.at..s.at + s.len];
            view.write_row(s.n, s.c, s.start, row, accumulate);
        }
    }
}

/// Values of a tile.
struct Eval<'a, F, P> {
    formula: F,
    x: &'a [P],
    t: &'a [P],
    a: &'a [P],
    w: &'a [P],
    ignore: P,
    scale: P,
    values: &'a mut [P],
}

/// Values and slopes of a tile.
struct WithSlopes<'a, F, P> {
    task: Eval<'a, F, P>,
    slopes: &'a mut [P],
}

impl<F: Pointwise, P: Prim> Eval<'_, F, P> {
    #[inline(always)]
    fn each<R: Real<Prim = P>>(&mut self, mut slope: impl FnMut(usize, R)) -> f64 {
        let n = self.values.len();
        let (x, t, a, w) = (&self.x[..n], &self.t[..n], &self.a[..n], &self.w[..n]);
        let (ignore, scale) = (R::new(self.ignore), R::new(self.scale));
        for i in 0..n {
            let t = R::new(t[i]);
            let w = R::new(w[i]);
            let keep = t != ignore;
            let (v, s) = self.formula.eval(R::new(x[i]), t, R::new(a[i]));
            self.values[i] = R::select(keep, v * w, R::zero()).get();
            slope(i, R::select(keep, s * (w * scale), R::zero()));
        }
        sum::<R>(self.values)
    }
}

impl<F: Pointwise, P: Prim> Task for Eval<'_, F, P> {
    type Output = f64;
    #[inline(always)]
    fn run<I: Isa>(mut self) -> f64 {
        self.each::<P::Lane<I>>(|_, _| ())
    }
}

impl<F: Pointwise, P: Prim> Task for WithSlopes<'_, F, P> {
    type Output = f64;
    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        let Self { mut task, slopes } = self;
        let slopes = &mut slopes[..task.values.len()];
        task.each::<P::Lane<I>>(|i, slope| slopes[i] = slope.get())
    }
}
