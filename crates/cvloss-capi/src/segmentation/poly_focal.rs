//! Poly-1 focal loss and poly-1 binary cross-entropy.

use cvloss_kernels::imbalance::Kind;

use super::elements::element_loss;
use crate::config::{init, optional, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction};
use crate::status::{Result, cvl_status};

/// Options of poly-1 focal loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_poly_focal_config {
    /// Set by `cvl_poly_focal_config_init`.
    pub struct_size: usize,
    /// The factor of the first polynomial term, finite. Default 2.
    pub epsilon: f64,
    /// Weight of positives in [0, 1]; negatives have `1 - alpha`; only read if `has_alpha`. Default 0.25.
    pub alpha: f64,
    /// Focusing parameter, at least 0; 0 is poly-1 binary cross-entropy. Default 0.
    pub gamma: f64,
    /// Elements with this target have value 0 and leave the mean's denominator. Default NaN, which no target equals.
    pub ignore_index: f64,
    /// 1, or 0 to weigh positives and negatives with 1. Default 0.
    pub has_alpha: u32,
    /// A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_poly_focal_config {
    struct_size, epsilon, alpha, gamma, ignore_index, has_alpha, normalizer, reduction, reserved;
});

impl Default for cvl_poly_focal_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            epsilon: 2.0,
            alpha: 0.25,
            gamma: 0.0,
            ignore_index: f64::NAN,
            has_alpha: 0,
            normalizer: cvl_normalizer::Elements as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_poly_focal_config_init(
    config: *mut cvl_poly_focal_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Poly-1 focal loss over sigmoids. NULL `config`: defaults.
///
/// `L = alpha_t (m^gamma CE(x, t) + epsilon m^(gamma + 1))`, `m = 1 - p_t`.
///
/// Inputs and value: as `cvl_bce_new`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_poly_focal_new(
    config: *const cvl_poly_focal_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_poly_focal_config {
    const LOSS: &'static str = "poly_focal";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        let kind = Kind::Poly {
            epsilon: self.epsilon,
            alpha: optional("has_alpha", self.has_alpha, self.alpha)?,
            gamma: self.gamma,
        };
        element_loss(
            c"poly_focal",
            kind,
            self.ignore_index,
            self.normalizer,
            self.reduction,
        )
    }
}
