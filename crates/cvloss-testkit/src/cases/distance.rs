//! Losses of distances to surfaces.

use cvloss::{
    Activation, BoundaryLoss, BoundaryTarget, Classes, DistanceCrossEntropyLoss, DistanceWeighting,
    HausdorffErosionLoss, HausdorffLoss, HausdorffTransform, Normalizer, Reduction,
};

use super::{Family, Known, List};
use crate::sample::{Kind, Spec};

const FLAT: &[usize] = &[2, 3, 5, 7];
const SINGLE: &[usize] = &[2, 1, 5, 7];
const LINE: &[usize] = &[2, 2, 9];
const VOLUME: &[usize] = &[2, 3, 3, 4, 5];
/// So short that some are wrong throughout, and the least error that an erosion leaves is not 0.
const PAIRS: &[usize] = &[16, 6, 2];

macro_rules! known {
    ($($loss:ty),*) => {$(
        impl Known for $loss {
            fn family(&self) -> Family {
                Family::Region { activation: self.activation, has_extra: false }
            }
        }
    )*};
}
known!(BoundaryLoss, HausdorffErosionLoss, HausdorffLoss);

impl Known for DistanceCrossEntropyLoss {
    fn family(&self) -> Family {
        Family::Points
    }
}

pub(super) fn add(list: &mut List) {
    distance_cross_entropy(list);
    boundary(list);
    hausdorff(list);
    hausdorff_erosion(list);
}

fn distance_cross_entropy(list: &mut List) {
    let plain = DistanceCrossEntropyLoss::default();
    let classes = |shape| Spec::new(Kind::Classes, shape);
    for (weighting, name) in [
        (plain.weighting, "border"),
        (
            DistanceWeighting::Border {
                w0: 3.0,
                sigma: 1.5,
            },
            "near",
        ),
        (DistanceWeighting::Penalty, "penalty"),
    ] {
        let with = |reduction, normalizer, spacing| DistanceCrossEntropyLoss {
            weighting,
            reduction,
            normalizer,
            spacing,
            class_weights: Some(vec![0.5, 2.0, 0.8]),
            ..plain.clone()
        };
        let mut add =
            |what: &str, spec: Spec, loss| list.add(&format!("{name}-{what}"), spec, loss);
        let loss = DistanceCrossEntropyLoss {
            weighting,
            ..plain.clone()
        };
        let (mean, sum, none) = (Reduction::Mean, Reduction::Sum, Reduction::None);
        let (elements, weights) = (Normalizer::Elements, Normalizer::Weights);
        add("plain", classes(FLAT), loss.clone());
        add("line", classes(LINE), loss.clone());
        add("volume", classes(VOLUME).keeping_axis(), loss.clone());
        add("lacking", classes(FLAT).lacking_classes(), loss.clone());
        add("ignore", classes(FLAT).ignoring(-100), loss.clone());
        let spacing = Some(vec![2.5, 0.7]);
        let spec = classes(FLAT).weighted().ignoring(-100);
        add(
            "weights",
            spec.clone(),
            with(mean, weights, spacing.clone()),
        );
        add("positives", spec, with(mean, Normalizer::Positives, None));
        let spec = classes(VOLUME).weighted();
        let spacing = Some(vec![2.5, 0.7, 1.0]);
        add("sum", spec.clone(), with(sum, elements, spacing));
        let other = DistanceCrossEntropyLoss {
            ignore_index: Some(255),
            ..with(none, elements, None)
        };
        add("none", classes(FLAT).weighted().ignoring(255), other);
    }
}

fn boundary(list: &mut List) {
    let plain = BoundaryLoss::default();
    let spec = Spec::new;
    list.add("plain", spec(Kind::Classes, FLAT), plain.clone());
    list.add("line", spec(Kind::Classes, LINE), plain.clone());
    list.add(
        "volume",
        spec(Kind::Classes, VOLUME).keeping_axis(),
        plain.clone(),
    );
    list.add(
        "one-hot",
        spec(Kind::OneHot, FLAT).weighted(),
        plain.clone(),
    );
    list.add(
        "ignore",
        spec(Kind::Classes, FLAT).ignoring(-100),
        plain.clone(),
    );
    list.add(
        "binary",
        spec(Kind::Classes, SINGLE),
        BoundaryLoss::binary(),
    );
    list.add(
        "multilabel",
        spec(Kind::Binary, FLAT),
        BoundaryLoss::binary(),
    );
    let given = BoundaryLoss {
        target: BoundaryTarget::Distances,
        ..plain.clone()
    };
    list.add("given", spec(Kind::Logits, FLAT).weighted(), given);
    let identity = BoundaryLoss {
        activation: Activation::Identity,
        classes: Classes::Foreground,
        reduction: Reduction::Sum,
        ..plain.clone()
    };
    list.add(
        "identity",
        spec(Kind::Classes, FLAT).probabilities(),
        identity,
    );
    let spaced = BoundaryLoss {
        spacing: Some(vec![2.5, 0.7, 1.0]),
        classes: Classes::Listed(vec![1]),
        ignore_index: Some(255),
        reduction: Reduction::None,
        ..plain
    };
    list.add(
        "spaced",
        spec(Kind::Classes, VOLUME).ignoring(255).weighted(),
        spaced,
    );
}

fn hausdorff(list: &mut List) {
    let plain = HausdorffLoss::default();
    let spec = Spec::new;
    list.add("plain", spec(Kind::Classes, FLAT), plain.clone());
    list.add("line", spec(Kind::Classes, LINE), plain.clone());
    list.add("volume", spec(Kind::Distribution, VOLUME), plain.clone());
    list.add(
        "ignore",
        spec(Kind::Classes, FLAT).ignoring(-100),
        plain.clone(),
    );
    list.add(
        "binary",
        spec(Kind::Classes, SINGLE).weighted(),
        HausdorffLoss::binary(),
    );
    list.add(
        "multilabel",
        spec(Kind::Binary, FLAT),
        HausdorffLoss::binary(),
    );
    for (name, reduction) in [
        ("log", Reduction::Mean),
        ("log-sum", Reduction::Sum),
        ("log-none", Reduction::None),
    ] {
        let loss = HausdorffLoss {
            transform: HausdorffTransform::Log,
            alpha: 1.0,
            reduction,
            ..plain.clone()
        };
        list.add(name, spec(Kind::Classes, FLAT), loss);
    }
    let spaced = HausdorffLoss {
        activation: Activation::Identity,
        alpha: 1.5,
        classes: Classes::All,
        spacing: Some(vec![2.5, 0.7]),
        ignore_index: Some(255),
        reduction: Reduction::None,
        ..plain
    };
    let probabilities = spec(Kind::Classes, FLAT).probabilities().ignoring(255);
    list.add("spaced", probabilities.weighted(), spaced);
}

fn hausdorff_erosion(list: &mut List) {
    let plain = HausdorffErosionLoss::default();
    let spec = Spec::new;
    list.add("plain", spec(Kind::Classes, FLAT), plain.clone());
    list.add("line", spec(Kind::Classes, LINE), plain.clone());
    list.add("volume", spec(Kind::Distribution, VOLUME), plain.clone());
    list.add(
        "ignore",
        spec(Kind::Classes, FLAT).ignoring(-100),
        plain.clone(),
    );
    list.add(
        "one-hot",
        spec(Kind::OneHot, FLAT).weighted(),
        plain.clone(),
    );
    list.add(
        "binary",
        spec(Kind::Classes, SINGLE).weighted(),
        HausdorffErosionLoss::binary(),
    );
    list.add(
        "multilabel",
        spec(Kind::Binary, FLAT),
        HausdorffErosionLoss::binary(),
    );
    list.add(
        "pairs",
        spec(Kind::Binary, PAIRS),
        HausdorffErosionLoss::binary(),
    );
    let few = HausdorffErosionLoss {
        erosions: 1,
        alpha: 0.5,
        classes: Classes::Foreground,
        reduction: Reduction::Sum,
        ..plain.clone()
    };
    list.add("few", spec(Kind::Classes, FLAT), few);
    let many = HausdorffErosionLoss {
        activation: Activation::Identity,
        erosions: 40,
        alpha: 0.0,
        classes: Classes::Listed(vec![1]),
        ignore_index: Some(255),
        reduction: Reduction::None,
    };
    let probabilities = spec(Kind::Classes, VOLUME).probabilities().ignoring(255);
    list.add("many", probabilities.weighted(), many);
    // Numbers that are far from 0 and 1: something is left everywhere.
    let far = HausdorffErosionLoss {
        activation: Activation::Identity,
        ..plain
    };
    list.add("far", spec(Kind::Classes, FLAT), far);
}
