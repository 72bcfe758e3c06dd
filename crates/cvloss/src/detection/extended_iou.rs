//! Extended IoU, also called EIoU.

use cvloss_kernels::boxes::Kind;

use super::boxes::{BoxLoss, Boxes};

/// Extended intersection over union, one of two losses called EIoU; the other is
/// [`EfficientIouLoss`](crate::EfficientIouLoss).
///
/// ```text
/// L = ½ l²/s  if l < s,  else  l − ½ s        l = 1 − I'/(U' + ε)
/// ```
///
/// `I'` is the intersection of boxes that overlap, and negative for others, so that it pulls on boxes that are apart.
///
/// # Shapes
/// As [`IouLoss`](crate::IouLoss).
///
/// # Edge cases
/// As [`IouLoss`](crate::IouLoss).
///
/// # Agrees with
/// mmdetection's `EIoULoss`.
///
/// # Reference
/// Peng and Yu, *A Systematic IoU-Related Method: Beyond Simplified Regression for Better Localization*, 2021.
/// <https://arxiv.org/abs/2112.01793>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{ExtendedIouLoss, Loss};
///
/// let input = Tensor::new(&[[0f32, 0., 2., 2.]], &Device::Cpu)?;
/// let target = Tensor::new(&[[1f32, 1., 4., 3.]], &Device::Cpu)?;
/// let (value, _gradient) = ExtendedIouLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.83889).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct ExtendedIouLoss {
    /// `s`, below which the loss is quadratic; above 0. Default 0.1 (mmdetection).
    pub smooth_point: f64,
    /// BoxFormat, ε, denominator, reduction.
    pub boxes: Boxes,
}

impl Default for ExtendedIouLoss {
    fn default() -> Self {
        Self {
            smooth_point: 0.1,
            boxes: Boxes::default(),
        }
    }
}

impl BoxLoss for ExtendedIouLoss {
    const NAME: &'static str = "extended_iou";

    fn kind(&self) -> Kind {
        Kind::Extended {
            smooth_point: self.smooth_point,
        }
    }

    fn boxes(&self) -> &Boxes {
        &self.boxes
    }
}
