//! Losses of two images.

use anyhow::Result;
use cvloss_capi::*;
use serde_json::Value;

use super::super::Handle;
use super::{index, list, normalizer, number, pointer, reduction};

pub(super) fn l1(options: &Value) -> Result<Handle> {
    let config = cvl_l1_config {
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_l1_config::default()
    };
    Handle::new(&config, cvl_l1_new)
}

pub(super) fn mse(options: &Value) -> Result<Handle> {
    let config = cvl_mse_config {
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_mse_config::default()
    };
    Handle::new(&config, cvl_mse_new)
}

pub(super) fn log_cosh(options: &Value) -> Result<Handle> {
    let config = cvl_log_cosh_config {
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_log_cosh_config::default()
    };
    Handle::new(&config, cvl_log_cosh_new)
}

pub(super) fn huber(options: &Value) -> Result<Handle> {
    let config = cvl_huber_config {
        delta: number(options, "delta")?,
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_huber_config::default()
    };
    Handle::new(&config, cvl_huber_new)
}

pub(super) fn smooth_l1(options: &Value) -> Result<Handle> {
    let config = cvl_smooth_l1_config {
        beta: number(options, "beta")?,
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_smooth_l1_config::default()
    };
    Handle::new(&config, cvl_smooth_l1_new)
}

pub(super) fn charbonnier(options: &Value) -> Result<Handle> {
    let config = cvl_charbonnier_config {
        eps: number(options, "eps")?,
        form: index(&options["form"], &["Squared", "Plain"])?,
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_charbonnier_config::default()
    };
    Handle::new(&config, cvl_charbonnier_new)
}

pub(super) fn robust(options: &Value) -> Result<Handle> {
    let config = cvl_robust_config {
        scale: number(options, "scale")?,
        alpha: options["shape"]["Alpha"].as_f64().unwrap_or(1.0),
        shape: index(
            &options["shape"],
            &["Alpha", "Cauchy", "GemanMcClure", "Welsch"],
        )?,
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_robust_config::default()
    };
    Handle::new(&config, cvl_robust_new)
}

pub(super) fn wing(options: &Value) -> Result<Handle> {
    let config = cvl_wing_config {
        width: number(options, "width")?,
        curvature: number(options, "curvature")?,
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_wing_config::default()
    };
    Handle::new(&config, cvl_wing_new)
}

pub(super) fn psnr(options: &Value) -> Result<Handle> {
    let config = cvl_psnr_config {
        data_range: number(options, "data_range")?,
        eps: number(options, "eps")?,
        pooling: index(&options["pooling"], &["Image", "Batch"])?,
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_psnr_config::default()
    };
    Handle::new(&config, cvl_psnr_new)
}

const BORDERS: [&str; 4] = ["Valid", "Reflect", "Replicate", "Zero"];
const VARIANCES: [&str; 2] = ["Clamped", "Plain"];

/// Calls `create` with the data range and the similarity that a loss holds.
fn with_similarity<T>(
    options: &Value,
    create: impl FnOnce(f64, *const cvl_similarity_config) -> Result<T>,
) -> Result<T> {
    let similarity = &options["similarity"];
    let window = &similarity["window"];
    let sizes: Option<Vec<usize>> =
        list(&window["size"]).map(|sizes| sizes.into_iter().map(|size| size as usize).collect());
    let deviations = list(&window["taps"]["Gaussian"]);
    let (window_sizes, num_window_sizes) = pointer(sizes.as_ref());
    let (sigmas, num_sigmas) = pointer(deviations.as_ref());
    let config = cvl_similarity_config {
        k1: number(similarity, "k1")?,
        k2: number(similarity, "k2")?,
        window_sizes,
        num_window_sizes,
        sigmas,
        num_sigmas,
        taps: index(&window["taps"], &["Gaussian", "Uniform"])?,
        border: index(&similarity["border"], &BORDERS)?,
        variance: index(&similarity["variance"], &VARIANCES)?,
        covariance: index(&similarity["covariance"], &["Population", "Sample"])?,
        ..cvl_similarity_config::default()
    };
    create(number(similarity, "data_range")?, &config)
}

pub(super) fn ssim(options: &Value) -> Result<Handle> {
    with_similarity(options, |data_range, similarity| {
        let config = cvl_ssim_config {
            data_range,
            similarity,
            form: index(&options["form"], &["Whole", "Half"])?,
            channels: index(&options["channels"], &["Average", "Separate"])?,
            reduction: reduction(options)?,
            ..cvl_ssim_config::default()
        };
        Handle::new(&config, cvl_ssim_new)
    })
}

pub(super) fn ms_ssim(options: &Value) -> Result<Handle> {
    let powers = list(&options["weights"]);
    let (weights, num_weights) = pointer(powers.as_ref());
    let odd = ["Drop", "KeepLast", "KeepFirst", "ZeroFirst"];
    with_similarity(options, |data_range, similarity| {
        let config = cvl_ms_ssim_config {
            data_range,
            similarity,
            weights,
            num_weights,
            odd: index(&options["odd"], &odd)?,
            negative: index(&options["negative"], &["Clamp", "Shift"])?,
            product: index(&options["product"], &["Channel", "Image"])?,
            small: index(&options["small"], &["Refuse", "FewerLevels"])?,
            reduction: reduction(options)?,
            ..cvl_ms_ssim_config::default()
        };
        Handle::new(&config, cvl_ms_ssim_new)
    })
}

pub(super) fn l1_ssim(options: &Value) -> Result<Handle> {
    with_similarity(options, |data_range, similarity| {
        let config = cvl_l1_ssim_config {
            data_range,
            similarity,
            lambda_l1: number(options, "lambda_l1")?,
            lambda_ssim: number(options, "lambda_ssim")?,
            reduction: reduction(options)?,
            ..cvl_l1_ssim_config::default()
        };
        Handle::new(&config, cvl_l1_ssim_new)
    })
}

pub(super) fn ms_ssim_l1(options: &Value) -> Result<Handle> {
    let deviations = list(&options["sigmas"]);
    let (sigmas, num_sigmas) = pointer(deviations.as_ref());
    let config = cvl_ms_ssim_l1_config {
        data_range: number(options, "data_range")?,
        k1: number(options, "k1")?,
        k2: number(options, "k2")?,
        sigmas,
        num_sigmas,
        size: number(options, "size")? as usize,
        alpha: number(options, "alpha")?,
        scale: number(options, "scale")?,
        border: index(&options["border"], &BORDERS)?,
        variance: index(&options["variance"], &VARIANCES)?,
        reduction: reduction(options)?,
        ..cvl_ms_ssim_l1_config::default()
    };
    Handle::new(&config, cvl_ms_ssim_l1_new)
}

pub(super) fn edge(options: &Value) -> Result<Handle> {
    let penalty = &options["penalty"];
    let filters = ["Sobel", "Scharr", "Laplacian4", "Laplacian8"];
    let borders = ["Replicate", "Reflect", "Zero", "Valid"];
    let default = cvl_edge_config::default();
    let config = cvl_edge_config {
        eps: penalty["Charbonnier"].as_f64().unwrap_or(default.eps),
        filter: index(&options["filter"], &filters)?,
        scale: index(&options["scale"], &["Unit", "Integer"])?,
        penalty: index(penalty, &["Absolute", "Square", "Charbonnier"])?,
        border: index(&options["border"], &borders)?,
        reduction: reduction(options)?,
        ..default
    };
    Handle::new(&config, cvl_edge_new)
}

pub(super) fn fft_l1(options: &Value) -> Result<Handle> {
    let config = cvl_fft_l1_config {
        form: index(&options["form"], &["Parts", "Magnitude"])?,
        norm: index(&options["norm"], &["Backward", "Ortho"])?,
        reduction: reduction(options)?,
        ..cvl_fft_l1_config::default()
    };
    Handle::new(&config, cvl_fft_l1_new)
}

pub(super) fn focal_frequency(options: &Value) -> Result<Handle> {
    let config = cvl_focal_frequency_config {
        alpha: number(options, "alpha")?,
        patch_factor: number(options, "patch_factor")? as usize,
        weighting: index(&options["weighting"], &["Power", "Log"])?,
        peak: index(&options["peak"], &["Patch", "Batch"])?,
        pooling: index(&options["pooling"], &["Image", "Batch"])?,
        reduction: reduction(options)?,
        ..cvl_focal_frequency_config::default()
    };
    Handle::new(&config, cvl_focal_frequency_new)
}

pub(super) fn total_variation(options: &Value) -> Result<Handle> {
    let norms = ["Anisotropic", "Isotropic", "Squared", "Root"];
    let config = cvl_total_variation_config {
        eps: number(options, "eps")?,
        norm: index(&options["norm"], &norms)?,
        scale: index(&options["scale"], &["Total", "Differences"])?,
        reduction: reduction(options)?,
        ..cvl_total_variation_config::default()
    };
    Handle::new(&config, cvl_total_variation_new)
}
