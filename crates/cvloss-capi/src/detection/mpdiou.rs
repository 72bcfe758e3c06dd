//! Minimum points distance IoU.

use std::ptr;

use cvloss_kernels::boxes::Kind;

use super::boxes::{AlignedBoxes, combinators, cvl_boxes_config, cvl_overlap_config};
use crate::config::{init, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// Options of minimum points distance IoU.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_mpdiou_config {
    /// Set by `cvl_mpdiou_config_init`.
    pub struct_size: usize,
    /// Format, denominator and reduction; copied by the constructor. NULL for the defaults.
    pub boxes: *const cvl_boxes_config,
    /// Combinators; copied by the constructor. NULL for none.
    pub overlap: *const cvl_overlap_config,
    /// `W`, of the image in the units of the boxes, above 0. Default 640.
    pub image_width: f64,
    /// `H`. Default 640.
    pub image_height: f64,
}

versioned!(cvl_mpdiou_config {
    struct_size, boxes, overlap, image_width, image_height;
});

impl Default for cvl_mpdiou_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            boxes: ptr::null(),
            overlap: ptr::null(),
            image_width: 640.0,
            image_height: 640.0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_mpdiou_config_init(
    config: *mut cvl_mpdiou_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Minimum points distance IoU. NULL `config`: defaults.
///
/// `L = 1 - IoU + (d_1^2 + d_2^2)/(W^2 + H^2)`, `d` the distances of the low corners and of the high corners.
///
/// Inputs and value: as `cvl_iou_new`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_mpdiou_new(
    config: *const cvl_mpdiou_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_mpdiou_config {
    const LOSS: &'static str = "mpdiou";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        // SAFETY: the caller's promise.
        let combinators = unsafe { combinators(self.overlap) }?;
        // SAFETY: the caller's promise.
        unsafe {
            AlignedBoxes::build(
                c"mpdiou",
                Kind::Mpdiou {
                    image: (self.image_width, self.image_height),
                },
                combinators,
                self.boxes,
            )
        }
    }
}
