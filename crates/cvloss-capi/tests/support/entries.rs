//! The C entry of each loss: from the options of the Rust crate, as serialized, to a handle.
//!
//! A loss that lacks an entry here fails the test `equal`.

mod adversarial;
mod boxes;
mod elements;
mod images;
mod points;
mod regions;
mod surfaces;

use std::fmt::Display;

use anyhow::{Context, Result, bail};
use cvloss_capi::*;
use serde_json::Value;
use serde_json::value::Index;

use super::Handle;

use adversarial::{adversarial, feature_matching, lecam};
use boxes::{
    balanced_l1, distance_scale, distribution_focal, ghm_regression, iou_form, rotated_boxes,
    with_boxes,
};
use elements::{
    asymmetric, balanced_bce, bce, focal, gaussian_focal, ghm, poly_focal, quality_focal,
    reduced_focal, varifocal,
};
use images::{
    charbonnier, edge, fft_l1, focal_frequency, huber, l1, l1_ssim, log_cosh, ms_ssim, ms_ssim_l1,
    mse, psnr, robust, smooth_l1, ssim, total_variation, wing,
};
use points::{
    asymmetric_softmax, bi_tempered, cross_entropy, distance_cross_entropy, ohem_cross_entropy,
    poly_cross_entropy, seesaw, softmax_focal, top_k_cross_entropy,
};
use regions::{
    combo, dice_ce, dice_focal, exp_log, focal_tversky, generalized_wasserstein_dice, jaccard, mcc,
    soft_f1, tversky, unified_focal, with_dice,
};
use surfaces::{
    boundary, dice_cl_dice, hausdorff, hausdorff_erosion, lovasz_hinge, lovasz_softmax,
    with_cl_dice,
};

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

const ACTIVATIONS: [&str; 3] = ["Softmax", "Sigmoid", "Identity"];
const POOLINGS: [&str; 2] = ["Image", "Batch"];
const CLASSES: [&str; 3] = ["All", "Foreground", "Listed"];
const LOVASZ_CLASSES: [&str; 3] = ["Present", "All", "Listed"];

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
