//! Extended IoU, also called EIoU.

use std::ptr;

use cvloss_kernels::boxes::{Combinators, Kind};

use super::boxes::{AlignedBoxes, cvl_boxes_config};
use crate::config::{init, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// Options of extended IoU.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_extended_iou_config {
    /// Set by `cvl_extended_iou_config_init`.
    pub struct_size: usize,
    /// Format, denominator and reduction; copied by the constructor. NULL for the defaults.
    pub boxes: *const cvl_boxes_config,
    /// `s`, below which the loss is quadratic; above 0. Default 0.1.
    pub smooth_point: f64,
}

versioned!(cvl_extended_iou_config {
    struct_size, boxes, smooth_point;
});

impl Default for cvl_extended_iou_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            boxes: ptr::null(),
            smooth_point: 0.1,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_extended_iou_config_init(
    config: *mut cvl_extended_iou_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Extended IoU, one of two losses called EIoU; the other is `cvl_efficient_iou_new`. NULL `config`: defaults.
///
/// `L = l^2/(2 s)` below `s`, else `l - s/2`, with `l = 1 - I'/(U' + eps)`, `I'` negative for boxes apart.
///
/// Inputs and value: as `cvl_iou_new`. Agrees with `EIoULoss` of mmdetection.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_extended_iou_new(
    config: *const cvl_extended_iou_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_extended_iou_config {
    const LOSS: &'static str = "extended_iou";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        // SAFETY: the caller's promise.
        unsafe {
            AlignedBoxes::build(
                c"extended_iou",
                Kind::Extended {
                    smooth_point: self.smooth_point,
                },
                Combinators::default(),
                self.boxes,
            )
        }
    }
}
