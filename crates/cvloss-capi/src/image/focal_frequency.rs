//! Focal frequency loss.

use cvloss_kernels::Reduction;
use cvloss_kernels::frequency::{Formula, Options, SpectrumPeak, SpectrumPooling, SpectrumWeight};

use super::spectrum::Spectrum;
use crate::config::{choose, init, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::options::{cvl_reduction, reduction};
use crate::status::{Error, Result, cvl_status};

/// What a coefficient weighs, by its own error.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_spectrum_weight {
    /// `|F|^alpha`
    Power = 0,
    /// `ln(|F|^alpha + 1)`, the log_matrix of the paper.
    Log,
}

/// Over what the weights of a spectrum are divided by their largest.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_spectrum_peak {
    /// Each patch of each channel.
    Patch = 0,
    /// The whole batch, the batch_matrix of the paper; not with CVL_REDUCTION_NONE.
    Batch,
}

/// Whose spectra are compared.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_spectrum_pooling {
    /// Each image's.
    Image = 0,
    /// The mean over the batch, the ave_spectrum of the paper; the value is a scalar.
    Batch,
}

/// Options of focal frequency loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_focal_frequency_config {
    /// Set by `cvl_focal_frequency_config_init`.
    pub struct_size: usize,
    /// How much large errors count more, at least 0. Default 1.
    pub alpha: f64,
    /// Each side is cut into this many patches, which must divide it. Default 1.
    pub patch_factor: usize,
    /// A `cvl_spectrum_weight`. Default CVL_SPECTRUM_WEIGHT_POWER.
    pub weighting: u32,
    /// A `cvl_spectrum_peak`. Default CVL_SPECTRUM_PEAK_PATCH.
    pub peak: u32,
    /// A `cvl_spectrum_pooling`. Default CVL_SPECTRUM_POOLING_IMAGE.
    pub pooling: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_focal_frequency_config {
    struct_size, alpha, patch_factor, weighting, peak, pooling, reduction;
});

impl Default for cvl_focal_frequency_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            alpha: 1.0,
            patch_factor: 1,
            weighting: cvl_spectrum_weight::Power as u32,
            peak: cvl_spectrum_peak::Patch as u32,
            pooling: cvl_spectrum_pooling::Image as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_focal_frequency_config_init(
    config: *mut cvl_focal_frequency_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Focal frequency loss: squared errors of coefficients, weighed by the errors. NULL `config`: defaults.
///
/// `L` is the mean of `w |F|^2`, `F` the unitary transform of the difference, `w = |F|^alpha` over its largest, a
/// constant.
///
/// Inputs: two images (N, C, H, W) of the same shape and type, and optionally weights that broadcast to that shape.
/// Both have a gradient. Value: [], or (N).
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_focal_frequency_new(
    config: *const cvl_focal_frequency_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_focal_frequency_config {
    const LOSS: &'static str = "focal_frequency";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let weights = [SpectrumWeight::Power, SpectrumWeight::Log];
        let peaks = [SpectrumPeak::Patch, SpectrumPeak::Batch];
        let poolings = [SpectrumPooling::Image, SpectrumPooling::Batch];
        let peak = choose("peak", self.peak, &peaks)?;
        let reduction = reduction(self.reduction)?;
        if (peak, reduction) == (SpectrumPeak::Batch, Reduction::None) {
            return Err(Error::invalid(
                "reduction is CVL_REDUCTION_NONE, but weights divided by the batch's largest leave no values per image",
            ));
        }
        let options = Options {
            formula: Formula::Focal {
                alpha: self.alpha,
                weight: choose("weighting", self.weighting, &weights)?,
                peak,
            },
            patch_factor: self.patch_factor,
            pooling: choose("pooling", self.pooling, &poolings)?,
            reduction,
        };
        Spectrum::build(c"focal_frequency", options)
    }
}
