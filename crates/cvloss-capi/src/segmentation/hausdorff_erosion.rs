//! Hausdorff loss by erosion.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::hausdorff_erosion::{Options, evaluate};
use cvloss_kernels::region::{Classes, Operands};
use cvloss_kernels::{Geometry, Result as KernelResult};

use super::distance::{check_space, image_items};
use super::region::{activation, classes, cvl_activation, cvl_classes};
use crate::config::{init, unused, versioned};
use crate::loss::{Call, Config, Items, Loss, create, cvl_loss};
use crate::options::{cvl_reduction, ignore_index, reduction};
use crate::status::{Result, cvl_status};

/// Options of Hausdorff loss by erosion.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_hausdorff_erosion_config {
    /// Set by `cvl_hausdorff_erosion_config_init`.
    pub struct_size: usize,
    /// Class indices, copied by `cvl_hausdorff_erosion_new`; only read for CVL_CLASSES_LISTED.
    pub listed_classes: *const usize,
    /// How many numbers `listed_classes` has.
    pub num_listed_classes: usize,
    /// How often errors are eroded, 1 to 1000. Default 10.
    pub erosions: usize,
    /// What is left after `k` erosions counts `k^alpha`; at least 0. Default 2.
    pub alpha: f64,
    /// Points with this index do not count. Default -100.
    pub ignore_index: i64,
    /// A `cvl_activation`. Default CVL_ACTIVATION_SOFTMAX.
    pub activation: u32,
    /// A `cvl_classes`. Default CVL_CLASSES_ALL.
    pub classes: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_hausdorff_erosion_config {
    struct_size, listed_classes, num_listed_classes, erosions, alpha, ignore_index, activation, classes, reduction,
    reserved;
});

impl Default for cvl_hausdorff_erosion_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            listed_classes: ptr::null(),
            num_listed_classes: 0,
            erosions: 10,
            alpha: 2.0,
            ignore_index: -100,
            activation: cvl_activation::Softmax as u32,
            classes: cvl_classes::All as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_hausdorff_erosion_config_init(
    config: *mut cvl_hausdorff_erosion_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Hausdorff loss by erosion: squared errors count by how often they can be eroded. NULL `config`: defaults.
///
/// `L = mean sum_k k^alpha B_k`, `B_0 = (p - t)^2`, `B_k = n(max(cross(B_(k-1)) - 1/2, 0))`: `cross` is the mean of a
/// point and its face neighbours, and `n` scales each class of each image to 0 to 1.
///
/// Inputs and value: as `cvl_boundary_new`, of classes. Agrees with kornia's `HausdorffERLoss` of probabilities.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_hausdorff_erosion_new(
    config: *const cvl_hausdorff_erosion_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

struct HausdorffErosion {
    ignore: Option<i64>,
    options: Options,
}

impl Config for cvl_hausdorff_erosion_config {
    const LOSS: &'static str = "hausdorff_erosion";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        let (listed, count) = (self.listed_classes, self.num_listed_classes);
        // SAFETY: the caller's promise.
        let classes = unsafe { classes(self.classes, listed, count) }?;
        let options = Options {
            activation: activation(self.activation)?,
            classes,
            erosions: self.erosions,
            alpha: self.alpha,
            reduction: reduction(self.reduction)?,
        };
        // Whether the classes fit, the input says.
        let of_any = Options {
            classes: Classes::All,
            ..options.clone()
        };
        of_any.check(1, 1)?;
        Ok(Box::new(HausdorffErosion {
            ignore: ignore_index(self.ignore_index),
            options,
        }))
    }
}

impl Loss for HausdorffErosion {
    fn name(&self) -> &'static CStr {
        c"hausdorff_erosion"
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
