//! Losses of points.

use anyhow::Result;
use cvloss_capi::*;
use serde_json::Value;

use super::super::Handle;
use super::{ignored, index, list, normalizer, number, pointer, reduction};

pub(super) fn cross_entropy(options: &Value) -> Result<Handle> {
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

pub(super) fn softmax_focal(options: &Value) -> Result<Handle> {
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

pub(super) fn asymmetric_softmax(options: &Value) -> Result<Handle> {
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

pub(super) fn bi_tempered(options: &Value) -> Result<Handle> {
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

pub(super) fn seesaw(options: &Value) -> Result<Handle> {
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

pub(super) fn poly_cross_entropy(options: &Value) -> Result<Handle> {
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

pub(super) fn ohem_cross_entropy(options: &Value) -> Result<Handle> {
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

pub(super) fn top_k_cross_entropy(options: &Value) -> Result<Handle> {
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

pub(super) fn distance_cross_entropy(options: &Value) -> Result<Handle> {
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
