//! Wing loss.

use cvloss_kernels::pixel::Penalty;

use super::pixel::PixelLoss;
use crate::config::{init, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction, normalizer, reduction};
use crate::status::{Result, cvl_status};

/// Options of wing loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_wing_config {
    /// Set by `cvl_wing_config_init`.
    pub struct_size: usize,
    /// `w`, above 0, where the logarithm ends. Default 5.
    pub width: f64,
    /// `e`, above 0. Default 0.5.
    pub curvature: f64,
    /// A `cvl_normalizer`; CVL_NORMALIZER_WEIGHTS makes a mask leave the mean. Default CVL_NORMALIZER_ELEMENTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_wing_config {
    struct_size, width, curvature, normalizer, reduction;
});

impl Default for cvl_wing_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            width: 5.0,
            curvature: 0.5,
            normalizer: cvl_normalizer::Elements as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_wing_config_init(config: *mut cvl_wing_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Wing loss. NULL `config`: defaults.
///
/// `L = w ln(1 + |d|/e)` up to `|d| = w`, then a line.
///
/// Inputs: two tensors of the same shape and type, and optionally weights that broadcast to that shape. Both have a gradient. Value: [], or the same shape.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_wing_new(
    config: *const cvl_wing_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_wing_config {
    const LOSS: &'static str = "wing";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let penalty = Penalty::Wing {
            width: self.width,
            curvature: self.curvature,
        };
        let (normalizer, reduction) = (normalizer(self.normalizer)?, reduction(self.reduction)?);
        PixelLoss::build(c"wing", penalty, normalizer, reduction)
    }
}
