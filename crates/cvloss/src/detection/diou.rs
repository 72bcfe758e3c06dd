//! Distance IoU.

use cvloss_kernels::boxes::Kind;

use super::boxes::{BoxLoss, Boxes, Overlap};

/// Distance intersection over union.
///
/// ```text
/// L = 1 − IoU + ρ²/(c² + ε)        ρ: distance of the centres, c: diagonal of the smallest box around both
/// ```
///
/// # Shapes
/// As [`IouLoss`](crate::IouLoss).
///
/// # Edge cases
/// As [`IouLoss`](crate::IouLoss).
///
/// # Agrees with
/// `torchvision.ops.distance_box_iou_loss`.
///
/// # Reference
/// Zheng et al., *Distance-IoU Loss*, 2020. <https://arxiv.org/abs/1911.08287>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{DiouLoss, Loss};
///
/// let input = Tensor::new(&[[0f32, 0., 2., 2.]], &Device::Cpu)?;
/// let target = Tensor::new(&[[1f32, 1., 4., 3.]], &Device::Cpu)?;
/// let (value, _gradient) = DiouLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 1.01889).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct DiouLoss {
    /// Combinators over the overlap term and the penalties.
    pub overlap: Overlap,
    /// BoxFormat, ε, denominator, reduction.
    pub boxes: Boxes,
}

impl BoxLoss for DiouLoss {
    const NAME: &'static str = "diou";

    fn kind(&self) -> Kind {
        Kind::Diou
    }

    fn boxes(&self) -> &Boxes {
        &self.boxes
    }

    fn overlap(&self) -> Option<&Overlap> {
        Some(&self.overlap)
    }
}
