//! Gaussian focal loss of key point heat maps.

use cvloss_kernels::imbalance::Kind;

use crate::config::{init, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction};
use crate::segmentation::element_loss;
use crate::status::{Result, cvl_status};

/// Options of Gaussian focal loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_gaussian_focal_config {
    /// Set by `cvl_gaussian_focal_config_init`.
    pub struct_size: usize,
    /// The power of the probability, at least 0. Default 2.
    pub alpha: f64,
    /// The power of the distance from a peak, at least 0. Default 4.
    pub gamma: f64,
    /// Elements with this target have value 0 and leave the mean's denominator. Default NaN, which no target equals.
    pub ignore_index: f64,
    /// A `cvl_normalizer`; CVL_NORMALIZER_POSITIVES counts peaks. Default CVL_NORMALIZER_POSITIVES.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_gaussian_focal_config {
    struct_size, alpha, gamma, ignore_index, normalizer, reduction;
});

impl Default for cvl_gaussian_focal_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            alpha: 2.0,
            gamma: 4.0,
            ignore_index: f64::NAN,
            normalizer: cvl_normalizer::Positives as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_gaussian_focal_config_init(
    config: *mut cvl_gaussian_focal_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Gaussian focal loss over sigmoids, for heat maps of centres or corners. NULL `config`: defaults.
///
/// `L = -(1 - p)^alpha ln p` at peaks, where `t = 1`; `-(1 - t)^gamma p^alpha ln(1 - p)` elsewhere.
///
/// Inputs and value: as `cvl_bce_new`. Agrees with `GaussianFocalLoss` of mmdetection, of probabilities there.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_gaussian_focal_new(
    config: *const cvl_gaussian_focal_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_gaussian_focal_config {
    const LOSS: &'static str = "gaussian_focal";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let kind = Kind::Gaussian {
            alpha: self.alpha,
            gamma: self.gamma,
        };
        element_loss(
            c"gaussian_focal",
            kind,
            self.ignore_index,
            self.normalizer,
            self.reduction,
        )
    }
}
