//! Class-balanced binary cross-entropy.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::imbalance::Balance;
use kernels::loops::pointwise::Operands;
use kernels::{Normalizer, Reduction};

use super::bce::{element_items, finish_elements};
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::ops;

/// Class-balanced binary cross-entropy of logits, for thin foregrounds such as edges (HED).
///
/// ```text
/// L = −β t ln p − (1 − β)(1 − t) ln (1 − p)        β = 1 − Σ w t / Σ w
/// ```
///
/// `β`, the share of negatives, is counted over the batch or each image, with the weight map `w` and without ignored
/// elements. It counts as constant.
///
/// # Shapes
/// As [`BceLoss`](crate::BceLoss). An image is an item of axis 0; a vector is one image.
///
/// # Edge cases
/// Negatives alone weigh 0, and so do positives alone: value and gradient are 0. Empty, all ignored, or weights of 0: the
/// mean is 0, and so is the gradient. NaN in, NaN out.
///
/// # Agrees with
/// `BalancedBCEWithLogitsLoss` of pytorch-toolbelt with its default `gamma=1`, up to the 1e-7 that it adds to a count; its
/// mean keeps ignored points.
///
/// # Reference
/// Xie and Tu, *Holistically-Nested Edge Detection*, 2015. <https://arxiv.org/abs/1504.06375>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{BalancedBceLoss, Loss};
///
/// let logits = Tensor::new(&[0f32, 2., -1., -3.], &Device::Cpu)?;
/// let target = Tensor::new(&[0u8, 1, 0, 0], &Device::Cpu)?;
/// let (value, _gradient) = BalancedBceLoss::default().value_and_grad(&logits, &target)?;
/// // β = 3/4
/// assert!((value.to_scalar::<f32>()? - 0.089_737).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct BalancedBceLoss {
    /// What positives are counted over. Default: the batch.
    pub balance: Balance,
    /// Elements with this target have value 0, leave the count and the mean's denominator.
    pub ignore_index: Option<f64>,
    /// What the mean divides by. Default: elements.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Fused for BalancedBceLoss {
    const NAME: &'static str = "balanced_bce";
    const GEOMETRY: Geometry = Geometry::Elements;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        element_items(self.reduction, input)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let Call {
            input,
            target,
            weight,
            values,
            gradient,
            channel_axis,
            ..
        } = call;
        let operands = Operands {
            input,
            target,
            auxiliary: None,
            weight,
            ignore: self.ignore_index,
        };
        kernels::imbalance::evaluate_balanced(
            self.balance,
            // Images lie before channels, in a matrix too.
            channel_axis - 1,
            self.normalizer,
            self.reduction,
            &operands,
            values,
            gradient,
        )
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let x = inputs.input;
        let t = inputs.target.to_dtype(x.dtype())?;
        let mask = ops::keep_mask(&t, self.ignore_index, x.dtype())?;
        let weights = match inputs.weight {
            Some(weight) => mask.broadcast_mul(weight)?,
            None => mask.clone(),
        };
        let kept = mask.gt(0.0)?;
        let targets = kept.where_cond(&t, &t.zeros_like()?)?;
        // Over all axes but that of images.
        let sum = |values: Tensor| -> Result<Tensor> {
            match (self.balance, values.rank()) {
                (Balance::Batch, _) | (_, 0 | 1) => ops::total(&values),
                (Balance::Image, rank) => {
                    let mut sum = values;
                    for axis in 1..rank {
                        sum = sum.sum_keepdim(axis)?;
                    }
                    Ok(sum)
                }
            }
        };
        let (positives, all) = (sum((targets * &weights)?)?, sum(weights)?);
        let is_empty = all.eq(0.0)?;
        let share = (positives / is_empty.where_cond(&all.ones_like()?, &all)?)?;
        let half = all.ones_like()?.affine(0.5, 0.0)?;
        let share = is_empty.where_cond(&half, &share)?.detach();
        let positive =
            (&t * ops::softplus(&x.neg()?)?)?.broadcast_mul(&share.affine(-1.0, 1.0)?)?;
        let negative = (t.affine(-1.0, 1.0)? * ops::softplus(x)?)?.broadcast_mul(&share)?;
        finish_elements(
            &(positive + negative)?,
            &t,
            inputs.weight,
            self.ignore_index,
            self.reduction,
            self.normalizer,
        )
    }
}
