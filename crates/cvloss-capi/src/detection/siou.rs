//! SCYLLA-IoU.

use std::ptr;

use cvloss_kernels::boxes::{Kind, SiouSign};

use super::boxes::{AlignedBoxes, combinators, cvl_boxes_config, cvl_overlap_config};
use crate::config::{choose, init, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// The sign of SCYLLA-IoU's distance cost.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_siou_sign {
    /// The cost grows with the distance: the paper, mmdetection with `neg_gamma=True`.
    Paper = 0,
    /// It falls with the distance, and the loss is clamped to [0, 2]: the default of mmdetection.
    MmDetection,
}

/// Options of SCYLLA-IoU.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_siou_config {
    /// Set by `cvl_siou_config_init`.
    pub struct_size: usize,
    /// Format, denominator and reduction; copied by the constructor. NULL for the defaults.
    pub boxes: *const cvl_boxes_config,
    /// Combinators; copied by the constructor. NULL for none.
    pub overlap: *const cvl_overlap_config,
    /// Power of the shape cost, above 0. Default 4.
    pub theta: f64,
    /// A `cvl_siou_sign`. Default CVL_SIOU_SIGN_PAPER.
    pub sign: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_siou_config {
    struct_size, boxes, overlap, theta, sign, reserved;
});

impl Default for cvl_siou_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            boxes: ptr::null(),
            overlap: ptr::null(),
            theta: 4.0,
            sign: cvl_siou_sign::Paper as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_siou_config_init(config: *mut cvl_siou_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// SCYLLA-IoU: distance that knows the angle, and shape. NULL `config`: defaults.
///
/// `L = 1 - IoU + (D + S)/2` with a cost `D` of distance and angle and a cost `S` of shape.
///
/// Inputs and value: as `cvl_iou_new`. Agrees with `SIoULoss(neg_gamma=True)` of mmdetection.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_siou_new(
    config: *const cvl_siou_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_siou_config {
    const LOSS: &'static str = "siou";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        let signs = [SiouSign::Paper, SiouSign::MmDetection];
        let sign = choose("sign", self.sign, &signs)?;
        // SAFETY: the caller's promise.
        let combinators = unsafe { combinators(self.overlap) }?;
        // SAFETY: the caller's promise.
        unsafe {
            AlignedBoxes::build(
                c"siou",
                Kind::Siou {
                    theta: self.theta,
                    sign,
                },
                combinators,
                self.boxes,
            )
        }
    }
}
