//! Losses of region sums, alone and with a loss of points.

use std::sync::Arc;

use cvloss::{
    Absent, Activation, Average, ClassAverage, Classes, ComboLoss, DiceCeLoss, DiceFocalLoss,
    DiceForm, DiceLoss, FocalPower, FocalTverskyLoss, Intersection, JaccardLoss, PooledLoss,
    Pooling, Reduction, Region, Smooth, Transform, TverskyLoss, VolumeWeight,
};

use super::{Family, Known, List};
use crate::sample::{Kind, Spec};

const FLAT: &[usize] = &[2, 3, 5, 7];
const SINGLE: &[usize] = &[2, 1, 5, 7];
const MATRIX: &[usize] = &[7, 5];
const VOLUME: &[usize] = &[2, 3, 3, 4, 5];
const LONG: &[usize] = &[1, 2, 61, 37];
const MANY: &[usize] = &[2, 21, 3, 3];

macro_rules! known {
    ($($loss:ty: $has_extra:literal, $activation:expr;)*) => {$(
        impl Known for $loss {
            fn family(&self) -> Family {
                let activation: fn(&$loss) -> Activation = $activation;
                Family::Region { activation: activation(self), has_extra: $has_extra }
            }

            fn pooled(self: Arc<Self>) -> Option<Arc<dyn PooledLoss + Send + Sync>> {
                Some(self)
            }
        }
    )*};
}

known! {
    DiceLoss: false, |loss| loss.region.activation;
    JaccardLoss: false, |loss| loss.region.activation;
    TverskyLoss: false, |loss| loss.region.activation;
    FocalTverskyLoss: false, |loss| loss.region.activation;
    DiceCeLoss: true, |loss| loss.dice.region.activation;
    DiceFocalLoss: true, |loss| loss.dice.region.activation;
    ComboLoss: true, |_| Activation::Sigmoid;
}

pub(super) fn add(list: &mut List) {
    for (name, spec, region) in regions() {
        list.add(
            name,
            spec,
            DiceLoss {
                region,
                ..DiceLoss::default()
            },
        );
    }
    dice(list);
    jaccard(list);
    tversky(list);
    focal_tversky(list);
    dice_ce(list);
    dice_focal(list);
    combo(list);
}

fn classes(shape: &[usize]) -> Spec {
    Spec::new(Kind::Classes, shape)
}

fn one_hot(shape: &[usize]) -> Spec {
    Spec::new(Kind::OneHot, shape)
}

fn soft(shape: &[usize]) -> Spec {
    Spec::new(Kind::Distribution, shape)
}

/// Several labels per point.
fn multilabel(shape: &[usize]) -> Spec {
    Spec::new(Kind::Binary, shape)
}

fn soft_multilabel(shape: &[usize]) -> Spec {
    Spec::new(Kind::SoftBinary, shape)
}

fn three() -> Option<Vec<f64>> {
    Some(vec![0.5, 2.0, 0.8])
}

fn smooth(numerator: f64, denominator: f64, floor: f64) -> Smooth {
    Smooth {
        numerator,
        denominator,
        floor,
    }
}

/// Every option of [`Region`].
fn regions() -> Vec<(&'static str, Spec, Region)> {
    let mut list = plain_regions();
    list.extend(activations());
    list.extend(averages());
    list.extend(masks());
    list
}

/// A few of [`regions`], for losses that share their code.
fn some_regions() -> Vec<(&'static str, Spec, Region)> {
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

fn dice(list: &mut List) {
    let forms = [
        (DiceForm::Squared, "squared"),
        (
            DiceForm::Generalized(VolumeWeight::Square),
            "generalized-square",
        ),
        (
            DiceForm::Generalized(VolumeWeight::Simple),
            "generalized-simple",
        ),
        (
            DiceForm::Generalized(VolumeWeight::Uniform),
            "generalized-uniform",
        ),
    ];
    for (form, name) in forms {
        let loss = DiceLoss {
            form,
            ..DiceLoss::default()
        };
        let batch = Region {
            pooling: Pooling::Batch,
            classes: Classes::Foreground,
            ..Region::default()
        };
        let skip = Region {
            absent: Absent::Skip,
            ..Region::binary()
        };
        list.add(name, classes(FLAT), loss.clone());
        list.add(&format!("{name}-soft"), soft(FLAT).weighted(), loss.clone());
        list.add(
            &format!("{name}-absent"),
            classes(FLAT).lacking_classes(),
            loss.clone(),
        );
        list.add(
            &format!("{name}-batch"),
            classes(FLAT),
            DiceLoss {
                region: batch,
                ..loss.clone()
            },
        );
        list.add(
            &format!("{name}-sigmoid"),
            multilabel(FLAT),
            DiceLoss {
                region: skip,
                ..loss
            },
        );
    }
    let transforms = [
        (Transform::Log, 0.0, "log"),
        (Transform::LogCosh, 0.0, "log-cosh"),
        (Transform::Negative, -1.0, "negative"),
        (Transform::Power(1.5), 0.0, "power"),
    ];
    for (transform, nothing, name) in transforms {
        let loss = DiceLoss {
            transform,
            ..DiceLoss::default()
        };
        let batch = Region {
            pooling: Pooling::Batch,
            average: Average::Micro,
            ..Region::default()
        };
        list.add(name, classes(FLAT).nothing(nothing), loss.clone());
        list.add(
            &format!("{name}-micro"),
            soft(FLAT).nothing(nothing),
            DiceLoss {
                region: batch,
                ..loss
            },
        );
    }
    list.add("monai", classes(FLAT), DiceLoss::monai());
    list.add("smp", classes(FLAT).lacking_classes(), DiceLoss::smp());
    list.add(
        "kornia",
        classes(FLAT).lacking_classes(),
        DiceLoss::kornia(),
    );
    let squared = DiceLoss {
        form: DiceForm::Squared,
        ..DiceLoss::smp()
    };
    list.add("squared-minimum", soft(VOLUME), squared);
}

fn jaccard(list: &mut List) {
    for (name, spec, region) in some_regions() {
        list.add(
            name,
            spec,
            JaccardLoss {
                region,
                ..JaccardLoss::default()
            },
        );
    }
    let with = |transform| JaccardLoss {
        transform,
        ..JaccardLoss::default()
    };
    list.add("binary", classes(SINGLE), JaccardLoss::binary());
    list.add("log", classes(FLAT), with(Transform::Log));
    list.add("log-cosh", soft(FLAT), with(Transform::LogCosh));
    list.add("power", soft(FLAT), with(Transform::Power(2.0)));
}

fn tversky(list: &mut List) {
    for (name, spec, region) in some_regions() {
        list.add(
            name,
            spec,
            TverskyLoss {
                region,
                alpha: 0.3,
                beta: 0.7,
                ..TverskyLoss::default()
            },
        );
    }
    let with = |transform| TverskyLoss {
        transform,
        alpha: 0.2,
        ..TverskyLoss::default()
    };
    list.add("binary", multilabel(SINGLE), TverskyLoss::binary());
    list.add(
        "zero",
        classes(FLAT),
        TverskyLoss {
            alpha: 0.0,
            beta: 0.4,
            ..TverskyLoss::default()
        },
    );
    list.add(
        "large",
        soft(FLAT),
        TverskyLoss {
            alpha: 1.5,
            beta: 2.0,
            ..TverskyLoss::default()
        },
    );
    list.add("log", classes(FLAT), with(Transform::Log));
    list.add("log-cosh", soft(FLAT), with(Transform::LogCosh));
}

fn focal_tversky(list: &mut List) {
    for (name, spec, region) in some_regions() {
        list.add(
            name,
            spec,
            FocalTverskyLoss {
                region,
                ..FocalTverskyLoss::default()
            },
        );
    }
    for (gamma, name) in [(0.5, "0.5"), (1.0, "1"), (1.0 / 0.75, "1.33"), (3.0, "3")] {
        let per_class = FocalTverskyLoss {
            gamma,
            ..FocalTverskyLoss::default()
        };
        let after = FocalTverskyLoss {
            power: FocalPower::AfterMean,
            ..per_class.clone()
        };
        list.add(&format!("gamma-{name}"), classes(FLAT), per_class);
        list.add(
            &format!("after-gamma-{name}"),
            classes(FLAT).lacking_classes(),
            after,
        );
    }
    let even = FocalTverskyLoss {
        alpha: 0.5,
        beta: 0.5,
        ..FocalTverskyLoss::binary()
    };
    let region = Region {
        reduction: Reduction::None,
        class_weights: three(),
        ..Region::default()
    };
    let none = FocalTverskyLoss {
        power: FocalPower::AfterMean,
        region,
        ..FocalTverskyLoss::default()
    };
    list.add("binary", multilabel(SINGLE), even);
    list.add("after-none", soft(FLAT), none);
}

fn dice_ce(list: &mut List) {
    let plain = DiceCeLoss::default();
    let binary = DiceCeLoss::binary();
    let with = |region: Region| DiceCeLoss {
        dice: DiceLoss {
            region,
            ..DiceLoss::default()
        },
        ..plain.clone()
    };
    let weights = DiceCeLoss {
        class_weights: three(),
        ..plain.clone()
    };
    let smoothed = DiceCeLoss {
        label_smoothing: 0.1,
        ..weights.clone()
    };
    let pos_weight = DiceCeLoss {
        class_weights: three(),
        label_smoothing: 0.2,
        ..binary.clone()
    };
    for (name, spec, region) in some_regions() {
        // The sigmoid form counts points that a mask hides.
        list.add(name, spec, with(region));
    }
    list.add("matrix", classes(MATRIX), plain.clone());
    list.add("volume", classes(VOLUME), plain.clone());
    list.add("long", classes(LONG).weighted(), plain.clone());
    list.add(
        "lambdas",
        soft(FLAT),
        DiceCeLoss {
            lambda_dice: 0.3,
            lambda_ce: 1.7,
            ..plain.clone()
        },
    );
    list.add(
        "dice-only",
        classes(FLAT),
        DiceCeLoss {
            lambda_ce: 0.0,
            ..plain.clone()
        },
    );
    list.add(
        "sum",
        classes(FLAT).weighted(),
        with(Region {
            reduction: Reduction::Sum,
            ..Region::default()
        }),
    );
    list.add(
        "foreground",
        classes(FLAT),
        with(Region {
            classes: Classes::Foreground,
            ..Region::default()
        }),
    );
    list.add("class-weights", classes(FLAT).weighted(), weights.clone());
    list.add("class-weights-soft", soft(FLAT).weighted(), weights.clone());
    let squared = DiceLoss {
        form: DiceForm::Squared,
        ..DiceLoss::smp()
    };
    list.add(
        "class-weights-batch",
        classes(FLAT),
        DiceCeLoss {
            dice: squared,
            ..weights
        },
    );
    list.add(
        "smoothing",
        classes(FLAT).ignoring(-100).mask_is_ignore(),
        smoothed.clone(),
    );
    list.add("smoothing-soft", soft(FLAT), smoothed);
    list.add("binary", multilabel(SINGLE).dropping_axis(), binary.clone());
    list.add(
        "binary-classes",
        classes(SINGLE).weighted().ignoring(-100),
        binary,
    );
    list.add("pos-weight", soft_multilabel(FLAT), pos_weight.clone());
    let none = Region {
        reduction: Reduction::None,
        ..Region::binary()
    };
    let dice = DiceLoss {
        region: none,
        ..DiceLoss::default()
    };
    list.add(
        "pos-weight-none",
        multilabel(FLAT).weighted(),
        DiceCeLoss { dice, ..pos_weight },
    );
}

fn dice_focal(list: &mut List) {
    let plain = DiceFocalLoss::default();
    let binary = DiceFocalLoss::binary();
    let with = |region: Region| DiceFocalLoss {
        dice: DiceLoss {
            region,
            ..DiceLoss::default()
        },
        ..plain.clone()
    };
    for (gamma, name) in [(0.0, "0"), (0.5, "0.5"), (1.5, "1.5"), (3.0, "3")] {
        list.add(
            &format!("gamma-{name}"),
            classes(FLAT),
            DiceFocalLoss {
                gamma,
                ..plain.clone()
            },
        );
        let soft = DiceFocalLoss {
            gamma,
            alpha: Some(0.4),
            ..binary.clone()
        };
        list.add(&format!("binary-gamma-{name}"), soft_multilabel(FLAT), soft);
    }
    list.add("plain", classes(FLAT), plain.clone());
    list.add(
        "alpha",
        classes(FLAT).weighted(),
        DiceFocalLoss {
            alpha: Some(0.3),
            ..plain.clone()
        },
    );
    list.add(
        "lambdas",
        classes(FLAT),
        DiceFocalLoss {
            lambda_dice: 0.3,
            lambda_focal: 1.7,
            ..plain.clone()
        },
    );
    list.add(
        "none",
        classes(FLAT).ignoring(-100),
        with(Region {
            reduction: Reduction::None,
            ..Region::default()
        }),
    );
    list.add(
        "sum",
        classes(FLAT),
        with(Region {
            reduction: Reduction::Sum,
            ..Region::default()
        }),
    );
    list.add(
        "batch",
        classes(FLAT).ignoring(-100),
        with(Region {
            pooling: Pooling::Batch,
            ..Region::default()
        }),
    );
    list.add("volume", classes(VOLUME), plain);
    list.add("binary", classes(SINGLE).ignoring(-100), binary.clone());
    list.add("binary-long", multilabel(LONG).weighted(), binary);
}

fn combo(list: &mut List) {
    let plain = ComboLoss::default();
    list.add("plain", multilabel(FLAT).nothing(-0.5), plain.clone());
    list.add("single", classes(SINGLE).nothing(-0.5), plain.clone());
    list.add(
        "soft",
        soft_multilabel(VOLUME).weighted().nothing(-0.5),
        plain.clone(),
    );
    list.add(
        "alpha",
        multilabel(FLAT).nothing(-0.8),
        ComboLoss {
            alpha: 0.2,
            beta: 0.7,
            ..plain.clone()
        },
    );
    list.add(
        "ignore",
        classes(SINGLE).ignoring(255).nothing(-0.5),
        ComboLoss {
            ignore_index: Some(255),
            ..plain.clone()
        },
    );
    list.add(
        "smooth",
        multilabel(LONG).nothing(-0.25),
        ComboLoss {
            smooth: smooth(0.5, 1.0, 0.0),
            ..plain
        },
    );
}
