//! Structural similarity in one window.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::device::Kernel;
use cvloss_kernels::ssim::{Channels, Options, check, evaluate};
use cvloss_kernels::{Geometry, Result as KernelResult};

use super::similarity::{cvl_border, cvl_similarity_config, image_items, similarity, split};
use crate::config::{choose, init, unused, versioned};
use crate::loss::{Call, Config, Input, Items, Loss, PAIR_WEIGHT, Target, create, cvl_loss};
use crate::options::{cvl_reduction, reduction};
use crate::status::{Result, cvl_status};

/// What a similarity `s` becomes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_ssim_form {
    /// `1 - s`, from 0 to 2.
    Whole = 0,
    /// `(1 - s)/2`, from 0 to 1: kornia.
    Half,
}

/// What an independent item of a loss of images is.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_channels {
    /// An image: the mean over its channels.
    Average = 0,
    /// Each channel of each image by itself.
    Separate,
}

/// Options of structural similarity.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_ssim_config {
    /// Set by `cvl_ssim_config_init`.
    pub struct_size: usize,
    /// The largest value that pixels may have less the smallest: 1, 2 or 255. It has no default, and must be set.
    pub data_range: f64,
    /// Window, border and constants; copied by the constructor. NULL for the defaults.
    pub similarity: *const cvl_similarity_config,
    /// A `cvl_ssim_form`. Default CVL_SSIM_FORM_WHOLE.
    pub form: u32,
    /// A `cvl_channels`. Default CVL_CHANNELS_AVERAGE.
    pub channels: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_ssim_config {
    struct_size, data_range, similarity, form, channels, reduction, reserved;
});

impl Default for cvl_ssim_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            data_range: f64::NAN,
            similarity: ptr::null(),
            form: cvl_ssim_form::Whole as u32,
            channels: cvl_channels::Average as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_ssim_config_init(config: *mut cvl_ssim_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Structural similarity of two images, as a loss. `config` must have a data range.
///
/// `s = (2 m_x m_y + C1)(2 v_xy + C2) / ((m_x^2 + m_y^2 + C1)(v_x + v_y + C2))` of windows; `L` is the mean of `1 - s`.
///
/// Inputs: two images (N, C, *) of the same shape and type with 1 to 3 axes of space, and optionally weights (N, *) or (N, 1, *). Both have a gradient. Value: [], or (N), or (N, C) with separate channels. Agrees with `1 - pytorch_msssim.ssim`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_ssim_new(
    config: *const cvl_ssim_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_ssim_config {
    const LOSS: &'static str = "ssim";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        let channels = [Channels::Average, Channels::Separate];
        // SAFETY: the caller's promise.
        let similarity =
            unsafe { similarity(self.data_range, self.similarity, cvl_border::Valid) }?;
        Ok(Box::new(Ssim(Options {
            similarity,
            similarity_weight: choose("form", self.form, &[1.0, 0.5])?,
            pixel_weight: 0.0,
            channels: choose("channels", self.channels, &channels)?,
            reduction: reduction(self.reduction)?,
        })))
    }
}

/// Structural similarity, alone or with L1.
pub(super) struct Ssim(pub(super) Options);

impl Loss for Ssim {
    fn name(&self) -> &'static CStr {
        c"ssim"
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

    fn kernel(&self, _: Target) -> KernelResult<Option<Kernel>> {
        Ok(Some(Kernel::Windows(self.0.clone())))
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let (operands, results) = split(call);
        evaluate(&self.0, &operands, results)
    }
}
