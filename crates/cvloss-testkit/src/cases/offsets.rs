//! Losses of box offsets: distribution focal loss and balanced L1.

use cvloss::{BalancedL1Loss, Denominator, DistributionFocalLoss, Normalizer, Reduction};

use super::{Family, Known, List};
use crate::sample::{Kind, Spec};

const ROWS: &[usize] = &[14, 16];
const TALL: &[usize] = &[600, 8];
const FLAT: &[usize] = &[2, 8, 5, 7];
const LINE: &[usize] = &[3, 5, 11];
const OFFSETS: &[usize] = &[13, 4];
const PLANE: &[usize] = &[2, 3, 5, 7];

impl Known for DistributionFocalLoss {
    fn family(&self) -> Family {
        Family::Points
    }
}

impl Known for BalancedL1Loss {
    fn family(&self) -> Family {
        Family::Elements
    }
}

pub(super) fn add(list: &mut List) {
    distribution_focal(list);
    balanced_l1(list);
}

fn distribution_focal(list: &mut List) {
    let spec = |shape: &[usize]| Spec::new(Kind::Positions, shape);
    let with = |reduction, denominator| DistributionFocalLoss {
        reduction,
        denominator,
        ..DistributionFocalLoss::default()
    };
    let (mean, sum, none) = (Reduction::Mean, Reduction::Sum, Reduction::None);
    list.add("mean", spec(ROWS), with(mean, Denominator::Items));
    list.add("tall", spec(TALL), with(mean, Denominator::Items));
    list.add("flat", spec(FLAT), with(mean, Denominator::Items));
    list.add(
        "axis",
        spec(FLAT).keeping_axis(),
        with(mean, Denominator::Items),
    );
    let weighted = spec(FLAT).weighted();
    list.add("weighted", weighted.clone(), with(mean, Denominator::Items));
    list.add(
        "weights",
        weighted.clone(),
        with(mean, Denominator::Weights),
    );
    list.add(
        "weights-unweighted",
        spec(LINE),
        with(mean, Denominator::Weights),
    );
    list.add(
        "avg-factor",
        weighted,
        with(mean, Denominator::AvgFactor(4.0)),
    );
    list.add(
        "sum",
        spec(ROWS).weighted().keeping_axis(),
        with(sum, Denominator::Items),
    );
    list.add(
        "none",
        spec(LINE).weighted(),
        with(none, Denominator::Items),
    );
    list.add("none-rows", spec(ROWS), with(none, Denominator::Items));
    let loss = DistributionFocalLoss {
        margin: 0.01,
        ..DistributionFocalLoss::default()
    };
    list.add("margin", spec(ROWS), loss);
}

fn balanced_l1(list: &mut List) {
    let spec = |shape: &[usize]| Spec::new(Kind::SoftBinary, shape);
    let plain = BalancedL1Loss::default();
    list.add("mean", spec(OFFSETS), plain.clone());
    list.add("weighted", spec(PLANE).weighted(), plain.clone());
    for reduction in [Reduction::Sum, Reduction::None] {
        let loss = BalancedL1Loss {
            reduction,
            ..plain.clone()
        };
        list.add(&format!("{reduction:?}"), spec(PLANE).weighted(), loss);
    }
    for normalizer in [Normalizer::Weights, Normalizer::Positives] {
        let loss = BalancedL1Loss {
            normalizer,
            ..plain.clone()
        };
        list.add(&format!("{normalizer:?}"), spec(OFFSETS).weighted(), loss);
    }
    let loss = BalancedL1Loss {
        alpha: 0.7,
        gamma: 1.2,
        beta: 0.6,
        ..plain
    };
    list.add("options", spec(PLANE), loss);
}
