//! Efficient IoU, also called EIoU, and Focal-EIoU.

use std::ptr;

use cvloss_kernels::boxes::{Kind, WeightSlope};

use super::boxes::{AlignedBoxes, combinators, cvl_boxes_config, cvl_overlap_config};
use crate::config::{choose, init, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// Whether a factor that grows with the IoU has a slope.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_weight_slope {
    /// It does: the derivative of the formula.
    Through = 0,
    /// It does not: a weight of the pair.
    Constant,
}

/// Options of efficient IoU.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_efficient_iou_config {
    /// Set by `cvl_efficient_iou_config_init`.
    pub struct_size: usize,
    /// Format, denominator and reduction; copied by the constructor. NULL for the defaults.
    pub boxes: *const cvl_boxes_config,
    /// Combinators; copied by the constructor. NULL for none.
    pub overlap: *const cvl_overlap_config,
    /// Power of the focus, at least 0; Focal-EIoU above 0. Default 0.
    pub gamma: f64,
    /// A `cvl_weight_slope`. Default CVL_WEIGHT_SLOPE_THROUGH.
    pub focus_slope: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_efficient_iou_config {
    struct_size, boxes, overlap, gamma, focus_slope, reserved;
});

impl Default for cvl_efficient_iou_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            boxes: ptr::null(),
            overlap: ptr::null(),
            gamma: 0.0,
            focus_slope: cvl_weight_slope::Through as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_efficient_iou_config_init(
    config: *mut cvl_efficient_iou_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Efficient IoU, one of two losses called EIoU; the other is `cvl_extended_iou_new`. NULL `config`: defaults.
///
/// `L = IoU^gamma (1 - IoU + rho^2/(c^2 + eps) + (w - w_t)^2/(c_w^2 + eps) + (h - h_t)^2/(c_h^2 + eps))`.
///
/// Inputs and value: as `cvl_iou_new`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_efficient_iou_new(
    config: *const cvl_efficient_iou_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_efficient_iou_config {
    const LOSS: &'static str = "efficient_iou";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        let slopes = [WeightSlope::Through, WeightSlope::Constant];
        let slope = choose("focus_slope", self.focus_slope, &slopes)?;
        // SAFETY: the caller's promise.
        let combinators = unsafe { combinators(self.overlap) }?;
        // SAFETY: the caller's promise.
        unsafe {
            AlignedBoxes::build(
                c"efficient_iou",
                Kind::Efficient {
                    gamma: self.gamma,
                    slope,
                },
                combinators,
                self.boxes,
            )
        }
    }
}
