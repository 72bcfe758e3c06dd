//! Losses of boxes.

use anyhow::Result;
use cvloss_capi::*;
use serde_json::Value;

use super::super::Handle;
use super::{index, list, normalizer, number, pointer, reduction};

/// What a mean divides by, and the number if it is given.
pub(super) fn denominator(options: &Value) -> Result<(u32, f64)> {
    let denominator = &options["denominator"];
    Ok((
        index(denominator, &["Items", "Weights", "AvgFactor"])?,
        denominator["AvgFactor"].as_f64().unwrap_or(1.0),
    ))
}

/// Calls `create` with the options of boxes and the combinators that a loss holds.
pub(super) fn with_boxes(
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

pub(super) fn rotated_boxes(boxes: &Value) -> Result<cvl_rotated_boxes_config> {
    let (denominator, avg_factor) = denominator(boxes)?;
    Ok(cvl_rotated_boxes_config {
        eps: number(boxes, "eps")?,
        avg_factor,
        denominator,
        reduction: reduction(boxes)?,
        ..cvl_rotated_boxes_config::default()
    })
}

pub(super) fn iou_form(options: &Value) -> Result<u32> {
    index(&options["form"], &["Linear", "Log", "Square"])
}

pub(super) fn distance_scale(options: &Value) -> Result<u32> {
    index(&options["scale"], &["Linear", "Sqrt", "Log1p"])
}

pub(super) fn balanced_l1(options: &Value) -> Result<Handle> {
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

pub(super) fn distribution_focal(options: &Value) -> Result<Handle> {
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

pub(super) fn ghm_regression(options: &Value) -> Result<Handle> {
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
