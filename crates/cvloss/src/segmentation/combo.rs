//! A region loss and a per-pixel loss, fused: one sweep for both statistics, one for both gradients.

use cvloss_kernels::region::{Extra, Options, Smooth};

use super::dice::DiceLoss;
use super::region::RegionLoss;

/// Dice loss plus cross-entropy.
///
/// ```text
/// L = λ_dice · Dice + λ_ce · CE
/// ```
///
/// With a softmax, CE is [`CrossEntropyLoss`](crate::CrossEntropyLoss); with sigmoids, [`BceLoss`](crate::BceLoss), whose
/// `pos_weight` the class weights are. It skips what Dice ignores, and counts all classes whatever Dice counts. Its mean is
/// over all points of the batch; with [`Reduction::None`](crate::Reduction::None) and
/// [`Reduction::Sum`](crate::Reduction::Sum), over each image by itself.
///
/// Shapes and policies: [`Region`](crate::Region).
///
/// # Agrees with
/// MONAI's `DiceCELoss`.
///
/// # Reference
/// Isensee et al., *nnU-Net*, 2018. <https://arxiv.org/abs/1809.10486>
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::{DiceCeLoss, Loss};
///
/// let logits = Tensor::zeros((1, 4, 8, 8, 8), DType::F32, &Device::Cpu)?;
/// let target = Tensor::zeros((1, 8, 8, 8), DType::U8, &Device::Cpu)?;
/// let (value, _gradient) = DiceCeLoss::default().value_and_grad(&logits, &target)?;
/// assert!(value.to_scalar::<f32>()? > 4f32.ln());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct DiceCeLoss {
    /// The Dice loss.
    pub dice: DiceLoss,
    /// Its factor. Default 1.
    pub lambda_dice: f64,
    /// The factor of cross-entropy. Default 1.
    pub lambda_ce: f64,
    /// Class weights of cross-entropy, or weights of positives with sigmoids.
    pub class_weights: Option<Vec<f64>>,
    /// Label smoothing of cross-entropy. Default 0.
    pub label_smoothing: f64,
}

impl Default for DiceCeLoss {
    fn default() -> Self {
        Self {
            dice: DiceLoss::default(),
            lambda_dice: 1.0,
            lambda_ce: 1.0,
            class_weights: None,
            label_smoothing: 0.0,
        }
    }
}

impl DiceCeLoss {
    /// For one channel of logits, or several independent ones: sigmoid and binary cross-entropy.
    pub fn binary() -> Self {
        Self {
            dice: DiceLoss::binary(),
            ..Self::default()
        }
    }
}

impl RegionLoss for DiceCeLoss {
    const NAME: &'static str = "dice_ce";

    fn options(&self) -> Options {
        let extra = Extra::CrossEntropy {
            weight: self.lambda_ce,
            class_weights: self.class_weights.clone(),
            label_smoothing: self.label_smoothing,
        };
        Options {
            weight: self.lambda_dice,
            extra,
            ..self.dice.options()
        }
    }

    fn ignore_index(&self) -> Option<i64> {
        self.dice.ignore_index()
    }
}

/// Dice loss plus focal loss.
///
/// ```text
/// L = λ_dice · Dice + λ_focal · Focal
/// ```
///
/// With a softmax, the focal loss is [`SoftmaxFocalLoss`](crate::SoftmaxFocalLoss) averaged over pixels, and needs class
/// indices; with sigmoids, [`FocalLoss`](crate::FocalLoss) averaged over elements. It skips what Dice ignores, and counts
/// all classes whatever Dice counts.
///
/// Shapes and policies: [`Region`](crate::Region).
///
/// # Agrees with
/// MONAI's `DiceFocalLoss(sigmoid=True)`. With `softmax=True`, MONAI's focal term still is the sigmoid one, of one-hot
/// targets: a [`LossSum`](crate::LossSum) of [`DiceLoss`] and [`FocalLoss`](crate::FocalLoss).
///
/// # Reference
/// Zhu et al., *AnatomyNet*, 2018. <https://arxiv.org/abs/1808.05238>
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::{DiceFocalLoss, Loss};
///
/// let logits = Tensor::zeros((1, 1, 8, 8), DType::F32, &Device::Cpu)?;
/// let target = Tensor::ones((1, 1, 8, 8), DType::F32, &Device::Cpu)?;
/// let value = DiceFocalLoss::binary().forward(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - (1.0 / 3.0 + 2f32.ln() / 4.0)).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct DiceFocalLoss {
    /// The Dice loss.
    pub dice: DiceLoss,
    /// Its factor. Default 1.
    pub lambda_dice: f64,
    /// The factor of the focal loss. Default 1.
    pub lambda_focal: f64,
    /// Focusing parameter, at least 0. Default 2.
    pub gamma: f64,
    /// Weight of positives in `[0, 1]`, or with a softmax of all classes but 0. Default: none.
    pub alpha: Option<f64>,
}

impl Default for DiceFocalLoss {
    fn default() -> Self {
        Self {
            dice: DiceLoss::default(),
            lambda_dice: 1.0,
            lambda_focal: 1.0,
            gamma: 2.0,
            alpha: None,
        }
    }
}

impl DiceFocalLoss {
    /// For one channel of logits, or several independent ones: sigmoids.
    pub fn binary() -> Self {
        Self {
            dice: DiceLoss::binary(),
            ..Self::default()
        }
    }
}

impl RegionLoss for DiceFocalLoss {
    const NAME: &'static str = "dice_focal";

    fn options(&self) -> Options {
        let extra = Extra::Focal {
            weight: self.lambda_focal,
            alpha: self.alpha,
            gamma: self.gamma,
        };
        Options {
            weight: self.lambda_dice,
            extra,
            ..self.dice.options()
        }
    }

    fn ignore_index(&self) -> Option<i64> {
        self.dice.ignore_index()
    }
}

/// Combo loss of Taghanaki et al., for binary and multilabel segmentation.
///
/// ```text
/// L = α · mean(−β t ln p − (1 − β)(1 − t) ln (1 − p)) − (1 − α) · (2I + smooth_n) / (P + T + smooth_d)
/// ```
///
/// with `p = σ(x)`, and all sums over the whole batch. It can be negative: at best `−(1 − α)`.
///
/// # Shapes
/// As [`Region`](crate::Region), with sigmoids.
///
/// # Edge cases
/// All ignored: `−(1 − α)` with the default smoothing, and gradient 0. NaN in, NaN out.
///
/// # Reference
/// Taghanaki et al., *Combo loss: handling input and output imbalance in multi-organ segmentation*, 2018.
/// <https://arxiv.org/abs/1805.02798>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{ComboLoss, Loss};
///
/// let logits = Tensor::new(&[[[20f32, -20.]]], &Device::Cpu)?;
/// let target = Tensor::new(&[[[1f32, 0.]]], &Device::Cpu)?;
/// let value = ComboLoss::default().forward(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? + 0.5).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct ComboLoss {
    /// Share of cross-entropy. Default 0.5, the paper's.
    pub alpha: f64,
    /// Weight of positives in cross-entropy, in `[0, 1]`. Default 0.5.
    pub beta: f64,
    /// Added to the Dice score's numerator and denominator. Default 1 and 1.
    pub smooth: Smooth,
    /// Points with this index are left out. Default −100.
    pub ignore_index: Option<i64>,
}

impl Default for ComboLoss {
    fn default() -> Self {
        Self {
            alpha: 0.5,
            beta: 0.5,
            smooth: Smooth {
                numerator: 1.0,
                denominator: 1.0,
                floor: 0.0,
            },
            ignore_index: Some(-100),
        }
    }
}

impl RegionLoss for ComboLoss {
    const NAME: &'static str = "combo";

    fn options(&self) -> Options {
        Options::combo(self.alpha, self.beta, self.smooth)
    }

    fn ignore_index(&self) -> Option<i64> {
        self.ignore_index
    }
}
