//! The C entry of each loss: from the options of the Rust crate, as serialized, to a handle.
//!
//! A loss that lacks an entry here fails the test `equal`.

use anyhow::{Context, Result, bail};
use cvloss_capi::*;
use serde_json::Value;

use super::Handle;

/// Losses of the Rust crate that have no C entry, and why.
pub const WITHOUT_ENTRY: [(&str, &str); 27] = [
    (
        "LossSum",
        "in C, a sum is several calls into one gradient with CVL_EVAL_ACCUMULATE",
    ),
    ("TotalVariation", "not yet: it has no target"),
    ("BalancedL1Loss", "not yet"),
    ("BoundedIouLoss", "not yet"),
    ("CiouLoss", "not yet"),
    ("DiouLoss", "not yet"),
    ("DiscriminatorLoss", "not yet"),
    ("DistributionFocalLoss", "not yet"),
    ("EdgeLoss", "not yet"),
    ("EfficientIouLoss", "not yet"),
    ("ExtendedIouLoss", "not yet"),
    ("FeatureMatchingLoss", "not yet"),
    ("FftL1Loss", "not yet"),
    ("FocalFrequencyLoss", "not yet"),
    ("GeneratorLoss", "not yet"),
    ("GiouLoss", "not yet"),
    ("GwdLoss", "not yet"),
    ("IouLoss", "not yet"),
    ("KfiouLoss", "not yet"),
    ("KldLoss", "not yet"),
    ("LecamLoss", "not yet"),
    ("MpdiouLoss", "not yet"),
    ("NwdLoss", "not yet"),
    ("ProbIouLoss", "not yet"),
    ("RotatedIouLoss", "not yet"),
    ("SiouLoss", "not yet"),
    ("WiseIouLoss", "not yet"),
];

/// The loss of a type with its options.
pub fn create(type_name: &str, options: &Value) -> Result<Handle> {
    match type_name {
        "BceLoss" => bce(options),
        "FocalLoss" => focal(options),
        "CrossEntropyLoss" => cross_entropy(options),
        "SoftmaxFocalLoss" => softmax_focal(options),
        "DiceLoss" => with_dice(options, |config| Handle::new(config, cvl_dice_new)),
        "JaccardLoss" => jaccard(options),
        "TverskyLoss" => tversky(options),
        "FocalTverskyLoss" => focal_tversky(options),
        "DiceCeLoss" => dice_ce(options),
        "DiceFocalLoss" => dice_focal(options),
        "ComboLoss" => combo(options),
        "L1Loss" => l1(options),
        "MseLoss" => mse(options),
        "HuberLoss" => huber(options),
        "SmoothL1Loss" => smooth_l1(options),
        "CharbonnierLoss" => charbonnier(options),
        "LogCoshLoss" => log_cosh(options),
        "RobustLoss" => robust(options),
        "WingLoss" => wing(options),
        "PsnrLoss" => psnr(options),
        "SsimLoss" => ssim(options),
        "MsSsimLoss" => ms_ssim(options),
        "L1SsimLoss" => l1_ssim(options),
        "MsSsimL1Loss" => ms_ssim_l1(options),
        other => bail!(
            "no C entry for {other}: add it to crates/cvloss-capi/src and to tests/support/entries.rs"
        ),
    }
}

fn number(options: &Value, option: &str) -> Result<f64> {
    options[option]
        .as_f64()
        .with_context(|| format!("{option} of {options}"))
}

/// The numbers of a list that may be absent.
fn list(value: &Value) -> Option<Vec<f64>> {
    let numbers = value.as_array()?;
    numbers.iter().map(Value::as_f64).collect()
}

fn ignored(options: &Value) -> i64 {
    options["ignore_index"]
        .as_i64()
        .unwrap_or(CVL_IGNORE_NOTHING)
}

/// A variant's name, with or without a payload.
fn variant(value: &Value) -> &str {
    value
        .as_str()
        .or_else(|| value.as_object()?.keys().next().map(String::as_str))
        .unwrap_or_default()
}

fn index(value: &Value, names: &[&str]) -> Result<u32> {
    let at = names.iter().position(|name| *name == variant(value));
    Ok(u32::try_from(at.with_context(|| {
        format!("{value} is none of {names:?}")
    })?)?)
}

fn reduction(options: &Value) -> Result<u32> {
    index(&options["reduction"], &["Mean", "Sum", "None"])
}

fn normalizer(options: &Value) -> Result<u32> {
    index(
        &options["normalizer"],
        &["Elements", "Weights", "Positives"],
    )
}

fn pointer<T>(list: Option<&Vec<T>>) -> (*const T, usize) {
    list.map_or((std::ptr::null(), 0), |list| (list.as_ptr(), list.len()))
}

fn bce(options: &Value) -> Result<Handle> {
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

fn focal(options: &Value) -> Result<Handle> {
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

fn cross_entropy(options: &Value) -> Result<Handle> {
    let weights = list(&options["class_weights"]);
    let (class_weights, num_class_weights) = pointer(weights.as_ref());
    let config = cvl_cross_entropy_config {
        class_weights,
        num_class_weights,
        label_smoothing: number(options, "label_smoothing")?,
        ignore_index: ignored(options),
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_cross_entropy_config::default()
    };
    Handle::new(&config, cvl_cross_entropy_new)
}

fn softmax_focal(options: &Value) -> Result<Handle> {
    let alpha = &options["alpha"];
    let weights = list(&alpha["PerClass"]);
    let (class_weights, num_class_weights) = pointer(weights.as_ref());
    let number_of = |name: &str| alpha[name].as_f64();
    let config = cvl_softmax_focal_config {
        class_weights,
        num_class_weights,
        alpha: number_of("Uniform")
            .or(number_of("Background"))
            .unwrap_or_default(),
        class_alpha: index(alpha, &["None", "Uniform", "Background", "PerClass"])?,
        gamma: number(options, "gamma")?,
        ignore_index: ignored(options),
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_softmax_focal_config::default()
    };
    Handle::new(&config, cvl_softmax_focal_new)
}

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
fn transform(options: &Value) -> Result<(u32, f64)> {
    let transform = &options["transform"];
    let names = ["Linear", "Log", "LogCosh", "Negative", "Power"];
    Ok((
        index(transform, &names)?,
        transform["Power"].as_f64().unwrap_or(1.0),
    ))
}

fn with_dice<T>(options: &Value, create: impl FnOnce(&cvl_dice_config) -> Result<T>) -> Result<T> {
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

fn jaccard(options: &Value) -> Result<Handle> {
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

fn tversky(options: &Value) -> Result<Handle> {
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

fn focal_tversky(options: &Value) -> Result<Handle> {
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

fn dice_ce(options: &Value) -> Result<Handle> {
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

fn dice_focal(options: &Value) -> Result<Handle> {
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

fn combo(options: &Value) -> Result<Handle> {
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

fn l1(options: &Value) -> Result<Handle> {
    let config = cvl_l1_config {
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_l1_config::default()
    };
    Handle::new(&config, cvl_l1_new)
}

fn mse(options: &Value) -> Result<Handle> {
    let config = cvl_mse_config {
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_mse_config::default()
    };
    Handle::new(&config, cvl_mse_new)
}

fn log_cosh(options: &Value) -> Result<Handle> {
    let config = cvl_log_cosh_config {
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_log_cosh_config::default()
    };
    Handle::new(&config, cvl_log_cosh_new)
}

fn huber(options: &Value) -> Result<Handle> {
    let config = cvl_huber_config {
        delta: number(options, "delta")?,
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_huber_config::default()
    };
    Handle::new(&config, cvl_huber_new)
}

fn smooth_l1(options: &Value) -> Result<Handle> {
    let config = cvl_smooth_l1_config {
        beta: number(options, "beta")?,
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_smooth_l1_config::default()
    };
    Handle::new(&config, cvl_smooth_l1_new)
}

fn charbonnier(options: &Value) -> Result<Handle> {
    let config = cvl_charbonnier_config {
        eps: number(options, "eps")?,
        form: index(&options["form"], &["Squared", "Plain"])?,
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_charbonnier_config::default()
    };
    Handle::new(&config, cvl_charbonnier_new)
}

fn robust(options: &Value) -> Result<Handle> {
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

fn wing(options: &Value) -> Result<Handle> {
    let config = cvl_wing_config {
        width: number(options, "width")?,
        curvature: number(options, "curvature")?,
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_wing_config::default()
    };
    Handle::new(&config, cvl_wing_new)
}

fn psnr(options: &Value) -> Result<Handle> {
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

fn ssim(options: &Value) -> Result<Handle> {
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

fn ms_ssim(options: &Value) -> Result<Handle> {
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

fn l1_ssim(options: &Value) -> Result<Handle> {
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

fn ms_ssim_l1(options: &Value) -> Result<Handle> {
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
