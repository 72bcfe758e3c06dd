//! A softmax over classes at each pixel, and one value per pixel.
//!
//! Two forms: a [`Term`] of the true class's probability, and perhaps of the others', for class indices; and the
//! cross-entropy with a distribution over classes, for soft or smoothed targets.

mod call;
mod each;
mod hard;
mod soft;

use crate::error::{Error, Result, check_class_weights, check_shape};
use crate::labels::Target;
use crate::math::Real;
use crate::options::{Gradient, Normalizer, Reduction};
use crate::scalar::{DType, Prim, not_float};
use crate::simd::dispatch;
use crate::view::{View, ViewMut};

use super::softmax::{Place, Row, Sink, Source};
use call::Call;
use each::Each;
pub use each::Others;
use hard::Hard;
use soft::Soft;

/// The formula of a loss on the probability of the true class.
pub trait Term: Copy + Send + Sync {
    /// Whether the other classes have a part in the value, which is [`others`](Self::others).
    const OTHERS: bool = false;

    /// The value, and `k` such that its derivative with respect to logit `c` is `k (p_c − [c = y])`, from the true
    /// class's `−ln p`, `p` and `1 − p` (each accurate on its own).
    ///
    /// Must be `#[inline(always)]` and branch-free.
    fn eval<R: Real>(&self, minus_ln_p: R, p: R, one_minus_p: R) -> (R, R);

    /// As [`eval`](Self::eval), given the true class, for a formula that depends on it.
    #[inline(always)]
    fn eval_of<R: Real>(&self, _class: R, minus_ln_p: R, p: R, one_minus_p: R) -> (R, R) {
        self.eval(minus_ln_p, p, one_minus_p)
    }

    /// What a class adds to the values of pixels that are not of it, and the derivatives of that.
    fn others<P: Prim>(&self, _class: Others<'_, P>) {}
}

/// What a site loss reads.
#[derive(Clone, Debug)]
pub struct Operands<'a> {
    /// Logits (N, C, S).
    pub input: View<'a>,
    /// Class indices (N, 1, S), or distributions (N, C, S).
    pub target: View<'a>,
    /// Multiplies value and slope, (N, 1, S); 1 where absent.
    pub weight: Option<View<'a>>,
    /// One weight per class; 1 where absent.
    pub class_weights: Option<&'a [f64]>,
    /// Pixels with this index have value 0, slope 0, and leave every denominator.
    pub ignore: Option<i64>,
}

/// What is evaluated in a tile.
pub(crate) trait Formula: Copy + Send + Sync {
    /// Whether the target may be distributions.
    const TAKES_SOFT: bool;
    /// Rows of work memory per class.
    const ROWS: usize = 1;

    /// Writes values and gradient of some pixels; returns the sum of the values.
    fn tile<P: Prim>(self, tile: Tile<'_, '_, '_, P>) -> f64;
}

/// Some pixels of an item, and where their results go.
pub(crate) struct Tile<'a, 'i, 'o, P> {
    pub(crate) input: Source<'a, 'i>,
    /// Where the tile is.
    pub(crate) place: Place,
    /// Work memory: [`Formula::ROWS`] numbers per class and pixel, of any content.
    pub(crate) memory: &'a mut [P],
    /// As above, numbers per pixel.
    pub(crate) rows: &'a mut [Row<P>; 4],
    pub(crate) target: &'a Target<'i>,
    pub(crate) class_weights: Option<&'a [f64]>,
    pub(crate) labels: &'a [P],
    /// Whether a label of a pixel that exists may be [`IGNORED`].
    pub(crate) ignores: bool,
    pub(crate) weights: &'a mut [P],
    /// Multiplies slopes.
    pub(crate) scale: P,
    pub(crate) values: &'a mut [P],
    pub(crate) gradient: Option<Sink<'a, 'o>>,
}

impl<P: Prim> Tile<'_, '_, '_, P> {
    /// Multiplies each pixel's weight by that of its class; the target must be class indices.
    pub(crate) fn weigh_by_class(&mut self) {
        if let Some(class_weights) = self.class_weights {
            for (weight, label) in self.weights.iter_mut().zip(self.labels) {
                let class = label.to_f64().max(0.0) as usize;
                *weight = P::of(weight.to_f64() * class_weights[class]);
            }
        }
    }
}

/// A term of the true class.
#[derive(Clone, Copy)]
struct OfTrueClass<T>(T);

impl<T: Term> Formula for OfTrueClass<T> {
    const TAKES_SOFT: bool = false;

    fn tile<P: Prim>(self, mut tile: Tile<'_, '_, '_, P>) -> f64 {
        tile.weigh_by_class();
        if T::OTHERS {
            return Each {
                term: self.0,
                input: tile.input,
                tile: tile.memory,
                labels: tile.labels,
                weights: tile.weights,
                scale: tile.scale,
                values: tile.values,
                gradient: tile.gradient,
            }
            .evaluate();
        }
        Hard {
            term: self.0,
            input: tile.input,
            tile: tile.memory,
            rows: tile.rows,
            labels: tile.labels,
            ignores: tile.ignores,
            weights: tile.weights,
            scale: tile.scale,
            values: tile.values,
            gradient: tile.gradient,
        }
        .evaluate()
    }
}

/// Cross-entropy with `(1 − smoothing)·target + smoothing / C`, each class times its weight.
#[derive(Clone, Copy)]
struct Smoothed {
    smoothing: f64,
}

impl Formula for Smoothed {
    const TAKES_SOFT: bool = true;

    fn tile<P: Prim>(self, tile: Tile<'_, '_, '_, P>) -> f64 {
        dispatch(Soft {
            smoothing: self.smoothing,
            input: tile.input,
            place: tile.place,
            tile: tile.memory,
            target: tile.target,
            class_weights: tile.class_weights,
            labels: tile.labels,
            ignores: tile.ignores,
            weights: tile.weights,
            scale: tile.scale,
            values: tile.values,
            gradient: tile.gradient,
        })
    }
}

/// Evaluates `term` at every pixel; the target must be class indices.
///
/// Returns the reduced value; with [`Reduction::None`] it writes one value per pixel to `values`, (N, 1, S), and
/// returns their sum. The gradient is that of the reduced value, or with [`Reduction::None`] of each pixel's own value.
pub fn evaluate<T: Term>(
    term: T,
    operands: &Operands<'_>,
    reduction: Reduction,
    normalizer: Normalizer,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    start(
        OfTrueClass(term),
        operands,
        reduction,
        normalizer,
        values,
        gradient,
    )
}

/// Evaluates cross-entropy with smoothed class indices or distributions; otherwise as [`evaluate`].
pub fn evaluate_soft(
    smoothing: f64,
    operands: &Operands<'_>,
    reduction: Reduction,
    normalizer: Normalizer,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let formula = Smoothed { smoothing };
    start(formula, operands, reduction, normalizer, values, gradient)
}

/// Evaluates a formula of whole tiles; otherwise as [`evaluate`].
pub(crate) fn start<F: Formula>(
    formula: F,
    operands: &Operands<'_>,
    reduction: Reduction,
    normalizer: Normalizer,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let kernels = Kernels {
        single: &|tile| formula.tile(tile),
        double: &|tile| formula.tile(tile),
        rows: F::ROWS,
        takes_soft: F::TAKES_SOFT,
    };
    check_and_reduce(&kernels, operands, reduction, normalizer, values, gradient)
}

/// A formula over a tile. All else is compiled once, not per formula.
type Kernel<'k, P> = &'k (dyn Fn(Tile<'_, '_, '_, P>) -> f64 + Sync);

/// A formula in either precision.
struct Kernels<'k> {
    single: Kernel<'k, f32>,
    double: Kernel<'k, f64>,
    rows: usize,
    takes_soft: bool,
}

fn check_and_reduce(
    kernels: &Kernels<'_>,
    operands: &Operands<'_>,
    reduction: Reduction,
    normalizer: Normalizer,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let shape @ [items, classes, space] = operands.input.shape();
    if let Some(weights) = operands.class_weights {
        check_class_weights(weights, classes)?;
    }
    if let Some(values) = &values {
        check_shape("values", [items, 1, space], values.shape())?;
    }
    if let Some(gradient) = &gradient {
        check_shape("gradient", shape, gradient.view.shape())?;
    }
    let (target, kept) = Target::new(&operands.target, shape, classes, operands.ignore)?;
    if let (false, Target::Soft(view)) = (kernels.takes_soft, &target) {
        return Err(Error::DType {
            argument: "target",
            expected: "u8, u32 or i64 class indices",
            got: view.dtype(),
        });
    }
    let mut call = Call {
        rows: kernels.rows,
        kept: kept as f64,
        input: operands.input.reborrow(),
        target,
        weight: match &operands.weight {
            Some(weight) => Some(weight.broadcast("weight", [items, 1, space])?),
            None => None,
        },
        class_weights: operands.class_weights,
        values,
        gradient,
    };
    if space == 1 && items > 1 {
        call = call.swap_items_and_space();
    }
    match operands.input.dtype() {
        DType::F64 => Ok(call.reduce(kernels.double, reduction, normalizer)),
        DType::F32 | DType::F16 | DType::BF16 => {
            Ok(call.reduce(kernels.single, reduction, normalizer))
        }
        got => Err(not_float(got)),
    }
}

/// The target's share of class `c` at some place, as it is or as one-hot of the labels; `buffer`'s length counts.
#[inline(always)]
pub(crate) fn target_row<'b, R: Real>(
    target: &'b Target<'_>,
    place: Place,
    c: usize,
    labels: &[R::Prim],
    buffer: &'b mut [R::Prim],
) -> &'b [R::Prim] {
    match target {
        Target::Soft(view) => Source::new(None, view, place).row(c, buffer),
        Target::Indices(..) => {
            let class = R::Prim::of(c as f64);
            for (t, label) in buffer.iter_mut().zip(labels) {
                *t = R::select(*label == class, R::one(), R::zero()).get();
            }
            buffer
        }
    }
}
