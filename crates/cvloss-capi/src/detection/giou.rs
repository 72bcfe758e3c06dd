//! Generalised IoU.

use std::ptr;

use cvloss_kernels::boxes::Kind;

use super::boxes::{AlignedBoxes, combinators, cvl_boxes_config, cvl_overlap_config};
use crate::config::{init, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// Options of generalised IoU.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_giou_config {
    /// Set by `cvl_giou_config_init`.
    pub struct_size: usize,
    /// Format, denominator and reduction; copied by the constructor. NULL for the defaults.
    pub boxes: *const cvl_boxes_config,
    /// Combinators; copied by the constructor. NULL for none.
    pub overlap: *const cvl_overlap_config,
}

versioned!(cvl_giou_config {
    struct_size, boxes, overlap;
});

impl Default for cvl_giou_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            boxes: ptr::null(),
            overlap: ptr::null(),
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_giou_config_init(config: *mut cvl_giou_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Generalised IoU: boxes that do not overlap are pulled together. NULL `config`: defaults.
///
/// `L = 1 - IoU + (C - U)/(C + eps)`, `C` the area of the smallest box around both.
///
/// Inputs and value: as `cvl_iou_new`. Agrees with `torchvision.ops.generalized_box_iou_loss`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_giou_new(
    config: *const cvl_giou_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_giou_config {
    const LOSS: &'static str = "giou";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        // SAFETY: the caller's promise.
        let combinators = unsafe { combinators(self.overlap) }?;
        // SAFETY: the caller's promise.
        unsafe { AlignedBoxes::build(c"giou", Kind::Giou, combinators, self.boxes) }
    }
}
