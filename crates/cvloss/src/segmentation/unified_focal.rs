//! Unified focal loss.

use cvloss_kernels as kernels;
use kernels::imbalance::{Points, SiteKind, UnifiedForm};
use kernels::region::{Options, Score, Smooth, Transform, check_unified};

use super::compound::{CompoundLoss, fused_compound};
use super::region::Region;

/// Unified focal loss: focal cross-entropy and focal Tversky loss with the same two parameters, over a softmax.
///
/// ```text
/// L = λ · mean over points and classes of α_y F_y (−ln p_y)  +  (1 − λ) · mean_c (1 − TI_c)^(g_c)
///
/// TI = (I + 1e-7) / (I + δ (T − I) + (1 − δ)(P − I) + 1e-7)        α = 1 − δ for class 0, δ for the others
/// ```
///
/// Asymmetric: `F = (1 − p_y)^γ` and `g = 1` for class 0, the background; `F = 1` and `g = 1 − γ` for the others.
/// Symmetric: `F = (1 − p_y)^γ` and `g = 1 − γ` for all. Shapes and policies: [`Region`]; the target must be class indices,
/// and the activation is a softmax. The mean over points is over the whole batch, or with another reduction than the mean
/// over each image.
///
/// # Edge cases
/// As [`FocalTverskyLoss`](crate::FocalTverskyLoss) and [`SoftmaxFocalLoss`](crate::SoftmaxFocalLoss).
///
/// # Agrees with
/// `monai.losses.AsymmetricUnifiedFocalLoss` of the softmax, two classes, which holds probabilities 1e-7 away from 0 and 1.
/// The authors' code gives `λ` to the other term, and sums the first over classes.
///
/// # Reference
/// Yeung et al., *Unified Focal Loss: Generalising Dice and cross entropy-based losses to handle class imbalanced medical
/// image segmentation*, 2021. <https://arxiv.org/abs/2102.04525>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, UnifiedFocalLoss};
///
/// let logits = Tensor::zeros((1, 2, 4), candle_core::DType::F32, &Device::Cpu)?;
/// let target = Tensor::new(&[[0u8, 1, 0, 0]], &Device::Cpu)?;
/// let value = UnifiedFocalLoss::default().forward(&logits, &target)?;
/// // Cross-entropy ln 2 · (0.3 · 0.5^0.5 · 3 + 0.7) / 8; Tversky losses 0.444 and 0.615^0.5 of the two classes.
/// assert!((value.to_scalar::<f32>()? - 0.365_122).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct UnifiedFocalLoss {
    /// `λ`, the weight of the cross-entropy, in `[0, 1]`. Default 0.5.
    pub weight: f64,
    /// `δ`, the weight of misses and of foreground points, in `[0, 1]`. Default 0.7 (MONAI; the paper 0.6).
    pub delta: f64,
    /// `γ` in `[0, 1]`. Default 0.5.
    pub gamma: f64,
    /// Whether foreground and background are alike. Default: they are not.
    pub form: UnifiedForm,
    /// Sums, classes, policies of the Tversky term. Default smoothing: 1e-7, as MONAI.
    pub region: Region,
}

impl Default for UnifiedFocalLoss {
    fn default() -> Self {
        Self {
            weight: 0.5,
            delta: 0.7,
            gamma: 0.5,
            form: UnifiedForm::default(),
            region: Region {
                smooth: Smooth {
                    numerator: 1e-7,
                    denominator: 1e-7,
                    floor: 0.0,
                },
                ..Region::default()
            },
        }
    }
}

fused_compound!(UnifiedFocalLoss);

impl CompoundLoss for UnifiedFocalLoss {
    const NAME: &'static str = "unified_focal";

    fn region(&self) -> Options {
        Options {
            transform: Transform::Power(1.0 - self.gamma),
            background: match self.form {
                UnifiedForm::Asymmetric => Some(Transform::Linear),
                UnifiedForm::Symmetric => None,
            },
            weight: 1.0 - self.weight,
            ..self
                .region
                .options(Score::tversky(1.0 - self.delta, self.delta))
        }
    }

    fn points(&self, classes: usize) -> Points {
        let mut weights = vec![self.delta; classes];
        weights[0] = 1.0 - self.delta;
        Points {
            kind: SiteKind::Focal {
                gamma: self.gamma,
                background_only: self.form == UnifiedForm::Asymmetric,
            },
            weight: self.weight / classes as f64,
            class_weights: Some(weights),
        }
    }

    fn ignore_index(&self) -> Option<i64> {
        self.region.ignore_index
    }

    fn check(&self) -> kernels::Result<()> {
        check_unified(self.weight, self.delta, self.gamma, self.region.activation)
    }
}
