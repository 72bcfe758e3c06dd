//! Distribution focal loss.

use candle_core::{D, Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::distribution_focal::{Operands, Options};
use kernels::loops::boxes::{Denominator, Gradients};

use super::boxes::reduce;
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::ops;
use crate::segmentation::cross_entropy::pixel_items;

/// Distribution focal loss: a side of a box as a distribution over bins, whose truth lies between two of them.
///
/// ```text
/// L = −(⌈y⌉ − y) ln p_⌊y⌋ − (y − ⌊y⌋) ln p_⌈y⌉        p = softmax(x)
/// ```
///
/// The bins next to the target `y` share its weight, the nearer one more. What a detector reads back, `Σ c p_c`, is no
/// part of the loss.
///
/// # Shapes
/// - `input`: logits `(N, C, *)` of C ≥ 2 bins, f16, bf16, f32 or f64; `(4·N, C)` for four sides a box
/// - `target`: `(N, *)` or `(N, 1, *)` of the same dtype, in bins: 0 is the first, C − 1 the last
/// - `weight`: `(N, *)` or `(N, 1, *)`
/// - returns: `[]`, or `(N, *)` with [`Reduction::None`]
///
/// The gradient flows to the target too, where it is tracked.
///
/// # Edge cases
/// A target outside `0..=C − 1 − margin` is clamped, and has no slope there. NaN in, NaN out.
///
/// # Agrees with
/// mmdetection's `DistributionFocalLoss`; ultralytics' `DFLoss(reg_max)` with `margin: 0.01`, which has a mean over
/// four sides first.
///
/// # Reference
/// Li et al., *Generalized Focal Loss*, 2020. <https://arxiv.org/abs/2006.04388>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{DistributionFocalLoss, Loss};
///
/// let logits = Tensor::new(&[[0f32, 2., 1., 0.]], &Device::Cpu)?;
/// let target = Tensor::new(&[1.25f32], &Device::Cpu)?;
/// let (value, _gradient) = DistributionFocalLoss::default().value_and_grad(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.74373).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct DistributionFocalLoss {
    /// How far below the last bin targets are clamped, in `0..1`. Default 0; ultralytics: 0.01.
    pub margin: f64,
    /// What the mean divides by. Default: the number of points.
    pub denominator: Denominator,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Fused for DistributionFocalLoss {
    const NAME: &'static str = "distribution_focal";
    const GEOMETRY: Geometry = Geometry::Bins;
    const TARGET_GRADIENT: bool = true;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        pixel_items(self.reduction, input)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
        };
        let options = Options {
            margin: self.margin,
            denominator: self.denominator,
            reduction: self.reduction,
        };
        let gradients = Gradients {
            input: call.gradient,
            target: call.target_gradient,
        };
        kernels::distribution_focal::evaluate(&options, &operands, call.values, gradients)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let x = inputs.input;
        let bins = x.dim(1)?;
        let mut shape = vec![1; x.rank()];
        shape[1] = bins;
        let numbers = Tensor::arange(0u32, bins as u32, x.device())?
            .to_dtype(x.dtype())?
            .reshape(shape)?;
        let y = inputs.target.maximum(0.0)?;
        let y = y.minimum((bins - 1) as f64 - self.margin)?;
        let gap = y.broadcast_sub(&numbers)?.abs()?;
        let weights = gap.affine(-1.0, 1.0)?.maximum(0.0)?;
        let values = (ops::log_softmax(x)? * weights)?.sum_keepdim(1)?.neg()?;
        let values = reduce(&values, inputs.weight, self.denominator, self.reduction)?;
        match self.reduction {
            Reduction::None => values.squeeze(1),
            _ => Ok(values),
        }
    }
}

/// The mean of a distribution over bins, `Σ c p_c` over the last axis of logits: what a detector reads back.
///
/// On candle's tape; composed of candle operations.
pub fn expected_bin(logits: &Tensor) -> Result<Tensor> {
    let bins = logits.dim(D::Minus1)?;
    let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?.detach())?;
    let e = shifted.exp()?;
    let numbers = Tensor::arange(0u32, bins as u32, logits.device())?.to_dtype(logits.dtype())?;
    e.broadcast_mul(&numbers)?.sum(D::Minus1)? / e.sum(D::Minus1)?
}
