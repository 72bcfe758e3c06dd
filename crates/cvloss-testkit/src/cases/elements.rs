//! Losses of elements: binary cross-entropy and sigmoid focal loss.

use cvloss::{BceLoss, FocalLoss, Normalizer, Reduction, SoftTargets};

use super::{Family, Known, List};
use crate::sample::{Kind, Spec};

const SCALAR: &[usize] = &[];
const VECTOR: &[usize] = &[13];
const MATRIX: &[usize] = &[7, 5];
const ROWS: &[usize] = &[2, 3, 11];
const FLAT: &[usize] = &[2, 3, 5, 7];
const SINGLE: &[usize] = &[2, 1, 5, 7];
const VOLUME: &[usize] = &[1, 3, 3, 4, 5];
const LONG: &[usize] = &[1, 2, 61, 37];
const ROW: &[usize] = &[1203];

impl Known for BceLoss {
    fn family(&self) -> Family {
        Family::Elements
    }
}

impl Known for FocalLoss {
    fn family(&self) -> Family {
        Family::Elements
    }
}

pub(super) fn add(list: &mut List) {
    bce(list);
    focal(list);
    focal_options(list);
}

fn binary(shape: &[usize]) -> Spec {
    Spec::new(Kind::Binary, shape)
}

fn soft(shape: &[usize]) -> Spec {
    Spec::new(Kind::SoftBinary, shape)
}

fn indices(shape: &[usize]) -> Spec {
    Spec::new(Kind::BinaryIndices, shape)
}

fn bce(list: &mut List) {
    let plain = BceLoss::default();
    let sum = BceLoss {
        reduction: Reduction::Sum,
        ..plain.clone()
    };
    let none = BceLoss {
        reduction: Reduction::None,
        ..plain.clone()
    };
    let weights = BceLoss {
        normalizer: Normalizer::Weights,
        ..plain.clone()
    };
    let positives = BceLoss {
        normalizer: Normalizer::Positives,
        ..plain.clone()
    };
    let per_channel = BceLoss {
        pos_weight: Some(vec![0.5, 2.0, 3.0]),
        ..plain.clone()
    };
    let smoothed = BceLoss {
        label_smoothing: 0.1,
        ..plain.clone()
    };
    let ignoring = |loss: &BceLoss, label: f64| BceLoss {
        ignore_index: Some(label),
        ..loss.clone()
    };

    list.add("mean", binary(FLAT), plain.clone());
    list.add("scalar", binary(SCALAR), plain.clone());
    list.add("vector", binary(VECTOR), plain.clone());
    list.add("matrix", binary(MATRIX), plain.clone());
    list.add("rows", soft(ROWS), plain.clone());
    list.add("volume", binary(VOLUME), plain.clone());
    list.add("long", soft(LONG), plain.clone());
    list.add("row", soft(ROW), plain.clone());
    list.add("soft", soft(FLAT), plain.clone());
    list.add("indices", indices(FLAT), plain.clone());
    list.add(
        "indices-single",
        indices(SINGLE).dropping_axis(),
        plain.clone(),
    );
    list.add("single", binary(SINGLE).dropping_axis(), plain.clone());
    list.add("weighted", binary(FLAT).weighted(), plain.clone());
    list.add("weighted-channels", soft(FLAT).channel_weighted(), plain);
    list.add("sum", soft(FLAT).weighted(), sum.clone());
    list.add(
        "sum-ignore",
        binary(FLAT).ignoring(255).mask_is_ignore(),
        ignoring(&sum, 255.0),
    );
    list.add("none", binary(FLAT), none.clone());
    list.add("none-scalar", binary(SCALAR), none.clone());
    list.add("none-long", soft(LONG).weighted(), none.clone());
    list.add("none-matrix", indices(MATRIX), none.clone());
    list.add(
        "none-ignore",
        soft(ROWS).ignoring(-1).mask_is_ignore(),
        ignoring(&none, -1.0),
    );
    list.add("weights", binary(FLAT).weighted(), weights.clone());
    list.add("weights-unweighted", binary(FLAT), weights.clone());
    list.add(
        "weights-ignore",
        indices(FLAT).ignoring(255).mask_is_ignore(),
        ignoring(&weights, 255.0),
    );
    list.add(
        "weights-ignore-weighted",
        binary(MATRIX).weighted().ignoring(2),
        ignoring(&weights, 2.0),
    );
    list.add("positives", binary(FLAT).weighted(), positives.clone());
    list.add(
        "positives-ignore",
        binary(FLAT).ignoring(2),
        ignoring(&positives, 2.0),
    );
    list.add(
        "ignore",
        binary(FLAT).ignoring(255),
        ignoring(&BceLoss::default(), 255.0),
    );
    list.add(
        "ignore-one",
        indices(FLAT).ignoring(1),
        ignoring(&BceLoss::default(), 1.0),
    );
    list.add(
        "pos-weight",
        soft(FLAT),
        BceLoss {
            pos_weight: Some(vec![3.0]),
            ..BceLoss::default()
        },
    );
    list.add("pos-weight-channels", soft(FLAT), per_channel.clone());
    list.add(
        "pos-weight-rows",
        binary(ROWS).weighted(),
        per_channel.clone(),
    );
    list.add("pos-weight-volume", binary(VOLUME), per_channel);
    let five = Some(vec![0.5, 1.0, 2.0, 0.0, 4.0]);
    list.add(
        "pos-weight-matrix",
        binary(MATRIX),
        BceLoss {
            pos_weight: five,
            ..smoothed.clone()
        },
    );
    list.add("smoothing", binary(FLAT), smoothed.clone());
    list.add(
        "smoothing-soft",
        soft(FLAT).ignoring(-2),
        ignoring(&smoothed, -2.0),
    );
}

fn focal(list: &mut List) {
    for (gamma, name) in [
        (0.0, "0"),
        (0.5, "0.5"),
        (1.0, "1"),
        (1.5, "1.5"),
        (2.0, "2"),
        (3.0, "3"),
    ] {
        let mixture = FocalLoss {
            gamma,
            ..FocalLoss::default()
        };
        let linear = FocalLoss {
            soft_targets: SoftTargets::Linear,
            ..mixture.clone()
        };
        list.add(&format!("mixture-gamma-{name}"), soft(FLAT), mixture);
        list.add(&format!("linear-gamma-{name}"), soft(FLAT), linear);
    }
    for (alpha, name) in [
        (None, "none"),
        (Some(0.0), "0"),
        (Some(0.6), "0.6"),
        (Some(1.0), "1"),
    ] {
        let mixture = FocalLoss {
            alpha,
            gamma: 1.5,
            ..FocalLoss::default()
        };
        let linear = FocalLoss {
            soft_targets: SoftTargets::Linear,
            ..mixture.clone()
        };
        list.add(&format!("mixture-alpha-{name}"), soft(MATRIX), mixture);
        list.add(&format!("linear-alpha-{name}"), soft(MATRIX), linear);
    }
}

fn focal_options(list: &mut List) {
    let plain = FocalLoss::default();
    let sum = FocalLoss {
        reduction: Reduction::Sum,
        ..plain.clone()
    };
    let none = FocalLoss {
        reduction: Reduction::None,
        ..plain.clone()
    };
    let weights = FocalLoss {
        normalizer: Normalizer::Weights,
        ..plain.clone()
    };
    let positives = FocalLoss {
        normalizer: Normalizer::Positives,
        ..plain.clone()
    };
    let weighted_positives = FocalLoss {
        pos_weight: Some(vec![0.5, 2.0, 3.0]),
        ..plain.clone()
    };
    let ignoring = |loss: &FocalLoss, label: f64| FocalLoss {
        ignore_index: Some(label),
        ..loss.clone()
    };

    list.add("mean", binary(FLAT), plain.clone());
    list.add("vector", indices(VECTOR), plain.clone());
    list.add("volume", binary(VOLUME), plain.clone());
    list.add("long", soft(LONG), plain.clone());
    list.add("single", indices(SINGLE).dropping_axis(), plain.clone());
    list.add("indices", indices(FLAT).weighted(), plain.clone());
    list.add(
        "weighted-channels",
        binary(FLAT).channel_weighted(),
        plain.clone(),
    );
    list.add("sum", binary(FLAT).weighted(), sum.clone());
    list.add(
        "sum-ignore",
        binary(FLAT).ignoring(-1).mask_is_ignore(),
        ignoring(&sum, -1.0),
    );
    list.add("none", soft(FLAT).weighted(), none.clone());
    list.add(
        "none-ignore",
        indices(FLAT).ignoring(255).mask_is_ignore(),
        ignoring(&none, 255.0),
    );
    list.add("weights", binary(FLAT).weighted(), weights.clone());
    list.add(
        "weights-ignore",
        binary(MATRIX).ignoring(2).mask_is_ignore(),
        ignoring(&weights, 2.0),
    );
    list.add("positives", indices(MATRIX), positives.clone());
    list.add(
        "positives-ignore",
        binary(FLAT).weighted().ignoring(-1),
        ignoring(&positives, -1.0),
    );
    list.add(
        "ignore",
        binary(FLAT).ignoring(255),
        ignoring(&plain, 255.0),
    );
    list.add(
        "pos-weight-channels",
        soft(FLAT),
        weighted_positives.clone(),
    );
    let linear = FocalLoss {
        soft_targets: SoftTargets::Linear,
        gamma: 1.5,
        ..weighted_positives
    };
    list.add("pos-weight-linear", soft(ROWS), linear);
    list.add(
        "pos-weight",
        binary(VECTOR),
        FocalLoss {
            pos_weight: Some(vec![2.5]),
            ..plain
        },
    );
}
