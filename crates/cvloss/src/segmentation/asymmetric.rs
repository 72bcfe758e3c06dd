//! Asymmetric loss of many labels.

use candle_core::{Result, Tensor};
use cvloss_kernels::imbalance::{FocusSlope, Kind};
use cvloss_kernels::{Normalizer, Reduction};

use super::elements::{ElementLoss, fused_elements};
use crate::ops;

/// Asymmetric loss (ASL) over sigmoids, for multilabel prediction with few positives: negatives are damped more than
/// positives, and very easy ones not counted at all.
///
/// ```text
/// L = m^g CE        CE = −t ln p − (1 − t) ln (1 − r)        m = t (1 − p) + (1 − t) r
///                   r = max(p − clip, 0)                     g = γ₊ t + γ₋ (1 − t)
/// ```
///
/// # Shapes
/// As [`BceLoss`](crate::BceLoss).
///
/// # Edge cases
/// A negative with `p ≤ clip` has value and gradient 0. Empty or all ignored: the mean is 0, and so is the gradient. NaN in,
/// NaN out.
///
/// # Agrees with
/// `timm.loss.AsymmetricLossMultiLabel`, but that it holds probabilities above 1e-8, which stops the gradient of positives
/// with logits below −18.4; here they keep it. timm's `reduction="batchmean"` is the sum over the number of items.
///
/// # Reference
/// Ben-Baruch et al., *Asymmetric Loss For Multi-Label Classification*, 2020. <https://arxiv.org/abs/2009.14119>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, AsymmetricLoss};
///
/// let logits = Tensor::new(&[0f32, 2., -1.], &Device::Cpu)?;
/// let target = Tensor::new(&[0u8, 1, 1], &Device::Cpu)?;
/// let (value, _gradient) = AsymmetricLoss::default().value_and_grad(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.3332388).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct AsymmetricLoss {
    /// `γ₊`, at least 0. Default 1.
    pub gamma_positive: f64,
    /// `γ₋`, at least 0. Default 4.
    pub gamma_negative: f64,
    /// The margin taken off the probability of negatives, in `[0, 1)`. Default 0.05.
    pub clip: f64,
    /// Whether the gradient sees the factor `m^g`. Default: it does.
    pub focus: FocusSlope,
    /// Elements with this target have value 0 and leave the mean's denominator.
    pub ignore_index: Option<f64>,
    /// What the mean divides by. Default: elements.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for AsymmetricLoss {
    fn default() -> Self {
        Self {
            gamma_positive: 1.0,
            gamma_negative: 4.0,
            clip: 0.05,
            focus: FocusSlope::default(),
            ignore_index: None,
            normalizer: Normalizer::default(),
            reduction: Reduction::default(),
        }
    }
}

fused_elements!(AsymmetricLoss);

impl ElementLoss for AsymmetricLoss {
    const NAME: &'static str = "asymmetric";

    fn kind(&self) -> Kind {
        Kind::Asymmetric {
            gamma_positive: self.gamma_positive,
            gamma_negative: self.gamma_negative,
            clip: self.clip,
            focus: self.focus,
        }
    }

    fn values(&self, x: &Tensor, t: &Tensor) -> Result<Tensor> {
        let n = t.affine(-1.0, 1.0)?;
        let (minus_ln_p, minus_ln_q) = (ops::softplus(&x.neg()?)?, ops::softplus(x)?);
        let (p, q) = (minus_ln_p.neg()?.exp()?, minus_ln_q.neg()?.exp()?);
        let is_clipped = p.le(self.clip)?;
        let zeros = p.zeros_like()?;
        let r = is_clipped.where_cond(&zeros, &(&p - self.clip)?)?;
        let negative = match self.clip {
            0.0 => minus_ln_q,
            clip => {
                let rest = is_clipped.where_cond(&zeros.affine(1.0, 1.0)?, &(&q + clip)?)?;
                rest.log()?.neg()?
            }
        };
        let ce = ((t * minus_ln_p)? + (&n * negative)?)?;
        let m = ((t * q)? + (&n * r)?)?;
        let g = ((t * self.gamma_positive)? + (n * self.gamma_negative)?)?;
        // m^g, with gradient 0 at 0.
        let is_zero = m.le(1e-37)?;
        let safe = is_zero.where_cond(&m.ones_like()?, &m)?;
        let power = (safe.log()? * &g)?.exp()?;
        let at_zero = g.eq(0.0)?.to_dtype(x.dtype())?;
        let power = is_zero.where_cond(&at_zero, &power)?;
        match self.focus {
            FocusSlope::Included => power * ce,
            FocusSlope::Ignored => power.detach() * ce,
        }
    }
}
