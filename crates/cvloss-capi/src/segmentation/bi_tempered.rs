//! Bi-tempered logistic loss.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::bi_tempered::{Options, evaluate};
use cvloss_kernels::loops::site::Operands;
use cvloss_kernels::{Geometry, Result as KernelResult};

use super::cross_entropy::{check_classes, point_items};
use crate::config::{init, list, versioned};
use crate::loss::{Call, Config, Items, Loss, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction, ignore_index, normalizer, reduction};
use crate::status::{Result, cvl_status};

/// Options of bi-tempered logistic loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_bi_tempered_config {
    /// Set by `cvl_bi_tempered_config_init`.
    pub struct_size: usize,
    /// One weight per class, copied by `cvl_bi_tempered_new`. NULL for 1.
    pub class_weights: *const f64,
    /// How many numbers `class_weights` has.
    pub num_class_weights: usize,
    /// Temperature of the logarithm, in [0, 1] and not above `t2`. Default 0.8.
    pub t1: f64,
    /// Temperature of the softmax, above 0 and at most 10. Default 1.2.
    pub t2: f64,
    /// Share of the target that is spread over all classes, in [0, 1]. Default 0.
    pub label_smoothing: f64,
    /// Points with this index have value 0 and leave the mean's denominator. Default -100.
    pub ignore_index: i64,
    /// A `cvl_normalizer`. Default CVL_NORMALIZER_WEIGHTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_bi_tempered_config {
    struct_size, class_weights, num_class_weights, t1, t2, label_smoothing, ignore_index, normalizer, reduction;
});

impl Default for cvl_bi_tempered_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            class_weights: ptr::null(),
            num_class_weights: 0,
            t1: 0.8,
            t2: 1.2,
            label_smoothing: 0.0,
            ignore_index: -100,
            normalizer: cvl_normalizer::Weights as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_bi_tempered_config_init(
    config: *mut cvl_bi_tempered_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Bi-tempered logistic loss, for labels that may be wrong: a softmax with heavy tails, and a bounded logarithm. NULL
/// `config`: defaults.
///
/// `L = sum_c t_c (log_t1 t_c - log_t1 p_c) - (t_c^(2-t1) - p_c^(2-t1)) / (2 - t1)`, `p = exp_t2(x - lambda)` with sum
/// 1.
///
/// Inputs: as `cvl_cross_entropy_new`, which this is for temperatures of 1 and class indices. Value: [], or (N, *).
/// Agrees with `bi_tempered_logistic_loss` of Google, after enough iterations.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_bi_tempered_new(
    config: *const cvl_bi_tempered_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

struct BiTempered {
    class_weights: Option<Vec<f64>>,
    ignore: Option<i64>,
    options: Options,
}

impl Config for cvl_bi_tempered_config {
    const LOSS: &'static str = "bi_tempered";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let (weights, count) = (self.class_weights, self.num_class_weights);
        // SAFETY: the caller's promise.
        let class_weights = unsafe { list("class_weights", weights, count) }?;
        let options = Options {
            t1: self.t1,
            t2: self.t2,
            label_smoothing: self.label_smoothing,
            normalizer: normalizer(self.normalizer)?,
            reduction: reduction(self.reduction)?,
        };
        options.check()?;
        Ok(Box::new(BiTempered {
            class_weights,
            ignore: ignore_index(self.ignore_index),
            options,
        }))
    }
}

impl Loss for BiTempered {
    fn name(&self) -> &'static CStr {
        c"bi_tempered"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Sites
    }

    fn items(&self) -> Items {
        point_items(self.options.reduction)
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        check_classes(dims)
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
