//! Losses of elements for unequal classes.

use cvloss::{
    AsymmetricLoss, Balance, BalancedBceLoss, FocusSlope, GaussianFocalLoss, GhmLoss,
    GhmRegressionLoss, Normalizer, PolyFocalLoss, PositiveWeight, QualityFocalLoss,
    ReducedFocalLoss, ReducedScale, Reduction, VarifocalLoss,
};

use super::{Family, Known, List};
use crate::sample::{Kind, Spec};

const VECTOR: &[usize] = &[13];
const MATRIX: &[usize] = &[7, 5];
const FLAT: &[usize] = &[2, 3, 5, 7];
const SINGLE: &[usize] = &[2, 1, 5, 7];
const VOLUME: &[usize] = &[1, 3, 3, 4, 5];
const LONG: &[usize] = &[1, 2, 61, 37];

macro_rules! elements {
    ($($loss:ty)*) => {$(
        impl Known for $loss {
            fn family(&self) -> Family {
                Family::Elements
            }
        }
    )*};
}

elements! {
    AsymmetricLoss
    BalancedBceLoss
    GaussianFocalLoss
    GhmLoss
    GhmRegressionLoss
    PolyFocalLoss
    QualityFocalLoss
    ReducedFocalLoss
    VarifocalLoss
}

pub(super) fn add(list: &mut List) {
    poly_focal(list);
    reduced_focal(list);
    asymmetric(list);
    quality_focal(list);
    varifocal(list);
    gaussian_focal(list);
    balanced_bce(list);
    ghm(list);
    ghm_regression(list);
}

fn binary(shape: &[usize]) -> Spec {
    Spec::new(Kind::Binary, shape)
}

fn soft(shape: &[usize]) -> Spec {
    Spec::new(Kind::SoftBinary, shape)
}

fn indices(shape: &[usize]) -> Spec {
    Spec::new(Kind::BinaryIndices, shape)
}

/// Shapes, and the options that all losses of elements have.
macro_rules! shared {
    ($list:expr, $draw:expr, $type:ident) => {{
        let list: &mut List = $list;
        let draw: &dyn Fn(&[usize]) -> Spec = &$draw;
        let plain = $type::default();
        let with = |reduction, normalizer, ignore_index| $type {
            reduction,
            normalizer,
            ignore_index,
            ..$type::default()
        };
        let (mean, sum, none) = (Reduction::Mean, Reduction::Sum, Reduction::None);
        let elements = Normalizer::Elements;
        for (name, shape) in [
            ("mean", FLAT),
            ("vector", VECTOR),
            ("matrix", MATRIX),
            ("volume", VOLUME),
            ("long", LONG),
            ("single", SINGLE),
        ] {
            list.add(name, draw(shape), plain.clone());
        }
        list.add("weighted", draw(FLAT).weighted(), plain);
        list.add("elements", draw(FLAT), with(mean, elements, None));
        list.add("sum", draw(FLAT).weighted(), with(sum, elements, None));
        list.add("none", draw(FLAT).weighted(), with(none, elements, None));
        list.add(
            "none-ignore",
            draw(MATRIX).ignoring(-1).mask_is_ignore(),
            with(none, elements, Some(-1.0)),
        );
        list.add(
            "ignore",
            draw(FLAT).ignoring(255),
            with(mean, elements, Some(255.0)),
        );
        list.add(
            "weights-ignore",
            draw(FLAT).ignoring(-1).weighted().mask_is_ignore(),
            with(mean, Normalizer::Weights, Some(-1.0)),
        );
        list.add(
            "positives",
            draw(FLAT).weighted(),
            with(mean, Normalizer::Positives, None),
        );
        list.add(
            "positives-ignore",
            draw(FLAT).ignoring(2),
            with(mean, Normalizer::Positives, Some(2.0)),
        );
    }};
}

/// A case for each of some values of an option.
macro_rules! vary {
    ($list:expr, $draw:expr, $type:ident { $option:ident: $values:expr $(, $rest:ident: $other:expr)* }) => {
        for value in $values {
            let name = format!("{}-{value:?}", stringify!($option)).to_lowercase();
            let loss = $type { $option: value, $($rest: $other,)* ..$type::default() };
            $list.add(&name, $draw, loss);
        }
    };
}

fn poly_focal(list: &mut List) {
    shared!(list, binary, PolyFocalLoss);
    list.add("indices", indices(FLAT), PolyFocalLoss::default());
    vary!(
        list,
        soft(FLAT),
        PolyFocalLoss {
            epsilon: [-1.0, 0.0],
            gamma: 2.0
        }
    );
    vary!(
        list,
        soft(FLAT),
        PolyFocalLoss {
            gamma: [0.5, 1.0, 2.0]
        }
    );
    vary!(
        list,
        soft(FLAT),
        PolyFocalLoss {
            alpha: [Some(0.25), Some(1.0)],
            gamma: 1.5
        }
    );
}

fn reduced_focal(list: &mut List) {
    shared!(list, binary, ReducedFocalLoss);
    list.add("indices", indices(FLAT), ReducedFocalLoss::default());
    vary!(
        list,
        soft(FLAT),
        ReducedFocalLoss {
            gamma: [0.0, 0.5, 1.5],
            threshold: 0.3
        }
    );
    vary!(
        list,
        binary(FLAT),
        ReducedFocalLoss {
            alpha: [None, Some(0.6)]
        }
    );
    vary!(
        list,
        binary(FLAT),
        ReducedFocalLoss {
            threshold: [0.25, 0.7]
        }
    );
    vary!(
        list,
        binary(FLAT),
        ReducedFocalLoss {
            scale: [ReducedScale::Threshold, ReducedScale::Continuous],
            threshold: 0.3
        }
    );
}

fn asymmetric(list: &mut List) {
    // Negatives cost a bounded amount, thanks to the margin.
    shared!(list, |shape| binary(shape).bounded(), AsymmetricLoss);
    list.add(
        "indices",
        indices(FLAT).bounded(),
        AsymmetricLoss::default(),
    );
    list.add("soft", soft(FLAT).bounded(), AsymmetricLoss::default());
    vary!(
        list,
        soft(FLAT).bounded(),
        AsymmetricLoss {
            gamma_positive: [0.0, 0.5, 2.0]
        }
    );
    vary!(
        list,
        soft(FLAT).bounded(),
        AsymmetricLoss {
            gamma_negative: [0.0, 0.5, 1.0]
        }
    );
    vary!(
        list,
        binary(FLAT),
        AsymmetricLoss {
            clip: [0.0],
            gamma_negative: 0.5
        }
    );
    vary!(
        list,
        binary(FLAT).bounded(),
        AsymmetricLoss {
            clip: [0.4],
            gamma_negative: 0.5
        }
    );
    vary!(
        list,
        soft(FLAT).bounded().detached(),
        AsymmetricLoss {
            focus: [FocusSlope::Ignored]
        }
    );
}

fn quality_focal(list: &mut List) {
    shared!(list, soft, QualityFocalLoss);
    list.add("indices", indices(FLAT), QualityFocalLoss::default());
    vary!(
        list,
        soft(FLAT),
        QualityFocalLoss {
            beta: [1.0, 1.5, 3.0]
        }
    );
}

fn varifocal(list: &mut List) {
    shared!(list, soft, VarifocalLoss);
    list.add("indices", indices(FLAT), VarifocalLoss::default());
    vary!(list, soft(FLAT), VarifocalLoss { alpha: [0.0, 2.0] });
    vary!(
        list,
        soft(FLAT),
        VarifocalLoss {
            gamma: [0.0, 0.5, 1.5]
        }
    );
    vary!(
        list,
        soft(FLAT),
        VarifocalLoss {
            positives: [PositiveWeight::Quality, PositiveWeight::One]
        }
    );
}

fn gaussian_focal(list: &mut List) {
    shared!(list, soft, GaussianFocalLoss);
    list.add("indices", indices(FLAT), GaussianFocalLoss::default());
    vary!(
        list,
        soft(FLAT),
        GaussianFocalLoss {
            alpha: [0.0, 0.5, 1.5]
        }
    );
    vary!(
        list,
        soft(FLAT),
        GaussianFocalLoss {
            gamma: [0.0, 2.0, 3.5]
        }
    );
}

fn balanced_bce(list: &mut List) {
    shared!(list, soft, BalancedBceLoss);
    list.add("indices", indices(FLAT), BalancedBceLoss::default());
    vary!(
        list,
        binary(FLAT).weighted(),
        BalancedBceLoss {
            balance: [Balance::Batch, Balance::Image]
        }
    );
    for (name, shape) in [
        ("image-vector", VECTOR),
        ("image-matrix", MATRIX),
        ("image-volume", VOLUME),
    ] {
        let balance = Balance::Image;
        list.add(
            name,
            binary(shape),
            BalancedBceLoss {
                balance,
                ..BalancedBceLoss::default()
            },
        );
        let loss = BalancedBceLoss {
            balance,
            ignore_index: Some(255.0),
            normalizer: Normalizer::Weights,
            ..BalancedBceLoss::default()
        };
        list.add(
            &format!("{name}-ignore"),
            binary(shape).ignoring(255).mask_is_ignore(),
            loss,
        );
    }
}

/// A bin's edge between two gradients that differ in their last bits would tell forms apart: inputs stay small.
fn ghm(list: &mut List) {
    const ROWS: &[usize] = &[2, 3, 11];
    let plain = GhmLoss::default();
    list.add("mean", binary(ROWS), plain.clone());
    list.add("vector", soft(VECTOR), plain.clone());
    list.add("matrix", soft(MATRIX).weighted(), plain.clone());
    list.add("indices", indices(ROWS), plain.clone());
    list.add("channels", soft(ROWS).channel_weighted(), plain);
    for (reduction, name) in [
        (Reduction::Mean, "mean"),
        (Reduction::Sum, "sum"),
        (Reduction::None, "none"),
    ] {
        let ignore_index = Some(255.0);
        let loss = GhmLoss {
            reduction,
            ignore_index,
            bins: 4,
            ..GhmLoss::default()
        };
        let spec = binary(ROWS).ignoring(255).mask_is_ignore();
        list.add(&format!("{name}-ignore"), spec, loss.clone());
        let densities = Some(vec![20.0, 3.5, 0.0, 1.0]);
        let loss = GhmLoss {
            densities,
            ignore_index: None,
            ..loss
        };
        list.add(&format!("{name}-densities"), soft(ROWS).weighted(), loss);
    }
    for bins in [1, 30] {
        list.add(
            &format!("bins-{bins}"),
            soft(ROWS),
            GhmLoss {
                bins,
                ..GhmLoss::default()
            },
        );
    }
}

/// Bins are few, and inputs small: see [`ghm`].
fn ghm_regression(list: &mut List) {
    const ROWS: &[usize] = &[2, 3, 11];
    let plain = GhmRegressionLoss::default();
    list.add("mean", soft(ROWS), plain.clone());
    list.add("vector", soft(VECTOR), plain.clone());
    list.add("matrix", soft(MATRIX).weighted(), plain.clone());
    list.add("channels", soft(ROWS).channel_weighted(), plain);
    for (reduction, name) in [
        (Reduction::Mean, "mean"),
        (Reduction::Sum, "sum"),
        (Reduction::None, "none"),
    ] {
        let loss = GhmRegressionLoss {
            reduction,
            mu: 1.5,
            ..GhmRegressionLoss::default()
        };
        list.add(
            &format!("{name}-smooth"),
            soft(ROWS).weighted(),
            loss.clone(),
        );
        let loss = GhmRegressionLoss {
            bins: 4,
            densities: Some(vec![20.0, 3.5, 0.0, 1.0]),
            ..loss
        };
        list.add(&format!("{name}-densities"), soft(ROWS).weighted(), loss);
    }
    for bins in [1, 30] {
        list.add(
            &format!("bins-{bins}"),
            soft(ROWS),
            GhmRegressionLoss {
                bins,
                mu: 0.7,
                ..GhmRegressionLoss::default()
            },
        );
    }
}
