//! Lovász hinge and Lovász softmax.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::lovasz::{Form, LovaszClasses, Options, evaluate};
use cvloss_kernels::region::{Activation, Operands};
use cvloss_kernels::{Geometry, Result as KernelResult};

use super::cross_entropy::check_classes;
use super::region::{activation, cvl_activation, cvl_pooling, pooling, region_items};
use crate::config::{init, list, unused, versioned};
use crate::loss::{Call, Config, Items, Loss, create, cvl_loss};
use crate::options::{cvl_reduction, ignore_index, reduction};
use crate::status::{Error, Result, cvl_status};

/// Which classes have a Lovasz loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_lovasz_classes {
    /// Those that the image, or the batch, has points of: the paper, segmentation_models_pytorch.
    Present = 0,
    /// All, kornia. The loss of an absent class is its largest error.
    All,
    /// Those of `listed_classes`.
    Listed,
}

/// Options of Lovasz softmax.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_lovasz_softmax_config {
    /// Set by `cvl_lovasz_softmax_config_init`.
    pub struct_size: usize,
    /// Class indices, copied by `cvl_lovasz_softmax_new`; only read for CVL_LOVASZ_CLASSES_LISTED.
    pub listed_classes: *const usize,
    /// How many numbers `listed_classes` has.
    pub num_listed_classes: usize,
    /// Points with this index do not count. Default -100.
    pub ignore_index: i64,
    /// A `cvl_activation`. Default CVL_ACTIVATION_SOFTMAX.
    pub activation: u32,
    /// A `cvl_lovasz_classes`. Default CVL_LOVASZ_CLASSES_PRESENT.
    pub classes: u32,
    /// A `cvl_pooling`. What is sorted together. Default CVL_POOLING_IMAGE.
    pub pooling: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_lovasz_softmax_config {
    struct_size, listed_classes, num_listed_classes, ignore_index, activation, classes, pooling, reduction;
});

impl Default for cvl_lovasz_softmax_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            listed_classes: ptr::null(),
            num_listed_classes: 0,
            ignore_index: -100,
            activation: cvl_activation::Softmax as u32,
            classes: cvl_lovasz_classes::Present as u32,
            pooling: cvl_pooling::Image as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_lovasz_softmax_config_init(
    config: *mut cvl_lovasz_softmax_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Lovasz softmax: the convex extension of the Jaccard loss to probabilities, mean over classes. NULL `config`:
/// defaults.
///
/// `L = mean_c sum_i e_i dJ_i`, `e = |t - p|` sorted, largest first, `dJ` what the Jaccard loss grows by with each.
///
/// Inputs: (N, C, *), logits unless the activation is CVL_ACTIVATION_IDENTITY; class indices (N, *) or (N, 1, *) as
/// uint8, bool, uint32, int64, or zeros and ones (N, C, *) in the input's type (with one channel, index 1 is the
/// foreground); optionally weights (N, *) or (N, 1, *). Value: [], or (N) with CVL_REDUCTION_NONE unless the batch is
/// pooled. Agrees with `kornia.losses.lovasz_softmax_loss` and segmentation_models_pytorch's `LovaszLoss`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_lovasz_softmax_new(
    config: *const cvl_lovasz_softmax_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_lovasz_softmax_config {
    const LOSS: &'static str = "lovasz_softmax";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let (listed, count) = (self.listed_classes, self.num_listed_classes);
        Ok(Box::new(Lovasz {
            name: c"lovasz_softmax",
            ignore: ignore_index(self.ignore_index),
            options: Options {
                form: Form::Probability(activation(self.activation)?),
                // SAFETY: the caller's promise.
                classes: unsafe { lovasz_classes(self.classes, listed, count) }?,
                pooling: pooling(self.pooling)?,
                reduction: reduction(self.reduction)?,
            },
        }))
    }
}

/// Options of Lovasz hinge.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_lovasz_hinge_config {
    /// Set by `cvl_lovasz_hinge_config_init`.
    pub struct_size: usize,
    /// Class indices, copied by `cvl_lovasz_hinge_new`; only read for CVL_LOVASZ_CLASSES_LISTED.
    pub listed_classes: *const usize,
    /// How many numbers `listed_classes` has.
    pub num_listed_classes: usize,
    /// Points with this index do not count. Default -100.
    pub ignore_index: i64,
    /// A `cvl_lovasz_classes`. Default CVL_LOVASZ_CLASSES_ALL.
    pub classes: u32,
    /// A `cvl_pooling`. What is sorted together. Default CVL_POOLING_IMAGE.
    pub pooling: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_lovasz_hinge_config {
    struct_size, listed_classes, num_listed_classes, ignore_index, classes, pooling, reduction, reserved;
});

impl Default for cvl_lovasz_hinge_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            listed_classes: ptr::null(),
            num_listed_classes: 0,
            ignore_index: -100,
            classes: cvl_lovasz_classes::All as u32,
            pooling: cvl_pooling::Image as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_lovasz_hinge_config_init(
    config: *mut cvl_lovasz_hinge_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Lovasz hinge: the convex extension of the Jaccard loss to logits of binary masks. NULL `config`: defaults.
///
/// As `cvl_lovasz_softmax_new`, of `e = max(1 - s x, 0)`, `s` being 1 inside and -1 outside; the input holds logits.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_lovasz_hinge_new(
    config: *const cvl_lovasz_hinge_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_lovasz_hinge_config {
    const LOSS: &'static str = "lovasz_hinge";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        let (listed, count) = (self.listed_classes, self.num_listed_classes);
        Ok(Box::new(Lovasz {
            name: c"lovasz_hinge",
            ignore: ignore_index(self.ignore_index),
            options: Options {
                form: Form::Hinge,
                // SAFETY: the caller's promise.
                classes: unsafe { lovasz_classes(self.classes, listed, count) }?,
                pooling: pooling(self.pooling)?,
                reduction: reduction(self.reduction)?,
            },
        }))
    }
}

/// # Safety
/// `listed` is NULL or has `count` numbers.
unsafe fn lovasz_classes(number: u32, listed: *const usize, count: usize) -> Result<LovaszClasses> {
    match number {
        0 => Ok(LovaszClasses::Present),
        1 => Ok(LovaszClasses::All),
        2 => {
            // SAFETY: the caller's promise.
            let listed = unsafe { list("listed_classes", listed, count) }?;
            Ok(LovaszClasses::Listed(listed.unwrap_or_default()))
        }
        other => Err(Error::invalid(format!(
            "classes is {other}, expected 0 to 2"
        ))),
    }
}

struct Lovasz {
    name: &'static CStr,
    ignore: Option<i64>,
    options: Options,
}

impl Loss for Lovasz {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn geometry(&self) -> Geometry {
        Geometry::Sites
    }

    fn items(&self) -> Items {
        region_items(self.options.reduction, self.options.pooling)
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        if self.options.form == Form::Probability(Activation::Softmax) {
            check_classes(dims)?;
        }
        Ok(self.options.check(dims[1])?)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
            ignore: self.ignore,
        };
        evaluate(&self.options, &operands, call.values, call.gradient)
    }
}
