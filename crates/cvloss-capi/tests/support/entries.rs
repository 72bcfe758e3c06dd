//! The C entry of each loss: from the options of the Rust crate, as serialized, to a handle.
//!
//! A loss that lacks an entry here fails the test `equal`.

use std::fmt::Display;

use anyhow::{Context, Result, bail};
use cvloss_capi::*;
use serde_json::Value;
use serde_json::value::Index;

use super::Handle;

/// Losses of the Rust crate that have no C entry, and why.
pub const WITHOUT_ENTRY: [(&str, &str); 1] = [(
    "LossSum",
    "in C, a sum is several calls into one gradient with CVL_EVAL_ACCUMULATE",
)];

/// Losses of one tensor, whose target in C is NULL.
pub const WITHOUT_TARGET: [&str; 1] = ["TotalVariation"];

/// A loss of axis-aligned boxes.
macro_rules! aligned {
    ($options:expr, $config:ident, $new:ident, { $($field:ident: $value:expr),* $(,)? }) => {
        with_boxes($options, |boxes, _| {
            let config = $config { boxes, $($field: $value,)* ..$config::default() };
            Handle::new(&config, $new)
        })
    };
}

/// The same with combinators.
macro_rules! overlapping {
    ($options:expr, $config:ident, $new:ident, { $($field:ident: $value:expr),* $(,)? }) => {
        with_boxes($options, |boxes, overlap| {
            let config = $config { boxes, overlap, $($field: $value,)* ..$config::default() };
            Handle::new(&config, $new)
        })
    };
}

/// A loss of rotated boxes.
macro_rules! rotated {
    ($options:expr, $config:ident, $new:ident, { $($field:ident: $value:expr),* $(,)? }) => {{
        let boxes = rotated_boxes(&$options["boxes"])?;
        let config = $config { boxes: &boxes, $($field: $value,)* ..$config::default() };
        Handle::new(&config, $new)
    }};
}

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
        "AsymmetricLoss" => asymmetric(options),
        "AsymmetricSoftmaxLoss" => asymmetric_softmax(options),
        "BalancedBceLoss" => balanced_bce(options),
        "PolyFocalLoss" => poly_focal(options),
        "ReducedFocalLoss" => reduced_focal(options),
        "BiTemperedLoss" => bi_tempered(options),
        "SeesawLoss" => seesaw(options),
        "PolyCrossEntropyLoss" => poly_cross_entropy(options),
        "OhemCrossEntropyLoss" => ohem_cross_entropy(options),
        "TopKCrossEntropyLoss" => top_k_cross_entropy(options),
        "MccLoss" => mcc(options),
        "SoftF1Loss" => soft_f1(options),
        "UnifiedFocalLoss" => unified_focal(options),
        "ExpLogLoss" => exp_log(options),
        "GeneralizedWassersteinDiceLoss" => generalized_wasserstein_dice(options),
        "MultiScale" => multi_scale(options),
        "LovaszSoftmaxLoss" => lovasz_softmax(options),
        "LovaszHingeLoss" => lovasz_hinge(options),
        "BoundaryLoss" => boundary(options),
        "DistanceCrossEntropyLoss" => distance_cross_entropy(options),
        "HausdorffErosionLoss" => hausdorff_erosion(options),
        "HausdorffLoss" => hausdorff(options),
        "ClDiceLoss" => with_cl_dice(options, |config| Handle::new(config, cvl_cl_dice_new)),
        "DiceClDiceLoss" => dice_cl_dice(options),
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
        "EdgeLoss" => edge(options),
        #[cfg(feature = "perceptual")]
        "PerceptualLoss"
        | "StyleLoss"
        | "LpipsLoss"
        | "DistsLoss"
        | "ContextualLoss"
        | "FeatureContextualLoss" => super::networks::create(type_name, options),
        "FftL1Loss" => fft_l1(options),
        "FocalFrequencyLoss" => focal_frequency(options),
        "TotalVariation" => total_variation(options),
        "IouLoss" => with_boxes(options, |boxes, overlap| {
            let config = cvl_iou_config {
                boxes,
                overlap,
                form: iou_form(options)?,
                ..cvl_iou_config::default()
            };
            Handle::new(&config, cvl_iou_new)
        }),
        "GiouLoss" => overlapping!(options, cvl_giou_config, cvl_giou_new, {}),
        "DiouLoss" => overlapping!(options, cvl_diou_config, cvl_diou_new, {}),
        "CiouLoss" => overlapping!(options, cvl_ciou_config, cvl_ciou_new, {}),
        "EfficientIouLoss" => {
            overlapping!(options, cvl_efficient_iou_config, cvl_efficient_iou_new, {
                gamma: number(options, "gamma")?,
                focus_slope: index(&options["focus_slope"], &["Through", "Constant"])?,
            })
        }
        "SiouLoss" => overlapping!(options, cvl_siou_config, cvl_siou_new, {
            theta: number(options, "theta")?,
            sign: index(&options["sign"], &["Paper", "MmDetection"])?,
        }),
        "MpdiouLoss" => overlapping!(options, cvl_mpdiou_config, cvl_mpdiou_new, {
            image_width: number(&options["image"], 0)?,
            image_height: number(&options["image"], 1)?,
        }),
        "WiseIouLoss" => wise_iou(options),
        "ExtendedIouLoss" => aligned!(options, cvl_extended_iou_config, cvl_extended_iou_new, {
            smooth_point: number(options, "smooth_point")?,
        }),
        "NwdLoss" => aligned!(options, cvl_nwd_config, cvl_nwd_new, {
            constant: number(options, "constant")?,
        }),
        "BoundedIouLoss" => aligned!(options, cvl_bounded_iou_config, cvl_bounded_iou_new, {
            beta: number(options, "beta")?,
        }),
        "RotatedIouLoss" => rotated!(options, cvl_rotated_iou_config, cvl_rotated_iou_new, {
            form: iou_form(options)?,
        }),
        "GwdLoss" => rotated!(options, cvl_gwd_config, cvl_gwd_new, {
            tau: number(options, "tau")?,
            alpha: number(options, "alpha")?,
            scale: distance_scale(options)?,
            normalize: flag(options, "normalize")?,
        }),
        "KldLoss" => rotated!(options, cvl_kld_config, cvl_kld_new, {
            tau: number(options, "tau")?,
            alpha: number(options, "alpha")?,
            divergence: index(
                &options["divergence"],
                &["Forward", "Jeffreys", "Largest", "Smallest"],
            )?,
            root: flag(options, "root")?,
            scale: distance_scale(options)?,
        }),
        "KfiouLoss" => rotated!(options, cvl_kfiou_config, cvl_kfiou_new, {
            beta: number(options, "beta")?,
            form: index(&options["form"], &["Linear", "Log", "Exp"])?,
        }),
        "ProbIouLoss" => rotated!(options, cvl_probiou_config, cvl_probiou_new, {}),
        "BalancedL1Loss" => balanced_l1(options),
        "DistributionFocalLoss" => distribution_focal(options),
        "QualityFocalLoss" => quality_focal(options),
        "VarifocalLoss" => varifocal(options),
        "GaussianFocalLoss" => gaussian_focal(options),
        "GhmLoss" => ghm(options),
        "GhmRegressionLoss" => ghm_regression(options),
        "DiscriminatorLoss" => adversarial(options, cvl_discriminator_new),
        "GeneratorLoss" => adversarial(options, cvl_generator_new),
        "LecamLoss" => lecam(options),
        "FeatureMatchingLoss" => feature_matching(options),
        other => bail!(
            "no C entry for {other}: add it to crates/cvloss-capi/src and to tests/support/entries.rs"
        ),
    }
}

pub(super) fn number(options: &Value, option: impl Index + Display + Copy) -> Result<f64> {
    options[option]
        .as_f64()
        .with_context(|| format!("{option} of {options}"))
}

fn flag(options: &Value, option: &str) -> Result<u32> {
    let flag = options[option].as_bool();
    Ok(u32::from(
        flag.with_context(|| format!("{option} of {options}"))?,
    ))
}

/// The numbers of a list that may be absent.
pub(super) fn list(value: &Value) -> Option<Vec<f64>> {
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

pub(super) fn index(value: &Value, names: &[&str]) -> Result<u32> {
    let at = names.iter().position(|name| *name == variant(value));
    Ok(u32::try_from(at.with_context(|| {
        format!("{value} is none of {names:?}")
    })?)?)
}

pub(super) fn reduction(options: &Value) -> Result<u32> {
    index(&options["reduction"], &["Mean", "Sum", "None"])
}

fn normalizer(options: &Value) -> Result<u32> {
    index(
        &options["normalizer"],
        &["Elements", "Weights", "Positives"],
    )
}

pub(super) fn pointer<T>(list: Option<&Vec<T>>) -> (*const T, usize) {
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
    let names = ["Linear", "Log", "LogCosh", "Negative", "Power", "LogPower"];
    let power = transform["Power"].as_f64();
    let power = power.or(transform["LogPower"].as_f64());
    Ok((index(transform, &names)?, power.unwrap_or(1.0)))
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

/// What a mean divides by, and the number if it is given.
fn denominator(options: &Value) -> Result<(u32, f64)> {
    let denominator = &options["denominator"];
    Ok((
        index(denominator, &["Items", "Weights", "AvgFactor"])?,
        denominator["AvgFactor"].as_f64().unwrap_or(1.0),
    ))
}

/// Calls `create` with the options of boxes and the combinators that a loss holds.
fn with_boxes(
    options: &Value,
    create: impl FnOnce(*const cvl_boxes_config, *const cvl_overlap_config) -> Result<Handle>,
) -> Result<Handle> {
    let boxes = &options["boxes"];
    let (denominator, avg_factor) = denominator(boxes)?;
    let boxes = cvl_boxes_config {
        eps: number(boxes, "eps")?,
        avg_factor,
        format: index(&boxes["format"], &["Xyxy", "Xywh", "Cxcywh"])?,
        denominator,
        reduction: reduction(boxes)?,
        ..cvl_boxes_config::default()
    };
    let overlap = match &options["overlap"] {
        Value::Null => cvl_overlap_config::default(),
        overlap => cvl_overlap_config {
            alpha: number(overlap, "alpha")?,
            inner: overlap["inner"].as_f64().unwrap_or(1.0),
            focaler_low: overlap["focaler"][0].as_f64().unwrap_or(0.0),
            focaler_high: overlap["focaler"][1].as_f64().unwrap_or(1.0),
            ..cvl_overlap_config::default()
        },
    };
    create(&boxes, &overlap)
}

fn rotated_boxes(boxes: &Value) -> Result<cvl_rotated_boxes_config> {
    let (denominator, avg_factor) = denominator(boxes)?;
    Ok(cvl_rotated_boxes_config {
        eps: number(boxes, "eps")?,
        avg_factor,
        denominator,
        reduction: reduction(boxes)?,
        ..cvl_rotated_boxes_config::default()
    })
}

fn iou_form(options: &Value) -> Result<u32> {
    index(&options["form"], &["Linear", "Log", "Square"])
}

fn distance_scale(options: &Value) -> Result<u32> {
    index(&options["scale"], &["Linear", "Sqrt", "Log1p"])
}

fn wise_iou(options: &Value) -> Result<Handle> {
    let version = &options["version"];
    let default = cvl_wise_iou_config::default();
    let of =
        |name: &str, field: &str, default: f64| version[name][field].as_f64().unwrap_or(default);
    overlapping!(options, cvl_wise_iou_config, cvl_wise_iou_new, {
        mean: number(options, "mean")?,
        gamma: of("V2", "gamma", default.gamma),
        alpha: of("V3", "alpha", default.alpha),
        delta: of("V3", "delta", default.delta),
        version: index(version, &["V1", "V2", "V3"])?,
    })
}

fn balanced_l1(options: &Value) -> Result<Handle> {
    let config = cvl_balanced_l1_config {
        alpha: number(options, "alpha")?,
        gamma: number(options, "gamma")?,
        beta: number(options, "beta")?,
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_balanced_l1_config::default()
    };
    Handle::new(&config, cvl_balanced_l1_new)
}

fn distribution_focal(options: &Value) -> Result<Handle> {
    let (denominator, avg_factor) = denominator(options)?;
    let config = cvl_distribution_focal_config {
        margin: number(options, "margin")?,
        avg_factor,
        denominator,
        reduction: reduction(options)?,
        ..cvl_distribution_focal_config::default()
    };
    Handle::new(&config, cvl_distribution_focal_new)
}

fn edge(options: &Value) -> Result<Handle> {
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

fn fft_l1(options: &Value) -> Result<Handle> {
    let config = cvl_fft_l1_config {
        form: index(&options["form"], &["Parts", "Magnitude"])?,
        norm: index(&options["norm"], &["Backward", "Ortho"])?,
        reduction: reduction(options)?,
        ..cvl_fft_l1_config::default()
    };
    Handle::new(&config, cvl_fft_l1_new)
}

fn focal_frequency(options: &Value) -> Result<Handle> {
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

fn total_variation(options: &Value) -> Result<Handle> {
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

type Adversarial =
    unsafe extern "C" fn(*const cvl_adversarial_config, *mut *mut cvl_loss) -> cvl_status;

fn adversarial(options: &Value, new: Adversarial) -> Result<Handle> {
    let (form, labels) = (&options["form"], &options["labels"]);
    let forms = [
        "Minimax",
        "NonSaturating",
        "LeastSquares",
        "Wasserstein",
        "Hinge",
    ];
    let default = cvl_adversarial_config::default();
    let factor = form["LeastSquares"]["factor"].as_f64();
    let config = cvl_adversarial_config {
        factor: factor.unwrap_or(default.factor),
        label_real: number(labels, "real")?,
        label_fake: number(labels, "fake")?,
        label_generator: number(labels, "generator")?,
        form: index(form, &forms)?,
        pairing: index(&options["pairing"], &["Standard", "Paired", "Average"])?,
        reduction: reduction(options)?,
        ..default
    };
    Handle::new(&config, new)
}

fn lecam(options: &Value) -> Result<Handle> {
    let config = cvl_lecam_config {
        real_mean: number(options, "real_mean")?,
        fake_mean: number(options, "fake_mean")?,
        form: index(&options["form"], &["Rectified", "Squared"])?,
        reduction: reduction(options)?,
        ..cvl_lecam_config::default()
    };
    Handle::new(&config, cvl_lecam_new)
}

fn feature_matching(options: &Value) -> Result<Handle> {
    let config = cvl_feature_matching_config {
        distance: index(&options["distance"], &["Absolute", "Squared"])?,
        pooling: index(&options["pooling"], &["Items", "BatchMeans"])?,
        reduction: reduction(options)?,
        ..cvl_feature_matching_config::default()
    };
    Handle::new(&config, cvl_feature_matching_new)
}

/// The target of ignored elements.
fn ignored_target(options: &Value) -> f64 {
    options["ignore_index"].as_f64().unwrap_or(f64::NAN)
}

fn asymmetric(options: &Value) -> Result<Handle> {
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

fn balanced_bce(options: &Value) -> Result<Handle> {
    let config = cvl_balanced_bce_config {
        balance: index(&options["balance"], &["Batch", "Image"])?,
        ignore_index: ignored_target(options),
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_balanced_bce_config::default()
    };
    Handle::new(&config, cvl_balanced_bce_new)
}

fn poly_focal(options: &Value) -> Result<Handle> {
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

fn reduced_focal(options: &Value) -> Result<Handle> {
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

fn quality_focal(options: &Value) -> Result<Handle> {
    let config = cvl_quality_focal_config {
        beta: number(options, "beta")?,
        ignore_index: ignored_target(options),
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_quality_focal_config::default()
    };
    Handle::new(&config, cvl_quality_focal_new)
}

fn varifocal(options: &Value) -> Result<Handle> {
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

fn gaussian_focal(options: &Value) -> Result<Handle> {
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

fn ghm(options: &Value) -> Result<Handle> {
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

fn ghm_regression(options: &Value) -> Result<Handle> {
    let means = list(&options["densities"]);
    let (densities, num_densities) = pointer(means.as_ref());
    let config = cvl_ghm_regression_config {
        densities,
        num_densities,
        bins: number(options, "bins")? as usize,
        mu: number(options, "mu")?,
        reduction: reduction(options)?,
        ..cvl_ghm_regression_config::default()
    };
    Handle::new(&config, cvl_ghm_regression_new)
}

fn asymmetric_softmax(options: &Value) -> Result<Handle> {
    let weights = list(&options["class_weights"]);
    let (class_weights, num_class_weights) = pointer(weights.as_ref());
    let config = cvl_asymmetric_softmax_config {
        class_weights,
        num_class_weights,
        gamma_positive: number(options, "gamma_positive")?,
        gamma_negative: number(options, "gamma_negative")?,
        label_smoothing: number(options, "label_smoothing")?,
        ignore_index: ignored(options),
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_asymmetric_softmax_config::default()
    };
    Handle::new(&config, cvl_asymmetric_softmax_new)
}

fn bi_tempered(options: &Value) -> Result<Handle> {
    let weights = list(&options["class_weights"]);
    let (class_weights, num_class_weights) = pointer(weights.as_ref());
    let config = cvl_bi_tempered_config {
        class_weights,
        num_class_weights,
        t1: number(options, "t1")?,
        t2: number(options, "t2")?,
        label_smoothing: number(options, "label_smoothing")?,
        ignore_index: ignored(options),
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_bi_tempered_config::default()
    };
    Handle::new(&config, cvl_bi_tempered_new)
}

fn seesaw(options: &Value) -> Result<Handle> {
    let (weights, seen) = (list(&options["class_weights"]), list(&options["counts"]));
    let (class_weights, num_class_weights) = pointer(weights.as_ref());
    let (counts, num_counts) = pointer(seen.as_ref());
    let config = cvl_seesaw_config {
        class_weights,
        num_class_weights,
        counts,
        num_counts,
        p: number(options, "p")?,
        q: number(options, "q")?,
        eps: number(options, "eps")?,
        ignore_index: ignored(options),
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_seesaw_config::default()
    };
    Handle::new(&config, cvl_seesaw_new)
}

fn poly_cross_entropy(options: &Value) -> Result<Handle> {
    let weights = list(&options["class_weights"]);
    let (class_weights, num_class_weights) = pointer(weights.as_ref());
    let config = cvl_poly_cross_entropy_config {
        class_weights,
        num_class_weights,
        epsilon: number(options, "epsilon")?,
        ignore_index: ignored(options),
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_poly_cross_entropy_config::default()
    };
    Handle::new(&config, cvl_poly_cross_entropy_new)
}

fn generalized_wasserstein_dice(options: &Value) -> Result<Handle> {
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

/// Its options say of which type the loss is.
fn multi_scale(options: &Value) -> Result<Handle> {
    let inner = options["type"].as_str().context("no type")?;
    let inner = create(inner, &options["loss"])?;
    let factors = list(&options["factors"]).context("no factors")?;
    let factors: Vec<usize> = factors.iter().map(|factor| *factor as usize).collect();
    let given = list(&options["weights"]["Listed"]);
    let (weights, num_weights) = pointer(given.as_ref());
    let scale_weights = match &given {
        Some(_) => 3,
        None => index(&options["weights"], &["Halving", "Same", "Half"])?,
    };
    let config = cvl_multi_scale_config {
        loss: inner.0,
        factors: factors.as_ptr(),
        num_factors: factors.len(),
        weights,
        num_weights,
        scale_weights,
        uneven: index(&options["uneven"], &["Refuse", "DropRest", "SmallCell"])?,
        pooling: index(&options["pooling"], &["Average", "Nearest"])?,
        ..cvl_multi_scale_config::default()
    };
    Handle::new(&config, cvl_multi_scale_new)
}

fn ohem_cross_entropy(options: &Value) -> Result<Handle> {
    let weights = list(&options["class_weights"]);
    let (class_weights, num_class_weights) = pointer(weights.as_ref());
    let config = cvl_ohem_cross_entropy_config {
        class_weights,
        num_class_weights,
        min_kept: number(options, "min_kept")? as usize,
        threshold: number(options, "threshold")?,
        mean: index(&options["mean"], &["Selected", "All"])?,
        ignore_index: ignored(options),
        reduction: reduction(options)?,
        ..cvl_ohem_cross_entropy_config::default()
    };
    Handle::new(&config, cvl_ohem_cross_entropy_new)
}

fn top_k_cross_entropy(options: &Value) -> Result<Handle> {
    let weights = list(&options["class_weights"]);
    let (class_weights, num_class_weights) = pointer(weights.as_ref());
    let config = cvl_top_k_cross_entropy_config {
        class_weights,
        num_class_weights,
        share: number(options, "share")?,
        mean: index(&options["mean"], &["Selected", "All"])?,
        ignore_index: ignored(options),
        reduction: reduction(options)?,
        ..cvl_top_k_cross_entropy_config::default()
    };
    Handle::new(&config, cvl_top_k_cross_entropy_new)
}

fn mcc(options: &Value) -> Result<Handle> {
    with_region(options, |region| {
        let config = cvl_mcc_config {
            region,
            counts: number(options, "counts")?,
            ..cvl_mcc_config::default()
        };
        Handle::new(&config, cvl_mcc_new)
    })
}

fn soft_f1(options: &Value) -> Result<Handle> {
    with_region(options, |region| {
        let config = cvl_soft_f1_config {
            region,
            sides: index(&options["sides"], &["Both", "Positives"])?,
            ..cvl_soft_f1_config::default()
        };
        Handle::new(&config, cvl_soft_f1_new)
    })
}

fn unified_focal(options: &Value) -> Result<Handle> {
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

fn exp_log(options: &Value) -> Result<Handle> {
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

/// Listed classes, of an option that may list some.
fn listed(options: &Value) -> Option<Vec<usize>> {
    let listed = list(&options["classes"]["Listed"])?;
    Some(listed.into_iter().map(|class| class as usize).collect())
}

const ACTIVATIONS: [&str; 3] = ["Softmax", "Sigmoid", "Identity"];
const POOLINGS: [&str; 2] = ["Image", "Batch"];
const CLASSES: [&str; 3] = ["All", "Foreground", "Listed"];
const LOVASZ_CLASSES: [&str; 3] = ["Present", "All", "Listed"];

fn lovasz_softmax(options: &Value) -> Result<Handle> {
    let classes = listed(options);
    let (listed_classes, num_listed_classes) = pointer(classes.as_ref());
    let config = cvl_lovasz_softmax_config {
        listed_classes,
        num_listed_classes,
        activation: index(&options["activation"], &ACTIVATIONS)?,
        classes: index(&options["classes"], &LOVASZ_CLASSES)?,
        pooling: index(&options["pooling"], &POOLINGS)?,
        ignore_index: ignored(options),
        reduction: reduction(options)?,
        ..cvl_lovasz_softmax_config::default()
    };
    Handle::new(&config, cvl_lovasz_softmax_new)
}

fn lovasz_hinge(options: &Value) -> Result<Handle> {
    let classes = listed(options);
    let (listed_classes, num_listed_classes) = pointer(classes.as_ref());
    let config = cvl_lovasz_hinge_config {
        listed_classes,
        num_listed_classes,
        classes: index(&options["classes"], &LOVASZ_CLASSES)?,
        pooling: index(&options["pooling"], &POOLINGS)?,
        ignore_index: ignored(options),
        reduction: reduction(options)?,
        ..cvl_lovasz_hinge_config::default()
    };
    Handle::new(&config, cvl_lovasz_hinge_new)
}

fn boundary(options: &Value) -> Result<Handle> {
    let classes = listed(options);
    let (listed_classes, num_listed_classes) = pointer(classes.as_ref());
    let distances = list(&options["spacing"]);
    let (spacing, num_spacing) = pointer(distances.as_ref());
    let config = cvl_boundary_config {
        listed_classes,
        num_listed_classes,
        spacing,
        num_spacing,
        activation: index(&options["activation"], &ACTIVATIONS)?,
        target: index(&options["target"], &["Mask", "Distances"])?,
        classes: index(&options["classes"], &CLASSES)?,
        ignore_index: ignored(options),
        reduction: reduction(options)?,
        ..cvl_boundary_config::default()
    };
    Handle::new(&config, cvl_boundary_new)
}

fn distance_cross_entropy(options: &Value) -> Result<Handle> {
    let (weights, distances) = (list(&options["class_weights"]), list(&options["spacing"]));
    let (class_weights, num_class_weights) = pointer(weights.as_ref());
    let (spacing, num_spacing) = pointer(distances.as_ref());
    let mut config = cvl_distance_cross_entropy_config {
        class_weights,
        num_class_weights,
        spacing,
        num_spacing,
        weighting: index(&options["weighting"], &["Border", "Penalty"])?,
        ignore_index: ignored(options),
        normalizer: normalizer(options)?,
        reduction: reduction(options)?,
        ..cvl_distance_cross_entropy_config::default()
    };
    let border = &options["weighting"]["Border"];
    if border.is_object() {
        config.w0 = number(border, "w0")?;
        config.sigma = number(border, "sigma")?;
    }
    Handle::new(&config, cvl_distance_cross_entropy_new)
}

fn hausdorff_erosion(options: &Value) -> Result<Handle> {
    let classes = listed(options);
    let (listed_classes, num_listed_classes) = pointer(classes.as_ref());
    let config = cvl_hausdorff_erosion_config {
        listed_classes,
        num_listed_classes,
        erosions: number(options, "erosions")? as usize,
        alpha: number(options, "alpha")?,
        activation: index(&options["activation"], &ACTIVATIONS)?,
        classes: index(&options["classes"], &CLASSES)?,
        ignore_index: ignored(options),
        reduction: reduction(options)?,
        ..cvl_hausdorff_erosion_config::default()
    };
    Handle::new(&config, cvl_hausdorff_erosion_new)
}

fn hausdorff(options: &Value) -> Result<Handle> {
    let classes = listed(options);
    let (listed_classes, num_listed_classes) = pointer(classes.as_ref());
    let distances = list(&options["spacing"]);
    let (spacing, num_spacing) = pointer(distances.as_ref());
    let config = cvl_hausdorff_config {
        listed_classes,
        num_listed_classes,
        spacing,
        num_spacing,
        alpha: number(options, "alpha")?,
        activation: index(&options["activation"], &ACTIVATIONS)?,
        transform: index(&options["transform"], &["Linear", "Log"])?,
        classes: index(&options["classes"], &CLASSES)?,
        ignore_index: ignored(options),
        reduction: reduction(options)?,
        ..cvl_hausdorff_config::default()
    };
    Handle::new(&config, cvl_hausdorff_new)
}

fn with_cl_dice<T>(
    options: &Value,
    create: impl FnOnce(&cvl_cl_dice_config) -> Result<T>,
) -> Result<T> {
    let classes = listed(options);
    let (listed_classes, num_listed_classes) = pointer(classes.as_ref());
    create(&cvl_cl_dice_config {
        listed_classes,
        num_listed_classes,
        iterations: number(options, "iterations")? as usize,
        smooth_nr: number(options, "smooth_nr")?,
        smooth_dr: number(options, "smooth_dr")?,
        smooth: number(options, "smooth")?,
        ignore_index: ignored(options),
        activation: index(&options["activation"], &ACTIVATIONS)?,
        classes: index(&options["classes"], &CLASSES)?,
        reduction: reduction(options)?,
        ..cvl_cl_dice_config::default()
    })
}

fn dice_cl_dice(options: &Value) -> Result<Handle> {
    with_cl_dice(&options["cl_dice"], |cl_dice| {
        let config = cvl_dice_cl_dice_config {
            cl_dice,
            alpha: number(options, "alpha")?,
            ..cvl_dice_cl_dice_config::default()
        };
        Handle::new(&config, cvl_dice_cl_dice_new)
    })
}
