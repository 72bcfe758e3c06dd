//! Boundary loss, and Hausdorff loss by distance transforms.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::distance::{BoundaryTarget, Formula, HausdorffTransform, Options};
use kernels::distance_transform::{signed_distances, surface_distances};
use kernels::region::{Activation, Classes, Operands, Pooling};

use super::cross_entropy::{check_classes, class_target};
use super::distance_transform::each_plane;
use super::region::included;
use crate::error::{self, Error};
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::ops;

/// Boundary loss: probabilities times the signed distance to the target's surface.
///
/// ```text
/// L = mean p φ        φ = d outside, −(d − 1) inside
/// ```
///
/// the mean over points, then over classes, then over images. It is negative where most of a mask is found; it is used
/// along with a region loss, its weight growing during training.
///
/// # Shapes
/// - input: `(N, C, *)` with one to three axes of space, logits unless the activation is [`Activation::Identity`]
/// - target: class indices `(N, *)` or `(N, 1, *)` as u8, u32, i64, or zeros and ones `(N, C, *)` in the input's dtype, of
///   which what lies above 0.5 is inside; or distances `(N, C, *)`. With one channel, index 1 is the foreground
/// - weight: `(N, *)` or `(N, 1, *)`, multiplies the terms
/// - value: `[]`; with [`Reduction::None`] `(N)`, one value per image
///
/// # Edge cases
/// A class that is absent or everywhere has no surface: its distances, and so its loss, are 0. Ignored points leave the
/// mean, and are outside of every class. No point that counts: 0. NaN in, NaN out.
///
/// # Agrees with
/// `monai.losses.BoundaryLoss`, which rounds distances to f32.
///
/// # Reference
/// Kervadec et al., *Boundary loss for highly unbalanced segmentation*, 2019. <https://arxiv.org/abs/1812.07032>
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::{BoundaryLoss, Loss};
///
/// // Distances are 1, 0, −1, 0, 1, 2, and every probability is 0.5.
/// let logits = Tensor::zeros((1, 1, 6), DType::F32, &Device::Cpu)?;
/// let target = Tensor::new(&[[0u32, 1, 1, 1, 0, 0]], &Device::Cpu)?;
/// let (value, _gradient) = BoundaryLoss::binary().value_and_grad(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.5 * 3.0 / 6.0).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct BoundaryLoss {
    /// How the input becomes probabilities. Default: softmax.
    pub activation: Activation,
    /// What the target holds. Default: classes; [`signed_distance_map`](crate::signed_distance_map) makes distances.
    pub target: BoundaryTarget,
    /// Which classes count. Default: all (MONAI).
    pub classes: Classes,
    /// The distance of neighbours along each axis of space. Default: 1.
    pub spacing: Option<Vec<f64>>,
    /// Points with this index do not count. Default −100.
    pub ignore_index: Option<i64>,
    /// Over images. Default: mean.
    pub reduction: Reduction,
}

impl Default for BoundaryLoss {
    fn default() -> Self {
        Self {
            activation: Activation::Softmax,
            target: BoundaryTarget::Mask,
            classes: Classes::All,
            spacing: None,
            ignore_index: Some(-100),
            reduction: Reduction::Mean,
        }
    }
}

impl BoundaryLoss {
    /// For one channel of logits, or several independent ones: sigmoid.
    pub fn binary() -> Self {
        Self {
            activation: Activation::Sigmoid,
            ..Self::default()
        }
    }
}

/// Hausdorff loss by distance transforms: squared errors times distances to both surfaces.
///
/// ```text
/// L = mean (p − t)² (D_p^α + D_t^α)
/// ```
///
/// with the distance `D` of each point to the nearest on the other side of where `p`, or `t`, crosses 0.5; the mean over
/// points, then over classes, then over images. Distances count as constants. Shapes are those of [`BoundaryLoss`].
///
/// # Edge cases
/// Where neither prediction nor target has a surface, because both are empty or full, distances are 0, and so is the loss.
/// Ignored points leave the mean, and are outside of every class. No point that counts: 0. NaN in, NaN out.
///
/// # Agrees with
/// `monai.losses.HausdorffDTLoss`, and `LogHausdorffDTLoss` with [`HausdorffTransform::Log`], which round distances to
/// f32. Their `"none"` is per image and class.
///
/// # Reference
/// Karimi and Salcudean, *Reducing the Hausdorff Distance in Medical Image Segmentation*, 2019.
/// <https://arxiv.org/abs/1904.10030>
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::{HausdorffLoss, Loss};
///
/// // Nothing is predicted (0.5 is not above 0.5); the target's distances are 1, 1, 1, 2.
/// let logits = Tensor::zeros((1, 1, 4), DType::F32, &Device::Cpu)?;
/// let target = Tensor::new(&[[0u32, 1, 0, 0]], &Device::Cpu)?;
/// let (value, _gradient) = HausdorffLoss::binary().value_and_grad(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.25 * (1.0 + 1.0 + 1.0 + 4.0) / 4.0).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct HausdorffLoss {
    /// How the input becomes probabilities. Default: softmax.
    pub activation: Activation,
    /// How much large distances count, at least 0. Default 2 (the paper, MONAI).
    pub alpha: f64,
    /// From the loss to the result. Default: as it is.
    pub transform: HausdorffTransform,
    /// Which classes count. Default: all but class 0 (MONAI).
    pub classes: Classes,
    /// The distance of neighbours along each axis of space. Default: 1.
    pub spacing: Option<Vec<f64>>,
    /// Points with this index do not count. Default −100.
    pub ignore_index: Option<i64>,
    /// Over images. Default: mean.
    pub reduction: Reduction,
}

impl Default for HausdorffLoss {
    fn default() -> Self {
        Self {
            activation: Activation::Softmax,
            alpha: 2.0,
            transform: HausdorffTransform::Linear,
            classes: Classes::Foreground,
            spacing: None,
            ignore_index: Some(-100),
            reduction: Reduction::Mean,
        }
    }
}

impl HausdorffLoss {
    /// For one channel of logits, or several independent ones: sigmoid.
    pub fn binary() -> Self {
        Self {
            activation: Activation::Sigmoid,
            ..Self::default()
        }
    }
}

impl BoundaryLoss {
    fn options(&self) -> Options {
        Options {
            formula: Formula::Boundary(self.target),
            activation: self.activation,
            classes: self.classes.clone(),
            spacing: self.spacing.clone(),
            reduction: self.reduction,
        }
    }
}

impl HausdorffLoss {
    fn options(&self) -> Options {
        Options {
            formula: Formula::Hausdorff {
                alpha: self.alpha,
                transform: self.transform,
            },
            activation: self.activation,
            classes: self.classes.clone(),
            spacing: self.spacing.clone(),
            reduction: self.reduction,
        }
    }
}

impl Fused for BoundaryLoss {
    const NAME: &'static str = "boundary";
    const GEOMETRY: Geometry = Geometry::Sites;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        super::region::region_items(self.reduction, Pooling::Image, input)
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        check(Self::NAME, &self.options(), input)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        run(&self.options(), self.ignore_index, call)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        compose(&self.options(), self.ignore_index, inputs)
    }
}

impl Fused for HausdorffLoss {
    const NAME: &'static str = "hausdorff";
    const GEOMETRY: Geometry = Geometry::Sites;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        super::region::region_items(self.reduction, Pooling::Image, input)
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        check(Self::NAME, &self.options(), input)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        run(&self.options(), self.ignore_index, call)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        compose(&self.options(), self.ignore_index, inputs)
    }
}

fn check(name: &'static str, options: &Options, input: &Tensor) -> error::Result<()> {
    check_space(name, input)?;
    if options.activation == Activation::Softmax {
        check_classes(name, input)?;
    }
    options
        .check(input.dim(1)?, input.rank() - 2)
        .map_err(Error::kernel(name))
}

/// Fails unless there are one to three axes of space.
pub(super) fn check_space(loss: &'static str, input: &Tensor) -> error::Result<()> {
    if (3..=5).contains(&input.rank()) {
        return Ok(());
    }
    Err(Error::Shape {
        loss,
        argument: "input",
        expected: "(N, C, *) with 1 to 3 axes of space".into(),
        got: input.shape().clone(),
    })
}

fn run(options: &Options, ignore: Option<i64>, call: Call<'_, '_>) -> kernels::Result<f64> {
    let operands = Operands {
        input: call.input,
        target: call.target,
        weight: call.weight,
        ignore,
    };
    kernels::distance::evaluate(options, call.space, &operands, call.values, call.gradient)
}

/// Probabilities, 0 at ignored points.
pub(super) fn probabilities(activation: Activation, x: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let p = match activation {
        Activation::Softmax => ops::log_softmax(x)?.exp()?,
        Activation::Sigmoid => ops::sigmoid(x)?,
        Activation::Identity => x.clone(),
    };
    let is_ignored = mask.eq(0.0)?.broadcast_as(p.shape())?;
    is_ignored.where_cond(&p.zeros_like()?, &p)
}

/// Distances are computed on the host, as constants.
fn compose(options: &Options, ignore: Option<i64>, inputs: &Inputs<'_>) -> Result<Tensor> {
    let x = inputs.input;
    let (t, mask) = class_target(x, inputs.target, ignore)?;
    let p = probabilities(options.activation, x, &mask)?;
    let weight = match inputs.weight {
        Some(weight) => (weight * &mask)?,
        None => mask.clone(),
    };
    let spacing = options.spacing.as_deref();
    let map = |x: &Tensor, transform| -> Result<Tensor> {
        let map = each_plane("composed", &x.detach(), spacing, transform)
            .map_err(candle_core::Error::wrap)?;
        map.to_dtype(x.dtype())?.to_device(x.device())
    };
    // NaN in target or probability is NaN in the slope.
    let nan_of_target = ((&t * 0.0)? + (&p * 0.0)?.detach())?;
    let (values, is_log) = match options.formula {
        Formula::Boundary(BoundaryTarget::Distances) => ((&p * (&t + nan_of_target)?)?, false),
        Formula::Boundary(BoundaryTarget::Mask) => {
            ((&p * (map(&t, signed_distances)? + nan_of_target)?)?, false)
        }
        Formula::Hausdorff { alpha, transform } => {
            let power = |d: Tensor| ops::power(&d, alpha);
            let of_target = power(map(&t, surface_distances)?)?;
            let weights = (of_target + power(map(&p, surface_distances)?)?)?;
            let squares = (&p - &t)?.sqr()?;
            ((squares * weights)?, transform == HausdorffTransform::Log)
        }
    };
    let values = values.broadcast_mul(&weight)?.flatten_from(2)?.sum(2)?;
    let kept = mask.flatten_from(1)?.sum_keepdim(1)?.maximum(1.0)?;
    let included = included(&options.classes, &values)?;
    let count = included.sum_all()?.maximum(1.0)?;
    let losses = values
        .broadcast_div(&kept)?
        .broadcast_mul(&included)?
        .broadcast_div(&count)?
        .sum(1)?;
    let losses = match options.reduction {
        Reduction::Mean => losses.mean_all()?,
        Reduction::Sum => losses.sum_all()?,
        Reduction::None => losses,
    };
    match is_log {
        true => (losses + 1.0)?.log(),
        false => Ok(losses),
    }
}
