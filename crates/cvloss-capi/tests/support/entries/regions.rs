//! Losses of regions.

use anyhow::Result;
use cvloss_capi::*;
use serde_json::Value;

use super::super::Handle;
use super::{ignored, index, list, number, pointer, reduction};

const VOLUMES: [&str; 3] = ["Square", "Simple", "Uniform"];

/// Calls `create` with the region options that a loss holds.
fn with_region<T>(
    options: &Value,
    create: impl FnOnce(*const cvl_region_config) -> Result<T>,
) -> Result<T> {
    let region = &options["region"];
    let weights = list(&region["class_weights"]);
    let (class_weights, num_class_weights) = pointer(weights.as_ref());
    let listed: Option<Vec<usize>> = list(&region["classes"]["Listed"])
        .map(|classes| classes.into_iter().map(|class| class as usize).collect());
    let (listed_classes, num_listed_classes) = pointer(listed.as_ref());
    let volume = &region["average"]["Generalized"];
    let smooth = &region["smooth"];
    let config = cvl_region_config {
        class_weights,
        num_class_weights,
        listed_classes,
        num_listed_classes,
        smooth_numerator: number(smooth, "numerator")?,
        smooth_denominator: number(smooth, "denominator")?,
        smooth_floor: number(smooth, "floor")?,
        ignore_index: ignored(region),
        activation: index(&region["activation"], &["Softmax", "Sigmoid", "Identity"])?,
        pooling: index(&region["pooling"], &["Image", "Batch"])?,
        average: index(&region["average"], &["Macro", "Micro", "Generalized"])?,
        volume_weight: index(volume, &VOLUMES).unwrap_or_default(),
        intersection: index(&region["intersection"], &["Product", "Minimum"])?,
        absent: index(&region["absent"], &["Count", "Skip", "Zero"])?,
        classes: index(&region["classes"], &["All", "Foreground", "Listed"])?,
        class_average: index(&region["class_average"], &["Count", "Weights"])?,
        reduction: reduction(region)?,
        ..cvl_region_config::default()
    };
    create(&config)
}

/// A transform and its power.
pub(super) fn transform(options: &Value) -> Result<(u32, f64)> {
    let transform = &options["transform"];
    let names = ["Linear", "Log", "LogCosh", "Negative", "Power", "LogPower"];
    let power = transform["Power"].as_f64();
    let power = power.or(transform["LogPower"].as_f64());
    Ok((index(transform, &names)?, power.unwrap_or(1.0)))
}

pub(super) fn with_dice<T>(
    options: &Value,
    create: impl FnOnce(&cvl_dice_config) -> Result<T>,
) -> Result<T> {
    with_region(options, |region| {
        let (transform, gamma) = transform(options)?;
        let form = &options["form"];
        create(&cvl_dice_config {
            region,
            gamma,
            transform,
            form: index(form, &["Plain", "Squared", "Generalized"])?,
            volume_weight: index(&form["Generalized"], &VOLUMES).unwrap_or_default(),
            ..cvl_dice_config::default()
        })
    })
}

pub(super) fn jaccard(options: &Value) -> Result<Handle> {
    with_region(options, |region| {
        let (transform, gamma) = transform(options)?;
        let config = cvl_jaccard_config {
            region,
            gamma,
            transform,
            ..cvl_jaccard_config::default()
        };
        Handle::new(&config, cvl_jaccard_new)
    })
}

pub(super) fn tversky(options: &Value) -> Result<Handle> {
    with_region(options, |region| {
        let (transform, gamma) = transform(options)?;
        let config = cvl_tversky_config {
            region,
            alpha: number(options, "alpha")?,
            beta: number(options, "beta")?,
            gamma,
            transform,
            ..cvl_tversky_config::default()
        };
        Handle::new(&config, cvl_tversky_new)
    })
}

pub(super) fn focal_tversky(options: &Value) -> Result<Handle> {
    with_region(options, |region| {
        let config = cvl_focal_tversky_config {
            region,
            alpha: number(options, "alpha")?,
            beta: number(options, "beta")?,
            gamma: number(options, "gamma")?,
            power: index(&options["power"], &["PerClass", "AfterMean"])?,
            ..cvl_focal_tversky_config::default()
        };
        Handle::new(&config, cvl_focal_tversky_new)
    })
}

pub(super) fn dice_ce(options: &Value) -> Result<Handle> {
    with_dice(&options["dice"], |dice| {
        let weights = list(&options["class_weights"]);
        let (class_weights, num_class_weights) = pointer(weights.as_ref());
        let config = cvl_dice_ce_config {
            dice,
            class_weights,
            num_class_weights,
            lambda_dice: number(options, "lambda_dice")?,
            lambda_ce: number(options, "lambda_ce")?,
            label_smoothing: number(options, "label_smoothing")?,
            ..cvl_dice_ce_config::default()
        };
        Handle::new(&config, cvl_dice_ce_new)
    })
}

pub(super) fn dice_focal(options: &Value) -> Result<Handle> {
    with_dice(&options["dice"], |dice| {
        let alpha = options["alpha"].as_f64();
        let config = cvl_dice_focal_config {
            dice,
            lambda_dice: number(options, "lambda_dice")?,
            lambda_focal: number(options, "lambda_focal")?,
            gamma: number(options, "gamma")?,
            alpha: alpha.unwrap_or_default(),
            has_alpha: u32::from(alpha.is_some()),
            ..cvl_dice_focal_config::default()
        };
        Handle::new(&config, cvl_dice_focal_new)
    })
}

pub(super) fn combo(options: &Value) -> Result<Handle> {
    let smooth = &options["smooth"];
    let config = cvl_combo_config {
        alpha: number(options, "alpha")?,
        beta: number(options, "beta")?,
        smooth_numerator: number(smooth, "numerator")?,
        smooth_denominator: number(smooth, "denominator")?,
        smooth_floor: number(smooth, "floor")?,
        ignore_index: ignored(options),
        ..cvl_combo_config::default()
    };
    Handle::new(&config, cvl_combo_new)
}

pub(super) fn generalized_wasserstein_dice(options: &Value) -> Result<Handle> {
    let rows = options["distances"].as_array();
    let numbers: Option<Vec<f64>> =
        rows.map(|rows| rows.iter().filter_map(list).flatten().collect());
    let (distances, num_distances) = pointer(numbers.as_ref());
    let config = cvl_generalized_wasserstein_dice_config {
        distances,
        num_distances,
        smooth_nr: number(options, "smooth_nr")?,
        smooth_dr: number(options, "smooth_dr")?,
        ignore_index: ignored(options),
        weighting: index(&options["weighting"], &["Foreground", "Volume"])?,
        reduction: reduction(options)?,
        ..cvl_generalized_wasserstein_dice_config::default()
    };
    Handle::new(&config, cvl_generalized_wasserstein_dice_new)
}

pub(super) fn mcc(options: &Value) -> Result<Handle> {
    with_region(options, |region| {
        let config = cvl_mcc_config {
            region,
            counts: number(options, "counts")?,
            ..cvl_mcc_config::default()
        };
        Handle::new(&config, cvl_mcc_new)
    })
}

pub(super) fn soft_f1(options: &Value) -> Result<Handle> {
    with_region(options, |region| {
        let config = cvl_soft_f1_config {
            region,
            sides: index(&options["sides"], &["Both", "Positives"])?,
            ..cvl_soft_f1_config::default()
        };
        Handle::new(&config, cvl_soft_f1_new)
    })
}

pub(super) fn unified_focal(options: &Value) -> Result<Handle> {
    with_region(options, |region| {
        let config = cvl_unified_focal_config {
            region,
            weight: number(options, "weight")?,
            delta: number(options, "delta")?,
            gamma: number(options, "gamma")?,
            form: index(&options["form"], &["Asymmetric", "Symmetric"])?,
            ..cvl_unified_focal_config::default()
        };
        Handle::new(&config, cvl_unified_focal_new)
    })
}

pub(super) fn exp_log(options: &Value) -> Result<Handle> {
    with_region(options, |region| {
        let weights = list(&options["class_weights"]);
        let (class_weights, num_class_weights) = pointer(weights.as_ref());
        let config = cvl_exp_log_config {
            region,
            class_weights,
            num_class_weights,
            lambda_dice: number(options, "lambda_dice")?,
            lambda_ce: number(options, "lambda_ce")?,
            gamma_dice: number(options, "gamma_dice")?,
            gamma_ce: number(options, "gamma_ce")?,
            ..cvl_exp_log_config::default()
        };
        Handle::new(&config, cvl_exp_log_new)
    })
}
