//! One value and one slope per element, from the element, its target and an auxiliary number.

mod pieces;

use crate::error::{Error, Result};
use crate::math::{Logistic, Real};
use crate::options::{Gradient, Gradients, Normalizer, Reduction};
use crate::parallel::{self};
use crate::scalar::{DType, Prim, not_float};
use crate::view::{View, ViewMut, check_view};

use pieces::{Piece, Rows, Scales};

/// The formula of a pointwise loss.
pub trait Pointwise: Copy + Send + Sync {
    /// The value at input `x`, target `t`, auxiliary `a` (1 unless given), and its derivative with respect to `x`.
    ///
    /// Must be `#[inline(always)]` and branch-free.
    fn eval<R: Real>(&self, x: R, t: R, a: R) -> (R, R);

    /// Whether loops of their own evaluate the logistic function, for [`eval_at`](Self::eval_at): more code, in less time.
    const LOGISTIC: bool = false;

    /// As [`eval`](Self::eval), given the logistic function at `x`.
    #[inline(always)]
    fn eval_at<R: Real>(&self, _logistic: Logistic<R>, x: R, t: R, a: R) -> (R, R) {
        self.eval(x, t, a)
    }

    /// Only elements with target 1 count for [`Normalizer::Positives`], not all above 0.
    const COUNTS_PEAKS: bool = false;
}

/// The formula of a pointwise loss of the difference `d = x − t`. Its slope with respect to the target is the negative.
pub trait Difference: Copy + Send + Sync {
    /// The value at `d`, and its derivative.
    ///
    /// Must be `#[inline(always)]` and branch-free.
    fn eval<R: Real>(&self, d: R) -> (R, R);
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

/// Fails unless there is one weight of positives, or one per channel, all finite and at least 0.
pub fn check_pos_weight(weights: &[f64], channels: usize) -> Result<()> {
    if weights.len() != 1 && weights.len() != channels {
        let got = format!("{} numbers", weights.len());
        return Err(Error::option(
            "pos_weight",
            got,
            format!("1 or {channels}, one per channel"),
        ));
    }
    match weights.iter().find(|w| !(**w >= 0.0 && w.is_finite())) {
        Some(weight) => Err(Error::option(
            "pos_weight",
            weight,
            "finite numbers of at least 0",
        )),
        None => Ok(()),
    }
}

/// Weights of positives along the axis of the input's view that holds the channels: an auxiliary operand.
pub fn pos_weight_view(weights: Option<&[f64]>, channel_axis: usize) -> Result<Option<View<'_>>> {
    let Some(weights) = weights else {
        return Ok(None);
    };
    let mut shape = [1; 3];
    shape[channel_axis] = weights.len();
    View::new(weights, shape).map(Some)
}

/// Evaluates a formula over all elements.
///
/// Returns the reduced value; with [`Reduction::None`] it writes one value per element to `values` and returns their
/// sum. The gradient is that of the reduced value, or with [`Reduction::None`] the slope of each element's own value.
pub fn evaluate<F: Pointwise>(
    formula: F,
    operands: &Operands<'_>,
    reduction: Reduction,
    normalizer: Normalizer,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let gradients = Gradients {
        input: gradient,
        target: None,
    };
    evaluate_both(formula, operands, reduction, normalizer, values, gradients)
}

/// As [`evaluate`], for a formula of the difference of input and target: with gradients to either or both.
pub fn evaluate_difference<D: Difference>(
    formula: D,
    operands: &Operands<'_>,
    reduction: Reduction,
    normalizer: Normalizer,
    values: Option<ViewMut<'_>>,
    gradients: Gradients<'_>,
) -> Result<f64> {
    let formula = Minus(formula);
    evaluate_both(formula, operands, reduction, normalizer, values, gradients)
}

/// A formula of the difference, as one of input and target.
#[derive(Clone, Copy)]
struct Minus<D>(D);
impl<D: Difference> Pointwise for Minus<D> {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, _: R) -> (R, R) {
        self.0.eval(x - t)
    }
}

/// The gradient with respect to the target is that of a formula of the difference.
fn evaluate_both<F: Pointwise>(
    formula: F,
    operands: &Operands<'_>,
    reduction: Reduction,
    normalizer: Normalizer,
    values: Option<ViewMut<'_>>,
    gradients: Gradients<'_>,
) -> Result<f64> {
    let kernels = Kernels {
        single: &|rows| rows.evaluate(formula),
        double: &|rows| rows.evaluate(formula),
    };
    let by = (reduction, normalizer, F::COUNTS_PEAKS);
    check_and_reduce(kernels, operands, by, values, gradients)
}

/// A formula over the chunks of a tile. All else is compiled once, not per formula.
type Kernel<'k, P> = &'k (dyn Fn(Rows<'_, P>) + Sync);

/// A formula in either precision.
struct Kernels<'k> {
    single: Kernel<'k, f32>,
    double: Kernel<'k, f64>,
}

fn check_and_reduce(
    kernels: Kernels<'_>,
    operands: &Operands<'_>,
    by: (Reduction, Normalizer, bool),
    values: Option<ViewMut<'_>>,
    gradients: Gradients<'_>,
) -> Result<f64> {
    let shape = operands.input.shape();
    check_view("target", shape, &operands.target)?;
    if let Some(values) = &values {
        crate::error::check_shape("values", shape, values.shape())?;
    }
    for gradient in [&gradients.input, &gradients.target].into_iter().flatten() {
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
        DType::F64 => reduce(kernels.double, &wide, by, values, gradients),
        DType::F32 | DType::F16 | DType::BF16 => {
            reduce(kernels.single, &wide, by, values, gradients)
        }
        got => Err(not_float(got)),
    }
}

pub(crate) fn widen<'a>(
    argument: &'static str,
    view: &'a Option<View<'_>>,
    shape: [usize; 3],
) -> Result<Option<View<'a>>> {
    view.as_ref()
        .map(|view| view.broadcast(argument, shape))
        .transpose()
}

fn reduce<P: Prim>(
    kernel: Kernel<'_, P>,
    operands: &Operands<'_>,
    (reduction, normalizer, counts_peaks): (Reduction, Normalizer, bool),
    values: Option<ViewMut<'_>>,
    gradients: Gradients<'_>,
) -> Result<f64> {
    let denominator = match reduction {
        Reduction::None | Reduction::Sum => 1.0,
        Reduction::Mean => denominator::<P>(operands, normalizer, counts_peaks),
    };
    let factor = if denominator > 0.0 {
        1.0 / denominator
    } else {
        0.0
    };
    let gradients = gradients.scaled(factor);
    Ok(run(kernel, operands, values, gradients) * factor)
}

/// What the mean divides by; 0 if nothing counts.
fn denominator<P: Prim>(
    operands: &Operands<'_>,
    normalizer: Normalizer,
    counts_peaks: bool,
) -> f64 {
    let elements = operands.input.len() as f64;
    match normalizer {
        Normalizer::Elements if operands.ignore.is_none() => elements,
        Normalizer::Weights if operands.ignore.is_none() && operands.weight.is_none() => elements,
        Normalizer::Elements => count::<P>(Kept, &unweighted(operands)),
        Normalizer::Weights => count::<P>(Kept, operands),
        Normalizer::Positives => {
            let positive = Positive {
                peaks: counts_peaks,
            };
            count::<P>(positive, &unweighted(operands)).max(1.0)
        }
    }
}

fn count<P: Prim>(formula: impl Pointwise, operands: &Operands<'_>) -> f64 {
    let kernel = |rows: Rows<'_, P>| rows.evaluate(formula);
    run(&kernel, operands, None, Gradients::default())
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

/// Counts elements with a positive target, or with a target of 1.
#[derive(Clone, Copy)]
struct Positive {
    peaks: bool,
}
impl Pointwise for Positive {
    #[inline(always)]
    fn eval<R: Real>(&self, _: R, t: R, _: R) -> (R, R) {
        let counts = (t >= R::one()) | (!self.peaks & (t > R::zero()));
        (R::select(counts, R::one(), R::zero()), R::zero())
    }
}

/// Adds up targets.
#[derive(Clone, Copy)]
struct Share;
impl Pointwise for Share {
    #[inline(always)]
    fn eval<R: Real>(&self, _: R, t: R, _: R) -> (R, R) {
        (t, R::zero())
    }
}

/// The sums of targets and of one, each times its weight, over the elements that are not ignored.
pub(crate) fn target_and_mass(operands: &Operands<'_>) -> (f64, f64) {
    let targets = Operands {
        input: operands.target.clone(),
        auxiliary: None,
        ..operands.clone()
    };
    match operands.input.dtype() {
        DType::F64 => (count::<f64>(Share, &targets), count::<f64>(Kept, &targets)),
        _ => (count::<f32>(Share, &targets), count::<f32>(Kept, &targets)),
    }
}

/// Evaluates in parallel; returns the sum of all values.
fn run<P: Prim>(
    kernel: Kernel<'_, P>,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradients: Gradients<'_>,
) -> f64 {
    // The target's slopes alone are the input's with the other sign.
    let (gradient, target_gradient) = match (gradients.input, gradients.target) {
        (None, Some(target)) => {
            let scale = -target.scale;
            (Some(Gradient { scale, ..target }), None)
        }
        pair => pair,
    };
    let of = |gradient: &Option<Gradient<'_>>| {
        let gradient = gradient.as_ref();
        gradient.map_or((0.0, false), |g| (g.scale, g.accumulate))
    };
    let (own, other) = (of(&gradient), of(&target_gradient));
    let scales = Scales {
        scale: [own.0, -other.0],
        accumulate: [own.1, other.1],
    };
    let piece = Piece {
        operands: operands.clone(),
        values,
        gradient: gradient.map(|g| g.view),
        target_gradient: target_gradient.map(|g| g.view),
    };
    let pieces = piece.flatten().split();
    let sums = parallel::map(pieces, |piece| piece.run(kernel, scales));
    sums.into_iter().sum()
}
