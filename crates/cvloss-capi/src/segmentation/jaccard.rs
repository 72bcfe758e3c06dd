//! Jaccard loss, also called soft IoU loss.

use std::ptr;

use cvloss_kernels::region::{Options, Score};

use super::region::{RegionLoss, cvl_region_config, cvl_transform, transform};
use crate::config::{init, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// Options of Jaccard loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_jaccard_config {
    /// Set by `cvl_jaccard_config_init`.
    pub struct_size: usize,
    /// Sums, classes, policies; copied by the constructor. NULL for the defaults.
    pub region: *const cvl_region_config,
    /// The power; only read for CVL_TRANSFORM_POWER and CVL_TRANSFORM_LOG_POWER. Default 1.
    pub gamma: f64,
    /// A `cvl_transform`. Default CVL_TRANSFORM_LINEAR.
    pub transform: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_jaccard_config {
    struct_size, region, gamma, transform, reserved;
});

impl Default for cvl_jaccard_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            region: ptr::null(),
            gamma: 1.0,
            transform: cvl_transform::Linear as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_jaccard_config_init(
    config: *mut cvl_jaccard_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Jaccard loss, also called soft IoU loss. NULL `config`: defaults.
///
/// `L = 1 - (I + smooth_n) / (P + T - I + smooth_d)`.
///
/// Inputs and value: `cvl_region_config`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_jaccard_new(
    config: *const cvl_jaccard_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_jaccard_config {
    const LOSS: &'static str = "jaccard";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        let transform = transform(self.transform, self.gamma)?;
        // SAFETY: the caller's promise.
        let loss = unsafe { RegionLoss::new(c"jaccard", Score::JACCARD, self.region) }?;
        loss.finish(|options| Options {
            transform,
            ..options
        })
    }
}
