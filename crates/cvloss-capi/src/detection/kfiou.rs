//! Kalman-filter IoU of rotated boxes.

use std::ptr;

use cvloss_kernels::rotated::{KfForm, Kind};

use super::rotated::{RotatedBoxes, cvl_rotated_boxes_config};
use crate::config::{choose, init, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// What becomes of the IoU of fused Gaussians.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_kfiou_form {
    /// `1 - KFIoU`: `none` of mmrotate.
    Linear = 0,
    /// `-ln(KFIoU + eps)`.
    Log,
    /// `exp(1 - KFIoU) - 1`.
    Exp,
}

/// Options of Kalman-filter IoU.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_kfiou_config {
    /// Set by `cvl_kfiou_config_init`.
    pub struct_size: usize,
    /// Denominator and reduction; copied by the constructor. NULL for the defaults.
    pub boxes: *const cvl_rotated_boxes_config,
    /// Where the smooth L1 becomes linear, above 0. Default 1/9.
    pub beta: f64,
    /// A `cvl_kfiou_form`. Default CVL_KFIOU_FORM_LINEAR.
    pub form: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_kfiou_config {
    struct_size, boxes, beta, form, reserved;
});

impl Default for cvl_kfiou_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            boxes: ptr::null(),
            beta: 1.0 / 9.0,
            form: cvl_kfiou_form::Linear as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_kfiou_config_init(config: *mut cvl_kfiou_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Kalman-filter IoU of rotated boxes: the overlap of Gaussians, and a smooth L1 of the centres. NULL `config`:
/// defaults.
///
/// `L = sum smooth(|d|) + 1 - KFIoU`, or by `form`; at least 0. Sizes are clamped to 1e-7..=1e7.
///
/// Inputs and value: as `cvl_rotated_iou_new`. Agrees with `KFLoss` of mmrotate.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_kfiou_new(
    config: *const cvl_kfiou_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_kfiou_config {
    const LOSS: &'static str = "kfiou";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        let forms = [KfForm::Linear, KfForm::Log, KfForm::Exp];
        let form = choose("form", self.form, &forms)?;
        // SAFETY: the caller's promise.
        unsafe {
            RotatedBoxes::build(
                c"kfiou",
                Kind::Kfiou {
                    form,
                    beta: self.beta,
                },
                self.boxes,
            )
        }
    }
}
