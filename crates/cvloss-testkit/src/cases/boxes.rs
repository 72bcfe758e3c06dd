//! Losses of boxes.

use cvloss::{
    BoundedIouLoss, BoxFormat, Boxes, CiouLoss, Denominator, DiouLoss, EfficientIouLoss,
    ExtendedIouLoss, GiouLoss, IouForm, IouLoss, MpdiouLoss, NwdLoss, Overlap, Reduction, SiouLoss,
    SiouSign, WeightSlope, WiseIouLoss, WiseVersion,
};

use super::{Family, Known, List};
use crate::sample::{Kind, Spec};

const SINGLE: &[usize] = &[4];
const LIST: &[usize] = &[13, 4];
const LONG: &[usize] = &[301, 4];
const ANCHORS: &[usize] = &[2, 5, 3, 4];
const EMPTY_AXIS: &[usize] = &[3, 1, 4];

macro_rules! known {
    ($($loss:ty)*) => {$(
        impl Known for $loss {
            fn family(&self) -> Family {
                Family::Boxes
            }
        }
    )*};
}
known! {
    BoundedIouLoss CiouLoss DiouLoss EfficientIouLoss ExtendedIouLoss GiouLoss IouLoss MpdiouLoss NwdLoss SiouLoss
    WiseIouLoss
}

fn xyxy(shape: &[usize]) -> Spec {
    Spec::new(Kind::Boxes(BoxFormat::Xyxy), shape)
}

/// CIoU and Wise-IoU have factors without a slope.
fn spec<L>(kind: Kind, shape: &[usize]) -> Spec {
    let spec = Spec::new(kind, shape);
    match super::short_name::<L>() {
        "CiouLoss" | "WiseIouLoss" => spec.detached(),
        _ => spec,
    }
}

/// Cases of one loss: `make` from options that all share.
fn shared<L: Known>(list: &mut List, make: impl Fn(Boxes) -> L) {
    let xyxy = |shape: &[usize]| spec::<L>(Kind::Boxes(BoxFormat::Xyxy), shape);
    let with = |reduction, denominator| {
        make(Boxes {
            reduction,
            denominator,
            ..Boxes::default()
        })
    };
    let (mean, sum, none) = (Reduction::Mean, Reduction::Sum, Reduction::None);
    list.add("mean", xyxy(LIST), with(mean, Denominator::Items));
    list.add("single", xyxy(SINGLE), with(mean, Denominator::Items));
    list.add("long", xyxy(LONG), with(mean, Denominator::Items));
    list.add(
        "anchors",
        xyxy(ANCHORS).weighted(),
        with(mean, Denominator::Items),
    );
    list.add(
        "weights",
        xyxy(LIST).weighted(),
        with(mean, Denominator::Weights),
    );
    list.add(
        "weights-unweighted",
        xyxy(LIST),
        with(mean, Denominator::Weights),
    );
    list.add(
        "avg-factor",
        xyxy(LIST).weighted(),
        with(mean, Denominator::AvgFactor(7.5)),
    );
    list.add(
        "sum",
        xyxy(ANCHORS).weighted().keeping_axis(),
        with(sum, Denominator::Items),
    );
    list.add(
        "none",
        xyxy(ANCHORS).weighted(),
        with(none, Denominator::Items),
    );
    list.add("none-single", xyxy(SINGLE), with(none, Denominator::Items));
    list.add(
        "none-axis",
        xyxy(EMPTY_AXIS),
        with(none, Denominator::Weights),
    );
    for format in [BoxFormat::Xywh, BoxFormat::Cxcywh] {
        let loss = make(Boxes {
            format,
            eps: 1e-3,
            ..Boxes::default()
        });
        let spec = spec::<L>(Kind::Boxes(format), LIST);
        list.add(&format!("{format:?}"), spec, loss);
    }
}

/// Every combinator alone, and all together.
fn overlaps() -> [(&'static str, Overlap); 6] {
    let plain = Overlap::default();
    let alpha = |alpha| Overlap {
        alpha,
        ..plain.clone()
    };
    let inner = |ratio| Overlap {
        inner: Some(ratio),
        ..plain.clone()
    };
    [
        ("alpha-3", alpha(3.0)),
        ("alpha-0.7", alpha(0.7)),
        ("inner-0.71", inner(0.71)),
        ("inner-1.37", inner(1.37)),
        (
            "focaler",
            Overlap {
                focaler: Some((0.05, 0.9)),
                ..plain.clone()
            },
        ),
        (
            "all",
            Overlap {
                alpha: 2.0,
                inner: Some(1.23),
                focaler: Some((0.0, 0.95)),
            },
        ),
    ]
}

fn combined<L: Known>(list: &mut List, name: &str, make: impl Fn(Overlap) -> L) {
    for (combinator, overlap) in overlaps() {
        let name = format!("{name}{combinator}");
        let spec = spec::<L>(Kind::Boxes(BoxFormat::Xyxy), LIST).weighted();
        list.add(&name, spec, make(overlap));
    }
}

pub(super) fn add(list: &mut List) {
    for form in [IouForm::Linear, IouForm::Log, IouForm::Square] {
        let loss = IouLoss {
            form,
            ..IouLoss::default()
        };
        list.add(&format!("{form:?}"), xyxy(LIST), loss.clone());
        combined(list, &format!("{form:?}-"), |overlap| IouLoss {
            overlap,
            ..loss.clone()
        });
    }
    macro_rules! losses {
        ($($loss:ident)*) => {$(
            shared(list, |boxes| $loss { boxes, ..$loss::default() });
        )*};
    }
    losses! {
        IouLoss GiouLoss DiouLoss CiouLoss EfficientIouLoss ExtendedIouLoss SiouLoss MpdiouLoss NwdLoss WiseIouLoss
        BoundedIouLoss
    }
    macro_rules! combinations {
        ($($loss:ident)*) => {$(
            combined(list, "", |overlap| $loss { overlap, ..$loss::default() });
        )*};
    }
    combinations! {
        GiouLoss DiouLoss CiouLoss EfficientIouLoss SiouLoss MpdiouLoss WiseIouLoss
    }
    options(list);
}

fn options(list: &mut List) {
    for focus_slope in [WeightSlope::Through, WeightSlope::Constant] {
        for gamma in [0.5, 2.0] {
            let loss = EfficientIouLoss {
                gamma,
                focus_slope,
                ..EfficientIouLoss::default()
            };
            let spec = xyxy(LIST);
            // A constant weight is not what differences see.
            let spec = match focus_slope {
                WeightSlope::Through => spec,
                WeightSlope::Constant => spec.detached(),
            };
            list.add(&format!("focus-{gamma}-{focus_slope:?}"), spec, loss);
        }
    }
    for smooth_point in [0.5, 1.5] {
        let loss = ExtendedIouLoss {
            smooth_point,
            ..ExtendedIouLoss::default()
        };
        list.add(&format!("smooth-{smooth_point}"), xyxy(LIST), loss);
    }
    for (theta, sign) in [
        (2.5, SiouSign::Paper),
        (4.0, SiouSign::MmDetection),
        (1.5, SiouSign::MmDetection),
    ] {
        let loss = SiouLoss {
            theta,
            sign,
            ..SiouLoss::default()
        };
        list.add(&format!("{theta}-{sign:?}"), xyxy(LIST), loss);
    }
    let loss = MpdiouLoss {
        image: (8.0, 6.0),
        ..MpdiouLoss::default()
    };
    list.add("image", xyxy(LIST), loss);
    let loss = NwdLoss {
        constant: 2.0,
        ..NwdLoss::default()
    };
    list.add("constant", xyxy(LIST), loss);
    let loss = BoundedIouLoss {
        beta: 0.5,
        ..BoundedIouLoss::default()
    };
    list.add("beta", xyxy(LIST), loss);
    let v3 = |alpha, delta| WiseVersion::V3 { alpha, delta };
    for version in [
        WiseVersion::V1,
        WiseVersion::V2 { gamma: 0.5 },
        WiseVersion::V2 { gamma: 2.0 },
        v3(1.7, 2.7),
        v3(1.9, 3.0),
    ] {
        for mean in [1.0, 0.4] {
            let loss = WiseIouLoss {
                version,
                mean,
                ..WiseIouLoss::default()
            };
            let name = format!("{version:?}-{mean}");
            list.add(&name, xyxy(LIST).weighted().detached(), loss);
        }
    }
}
