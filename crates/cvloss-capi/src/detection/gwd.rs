//! Gaussian Wasserstein distance of rotated boxes.

use std::ptr;

use cvloss_kernels::rotated::Kind;

use super::rotated::{RotatedBoxes, cvl_distance_scale, cvl_rotated_boxes_config, distance_scale};
use crate::config::{choose, init, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// Options of the Gaussian Wasserstein distance.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_gwd_config {
    /// Set by `cvl_gwd_config_init`.
    pub struct_size: usize,
    /// Denominator and reduction; copied by the constructor. NULL for the defaults.
    pub boxes: *const cvl_rotated_boxes_config,
    /// 0, or at least 1: then the loss is `1 - 1/(tau + f)`. Default 0.
    pub tau: f64,
    /// Weight of shape against centre, above 0. Default 1.
    pub alpha: f64,
    /// A `cvl_distance_scale`. Default CVL_DISTANCE_SCALE_LOG1P.
    pub scale: u32,
    /// 1: the distance is divided by twice the size of the boxes. Default 1.
    pub normalize: u32,
}

versioned!(cvl_gwd_config {
    struct_size, boxes, tau, alpha, scale, normalize;
});

impl Default for cvl_gwd_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            boxes: ptr::null(),
            tau: 0.0,
            alpha: 1.0,
            scale: cvl_distance_scale::Log1p as u32,
            normalize: 1,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_gwd_config_init(config: *mut cvl_gwd_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Gaussian Wasserstein distance of rotated boxes. NULL `config`: defaults.
///
/// `D^2 = |d|^2 + alpha^2 tr(S + S_t - 2 (S^1/2 S_t S^1/2)^1/2)`, `L = f(D)`; sizes are clamped to 1e-7..=1e7.
///
/// Inputs and value: as `cvl_rotated_iou_new`. Agrees with `GDLoss("gwd")` of mmrotate.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_gwd_new(
    config: *const cvl_gwd_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_gwd_config {
    const LOSS: &'static str = "gwd";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let kind = Kind::Gwd {
            scale: distance_scale(self.scale)?,
            tau: self.tau,
            alpha: self.alpha,
            is_normalized: choose("normalize", self.normalize, &[false, true])?,
        };
        // SAFETY: the caller's promise.
        unsafe { RotatedBoxes::build(c"gwd", kind, self.boxes) }
    }
}
