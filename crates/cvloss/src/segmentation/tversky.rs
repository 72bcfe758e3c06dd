//! Tversky and focal Tversky losses.

use cvloss_kernels as kernels;
use kernels::region::{FocalPower, Options, Score, Transform, check_tversky};

use super::region::{Region, RegionLoss};

/// Tversky loss: Dice with separate weights for false positives and false negatives.
///
/// ```text
/// L = 1 − (I + smooth_n) / (I + α (P − I) + β (T − I) + smooth_d)        I = Σ p t,  P = Σ p,  T = Σ t
/// ```
///
/// `α = β = ½` is Dice, `α = β = 1` is Jaccard. Shapes and policies: [`Region`]. Edge cases:
/// [`DiceLoss`](crate::DiceLoss).
///
/// # Agrees with
/// `kornia.losses.tversky_loss`, MONAI's and segmentation_models_pytorch's `TverskyLoss`: in all of them `α` weighs false
/// positives.
///
/// # Reference
/// Salehi et al., *Tversky loss function for image segmentation using 3D fully convolutional deep networks*, 2017.
/// <https://arxiv.org/abs/1706.05721>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, TverskyLoss};
///
/// let logits = Tensor::new(&[[[9f32, -9., 9.]]], &Device::Cpu)?;
/// let target = Tensor::new(&[[[1u8, 0, 0]]], &Device::Cpu)?;
/// let loss = TverskyLoss { alpha: 0.3, beta: 0.7, ..TverskyLoss::binary() };
/// let value = loss.forward(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.3 / 1.3).abs() < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct TverskyLoss {
    /// Weight of false positives. Default 0.5, as MONAI and segmentation_models_pytorch.
    pub alpha: f64,
    /// Weight of false negatives. Default 0.5.
    pub beta: f64,
    /// From a score to a loss. Default: `1 − s`.
    pub transform: Transform,
    /// Sums, classes, policies.
    pub region: Region,
}

impl Default for TverskyLoss {
    fn default() -> Self {
        Self {
            alpha: 0.5,
            beta: 0.5,
            transform: Transform::Linear,
            region: Region::default(),
        }
    }
}

impl TverskyLoss {
    /// For one channel of logits, or several independent ones: sigmoid.
    pub fn binary() -> Self {
        Self {
            region: Region::binary(),
            ..Self::default()
        }
    }
}

impl RegionLoss for TverskyLoss {
    const NAME: &'static str = "tversky";

    fn options(&self) -> Options {
        let score = Score::tversky(self.alpha, self.beta);
        Options {
            transform: self.transform,
            ..self.region.options(score)
        }
    }

    fn ignore_index(&self) -> Option<i64> {
        self.region.ignore_index
    }

    fn check(&self) -> kernels::Result<()> {
        check_tversky(self.alpha, self.beta)
    }
}

/// Focal Tversky loss: a power of the Tversky loss, per class or of the average.
///
/// ```text
/// L = mean_c (1 − TI_c)^γ        or        L = (mean_c (1 − TI_c))^γ
/// ```
///
/// `γ` is the exponent itself: the paper writes it as `1/γ` with `γ = 4/3`. Shapes and policies: [`Region`].
///
/// # Edge cases
/// As [`DiceLoss`](crate::DiceLoss). Where a loss is below 1e-7 and `γ < 1`, the slope, infinite at 0, is that at 1e-7.
///
/// # Agrees with
/// segmentation_models_pytorch's `TverskyLoss(gamma=…)` ([`FocalPower::AfterMean`]); the paper, with a mean in place of its
/// sum ([`FocalPower::PerClass`]).
///
/// # Reference
/// Abraham and Khan, *A novel focal Tversky loss function with improved attention U-Net for lesion segmentation*, 2018.
/// <https://arxiv.org/abs/1810.07842>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{FocalTverskyLoss, Loss};
///
/// let logits = Tensor::new(&[[[9f32, -9., 9.]]], &Device::Cpu)?;
/// let target = Tensor::new(&[[[1u8, 0, 0]]], &Device::Cpu)?;
/// let value = FocalTverskyLoss::binary().forward(&logits, &target)?;
/// assert!((value.to_scalar::<f64>().is_err()));
/// assert!((value.to_scalar::<f32>()? - (0.3f32 / 1.3).powf(0.75)).abs() < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct FocalTverskyLoss {
    /// Weight of false positives. Default 0.3, the paper's.
    pub alpha: f64,
    /// Weight of false negatives. Default 0.7, the paper's.
    pub beta: f64,
    /// The exponent. Default 0.75, the paper's `1/γ`.
    pub gamma: f64,
    /// What the power is of. Default: each class's loss.
    pub power: FocalPower,
    /// Sums, classes, policies.
    pub region: Region,
}

impl Default for FocalTverskyLoss {
    fn default() -> Self {
        Self {
            alpha: 0.3,
            beta: 0.7,
            gamma: 0.75,
            power: FocalPower::PerClass,
            region: Region::default(),
        }
    }
}

impl FocalTverskyLoss {
    /// For one channel of logits, or several independent ones: sigmoid.
    pub fn binary() -> Self {
        Self {
            region: Region::binary(),
            ..Self::default()
        }
    }
}

impl RegionLoss for FocalTverskyLoss {
    const NAME: &'static str = "focal_tversky";

    fn options(&self) -> Options {
        self.region
            .options(Score::tversky(self.alpha, self.beta))
            .with_focal_power(self.gamma, self.power)
    }

    fn ignore_index(&self) -> Option<i64> {
        self.region.ignore_index
    }

    fn check(&self) -> kernels::Result<()> {
        check_tversky(self.alpha, self.beta)
    }
}
