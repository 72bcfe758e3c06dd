//! Reduced focal loss.

use cvloss_kernels::imbalance::{Kind, ReducedScale};

use super::elements::element_loss;
use crate::config::{choose, init, optional, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction};
use crate::status::{Result, cvl_status};

/// What reduced focal loss divides `1 - p_t` by, once it damps.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_reduced_scale {
    /// The threshold: the paper, segmentation_models_pytorch. The loss jumps there unless the threshold is 0.5.
    Threshold = 0,
    /// One less the threshold, so that the loss is continuous: pytorch-toolbelt.
    Continuous,
}

/// Options of reduced focal loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_reduced_focal_config {
    /// Set by `cvl_reduced_focal_config_init`.
    pub struct_size: usize,
    /// Weight of positives in [0, 1]; negatives have `1 - alpha`; only read if `has_alpha`. Default 0.25.
    pub alpha: f64,
    /// Focusing parameter, at least 0. Default 2.
    pub gamma: f64,
    /// Elements with `p_t` below this are not damped; between 0 and 1. Default 0.5.
    pub threshold: f64,
    /// Elements with this target have value 0 and leave the mean's denominator. Default NaN, which no target equals.
    pub ignore_index: f64,
    /// 1, or 0 to weigh positives and negatives with 1. Default 1.
    pub has_alpha: u32,
    /// A `cvl_reduced_scale`. Default CVL_REDUCED_SCALE_THRESHOLD.
    pub scale: u32,
    /// A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_reduced_focal_config {
    struct_size, alpha, gamma, threshold, ignore_index, has_alpha, scale, normalizer, reduction;
});

impl Default for cvl_reduced_focal_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            alpha: 0.25,
            gamma: 2.0,
            threshold: 0.5,
            ignore_index: f64::NAN,
            has_alpha: 1,
            scale: cvl_reduced_scale::Threshold as u32,
            normalizer: cvl_normalizer::Elements as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_reduced_focal_config_init(
    config: *mut cvl_reduced_focal_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Reduced focal loss over sigmoids: focal loss that leaves hard elements their whole loss. NULL `config`: defaults.
///
/// `L = alpha_t CE(x, t)` where `p_t < threshold`, `alpha_t ((1 - p_t) / scale)^gamma CE(x, t)` elsewhere.
///
/// Inputs and value: as `cvl_bce_new`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_reduced_focal_new(
    config: *const cvl_reduced_focal_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_reduced_focal_config {
    const LOSS: &'static str = "reduced_focal";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let scales = [ReducedScale::Threshold, ReducedScale::Continuous];
        let kind = Kind::Reduced {
            alpha: optional("has_alpha", self.has_alpha, self.alpha)?,
            gamma: self.gamma,
            threshold: self.threshold,
            scale: choose("scale", self.scale, &scales)?,
        };
        element_loss(
            c"reduced_focal",
            kind,
            self.ignore_index,
            self.normalizer,
            self.reduction,
        )
    }
}
