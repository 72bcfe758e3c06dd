//! Poly-1 focal loss and poly-1 binary cross-entropy.

use candle_core::{Result, Tensor};
use cvloss_kernels::imbalance::Kind;
use cvloss_kernels::{Normalizer, Reduction};

use super::elements::{ElementLoss, focal_parts, fused_elements};
use crate::ops;

/// Poly-1 focal loss over sigmoids: focal loss, or with `γ = 0` binary cross-entropy, and one polynomial term of it on top.
///
/// ```text
/// L = α_t ((1 − p_t)^γ CE(x, t) + ε (1 − p_t)^(γ+1))
/// ```
///
/// with `p_t` and `α_t` as in [`FocalLoss`](crate::FocalLoss).
///
/// # Shapes
/// As [`BceLoss`](crate::BceLoss).
///
/// # Edge cases
/// Empty or all ignored: the mean is 0, and so is the gradient. For `γ < 1` the gradient stays finite at saturation. NaN in,
/// NaN out.
///
/// # Agrees with
/// `timm.loss.PolyBinaryCrossEntropy`.
///
/// # Reference
/// Leng et al., *PolyLoss: A Polynomial Expansion Perspective of Classification Loss Functions*, 2022.
/// <https://arxiv.org/abs/2204.12511>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, PolyFocalLoss};
///
/// let logits = Tensor::new(&[0f32, 2., -1.], &Device::Cpu)?;
/// let target = Tensor::new(&[0u8, 1, 1], &Device::Cpu)?;
/// let (value, _gradient) = PolyFocalLoss::default().value_and_grad(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 1.6112866).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct PolyFocalLoss {
    /// `ε`, the factor of the polynomial term. Default 2 (timm; the paper has −1 for detection).
    pub epsilon: f64,
    /// Weight of positives in `[0, 1]`; negatives have `1 − α`. Default `None`: 1 for both.
    pub alpha: Option<f64>,
    /// Focusing parameter, at least 0. Default 0: binary cross-entropy.
    pub gamma: f64,
    /// Elements with this target have value 0 and leave the mean's denominator.
    pub ignore_index: Option<f64>,
    /// What the mean divides by. Default: elements.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for PolyFocalLoss {
    fn default() -> Self {
        Self {
            epsilon: 2.0,
            alpha: None,
            gamma: 0.0,
            ignore_index: None,
            normalizer: Normalizer::default(),
            reduction: Reduction::default(),
        }
    }
}

fused_elements!(PolyFocalLoss);

impl ElementLoss for PolyFocalLoss {
    const NAME: &'static str = "poly_focal";

    fn kind(&self) -> Kind {
        Kind::Poly {
            epsilon: self.epsilon,
            alpha: self.alpha,
            gamma: self.gamma,
        }
    }

    fn values(&self, x: &Tensor, t: &Tensor) -> Result<Tensor> {
        let (m, ce, alpha) = focal_parts(x, t, self.alpha)?;
        let inner = (ce + (&m * self.epsilon)?)?;
        (alpha * ops::power(&m, self.gamma)?)? * inner
    }
}
