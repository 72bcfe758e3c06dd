//! Wise-IoU.

use std::ptr;

use cvloss_kernels::boxes::{Kind, WiseVersion};

use super::boxes::{AlignedBoxes, combinators, cvl_boxes_config, cvl_overlap_config};
use crate::config::{choose, init, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// How much a pair counts in Wise-IoU.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_wise_version {
    /// `r = 1`: all pairs the same.
    V1 = 0,
    /// `r = b^gamma`: hard pairs more.
    V2,
    /// `r = b/(delta alpha^(b - delta))`: neither easy pairs nor outliers.
    V3,
}

/// Options of Wise-IoU.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_wise_iou_config {
    /// Set by `cvl_wise_iou_config_init`.
    pub struct_size: usize,
    /// Format, denominator and reduction; copied by the constructor. NULL for the defaults.
    pub boxes: *const cvl_boxes_config,
    /// Combinators; copied by the constructor. NULL for none.
    pub overlap: *const cvl_overlap_config,
    /// The running mean of `1 - IoU` over the training, above 0: state of yours. Make a new handle with it for each
    /// step (that is cheap), and afterwards move it towards the value of `cvl_iou_new` for the step's boxes. Default 1.
    pub mean: f64,
    /// Power of `b` in version 2, at least 0. Default 0.5.
    pub gamma: f64,
    /// Of version 3, above 1. Default 1.7.
    pub alpha: f64,
    /// Of version 3, above 0. Default 2.7.
    pub delta: f64,
    /// A `cvl_wise_version`. Default CVL_WISE_VERSION_V1.
    pub version: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_wise_iou_config {
    struct_size, boxes, overlap, mean, gamma, alpha, delta, version, reserved;
});

impl Default for cvl_wise_iou_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            boxes: ptr::null(),
            overlap: ptr::null(),
            mean: 1.0,
            gamma: 0.5,
            alpha: 1.7,
            delta: 2.7,
            version: cvl_wise_version::V1 as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_wise_iou_config_init(
    config: *mut cvl_wise_iou_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Wise-IoU: distance as a factor, and a focus by how hard a pair is against all others. NULL `config`: defaults.
///
/// `L = r exp(rho^2/(c^2 + eps)) (1 - IoU)`, `b = (1 - IoU)/mean`; `c`, `b` and `r` have no slope.
///
/// Inputs and value: as `cvl_iou_new`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_wise_iou_new(
    config: *const cvl_wise_iou_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_wise_iou_config {
    const LOSS: &'static str = "wise_iou";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        let v2 = WiseVersion::V2 { gamma: self.gamma };
        let v3 = WiseVersion::V3 {
            alpha: self.alpha,
            delta: self.delta,
        };
        let version = choose("version", self.version, &[WiseVersion::V1, v2, v3])?;
        // SAFETY: the caller's promise.
        let combinators = unsafe { combinators(self.overlap) }?;
        // SAFETY: the caller's promise.
        unsafe {
            AlignedBoxes::build(
                c"wise_iou",
                Kind::Wise {
                    version,
                    mean: self.mean,
                },
                combinators,
                self.boxes,
            )
        }
    }
}
