//! Probabilistic IoU of rotated boxes.

use cvloss_kernels::rotated::Kind;

use super::{RotatedBoxes, RotatedLoss};

/// Probabilistic intersection over union of rotated boxes: the Hellinger distance of Gaussians of variance `w²/12`,
/// `h²/12`.
///
/// ```text
/// L = √(1 − e^(−B) + ε)        B: Bhattacharyya distance, in ε..=100
/// ```
///
/// # Shapes
/// As [`RotatedIouLoss`](crate::RotatedIouLoss).
///
/// # Edge cases
/// As [`RotatedIouLoss`](crate::RotatedIouLoss); sizes are clamped to 1e-7..=1e7.
/// Beyond a distance of 100 there is no slope.
///
/// # Agrees with
/// ultralytics' `1 − probiou(a, b)`.
///
/// # Reference
/// Llerena et al., *Gaussian Bounding Boxes and Probabilistic Intersection-over-Union for Object Detection*, 2021.
/// <https://arxiv.org/abs/2106.06072>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{ProbIouLoss, Loss};
///
/// let input = Tensor::new(&[[1f32, 1., 4., 2., 0.5]], &Device::Cpu)?;
/// let target = Tensor::new(&[[2f32, 1., 3., 2., 0.]], &Device::Cpu)?;
/// let (value, _gradient) = ProbIouLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.43026).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct ProbIouLoss {
    /// ε, denominator, reduction.
    pub boxes: RotatedBoxes,
}

impl RotatedLoss for ProbIouLoss {
    const NAME: &'static str = "probiou";

    fn kind(&self) -> Kind {
        Kind::ProbIou
    }

    fn boxes(&self) -> &RotatedBoxes {
        &self.boxes
    }
}
