//! Losses of elements.

use anyhow::Result;
use cvloss_capi::*;
use serde_json::Value;

use super::super::Handle;
use super::{index, list, normalizer, number, pointer, reduction};

pub(super) fn bce(options: &Value) -> Result<Handle> {
    let weights = list(&options["pos_weight"]);
    let (pos_weight, num_pos_weight) = pointer(weights.as_ref());
    let config = cvl_bce_config {
        pos_weight,
        num_pos_weight,
        label_smoothing: number(options, "label_smoothing")?,
        ignore_index: options["ignore_index"].as_f64().unwrap_or(f64::NAN),
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_bce_config::default()
    };
    Handle::new(&config, cvl_bce_new)
}

pub(super) fn focal(options: &Value) -> Result<Handle> {
    let weights = list(&options["pos_weight"]);
    let (pos_weight, num_pos_weight) = pointer(weights.as_ref());
    let alpha = options["alpha"].as_f64();
    let config = cvl_focal_config {
        pos_weight,
        num_pos_weight,
        alpha: alpha.unwrap_or_default(),
        has_alpha: u32::from(alpha.is_some()),
        gamma: number(options, "gamma")?,
        ignore_index: options["ignore_index"].as_f64().unwrap_or(f64::NAN),
        soft_targets: index(&options["soft_targets"], &["Mixture", "Linear"])?,
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_focal_config::default()
    };
    Handle::new(&config, cvl_focal_new)
}

/// The target of ignored elements.
fn ignored_target(options: &Value) -> f64 {
    options["ignore_index"].as_f64().unwrap_or(f64::NAN)
}

pub(super) fn asymmetric(options: &Value) -> Result<Handle> {
    let config = cvl_asymmetric_config {
        gamma_positive: number(options, "gamma_positive")?,
        gamma_negative: number(options, "gamma_negative")?,
        clip: number(options, "clip")?,
        focus: index(&options["focus"], &["Included", "Ignored"])?,
        ignore_index: ignored_target(options),
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_asymmetric_config::default()
    };
    Handle::new(&config, cvl_asymmetric_new)
}

pub(super) fn balanced_bce(options: &Value) -> Result<Handle> {
    let config = cvl_balanced_bce_config {
        balance: index(&options["balance"], &["Batch", "Image"])?,
        ignore_index: ignored_target(options),
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_balanced_bce_config::default()
    };
    Handle::new(&config, cvl_balanced_bce_new)
}

pub(super) fn poly_focal(options: &Value) -> Result<Handle> {
    let alpha = options["alpha"].as_f64();
    let config = cvl_poly_focal_config {
        epsilon: number(options, "epsilon")?,
        alpha: alpha.unwrap_or_default(),
        has_alpha: u32::from(alpha.is_some()),
        gamma: number(options, "gamma")?,
        ignore_index: ignored_target(options),
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_poly_focal_config::default()
    };
    Handle::new(&config, cvl_poly_focal_new)
}

pub(super) fn reduced_focal(options: &Value) -> Result<Handle> {
    let alpha = options["alpha"].as_f64();
    let config = cvl_reduced_focal_config {
        alpha: alpha.unwrap_or_default(),
        has_alpha: u32::from(alpha.is_some()),
        gamma: number(options, "gamma")?,
        threshold: number(options, "threshold")?,
        scale: index(&options["scale"], &["Threshold", "Continuous"])?,
        ignore_index: ignored_target(options),
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_reduced_focal_config::default()
    };
    Handle::new(&config, cvl_reduced_focal_new)
}

pub(super) fn quality_focal(options: &Value) -> Result<Handle> {
    let config = cvl_quality_focal_config {
        beta: number(options, "beta")?,
        ignore_index: ignored_target(options),
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_quality_focal_config::default()
    };
    Handle::new(&config, cvl_quality_focal_new)
}

pub(super) fn varifocal(options: &Value) -> Result<Handle> {
    let config = cvl_varifocal_config {
        alpha: number(options, "alpha")?,
        gamma: number(options, "gamma")?,
        positives: index(&options["positives"], &["Quality", "One"])?,
        ignore_index: ignored_target(options),
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_varifocal_config::default()
    };
    Handle::new(&config, cvl_varifocal_new)
}

pub(super) fn gaussian_focal(options: &Value) -> Result<Handle> {
    let config = cvl_gaussian_focal_config {
        alpha: number(options, "alpha")?,
        gamma: number(options, "gamma")?,
        ignore_index: ignored_target(options),
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_gaussian_focal_config::default()
    };
    Handle::new(&config, cvl_gaussian_focal_new)
}

pub(super) fn ghm(options: &Value) -> Result<Handle> {
    let means = list(&options["densities"]);
    let (densities, num_densities) = pointer(means.as_ref());
    let config = cvl_ghm_config {
        densities,
        num_densities,
        bins: number(options, "bins")? as usize,
        ignore_index: ignored_target(options),
        reduction: reduction(options)?,
        ..cvl_ghm_config::default()
    };
    Handle::new(&config, cvl_ghm_new)
}
