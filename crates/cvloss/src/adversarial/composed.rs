//! Plans of the kernels in candle operations.

use candle_core::{Result, Tensor};
use cvloss_kernels::Reduction;
use cvloss_kernels::adversarial::{AnyCurve, Plan};

use crate::ops;

fn curve(curve: AnyCurve, z: &Tensor) -> Result<Tensor> {
    let value = match curve {
        AnyCurve::CrossEntropy(c) => {
            (ops::softplus(&z.neg()?)? * c.label)? + (ops::softplus(z)? * (1.0 - c.label))?
        }
        AnyCurve::Square(c) => (z - c.label)?.sqr()? * c.factor,
        AnyCurve::Linear(c) => z * c.slope,
        AnyCurve::Hinge(c) => z.affine(-c.sign, 1.0)?.relu(),
        AnyCurve::Rectified(c) => z.affine(c.sign, -c.sign * c.anchor)?.relu()?.sqr(),
        AnyCurve::Absolute(_) => {
            // candle's slope of `abs` at 0 is 1.
            let sign = (z.gt(0.0)?.to_dtype(z.dtype())? - z.lt(0.0)?.to_dtype(z.dtype())?)?;
            z * sign
        }
    }?;
    keep_nan(z, &value)
}

/// `value`, or NaN with a slope of NaN where `z` is NaN: candle's `relu` makes 0 of it, and some slopes are constant.
pub(super) fn keep_nan(z: &Tensor, value: &Tensor) -> Result<Tensor> {
    z.eq(z)?.where_cond(value, &z.sqr()?)
}

/// What `plan` makes of real and fake logits.
pub(super) fn plan(
    plan: Plan,
    real: &Tensor,
    fake: &Tensor,
    weight: Option<&Tensor>,
    reduction: Reduction,
) -> Result<Tensor> {
    let (values, sign) = match plan {
        Plan::Pairs {
            curve: of,
            sign,
            toward,
        } => (curve(of, &((real - fake)? * toward)?)?, sign),
        Plan::Sides {
            real: of_real,
            fake: of_fake,
            sign,
            centred,
        } => {
            let from = |x: &Tensor, other: &Tensor| match centred {
                true => x.broadcast_sub(&mean(other)?),
                false => Ok(x.clone()),
            };
            let values = curve(of_fake, &from(fake, real)?)?;
            let values = match of_real {
                Some(of_real) => (values + curve(of_real, &from(real, fake)?)?)?,
                None => values,
            };
            (values, sign)
        }
    };
    reduce(&(values * sign)?, weight, reduction)
}

/// Weights and reduces one value per element.
pub(super) fn reduce(
    values: &Tensor,
    weight: Option<&Tensor>,
    reduction: Reduction,
) -> Result<Tensor> {
    let values = match weight {
        Some(weight) => values.broadcast_mul(weight)?,
        None => values.clone(),
    };
    match reduction {
        Reduction::None => Ok(values),
        Reduction::Sum => values.sum_all(),
        Reduction::Mean => mean(&values),
    }
}

/// 0 of nothing.
fn mean(x: &Tensor) -> Result<Tensor> {
    x.sum_all()? / x.elem_count().max(1) as f64
}
