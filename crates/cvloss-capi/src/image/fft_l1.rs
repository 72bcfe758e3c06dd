//! L1 of Fourier coefficients.

use cvloss_kernels::frequency::{FftForm, FftNorm, Formula, Options, SpectrumPooling};

use super::spectrum::Spectrum;
use crate::config::{choose, init, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::options::{cvl_reduction, reduction};
use crate::status::{Result, cvl_status};

/// What of a coefficient is compared.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_fft_form {
    /// `|Re| + |Im|`, the mean over both.
    Parts = 0,
    /// `|F|`, the mean over coefficients.
    Magnitude,
}

/// The factor of a transform.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_fft_norm {
    /// 1, as `torch.fft.fft2` by default.
    Backward = 0,
    /// `1/sqrt(H W)`.
    Ortho,
}

/// Options of the L1 of Fourier coefficients.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_fft_l1_config {
    /// Set by `cvl_fft_l1_config_init`.
    pub struct_size: usize,
    /// A `cvl_fft_form`. Default CVL_FFT_FORM_PARTS.
    pub form: u32,
    /// A `cvl_fft_norm`. Default CVL_FFT_NORM_BACKWARD.
    pub norm: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_fft_l1_config {
    struct_size, form, norm, reduction, reserved;
});

impl Default for cvl_fft_l1_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            form: cvl_fft_form::Parts as u32,
            norm: cvl_fft_norm::Backward as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_fft_l1_config_init(
    config: *mut cvl_fft_l1_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// L1 of Fourier coefficients of the difference of two images. NULL `config`: defaults.
///
/// `L` is the mean of `|F(w (x - t))|` over coefficients. Weights multiply the difference.
///
/// Inputs: two images (N, C, H, W) of the same shape and type, and optionally weights that broadcast to that shape.
/// Both have a gradient. Value: [], or (N).
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_fft_l1_new(
    config: *const cvl_fft_l1_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_fft_l1_config {
    const LOSS: &'static str = "fft_l1";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        let forms = [FftForm::Parts, FftForm::Magnitude];
        let norms = [FftNorm::Backward, FftNorm::Ortho];
        let options = Options {
            formula: Formula::L1 {
                form: choose("form", self.form, &forms)?,
                norm: choose("norm", self.norm, &norms)?,
            },
            patch_factor: 1,
            pooling: SpectrumPooling::Image,
            reduction: reduction(self.reduction)?,
        };
        Spectrum::build(c"fft_l1", options)
    }
}
