//! Binary cross-entropy of logits.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::bce::{Options, evaluate, formula};
use cvloss_kernels::device::Kernel;
use cvloss_kernels::loops::pointwise::{Operands, check_pos_weight, pos_weight_view};
use cvloss_kernels::{Geometry, Reduction, Result as KernelResult};

use crate::config::{init, list, versioned};
use crate::loss::{Call, Config, Items, Loss, Target, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction, normalizer, reduction};
use crate::status::{Result, cvl_status};

/// Options of binary cross-entropy.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_bce_config {
    /// Set by `cvl_bce_config_init`.
    pub struct_size: usize,
    /// Weight of positives: one number, or one per channel (axis 1); copied by `cvl_bce_new`. NULL for 1.
    pub pos_weight: *const f64,
    /// How many numbers `pos_weight` has.
    pub num_pos_weight: usize,
    /// Targets move this far towards their opposite, in [0, 1]. Default 0.
    pub label_smoothing: f64,
    /// Elements with this target have value 0 and leave the mean's denominator. Default NaN, which no target equals.
    pub ignore_index: f64,
    /// A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_bce_config {
    struct_size, pos_weight, num_pos_weight, label_smoothing, ignore_index, normalizer, reduction;
});

impl Default for cvl_bce_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            pos_weight: ptr::null(),
            num_pos_weight: 0,
            label_smoothing: 0.0,
            ignore_index: f64::NAN,
            normalizer: cvl_normalizer::Elements as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_bce_config_init(config: *mut cvl_bce_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Binary cross-entropy of logits, for binary and multilabel prediction. NULL `config`: defaults.
///
/// `L = a t softplus(-x) + (1 - t) softplus(x)`, with `a` from `pos_weight`.
///
/// Inputs: logits of any shape, channels on axis 1; targets of the same shape, in the logits' type or 0 and 1 as uint8,
/// bool, uint32, int64; optionally weights that broadcast to that shape. Value: [], or the logits' shape.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_bce_new(
    config: *const cvl_bce_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

struct Bce {
    pos_weight: Option<Vec<f64>>,
    ignore: Option<f64>,
    options: Options,
}

impl Config for cvl_bce_config {
    const LOSS: &'static str = "bce";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        // SAFETY: the caller's promise.
        let pos_weight = unsafe { list("pos_weight", self.pos_weight, self.num_pos_weight) }?;
        let options = Options {
            label_smoothing: self.label_smoothing,
            normalizer: normalizer(self.normalizer)?,
            reduction: reduction(self.reduction)?,
        };
        options.check()?;
        Ok(Box::new(Bce {
            pos_weight,
            ignore: ignored_target(self.ignore_index),
            options,
        }))
    }
}

impl Loss for Bce {
    fn name(&self) -> &'static CStr {
        c"bce"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Elements
    }

    fn items(&self) -> Items {
        element_items(self.options.reduction)
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        check_channels(self.pos_weight.as_deref(), dims)
    }

    fn kernel(&self, _: Target) -> KernelResult<Option<Kernel>> {
        Ok(Some(Kernel::Elements {
            formula: formula(&self.options)?,
            pos_weight: self.pos_weight.clone(),
            ignore: self.ignore,
            normalizer: self.options.normalizer,
            reduction: self.options.reduction,
        }))
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            auxiliary: pos_weight_view(self.pos_weight.as_deref(), call.channel_axis)?,
            weight: call.weight,
            ignore: self.ignore,
        };
        evaluate(&self.options, &operands, call.values, call.gradient)
    }
}

pub(crate) fn ignored_target(target: f64) -> Option<f64> {
    (!target.is_nan()).then_some(target)
}

pub(crate) fn element_items(reduction: Reduction) -> Items {
    match reduction {
        Reduction::None => Items::Elements,
        Reduction::Sum | Reduction::Mean => Items::One,
    }
}

pub(super) fn check_channels(pos_weight: Option<&[f64]>, dims: &[usize]) -> Result<()> {
    let channels = dims.get(1).copied().unwrap_or(1);
    Ok(pos_weight.map_or(Ok(()), |weights| check_pos_weight(weights, channels))?)
}
