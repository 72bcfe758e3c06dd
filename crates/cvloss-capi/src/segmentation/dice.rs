//! Dice loss and its forms.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::region::{DiceForm, Options, Score};

use super::region::{
    RegionLoss, cvl_region_config, cvl_transform, cvl_volume_weight, transform, volume_weight,
};
use crate::config::{self, choose, init, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// What Dice's sums are of.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_dice_form {
    /// Probabilities.
    Plain = 0,
    /// Their squares in P and T: V-Net, MONAI's `squared_pred`.
    Squared,
    /// One score of all classes, each weighted by its volume; the average over classes has no effect.
    Generalized,
}

/// Options of Dice loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_dice_config {
    /// Set by `cvl_dice_config_init`.
    pub struct_size: usize,
    /// Sums, classes, policies; copied by the constructor. NULL for the defaults.
    pub region: *const cvl_region_config,
    /// The power; only read for CVL_TRANSFORM_POWER and CVL_TRANSFORM_LOG_POWER. Default 1.
    pub gamma: f64,
    /// A `cvl_dice_form`. Default CVL_DICE_FORM_PLAIN.
    pub form: u32,
    /// A `cvl_volume_weight`; only read for CVL_DICE_FORM_GENERALIZED. Default CVL_VOLUME_WEIGHT_SQUARE.
    pub volume_weight: u32,
    /// A `cvl_transform`. Default CVL_TRANSFORM_LINEAR.
    pub transform: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_dice_config {
    struct_size, region, gamma, form, volume_weight, transform, reserved;
});

impl Default for cvl_dice_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            region: ptr::null(),
            gamma: 1.0,
            form: cvl_dice_form::Plain as u32,
            volume_weight: cvl_volume_weight::Square as u32,
            transform: cvl_transform::Linear as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_dice_config_init(config: *mut cvl_dice_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Dice loss, one minus twice the overlap over the sizes. NULL `config`: defaults.
///
/// `L = 1 - (2I + smooth_n) / (P + T + smooth_d)`, `I = sum p t`, `P = sum p`, `T = sum t`.
///
/// Inputs and value: `cvl_region_config`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_dice_new(
    config: *const cvl_dice_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_dice_config {
    const LOSS: &'static str = "dice";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        // SAFETY: the caller's promise.
        unsafe { self.region_loss(c"dice") }?.finish(|options| options)
    }
}

impl cvl_dice_config {
    /// # Safety
    /// As [`Config::build`].
    unsafe fn region_loss(&self, name: &'static CStr) -> Result<RegionLoss> {
        unused(self.reserved)?;
        let generalized = DiceForm::Generalized(volume_weight(self.volume_weight)?);
        let forms = [DiceForm::Plain, DiceForm::Squared, generalized];
        let form = choose("form", self.form, &forms)?;
        let transform = transform(self.transform, self.gamma)?;
        // SAFETY: the caller's promise.
        let loss = unsafe { RegionLoss::new(name, Score::DICE, self.region) }?;
        Ok(RegionLoss {
            options: Options {
                transform,
                ..loss.options.with_form(form)
            },
            ..loss
        })
    }
}

/// The Dice part of a combined loss.
///
/// # Safety
/// `dice` is NULL, or a struct of the size that it says with valid pointers.
pub(super) unsafe fn dice_part(
    name: &'static CStr,
    dice: *const cvl_dice_config,
) -> Result<RegionLoss> {
    // SAFETY: the caller's promise.
    unsafe { config::read(dice)?.region_loss(name) }
}
