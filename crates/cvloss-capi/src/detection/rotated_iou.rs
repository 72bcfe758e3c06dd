//! Exact IoU of rotated boxes.

use std::ptr;

use cvloss_kernels::rotated::Kind;

use super::boxes::{cvl_iou_form, iou_form};
use super::rotated::{RotatedBoxes, cvl_rotated_boxes_config};
use crate::config::{init, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// Options of the exact IoU of rotated boxes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_rotated_iou_config {
    /// Set by `cvl_rotated_iou_config_init`.
    pub struct_size: usize,
    /// Denominator and reduction; copied by the constructor. NULL for the defaults.
    pub boxes: *const cvl_rotated_boxes_config,
    /// A `cvl_iou_form`. Default CVL_IOU_FORM_LINEAR.
    pub form: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_rotated_iou_config {
    struct_size, boxes, form, reserved;
});

impl Default for cvl_rotated_iou_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            boxes: ptr::null(),
            form: cvl_iou_form::Linear as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_rotated_iou_config_init(
    config: *mut cvl_rotated_iou_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Exact intersection over union of rotated boxes. NULL `config`: defaults.
///
/// `L = 1 - IoU`, `IoU = I/(U + eps)`; or by `form`.
///
/// Inputs: boxes (..., 5) of the same shape and type, each centre, width, height and an angle in radians that turns the
/// width from the x axis towards the y axis; optionally weights (...) or (..., 1). Both boxes have a gradient. Value:
/// [], or (...). Agrees with `RotatedIoULoss` of mmrotate.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_rotated_iou_new(
    config: *const cvl_rotated_iou_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_rotated_iou_config {
    const LOSS: &'static str = "rotated_iou";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        let form = iou_form(self.form)?;
        // SAFETY: the caller's promise.
        unsafe { RotatedBoxes::build(c"rotated_iou", Kind::Iou { form }, self.boxes) }
    }
}
