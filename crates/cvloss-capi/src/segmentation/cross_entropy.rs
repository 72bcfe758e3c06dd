//! Cross-entropy over classes.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::cross_entropy::{Options, evaluate, term};
use cvloss_kernels::device::Kernel;
use cvloss_kernels::loops::site::Operands;
use cvloss_kernels::{Geometry, Reduction, Result as KernelResult};

use crate::config::{init, list, versioned};
use crate::loss::{Call, Config, Items, Loss, Target, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction, ignore_index, normalizer, reduction};
use crate::status::{Error, Result, cvl_status};

/// Options of cross-entropy.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_cross_entropy_config {
    /// Set by `cvl_cross_entropy_config_init`.
    pub struct_size: usize,
    /// One weight per class, copied by `cvl_cross_entropy_new`. NULL for 1.
    pub class_weights: *const f64,
    /// How many numbers `class_weights` has.
    pub num_class_weights: usize,
    /// Share of the target that is spread over all classes, in [0, 1]. Default 0.
    pub label_smoothing: f64,
    /// Points with this index have value 0 and leave the mean's denominator. Default -100.
    pub ignore_index: i64,
    /// A `cvl_normalizer`. Default CVL_NORMALIZER_WEIGHTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_cross_entropy_config {
    struct_size, class_weights, num_class_weights, label_smoothing, ignore_index, normalizer, reduction;
});

impl Default for cvl_cross_entropy_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            class_weights: ptr::null(),
            num_class_weights: 0,
            label_smoothing: 0.0,
            ignore_index: -100,
            normalizer: cvl_normalizer::Weights as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_cross_entropy_config_init(
    config: *mut cvl_cross_entropy_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Cross-entropy of a softmax over classes, at each point. NULL `config`: defaults.
///
/// `L = -sum_c w_c t'_c ln p_c`, with `t' = (1 - s) t + s/C` and `s` the label smoothing.
///
/// Inputs: logits (N, C, *), C at least 2; class indices (N, *) or (N, 1, *) as uint8, uint32, int64, or distributions
/// (N, C, *) in the logits' type; optionally weights (N, *) or (N, 1, *). Value: [], or (N, *). Agrees with
/// `torch.nn.functional.cross_entropy`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_cross_entropy_new(
    config: *const cvl_cross_entropy_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

struct CrossEntropy {
    class_weights: Option<Vec<f64>>,
    ignore: Option<i64>,
    options: Options,
}

impl Config for cvl_cross_entropy_config {
    const LOSS: &'static str = "cross_entropy";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let (weights, count) = (self.class_weights, self.num_class_weights);
        // SAFETY: the caller's promise.
        let class_weights = unsafe { list("class_weights", weights, count) }?;
        let options = Options {
            label_smoothing: self.label_smoothing,
            normalizer: normalizer(self.normalizer)?,
            reduction: reduction(self.reduction)?,
        };
        options.check()?;
        Ok(Box::new(CrossEntropy {
            class_weights,
            ignore: ignore_index(self.ignore_index),
            options,
        }))
    }
}

impl Loss for CrossEntropy {
    fn name(&self) -> &'static CStr {
        c"cross_entropy"
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

    fn kernel(&self, target: Target) -> KernelResult<Option<Kernel>> {
        Ok(Some(Kernel::Sites {
            term: term(&self.options, !target.is_index)?,
            class_weights: self.class_weights.clone(),
            ignore: self.ignore,
            normalizer: self.options.normalizer,
            reduction: self.options.reduction,
        }))
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

pub(crate) fn point_items(reduction: Reduction) -> Items {
    match reduction {
        Reduction::None => Items::Points,
        Reduction::Sum | Reduction::Mean => Items::One,
    }
}

/// A softmax over one class says nothing.
pub(crate) fn check_classes(dims: &[usize]) -> Result<()> {
    if dims.get(1).is_some_and(|classes| *classes > 1) {
        return Ok(());
    }
    let message = format!("input has shape {dims:?}, expected (N, C, *) with at least 2 classes");
    Err(Error::new(cvl_status::Shape, message))
}
