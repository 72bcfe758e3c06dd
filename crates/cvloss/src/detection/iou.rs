//! Intersection over union.

use cvloss_kernels::boxes::{IouForm, Kind};

use super::boxes::{BoxLoss, Boxes, Overlap};

/// Intersection over union of two boxes, as a loss.
///
/// ```text
/// L = 1 − IoU   or   −ln max(IoU, ε)   or   1 − IoU²        IoU = I/(U + ε)
/// ```
///
/// The gradient flows to both boxes, where they are tracked.
///
/// # Shapes
/// - `input`, `target`: `(…, 4)`, f16, bf16, f32 or f64, in the format of [`Boxes`]
/// - `weight`: `(…)` or `(…, 1)`
/// - returns: `[]`, or `(…)` with [`Reduction::None`](crate::Reduction::None)
///
/// # Edge cases
/// Gradients are finite for all finite boxes up to 1e9 (f32), also touching, disjoint, identical and without area. A
/// box whose high end lies below its low end has length 0 there. Where ends coincide, the slope is split in halves, as
/// torch does. NaN in, NaN out; infinite coordinates give NaN or infinite values. Boxes that do not overlap have
/// no slope: GIoU and its successors have one.
///
/// # Agrees with
/// mmdetection's `IoULoss` (`mode` is `form`; its ε is a floor of the union, not an addend).
///
/// # Reference
/// Yu et al., *UnitBox: An Advanced Object Detection Network*, 2016. <https://arxiv.org/abs/1608.01471>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{IouLoss, Loss};
///
/// let input = Tensor::new(&[[0f32, 0., 2., 2.]], &Device::Cpu)?;
/// let target = Tensor::new(&[[1f32, 1., 4., 3.]], &Device::Cpu)?;
/// let (value, _gradient) = IouLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.88889).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct IouLoss {
    /// What becomes of the IoU. Default: linear.
    pub form: IouForm,
    /// Combinators over the overlap term and the penalties.
    pub overlap: Overlap,
    /// BoxFormat, ε, denominator, reduction.
    pub boxes: Boxes,
}

impl BoxLoss for IouLoss {
    const NAME: &'static str = "iou";

    fn kind(&self) -> Kind {
        Kind::Iou
    }

    fn boxes(&self) -> &Boxes {
        &self.boxes
    }

    fn overlap(&self) -> Option<&Overlap> {
        Some(&self.overlap)
    }

    fn form(&self) -> IouForm {
        self.form
    }
}
