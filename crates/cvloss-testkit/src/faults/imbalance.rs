//! Options out of range of losses for unequal classes.

use cvloss::{
    AsymmetricLoss, AsymmetricSoftmaxLoss, BiTemperedLoss, ExpLogLoss, GaussianFocalLoss, GhmLoss,
    GhmRegressionLoss, MccLoss, OhemCrossEntropyLoss, PolyCrossEntropyLoss, PolyFocalLoss,
    QualityFocalLoss, ReducedFocalLoss, Region, SeesawLoss, TopKCrossEntropyLoss, UnifiedFocalLoss,
    VarifocalLoss,
};

use super::options::List;
use crate::sample::Kind;

const NAN: f64 = f64::NAN;
const INFINITY: f64 = f64::INFINITY;

/// A loss for each of some bad values of an option.
macro_rules! bad {
    ($list:expr, $kind:expr, $type:ident { $option:ident: $values:expr, $wrap:expr }) => {
        for value in $values {
            let loss = $type {
                $option: $wrap(value),
                ..$type::default()
            };
            const WORDS: &[&str] = &[concat!(stringify!($option), " is"), "expected"];
            $list.add(
                &format!("{} {value}", stringify!($option)),
                $kind,
                loss,
                WORDS,
            );
        }
    };
    ($list:expr, $kind:expr, $type:ident { $option:ident: $values:expr }) => {
        bad!($list, $kind, $type { $option: $values, |value| value });
    };
}

const NOT_SHARES: [f64; 3] = [-0.1, 1.1, NAN];
const NOT_SIZES: [f64; 3] = [-0.5, NAN, INFINITY];

pub(super) fn add(list: &mut List) {
    elements(list);
    densities(list);
    bi_tempered(list);
    seesaw(list);
    sites(list);
}

fn elements(list: &mut List) {
    bad!(
        list,
        Kind::Binary,
        PolyFocalLoss {
            epsilon: [NAN, INFINITY]
        }
    );
    bad!(list, Kind::Binary, PolyFocalLoss { gamma: NOT_SIZES });
    bad!(
        list,
        Kind::Binary,
        PolyFocalLoss {
            alpha: NOT_SHARES,
            Some
        }
    );
    bad!(list, Kind::Binary, ReducedFocalLoss { gamma: NOT_SIZES });
    bad!(
        list,
        Kind::Binary,
        ReducedFocalLoss {
            alpha: NOT_SHARES,
            Some
        }
    );
    bad!(
        list,
        Kind::Binary,
        ReducedFocalLoss {
            threshold: [0.0, 1.0, -0.5, NAN]
        }
    );
    bad!(
        list,
        Kind::Binary,
        AsymmetricLoss {
            gamma_positive: NOT_SIZES
        }
    );
    bad!(
        list,
        Kind::Binary,
        AsymmetricLoss {
            gamma_negative: NOT_SIZES
        }
    );
    bad!(
        list,
        Kind::Binary,
        AsymmetricLoss {
            clip: [-0.1, 1.0, NAN]
        }
    );
    bad!(
        list,
        Kind::SoftBinary,
        QualityFocalLoss {
            beta: [0.5, NAN, INFINITY]
        }
    );
    bad!(list, Kind::SoftBinary, VarifocalLoss { alpha: NOT_SIZES });
    bad!(list, Kind::SoftBinary, VarifocalLoss { gamma: NOT_SIZES });
    bad!(
        list,
        Kind::SoftBinary,
        GaussianFocalLoss { alpha: NOT_SIZES }
    );
    bad!(
        list,
        Kind::SoftBinary,
        GaussianFocalLoss { gamma: NOT_SIZES }
    );
}

fn densities(list: &mut List) {
    bad!(
        list,
        Kind::SoftBinary,
        GhmRegressionLoss {
            mu: [0.0, -0.5, NAN, INFINITY]
        }
    );
    for bins in [0, 70_000] {
        let loss = GhmLoss {
            bins,
            ..GhmLoss::default()
        };
        list.add(&format!("bins {bins}"), Kind::Binary, loss, &["bins is"]);
        let loss = GhmRegressionLoss {
            bins,
            ..GhmRegressionLoss::default()
        };
        list.add(
            &format!("bins {bins}"),
            Kind::SoftBinary,
            loss,
            &["bins is"],
        );
    }
    for densities in [vec![1.0; 9], vec![-1.0; 10], vec![NAN; 10]] {
        let loss = GhmRegressionLoss {
            densities: Some(densities.clone()),
            ..GhmRegressionLoss::default()
        };
        let words: &[&str] = &["densities is", "expected"];
        list.add("densities", Kind::SoftBinary, loss, words);
        let loss = GhmLoss {
            densities: Some(densities),
            ..GhmLoss::default()
        };
        list.add(
            "densities",
            Kind::Binary,
            loss,
            &["densities is", "expected"],
        );
    }
}

fn bi_tempered(list: &mut List) {
    bad!(list, Kind::Classes, BiTemperedLoss { t1: NOT_SHARES });
    bad!(
        list,
        Kind::Classes,
        BiTemperedLoss {
            t2: [0.0, -1.0, 11.0, NAN, INFINITY]
        }
    );
    bad!(
        list,
        Kind::Classes,
        BiTemperedLoss {
            label_smoothing: NOT_SHARES
        }
    );
    let loss = BiTemperedLoss {
        t1: 0.8,
        t2: 0.5,
        ..BiTemperedLoss::default()
    };
    let words: &[&str] = &["t1 is 0.8", "at most t2, which is 0.5"];
    list.add("t1 above t2", Kind::Classes, loss, words);
    let loss = BiTemperedLoss {
        class_weights: Some(vec![1.0, 2.0]),
        ..BiTemperedLoss::default()
    };
    list.add("weights", Kind::Classes, loss, &["class_weights"]);
}

fn seesaw(list: &mut List) {
    bad!(list, Kind::Classes, SeesawLoss { p: NOT_SIZES });
    bad!(list, Kind::Classes, SeesawLoss { q: NOT_SIZES });
    bad!(
        list,
        Kind::Classes,
        SeesawLoss {
            eps: [0.0, -1.0, 1.5, NAN]
        }
    );
    for counts in [
        vec![1.0, 2.0],
        vec![1.0, -1.0, 2.0],
        vec![NAN, 1.0, 1.0],
        vec![INFINITY, 1.0, 1.0],
    ] {
        let loss = SeesawLoss {
            counts: Some(counts),
            ..SeesawLoss::default()
        };
        list.add("counts", Kind::Classes, loss, &["counts is", "expected"]);
    }
    let words: &[&str] = &["target has dtype", "class indices"];
    list.add("soft", Kind::Distribution, SeesawLoss::default(), words);
}

fn sites(list: &mut List) {
    bad!(
        list,
        Kind::Classes,
        AsymmetricSoftmaxLoss {
            gamma_positive: NOT_SIZES
        }
    );
    bad!(
        list,
        Kind::Classes,
        AsymmetricSoftmaxLoss {
            gamma_negative: NOT_SIZES
        }
    );
    bad!(
        list,
        Kind::Classes,
        AsymmetricSoftmaxLoss {
            label_smoothing: NOT_SHARES
        }
    );
    bad!(
        list,
        Kind::Classes,
        PolyCrossEntropyLoss {
            epsilon: [NAN, INFINITY]
        }
    );
    bad!(
        list,
        Kind::Classes,
        OhemCrossEntropyLoss {
            threshold: [0.0, 1.5, -0.5, NAN]
        }
    );
    bad!(
        list,
        Kind::Classes,
        TopKCrossEntropyLoss { share: NOT_SHARES }
    );
    bad!(list, Kind::Classes, MccLoss { counts: NOT_SIZES });
    bad!(list, Kind::Classes, UnifiedFocalLoss { weight: NOT_SHARES });
    bad!(list, Kind::Classes, UnifiedFocalLoss { delta: NOT_SHARES });
    bad!(list, Kind::Classes, UnifiedFocalLoss { gamma: NOT_SHARES });
    bad!(
        list,
        Kind::Classes,
        ExpLogLoss {
            lambda_dice: NOT_SIZES
        }
    );
    bad!(
        list,
        Kind::Classes,
        ExpLogLoss {
            lambda_ce: NOT_SIZES
        }
    );
    bad!(
        list,
        Kind::Classes,
        ExpLogLoss {
            gamma_dice: [0.0, -0.5, NAN, INFINITY]
        }
    );
    bad!(
        list,
        Kind::Classes,
        ExpLogLoss {
            gamma_ce: [0.0, -0.5, NAN, INFINITY]
        }
    );
    let region = Region::binary();
    let words: &[&str] = &["activation is Sigmoid", "Softmax"];
    let loss = ExpLogLoss {
        region: region.clone(),
        ..ExpLogLoss::default()
    };
    list.add("sigmoid", Kind::Classes, loss, words);
    let loss = UnifiedFocalLoss {
        region,
        ..UnifiedFocalLoss::default()
    };
    list.add("sigmoid", Kind::Classes, loss, words);
    let words: &[&str] = &["target has dtype", "class indices"];
    list.add("soft", Kind::Distribution, ExpLogLoss::default(), words);
    list.add(
        "soft",
        Kind::Distribution,
        UnifiedFocalLoss::default(),
        words,
    );
    list.add(
        "soft",
        Kind::Distribution,
        OhemCrossEntropyLoss::default(),
        words,
    );
    list.add(
        "soft",
        Kind::Distribution,
        TopKCrossEntropyLoss::default(),
        words,
    );
    list.add(
        "soft",
        Kind::Distribution,
        PolyCrossEntropyLoss::default(),
        words,
    );
    list.add(
        "soft",
        Kind::Distribution,
        AsymmetricSoftmaxLoss::default(),
        words,
    );
    for class_weights in [vec![1.0, 2.0], vec![1.0, NAN, 1.0]] {
        let class_weights = Some(class_weights);
        let words: &[&str] = &["class_weights"];
        let loss = OhemCrossEntropyLoss {
            class_weights: class_weights.clone(),
            ..Default::default()
        };
        list.add("weights", Kind::Classes, loss, words);
        let loss = ExpLogLoss {
            class_weights,
            ..ExpLogLoss::default()
        };
        list.add("weights", Kind::Classes, loss, words);
    }
}
