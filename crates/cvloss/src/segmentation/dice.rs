//! Dice loss and its forms.

use cvloss_kernels::Reduction;
use cvloss_kernels::region::{
    Absent, Activation, Average, ClassAverage, Classes, DiceForm, Intersection, Options, Pooling,
    Score, Smooth, Transform,
};

use super::region::{Region, RegionLoss};

/// Dice loss, for binary, multiclass and multilabel segmentation.
///
/// ```text
/// L = 1 − (2I + smooth_n) / (P + T + smooth_d)        I = Σ p t,  P = Σ p,  T = Σ t
/// ```
///
/// [`DiceForm::Squared`] has `P = Σ p²` and `T = Σ t²`; [`DiceForm::Generalized`] weighs each class by its volume inside
/// both sums. `transform` makes it `−ln` or `ln cosh` of the score. What the sums run over, how classes are put together
/// and what happens to absent ones is in [`Region`], which also has the shapes.
///
/// # Edge cases
/// Nothing to find and nothing found (0/0): score 1, no gradient. All ignored: as absent classes. NaN in, NaN out.
///
/// # Agrees with
/// [`DiceLoss::monai`], [`DiceLoss::smp`] and [`DiceLoss::kornia`] equal those libraries' `DiceLoss` / `dice_loss`; MONAI's
/// `GeneralizedDiceLoss` is `DiceForm::Generalized`. kornia has loss 1 for an image with all points ignored; here it is 0.
///
/// # References
/// Milletari et al., *V-Net*, 2016, <https://arxiv.org/abs/1606.04797> (squared). Sudre et al., *Generalised Dice overlap*,
/// 2017, <https://arxiv.org/abs/1707.03237>. Jadon, *A survey of loss functions for semantic segmentation*, 2020,
/// <https://arxiv.org/abs/2006.14822> (log-cosh).
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{DiceLoss, Loss};
///
/// let logits = Tensor::randn(0f32, 1., (2, 4, 16, 16), &Device::Cpu)?;
/// let target = Tensor::zeros((2, 16, 16), candle_core::DType::U32, &Device::Cpu)?;
/// let (value, gradient) = DiceLoss::default().value_and_grad(&logits, &target)?;
/// assert!((0.0..=1.0).contains(&value.to_scalar::<f32>()?));
/// assert_eq!(gradient.dims(), [2, 4, 16, 16]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct DiceLoss {
    /// What the sums are of. Default: plain.
    pub form: DiceForm,
    /// From a score to a loss. Default: `1 − s`.
    pub transform: Transform,
    /// Sums, classes, policies.
    pub region: Region,
}

impl DiceLoss {
    /// For one channel of logits, or several independent ones: sigmoid.
    pub fn binary() -> Self {
        Self {
            region: Region::binary(),
            ..Self::default()
        }
    }

    /// As MONAI's `DiceLoss(softmax=True, to_onehot_y=True)`: each image by itself, absent classes count.
    pub fn monai() -> Self {
        Self::default()
    }

    /// As segmentation_models_pytorch's `DiceLoss("multiclass")`: the batch as one image, absent classes have loss 0.
    /// For its binary and multilabel modes, set the activation to [`Activation::Sigmoid`].
    pub fn smp() -> Self {
        let region = Region {
            activation: Activation::Softmax,
            pooling: Pooling::Batch,
            average: Average::Macro,
            intersection: Intersection::Minimum,
            // Its I / max((P + T)/2, 1e-7), doubled.
            smooth: Smooth {
                numerator: 0.0,
                denominator: 0.0,
                floor: 2e-7,
            },
            absent: Absent::Zero,
            classes: Classes::All,
            class_weights: None,
            class_average: ClassAverage::Weights,
            ignore_index: None,
            reduction: Reduction::Mean,
        };
        Self {
            region,
            ..Self::default()
        }
    }

    /// As kornia's `dice_loss(average="macro")`: each image by itself, absent classes leave the mean.
    pub fn kornia() -> Self {
        let region = Region {
            smooth: Smooth {
                numerator: 0.0,
                denominator: 1e-8,
                floor: 0.0,
            },
            absent: Absent::Skip,
            class_average: ClassAverage::Weights,
            ..Region::default()
        };
        Self {
            region,
            ..Self::default()
        }
    }
}

impl RegionLoss for DiceLoss {
    const NAME: &'static str = "dice";

    fn options(&self) -> Options {
        Options {
            transform: self.transform,
            ..self.region.options(Score::DICE).with_form(self.form)
        }
    }

    fn ignore_index(&self) -> Option<i64> {
        self.region.ignore_index
    }
}
