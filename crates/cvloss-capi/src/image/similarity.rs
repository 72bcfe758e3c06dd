//! What losses of structural similarity share.

use std::ptr;

use cvloss_kernels::Reduction;
use cvloss_kernels::ssim::{
    Border, Channels, Covariance, Operands, Results, Similarity, Taps, Variance, Window,
    check_options,
};

use crate::config::{self, choose, init, list, versioned};
use crate::loss::{Call, Items};
use crate::status::Result;

/// What a window sees beyond the border of an image, and where windows have their centres.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_border {
    /// Nothing: only windows that lie inside the image count.
    Valid = 0,
    /// The image mirrored at its outermost pixels, which are not repeated.
    Reflect,
    /// The outermost pixels, repeated.
    Replicate,
    /// Zeros.
    Zero,
}

/// The weights of the pixels in a window.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_taps {
    /// A Gaussian.
    Gaussian = 0,
    /// All equal.
    Uniform,
}

/// What happens to variances that rounding has made negative.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_variance {
    /// They become 0, and so does their slope.
    Clamped = 0,
    /// Nothing.
    Plain,
}

/// What variances and covariances divide by.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_covariance {
    /// The sum of the window's weights.
    Population = 0,
    /// One less than the number of its pixels, as for a sample.
    Sample,
}

/// How two images are compared in windows.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_similarity_config {
    /// Set by `cvl_similarity_config_init`.
    pub struct_size: usize,
    /// Constant of the luminance term, at least 0. Default 0.01.
    pub k1: f64,
    /// Constant of the contrast term, at least 0. Default 0.03.
    pub k2: f64,
    /// Pixels across a window, odd, up to 33: one number, or one per axis; copied with the struct. NULL for 11.
    pub window_sizes: *const usize,
    /// How many numbers `window_sizes` has.
    pub num_window_sizes: usize,
    /// The Gaussian's standard deviation in pixels: one number, or one per axis; copied with the struct. NULL for 1.5.
    pub sigmas: *const f64,
    /// How many numbers `sigmas` has.
    pub num_sigmas: usize,
    /// A `cvl_taps`. Default CVL_TAPS_GAUSSIAN.
    pub taps: u32,
    /// A `cvl_border`. Default CVL_BORDER_VALID.
    pub border: u32,
    /// A `cvl_variance`. Default CVL_VARIANCE_CLAMPED.
    pub variance: u32,
    /// A `cvl_covariance`. Default CVL_COVARIANCE_POPULATION.
    pub covariance: u32,
}

versioned!(cvl_similarity_config {
    struct_size, k1, k2, window_sizes, num_window_sizes, sigmas, num_sigmas, taps, border, variance, covariance;
});

impl Default for cvl_similarity_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            k1: 0.01,
            k2: 0.03,
            window_sizes: ptr::null(),
            num_window_sizes: 0,
            sigmas: ptr::null(),
            num_sigmas: 0,
            taps: cvl_taps::Gaussian as u32,
            border: cvl_border::Valid as u32,
            variance: cvl_variance::Clamped as u32,
            covariance: cvl_covariance::Population as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_similarity_config_init(
    config: *mut cvl_similarity_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

pub(super) fn border(number: u32) -> Result<Border> {
    use Border::{Reflect, Replicate, Valid, Zero};
    choose("border", number, &[Valid, Reflect, Replicate, Zero])
}

pub(super) fn variance(number: u32) -> Result<Variance> {
    choose("variance", number, &[Variance::Clamped, Variance::Plain])
}

/// The similarity that `config` points at, checked; `otherwise` is the border if it is NULL.
///
/// # Safety
/// `config` is NULL, or a struct of the size that it says with valid pointers.
pub(super) unsafe fn similarity(
    data_range: f64,
    config: *const cvl_similarity_config,
    otherwise: cvl_border,
) -> Result<Similarity> {
    // SAFETY: the caller's promise.
    let mut options = unsafe { config::read(config) }?;
    if config.is_null() {
        options.border = otherwise as u32;
    }
    let (sizes, sigmas) = (options.window_sizes, options.sigmas);
    // SAFETY: the caller's promise.
    let (sizes, sigmas) = unsafe {
        (
            list("window_sizes", sizes, options.num_window_sizes)?,
            list("sigmas", sigmas, options.num_sigmas)?,
        )
    };
    let (size, sigmas) = (sizes.unwrap_or(vec![11]), sigmas.unwrap_or(vec![1.5]));
    let axes = size.len().max(sigmas.len());
    let is_uniform = choose("taps", options.taps, &[false, true])?;
    let taps = match is_uniform {
        false => Taps::Gaussian(sigmas),
        true => Taps::Uniform,
    };
    let covariances = [Covariance::Population, Covariance::Sample];
    let similarity = Similarity {
        data_range,
        k1: options.k1,
        k2: options.k2,
        window: Window { size, taps },
        border: border(options.border)?,
        variance: variance(options.variance)?,
        covariance: choose("covariance", options.covariance, &covariances)?,
    };
    // With one number for all axes, any number of axes does.
    check_options(&similarity, if axes > 1 { axes } else { 2 })?;
    Ok(similarity)
}

/// A call's tensors as the kernels of windows take them.
pub(super) fn split<'i, 'o>(call: Call<'i, 'o>) -> (Operands<'i>, Results<'o>) {
    let operands = Operands {
        input: call.input,
        target: call.target,
        weight: call.weight,
        space: call.dims.get(2..).unwrap_or_default(),
    };
    let results = Results {
        values: call.values,
        input: call.gradient,
        target: call.target_gradient,
    };
    (operands, results)
}

pub(super) fn image_items(reduction: Reduction, channels: Channels) -> Items {
    match (reduction, channels) {
        (Reduction::None, Channels::Average) => Items::Images,
        (Reduction::None, Channels::Separate) => Items::Planes,
        _ => Items::One,
    }
}
