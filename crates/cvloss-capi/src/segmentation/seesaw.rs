//! Seesaw loss.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::loops::site::Operands;
use cvloss_kernels::seesaw::{Options, evaluate};
use cvloss_kernels::{Geometry, Result as KernelResult};

use super::cross_entropy::{check_classes, point_items};
use crate::config::{init, list, versioned};
use crate::loss::{Call, Config, Items, Loss, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction, ignore_index, normalizer, reduction};
use crate::status::{Result, cvl_status};

/// Options of seesaw loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_seesaw_config {
    /// Set by `cvl_seesaw_config_init`.
    pub struct_size: usize,
    /// One weight per class, copied by `cvl_seesaw_new`. NULL for 1.
    pub class_weights: *const f64,
    /// How many numbers `class_weights` has.
    pub num_class_weights: usize,
    /// How many points of each class were seen so far, which you keep; copied by `cvl_seesaw_new`. NULL for no
    /// mitigation.
    pub counts: *const f64,
    /// How many numbers `counts` has.
    pub num_counts: usize,
    /// Power of the mitigation, at least 0. Default 0.8.
    pub p: f64,
    /// Power of the compensation, at least 0. Default 2.
    pub q: f64,
    /// The least probability that the compensation divides by, above 0 and at most 1. Default 0.01.
    pub eps: f64,
    /// Points with this index have value 0 and leave the mean's denominator. Default -100.
    pub ignore_index: i64,
    /// A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_seesaw_config {
    struct_size, class_weights, num_class_weights, counts, num_counts, p, q, eps, ignore_index, normalizer, reduction;
});

impl Default for cvl_seesaw_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            class_weights: ptr::null(),
            num_class_weights: 0,
            counts: ptr::null(),
            num_counts: 0,
            p: 0.8,
            q: 2.0,
            eps: 0.01,
            ignore_index: -100,
            normalizer: cvl_normalizer::Elements as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_seesaw_config_init(
    config: *mut cvl_seesaw_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Seesaw loss, for a few frequent classes and many rare ones: cross-entropy whose other classes' exponentials are
/// damped by how rare they are, and raised by how wrong they are. NULL `config`: defaults.
///
/// `L = -w_y ln (e^(x_y) / sum_c S_yc e^(x_c))`, `S_yc = min(N_c / N_y, 1)^p max(s_c / max(s_y, eps), 1)^q`,
/// `S_yy = 1`, `s = softmax(x)`, `N` the counts. `S` counts as constant.
///
/// Inputs: logits (N, C, *), C at least 2; class indices (N, *) or (N, 1, *) as uint8, uint32, int64; optionally
/// weights (N, *) or (N, 1, *). Value: [], or (N, *). Agrees with mmdetection's `SeesawLoss`, less its objectness.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_seesaw_new(
    config: *const cvl_seesaw_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

struct Seesaw {
    class_weights: Option<Vec<f64>>,
    ignore: Option<i64>,
    options: Options,
}

impl Config for cvl_seesaw_config {
    const LOSS: &'static str = "seesaw";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let (weights, count) = (self.class_weights, self.num_class_weights);
        // SAFETY: the caller's promise.
        let (class_weights, counts) = unsafe {
            (
                list("class_weights", weights, count)?,
                list("counts", self.counts, self.num_counts)?,
            )
        };
        let options = Options {
            counts,
            p: self.p,
            q: self.q,
            eps: self.eps,
            normalizer: normalizer(self.normalizer)?,
            reduction: reduction(self.reduction)?,
        };
        options.check()?;
        Ok(Box::new(Seesaw {
            class_weights,
            ignore: ignore_index(self.ignore_index),
            options,
        }))
    }
}

impl Loss for Seesaw {
    fn name(&self) -> &'static CStr {
        c"seesaw"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Sites
    }

    fn items(&self) -> Items {
        point_items(self.options.reduction)
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        check_classes(dims)?;
        Ok(self.options.check_classes(dims[1])?)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
            class_weights: self.class_weights.as_deref(),
            ignore: self.ignore,
        };
        evaluate(&self.options, &operands, call.values, call.gradient)
    }
}
