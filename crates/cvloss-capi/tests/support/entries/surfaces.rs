//! Losses of sorted errors, surfaces and skeletons.

use anyhow::Result;
use cvloss_capi::*;
use serde_json::Value;

use super::super::Handle;
use super::{
    ACTIVATIONS, CLASSES, LOVASZ_CLASSES, POOLINGS, ignored, index, list, number, pointer,
    reduction,
};

/// Listed classes, of an option that may list some.
pub(super) fn listed(options: &Value) -> Option<Vec<usize>> {
    let listed = list(&options["classes"]["Listed"])?;
    Some(listed.into_iter().map(|class| class as usize).collect())
}

pub(super) fn lovasz_softmax(options: &Value) -> Result<Handle> {
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

pub(super) fn lovasz_hinge(options: &Value) -> Result<Handle> {
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

pub(super) fn boundary(options: &Value) -> Result<Handle> {
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

pub(super) fn hausdorff_erosion(options: &Value) -> Result<Handle> {
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

pub(super) fn hausdorff(options: &Value) -> Result<Handle> {
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

pub(super) fn with_cl_dice<T>(
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

pub(super) fn dice_cl_dice(options: &Value) -> Result<Handle> {
    with_cl_dice(&options["cl_dice"], |cl_dice| {
        let config = cvl_dice_cl_dice_config {
            cl_dice,
            alpha: number(options, "alpha")?,
            ..cvl_dice_cl_dice_config::default()
        };
        Handle::new(&config, cvl_dice_cl_dice_new)
    })
}
