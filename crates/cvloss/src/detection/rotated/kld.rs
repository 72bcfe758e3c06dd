//! Kullback-Leibler divergence of rotated boxes.

use cvloss_kernels::rotated::{Divergence, Kind, Scale};

use super::{RotatedBoxes, RotatedLoss};

/// Kullback-Leibler divergence of rotated boxes as Gaussians.
///
/// ```text
/// D = ½ Δᵀ Σ⁻¹ Δ/α² + ½ tr(Σ⁻¹ Σ_t) + ½ ln(det Σ/det Σ_t) − 1        Σ = R diag(w²/4, h²/4) Rᵀ
/// L = f(√D),  or 1 − 1/(τ + f(·)) if τ ≥ 1
/// ```
///
/// # Shapes
/// As [`RotatedIouLoss`](crate::RotatedIouLoss).
///
/// # Edge cases
/// As [`RotatedIouLoss`](crate::RotatedIouLoss); sizes are clamped to 1e-7..=1e7.
///
/// # Agrees with
/// mmrotate's `GDLoss("kld")`, `"jd"`, `"kld_symmax"`, `"kld_symmin"`.
///
/// # Reference
/// Yang et al., *Learning High-Precision Bounding Box for Rotated Object Detection via Kullback-Leibler Divergence*,
/// 2021. <https://arxiv.org/abs/2106.01883>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{KldLoss, Loss};
///
/// let input = Tensor::new(&[[1f32, 1., 4., 2., 0.5]], &Device::Cpu)?;
/// let target = Tensor::new(&[[2f32, 1., 3., 2., 0.]], &Device::Cpu)?;
/// let (value, _gradient) = KldLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.48415).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct KldLoss {
    /// Which direction, or both. Default: of the target from the prediction.
    pub divergence: Divergence,
    /// Whether the root is taken, of at least 1e-7. Default: it is (mmrotate).
    pub root: bool,
    /// The function `f`. Default: `ln(1 + D)` (mmrotate).
    pub scale: Scale,
    /// 0, or at least 1. Default 0 (mmrotate).
    pub tau: f64,
    /// Weight of shape against centre, above 0. Default 1.
    pub alpha: f64,
    /// ε, denominator, reduction.
    pub boxes: RotatedBoxes,
}

impl Default for KldLoss {
    fn default() -> Self {
        Self {
            divergence: Divergence::default(),
            root: true,
            scale: Scale::default(),
            tau: 0.0,
            alpha: 1.0,
            boxes: RotatedBoxes::default(),
        }
    }
}

impl RotatedLoss for KldLoss {
    const NAME: &'static str = "kld";

    fn kind(&self) -> Kind {
        Kind::Kld {
            divergence: self.divergence,
            has_root: self.root,
            scale: self.scale,
            tau: self.tau,
            alpha: self.alpha,
        }
    }

    fn boxes(&self) -> &RotatedBoxes {
        &self.boxes
    }
}
