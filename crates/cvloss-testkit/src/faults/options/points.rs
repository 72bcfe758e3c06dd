//! Options of losses of elements and points that are out of range.

use cvloss::{BceLoss, ClassAlpha, CrossEntropyLoss, FocalLoss, SoftTargets, SoftmaxFocalLoss};

use super::{List, NOT_SHARES, NOT_SIZES, bad_weights};
use crate::sample::Kind;

pub(super) fn bce(list: &mut List) {
    for (name, weights) in bad_weights() {
        let loss = BceLoss {
            pos_weight: Some(weights),
            ..BceLoss::default()
        };
        list.add(
            &format!("pos_weight {name}"),
            Kind::Binary,
            loss,
            &["pos_weight", "expected"],
        );
    }
    for label_smoothing in NOT_SHARES {
        let loss = BceLoss {
            label_smoothing,
            ..BceLoss::default()
        };
        list.add(
            &format!("label_smoothing {label_smoothing}"),
            Kind::Binary,
            loss,
            &["label_smoothing is"],
        );
    }
}

pub(super) fn focal(list: &mut List) {
    for soft_targets in [SoftTargets::Mixture, SoftTargets::Linear] {
        let plain = FocalLoss {
            soft_targets,
            ..FocalLoss::default()
        };
        for gamma in NOT_SIZES {
            let loss = FocalLoss {
                gamma,
                ..plain.clone()
            };
            list.add(
                &format!("{soft_targets:?} gamma {gamma}"),
                Kind::SoftBinary,
                loss,
                &["gamma is", "expected"],
            );
        }
        for alpha in NOT_SHARES {
            let loss = FocalLoss {
                alpha: Some(alpha),
                ..plain.clone()
            };
            list.add(
                &format!("{soft_targets:?} alpha {alpha}"),
                Kind::SoftBinary,
                loss,
                &["alpha is", "expected"],
            );
        }
    }
    for (name, weights) in bad_weights() {
        let loss = FocalLoss {
            pos_weight: Some(weights),
            ..FocalLoss::default()
        };
        list.add(
            &format!("pos_weight {name}"),
            Kind::Binary,
            loss,
            &["pos_weight", "expected"],
        );
    }
}

pub(super) fn cross_entropy(list: &mut List) {
    for (name, weights) in bad_weights() {
        let loss = CrossEntropyLoss {
            class_weights: Some(weights),
            ..CrossEntropyLoss::default()
        };
        let name = format!("class_weights {name}");
        list.add(
            &name,
            Kind::Classes,
            loss.clone(),
            &["class_weights", "expected"],
        );
        list.add(
            &name,
            Kind::Distribution,
            loss,
            &["class_weights", "expected"],
        );
    }
    for label_smoothing in NOT_SHARES {
        let loss = CrossEntropyLoss {
            label_smoothing,
            ..CrossEntropyLoss::default()
        };
        list.add(
            &format!("label_smoothing {label_smoothing}"),
            Kind::Classes,
            loss,
            &["label_smoothing is"],
        );
    }
    // Over one class, every probability is 1.
    let weighted = CrossEntropyLoss {
        class_weights: Some(vec![1.0]),
        ..CrossEntropyLoss::default()
    };
    list.add_single(
        "one channel",
        Kind::Classes,
        CrossEntropyLoss::default(),
        &["input", "1"],
    );
    list.add_single(
        "one weighted channel",
        Kind::Classes,
        weighted,
        &["input", "1"],
    );
}

pub(super) fn softmax_focal(list: &mut List) {
    let plain = SoftmaxFocalLoss::default();
    for gamma in NOT_SIZES {
        let loss = SoftmaxFocalLoss {
            gamma,
            ..plain.clone()
        };
        list.add(
            &format!("gamma {gamma}"),
            Kind::Classes,
            loss,
            &["gamma is", "expected"],
        );
    }
    for alpha in NOT_SHARES {
        let uniform = SoftmaxFocalLoss {
            alpha: ClassAlpha::Uniform(alpha),
            ..plain.clone()
        };
        let background = SoftmaxFocalLoss {
            alpha: ClassAlpha::Background(alpha),
            ..plain.clone()
        };
        list.add(
            &format!("uniform {alpha}"),
            Kind::Classes,
            uniform,
            &["alpha is", "expected"],
        );
        list.add(
            &format!("background {alpha}"),
            Kind::Classes,
            background,
            &["alpha is", "expected"],
        );
    }
    for (name, weights) in bad_weights() {
        let loss = SoftmaxFocalLoss {
            alpha: ClassAlpha::PerClass(weights),
            ..plain.clone()
        };
        list.add(
            &format!("per class {name}"),
            Kind::Classes,
            loss,
            &["expected"],
        );
    }
    list.add(
        "soft target",
        Kind::Distribution,
        plain.clone(),
        &["target has dtype", "class indices"],
    );
    list.add_single("one channel", Kind::Classes, plain, &["input", "1"]);
}
