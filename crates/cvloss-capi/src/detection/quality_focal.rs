//! Quality focal loss.

use cvloss_kernels::imbalance::Kind;

use crate::config::{init, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction};
use crate::segmentation::element_loss;
use crate::status::{Result, cvl_status};

/// Options of quality focal loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_quality_focal_config {
    /// Set by `cvl_quality_focal_config_init`.
    pub struct_size: usize,
    /// The power of the distance, at least 1. Default 2.
    pub beta: f64,
    /// Elements with this target have value 0 and leave the mean's denominator. Default NaN, which no target equals.
    pub ignore_index: f64,
    /// A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_quality_focal_config {
    struct_size, beta, ignore_index, normalizer, reduction;
});

impl Default for cvl_quality_focal_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            beta: 2.0,
            ignore_index: f64::NAN,
            normalizer: cvl_normalizer::Elements as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_quality_focal_config_init(
    config: *mut cvl_quality_focal_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Quality focal loss over sigmoids, for scores that are to be the quality of a box. NULL `config`: defaults.
///
/// `L = |p - t|^beta CE(x, t)`.
///
/// Inputs and value: as `cvl_bce_new`. The target is the quality at the true class and 0 elsewhere.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_quality_focal_new(
    config: *const cvl_quality_focal_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_quality_focal_config {
    const LOSS: &'static str = "quality_focal";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let kind = Kind::Quality { beta: self.beta };
        element_loss(
            c"quality_focal",
            kind,
            self.ignore_index,
            self.normalizer,
            self.reduction,
        )
    }
}
