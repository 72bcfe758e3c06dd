//! L1 and structural similarity in one sweep.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::ssim::{Channels, Options, check, evaluate};
use cvloss_kernels::{Geometry, Result as KernelResult};

use super::similarity::{cvl_border, cvl_similarity_config, image_items, similarity, split};
use crate::config::{init, unused, versioned};
use crate::loss::{Call, Config, Input, Items, Loss, PAIR_WEIGHT, create, cvl_loss};
use crate::options::{cvl_reduction, reduction};
use crate::status::{Result, cvl_status};

/// Options of L1 plus structural similarity.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_l1_ssim_config {
    /// Set by `cvl_l1_ssim_config_init`.
    pub struct_size: usize,
    /// The largest value that pixels may have less the smallest: 1, 2 or 255. It has no default, and must be set.
    pub data_range: f64,
    /// Window, border and constants; copied by the constructor. NULL for the defaults with zeros around the image.
    pub similarity: *const cvl_similarity_config,
    /// The factor of the mean absolute difference. Default 0.8.
    pub lambda_l1: f64,
    /// The factor of `1 - s`. Default 0.2.
    pub lambda_ssim: f64,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_l1_ssim_config {
    struct_size, data_range, similarity, lambda_l1, lambda_ssim, reduction, reserved;
});

impl Default for cvl_l1_ssim_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            data_range: f64::NAN,
            similarity: ptr::null(),
            lambda_l1: 0.8,
            lambda_ssim: 0.2,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_l1_ssim_config_init(
    config: *mut cvl_l1_ssim_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// L1 plus structural similarity in one sweep, as Gaussian splatting trains. `config` must have a data range.
///
/// Inputs: two images (N, C, *) of the same shape and type with 1 to 3 axes of space, and optionally weights (N, *) or (N, 1, *). Both have a gradient. Value: [], or (N).
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_l1_ssim_new(
    config: *const cvl_l1_ssim_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_l1_ssim_config {
    const LOSS: &'static str = "l1_ssim";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        // SAFETY: the caller's promise.
        let similarity = unsafe { similarity(self.data_range, self.similarity, cvl_border::Zero) }?;
        Ok(Box::new(L1Ssim(Options {
            similarity,
            similarity_weight: self.lambda_ssim,
            pixel_weight: self.lambda_l1,
            channels: Channels::Average,
            reduction: reduction(self.reduction)?,
        })))
    }
}

struct L1Ssim(Options);

impl Loss for L1Ssim {
    fn name(&self) -> &'static CStr {
        c"l1_ssim"
    }

    fn inputs(&self) -> &'static [Input] {
        PAIR_WEIGHT
    }

    fn geometry(&self) -> Geometry {
        Geometry::Images
    }

    fn items(&self) -> Items {
        image_items(self.0.reduction, self.0.channels)
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        Ok(check(
            &self.0.similarity,
            dims.get(2..).unwrap_or_default(),
        )?)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let (operands, results) = split(call);
        evaluate(&self.0, &operands, results)
    }
}
