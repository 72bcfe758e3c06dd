//! Exponential logarithmic loss.

use std::ptr;

use cvloss_kernels::imbalance::{Points, SiteKind};
use cvloss_kernels::region::{Options, Score, Transform, check_exp_log};

use super::compound::{PointsOf, compound};
use super::region::{RegionLoss, cvl_region_config};
use crate::config::{init, list, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// Options of exponential logarithmic loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_exp_log_config {
    /// Set by `cvl_exp_log_config_init`.
    pub struct_size: usize,
    /// Sums, classes, policies of the Dice term; copied by the constructor. NULL for the defaults.
    pub region: *const cvl_region_config,
    /// One weight per class in the cross-entropy term, copied by the constructor. NULL for 1.
    pub class_weights: *const f64,
    /// How many numbers `class_weights` has.
    pub num_class_weights: usize,
    /// The factor of the Dice term, at least 0. Default 0.8.
    pub lambda_dice: f64,
    /// The factor of the cross-entropy term, at least 0. Default 0.2.
    pub lambda_ce: f64,
    /// The power of the Dice term, above 0. Default 0.3.
    pub gamma_dice: f64,
    /// The power of the cross-entropy term, above 0. Default 0.3.
    pub gamma_ce: f64,
}

versioned!(cvl_exp_log_config {
    struct_size, region, class_weights, num_class_weights, lambda_dice, lambda_ce, gamma_dice, gamma_ce;
});

impl Default for cvl_exp_log_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            region: ptr::null(),
            class_weights: ptr::null(),
            num_class_weights: 0,
            lambda_dice: 0.8,
            lambda_ce: 0.2,
            gamma_dice: 0.3,
            gamma_ce: 0.3,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_exp_log_config_init(
    config: *mut cvl_exp_log_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Exponential logarithmic loss: powers of the logarithms of Dice's score and of the probability, of a softmax. NULL
/// `config`: defaults.
///
/// `L = lambda_dice mean_c (-ln s_c)^gamma_dice + lambda_ce mean(w_y (-ln p_y)^gamma_ce)`, `s` Dice's score.
///
/// Inputs and value: `cvl_region_config`; the input holds logits, the target class indices.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_exp_log_new(
    config: *const cvl_exp_log_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_exp_log_config {
    const LOSS: &'static str = "exp_log";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let (weights, count) = (self.class_weights, self.num_class_weights);
        // SAFETY: the caller's promise.
        let (class_weights, loss) = unsafe {
            (
                list("class_weights", weights, count)?,
                RegionLoss::new(c"exp_log", Score::DICE, self.region)?,
            )
        };
        check_exp_log(
            [self.lambda_dice, self.lambda_ce],
            [self.gamma_dice, self.gamma_ce],
            loss.options.activation,
        )?;
        let options = Options {
            transform: Transform::LogPower(self.gamma_dice),
            weight: self.lambda_dice,
            ..loss.options
        };
        options.check()?;
        let points = Points {
            kind: SiteKind::Power {
                gamma: self.gamma_ce,
            },
            weight: self.lambda_ce,
            class_weights,
        };
        let points: PointsOf = Box::new(move |_| points.clone());
        compound(RegionLoss { options, ..loss }, points)
    }
}
