//! Charbonnier loss.

use cvloss_kernels::pixel::Penalty;

use super::pixel::PixelLoss;
use crate::config::{choose, init, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction, normalizer, reduction};
use crate::status::{Result, cvl_status};

/// Whether `eps` is squared under the root of Charbonnier loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_charbonnier_eps {
    /// `sqrt(d^2 + eps^2)`: the paper.
    Squared = 0,
    /// `sqrt(d^2 + eps)`: BasicSR, pyiqa.
    Plain,
}

/// Options of Charbonnier loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_charbonnier_config {
    /// Set by `cvl_charbonnier_config_init`.
    pub struct_size: usize,
    /// Above 0. Default 1e-3.
    pub eps: f64,
    /// A `cvl_charbonnier_eps`. Default CVL_CHARBONNIER_EPS_SQUARED.
    pub form: u32,
    /// A `cvl_normalizer`; CVL_NORMALIZER_WEIGHTS makes a mask leave the mean. Default CVL_NORMALIZER_ELEMENTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_charbonnier_config {
    struct_size, eps, form, normalizer, reduction, reserved;
});

impl Default for cvl_charbonnier_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            eps: 1e-3,
            form: cvl_charbonnier_eps::Squared as u32,
            normalizer: cvl_normalizer::Elements as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_charbonnier_config_init(
    config: *mut cvl_charbonnier_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Charbonnier loss. NULL `config`: defaults.
///
/// `L = sqrt(d^2 + eps^2)`, or with `eps` plain.
///
/// Inputs: two tensors of the same shape and type, and optionally weights that broadcast to that shape. Both have a gradient. Value: [], or the same shape.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_charbonnier_new(
    config: *const cvl_charbonnier_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_charbonnier_config {
    const LOSS: &'static str = "charbonnier";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        // A negative number is named as it was given: its root would be NaN.
        let plain = if self.eps < 0.0 {
            self.eps
        } else {
            self.eps.sqrt()
        };
        let eps = choose("form", self.form, &[self.eps, plain])?;
        let penalty = Penalty::Charbonnier { eps };
        let (normalizer, reduction) = (normalizer(self.normalizer)?, reduction(self.reduction)?);
        PixelLoss::build(c"charbonnier", penalty, normalizer, reduction)
    }
}
