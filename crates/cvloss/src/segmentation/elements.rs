//! What losses of elements for unequal classes share.

use candle_core::{Result, Tensor};
use cvloss_kernels::imbalance::Kind;

use crate::ops;

/// A loss of elements with a formula of the kernels. [`fused_elements`] makes it a [`crate::Loss`].
pub(crate) trait ElementLoss {
    const NAME: &'static str;

    /// The loss as the kernel knows it.
    fn kind(&self) -> Kind;

    /// The composed form's values at logits `x` and targets `t`.
    fn values(&self, x: &Tensor, t: &Tensor) -> Result<Tensor>;

    /// Where targets count for [`cvloss_kernels::Normalizer::Positives`].
    fn positives(t: &Tensor) -> Result<Tensor> {
        t.gt(0.0)
    }
}

/// Implements [`crate::loss::Fused`] for losses with `ignore_index`, `normalizer` and `reduction`.
macro_rules! fused_elements {
    ($($loss:ty)*) => {$(
        impl $crate::loss::Fused for $loss {
            const NAME: &'static str = <$loss as ElementLoss>::NAME;
            const GEOMETRY: $crate::loss::Geometry = $crate::loss::Geometry::Elements;

            fn reduction(&self) -> cvloss_kernels::Reduction {
                self.reduction
            }

            fn items(
                &self,
                input: &candle_core::Shape,
            ) -> (candle_core::Shape, candle_core::Shape) {
                $crate::segmentation::bce::element_items(self.reduction, input)
            }

            fn check(&self, _: &candle_core::Tensor) -> $crate::error::Result<()> {
                let named = $crate::error::Error::kernel(<$loss as ElementLoss>::NAME);
                self.kind().check().map_err(named)
            }

            fn run(&self, call: $crate::loss::Call<'_, '_>) -> cvloss_kernels::Result<f64> {
                let operands = cvloss_kernels::loops::pointwise::Operands {
                    input: call.input,
                    target: call.target,
                    auxiliary: None,
                    weight: call.weight,
                    ignore: self.ignore_index,
                };
                cvloss_kernels::imbalance::evaluate(
                    self.kind(),
                    self.normalizer,
                    self.reduction,
                    &operands,
                    call.values,
                    call.gradient,
                )
            }

            fn compose(
                &self,
                inputs: &$crate::loss::Inputs<'_>,
            ) -> candle_core::Result<candle_core::Tensor> {
                let x = inputs.input;
                let t = inputs.target.to_dtype(x.dtype())?;
                // What stands for an ignored element may be no target: a power of it would be infinite.
                let known = $crate::ops::keep_mask(&t, self.ignore_index, x.dtype())?
                    .gt(0.0)?
                    .where_cond(&t, &t.zeros_like()?)?;
                $crate::segmentation::bce::finish_elements_with(
                    &self.values(x, &known)?,
                    &t,
                    &<$loss as ElementLoss>::positives(&t)?,
                    inputs.weight,
                    self.ignore_index,
                    self.reduction,
                    self.normalizer,
                )
            }
        }
    )*};
}
pub(crate) use fused_elements;

/// `1 − p_t`, the cross-entropy and `α_t`, of logits and targets.
pub(super) fn focal_parts(
    x: &Tensor,
    t: &Tensor,
    alpha: Option<f64>,
) -> Result<(Tensor, Tensor, Tensor)> {
    let n = t.affine(-1.0, 1.0)?;
    let (minus_ln_p, minus_ln_q) = (ops::softplus(&x.neg()?)?, ops::softplus(x)?);
    let (p, q) = (minus_ln_p.neg()?.exp()?, minus_ln_q.neg()?.exp()?);
    let m = ((p * &n)? + (q * t)?)?;
    let ce = ((t * minus_ln_p)? + (&n * minus_ln_q)?)?;
    let (alpha, beta) = alpha.map_or((1.0, 1.0), |alpha| (alpha, 1.0 - alpha));
    Ok((m, ce, ((t * alpha)? + (n * beta)?)?))
}
