//! Kullback-Leibler divergence of rotated boxes.

use std::ptr;

use cvloss_kernels::rotated::{Divergence, Kind};

use super::rotated::{RotatedBoxes, cvl_distance_scale, cvl_rotated_boxes_config, distance_scale};
use crate::config::{choose, init, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// Which divergence of two Gaussians.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_divergence {
    /// Of the target from the prediction: `kld` of mmrotate.
    Forward = 0,
    /// The mean of both directions: `jd`.
    Jeffreys,
    /// The larger of both directions: `kld_symmax`.
    Largest,
    /// The smaller: `kld_symmin`.
    Smallest,
}

/// Options of the Kullback-Leibler divergence.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_kld_config {
    /// Set by `cvl_kld_config_init`.
    pub struct_size: usize,
    /// Denominator and reduction; copied by the constructor. NULL for the defaults.
    pub boxes: *const cvl_rotated_boxes_config,
    /// 0, or at least 1: then the loss is `1 - 1/(tau + f)`. Default 0.
    pub tau: f64,
    /// Weight of shape against centre, above 0. Default 1.
    pub alpha: f64,
    /// A `cvl_divergence`. Default CVL_DIVERGENCE_FORWARD.
    pub divergence: u32,
    /// 1: the root is taken, of at least 1e-7. Default 1.
    pub root: u32,
    /// A `cvl_distance_scale`. Default CVL_DISTANCE_SCALE_LOG1P.
    pub scale: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_kld_config {
    struct_size, boxes, tau, alpha, divergence, root, scale, reserved;
});

impl Default for cvl_kld_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            boxes: ptr::null(),
            tau: 0.0,
            alpha: 1.0,
            divergence: cvl_divergence::Forward as u32,
            root: 1,
            scale: cvl_distance_scale::Log1p as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_kld_config_init(config: *mut cvl_kld_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Kullback-Leibler divergence of rotated boxes as Gaussians. NULL `config`: defaults.
///
/// `D = d' S^-1 d/(2 alpha^2) + tr(S^-1 S_t)/2 + ln(det S/det S_t)/2 - 1`, `L = f(sqrt D)`; sizes are clamped to
/// 1e-7..=1e7.
///
/// Inputs and value: as `cvl_rotated_iou_new`. Agrees with `GDLoss("kld")` of mmrotate.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_kld_new(
    config: *const cvl_kld_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_kld_config {
    const LOSS: &'static str = "kld";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        use Divergence::{Forward, Jeffreys, Largest, Smallest};
        let divergences = [Forward, Jeffreys, Largest, Smallest];
        let kind = Kind::Kld {
            divergence: choose("divergence", self.divergence, &divergences)?,
            has_root: choose("root", self.root, &[false, true])?,
            scale: distance_scale(self.scale)?,
            tau: self.tau,
            alpha: self.alpha,
        };
        // SAFETY: the caller's promise.
        unsafe { RotatedBoxes::build(c"kld", kind, self.boxes) }
    }
}
