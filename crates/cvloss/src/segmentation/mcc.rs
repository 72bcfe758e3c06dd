//! Loss of Matthews's correlation.

use cvloss_kernels::region::{Options, Pooling, Score, Smooth};

use super::region::{Region, RegionLoss};

/// Loss of Matthews's correlation coefficient (MCC) of masks, which looks at true negatives too.
///
/// ```text
/// L = 1 − (I W − P T + smooth_n) / √(P T (W − P)(W − T) + smooth_d)
/// ```
///
/// with `I = Σ p t`, `P = Σ p`, `T = Σ t` and `W`, the number or weight of points: `I W − P T` is `TP·TN − FP·FN`, and the
/// root is of the product `(TP + FP)(TP + FN)(TN + FP)(TN + FN)`. `counts` is added to each of the four counts. Shapes and
/// policies: [`Region`]; the floor of its smoothing has no effect.
///
/// # Edge cases
/// Where `I = P = T` the loss is 0 with gradient 0, be the masks empty or full; probabilities of a sigmoid or softmax are
/// hardly ever that equal. Otherwise, against an empty or a full mask and without `counts`, the root is that of the
/// smoothing alone: the loss is 1 with gradient 0. NaN in, NaN out.
///
/// # Agrees with
/// `monai.losses.MCCLoss` (the default, with a softmax); segmentation_models_pytorch's `MCCLoss(eps)` as
/// [`MccLoss::smp`], which takes probabilities and pools the batch.
///
/// # Reference
/// Abhishek and Hamarneh, *Matthews Correlation Coefficient Loss for Deep Convolutional Networks*, 2020.
/// <https://arxiv.org/abs/2010.13454>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, MccLoss};
///
/// let logits = Tensor::new(&[[[30f32, -30., 30., -30.]]], &Device::Cpu)?;
/// let target = Tensor::new(&[[[1u8, 0, 0, 0]]], &Device::Cpu)?;
/// let value = MccLoss::binary().forward(&logits, &target)?;
/// // One true positive, one false positive, two true negatives: 2/√12.
/// assert!((value.to_scalar::<f32>()? - (1. - 2. / 12f32.sqrt())).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct MccLoss {
    /// Added to each of the four counts, at least 0. Default 0 (MONAI; segmentation_models_pytorch 1e-5).
    pub counts: f64,
    /// Sums, classes, policies. Default smoothing: 0 and 1e-5.
    pub region: Region,
}

impl Default for MccLoss {
    fn default() -> Self {
        Self {
            counts: 0.0,
            region: Region {
                smooth: Smooth {
                    numerator: 0.0,
                    denominator: 1e-5,
                    floor: 0.0,
                },
                ..Region::default()
            },
        }
    }
}

impl MccLoss {
    /// For one channel of logits, or several independent ones: sigmoid.
    pub fn binary() -> Self {
        let plain = Self::default();
        Self {
            region: Region {
                smooth: plain.region.smooth,
                ..Region::binary()
            },
            ..plain
        }
    }

    /// As segmentation_models_pytorch's, of logits: one channel, the batch pooled, 1e-5 added to each count.
    pub fn smp() -> Self {
        Self {
            counts: 1e-5,
            region: Region {
                smooth: Smooth::default(),
                pooling: Pooling::Batch,
                ..Region::binary()
            },
        }
    }
}

impl RegionLoss for MccLoss {
    const NAME: &'static str = "mcc";

    fn options(&self) -> Options {
        let score = Score::Matthews {
            counts: self.counts,
        };
        self.region.options(score)
    }

    fn ignore_index(&self) -> Option<i64> {
        self.region.ignore_index
    }

    fn check(&self) -> cvloss_kernels::Result<()> {
        self.options().check()
    }
}
