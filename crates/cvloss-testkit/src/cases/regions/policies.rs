//! Options that region losses share: every value of each, with inputs that show it.

use cvloss::{
    Absent, Activation, Average, ClassAverage, Classes, Intersection, Pooling, Reduction, Region,
};

use super::{
    FLAT, LONG, MANY, MATRIX, SINGLE, VOLUME, classes, multilabel, one_hot, smooth, soft,
    soft_multilabel, three,
};
use crate::sample::Spec;

/// Every option of [`Region`].
pub(super) fn regions() -> Vec<(&'static str, Spec, Region)> {
    let mut list = plain_regions();
    list.extend(activations());
    list.extend(averages());
    list.extend(masks());
    list
}

/// A few of [`regions`], for losses that share their code.
pub(super) fn some_regions() -> Vec<(&'static str, Spec, Region)> {
    let chosen = [
        "plain",
        "none",
        "batch",
        "micro",
        "minimum",
        "sigmoid",
        "absent-skip",
        "ignore",
        "weighted",
    ];
    regions()
        .into_iter()
        .filter(|(name, ..)| chosen.contains(name))
        .collect()
}

fn plain_regions() -> Vec<(&'static str, Spec, Region)> {
    let plain = Region::default();
    let sum = Region {
        reduction: Reduction::Sum,
        ..plain.clone()
    };
    let none = Region {
        reduction: Reduction::None,
        ..plain.clone()
    };
    let batch = Region {
        pooling: Pooling::Batch,
        ..plain.clone()
    };
    vec![
        ("plain", classes(FLAT), plain.clone()),
        ("matrix", classes(MATRIX), plain.clone()),
        ("volume", classes(VOLUME).keeping_axis(), plain.clone()),
        ("long", classes(LONG), plain.clone()),
        ("many", classes(MANY), plain.clone()),
        ("one-hot", one_hot(FLAT), plain.clone()),
        ("soft", soft(FLAT), plain),
        ("sum", classes(FLAT), sum.clone()),
        (
            "sum-batch",
            classes(FLAT),
            Region {
                pooling: Pooling::Batch,
                ..sum
            },
        ),
        ("none", soft(FLAT), none.clone()),
        ("none-matrix", classes(MATRIX), none.clone()),
        (
            "none-batch",
            classes(FLAT),
            Region {
                pooling: Pooling::Batch,
                ..none
            },
        ),
        ("batch", classes(FLAT), batch.clone()),
        ("batch-volume", soft(VOLUME), batch),
    ]
}

fn activations() -> Vec<(&'static str, Spec, Region)> {
    let plain = Region::default();
    let sigmoid = Region::binary();
    let identity = Region {
        activation: Activation::Identity,
        ..plain.clone()
    };
    let minimum = Region {
        intersection: Intersection::Minimum,
        ..plain
    };
    let (minimum_sigmoid, minimum_identity) = (
        Region {
            intersection: Intersection::Minimum,
            ..sigmoid.clone()
        },
        Region {
            intersection: Intersection::Minimum,
            ..identity.clone()
        },
    );
    vec![
        ("sigmoid", multilabel(FLAT), sigmoid.clone()),
        (
            "sigmoid-soft",
            soft_multilabel(FLAT).weighted(),
            sigmoid.clone(),
        ),
        ("sigmoid-classes", classes(FLAT), sigmoid.clone()),
        ("sigmoid-single", classes(SINGLE), sigmoid.clone()),
        (
            "sigmoid-single-axis",
            classes(SINGLE).keeping_axis().ignoring(255),
            Region {
                ignore_index: Some(255),
                ..sigmoid.clone()
            },
        ),
        (
            "sigmoid-single-float",
            multilabel(SINGLE).dropping_axis(),
            sigmoid.clone(),
        ),
        ("sigmoid-long", multilabel(LONG), sigmoid),
        ("identity", one_hot(FLAT).probabilities(), identity.clone()),
        (
            "identity-classes",
            classes(VOLUME).probabilities(),
            identity.clone(),
        ),
        ("identity-single", classes(SINGLE).probabilities(), identity),
        ("minimum", soft(FLAT), minimum.clone()),
        ("minimum-classes", classes(FLAT), minimum),
        ("minimum-sigmoid", soft_multilabel(SINGLE), minimum_sigmoid),
        (
            "minimum-identity",
            soft(FLAT).probabilities().weighted(),
            minimum_identity,
        ),
    ]
}

fn averages() -> Vec<(&'static str, Spec, Region)> {
    let plain = Region::default();
    let micro = Region {
        average: Average::Micro,
        ..plain.clone()
    };
    let skip = Region {
        absent: Absent::Skip,
        ..plain.clone()
    };
    let zero = Region {
        absent: Absent::Zero,
        ..plain.clone()
    };
    let weights = Region {
        class_weights: three(),
        ..plain.clone()
    };
    let by_weight = Region {
        class_average: ClassAverage::Weights,
        ..weights.clone()
    };
    let lacking = || classes(FLAT).lacking_classes();
    let with = |smooth| Region {
        smooth,
        ..plain.clone()
    };
    vec![
        ("micro", classes(FLAT), micro.clone()),
        (
            "micro-weights",
            soft(FLAT),
            Region {
                class_weights: three(),
                ..micro.clone()
            },
        ),
        (
            "micro-foreground",
            classes(FLAT),
            Region {
                classes: Classes::Foreground,
                ..micro.clone()
            },
        ),
        (
            "micro-skip",
            lacking(),
            Region {
                absent: Absent::Skip,
                ..micro.clone()
            },
        ),
        (
            "micro-zero-listed",
            lacking().counting_nothing(),
            Region {
                absent: Absent::Zero,
                classes: Classes::Listed(vec![0]),
                ..micro
            },
        ),
        ("absent-count", lacking(), plain.clone()),
        ("absent-skip", lacking(), skip.clone()),
        (
            "absent-skip-batch",
            lacking(),
            Region {
                pooling: Pooling::Batch,
                ..skip.clone()
            },
        ),
        (
            "absent-skip-listed",
            lacking().counting_nothing(),
            Region {
                classes: Classes::Listed(vec![0]),
                ..skip.clone()
            },
        ),
        (
            "absent-skip-weights",
            lacking(),
            Region {
                absent: Absent::Skip,
                ..by_weight.clone()
            },
        ),
        ("absent-zero", lacking(), zero.clone()),
        (
            "absent-zero-weights",
            lacking(),
            Region {
                absent: Absent::Zero,
                ..by_weight.clone()
            },
        ),
        (
            "absent-zero-none",
            lacking(),
            Region {
                reduction: Reduction::None,
                ..zero
            },
        ),
        (
            "foreground",
            classes(FLAT),
            Region {
                classes: Classes::Foreground,
                ..plain.clone()
            },
        ),
        (
            "listed",
            classes(MATRIX),
            Region {
                classes: Classes::Listed(vec![1, 4]),
                ..plain.clone()
            },
        ),
        ("class-weights", classes(FLAT), weights),
        ("class-weights-average", classes(FLAT), by_weight),
        ("smooth-one", classes(FLAT), with(smooth(1.0, 1.0, 0.0))),
        (
            "smooth-uneven",
            classes(FLAT).nothing(0.75),
            with(smooth(0.5, 2.0, 0.0)),
        ),
        ("smooth-none", classes(FLAT), with(smooth(0.0, 0.0, 0.0))),
        (
            "smooth-floor",
            classes(FLAT).nothing(1.0),
            with(smooth(0.0, 0.0, 22.0)),
        ),
    ]
}

fn masks() -> Vec<(&'static str, Spec, Region)> {
    let plain = Region::default();
    let batch = Region {
        pooling: Pooling::Batch,
        ..plain.clone()
    };
    let none = Region {
        reduction: Reduction::None,
        ..plain.clone()
    };
    let ignoring = |region: &Region, label: i64| Region {
        ignore_index: Some(label),
        ..region.clone()
    };
    let masked = |label: i64| classes(FLAT).ignoring(label).mask_is_ignore();
    vec![
        ("ignore", masked(255), ignoring(&plain, 255)),
        ("ignore-negative", masked(-100), plain.clone()),
        (
            "ignore-class",
            classes(FLAT).ignoring(1),
            ignoring(&plain, 1),
        ),
        (
            "ignore-none",
            classes(FLAT),
            Region {
                ignore_index: None,
                ..plain.clone()
            },
        ),
        ("ignore-batch", masked(255), ignoring(&batch, 255)),
        ("ignore-weighted", masked(-100).weighted(), none),
        ("weighted", classes(FLAT).weighted(), plain.clone()),
        ("weighted-soft", soft(FLAT).weighted().keeping_axis(), plain),
        ("weighted-batch", classes(FLAT).weighted(), batch),
    ]
}
