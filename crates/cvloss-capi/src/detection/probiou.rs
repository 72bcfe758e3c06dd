//! Probabilistic IoU of rotated boxes.

use std::ptr;

use cvloss_kernels::rotated::Kind;

use super::rotated::{RotatedBoxes, cvl_rotated_boxes_config};
use crate::config::{init, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// Options of probabilistic IoU.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_probiou_config {
    /// Set by `cvl_probiou_config_init`.
    pub struct_size: usize,
    /// Denominator and reduction; copied by the constructor. NULL for the defaults.
    pub boxes: *const cvl_rotated_boxes_config,
}

versioned!(cvl_probiou_config {
    struct_size, boxes;
});

impl Default for cvl_probiou_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            boxes: ptr::null(),
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_probiou_config_init(
    config: *mut cvl_probiou_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Probabilistic IoU of rotated boxes: the Hellinger distance of Gaussians. NULL `config`: defaults.
///
/// `L = sqrt(1 - exp(-B) + eps)`, `B` the Bhattacharyya distance in eps..=100; sizes are clamped to 1e-7..=1e7.
///
/// Inputs and value: as `cvl_rotated_iou_new`. Agrees with `1 - probiou(a, b)` of ultralytics.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_probiou_new(
    config: *const cvl_probiou_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_probiou_config {
    const LOSS: &'static str = "probiou";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        // SAFETY: the caller's promise.
        unsafe { RotatedBoxes::build(c"probiou", Kind::ProbIou, self.boxes) }
    }
}
