//! Cross-entropy of the hardest points: OHEM and top-k.

use candle_core::{DType, Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::imbalance::{MinedMean, Mining};
use kernels::loops::site::Operands;
use kernels::{Normalizer, Reduction};

use super::cross_entropy::{check_classes, class_target, finish_pixels, pixel_items};
use crate::error::{self, Error};
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::ops;

/// Cross-entropy of hard points alone: online hard example mining (OHEM).
///
/// ```text
/// L = mean over selected points of −w_y ln p_y        p = softmax(x)
/// ```
///
/// Selected are all points with `p_y < threshold`, and if these are fewer than `min_kept` per image of the batch, the
/// hardest of the others until there are so many. Class weights have no say in the selection, which counts as constant.
///
/// # Shapes
/// As [`SoftmaxFocalLoss`](crate::SoftmaxFocalLoss). With [`Reduction::None`] points that are not selected have value 0.
///
/// # Edge cases
/// Fewer points than `min_kept`: all count. Of equally hard points the first come first. Points that are ignored or have
/// weight 0 are never selected. Nothing selected, all ignored or empty: the mean is 0, and so is the gradient. The composed
/// form selects on the host.
///
/// # Agrees with
/// mmsegmentation's `OHEMPixelSampler(thresh, min_kept)` with cross-entropy ([`MinedMean::All`]), which however never
/// keeps the easiest point of all.
///
/// # Reference
/// Shrivastava et al., *Training Region-based Object Detectors with Online Hard Example Mining*, 2016.
/// <https://arxiv.org/abs/1604.03540>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, OhemCrossEntropyLoss};
///
/// let logits = Tensor::new(&[[9f32, 0.], [0., 1.], [3., 0.]], &Device::Cpu)?;
/// let target = Tensor::new(&[0u32, 0, 0], &Device::Cpu)?;
/// let loss = OhemCrossEntropyLoss { min_kept: 0, ..OhemCrossEntropyLoss::default() };
/// // Only the second point is below 0.7.
/// let value = loss.forward(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 1.313_262).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct OhemCrossEntropyLoss {
    /// The probability below which a point is hard, above 0 and at most 1. Default 0.7 (mmsegmentation).
    pub threshold: f64,
    /// The least number of points per image, of the batch together. Default 100 000 (mmsegmentation).
    pub min_kept: usize,
    /// One weight per class; 1 where absent.
    pub class_weights: Option<Vec<f64>>,
    /// Points with this index have value 0 and are not selected. Default −100.
    pub ignore_index: Option<i64>,
    /// What the mean divides by. Default: the number of selected points.
    pub mean: MinedMean,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for OhemCrossEntropyLoss {
    fn default() -> Self {
        Self {
            threshold: 0.7,
            min_kept: 100_000,
            class_weights: None,
            ignore_index: Some(-100),
            mean: MinedMean::default(),
            reduction: Reduction::default(),
        }
    }
}

/// Cross-entropy of the hardest share of all points: top-k.
///
/// ```text
/// L = mean over selected points of −w_y ln p_y        p = softmax(x)
/// ```
///
/// Selected is the `share` of points of the whole batch with the least `p_y`, rounded down, but one at least. Class weights
/// have no say in the selection, which counts as constant.
///
/// # Shapes
/// As [`SoftmaxFocalLoss`](crate::SoftmaxFocalLoss). With [`Reduction::None`] points that are not selected have value 0.
///
/// # Edge cases
/// As [`OhemCrossEntropyLoss`].
///
/// # Agrees with
/// nnU-Net's `TopKLoss(k=10)`, whose share is of all points, the ignored ones among them.
///
/// # Reference
/// Wu et al., *Bridging Category-level and Instance-level Semantic Image Segmentation*, 2016.
/// <https://arxiv.org/abs/1605.06885>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, TopKCrossEntropyLoss};
///
/// let logits = Tensor::new(&[[9f32, 0.], [0., 1.], [3., 0.]], &Device::Cpu)?;
/// let target = Tensor::new(&[0u32, 0, 0], &Device::Cpu)?;
/// let loss = TopKCrossEntropyLoss { share: 0.4, ..TopKCrossEntropyLoss::default() };
/// let value = loss.forward(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 1.313_262).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct TopKCrossEntropyLoss {
    /// The share of points, in `[0, 1]`. Default 0.1 (nnU-Net's 10 percent).
    pub share: f64,
    /// One weight per class; 1 where absent.
    pub class_weights: Option<Vec<f64>>,
    /// Points with this index have value 0 and are not selected. Default −100.
    pub ignore_index: Option<i64>,
    /// What the mean divides by. Default: the number of selected points.
    pub mean: MinedMean,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for TopKCrossEntropyLoss {
    fn default() -> Self {
        Self {
            share: 0.1,
            class_weights: None,
            ignore_index: Some(-100),
            mean: MinedMean::default(),
            reduction: Reduction::default(),
        }
    }
}

impl OhemCrossEntropyLoss {
    fn mining(&self) -> Mining {
        Mining::Below {
            probability: self.threshold,
            least: self.min_kept,
        }
    }
}

impl TopKCrossEntropyLoss {
    fn mining(&self) -> Mining {
        Mining::Top { share: self.share }
    }
}

macro_rules! fused_mined {
    ($($loss:ty, $name:literal;)*) => {$(
        impl Fused for $loss {
            const NAME: &'static str = $name;
            const GEOMETRY: Geometry = Geometry::Sites;

            fn reduction(&self) -> Reduction {
                self.reduction
            }

            fn items(&self, input: &Shape) -> (Shape, Shape) {
                pixel_items(self.reduction, input)
            }

            fn check(&self, input: &Tensor) -> error::Result<()> {
                check_classes(Self::NAME, input)?;
                self.mining().check().map_err(Error::kernel(Self::NAME))
            }

            fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
                let operands = Operands {
                    input: call.input,
                    target: call.target,
                    weight: call.weight,
                    class_weights: self.class_weights.as_deref(),
                    ignore: self.ignore_index,
                };
                kernels::imbalance::evaluate_mined(
                    self.mining(),
                    self.mean,
                    self.reduction,
                    &operands,
                    call.values,
                    call.gradient,
                )
            }

            fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
                let Self { class_weights, ignore_index, mean, reduction, .. } = self;
                let class_weights = class_weights.as_deref();
                compose(self.mining(), *mean, *reduction, class_weights, *ignore_index, inputs)
            }
        }
    )*};
}

fused_mined! {
    OhemCrossEntropyLoss, "ohem_cross_entropy";
    TopKCrossEntropyLoss, "top_k_cross_entropy";
}

/// The composed form; points are selected on the host.
fn compose(
    mining: Mining,
    mean: MinedMean,
    reduction: Reduction,
    class_weights: Option<&[f64]>,
    ignore: Option<i64>,
    inputs: &Inputs<'_>,
) -> Result<Tensor> {
    let x = inputs.input;
    let (hot, mask) = class_target(x, inputs.target, ignore)?;
    let own = (ops::log_softmax(x)? * &hot)?.sum_keepdim(1)?.neg()?;
    let numbers = |tensor: &Tensor| -> Result<Vec<f64>> {
        let tensor = tensor.detach().to_dtype(DType::F64)?;
        tensor.flatten_all()?.to_vec1()
    };
    let weights = match inputs.weight {
        Some(weight) => numbers(&(weight * &mask)?)?,
        None => numbers(&mask)?,
    };
    let candidates: Vec<_> = numbers(&own)?
        .iter()
        .zip(&weights)
        .map(|(loss, weight)| (*weight != 0.0).then_some(*loss))
        .collect();
    let all = candidates.iter().flatten().count();
    let selected = mining.select(&candidates, x.dim(0)?);
    let selected: Vec<_> = selected.iter().map(|s| f64::from(u8::from(*s))).collect();
    let selected = Tensor::from_vec(selected, mask.shape(), x.device())?.to_dtype(x.dtype())?;
    // A mask of NaN, for an index outside the classes, stays NaN.
    let mask = (mask * selected)?;
    let point_weights = match class_weights {
        Some(weights) => hot
            .broadcast_mul(&ops::per_class(weights, x)?)?
            .sum_keepdim(1)?,
        None => hot.sum_keepdim(1)?,
    };
    let values = (own * &point_weights)?;
    let elements = Normalizer::Elements;
    match (reduction, mean) {
        (Reduction::Mean, MinedMean::All) => {
            let sum = Reduction::Sum;
            let sum = finish_pixels(&values, inputs, &mask, &point_weights, sum, elements)?;
            sum / all.max(1) as f64
        }
        _ => finish_pixels(&values, inputs, &mask, &point_weights, reduction, elements),
    }
}
