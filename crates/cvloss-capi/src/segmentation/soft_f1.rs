//! Soft F1 loss.

use std::ptr;

use cvloss_kernels::region::{F1Sides, Score};

use super::region::{RegionLoss, cvl_pooling, cvl_region_config, given_or};
use crate::config::{choose, init, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// Which sides have an F1 score.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_f1_sides {
    /// Positives, and negatives by themselves: the mean of both.
    Both = 0,
    /// Positives: pytorch-toolbelt.
    Positives,
}

/// Options of soft F1 loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_soft_f1_config {
    /// Set by `cvl_soft_f1_config_init`.
    pub struct_size: usize,
    /// Sums, classes, policies; copied by the constructor, and read as it is. NULL for the defaults with the batch
    /// pooled and smoothing 0 and 1e-6.
    pub region: *const cvl_region_config,
    /// A `cvl_f1_sides`. Default CVL_F1_SIDES_BOTH.
    pub sides: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_soft_f1_config {
    struct_size, region, sides, reserved;
});

impl Default for cvl_soft_f1_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            region: ptr::null(),
            sides: cvl_f1_sides::Both as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_soft_f1_config_init(
    config: *mut cvl_soft_f1_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Soft F1 loss: one less the F1 score of probabilities. NULL `config`: defaults.
///
/// `L = 1 - (2I + smooth_n) / (P + T + smooth_d)`, or the mean of that and the same of `1 - p` and `1 - t`.
///
/// Inputs and value: `cvl_region_config`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_soft_f1_new(
    config: *const cvl_soft_f1_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_soft_f1_config {
    const LOSS: &'static str = "soft_f1";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        let own = own();
        let sides = [F1Sides::Both, F1Sides::Positives];
        let score = match choose("sides", self.sides, &sides)? {
            F1Sides::Both => Score::BothSides,
            F1Sides::Positives => Score::DICE,
        };
        // SAFETY: the caller's promise.
        let loss = unsafe { RegionLoss::new(c"soft_f1", score, given_or(self.region, &own)) }?;
        loss.finish(|options| options)
    }
}

/// The region options of a caller who gives none.
fn own() -> cvl_region_config {
    cvl_region_config {
        smooth_numerator: 0.0,
        smooth_denominator: 1e-6,
        pooling: cvl_pooling::Batch as u32,
        ..cvl_region_config::default()
    }
}
