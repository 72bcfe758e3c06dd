//! Generalised IoU.

use cvloss_kernels::boxes::Kind;

use super::boxes::{BoxLoss, Boxes, Overlap};

/// Generalised intersection over union: boxes that do not overlap are pulled together.
///
/// ```text
/// L = 1 − IoU + (C − U)/(C + ε)        C: area of the smallest box around both
/// ```
///
/// # Shapes
/// As [`IouLoss`](crate::IouLoss).
///
/// # Edge cases
/// As [`IouLoss`](crate::IouLoss). Two equal boxes without area have loss 1.
///
/// # Agrees with
/// `torchvision.ops.generalized_box_iou_loss`, fvcore's `giou_loss`.
///
/// # Reference
/// Rezatofighi et al., *Generalized Intersection over Union*, 2019. <https://arxiv.org/abs/1902.09630>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{GiouLoss, Loss};
///
/// let input = Tensor::new(&[[0f32, 0., 2., 2.]], &Device::Cpu)?;
/// let target = Tensor::new(&[[1f32, 1., 4., 3.]], &Device::Cpu)?;
/// let (value, _gradient) = GiouLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 1.13889).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct GiouLoss {
    /// Combinators over the overlap term and the penalties.
    pub overlap: Overlap,
    /// BoxFormat, ε, denominator, reduction.
    pub boxes: Boxes,
}

impl BoxLoss for GiouLoss {
    const NAME: &'static str = "giou";

    fn kind(&self) -> Kind {
        Kind::Giou
    }

    fn boxes(&self) -> &Boxes {
        &self.boxes
    }

    fn overlap(&self) -> Option<&Overlap> {
        Some(&self.overlap)
    }
}
