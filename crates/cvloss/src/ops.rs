//! Formulas composed of candle operations: stable, on the tape, and around candle 0.11's wrong gradients.
//!
//! All tensors here are `f32` or `f64`.

use candle_core::{DType, Result, Tensor};
use cvloss_kernels::{Normalizer, Reduction};

/// `softplus(x) = ln(1 + e^x)` as a log-sum-exp: candle's gradients of `abs` and `relu` at 0 are one-sided.
pub(crate) fn softplus(x: &Tensor) -> Result<Tensor> {
    let shift = x.relu()?.detach();
    let sum = ((x - &shift)?.exp()? + shift.neg()?.exp()?)?;
    sum.log()? + shift
}

/// `σ(x) = e^(−softplus(−x))`.
pub(crate) fn sigmoid(x: &Tensor) -> Result<Tensor> {
    softplus(&x.neg()?)?.neg()?.exp()
}

/// The sign of `x`: 0 at 0, NaN at NaN.
pub(crate) fn sign(x: &Tensor) -> Result<Tensor> {
    let (above, below) = (x.gt(0.0)?, x.lt(0.0)?);
    let sign = (above.to_dtype(x.dtype())? - below.to_dtype(x.dtype())?)?;
    x.eq(x)?.where_cond(&sign, &x.detach())
}

/// `|x|`, with gradient 0 at 0, where candle's is 1.
pub(crate) fn abs(x: &Tensor) -> Result<Tensor> {
    x * sign(x)?
}

/// `min(x, ceiling)`, NaN kept; candle's gradient is shared where both are equal.
pub(crate) fn at_most(x: &Tensor, ceiling: f64) -> Result<Tensor> {
    let limit = x.ones_like()?.affine(ceiling, 0.0)?;
    x.gt(ceiling)?.where_cond(&limit, x)
}

/// `√x`, with gradient 0 at 0, where candle's is NaN.
pub(crate) fn root(x: &Tensor) -> Result<Tensor> {
    let is_zero = x.eq(0.0)?;
    let safe = is_zero.where_cond(&x.ones_like()?, x)?;
    is_zero.where_cond(&x.zeros_like()?, &safe.sqrt()?)
}

/// `ln x` for `x ≥ 0`, −∞ at 0 with gradient 0.
pub(crate) fn log_or_infinity(x: &Tensor) -> Result<Tensor> {
    let is_zero = x.eq(0.0)?;
    let safe = is_zero.where_cond(&x.ones_like()?, x)?;
    let infinity = x.ones_like()?.affine(f64::NEG_INFINITY, 0.0)?;
    is_zero.where_cond(&infinity, &safe.log()?)
}

/// Over axis 1.
pub(crate) fn log_softmax(x: &Tensor) -> Result<Tensor> {
    let shifted = x.broadcast_sub(&x.max_keepdim(1)?.detach())?;
    let sum = shifted.exp()?.sum_keepdim(1)?;
    shifted.broadcast_sub(&sum.log()?)
}

/// `x^γ` for `x ≥ 0`, with gradient 0 at 0, where candle's is infinite or NaN.
pub(crate) fn power(x: &Tensor, gamma: f64) -> Result<Tensor> {
    if gamma == 0.0 {
        return x.ones_like();
    }
    let is_zero = x.le(1e-37)?;
    let safe = is_zero.where_cond(&x.ones_like()?, x)?;
    is_zero.where_cond(&x.zeros_like()?, &(safe.log()? * gamma)?.exp()?)
}

/// Class indices (N, 1, *) as one-hot (N, C, *) and a mask of the points that count (N, 1, *).
///
/// An index outside the classes makes the mask NaN, and with it the loss: a device does not report it otherwise.
pub(crate) fn one_hot(
    target: &Tensor,
    classes: usize,
    ignore: Option<i64>,
    dtype: DType,
) -> Result<(Tensor, Tensor)> {
    let labels = target.to_dtype(DType::I64)?;
    let mut shape = vec![1; target.rank()];
    shape[1] = classes;
    // One channel is foreground (1) against background (0).
    let numbers = match classes {
        1 => Tensor::ones(1, DType::I64, target.device())?,
        _ => Tensor::arange(0i64, classes as i64, target.device())?,
    };
    let hot = labels
        .broadcast_eq(&numbers.reshape(shape)?)?
        .to_dtype(dtype)?;
    let mask = match ignore {
        Some(ignore) => labels.ne(ignore)?.to_dtype(dtype)?,
        None => labels.ones_like()?.to_dtype(dtype)?,
    };
    let too_small = labels.lt(0i64)?;
    let too_large = labels.ge(classes.max(2) as i64)?;
    let outside = (too_small.to_dtype(dtype)? + too_large.to_dtype(dtype)?)?.mul(&mask)?;
    let nan = (mask.ones_like()? * f64::NAN)?;
    let mask = outside.gt(0.0)?.where_cond(&nan, &mask)?;
    // An ignored class takes no part in any sum.
    Ok((hot.broadcast_mul(&mask)?, mask))
}

/// One number per class, along axis 1 of a tensor of rank `rank`.
pub(crate) fn per_class(numbers: &[f64], like: &Tensor) -> Result<Tensor> {
    let mut shape = vec![1; like.rank()];
    shape[1] = numbers.len();
    Tensor::new(numbers, like.device())?
        .to_dtype(like.dtype())?
        .reshape(shape)
}

/// Points that count, where a target equals what is to be ignored.
pub(crate) fn keep_mask(target: &Tensor, ignore: Option<f64>, dtype: DType) -> Result<Tensor> {
    let target = target.to_dtype(dtype)?;
    match ignore {
        None => target.ones_like(),
        Some(ignore) => target.ne(ignore)?.to_dtype(dtype),
    }
}

/// The sum of all elements, axis by axis: one long sum of candle's drifts in `f32`.
pub(crate) fn total(x: &Tensor) -> Result<Tensor> {
    let mut sum = x.clone();
    while sum.rank() > 0 {
        sum = sum.sum(sum.rank() - 1)?;
    }
    Ok(sum)
}

/// Reduces `values`, 0 where ignored, of points with `mask` 0 or 1, `weights` and `positives`.
pub(crate) fn reduce(
    values: &Tensor,
    reduction: Reduction,
    normalizer: Normalizer,
    mask: &Tensor,
    weights: &Tensor,
    positives: &Tensor,
) -> Result<Tensor> {
    match reduction {
        Reduction::None => Ok(values.clone()),
        Reduction::Sum => total(values),
        Reduction::Mean => {
            let denominator = match normalizer {
                Normalizer::Elements => total(mask)?,
                Normalizer::Weights => total(weights)?,
                Normalizer::Positives => total(positives)?.maximum(1.0)?,
            };
            // Nothing counts: the sum is 0, and so is the mean.
            total(values)? / denominator.maximum(1e-37)?
        }
    }
}

/// The angle of the point (`x`, `y`) for `x ≥ 0`, in `[−π/2, π/2]`; 0 at the origin. candle has no arc tangent.
pub(crate) fn atan2_right(y: &Tensor, x: &Tensor) -> Result<Tensor> {
    /// Of `(atan z − z)/z³` in `z²`, for `z` up to tan π/8.
    const SERIES: [f64; 12] = [
        -0.333_333_333_333_333_332,
        0.199_999_999_999_998_045,
        -0.142_857_142_856_598_276,
        0.111_111_111_051_554_466,
        -0.090_909_087_535_008_768_4,
        0.076_922_963_750_321_424,
        -0.066_664_248_857_382_553_3,
        0.058_789_289_978_347_751_3,
        -0.052_304_542_706_502_445_2,
        0.045_515_932_206_265_491_7,
        -0.034_570_561_981_427_746_9,
        0.016_285_756_855_221_027_8,
    ];
    let is_negative = y.lt(0.0)?;
    let y = is_negative.where_cond(&y.neg()?, y)?;
    let is_steep = y.gt(x)?;
    let (small, large) = (is_steep.where_cond(x, &y)?, is_steep.where_cond(&y, x)?);
    let is_diagonal = small.gt(&(&large * 0.414_213_562_373_095_05)?)?;
    let numerator = is_diagonal.where_cond(&(&small - &large)?, &small)?;
    let denominator = is_diagonal.where_cond(&(&small + &large)?, &large)?;
    let is_origin = large.eq(0.0)?;
    let z = (numerator / is_origin.where_cond(&large.ones_like()?, &denominator)?)?;
    let square = z.sqr()?;
    let mut series = (square.zeros_like()? + SERIES[SERIES.len() - 1])?;
    for coefficient in SERIES.iter().rev().skip(1) {
        series = ((series * &square)? + *coefficient)?;
    }
    let angle = (((series * &square)? * &z)? + z)?;
    let turned = (&angle + std::f64::consts::FRAC_PI_4)?;
    let angle = is_diagonal.where_cond(&turned, &angle)?;
    let turned = angle.affine(-1.0, std::f64::consts::FRAC_PI_2)?;
    let angle = is_steep.where_cond(&turned, &angle)?;
    is_negative.where_cond(&angle.neg()?, &angle)
}
