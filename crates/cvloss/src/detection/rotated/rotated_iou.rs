//! Exact IoU of rotated boxes.

use cvloss_kernels::boxes::IouForm;
use cvloss_kernels::rotated::Kind;

use super::{RotatedBoxes, RotatedLoss};

/// Exact intersection over union of rotated boxes `(x, y, w, h, angle)`: centre, size, radians.
///
/// ```text
/// L = 1 − IoU   or   −ln max(IoU, ε)   or   1 − IoU²        IoU = I/(U + ε)
/// ```
///
/// The area that both share is found by Green's theorem, without a polygon, and its slopes are what the edges of each
/// box sweep inside the other.
///
/// # Shapes
/// - `input`, `target`: `(…, 5)`, f16, bf16, f32 or f64; the angle turns the width from the x axis towards the y axis
/// - `weight`: `(…)` or `(…, 1)`
/// - returns: `[]`, or `(…)` with [`Reduction::None`](crate::Reduction::None)
///
/// The gradient flows to both boxes, where they are tracked. Every convention of angles (long edge, le90, le135, oc)
/// is the same box.
///
/// # Edge cases
/// Gradients are finite for all finite boxes of sizes up to 1e6 (f32). A negative width or height counts as 0. An
/// angle beyond 8192 (f32) or a million (f64) is NaN. Edges that lie on each other count by half. NaN in, NaN out.
///
/// # Agrees with
/// mmrotate's `RotatedIoULoss` (`mode` is `form`), mmcv's `diff_iou_rotated_2d`.
///
/// # Reference
/// Zhou et al., *IoU Loss for 2D/3D Object Detection*, 2019. <https://arxiv.org/abs/1908.03851>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{RotatedIouLoss, Loss};
///
/// let input = Tensor::new(&[[1f32, 1., 4., 2., 0.5]], &Device::Cpu)?;
/// let target = Tensor::new(&[[2f32, 1., 3., 2., 0.]], &Device::Cpu)?;
/// let (value, _gradient) = RotatedIouLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.57836).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct RotatedIouLoss {
    /// What becomes of the IoU. Default: linear (mmrotate: log).
    pub form: IouForm,
    /// ε, denominator, reduction.
    pub boxes: RotatedBoxes,
}

impl RotatedLoss for RotatedIouLoss {
    const NAME: &'static str = "rotated_iou";

    fn kind(&self) -> Kind {
        Kind::Iou { form: self.form }
    }

    fn boxes(&self) -> &RotatedBoxes {
        &self.boxes
    }
}
