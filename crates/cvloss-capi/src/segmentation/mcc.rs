//! Loss of Matthews's correlation.

use std::ptr;

use cvloss_kernels::region::Score;

use super::region::{RegionLoss, cvl_region_config, given_or};
use crate::config::{init, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// Options of the loss of Matthews's correlation.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_mcc_config {
    /// Set by `cvl_mcc_config_init`.
    pub struct_size: usize,
    /// Sums, classes, policies; copied by the constructor, and read as it is. NULL for the defaults with smoothing 0
    /// and 1e-5.
    pub region: *const cvl_region_config,
    /// Added to each of the four counts, at least 0. Default 0.
    pub counts: f64,
}

versioned!(cvl_mcc_config {
    struct_size, region, counts;
});

impl Default for cvl_mcc_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            region: ptr::null(),
            counts: 0.0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_mcc_config_init(config: *mut cvl_mcc_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Loss of Matthews's correlation coefficient, which looks at true negatives too. NULL `config`: defaults.
///
/// `L = 1 - (I W - P T + smooth_n) / sqrt(P T (W - P)(W - T) + smooth_d)`, `W` the number or weight of points.
///
/// Inputs and value: `cvl_region_config`, whose floor has no effect. Agrees with MONAI's `MCCLoss`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_mcc_new(
    config: *const cvl_mcc_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_mcc_config {
    const LOSS: &'static str = "mcc";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let own = own();
        let score = Score::Matthews {
            counts: self.counts,
        };
        // SAFETY: the caller's promise.
        let loss = unsafe { RegionLoss::new(c"mcc", score, given_or(self.region, &own)) }?;
        loss.finish(|options| options)
    }
}

/// The region options of a caller who gives none.
fn own() -> cvl_region_config {
    cvl_region_config {
        smooth_numerator: 0.0,
        smooth_denominator: 1e-5,
        ..cvl_region_config::default()
    }
}
