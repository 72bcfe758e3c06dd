//! A region loss and a loss of points, fused.

use std::ptr;

use cvloss_kernels::region::{Extra, Options, Smooth};

use super::dice::{cvl_dice_config, dice_part};
use super::region::RegionLoss;
use crate::config::{init, list, optional, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::options::ignore_index;
use crate::status::{Result, cvl_status};

/// Options of Dice loss plus cross-entropy.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_dice_ce_config {
    /// Set by `cvl_dice_ce_config_init`.
    pub struct_size: usize,
    /// The Dice loss; copied by the constructor. NULL for the defaults.
    pub dice: *const cvl_dice_config,
    /// Class weights of cross-entropy, or weights of positives with sigmoids; copied by the constructor. NULL for 1.
    pub class_weights: *const f64,
    /// How many numbers `class_weights` has.
    pub num_class_weights: usize,
    /// The factor of Dice. Default 1.
    pub lambda_dice: f64,
    /// The factor of cross-entropy. Default 1.
    pub lambda_ce: f64,
    /// Label smoothing of cross-entropy, in [0, 1]. Default 0.
    pub label_smoothing: f64,
}

versioned!(cvl_dice_ce_config {
    struct_size, dice, class_weights, num_class_weights, lambda_dice, lambda_ce, label_smoothing;
});

impl Default for cvl_dice_ce_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            dice: ptr::null(),
            class_weights: ptr::null(),
            num_class_weights: 0,
            lambda_dice: 1.0,
            lambda_ce: 1.0,
            label_smoothing: 0.0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_dice_ce_config_init(
    config: *mut cvl_dice_ce_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Dice loss plus cross-entropy, of a softmax or of sigmoids. NULL `config`: defaults.
///
/// Inputs and value: `cvl_region_config`; the input holds logits. Agrees with MONAI's `DiceCELoss`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_dice_ce_new(
    config: *const cvl_dice_ce_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_dice_ce_config {
    const LOSS: &'static str = "dice_ce";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let (weights, count) = (self.class_weights, self.num_class_weights);
        // SAFETY: the caller's promise.
        let (class_weights, loss) = unsafe {
            (
                list("class_weights", weights, count)?,
                dice_part(c"dice_ce", self.dice)?,
            )
        };
        let extra = Extra::CrossEntropy {
            weight: self.lambda_ce,
            class_weights,
            label_smoothing: self.label_smoothing,
        };
        loss.finish(|options| Options {
            weight: self.lambda_dice,
            extra,
            ..options
        })
    }
}

/// Options of Dice loss plus focal loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_dice_focal_config {
    /// Set by `cvl_dice_focal_config_init`.
    pub struct_size: usize,
    /// The Dice loss; copied by the constructor. NULL for the defaults.
    pub dice: *const cvl_dice_config,
    /// The factor of Dice. Default 1.
    pub lambda_dice: f64,
    /// The factor of focal loss. Default 1.
    pub lambda_focal: f64,
    /// Focusing parameter, at least 0. Default 2.
    pub gamma: f64,
    /// Weight of positives in [0, 1], or with a softmax of all classes but 0; only read if `has_alpha`. Default 0.25.
    pub alpha: f64,
    /// 1, or 0 to weigh all with 1. Default 0.
    pub has_alpha: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_dice_focal_config {
    struct_size, dice, lambda_dice, lambda_focal, gamma, alpha, has_alpha, reserved;
});

impl Default for cvl_dice_focal_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            dice: ptr::null(),
            lambda_dice: 1.0,
            lambda_focal: 1.0,
            gamma: 2.0,
            alpha: 0.25,
            has_alpha: 0,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_dice_focal_config_init(
    config: *mut cvl_dice_focal_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Dice loss plus focal loss, of a softmax (which needs class indices) or of sigmoids. NULL `config`: defaults.
///
/// Inputs and value: `cvl_region_config`; the input holds logits.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_dice_focal_new(
    config: *const cvl_dice_focal_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_dice_focal_config {
    const LOSS: &'static str = "dice_focal";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        // SAFETY: the caller's promise.
        let loss = unsafe { dice_part(c"dice_focal", self.dice) }?;
        let extra = Extra::Focal {
            weight: self.lambda_focal,
            alpha: optional("has_alpha", self.has_alpha, self.alpha)?,
            gamma: self.gamma,
        };
        loss.finish(|options| Options {
            weight: self.lambda_dice,
            extra,
            ..options
        })
    }
}

/// Options of combo loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_combo_config {
    /// Set by `cvl_combo_config_init`.
    pub struct_size: usize,
    /// Share of cross-entropy. Default 0.5.
    pub alpha: f64,
    /// Weight of positives in cross-entropy, in [0, 1]. Default 0.5.
    pub beta: f64,
    /// Added to the Dice score's numerator. Default 1.
    pub smooth_numerator: f64,
    /// Added to the Dice score's denominator. Default 1.
    pub smooth_denominator: f64,
    /// The denominator is at least this. Default 0.
    pub smooth_floor: f64,
    /// Points with this index are left out. Default -100.
    pub ignore_index: i64,
}

versioned!(cvl_combo_config {
    struct_size, alpha, beta, smooth_numerator, smooth_denominator, smooth_floor, ignore_index;
});

impl Default for cvl_combo_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            alpha: 0.5,
            beta: 0.5,
            smooth_numerator: 1.0,
            smooth_denominator: 1.0,
            smooth_floor: 0.0,
            ignore_index: -100,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_combo_config_init(config: *mut cvl_combo_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Combo loss of Taghanaki et al., of sigmoids, over the whole batch. NULL `config`: defaults.
///
/// `L = alpha mean(-beta t ln p - (1 - beta)(1 - t) ln(1 - p)) - (1 - alpha) Dice`; at best `-(1 - alpha)`.
///
/// Inputs: `cvl_region_config`; the input holds logits. Value: [].
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_combo_new(
    config: *const cvl_combo_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_combo_config {
    const LOSS: &'static str = "combo";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let smooth = Smooth {
            numerator: self.smooth_numerator,
            denominator: self.smooth_denominator,
            floor: self.smooth_floor,
        };
        let loss = RegionLoss {
            name: c"combo",
            ignore: ignore_index(self.ignore_index),
            options: Options::combo(self.alpha, self.beta, smooth),
        };
        loss.finish(|options| options)
    }
}
