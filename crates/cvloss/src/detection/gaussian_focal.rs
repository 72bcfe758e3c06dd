//! Gaussian focal loss of key point heat maps.

use candle_core::{Result, Tensor};
use cvloss_kernels::imbalance::Kind;
use cvloss_kernels::{Normalizer, Reduction};

use crate::ops;
use crate::segmentation::elements::{ElementLoss, fused_elements};

/// Gaussian focal loss over sigmoids, for heat maps of centres or corners (CornerNet, CenterNet).
///
/// ```text
/// L = −(1 − p)^α ln p                      t = 1
///     −(1 − t)^γ p^α ln (1 − p)            t < 1
/// ```
///
/// The target holds a Gaussian of height 1 around each object's centre; only a target of exactly 1 is a peak.
///
/// # Shapes
/// As [`BceLoss`](crate::BceLoss).
///
/// # Edge cases
/// No peak: the mean divides by 1. Empty or all ignored: the mean is 0, and so is the gradient. For powers below 1 the
/// gradient stays finite at saturation. NaN in, NaN out.
///
/// # Agrees with
/// mmdetection's `GaussianFocalLoss` of `σ(x)` but for its `eps` inside the logarithms; CornerNet's and CenterNet's loss,
/// whose sum over the number of objects is the default mean here.
///
/// # Reference
/// Law and Deng, *CornerNet: Detecting Objects as Paired Keypoints*, 2018. <https://arxiv.org/abs/1808.01244>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, GaussianFocalLoss};
///
/// let logits = Tensor::new(&[0f32, 2., -1.], &Device::Cpu)?;
/// let target = Tensor::new(&[0.5f32, 1., 0.], &Device::Cpu)?;
/// let (value, _gradient) = GaussianFocalLoss::default().value_and_grad(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.035292).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct GaussianFocalLoss {
    /// `α`, the power of the probability, at least 0. Default 2.
    pub alpha: f64,
    /// `γ`, the power of the distance from a peak, at least 0. Default 4.
    pub gamma: f64,
    /// Elements with this target have value 0 and leave the mean's denominator.
    pub ignore_index: Option<f64>,
    /// What the mean divides by. Default: the number of peaks, at least 1.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for GaussianFocalLoss {
    fn default() -> Self {
        Self {
            alpha: 2.0,
            gamma: 4.0,
            ignore_index: None,
            normalizer: Normalizer::Positives,
            reduction: Reduction::default(),
        }
    }
}

fused_elements!(GaussianFocalLoss);

impl ElementLoss for GaussianFocalLoss {
    const NAME: &'static str = "gaussian_focal";

    fn kind(&self) -> Kind {
        Kind::Gaussian {
            alpha: self.alpha,
            gamma: self.gamma,
        }
    }

    fn values(&self, x: &Tensor, t: &Tensor) -> Result<Tensor> {
        let (minus_ln_p, minus_ln_q) = (ops::softplus(&x.neg()?)?, ops::softplus(x)?);
        let (p, q) = (minus_ln_p.neg()?.exp()?, minus_ln_q.neg()?.exp()?);
        let far = ops::power(&t.affine(-1.0, 1.0)?.relu()?, self.gamma)?;
        let peak = (ops::power(&q, self.alpha)? * minus_ln_p)?;
        let rest = ((ops::power(&p, self.alpha)? * minus_ln_q)? * far)?;
        Self::positives(t)?.where_cond(&peak, &rest)
    }

    fn positives(t: &Tensor) -> Result<Tensor> {
        t.ge(1.0)
    }
}
