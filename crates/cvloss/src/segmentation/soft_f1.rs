//! Soft F1 loss.

use cvloss_kernels::region::{F1Sides, Options, Pooling, Score, Smooth};

use super::region::{Region, RegionLoss};

/// Soft F1 loss: one less the F1 score of probabilities, over a batch.
///
/// ```text
/// L = 1 − (2 I + smooth_n) / (P + T + smooth_d)                                  F1Sides::Positives
/// L = 1 − ½ (that quotient + the same of 1 − p and 1 − t)                        F1Sides::Both
/// ```
///
/// `I = Σ p t`, `P = Σ p`, `T = Σ t`. Of positives alone it is the batch Dice loss; with both sides, negatives count as a
/// class of their own. Shapes and policies: [`Region`].
///
/// # Edge cases
/// As [`DiceLoss`](crate::DiceLoss).
///
/// # Agrees with
/// `SoftF1Loss` and `BinarySoftF1Loss` of pytorch-toolbelt ([`F1Sides::Positives`]), which hold probabilities 1e-6 away
/// from 0 and 1; its "double soft F1" is [`F1Sides::Both`].
///
/// # Reference
/// Maiza, *The Unknown Benefits of using a Soft-F1 Loss in Classification Systems*, 2019.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, SoftF1Loss};
///
/// let logits = Tensor::new(&[[30f32], [-30.], [30.], [-30.]], &Device::Cpu)?;
/// let target = Tensor::new(&[[1u8], [0], [0], [0]], &Device::Cpu)?;
/// let value = SoftF1Loss::binary().forward(&logits, &target)?;
/// // F1 of positives is 2/3, of negatives 4/5.
/// assert!((value.to_scalar::<f32>()? - (1. - (2. / 3. + 4. / 5.) / 2.)).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct SoftF1Loss {
    /// Whether negatives have a score too. Default: both.
    pub sides: F1Sides,
    /// Sums, classes, policies. Default: the batch pooled, 1e-6 added to the denominator.
    pub region: Region,
}

impl Default for SoftF1Loss {
    fn default() -> Self {
        Self {
            sides: F1Sides::default(),
            region: pooled(Region::default()),
        }
    }
}

/// The batch as one, as toolbelt.
fn pooled(region: Region) -> Region {
    Region {
        pooling: Pooling::Batch,
        smooth: Smooth {
            numerator: 0.0,
            denominator: 1e-6,
            floor: 0.0,
        },
        ..region
    }
}

impl SoftF1Loss {
    /// For one channel of logits, or several independent ones: sigmoid.
    pub fn binary() -> Self {
        Self {
            region: pooled(Region::binary()),
            ..Self::default()
        }
    }
}

impl RegionLoss for SoftF1Loss {
    const NAME: &'static str = "soft_f1";

    fn options(&self) -> Options {
        self.region.options(match self.sides {
            F1Sides::Positives => Score::DICE,
            F1Sides::Both => Score::BothSides,
        })
    }

    fn ignore_index(&self) -> Option<i64> {
        self.region.ignore_index
    }
}
