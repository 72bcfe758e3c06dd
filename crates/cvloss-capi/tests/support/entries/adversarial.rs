//! Both sides of a game.

use anyhow::Result;
use cvloss_capi::*;
use serde_json::Value;

use super::super::Handle;
use super::{index, number, reduction};

type Adversarial =
    unsafe extern "C" fn(*const cvl_adversarial_config, *mut *mut cvl_loss) -> cvl_status;

pub(super) fn adversarial(options: &Value, new: Adversarial) -> Result<Handle> {
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

pub(super) fn lecam(options: &Value) -> Result<Handle> {
    let config = cvl_lecam_config {
        real_mean: number(options, "real_mean")?,
        fake_mean: number(options, "fake_mean")?,
        form: index(&options["form"], &["Rectified", "Squared"])?,
        reduction: reduction(options)?,
        ..cvl_lecam_config::default()
    };
    Handle::new(&config, cvl_lecam_new)
}

pub(super) fn feature_matching(options: &Value) -> Result<Handle> {
    let config = cvl_feature_matching_config {
        distance: index(&options["distance"], &["Absolute", "Squared"])?,
        pooling: index(&options["pooling"], &["Items", "BatchMeans"])?,
        reduction: reduction(options)?,
        ..cvl_feature_matching_config::default()
    };
    Handle::new(&config, cvl_feature_matching_new)
}
