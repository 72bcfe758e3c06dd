//! Hausdorff loss by erosion.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::hausdorff_erosion::{Options, evaluate};
use kernels::loops::overlap::Operands;
use kernels::region::{Activation, Classes, Pooling};

use super::cross_entropy::{check_classes, class_target};
use super::distance::{check_space, probabilities};
use super::region::included;
use crate::error::{self, Error};
use crate::loss::{Call, Fused, Geometry, Inputs};

/// Hausdorff loss by erosion: squared errors count by how often they can be eroded before nothing is left.
///
/// ```text
/// L = mean Σ_k k^α B_k        B_0 = (p − t)²
/// B_k = n(max(cross(B_(k−1)) − ½, 0))        n(E) = (E − min E) / (max E − min E), E if that is 0/0
/// ```
///
/// `cross` is the mean of a point and its face neighbours, with 0 beyond the border, and `k` goes from 1 to `erosions`.
/// The extremes are those of each class of each image; the gradient goes through them. The mean is over points, then
/// over classes, then over images. The value is no distance in pixels, but grows with the thickness of what is wrong.
///
/// On the way back, erosions between a few that are kept are made anew, so that memory does not grow with their number:
/// 12 planes per thread.
///
/// # Shapes
/// As [`BoundaryLoss`](crate::BoundaryLoss), of classes.
///
/// # Edge cases
/// Errors that are thin or small leave nothing after one erosion: 0, without a gradient. Combine it with a loss of
/// regions. Equal extremes share their part of the gradient. Ignored points leave the mean, and are outside of every
/// class. No point that counts: 0. NaN in, NaN out.
///
/// In `f32`, errors of rounding are divided by each range too: after ten erosions the gradient is right to some 1e-5 of
/// its largest, after 25 to 1e-4.
///
/// # Agrees with
/// `kornia.losses.HausdorffERLoss` and `HausdorffERLoss3D` of probabilities, whose weights of the cross are rounded to
/// f32. Their `"none"` is per point, class axis first.
///
/// # Reference
/// Karimi and Salcudean, *Reducing the Hausdorff Distance in Medical Image Segmentation*, 2019.
/// <https://arxiv.org/abs/1904.10030>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{HausdorffErosionLoss, Loss};
///
/// // All of three points is wrong: means are ⅔, 1, ⅔; less ½, and from 0 to 1, this is 0, 1, 0. Then means are ⅓:
/// // nothing.
/// let logits = Tensor::new(&[[[100f32, 100., 100.]]], &Device::Cpu)?;
/// let target = Tensor::new(&[[0u32, 0, 0]], &Device::Cpu)?;
/// let value = HausdorffErosionLoss::binary().forward(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 1. / 3.).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct HausdorffErosionLoss {
    /// How the input becomes probabilities. Default: softmax.
    pub activation: Activation,
    /// How often errors are eroded, 1 to 1000. Default 10 (the paper, kornia).
    pub erosions: usize,
    /// What is left after `k` erosions counts `k^alpha`; at least 0. Default 2 (the paper, kornia).
    pub alpha: f64,
    /// Which classes count. Default: all (kornia).
    pub classes: Classes,
    /// Points with this index do not count. Default −100.
    pub ignore_index: Option<i64>,
    /// Over images. Default: mean.
    pub reduction: Reduction,
}

impl Default for HausdorffErosionLoss {
    fn default() -> Self {
        Self {
            activation: Activation::Softmax,
            erosions: 10,
            alpha: 2.0,
            classes: Classes::All,
            ignore_index: Some(-100),
            reduction: Reduction::Mean,
        }
    }
}

impl HausdorffErosionLoss {
    /// For one channel of logits, or several independent ones: sigmoid.
    pub fn binary() -> Self {
        Self {
            activation: Activation::Sigmoid,
            ..Self::default()
        }
    }

    fn options(&self) -> Options {
        Options {
            activation: self.activation,
            classes: self.classes.clone(),
            erosions: self.erosions,
            alpha: self.alpha,
            reduction: self.reduction,
        }
    }
}

impl Fused for HausdorffErosionLoss {
    const NAME: &'static str = "hausdorff_erosion";
    const GEOMETRY: Geometry = Geometry::Sites;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        super::region::region_items(self.reduction, Pooling::Image, input)
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        check_space(Self::NAME, input)?;
        if self.activation == Activation::Softmax {
            check_classes(Self::NAME, input)?;
        }
        let checked = self.options().check(input.dim(1)?, input.rank() - 2);
        checked.map_err(Error::kernel(Self::NAME))
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
            ignore: self.ignore_index,
        };
        evaluate(
            &self.options(),
            call.space,
            &operands,
            call.values,
            call.gradient,
        )
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let x = inputs.input;
        let (t, mask) = class_target(x, inputs.target, self.ignore_index)?;
        let p = probabilities(self.activation, x, &mask)?;
        let weight = match inputs.weight {
            Some(weight) => (weight * &mask)?,
            None => mask.clone(),
        };
        // NaN in a weight is NaN in the slopes, also where nothing is left after an erosion.
        let is_nan = weight.ne(&weight)?;
        let p = p.broadcast_add(&is_nan.where_cond(&weight, &weight.zeros_like()?)?)?;
        let mut bound = (&p - &t)?.sqr()?;
        let mut sum = bound.zeros_like()?;
        for k in 1..=self.erosions {
            bound = erode(&bound)?;
            sum = (sum + (&bound * (k as f64).powf(self.alpha))?)?;
        }
        let values = sum.broadcast_mul(&weight)?.flatten_from(2)?.sum(2)?;
        let kept = mask.flatten_from(1)?.sum_keepdim(1)?.maximum(1.0)?;
        let included = included(&self.classes, &values)?;
        let count = included.sum_all()?.maximum(1.0)?;
        let losses = values
            .broadcast_div(&kept)?
            .broadcast_mul(&included)?
            .broadcast_div(&count)?
            .sum(1)?;
        match self.reduction {
            Reduction::Mean => losses.mean_all(),
            Reduction::Sum => losses.sum_all(),
            Reduction::None => Ok(losses),
        }
    }
}

/// One erosion of (N, C, *).
fn erode(bound: &Tensor) -> Result<Tensor> {
    let mut sum = bound.clone();
    for axis in 2..bound.rank() {
        let len = bound.dim(axis)?;
        let padded = bound.pad_with_zeros(axis, 1, 1)?;
        sum = (sum + (padded.narrow(axis, 0, len)? + padded.narrow(axis, 2, len)?)?)?;
    }
    let mean = (sum / (2 * (bound.rank() - 2) + 1) as f64)?;
    let left = mean
        .lt(0.5)?
        .where_cond(&mean.zeros_like()?, &(&mean - 0.5)?)?;
    let rows = left.flatten_from(2)?;
    // Equal extremes share the gradient; candle gives each all of it.
    let shared = |extreme: Tensor| -> Result<Tensor> {
        let is_extreme = rows
            .broadcast_eq(&extreme.detach())?
            .to_dtype(rows.dtype())?;
        let count = is_extreme.sum_keepdim(2)?;
        (&rows * is_extreme)?.sum_keepdim(2)? / count
    };
    let (least, largest) = (shared(rows.min_keepdim(2)?)?, shared(rows.max_keepdim(2)?)?);
    let range = (largest - &least)?;
    let is_flat = range.eq(0.0)?;
    let safe = is_flat.where_cond(&range.ones_like()?, &range)?;
    let normal = rows.broadcast_sub(&least)?.broadcast_div(&safe)?;
    let is_flat = is_flat.broadcast_as(rows.shape())?;
    is_flat.where_cond(&rows, &normal)?.reshape(bound.shape())
}
