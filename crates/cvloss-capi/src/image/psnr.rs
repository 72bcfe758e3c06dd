//! The negative peak signal-to-noise ratio.

use std::ffi::CStr;

use cvloss_kernels::device::Kernel;
use cvloss_kernels::pixel::{PsnrOptions, PsnrPooling, evaluate_psnr};
use cvloss_kernels::{Geometry, Reduction, Result as KernelResult};

use super::pixel::split;
use crate::config::{choose, init, unused, versioned};
use crate::loss::{Call, Config, Input, Items, Loss, PAIR_WEIGHT, Target, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction, normalizer, reduction};
use crate::status::{Error, Result, cvl_status};

/// Over what PSNR averages the squared error before the logarithm.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_psnr_pooling {
    /// Over each image: piq.
    Image = 0,
    /// Over the whole batch: kornia.
    Batch,
}

/// Options of the negative peak signal-to-noise ratio.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_psnr_config {
    /// Set by `cvl_psnr_config_init`.
    pub struct_size: usize,
    /// The largest value of a pixel less the smallest. Default 1.
    pub data_range: f64,
    /// Added to the mean squared error over the squared range, at least 0. Default 1e-8.
    pub eps: f64,
    /// A `cvl_psnr_pooling`. Default CVL_PSNR_POOLING_IMAGE.
    pub pooling: u32,
    /// A `cvl_normalizer`; CVL_NORMALIZER_WEIGHTS makes a mask leave the mean. Default CVL_NORMALIZER_ELEMENTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_psnr_config {
    struct_size, data_range, eps, pooling, normalizer, reduction, reserved;
});

impl Default for cvl_psnr_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            data_range: 1.0,
            eps: 1e-8,
            pooling: cvl_psnr_pooling::Image as u32,
            normalizer: cvl_normalizer::Elements as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_psnr_config_init(config: *mut cvl_psnr_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// The negative peak signal-to-noise ratio in decibels. NULL `config`: defaults.
///
/// Inputs: two images (N, C, *) of the same shape and type, and optionally weights that broadcast to it. Both have a gradient. Value: [], or (N) unless the batch is pooled.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_psnr_new(
    config: *const cvl_psnr_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_psnr_config {
    const LOSS: &'static str = "psnr";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        let poolings = [PsnrPooling::Image, PsnrPooling::Batch];
        Ok(Box::new(Psnr(PsnrOptions {
            data_range: self.data_range,
            eps: self.eps,
            pooling: choose("pooling", self.pooling, &poolings)?,
            normalizer: normalizer(self.normalizer)?,
            reduction: reduction(self.reduction)?,
        })))
    }
}

struct Psnr(PsnrOptions);

impl Loss for Psnr {
    fn name(&self) -> &'static CStr {
        c"psnr"
    }

    fn inputs(&self) -> &'static [Input] {
        PAIR_WEIGHT
    }

    fn geometry(&self) -> Geometry {
        Geometry::Alike
    }

    fn items(&self) -> Items {
        match (self.0.reduction, self.0.pooling) {
            (Reduction::None, PsnrPooling::Image) => Items::Images,
            _ => Items::One,
        }
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        if dims.len() > 2 {
            return Ok(());
        }
        let message = format!("input has shape {dims:?}, expected (N, C, *)");
        Err(Error::new(cvl_status::Shape, message))
    }

    fn kernel(&self, _: Target) -> KernelResult<Option<Kernel>> {
        Ok(Some(Kernel::Psnr(self.0)))
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let (operands, values, gradients) = split(call);
        evaluate_psnr(&self.0, &operands, values, gradients)
    }
}
