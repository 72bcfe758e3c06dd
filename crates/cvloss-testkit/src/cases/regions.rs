//! Losses of region sums, alone and with a loss of points.

mod combined;
mod policies;

use std::sync::Arc;

use cvloss::{
    Absent, Activation, Average, Classes, ComboLoss, DiceCeLoss, DiceFocalLoss, DiceForm, DiceLoss,
    FocalPower, FocalTverskyLoss, JaccardLoss, PooledLoss, Pooling, Reduction, Region, Smooth,
    Transform, TverskyLoss, VolumeWeight,
};

use super::{Family, Known, List};
use crate::sample::{Kind, Spec};

use combined::{combo, dice_ce, dice_focal};
use policies::{regions, some_regions};

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
