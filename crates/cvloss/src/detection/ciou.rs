//! Complete IoU.

use cvloss_kernels::boxes::Kind;

use super::boxes::{BoxLoss, Boxes, Overlap};

/// Complete intersection over union: distance, and proportions.
///
/// ```text
/// L = 1 − IoU + ρ²/(c² + ε) + α v        v = 4/π² (atan w_t/h_t − atan w/h)²,  α = v/(1 − IoU + v + ε)
/// ```
///
/// `α` is a constant: no gradient flows through it.
///
/// # Shapes
/// As [`IouLoss`](crate::IouLoss).
///
/// # Edge cases
/// As [`IouLoss`](crate::IouLoss). A box without width and height has no proportions: `v` is 0 (torchvision: NaN). A
/// height of 0 gives a finite gradient (torchvision: NaN).
///
/// # Agrees with
/// `torchvision.ops.complete_box_iou_loss`, with its default ε: another one does not reach its DIoU part.
///
/// # Reference
/// Zheng et al., *Distance-IoU Loss*, 2020. <https://arxiv.org/abs/1911.08287>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{CiouLoss, Loss};
///
/// let input = Tensor::new(&[[0f32, 0., 2., 2.]], &Device::Cpu)?;
/// let target = Tensor::new(&[[1f32, 1., 4., 3.]], &Device::Cpu)?;
/// let (value, _gradient) = CiouLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 1.01916).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct CiouLoss {
    /// Combinators over the overlap term and the penalties.
    pub overlap: Overlap,
    /// BoxFormat, ε, denominator, reduction.
    pub boxes: Boxes,
}

impl BoxLoss for CiouLoss {
    const NAME: &'static str = "ciou";

    fn kind(&self) -> Kind {
        Kind::Ciou
    }

    fn boxes(&self) -> &Boxes {
        &self.boxes
    }

    fn overlap(&self) -> Option<&Overlap> {
        Some(&self.overlap)
    }
}
