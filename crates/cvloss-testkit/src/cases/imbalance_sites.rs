//! Losses over a softmax for unequal classes: of points, of the hardest points, of regions.

use std::sync::Arc;

use cvloss::{
    Activation, AsymmetricSoftmaxLoss, Average, BiTemperedLoss, DiceLoss, ExpLogLoss, F1Sides,
    MccLoss, MinedMean, Normalizer, OhemCrossEntropyLoss, PolyCrossEntropyLoss, PooledLoss,
    Pooling, Reduction, Region, SeesawLoss, SoftF1Loss, TopKCrossEntropyLoss, Transform,
    UnifiedFocalLoss, UnifiedForm,
};

use super::{Family, Known, List};
use crate::sample::{Kind, Spec};

const FLAT: &[usize] = &[2, 3, 5, 7];
const SINGLE: &[usize] = &[2, 1, 5, 7];
const MATRIX: &[usize] = &[7, 5];
const VOLUME: &[usize] = &[1, 3, 3, 4, 5];
const LONG: &[usize] = &[1, 2, 61, 37];

macro_rules! known {
    ($($loss:ty: $family:expr;)*) => {$(
        impl Known for $loss {
            fn family(&self) -> Family {
                $family
            }
        }
    )*};
}

const COMPOUND: Family = Family::Region {
    activation: Activation::Softmax,
    has_extra: true,
};

known! {
    AsymmetricSoftmaxLoss: Family::Points;
    BiTemperedLoss: Family::Points;
    PolyCrossEntropyLoss: Family::Points;
    OhemCrossEntropyLoss: Family::Points;
    SeesawLoss: Family::Points;
    TopKCrossEntropyLoss: Family::Points;
    UnifiedFocalLoss: COMPOUND;
    ExpLogLoss: COMPOUND;
}

macro_rules! known_regions {
    ($($loss:ty)*) => {$(
        impl Known for $loss {
            fn family(&self) -> Family {
                let activation = self.region.activation;
                Family::Region { activation, has_extra: false }
            }

            fn pooled(self: Arc<Self>) -> Option<Arc<dyn PooledLoss + Send + Sync>> {
                Some(self)
            }
        }
    )*};
}

known_regions!(MccLoss SoftF1Loss);

pub(super) fn add(list: &mut List) {
    bi_tempered(list);
    poly_cross_entropy(list);
    seesaw(list);
    asymmetric_softmax(list);
    ohem(list);
    top_k(list);
    mcc(list);
    soft_f1(list);
    unified_focal(list);
    exp_log(list);
    let transform = Transform::LogPower(0.5);
    list.add(
        "log-power",
        classes(FLAT),
        DiceLoss {
            transform,
            ..DiceLoss::default()
        },
    );
}

fn classes(shape: &[usize]) -> Spec {
    Spec::new(Kind::Classes, shape)
}

fn three() -> Option<Vec<f64>> {
    Some(vec![0.5, 2.0, 0.8])
}

/// Shapes, and the options that all losses of points have but for the mean.
macro_rules! points {
    ($list:expr, $type:ident) => {
        points!($list, classes, $type)
    };
    ($list:expr, $draw:expr, $type:ident) => {{
        let list: &mut List = $list;
        let classes: &dyn Fn(&[usize]) -> Spec = &$draw;
        let plain = $type::default();
        let with = |reduction, ignore_index| $type {
            reduction,
            ignore_index,
            ..$type::default()
        };
        let (mean, sum, none) = (Reduction::Mean, Reduction::Sum, Reduction::None);
        for (name, shape) in [
            ("mean", FLAT),
            ("matrix", MATRIX),
            ("volume", VOLUME),
            ("long", LONG),
        ] {
            list.add(name, classes(shape), plain.clone());
        }
        list.add("weighted", classes(FLAT).weighted(), plain);
        list.add(
            "sum",
            classes(FLAT).weighted().keeping_axis(),
            with(sum, None),
        );
        list.add("none", classes(FLAT).weighted(), with(none, None));
        list.add(
            "none-ignore",
            classes(MATRIX).ignoring(255).mask_is_ignore(),
            with(none, Some(255)),
        );
        list.add(
            "ignore",
            classes(FLAT).ignoring(255).mask_is_ignore(),
            with(mean, Some(255)),
        );
        list.add(
            "ignore-class",
            classes(FLAT).ignoring(1),
            with(mean, Some(1)),
        );
        list.add(
            "class-weights",
            classes(FLAT).weighted().ignoring(-100),
            $type {
                class_weights: three(),
                ..$type::default()
            },
        );
    }};
}

fn poly_cross_entropy(list: &mut List) {
    points!(list, PolyCrossEntropyLoss);
    for (normalizer, name) in [
        (Normalizer::Elements, "elements"),
        (Normalizer::Positives, "positives"),
    ] {
        let loss = PolyCrossEntropyLoss {
            normalizer,
            class_weights: three(),
            epsilon: -0.5,
            ..PolyCrossEntropyLoss::default()
        };
        list.add(name, classes(FLAT).weighted().ignoring(-100), loss);
    }
}

fn asymmetric_softmax(list: &mut List) {
    points!(list, AsymmetricSoftmaxLoss);
    for (gamma_positive, gamma_negative, label_smoothing) in [
        (0.0, 0.0, 0.2),
        (0.5, 0.3, 0.1),
        (2.0, 4.0, 1.0),
        (1.0, 3.0, 0.0),
    ] {
        let loss = AsymmetricSoftmaxLoss {
            gamma_positive,
            gamma_negative,
            label_smoothing,
            ..AsymmetricSoftmaxLoss::default()
        };
        let name = format!("{gamma_positive}-{gamma_negative}-{label_smoothing}");
        list.add(&name, classes(FLAT).ignoring(-100), loss);
    }
    for (normalizer, name) in [
        (Normalizer::Elements, "elements"),
        (Normalizer::Positives, "positives"),
    ] {
        let loss = AsymmetricSoftmaxLoss {
            normalizer,
            class_weights: three(),
            ..AsymmetricSoftmaxLoss::default()
        };
        list.add(name, classes(FLAT).weighted().ignoring(-100), loss);
    }
}

fn bi_tempered(list: &mut List) {
    points!(list, BiTemperedLoss);
    // Both tails, cut off and not; temperatures near 1; cross-entropy.
    for (t1, t2) in [
        (1.0, 1.0),
        (0.0, 1.0),
        (0.3, 1.0),
        (1.0, 1.5),
        (0.2, 4.0),
        (0.95, 1.05),
        (0.5, 0.5),
        (0.1, 0.5),
        (0.0, 0.9),
    ] {
        let loss = BiTemperedLoss {
            t1,
            t2,
            ..BiTemperedLoss::default()
        };
        let name = format!("{t1}-{t2}");
        let spec = classes(FLAT).weighted().ignoring(-100);
        list.add(&name, spec, loss.clone());
        let soft = Spec::new(Kind::Distribution, FLAT).weighted();
        list.add(&format!("{name}-soft"), soft, loss.clone());
        let smooth = BiTemperedLoss {
            label_smoothing: 0.1,
            class_weights: three(),
            reduction: Reduction::None,
            ..loss
        };
        let spec = classes(FLAT).weighted().ignoring(-100);
        list.add(&format!("{name}-smooth"), spec, smooth.clone());
        let soft = BiTemperedLoss {
            reduction: Reduction::Sum,
            ..smooth
        };
        let spec = Spec::new(Kind::Distribution, VOLUME).weighted();
        list.add(&format!("{name}-smooth-soft"), spec, soft);
    }
    for (normalizer, name) in [
        (Normalizer::Elements, "elements"),
        (Normalizer::Positives, "positives"),
    ] {
        let loss = BiTemperedLoss {
            normalizer,
            class_weights: three(),
            ..BiTemperedLoss::default()
        };
        let spec = classes(FLAT).weighted().ignoring(-100);
        list.add(name, spec, loss);
    }
}

/// The factors count as constant.
fn seesaw(list: &mut List) {
    let mut shared = List::default();
    points!(&mut shared, |shape| classes(shape).detached(), SeesawLoss);
    // Points of weight 0 stay in the mean.
    for case in &mut shared.0 {
        case.spec.mask_is_ignore &= case.name != "seesaw/ignore";
    }
    list.0.append(&mut shared.0);
    let counts = Some(vec![100.0, 0.0, 7.5]);
    for (p, q, eps) in [
        (0.0, 0.0, 0.01),
        (0.8, 0.0, 0.01),
        (0.0, 2.0, 0.3),
        (1.5, 0.7, 1.0),
    ] {
        let loss = SeesawLoss {
            counts: counts.clone(),
            p,
            q,
            eps,
            ..SeesawLoss::default()
        };
        let spec = classes(FLAT).weighted().ignoring(-100).detached();
        list.add(&format!("{p}-{q}-{eps}"), spec, loss);
    }
    for (normalizer, name) in [
        (Normalizer::Weights, "weights"),
        (Normalizer::Positives, "positives"),
    ] {
        let loss = SeesawLoss {
            normalizer,
            counts: counts.clone(),
            class_weights: three(),
            ..SeesawLoss::default()
        };
        let spec = classes(FLAT).weighted().ignoring(-100).detached();
        list.add(name, spec, loss);
    }
}

fn ohem(list: &mut List) {
    points!(list, OhemCrossEntropyLoss);
    for (threshold, min_kept) in [(0.7, 0), (0.3, 5), (0.1, 20), (1.0, 1)] {
        for (mean, name) in [(MinedMean::Selected, "selected"), (MinedMean::All, "all")] {
            let loss = OhemCrossEntropyLoss {
                threshold,
                min_kept,
                mean,
                ..OhemCrossEntropyLoss::default()
            };
            let name = format!("{threshold}-{min_kept}-{name}");
            let spec = classes(FLAT).ignoring(-100).mask_is_ignore();
            list.add(&name, spec, loss.clone());
            let weighted = OhemCrossEntropyLoss {
                class_weights: three(),
                ..loss
            };
            list.add(
                &format!("{name}-weighted"),
                classes(FLAT).weighted(),
                weighted,
            );
        }
    }
}

fn top_k(list: &mut List) {
    points!(list, TopKCrossEntropyLoss);
    for share in [0.0, 0.25, 0.5, 1.0] {
        for (mean, name) in [(MinedMean::Selected, "selected"), (MinedMean::All, "all")] {
            let loss = TopKCrossEntropyLoss {
                share,
                mean,
                ..TopKCrossEntropyLoss::default()
            };
            let spec = classes(FLAT).ignoring(-100).mask_is_ignore();
            list.add(&format!("{share}-{name}"), spec, loss.clone());
            let none = TopKCrossEntropyLoss {
                reduction: Reduction::None,
                ..loss
            };
            list.add(
                &format!("{share}-{name}-none"),
                classes(LONG).weighted(),
                none,
            );
        }
    }
}

/// Options of [`Region`] that a new score may get wrong.
fn regions(plain: &Region) -> Vec<(&'static str, Spec, Region)> {
    let with = |pooling, average, reduction| Region {
        pooling,
        average,
        reduction,
        ..plain.clone()
    };
    let (image, batch) = (Pooling::Image, Pooling::Batch);
    let (macros, micro) = (Average::Macro, Average::Micro);
    let (mean, none) = (Reduction::Mean, Reduction::None);
    let class_weights = three();
    vec![
        ("plain", classes(FLAT), plain.clone()),
        ("matrix", classes(MATRIX), plain.clone()),
        ("volume", classes(VOLUME).keeping_axis(), plain.clone()),
        ("long", classes(LONG), plain.clone()),
        ("image", classes(FLAT).weighted(), with(image, macros, mean)),
        (
            "none",
            classes(FLAT).ignoring(-100),
            with(image, macros, none),
        ),
        (
            "batch",
            classes(FLAT).weighted().ignoring(-100),
            with(batch, macros, mean),
        ),
        ("none-batch", classes(FLAT), with(batch, macros, none)),
        ("sum", classes(FLAT), with(image, macros, Reduction::Sum)),
        ("micro", classes(FLAT).weighted(), with(image, micro, mean)),
        (
            "micro-weights",
            classes(FLAT),
            Region {
                class_weights,
                ..with(batch, micro, mean)
            },
        ),
        ("lacking", classes(FLAT).lacking_classes(), plain.clone()),
    ]
}

fn mcc(list: &mut List) {
    let plain = MccLoss::default();
    for (name, spec, region) in regions(&plain.region) {
        list.add(
            name,
            spec.clone(),
            MccLoss {
                region: region.clone(),
                ..plain.clone()
            },
        );
        list.add(
            &format!("{name}-counts"),
            spec,
            MccLoss {
                region,
                counts: 0.5,
            },
        );
    }
    list.add(
        "soft",
        Spec::new(Kind::Distribution, FLAT).weighted(),
        plain,
    );
    list.add("binary", classes(SINGLE), MccLoss::binary());
    list.add(
        "binary-soft",
        Spec::new(Kind::SoftBinary, FLAT),
        MccLoss::binary(),
    );
    list.add("smp", classes(SINGLE).dropping_axis(), MccLoss::smp());
}

fn soft_f1(list: &mut List) {
    let plain = SoftF1Loss::default();
    for (sides, side) in [(F1Sides::Both, "both"), (F1Sides::Positives, "positives")] {
        for (name, spec, region) in regions(&plain.region) {
            list.add(
                &format!("{name}-{side}"),
                spec.nothing(if name == "sum" { 2.0 } else { 1.0 }),
                SoftF1Loss { sides, region },
            );
        }
    }
    let soft = Spec::new(Kind::Distribution, FLAT).weighted().nothing(1.0);
    list.add("soft", soft, plain);
    list.add("binary", classes(SINGLE).nothing(1.0), SoftF1Loss::binary());
    let soft = Spec::new(Kind::SoftBinary, FLAT).nothing(1.0);
    list.add("binary-soft", soft, SoftF1Loss::binary());
}

fn unified_focal(list: &mut List) {
    let plain = UnifiedFocalLoss::default();
    for (form, form_name) in [
        (UnifiedForm::Asymmetric, "asymmetric"),
        (UnifiedForm::Symmetric, "symmetric"),
    ] {
        for (name, spec, region) in regions(&plain.region) {
            let loss = UnifiedFocalLoss {
                form,
                region,
                ..plain.clone()
            };
            list.add(&format!("{name}-{form_name}"), spec, loss);
        }
        for (weight, delta, gamma) in [(0.0, 0.6, 0.0), (1.0, 0.3, 0.7), (0.3, 0.5, 0.2)] {
            let loss = UnifiedFocalLoss {
                weight,
                delta,
                gamma,
                form,
                ..plain.clone()
            };
            list.add(
                &format!("{weight}-{delta}-{gamma}-{form_name}"),
                classes(FLAT),
                loss,
            );
        }
    }
}

fn exp_log(list: &mut List) {
    let plain = ExpLogLoss::default();
    for (name, spec, region) in regions(&plain.region) {
        list.add(
            name,
            spec,
            ExpLogLoss {
                region,
                ..plain.clone()
            },
        );
    }
    for (gamma_dice, gamma_ce) in [(1.0, 1.0), (0.5, 1.2), (2.0, 0.7)] {
        let loss = ExpLogLoss {
            gamma_dice,
            gamma_ce,
            lambda_dice: 0.5,
            lambda_ce: 1.5,
            class_weights: three(),
            ..plain.clone()
        };
        list.add(
            &format!("{gamma_dice}-{gamma_ce}"),
            classes(FLAT).weighted(),
            loss,
        );
    }
}
