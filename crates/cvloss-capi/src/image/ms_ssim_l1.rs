//! Structural similarity in several windows and L1, without a pyramid.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::ssim::{Channels, MixOptions, check_mix, evaluate_mix};
use cvloss_kernels::{Geometry, Result as KernelResult};

use super::similarity::{border, cvl_border, cvl_variance, image_items, split, variance};
use crate::config::{init, list, unused, versioned};
use crate::loss::{Call, Config, Input, Items, Loss, PAIR_WEIGHT, create, cvl_loss};
use crate::options::{cvl_reduction, reduction};
use crate::status::{Result, cvl_status};

/// Options of structural similarity in several windows plus L1.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_ms_ssim_l1_config {
    /// Set by `cvl_ms_ssim_l1_config_init`.
    pub struct_size: usize,
    /// The largest value that pixels may have less the smallest: 1, 2 or 255. It has no default, and must be set.
    pub data_range: f64,
    /// Constant of the luminance term, at least 0. Default 0.01.
    pub k1: f64,
    /// Constant of the contrast term, at least 0. Default 0.03.
    pub k2: f64,
    /// The standard deviation of each window, up to 8, the widest last; copied by the constructor. NULL for 0.5, 1, 2, 4, 8.
    pub sigmas: *const f64,
    /// How many numbers `sigmas` has.
    pub num_sigmas: usize,
    /// Pixels across all windows, odd, up to 33. Default 33.
    pub size: usize,
    /// The share of structural similarity, in [0, 1]. Default 0.025.
    pub alpha: f64,
    /// Multiplies the loss. Default 200.
    pub scale: f64,
    /// A `cvl_border`. Default CVL_BORDER_ZERO.
    pub border: u32,
    /// A `cvl_variance`. Default CVL_VARIANCE_CLAMPED.
    pub variance: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_ms_ssim_l1_config {
    struct_size, data_range, k1, k2, sigmas, num_sigmas, size, alpha, scale, border, variance, reduction, reserved;
});

impl Default for cvl_ms_ssim_l1_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            data_range: f64::NAN,
            k1: 0.01,
            k2: 0.03,
            sigmas: ptr::null(),
            num_sigmas: 0,
            size: 33,
            alpha: 0.025,
            scale: 200.0,
            border: cvl_border::Zero as u32,
            variance: cvl_variance::Clamped as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_ms_ssim_l1_config_init(
    config: *mut cvl_ms_ssim_l1_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Structural similarity in several windows plus L1, without a pyramid. `config` must have a data range.
///
/// Inputs: two images (N, C, *) of the same shape and type with 1 to 3 axes of space, and optionally weights (N, *) or (N, 1, *). Both have a gradient. Value: [], or (N). Agrees with `kornia.losses.MS_SSIMLoss`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_ms_ssim_l1_new(
    config: *const cvl_ms_ssim_l1_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_ms_ssim_l1_config {
    const LOSS: &'static str = "ms_ssim_l1";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        // SAFETY: the caller's promise.
        let sigmas = unsafe { list("sigmas", self.sigmas, self.num_sigmas) }?;
        let options = MixOptions {
            data_range: self.data_range,
            k1: self.k1,
            k2: self.k2,
            sigmas: sigmas.unwrap_or(vec![0.5, 1.0, 2.0, 4.0, 8.0]),
            size: self.size,
            border: border(self.border)?,
            variance: variance(self.variance)?,
            alpha: self.alpha,
            scale: self.scale,
            reduction: reduction(self.reduction)?,
        };
        // Of any image that is large enough.
        check_mix(&options, &[self.size.saturating_mul(2); 2])?;
        Ok(Box::new(MsSsimL1(options)))
    }
}

struct MsSsimL1(MixOptions);

impl Loss for MsSsimL1 {
    fn name(&self) -> &'static CStr {
        c"ms_ssim_l1"
    }

    fn inputs(&self) -> &'static [Input] {
        PAIR_WEIGHT
    }

    fn geometry(&self) -> Geometry {
        Geometry::Images
    }

    fn items(&self) -> Items {
        image_items(self.0.reduction, Channels::Average)
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        Ok(check_mix(&self.0, dims.get(2..).unwrap_or_default())?)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let (operands, results) = split(call);
        evaluate_mix(&self.0, &operands, results)
    }
}
