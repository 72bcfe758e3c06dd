//! SCYLLA-IoU.

use cvloss_kernels::boxes::{Kind, SiouSign};

use super::boxes::{BoxLoss, Boxes, Overlap};

/// SCYLLA intersection over union: distance that knows the angle, and shape.
///
/// ```text
/// L = 1 − IoU + (Δ + Ω)/2
/// Δ = Σ 1 − e^(−(2 − Λ) ρ_k)    ρ_k = (offset_k/(c_k + ε))²,  Λ = 2 |x y|/(x² + y²) of the centres' offset
/// Ω = Σ (1 − e^(−ω_k))^θ        ω_k = |size − size_t|/(max(size, size_t) + ε)
/// ```
///
/// sums over width and height.
///
/// # Shapes
/// As [`IouLoss`](crate::IouLoss).
///
/// # Edge cases
/// As [`IouLoss`](crate::IouLoss).
///
/// # Agrees with
/// mmdetection's `SIoULoss(neg_gamma=True)`; its default with [`SiouSign::MmDetection`].
///
/// # Reference
/// Gevorgyan, *SIoU Loss: More Powerful Learning for Bounding Box Regression*, 2022. <https://arxiv.org/abs/2205.12740>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{SiouLoss, Loss};
///
/// let input = Tensor::new(&[[0f32, 0., 2., 2.]], &Device::Cpu)?;
/// let target = Tensor::new(&[[1f32, 1., 4., 3.]], &Device::Cpu)?;
/// let (value, _gradient) = SiouLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 1.01877).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct SiouLoss {
    /// Power of the shape cost, above 0. Default 4 (mmdetection; the paper: 2 to 6).
    pub theta: f64,
    /// Sign of the distance cost. Default: the paper's.
    pub sign: SiouSign,
    /// Combinators over the overlap term and the penalties.
    pub overlap: Overlap,
    /// BoxFormat, ε, denominator, reduction.
    pub boxes: Boxes,
}

impl Default for SiouLoss {
    fn default() -> Self {
        Self {
            theta: 4.0,
            sign: SiouSign::default(),
            overlap: Overlap::default(),
            boxes: Boxes::default(),
        }
    }
}

impl BoxLoss for SiouLoss {
    const NAME: &'static str = "siou";

    fn kind(&self) -> Kind {
        Kind::Siou {
            theta: self.theta,
            sign: self.sign,
        }
    }

    fn boxes(&self) -> &Boxes {
        &self.boxes
    }

    fn overlap(&self) -> Option<&Overlap> {
        Some(&self.overlap)
    }
}
