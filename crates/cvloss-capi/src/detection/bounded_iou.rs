//! Bounded IoU.

use std::ptr;

use cvloss_kernels::boxes::{Combinators, Kind};

use super::boxes::{AlignedBoxes, cvl_boxes_config};
use crate::config::{init, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// Options of bounded IoU.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_bounded_iou_config {
    /// Set by `cvl_bounded_iou_config_init`.
    pub struct_size: usize,
    /// Format, denominator and reduction; copied by the constructor. NULL for the defaults.
    pub boxes: *const cvl_boxes_config,
    /// Below it, a term is quadratic; above 0. Default 0.2.
    pub beta: f64,
}

versioned!(cvl_bounded_iou_config {
    struct_size, boxes, beta;
});

impl Default for cvl_bounded_iou_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            boxes: ptr::null(),
            beta: 0.2,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_bounded_iou_config_init(
    config: *mut cvl_bounded_iou_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Bounded IoU: how far each of four numbers alone could leave the IoU from 1. NULL `config`: defaults.
///
/// `L = sum smooth(1 - r)` over x, y, w and h; smooth is quadratic below `beta`.
///
/// Inputs and value: as `cvl_iou_new`. Four times `BoundedIoULoss` of mmdetection, which has a mean over the terms.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_bounded_iou_new(
    config: *const cvl_bounded_iou_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_bounded_iou_config {
    const LOSS: &'static str = "bounded_iou";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        // SAFETY: the caller's promise.
        unsafe {
            AlignedBoxes::build(
                c"bounded_iou",
                Kind::Bounded { beta: self.beta },
                Combinators::default(),
                self.boxes,
            )
        }
    }
}
