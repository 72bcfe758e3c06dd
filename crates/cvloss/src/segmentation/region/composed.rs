//! Region losses composed of candle operations.

use candle_core::{Result, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::region::{
    Absent, Activation, Average, ClassAverage, Classes, Extra, Intersection, Options, Pooling,
    Ratio, Score, Smooth, Transform, VolumeWeight,
};

use super::super::cross_entropy::class_target;
use crate::loss::Inputs;
use crate::ops;

/// The loss composed of candle operations.
pub(in crate::segmentation) fn compose(
    options: &Options,
    ignore: Option<i64>,
    inputs: &Inputs<'_>,
) -> Result<Tensor> {
    let x = inputs.input;
    let (t, mask) = class_target(x, inputs.target, ignore)?;
    let p = match options.activation {
        Activation::Softmax => ops::log_softmax(x)?.exp()?,
        Activation::Sigmoid => ops::sigmoid(x)?,
        Activation::Identity => x.clone(),
    };
    let weight = match inputs.weight {
        Some(weight) => (weight * &mask)?,
        None => mask.clone(),
    };
    // Per item and class, over all that comes after axis 1; then over the batch, if pooled.
    let sum = |values: &Tensor| -> Result<Tensor> {
        let sums = values.flatten_from(2)?.sum(2)?;
        match options.pooling {
            Pooling::Image => Ok(sums),
            Pooling::Batch => sums.sum_keepdim(0),
        }
    };
    let flat = |values: &Tensor| match values.rank() {
        2 => values.unsqueeze(2),
        _ => Ok(values.clone()),
    };
    let (x, p, t, mask, weight) = (flat(x)?, flat(&p)?, flat(&t)?, flat(&mask)?, flat(&weight)?);
    let squared = |values: &Tensor| {
        if options.squared {
            values.sqr()
        } else {
            Ok(values.clone())
        }
    };
    let overlap = match options.intersection {
        Intersection::Product => (&p * &t)?,
        // min(p, t), whose gradient is halved in a tie by candle too.
        Intersection::Minimum => p.minimum(&t)?,
    };
    let sums = Sums {
        i: sum(&overlap.broadcast_mul(&weight)?)?,
        p: sum(&squared(&p)?.broadcast_mul(&weight)?)?,
        t: sum(&squared(&t)?.broadcast_mul(&weight)?)?.detach(),
        mass: sum(&weight)?,
    };
    let region = (sums.region_loss(options)? * options.weight)?;
    let region = match options.reduction {
        Reduction::Mean => region.mean_all()?,
        Reduction::None | Reduction::Sum => region,
    };
    let values = match extra_loss(options, inputs, &x, &t, &mask, &weight, &sum)? {
        Some(extra) => (region + extra)?,
        None => region,
    };
    match (options.reduction, options.pooling) {
        (Reduction::None, Pooling::Image) => Ok(values),
        _ => values.sum_all(),
    }
}

/// Region sums (items, classes).
struct Sums {
    i: Tensor,
    p: Tensor,
    t: Tensor,
    /// The weight of all points (items, 1).
    mass: Tensor,
}

/// 1 for classes that count.
pub(in crate::segmentation) fn included(chosen: &Classes, like: &Tensor) -> Result<Tensor> {
    let classes = like.dim(1)?;
    let include = |class| match chosen {
        Classes::All => true,
        Classes::Foreground => class > 0 || classes == 1,
        Classes::Listed(list) => list.contains(&class),
    };
    let included: Vec<_> = (0..classes)
        .map(|class| f64::from(u8::from(include(class))))
        .collect();
    ops::per_class(&included, like)
}

impl Sums {
    /// One loss per item.
    fn region_loss(&self, options: &Options) -> Result<Tensor> {
        let classes = self.t.dim(1)?;
        let class_weights = self.class_weights(options, classes)?;
        let losses = match options.average {
            Average::Macro => {
                let losses = self.losses(options)?;
                let is_present = self.t.gt(0.0)?.to_dtype(self.t.dtype())?;
                let included =
                    included(&options.classes, &self.t)?.broadcast_as(is_present.shape())?;
                let counted = match options.absent {
                    Absent::Skip => (&included * &is_present)?,
                    Absent::Count | Absent::Zero => included.clone(),
                };
                let valued = match options.absent {
                    Absent::Count => included,
                    Absent::Skip | Absent::Zero => (included * is_present)?,
                };
                let weighted = (losses * valued)?.broadcast_mul(&class_weights)?.sum(1)?;
                let denominator = match options.class_average {
                    ClassAverage::Count => counted.sum(1)?,
                    ClassAverage::Weights => counted.broadcast_mul(&class_weights)?.sum(1)?,
                };
                (weighted / denominator.maximum(1e-37)?)?
            }
            Average::Micro | Average::Generalized(_) => {
                let weights = self
                    .volume_weights(options)?
                    .broadcast_mul(&class_weights)?;
                let weights = weights.broadcast_mul(&included(&options.classes, &self.t)?)?;
                let total = |values: &Tensor| (values * &weights)?.sum_keepdim(1);
                let pooled = Sums {
                    i: total(&self.i)?,
                    p: total(&self.p)?,
                    t: total(&self.t)?,
                    mass: self.mass.broadcast_mul(&weights.sum_keepdim(1)?)?,
                };
                let losses = pooled.losses(options)?;
                let losses = match options.absent {
                    Absent::Count => losses,
                    _ => (losses * pooled.t.gt(0.0)?.to_dtype(pooled.t.dtype())?)?,
                };
                losses.squeeze(1)?
            }
        };
        match options.power {
            1.0 => Ok(losses),
            power => ops::power(&losses, power),
        }
    }

    /// One loss per item and class.
    fn losses(&self, options: &Options) -> Result<Tensor> {
        let score = self.scores(options)?;
        let losses = transformed(&score, options.transform)?;
        let (Some(background), Average::Macro) = (options.background, options.average) else {
            return Ok(losses);
        };
        let first = transformed(&score.narrow(1, 0, 1)?, background)?;
        let rest = losses.narrow(1, 1, losses.dim(1)? - 1)?;
        Tensor::cat(&[first, rest], 1)
    }

    /// One score per item and class.
    fn scores(&self, options: &Options) -> Result<Tensor> {
        let smooth = options.smooth;
        let (i, p, t) = (&self.i, &self.p, &self.t);
        let counts = match options.score {
            Score::Ratio(ratio) => return quotient(ratio, smooth, i, p, t),
            Score::Matthews { counts } => Some(counts),
            Score::BothSides => None,
        };
        let w = self.mass.broadcast_as(t.shape())?;
        let Some(counts) = counts else {
            let Score::Ratio(dice) = Score::DICE else {
                return t.zeros_like();
            };
            let (p_outside, t_outside) = ((&w - p)?, (&w - t)?);
            let i_outside = ((&p_outside - t)? + i)?;
            let inner = quotient(dice, smooth, i, p, t)?;
            let outer = quotient(dice, smooth, &i_outside, &p_outside, &t_outside)?;
            return (inner + outer)? * 0.5;
        };
        let is_perfect = (i.eq(p)?.to_dtype(t.dtype())? * i.eq(t)?.to_dtype(t.dtype())?)?;
        let (i, w) = ((i + counts)?, (w + 4.0 * counts)?);
        let (p, t) = ((p + 2.0 * counts)?, (t + 2.0 * counts)?);
        let square = (((&p * &t)? * ((&w - &p)? * (&w - &t)?)?)? + smooth.denominator)?;
        let is_positive = square.gt(0.0)?;
        let one = square.ones_like()?;
        let root = is_positive.where_cond(&square, &one)?.sqrt()?;
        let covariance = (((i * w)? - (p * t)?)? + smooth.numerator)?;
        let score = is_positive.where_cond(&(covariance / root)?, &one.zeros_like()?)?;
        // A NaN is neither.
        let score = square.ne(&square)?.where_cond(&square, &score)?;
        is_perfect.gt(0.0)?.where_cond(&one, &score)
    }

    fn class_weights(&self, options: &Options, classes: usize) -> Result<Tensor> {
        let ones = vec![1.0; classes];
        ops::per_class(options.class_weights.as_deref().unwrap_or(&ones), &self.t)
    }

    /// The weights of generalized Dice; 1 without it.
    fn volume_weights(&self, options: &Options) -> Result<Tensor> {
        let inverse = match options.average {
            Average::Generalized(VolumeWeight::Square) => self.t.sqr()?.recip()?,
            Average::Generalized(VolumeWeight::Simple) => self.t.recip()?,
            _ => return self.t.ones_like(),
        };
        let is_absent = self.t.eq(0.0)?;
        let finite = is_absent.where_cond(&self.t.zeros_like()?, &inverse)?;
        let included = finite.broadcast_mul(&included(&options.classes, &self.t)?)?;
        let largest = included.max_keepdim(1)?.broadcast_as(self.t.shape())?;
        is_absent.where_cond(&largest, &finite)
    }
}

/// A quotient of sums; 1 where it is 0/0.
fn quotient(ratio: Ratio, smooth: Smooth, i: &Tensor, p: &Tensor, t: &Tensor) -> Result<Tensor> {
    let Ratio {
        i_num,
        i_den,
        p_den,
        t_den,
    } = ratio;
    let numerator = i.affine(i_num, smooth.numerator)?;
    let denominator = ((i * i_den)? + (p * p_den)?)?;
    let denominator = (denominator + t.affine(t_den, smooth.denominator)?)?;
    let floor = (denominator.ones_like()? * smooth.floor)?;
    let denominator = denominator.lt(&floor)?.where_cond(&floor, &denominator)?;
    let is_empty = denominator.eq(0.0)?;
    let one = denominator.ones_like()?;
    let score = (numerator / is_empty.where_cond(&one, &denominator)?)?;
    is_empty.where_cond(&one, &score)
}

/// From scores to losses.
fn transformed(score: &Tensor, transform: Transform) -> Result<Tensor> {
    let loss = score.affine(-1.0, 1.0)?;
    let minus_ln = || -> Result<Tensor> {
        let least = (score.ones_like()? * 1e-7)?;
        score.lt(&least)?.where_cond(&least, score)?.log()?.neg()
    };
    match transform {
        Transform::Linear => Ok(loss),
        Transform::Negative => score.neg(),
        Transform::Log => minus_ln(),
        Transform::LogPower(gamma) => ops::power(&minus_ln()?, gamma),
        // ln cosh x = x + ln(1 + e^(−2x)) − ln 2, symmetric in x.
        Transform::LogCosh => (&loss + ops::softplus(&(&loss * -2.0)?)?)? - std::f64::consts::LN_2,
        Transform::Power(gamma) => ops::power(&loss, gamma),
    }
}

/// The per-pixel loss, if there is one: of each item, or with a mean of all points.
fn extra_loss(
    options: &Options,
    inputs: &Inputs<'_>,
    x: &Tensor,
    t: &Tensor,
    mask: &Tensor,
    weight: &Tensor,
    sum: &dyn Fn(&Tensor) -> Result<Tensor>,
) -> Result<Option<Tensor>> {
    let total = |values: &Tensor| -> Result<Tensor> {
        let items = sum(values)?.sum(1)?;
        match options.reduction {
            Reduction::Mean => items.sum_all(),
            Reduction::None | Reduction::Sum => Ok(items),
        }
    };
    let per_item = |values: &Tensor| total(&values.broadcast_mul(weight)?);
    let channels = x.dim(1)? as f64;
    let points = total(mask)?;
    let is_softmax = options.activation == Activation::Softmax;
    let ratio = |values: Tensor, denominator: Tensor, factor: f64| {
        (per_item(&values)? / denominator.maximum(1e-37)?)? * factor
    };
    let binary = |t: &Tensor| -> Result<(Tensor, Tensor)> {
        let positive = (t * ops::softplus(&x.neg()?)?)?;
        let negative = (t.affine(-1.0, 1.0)? * ops::softplus(x)?)?;
        Ok((positive, negative))
    };
    let loss = match &options.extra {
        Extra::None => return Ok(None),
        Extra::CrossEntropy {
            weight: factor,
            class_weights,
            label_smoothing,
        } if is_softmax => {
            let s = *label_smoothing;
            let smooth = t.affine(1.0 - s, s / channels)?;
            let weighted = |t: &Tensor| match class_weights {
                Some(weights) => t.broadcast_mul(&ops::per_class(weights, t)?),
                None => Ok(t.clone()),
            };
            let values = (weighted(&smooth)? * ops::log_softmax(x)?)?
                .sum_keepdim(1)?
                .neg()?;
            let denominator = match (class_weights, inputs.target.dtype().is_float()) {
                (Some(_), false) => per_item(&weighted(t)?)?,
                _ => total(weight)?,
            };
            ratio(values, denominator, *factor)
        }
        Extra::CrossEntropy {
            weight: factor,
            class_weights,
            label_smoothing,
        } => {
            let s = *label_smoothing;
            let (positive, negative) = binary(&t.affine(1.0 - 2.0 * s, s)?)?;
            let positive = super::super::bce::scale_channels(&positive, class_weights.as_deref())?;
            ratio((positive + negative)?, (points * channels)?, *factor)
        }
        Extra::Focal {
            weight: factor,
            alpha,
            gamma,
        } if is_softmax => {
            let ln_p = ops::log_softmax(x)?;
            let others = (ln_p.exp()? * t.affine(-1.0, 1.0)?)?.sum_keepdim(1)?;
            let own = (&ln_p * t)?.sum_keepdim(1)?.neg()?;
            let mut weights = vec![alpha.unwrap_or(1.0); x.dim(1)?];
            weights[0] = alpha.map_or(1.0, |alpha| 1.0 - alpha);
            let alpha = t
                .broadcast_mul(&ops::per_class(&weights, t)?)?
                .sum_keepdim(1)?;
            ratio(
                ((ops::power(&others, *gamma)? * own)? * alpha)?,
                points,
                *factor,
            )
        }
        Extra::Focal {
            weight: factor,
            alpha,
            gamma,
        } => {
            let (positive, negative) = binary(t)?;
            let (p, q) = (ops::sigmoid(x)?, ops::sigmoid(&x.neg()?)?);
            let n = t.affine(-1.0, 1.0)?;
            let m = ((p * &n)? + (q * t)?)?;
            let (of_positives, of_negatives) =
                alpha.map_or((1.0, 1.0), |alpha| (alpha, 1.0 - alpha));
            let alpha = ((t * of_positives)? + (n * of_negatives)?)?;
            let values = ((alpha * ops::power(&m, *gamma)?)? * (positive + negative)?)?;
            ratio(values, (points * channels)?, *factor)
        }
        Extra::BalancedBce {
            weight: factor,
            beta,
        } => {
            let (positive, negative) = binary(t)?;
            let values = ((positive * *beta)? + (negative * (1.0 - beta))?)?;
            ratio(values, (points * channels)?, *factor)
        }
    };
    loss.map(Some)
}
