//! Losses of skeletons.

use cvloss::{Activation, ClDiceLoss, Classes, DiceClDiceLoss, Reduction};

use super::{Family, Known, List};
use crate::sample::{Kind, Spec};

const FLAT: &[usize] = &[2, 3, 9, 10];
const SINGLE: &[usize] = &[2, 1, 9, 11];
const LINE: &[usize] = &[2, 2, 13];
const VOLUME: &[usize] = &[1, 3, 5, 6, 7];

/// Without any sum, the smoothing is left.
const NOTHING: f64 = 1.0 - 2.0 / 2.0001;

impl Known for ClDiceLoss {
    fn family(&self) -> Family {
        Family::Region {
            activation: self.activation,
            has_extra: false,
        }
    }
}

impl Known for DiceClDiceLoss {
    fn family(&self) -> Family {
        Family::Region {
            activation: self.cl_dice.activation,
            has_extra: false,
        }
    }
}

pub(super) fn add(list: &mut List) {
    for (name, spec, loss) in losses() {
        let both = DiceClDiceLoss {
            cl_dice: loss.clone(),
            ..DiceClDiceLoss::default()
        };
        let half = spec.nothing / 2.0;
        list.add(name, spec.clone(), loss);
        list.add(name, spec.nothing(half), both);
    }
    let loss = DiceClDiceLoss {
        alpha: 0.2,
        ..DiceClDiceLoss::binary()
    };
    list.add(
        "binary",
        Spec::new(Kind::Classes, SINGLE).nothing(NOTHING * 0.2),
        loss,
    );
}

fn losses() -> Vec<(&'static str, Spec, ClDiceLoss)> {
    let plain = ClDiceLoss::default();
    let sigmoid = ClDiceLoss::binary();
    let spec = |kind, shape| Spec::new(kind, shape).nothing(NOTHING);
    let ignoring = ClDiceLoss {
        ignore_index: Some(255),
        classes: Classes::Foreground,
        reduction: Reduction::None,
        ..plain.clone()
    };
    let smoothed = ClDiceLoss {
        iterations: 1,
        smooth_nr: 0.5,
        smooth_dr: 0.5,
        smooth: 1e-4,
        reduction: Reduction::Sum,
        ..plain.clone()
    };
    let unsmoothed = ClDiceLoss {
        iterations: 0,
        smooth_nr: 0.0,
        smooth_dr: 0.0,
        smooth: 1e-3,
        ..sigmoid.clone()
    };
    let identity = ClDiceLoss {
        activation: Activation::Identity,
        classes: Classes::Listed(vec![2]),
        ..plain.clone()
    };
    let probabilities = spec(Kind::Classes, FLAT).probabilities();
    vec![
        ("plain", spec(Kind::Classes, FLAT), plain.clone()),
        ("line", spec(Kind::Classes, LINE), plain.clone()),
        (
            "volume",
            spec(Kind::Classes, VOLUME).keeping_axis(),
            plain.clone(),
        ),
        ("soft", spec(Kind::Distribution, FLAT).weighted(), plain),
        ("single", spec(Kind::Classes, SINGLE), sigmoid.clone()),
        ("multilabel", spec(Kind::Binary, FLAT), sigmoid),
        (
            "ignore",
            spec(Kind::Classes, FLAT).ignoring(255).weighted(),
            ignoring,
        ),
        (
            "smoothed",
            spec(Kind::Classes, FLAT).nothing(2.0 * NOTHING),
            smoothed,
        ),
        (
            "unsmoothed",
            spec(Kind::Binary, SINGLE).nothing(1.0 - 2.0 / 2.001),
            unsmoothed,
        ),
        ("identity", probabilities, identity),
    ]
}
