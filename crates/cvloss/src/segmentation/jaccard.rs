//! Jaccard loss, also called soft IoU loss.

use cvloss_kernels::region::{Options, Score, Transform};

use super::region::{Region, RegionLoss};

/// Jaccard (soft IoU) loss of masks.
///
/// ```text
/// L = 1 − (I + smooth_n) / (P + T − I + smooth_d)        I = Σ p t,  P = Σ p,  T = Σ t
/// ```
///
/// Shapes and policies: [`Region`]. Edge cases: [`DiceLoss`](crate::DiceLoss).
///
/// # Agrees with
/// segmentation_models_pytorch's `JaccardLoss`; MONAI's `DiceLoss(jaccard=True)` with half its smoothings.
///
/// # Reference
/// Rahman and Wang, *Optimizing intersection-over-union in deep neural networks*, 2016.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{JaccardLoss, Loss};
///
/// let logits = Tensor::new(&[[[9f32, -9., 9.]]], &Device::Cpu)?;
/// let target = Tensor::new(&[[[1f32, 0., 0.]]], &Device::Cpu)?;
/// let value = JaccardLoss::binary().forward(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.5).abs() < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct JaccardLoss {
    /// From a score to a loss. Default: `1 − s`.
    pub transform: Transform,
    /// Sums, classes, policies.
    pub region: Region,
}

impl JaccardLoss {
    /// For one channel of logits, or several independent ones: sigmoid.
    pub fn binary() -> Self {
        Self {
            region: Region::binary(),
            ..Self::default()
        }
    }
}

impl RegionLoss for JaccardLoss {
    const NAME: &'static str = "jaccard";

    fn options(&self) -> Options {
        Options {
            transform: self.transform,
            ..self.region.options(Score::JACCARD)
        }
    }

    fn ignore_index(&self) -> Option<i64> {
        self.region.ignore_index
    }
}
