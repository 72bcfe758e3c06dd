//! Normalised Gaussian Wasserstein distance.

use std::ptr;

use cvloss_kernels::boxes::{Combinators, Kind};

use super::boxes::{AlignedBoxes, cvl_boxes_config};
use crate::config::{init, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// Options of the normalised Gaussian Wasserstein distance.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_nwd_config {
    /// Set by `cvl_nwd_config_init`.
    pub struct_size: usize,
    /// Format, denominator and reduction; copied by the constructor. NULL for the defaults.
    pub boxes: *const cvl_boxes_config,
    /// `C`, a typical size of the boxes, in their units, above 0. Default 12.8.
    pub constant: f64,
}

versioned!(cvl_nwd_config {
    struct_size, boxes, constant;
});

impl Default for cvl_nwd_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            boxes: ptr::null(),
            constant: 12.8,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_nwd_config_init(config: *mut cvl_nwd_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Normalised Gaussian Wasserstein distance, for tiny objects. NULL `config`: defaults.
///
/// `L = 1 - exp(-W/C)`, `W^2 = (x - x_t)^2 + (y - y_t)^2 + ((w - w_t)^2 + (h - h_t)^2)/4`.
///
/// Inputs and value: as `cvl_iou_new`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_nwd_new(
    config: *const cvl_nwd_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_nwd_config {
    const LOSS: &'static str = "nwd";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        // SAFETY: the caller's promise.
        unsafe {
            AlignedBoxes::build(
                c"nwd",
                Kind::Nwd {
                    constant: self.constant,
                },
                Combinators::default(),
                self.boxes,
            )
        }
    }
}
