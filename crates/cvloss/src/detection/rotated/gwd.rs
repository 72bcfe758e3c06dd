//! Gaussian Wasserstein distance of rotated boxes.

use cvloss_kernels::rotated::{Kind, Scale};

use super::{RotatedBoxes, RotatedLoss};

/// Gaussian Wasserstein distance of rotated boxes.
///
/// ```text
/// D² = |Δcentre|² + α² (tr Σ + tr Σ_t − 2 √(tr(Σ Σ_t) + 2 √(det Σ det Σ_t)))        Σ = R diag(w²/4, h²/4) Rᵀ
/// L = f(D / 2 (det Σ det Σ_t)^⅛),  or 1 − 1/(τ + f(·)) if τ ≥ 1
/// ```
///
/// # Shapes
/// As [`RotatedIouLoss`](crate::RotatedIouLoss).
///
/// # Edge cases
/// As [`RotatedIouLoss`](crate::RotatedIouLoss); sizes are clamped to 1e-7..=1e7.
///
/// # Agrees with
/// mmrotate's `GDLoss("gwd")`.
///
/// # Reference
/// Yang et al., *Rethinking Rotated Object Detection with Gaussian Wasserstein Distance Loss*, 2021.
/// <https://arxiv.org/abs/2101.11952>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{GwdLoss, Loss};
///
/// let input = Tensor::new(&[[1f32, 1., 4., 2., 0.5]], &Device::Cpu)?;
/// let target = Tensor::new(&[[2f32, 1., 3., 2., 0.]], &Device::Cpu)?;
/// let (value, _gradient) = GwdLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.37870).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct GwdLoss {
    /// The function `f`. Default: `ln(1 + D)` (mmrotate).
    pub scale: Scale,
    /// 0, or at least 1. Default 0 (mmrotate).
    pub tau: f64,
    /// Weight of shape against centre, above 0. Default 1.
    pub alpha: f64,
    /// Whether the distance is divided by twice the size of the boxes. Default: it is.
    pub normalize: bool,
    /// ε, denominator, reduction.
    pub boxes: RotatedBoxes,
}

impl Default for GwdLoss {
    fn default() -> Self {
        Self {
            scale: Scale::default(),
            tau: 0.0,
            alpha: 1.0,
            normalize: true,
            boxes: RotatedBoxes::default(),
        }
    }
}

impl RotatedLoss for GwdLoss {
    const NAME: &'static str = "gwd";

    fn kind(&self) -> Kind {
        Kind::Gwd {
            scale: self.scale,
            tau: self.tau,
            alpha: self.alpha,
            is_normalized: self.normalize,
        }
    }

    fn boxes(&self) -> &RotatedBoxes {
        &self.boxes
    }
}
