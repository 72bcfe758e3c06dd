//! Exponential logarithmic loss.

use cvloss_kernels as kernels;
use kernels::imbalance::{Points, SiteKind};
use kernels::region::{Options, Score, Transform, check_exp_log};

use super::compound::{CompoundLoss, fused_compound};
use super::region::Region;

/// Exponential logarithmic loss: powers of the logarithms of Dice's score and of the probability, over a softmax.
///
/// ```text
/// L = λ_dice · mean_c (−ln s_c)^γ_dice  +  λ_ce · mean over points of w_y (−ln p_y)^γ_ce
///
/// s = (2 I + smooth_n) / (P + T + smooth_d)
/// ```
///
/// Shapes and policies: [`Region`]; the target must be class indices, and the activation is a softmax. The mean over points
/// is over the whole batch, or with another reduction than the mean over each image.
///
/// # Edge cases
/// A score below 1e-7 counts as that. Where `γ < 1` and a logarithm is 0, the slope, infinite there, is 0 (of points) or
/// that at 1e-7 (of scores). All ignored: as [`DiceLoss`](crate::DiceLoss) of nothing.
///
/// # Agrees with
/// The paper, and SegLossOdyssey's `ExpLog_loss` but for its smoothing.
///
/// # Reference
/// Wong et al., *3D Segmentation with Exponential Logarithmic Loss for Highly Unbalanced Object Sizes*, 2018.
/// <https://arxiv.org/abs/1809.00076>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{ExpLogLoss, Loss};
///
/// let logits = Tensor::zeros((1, 2, 2), candle_core::DType::F32, &Device::Cpu)?;
/// let target = Tensor::new(&[[0u8, 1]], &Device::Cpu)?;
/// let value = ExpLogLoss::default().forward(&logits, &target)?;
/// // Both scores and probabilities are ½.
/// assert!((value.to_scalar::<f32>()? - 2f32.ln().powf(0.3)).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct ExpLogLoss {
    /// The factor of the Dice term, at least 0. Default 0.8.
    pub lambda_dice: f64,
    /// The factor of the cross-entropy term, at least 0. Default 0.2.
    pub lambda_ce: f64,
    /// The power of the Dice term, above 0. Default 0.3.
    pub gamma_dice: f64,
    /// The power of the cross-entropy term, above 0. Default 0.3.
    pub gamma_ce: f64,
    /// One weight per class in the cross-entropy term; 1 where absent. The paper has `(Σ_k n_k / n_c)^½`.
    pub class_weights: Option<Vec<f64>>,
    /// Sums, classes, policies of the Dice term.
    pub region: Region,
}

impl Default for ExpLogLoss {
    fn default() -> Self {
        Self {
            lambda_dice: 0.8,
            lambda_ce: 0.2,
            gamma_dice: 0.3,
            gamma_ce: 0.3,
            class_weights: None,
            region: Region::default(),
        }
    }
}

fused_compound!(ExpLogLoss);

impl CompoundLoss for ExpLogLoss {
    const NAME: &'static str = "exp_log";

    fn region(&self) -> Options {
        Options {
            transform: Transform::LogPower(self.gamma_dice),
            weight: self.lambda_dice,
            ..self.region.options(Score::DICE)
        }
    }

    fn points(&self, _: usize) -> Points {
        Points {
            kind: SiteKind::Power {
                gamma: self.gamma_ce,
            },
            weight: self.lambda_ce,
            class_weights: self.class_weights.clone(),
        }
    }

    fn ignore_index(&self) -> Option<i64> {
        self.region.ignore_index
    }

    fn check(&self) -> kernels::Result<()> {
        check_exp_log(
            [self.lambda_dice, self.lambda_ce],
            [self.gamma_dice, self.gamma_ce],
            self.region.activation,
        )
    }
}
