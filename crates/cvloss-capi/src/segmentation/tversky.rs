//! Tversky and focal Tversky losses.

use std::ptr;

use cvloss_kernels::region::{FocalPower, Options, Score, check_tversky};

use super::region::{RegionLoss, cvl_region_config, cvl_transform, transform};
use crate::config::{choose, init, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// Options of Tversky loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_tversky_config {
    /// Set by `cvl_tversky_config_init`.
    pub struct_size: usize,
    /// Sums, classes, policies; copied by the constructor. NULL for the defaults.
    pub region: *const cvl_region_config,
    /// Weight of false positives, at least 0. Default 0.5.
    pub alpha: f64,
    /// Weight of false negatives, at least 0. Default 0.5.
    pub beta: f64,
    /// The power; only read for CVL_TRANSFORM_POWER and CVL_TRANSFORM_LOG_POWER. Default 1.
    pub gamma: f64,
    /// A `cvl_transform`. Default CVL_TRANSFORM_LINEAR.
    pub transform: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_tversky_config {
    struct_size, region, alpha, beta, gamma, transform, reserved;
});

impl Default for cvl_tversky_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            region: ptr::null(),
            alpha: 0.5,
            beta: 0.5,
            gamma: 1.0,
            transform: cvl_transform::Linear as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_tversky_config_init(
    config: *mut cvl_tversky_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Tversky loss: Dice with separate weights for false positives and false negatives. NULL `config`: defaults.
///
/// `L = 1 - (I + smooth_n) / (I + alpha (P - I) + beta (T - I) + smooth_d)`.
///
/// Inputs and value: `cvl_region_config`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_tversky_new(
    config: *const cvl_tversky_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_tversky_config {
    const LOSS: &'static str = "tversky";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        check_tversky(self.alpha, self.beta)?;
        let transform = transform(self.transform, self.gamma)?;
        let score = Score::tversky(self.alpha, self.beta);
        // SAFETY: the caller's promise.
        let loss = unsafe { RegionLoss::new(c"tversky", score, self.region) }?;
        loss.finish(|options| Options {
            transform,
            ..options
        })
    }
}

/// Where focal Tversky loss takes its power.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_focal_power {
    /// Of each class's loss, before the average: the paper.
    PerClass = 0,
    /// Of the average: segmentation_models_pytorch.
    AfterMean,
}

/// Options of focal Tversky loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_focal_tversky_config {
    /// Set by `cvl_focal_tversky_config_init`.
    pub struct_size: usize,
    /// Sums, classes, policies; copied by the constructor. NULL for the defaults.
    pub region: *const cvl_region_config,
    /// Weight of false positives, at least 0. Default 0.3.
    pub alpha: f64,
    /// Weight of false negatives, at least 0. Default 0.7.
    pub beta: f64,
    /// The exponent, at least 0. Default 0.75.
    pub gamma: f64,
    /// A `cvl_focal_power`. Default CVL_FOCAL_POWER_PER_CLASS.
    pub power: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_focal_tversky_config {
    struct_size, region, alpha, beta, gamma, power, reserved;
});

impl Default for cvl_focal_tversky_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            region: ptr::null(),
            alpha: 0.3,
            beta: 0.7,
            gamma: 0.75,
            power: cvl_focal_power::PerClass as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_focal_tversky_config_init(
    config: *mut cvl_focal_tversky_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Focal Tversky loss: a power of the Tversky loss, per class or of the average. NULL `config`: defaults.
///
/// `L = mean_c (1 - TI_c)^gamma` or `(mean_c (1 - TI_c))^gamma`.
///
/// Inputs and value: `cvl_region_config`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_focal_tversky_new(
    config: *const cvl_focal_tversky_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_focal_tversky_config {
    const LOSS: &'static str = "focal_tversky";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        check_tversky(self.alpha, self.beta)?;
        let powers = [FocalPower::PerClass, FocalPower::AfterMean];
        let power = choose("power", self.power, &powers)?;
        let score = Score::tversky(self.alpha, self.beta);
        // SAFETY: the caller's promise.
        let loss = unsafe { RegionLoss::new(c"focal_tversky", score, self.region) }?;
        loss.finish(|options| options.with_focal_power(self.gamma, power))
    }
}
