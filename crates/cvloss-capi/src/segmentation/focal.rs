//! Sigmoid focal loss.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::device::Kernel;
use cvloss_kernels::focal::{Options, SoftTargets, evaluate, formula};
use cvloss_kernels::loops::pointwise::{Operands, pos_weight_view};
use cvloss_kernels::{Geometry, Result as KernelResult};

use super::bce::{check_channels, element_items, ignored_target};
use crate::config::{choose, init, list, optional, versioned};
use crate::loss::{Call, Config, Items, Loss, Target, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction, normalizer, reduction};
use crate::status::{Result, cvl_status};

/// What sigmoid focal loss means where a target lies between 0 and 1.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_soft_targets {
    /// `p_t = p t + (1 - p)(1 - t)`, once, in a cross-entropy with soft targets: torchvision, fvcore.
    Mixture = 0,
    /// The loss of a positive times `t` plus the loss of a negative times `1 - t`: kornia.
    Linear,
}

/// Options of sigmoid focal loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_focal_config {
    /// Set by `cvl_focal_config_init`.
    pub struct_size: usize,
    /// Weight of positives on top: one number, or one per channel (axis 1); copied by `cvl_focal_new`. NULL for 1.
    pub pos_weight: *const f64,
    /// How many numbers `pos_weight` has.
    pub num_pos_weight: usize,
    /// Weight of positives in [0, 1]; negatives have `1 - alpha`. Default 0.25.
    pub alpha: f64,
    /// Focusing parameter, at least 0. Default 2.
    pub gamma: f64,
    /// Elements with this target have value 0 and leave the mean's denominator. Default NaN, which no target equals.
    pub ignore_index: f64,
    /// 1, or 0 to weigh positives and negatives with 1. Default 1.
    pub has_alpha: u32,
    /// A `cvl_soft_targets`. Default CVL_SOFT_TARGETS_MIXTURE.
    pub soft_targets: u32,
    /// A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_focal_config {
    struct_size, pos_weight, num_pos_weight, alpha, gamma, ignore_index, has_alpha, soft_targets, normalizer, reduction;
});

impl Default for cvl_focal_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            pos_weight: ptr::null(),
            num_pos_weight: 0,
            alpha: 0.25,
            gamma: 2.0,
            ignore_index: f64::NAN,
            has_alpha: 1,
            soft_targets: cvl_soft_targets::Mixture as u32,
            normalizer: cvl_normalizer::Elements as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_focal_config_init(config: *mut cvl_focal_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Focal loss over sigmoids, for dense binary or multilabel prediction. NULL `config`: defaults.
///
/// `L = alpha_t (1 - p_t)^gamma CE(x, t)`.
///
/// Inputs and value: as `cvl_bce_new`. Agrees with `torchvision.ops.sigmoid_focal_loss` (mean).
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_focal_new(
    config: *const cvl_focal_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

struct Focal {
    pos_weight: Option<Vec<f64>>,
    ignore: Option<f64>,
    options: Options,
}

impl Config for cvl_focal_config {
    const LOSS: &'static str = "focal";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        // SAFETY: the caller's promise.
        let pos_weight = unsafe { list("pos_weight", self.pos_weight, self.num_pos_weight) }?;
        let meanings = [SoftTargets::Mixture, SoftTargets::Linear];
        let options = Options {
            alpha: optional("has_alpha", self.has_alpha, self.alpha)?,
            gamma: self.gamma,
            soft_targets: choose("soft_targets", self.soft_targets, &meanings)?,
            normalizer: normalizer(self.normalizer)?,
            reduction: reduction(self.reduction)?,
        };
        options.check()?;
        Ok(Box::new(Focal {
            pos_weight,
            ignore: ignored_target(self.ignore_index),
            options,
        }))
    }
}

impl Loss for Focal {
    fn name(&self) -> &'static CStr {
        c"focal"
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
