//! Losses of rotated boxes.

use cvloss::{
    Denominator, Divergence, GwdLoss, IouForm, KfForm, KfiouLoss, KldLoss, ProbIouLoss, Reduction,
    RotatedBoxes, RotatedIouLoss, Scale,
};

use super::{Family, Known, List};
use crate::sample::{Kind, Spec};

const SINGLE: &[usize] = &[5];
const LIST: &[usize] = &[13, 5];
const LONG: &[usize] = &[301, 5];
const ANCHORS: &[usize] = &[2, 5, 3, 5];

macro_rules! known {
    ($($loss:ty)*) => {$(
        impl Known for $loss {
            fn family(&self) -> Family {
                Family::Boxes
            }
        }
    )*};
}
known! { GwdLoss KfiouLoss KldLoss ProbIouLoss RotatedIouLoss }

fn boxes(shape: &[usize]) -> Spec {
    Spec::new(Kind::Rotated, shape)
}

fn shared<L: Known>(list: &mut List, make: impl Fn(RotatedBoxes) -> L) {
    let with = |reduction, denominator| {
        make(RotatedBoxes {
            reduction,
            denominator,
            ..RotatedBoxes::default()
        })
    };
    let (mean, sum, none) = (Reduction::Mean, Reduction::Sum, Reduction::None);
    list.add("mean", boxes(LIST), with(mean, Denominator::Items));
    list.add("single", boxes(SINGLE), with(none, Denominator::Items));
    list.add("long", boxes(LONG), with(mean, Denominator::Items));
    let weighted = boxes(ANCHORS).weighted();
    list.add(
        "weights",
        weighted.clone(),
        with(mean, Denominator::Weights),
    );
    let factor = Denominator::AvgFactor(3.5);
    list.add("avg-factor", weighted.clone(), with(mean, factor));
    list.add(
        "sum",
        weighted.clone().keeping_axis(),
        with(sum, Denominator::Items),
    );
    list.add("none", weighted, with(none, Denominator::Items));
    let loss = make(RotatedBoxes {
        eps: 1e-3,
        ..RotatedBoxes::default()
    });
    list.add("epsilon", boxes(LIST), loss);
}

pub(super) fn add(list: &mut List) {
    macro_rules! losses {
        ($($loss:ident)*) => {$(
            shared(list, |boxes| $loss { boxes, ..$loss::default() });
        )*};
    }
    losses! { RotatedIouLoss GwdLoss KldLoss KfiouLoss }
    shared(list, |boxes| ProbIouLoss { boxes });

    for form in [IouForm::Log, IouForm::Square] {
        let loss = RotatedIouLoss {
            form,
            ..RotatedIouLoss::default()
        };
        list.add(&format!("{form:?}"), boxes(LIST), loss);
    }
    for form in [KfForm::Log, KfForm::Exp] {
        let loss = KfiouLoss {
            form,
            beta: 0.3,
            ..KfiouLoss::default()
        };
        list.add(&format!("{form:?}"), boxes(LIST), loss);
    }
    for scale in [Scale::Linear, Scale::Sqrt, Scale::Log1p] {
        for (tau, alpha, flag) in [(0.0, 0.7, false), (1.0, 1.0, true), (2.0, 1.3, false)] {
            let name = format!("{scale:?}-{tau}-{alpha}-{flag}");
            let loss = GwdLoss {
                scale,
                tau,
                alpha,
                normalize: flag,
                ..GwdLoss::default()
            };
            list.add(&name, boxes(LIST), loss);
            let loss = KldLoss {
                scale,
                tau,
                alpha,
                root: flag,
                ..KldLoss::default()
            };
            list.add(&name, boxes(LIST), loss);
        }
    }
    for divergence in [
        Divergence::Jeffreys,
        Divergence::Largest,
        Divergence::Smallest,
    ] {
        let loss = KldLoss {
            divergence,
            ..KldLoss::default()
        };
        list.add(&format!("{divergence:?}"), boxes(LIST), loss);
    }
}
