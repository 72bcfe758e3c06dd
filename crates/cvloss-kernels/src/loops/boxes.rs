//! One value per pair of boxes, and its slopes with respect to both: `D` numbers each.

mod rows;
mod tile;

use crate::error::{Error, Result, check_shape};
use crate::math::Real;
use crate::options::{Gradient, Reduction};
use crate::parallel::{self, parts};
use crate::scalar::{DType, Prim, not_float};
use crate::simd::dispatch;
use crate::view::{View, ViewMut, check_view};

use rows::{Rows, RowsMut};
use tile::{Collect, Spread, TILE, Tile};

/// The least number of pairs worth a thread.
const LEAST: usize = 2048;

/// The formula of a loss of two boxes of `D` numbers.
pub trait Pair<const D: usize>: Copy + Send + Sync {
    /// The value, and its slopes with respect to `a` and to `b`.
    ///
    /// Must be `#[inline(always)]` and branch-free.
    fn eval<R: Real>(&self, a: [R; D], b: [R; D]) -> (R, [[R; D]; 2]);
}

/// The formula of a loss of two boxes and of what a [`Pair`] makes of them.
pub(crate) trait Over<const D: usize>: Copy + Send + Sync {
    /// As [`Pair::eval`], given the other's value and slopes.
    fn eval<R: Real>(
        &self,
        a: [R; D],
        b: [R; D],
        under: R,
        of_under: [[R; D]; 2],
    ) -> (R, [[R; D]; 2]);
}

/// What a loss of boxes reads.
#[derive(Clone, Debug)]
pub struct Operands<'a> {
    /// Boxes (N, 1, D), of any floating type.
    pub input: View<'a>,
    /// Boxes of the same shape.
    pub target: View<'a>,
    /// Multiplies each pair's value and slopes, (N, 1, 1); 1 where absent.
    pub weight: Option<View<'a>>,
}

/// What the mean over items (pairs of boxes, points) divides by. 0 gives value 0 and gradient 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Denominator {
    /// The number of items: torchvision.
    #[default]
    Items,
    /// The sum of the weights.
    Weights,
    /// A given number, as mmdetection's `avg_factor`: positives of all processes, or the sum of their scores.
    AvgFactor(f64),
}

/// Where the gradients with respect to the first and the second boxes go.
#[derive(Debug, Default)]
pub struct Gradients<'a> {
    /// With respect to the input.
    pub input: Option<Gradient<'a>>,
    /// With respect to the target.
    pub target: Option<Gradient<'a>>,
}

/// Evaluates a formula over all pairs.
///
/// Returns the reduced value; with [`Reduction::None`] it writes one value per pair to `values`, (N, 1, 1), and returns
/// their sum.
pub fn evaluate<const D: usize, F: Pair<D>>(
    formula: F,
    operands: &Operands<'_>,
    denominator: Denominator,
    reduction: Reduction,
    values: Option<ViewMut<'_>>,
    gradients: Gradients<'_>,
) -> Result<f64> {
    let kernels = Kernels {
        single: &|tile, both| tile.evaluate(formula, both),
        double: &|tile, both| tile.evaluate(formula, both),
    };
    let by = (denominator, reduction);
    check_and_reduce(kernels, operands, by, values, gradients)
}

/// Evaluates `formula` over `under`; otherwise as [`evaluate`].
pub(crate) fn evaluate_over<const D: usize, U: Pair<D>, F: Over<D>>(
    under: U,
    formula: F,
    operands: &Operands<'_>,
    by: (Denominator, Reduction),
    values: Option<ViewMut<'_>>,
    gradients: Gradients<'_>,
) -> Result<f64> {
    let kernels = Kernels {
        single: &|tile, _| tile.evaluate_over(under, formula),
        double: &|tile, _| tile.evaluate_over(under, formula),
    };
    check_and_reduce(kernels, operands, by, values, gradients)
}

/// A formula over a tile, with slopes to the second boxes too if so told. All else is compiled once, not per formula.
type Kernel<'k, P, const D: usize> = &'k (dyn Fn(&mut Tile<P, D>, bool) + Sync);

/// A formula in either precision.
struct Kernels<'k, const D: usize> {
    single: Kernel<'k, f32, D>,
    double: Kernel<'k, f64, D>,
}

fn check_and_reduce<const D: usize>(
    kernels: Kernels<'_, D>,
    operands: &Operands<'_>,
    (denominator, reduction): (Denominator, Reduction),
    values: Option<ViewMut<'_>>,
    gradients: Gradients<'_>,
) -> Result<f64> {
    let shape = operands.input.shape();
    let pairs = shape[0];
    check_shape("input", [pairs, 1, D], shape)?;
    check_view("target", shape, &operands.target)?;
    if let Some(weight) = &operands.weight {
        check_view("weight", [pairs, 1, 1], weight)?;
    }
    if let Some(values) = &values {
        check_shape("values", [pairs, 1, 1], values.shape())?;
    }
    for gradient in [&gradients.input, &gradients.target].into_iter().flatten() {
        check_shape("gradient", shape, gradient.view.shape())?;
    }
    let factor = denominator.factor(reduction, pairs, operands.weight.as_ref())?;
    match operands.input.dtype() {
        DType::F64 => Ok(reduce(kernels.double, operands, factor, values, gradients)),
        DType::F32 | DType::F16 | DType::BF16 => {
            Ok(reduce(kernels.single, operands, factor, values, gradients))
        }
        got => Err(not_float(got)),
    }
}

impl Denominator {
    /// Fails if a given number is none to divide by.
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::AvgFactor(factor) if !(factor > 0.0 && factor.is_finite()) => Err(Error::option(
                "avg_factor",
                factor,
                "a finite number above 0",
            )),
            _ => Ok(()),
        }
    }

    /// What multiplies the sum over items of these weights.
    pub(crate) fn factor(
        self,
        reduction: Reduction,
        items: usize,
        weight: Option<&View<'_>>,
    ) -> Result<f64> {
        self.check()?;
        let denominator = match (reduction, self, weight) {
            (Reduction::None | Reduction::Sum, ..) => 1.0,
            (Reduction::Mean, Self::AvgFactor(factor), _) => factor,
            (Reduction::Mean, Self::Weights, Some(weight)) => total(weight),
            (Reduction::Mean, ..) => items as f64,
        };
        // NaN must stay NaN.
        Ok(match denominator {
            0.0 => 0.0,
            denominator => 1.0 / denominator,
        })
    }
}

/// The sum of all elements.
fn total(view: &View<'_>) -> f64 {
    let [items, channels, space] = view.shape();
    let mut block = [0.0; TILE];
    let mut sum = 0.0;
    for row in 0..items * channels {
        for start in (0..space).step_by(TILE) {
            let block = &mut block[..TILE.min(space - start)];
            view.read_row(row / channels, row % channels, start, block);
            sum += block.iter().sum::<f64>();
        }
    }
    sum
}

fn reduce<'g, const D: usize, P: Prim>(
    kernel: Kernel<'_, P, D>,
    operands: &Operands<'_>,
    factor: f64,
    values: Option<ViewMut<'_>>,
    gradients: Gradients<'g>,
) -> f64 {
    let pairs = operands.input.shape()[0];
    let len = parallel::piece_len(pairs, TILE, LEAST);
    let mut input = Rows::new(operands.input.reborrow(), D).split(len);
    let mut target = Rows::new(operands.target.reborrow(), D).split(len);
    let weight = operands.weight.as_ref().map(View::reborrow);
    let mut weight = parts(weight.map(|view| Rows::new(view, 1).split(len).collect()));
    let mut values = parts(values.map(|view| RowsMut::new(view, 1).split(len)));
    let slopes = |gradient: Option<Gradient<'g>>| {
        parts(gradient.map(|gradient| {
            let scale = P::of(gradient.scale * factor);
            let slopes = |rows| Slopes {
                rows,
                scale,
                accumulate: gradient.accumulate,
            };
            let rows = RowsMut::new(gradient.view, D).split(len);
            rows.into_iter().map(slopes).collect()
        }))
    };
    let (mut first, mut second) = (slopes(gradients.input), slopes(gradients.target));
    let mut pieces = Vec::new();
    while let (Some(input), Some(target)) = (input.next(), target.next()) {
        pieces.push(Piece {
            input,
            target,
            weight: weight.next(),
            values: values.next(),
            first: first.next(),
            second: second.next(),
        });
    }
    let sums = parallel::map(pieces, |piece| piece.run::<D>(kernel));
    sums.into_iter().sum::<f64>() * factor
}

/// Where a gradient of a piece goes.
struct Slopes<'a, P> {
    rows: RowsMut<'a>,
    scale: P,
    accumulate: bool,
}

impl<P: Prim> Slopes<'_, P> {
    /// Memory for a tile's slopes: the gradient's own, or `buffer`.
    fn lend<'b>(&'b mut self, start: usize, len: usize, buffer: &'b mut [P]) -> &'b mut [P] {
        let width = self.rows.width;
        let direct = match self.accumulate {
            true => None,
            false => self.rows.lend(start, len),
        };
        direct.unwrap_or(&mut buffer[..len * width])
    }

    /// Stores what `lend` lent from the buffer.
    fn store(&mut self, start: usize, len: usize, buffer: &[P]) {
        if self.accumulate || self.rows.lend::<P>(start, len).is_none() {
            let numbers = &buffer[..len * self.rows.width];
            self.rows.write(start, numbers, self.accumulate);
        }
    }
}

/// Some of the pairs, and where their results go.
struct Piece<'i, 'v, 'g, P> {
    input: Rows<'i>,
    target: Rows<'i>,
    weight: Option<Rows<'i>>,
    values: Option<RowsMut<'v>>,
    first: Option<Slopes<'g, P>>,
    second: Option<Slopes<'g, P>>,
}

impl<P: Prim> Piece<'_, '_, '_, P> {
    /// Evaluates tile by tile; returns the sum of the values.
    fn run<const D: usize>(mut self, kernel: Kernel<'_, P, D>) -> f64 {
        let pairs = self.input.pairs();
        let zero = P::default();
        // Boxes as they lie in memory, where they cannot be read or written in place.
        let mut rows = [[[zero; D]; TILE]; 4];
        let mut tile = Tile::new();
        let slopes = [&self.first, &self.second];
        tile.scales = slopes.map(|slopes| slopes.as_ref().map_or(zero, |slopes| slopes.scale));
        let mut total = 0.0;
        for start in (0..pairs).step_by(TILE) {
            let len = TILE.min(pairs - start);
            let [a, b, first, second] = &mut rows;
            if let Some(weight) = &self.weight {
                let weights = weight.read(start, len, a.as_flattened_mut());
                tile.weights[..len].copy_from_slice(weights);
            }
            dispatch(Spread {
                rows: [
                    self.input.read(start, len, a.as_flattened_mut()),
                    self.target.read(start, len, b.as_flattened_mut()),
                ],
                tile: &mut tile,
            });
            kernel(&mut tile, self.second.is_some());
            let (first, second) = (first.as_flattened_mut(), second.as_flattened_mut());
            total += dispatch(Collect {
                tile: &tile,
                len,
                rows: [
                    self.first.as_mut().map(|to| to.lend(start, len, first)),
                    self.second.as_mut().map(|to| to.lend(start, len, second)),
                ],
            });
            for (to, buffer) in [(&mut self.first, first), (&mut self.second, second)] {
                if let Some(to) = to {
                    to.store(start, len, buffer);
                }
            }
            if let Some(values) = &mut self.values {
                values.write(start, &tile.values[..len], false);
            }
        }
        total
    }
}
