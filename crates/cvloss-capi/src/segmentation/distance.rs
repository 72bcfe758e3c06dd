//! Boundary loss, and Hausdorff loss by distance transforms.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::distance::{BoundaryTarget, Formula, HausdorffTransform, Options, evaluate};
use cvloss_kernels::region::{Activation, Classes, Operands};
use cvloss_kernels::{Geometry, Reduction, Result as KernelResult};

use super::cross_entropy::check_classes;
use super::region::{activation, classes, cvl_activation, cvl_classes};
use crate::config::{choose, init, list, versioned};
use crate::loss::{Call, Config, Items, Loss, create, cvl_loss};
use crate::options::{cvl_reduction, ignore_index, reduction};
use crate::status::{Error, Result, cvl_status};

/// What the target of a boundary loss is.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_boundary_target {
    /// Classes, whose signed distances are computed.
    Mask = 0,
    /// Signed distances (N, C, *), negative inside, in the input's type, as a data loader may compute once.
    Distances,
}

/// From a Hausdorff loss to the result.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_hausdorff_transform {
    /// As it is.
    Linear = 0,
    /// `ln(1 + L)`, MONAI's `LogHausdorffDTLoss`; of the reduced loss, or of each image's.
    Log,
}

/// Options of boundary loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_boundary_config {
    /// Set by `cvl_boundary_config_init`.
    pub struct_size: usize,
    /// Class indices, copied by `cvl_boundary_new`; only read for CVL_CLASSES_LISTED.
    pub listed_classes: *const usize,
    /// How many numbers `listed_classes` has.
    pub num_listed_classes: usize,
    /// The distance of neighbours along each axis of space, copied by `cvl_boundary_new`. NULL for 1.
    pub spacing: *const f64,
    /// How many numbers `spacing` has.
    pub num_spacing: usize,
    /// Points with this index do not count. Default -100.
    pub ignore_index: i64,
    /// A `cvl_activation`. Default CVL_ACTIVATION_SOFTMAX.
    pub activation: u32,
    /// A `cvl_boundary_target`. Default CVL_BOUNDARY_TARGET_MASK.
    pub target: u32,
    /// A `cvl_classes`. Default CVL_CLASSES_ALL.
    pub classes: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_boundary_config {
    struct_size, listed_classes, num_listed_classes, spacing, num_spacing, ignore_index, activation, target, classes,
    reduction;
});

impl Default for cvl_boundary_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            listed_classes: ptr::null(),
            num_listed_classes: 0,
            spacing: ptr::null(),
            num_spacing: 0,
            ignore_index: -100,
            activation: cvl_activation::Softmax as u32,
            target: cvl_boundary_target::Mask as u32,
            classes: cvl_classes::All as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_boundary_config_init(
    config: *mut cvl_boundary_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Boundary loss: probabilities times the signed distance to the target's surface. NULL `config`: defaults.
///
/// `L = mean p phi`, `phi = d` outside and `-(d - 1)` inside; over points, then classes, then images.
///
/// Inputs: (N, C, *) with one to three axes of space, logits unless the activation is CVL_ACTIVATION_IDENTITY; class
/// indices (N, *) or (N, 1, *) as uint8, bool, uint32, int64, or zeros and ones (N, C, *) in the input's type (with one
/// channel, index 1 is the foreground); optionally weights (N, *) or (N, 1, *). Value: [], or (N) with
/// CVL_REDUCTION_NONE. Agrees with MONAI's `BoundaryLoss`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_boundary_new(
    config: *const cvl_boundary_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_boundary_config {
    const LOSS: &'static str = "boundary";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let (listed, count) = (self.listed_classes, self.num_listed_classes);
        // SAFETY: the caller's promise.
        let (classes, spacing) = unsafe {
            (
                classes(self.classes, listed, count)?,
                list("spacing", self.spacing, self.num_spacing)?,
            )
        };
        let targets = [BoundaryTarget::Mask, BoundaryTarget::Distances];
        let formula = Formula::Boundary(choose("target", self.target, &targets)?);
        let options = Options {
            formula,
            activation: activation(self.activation)?,
            classes,
            spacing,
            reduction: reduction(self.reduction)?,
        };
        distance(c"boundary", self.ignore_index, options)
    }
}

/// Options of Hausdorff loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_hausdorff_config {
    /// Set by `cvl_hausdorff_config_init`.
    pub struct_size: usize,
    /// Class indices, copied by `cvl_hausdorff_new`; only read for CVL_CLASSES_LISTED.
    pub listed_classes: *const usize,
    /// How many numbers `listed_classes` has.
    pub num_listed_classes: usize,
    /// The distance of neighbours along each axis of space, copied by `cvl_hausdorff_new`. NULL for 1.
    pub spacing: *const f64,
    /// How many numbers `spacing` has.
    pub num_spacing: usize,
    /// How much large distances count, at least 0. Default 2.
    pub alpha: f64,
    /// Points with this index do not count. Default -100.
    pub ignore_index: i64,
    /// A `cvl_activation`. Default CVL_ACTIVATION_SOFTMAX.
    pub activation: u32,
    /// A `cvl_hausdorff_transform`. Default CVL_HAUSDORFF_TRANSFORM_LINEAR.
    pub transform: u32,
    /// A `cvl_classes`. Default CVL_CLASSES_FOREGROUND.
    pub classes: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_hausdorff_config {
    struct_size, listed_classes, num_listed_classes, spacing, num_spacing, alpha, ignore_index, activation, transform,
    classes, reduction;
});

impl Default for cvl_hausdorff_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            listed_classes: ptr::null(),
            num_listed_classes: 0,
            spacing: ptr::null(),
            num_spacing: 0,
            alpha: 2.0,
            ignore_index: -100,
            activation: cvl_activation::Softmax as u32,
            transform: cvl_hausdorff_transform::Linear as u32,
            classes: cvl_classes::Foreground as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_hausdorff_config_init(
    config: *mut cvl_hausdorff_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Hausdorff loss by distance transforms: squared errors times distances to both surfaces. NULL `config`: defaults.
///
/// `L = mean (p - t)^2 (D_p^alpha + D_t^alpha)`; distances count as constants.
///
/// Inputs and value: as `cvl_boundary_new`, of classes. Agrees with MONAI's `HausdorffDTLoss`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_hausdorff_new(
    config: *const cvl_hausdorff_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_hausdorff_config {
    const LOSS: &'static str = "hausdorff";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let (listed, count) = (self.listed_classes, self.num_listed_classes);
        // SAFETY: the caller's promise.
        let (classes, spacing) = unsafe {
            (
                classes(self.classes, listed, count)?,
                list("spacing", self.spacing, self.num_spacing)?,
            )
        };
        let transforms = [HausdorffTransform::Linear, HausdorffTransform::Log];
        let formula = Formula::Hausdorff {
            alpha: self.alpha,
            transform: choose("transform", self.transform, &transforms)?,
        };
        let options = Options {
            formula,
            activation: activation(self.activation)?,
            classes,
            spacing,
            reduction: reduction(self.reduction)?,
        };
        distance(c"hausdorff", self.ignore_index, options)
    }
}

struct Distance {
    name: &'static CStr,
    ignore: Option<i64>,
    options: Options,
}

/// A loss of distances, its options checked as far as they do not depend on the input.
fn distance(name: &'static CStr, ignore: i64, options: Options) -> Result<Box<dyn Loss>> {
    // Whether they fit the axes of space, the input says.
    let axes = options.spacing.as_ref().map_or(1, Vec::len).clamp(1, 3);
    let of_any = Options {
        classes: Classes::All,
        ..options.clone()
    };
    of_any.check(1, axes)?;
    Ok(Box::new(Distance {
        name,
        ignore: ignore_index(ignore),
        options,
    }))
}

impl Loss for Distance {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn geometry(&self) -> Geometry {
        Geometry::Sites
    }

    fn items(&self) -> Items {
        image_items(self.options.reduction)
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        check_space(dims, self.options.activation)?;
        Ok(self.options.check(dims[1], dims.len() - 2)?)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
            ignore: self.ignore,
        };
        let space = &call.dims[2..];
        evaluate(&self.options, space, &operands, call.values, call.gradient)
    }
}

pub(super) fn image_items(reduction: Reduction) -> Items {
    match reduction {
        Reduction::None => Items::Images,
        Reduction::Sum | Reduction::Mean => Items::One,
    }
}

/// Fails unless there are one to three axes of space, and classes for a softmax.
pub(super) fn check_space(dims: &[usize], activation: Activation) -> Result<()> {
    if !(3..=5).contains(&dims.len()) {
        let message =
            format!("input has shape {dims:?}, expected (N, C, *) with 1 to 3 axes of space");
        return Err(Error::new(cvl_status::Shape, message));
    }
    match activation {
        Activation::Softmax => check_classes(dims),
        Activation::Sigmoid | Activation::Identity => Ok(()),
    }
}
