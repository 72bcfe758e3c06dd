//! Losses of points over a softmax: cross-entropy and softmax focal loss.

use cvloss::{ClassAlpha, CrossEntropyLoss, Normalizer, Reduction, SoftmaxFocalLoss};

use super::{Family, Known, List};
use crate::sample::{Kind, Spec};

const FLAT: &[usize] = &[2, 3, 5, 7];
const MATRIX: &[usize] = &[7, 5];
const TALL: &[usize] = &[600, 4];
const VOLUME: &[usize] = &[1, 3, 3, 4, 5];
const LONG: &[usize] = &[1, 2, 61, 37];
const MANY: &[usize] = &[2, 21, 3, 3];
const CROWD: &[usize] = &[1, 700, 3];

impl Known for CrossEntropyLoss {
    fn family(&self) -> Family {
        Family::Points
    }
}

impl Known for SoftmaxFocalLoss {
    fn family(&self) -> Family {
        Family::Points
    }
}

pub(super) fn add(list: &mut List) {
    cross_entropy(list);
    cross_entropy_denominators(list);
    softmax_focal(list);
}

fn classes(shape: &[usize]) -> Spec {
    Spec::new(Kind::Classes, shape)
}

fn soft(shape: &[usize]) -> Spec {
    Spec::new(Kind::Distribution, shape)
}

fn three() -> Option<Vec<f64>> {
    Some(vec![0.5, 2.0, 0.8])
}

fn cross_entropy(list: &mut List) {
    let plain = CrossEntropyLoss::default();
    let sum = CrossEntropyLoss {
        reduction: Reduction::Sum,
        ..plain.clone()
    };
    let none = CrossEntropyLoss {
        reduction: Reduction::None,
        ..plain.clone()
    };
    let smoothed = CrossEntropyLoss {
        label_smoothing: 0.1,
        ..plain.clone()
    };
    let weighted = CrossEntropyLoss {
        class_weights: three(),
        ..plain.clone()
    };
    let both = CrossEntropyLoss {
        class_weights: three(),
        ..smoothed.clone()
    };
    let ignoring = |loss: &CrossEntropyLoss, label: i64| CrossEntropyLoss {
        ignore_index: Some(label),
        ..loss.clone()
    };

    list.add("mean", classes(FLAT), plain.clone());
    list.add("matrix", classes(MATRIX), plain.clone());
    list.add("tall", classes(TALL).ignoring(-100), plain.clone());
    list.add("volume", classes(VOLUME).keeping_axis(), plain.clone());
    list.add("long", classes(LONG), plain.clone());
    list.add("many", classes(MANY), plain.clone());
    list.add("crowd", classes(CROWD), plain.clone());
    list.add("one-hot", Spec::new(Kind::OneHot, FLAT), plain.clone());
    list.add("soft", soft(FLAT), plain.clone());
    list.add("soft-matrix", soft(MATRIX).weighted(), plain.clone());
    list.add("soft-long", soft(LONG), plain.clone());
    list.add("weighted", classes(FLAT).weighted(), plain.clone());
    list.add(
        "weighted-axis",
        classes(FLAT).weighted().keeping_axis(),
        plain.clone(),
    );
    list.add("sum", classes(FLAT).weighted(), sum.clone());
    list.add(
        "sum-ignore",
        classes(FLAT).ignoring(255).mask_is_ignore(),
        ignoring(&sum, 255),
    );
    list.add("sum-soft", soft(FLAT), sum);
    list.add("none", classes(FLAT), none.clone());
    list.add("none-matrix", classes(MATRIX).weighted(), none.clone());
    list.add(
        "none-volume",
        classes(VOLUME).ignoring(255).mask_is_ignore(),
        ignoring(&none, 255),
    );
    list.add("none-soft", soft(FLAT).weighted(), none.clone());
    let none = CrossEntropyLoss {
        reduction: Reduction::None,
        ..both.clone()
    };
    list.add(
        "none-smoothing",
        classes(FLAT).ignoring(-100).weighted(),
        none,
    );
    list.add(
        "ignore",
        classes(FLAT).ignoring(255).mask_is_ignore(),
        ignoring(&plain, 255),
    );
    list.add(
        "ignore-class",
        classes(FLAT).ignoring(1),
        ignoring(&plain, 1),
    );
    list.add(
        "ignore-none",
        classes(FLAT),
        CrossEntropyLoss {
            ignore_index: None,
            ..plain
        },
    );
    list.add("smoothing", classes(FLAT), smoothed.clone());
    list.add(
        "smoothing-ignore",
        classes(FLAT).ignoring(-100).mask_is_ignore(),
        smoothed.clone(),
    );
    list.add("smoothing-soft", soft(FLAT), smoothed);
    list.add("class-weights", classes(FLAT), weighted.clone());
    list.add(
        "class-weights-ignore",
        classes(FLAT).ignoring(255).mask_is_ignore(),
        ignoring(&weighted, 255),
    );
    list.add(
        "class-weights-weighted",
        classes(FLAT).weighted(),
        weighted.clone(),
    );
    list.add("class-weights-soft", soft(FLAT).weighted(), weighted);
    list.add(
        "class-weights-smoothing",
        classes(FLAT).ignoring(-100),
        both.clone(),
    );
    list.add("class-weights-smoothing-soft", soft(VOLUME), both);
}

fn cross_entropy_denominators(list: &mut List) {
    for (normalizer, name) in [
        (Normalizer::Elements, "elements"),
        (Normalizer::Positives, "positives"),
    ] {
        let plain = CrossEntropyLoss {
            normalizer,
            ..CrossEntropyLoss::default()
        };
        let weighted = CrossEntropyLoss {
            class_weights: three(),
            ..plain.clone()
        };
        list.add(name, classes(FLAT), plain.clone());
        list.add(
            &format!("{name}-soft"),
            soft(FLAT).weighted(),
            plain.clone(),
        );
        list.add(
            &format!("{name}-ignore"),
            classes(FLAT).weighted().ignoring(-100),
            plain,
        );
        list.add(&format!("{name}-class-weights"), classes(FLAT), weighted);
    }
}

fn softmax_focal(list: &mut List) {
    let plain = SoftmaxFocalLoss::default();
    let sum = SoftmaxFocalLoss {
        reduction: Reduction::Sum,
        ..plain.clone()
    };
    let none = SoftmaxFocalLoss {
        reduction: Reduction::None,
        ..plain.clone()
    };
    let weights = SoftmaxFocalLoss {
        normalizer: Normalizer::Weights,
        ..plain.clone()
    };
    let positives = SoftmaxFocalLoss {
        normalizer: Normalizer::Positives,
        ..plain.clone()
    };
    let ignoring = |loss: &SoftmaxFocalLoss, label: i64| SoftmaxFocalLoss {
        ignore_index: Some(label),
        ..loss.clone()
    };
    let per_class = ClassAlpha::PerClass(vec![0.2, 0.7, 1.5]);

    for (gamma, name) in [
        (0.0, "0"),
        (0.5, "0.5"),
        (1.0, "1"),
        (1.5, "1.5"),
        (2.0, "2"),
        (3.0, "3"),
    ] {
        let loss = SoftmaxFocalLoss {
            gamma,
            ..plain.clone()
        };
        list.add(&format!("gamma-{name}"), classes(FLAT), loss.clone());
        list.add(&format!("gamma-{name}-matrix"), classes(MATRIX), loss);
    }
    let alphas = [
        (ClassAlpha::Uniform(0.25), "uniform"),
        (ClassAlpha::Background(0.3), "background"),
        (per_class.clone(), "per-class"),
    ];
    for (alpha, name) in alphas {
        let loss = SoftmaxFocalLoss {
            alpha,
            gamma: 1.5,
            ..plain.clone()
        };
        let weights = SoftmaxFocalLoss {
            normalizer: Normalizer::Weights,
            ..loss.clone()
        };
        list.add(&format!("alpha-{name}"), classes(FLAT).weighted(), loss);
        list.add(
            &format!("alpha-{name}-weights"),
            classes(FLAT).weighted().ignoring(-100),
            weights,
        );
    }
    list.add("volume", classes(VOLUME), plain.clone());
    list.add("tall", classes(TALL), plain.clone());
    list.add("long", classes(LONG), plain.clone());
    list.add("many", classes(MANY).keeping_axis(), plain.clone());
    list.add("sum", classes(FLAT).weighted(), sum.clone());
    list.add(
        "sum-ignore",
        classes(FLAT).ignoring(255).mask_is_ignore(),
        ignoring(&sum, 255),
    );
    list.add("none", classes(FLAT).weighted(), none.clone());
    list.add(
        "none-ignore",
        classes(MATRIX).ignoring(-100).mask_is_ignore(),
        none.clone(),
    );
    let none = SoftmaxFocalLoss {
        alpha: per_class,
        gamma: 0.5,
        ..none
    };
    list.add("none-alpha", classes(VOLUME).ignoring(-100), none);
    list.add("ignore", classes(FLAT).ignoring(255), ignoring(&plain, 255));
    list.add(
        "ignore-class",
        classes(FLAT).ignoring(1),
        ignoring(&plain, 1),
    );
    list.add(
        "ignore-none",
        classes(FLAT),
        SoftmaxFocalLoss {
            ignore_index: None,
            ..plain
        },
    );
    list.add("weights", classes(FLAT).weighted(), weights.clone());
    list.add(
        "weights-ignore",
        classes(FLAT).ignoring(-100).mask_is_ignore(),
        weights,
    );
    list.add("positives", classes(FLAT).weighted(), positives.clone());
    list.add(
        "positives-ignore",
        classes(FLAT).ignoring(255),
        ignoring(&positives, 255),
    );
}
