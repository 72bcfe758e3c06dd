//! Efficient IoU, also called EIoU, and Focal-EIoU.

use cvloss_kernels::boxes::{Kind, WeightSlope};

use super::boxes::{BoxLoss, Boxes, Overlap};

/// Efficient intersection over union, one of two losses called EIoU; the other is
/// [`ExtendedIouLoss`](crate::ExtendedIouLoss).
///
/// ```text
/// L = IoU^γ (1 − IoU + ρ²/(c² + ε) + (w − w_t)²/(c_w² + ε) + (h − h_t)²/(c_h² + ε))
/// ```
///
/// `c_w` and `c_h` are width and height of the smallest box around both. `γ = 0` is EIoU; above, it is Focal-EIoU,
/// under which boxes that do not overlap have no loss.
///
/// # Shapes
/// As [`IouLoss`](crate::IouLoss).
///
/// # Edge cases
/// As [`IouLoss`](crate::IouLoss).
///
/// # Agrees with
/// The paper's formula. mmdetection's `EIoULoss` is the other loss.
///
/// # Reference
/// Zhang et al., *Focal and Efficient IOU Loss*, 2021. <https://arxiv.org/abs/2101.08158>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{EfficientIouLoss, Loss};
///
/// let input = Tensor::new(&[[0f32, 0., 2., 2.]], &Device::Cpu)?;
/// let target = Tensor::new(&[[1f32, 1., 4., 3.]], &Device::Cpu)?;
/// let (value, _gradient) = EfficientIouLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 1.08139).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct EfficientIouLoss {
    /// Power of the focus, at least 0. Default 0; the paper: 0.5.
    pub gamma: f64,
    /// Whether the focus has a slope. Default: it does.
    pub focus_slope: WeightSlope,
    /// Combinators over the overlap term and the penalties.
    pub overlap: Overlap,
    /// BoxFormat, ε, denominator, reduction.
    pub boxes: Boxes,
}

impl BoxLoss for EfficientIouLoss {
    const NAME: &'static str = "efficient_iou";

    fn kind(&self) -> Kind {
        Kind::Efficient {
            gamma: self.gamma,
            slope: self.focus_slope,
        }
    }

    fn boxes(&self) -> &Boxes {
        &self.boxes
    }

    fn overlap(&self) -> Option<&Overlap> {
        Some(&self.overlap)
    }
}
