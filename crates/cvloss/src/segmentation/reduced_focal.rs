//! Reduced focal loss.

use candle_core::{Result, Tensor};
use cvloss_kernels::imbalance::{Kind, ReducedScale};
use cvloss_kernels::{Normalizer, Reduction};

use super::elements::{ElementLoss, focal_parts, fused_elements};
use crate::ops;

/// Reduced focal loss over sigmoids: cross-entropy for hard elements, damped for easy ones.
///
/// ```text
/// L = α_t CE(x, t)                       p_t < θ
///     α_t ((1 − p_t) / s)^γ CE(x, t)     p_t ≥ θ        s = θ, or 1 − θ
/// ```
///
/// with `p_t` and `α_t` as in [`FocalLoss`](crate::FocalLoss).
///
/// # Shapes
/// As [`BceLoss`](crate::BceLoss).
///
/// # Edge cases
/// With [`ReducedScale::Threshold`] and `θ ≠ ½` the value jumps at `p_t = θ`; the gradient is that of the side. Empty or all
/// ignored: the mean is 0, and so is the gradient. NaN in, NaN out.
///
/// # Agrees with
/// segmentation_models_pytorch's and pytorch-toolbelt's `FocalLoss(reduced_threshold=θ)`.
///
/// # Reference
/// Sergievskiy and Ponamarev, *Reduced Focal Loss: 1st Place Solution to xView object detection in Satellite Imagery*, 2019.
/// <https://arxiv.org/abs/1903.01347>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, ReducedFocalLoss};
///
/// let logits = Tensor::new(&[0f32, 2., -1.], &Device::Cpu)?;
/// let target = Tensor::new(&[0u8, 1, 1], &Device::Cpu)?;
/// let (value, _gradient) = ReducedFocalLoss::default().value_and_grad(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.2833265).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct ReducedFocalLoss {
    /// Weight of positives in `[0, 1]`; negatives have `1 − α`. Default 0.25; `None` weighs both with 1.
    pub alpha: Option<f64>,
    /// Focusing parameter, at least 0. Default 2.
    pub gamma: f64,
    /// `θ`, between 0 and 1: where damping begins. Default 0.5, the paper's.
    pub threshold: f64,
    /// `s`. Default: the threshold.
    pub scale: ReducedScale,
    /// Elements with this target have value 0 and leave the mean's denominator.
    pub ignore_index: Option<f64>,
    /// What the mean divides by. Default: elements.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for ReducedFocalLoss {
    fn default() -> Self {
        Self {
            alpha: Some(0.25),
            gamma: 2.0,
            threshold: 0.5,
            scale: ReducedScale::default(),
            ignore_index: None,
            normalizer: Normalizer::default(),
            reduction: Reduction::default(),
        }
    }
}

fused_elements!(ReducedFocalLoss);

impl ElementLoss for ReducedFocalLoss {
    const NAME: &'static str = "reduced_focal";

    fn kind(&self) -> Kind {
        Kind::Reduced {
            alpha: self.alpha,
            gamma: self.gamma,
            threshold: self.threshold,
            scale: self.scale,
        }
    }

    fn values(&self, x: &Tensor, t: &Tensor) -> Result<Tensor> {
        let (m, ce, alpha) = focal_parts(x, t, self.alpha)?;
        let scale = match self.scale {
            ReducedScale::Threshold => self.threshold,
            ReducedScale::Continuous => 1.0 - self.threshold,
        };
        let damped = (ops::power(&m, self.gamma)? * scale.powf(-self.gamma))?;
        let is_hard = m.affine(-1.0, 1.0)?.lt(self.threshold)?;
        let weight = is_hard.where_cond(&m.ones_like()?, &damped)?;
        (alpha * weight)? * ce
    }
}
