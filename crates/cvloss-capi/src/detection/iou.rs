//! Intersection over union.

use std::ptr;

use cvloss_kernels::boxes::{Combinators, Kind};

use super::boxes::{
    AlignedBoxes, combinators, cvl_boxes_config, cvl_iou_form, cvl_overlap_config, iou_form,
};
use crate::config::{init, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// Options of intersection over union.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_iou_config {
    /// Set by `cvl_iou_config_init`.
    pub struct_size: usize,
    /// Format, denominator and reduction; copied by the constructor. NULL for the defaults.
    pub boxes: *const cvl_boxes_config,
    /// Combinators; copied by the constructor. NULL for none.
    pub overlap: *const cvl_overlap_config,
    /// A `cvl_iou_form`. Default CVL_IOU_FORM_LINEAR.
    pub form: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_iou_config {
    struct_size, boxes, overlap, form, reserved;
});

impl Default for cvl_iou_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            boxes: ptr::null(),
            overlap: ptr::null(),
            form: cvl_iou_form::Linear as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_iou_config_init(config: *mut cvl_iou_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Intersection over union of two boxes, as a loss. NULL `config`: defaults.
///
/// `L = 1 - IoU`, `IoU = I/(U + eps)`; or by `form`.
///
/// Inputs: boxes (..., 4) of the same shape and type, and optionally weights (...) or (..., 1). Both boxes have a
/// gradient. Value: [], or (...). Agrees with `IoULoss` of mmdetection.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_iou_new(
    config: *const cvl_iou_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_iou_config {
    const LOSS: &'static str = "iou";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        // SAFETY: the caller's promise.
        let combinators = unsafe { combinators(self.overlap) }?;
        let combinators = Combinators {
            form: iou_form(self.form)?,
            ..combinators
        };
        // SAFETY: the caller's promise.
        unsafe { AlignedBoxes::build(c"iou", Kind::Iou, combinators, self.boxes) }
    }
}
