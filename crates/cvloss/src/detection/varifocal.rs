//! Varifocal loss.

use candle_core::{Result, Tensor};
use cvloss_kernels::imbalance::{Kind, PositiveWeight};
use cvloss_kernels::{Normalizer, Reduction};

use crate::ops;
use crate::segmentation::elements::{ElementLoss, fused_elements};

/// Varifocal loss (VFL) over sigmoids, for detection: positives weigh their quality, negatives are damped.
///
/// ```text
/// L = t CE(x, t)            t > 0
///     α p^γ CE(x, 0)        t = 0
/// ```
///
/// The target is the quality (IoU) at the true class and 0 elsewhere. It counts as constant.
///
/// # Shapes
/// As [`BceLoss`](crate::BceLoss).
///
/// # Edge cases
/// Empty or all ignored: the mean is 0, and so is the gradient. For `γ < 1` the gradient stays finite at saturation. NaN in,
/// NaN out.
///
/// # Agrees with
/// mmdetection's `VarifocalLoss`, ultralytics' `VarifocalLoss` (a sum of what here are values).
///
/// # Reference
/// Zhang et al., *VarifocalNet: An IoU-aware Dense Object Detector*, 2020. <https://arxiv.org/abs/2008.13367>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, VarifocalLoss};
///
/// let logits = Tensor::new(&[0f32, 2., -1.], &Device::Cpu)?;
/// let target = Tensor::new(&[0f32, 0.8, 0.3], &Device::Cpu)?;
/// let (value, _gradient) = VarifocalLoss::default().value_and_grad(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.245162).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct VarifocalLoss {
    /// `α`, the factor of negatives, at least 0. Default 0.75.
    pub alpha: f64,
    /// `γ`, the power of a negative's probability, at least 0. Default 2.
    pub gamma: f64,
    /// What a positive weighs. Default: its quality.
    pub positives: PositiveWeight,
    /// Elements with this target have value 0 and leave the mean's denominator.
    pub ignore_index: Option<f64>,
    /// What the mean divides by. Default: elements.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for VarifocalLoss {
    fn default() -> Self {
        Self {
            alpha: 0.75,
            gamma: 2.0,
            positives: PositiveWeight::default(),
            ignore_index: None,
            normalizer: Normalizer::default(),
            reduction: Reduction::default(),
        }
    }
}

fused_elements!(VarifocalLoss);

impl ElementLoss for VarifocalLoss {
    const NAME: &'static str = "varifocal";

    fn kind(&self) -> Kind {
        Kind::Varifocal {
            alpha: self.alpha,
            gamma: self.gamma,
            positives: self.positives,
        }
    }

    fn values(&self, x: &Tensor, t: &Tensor) -> Result<Tensor> {
        let (minus_ln_p, minus_ln_q) = (ops::softplus(&x.neg()?)?, ops::softplus(x)?);
        let p = minus_ln_p.neg()?.exp()?;
        let ce = ((t * minus_ln_p)? + (t.affine(-1.0, 1.0)? * minus_ln_q)?)?;
        let positive = match self.positives {
            PositiveWeight::Quality => t.clone(),
            PositiveWeight::One => t.ones_like()?,
        };
        let negative = (ops::power(&p, self.gamma)? * self.alpha)?;
        t.gt(0.0)?.where_cond(&positive, &negative)? * ce
    }
}
