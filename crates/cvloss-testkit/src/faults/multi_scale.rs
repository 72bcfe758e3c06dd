//! Scales that do not fit.

use cvloss::{CrossEntropyLoss, MultiScale, Reduction, ScaleWeights, UnevenScale};

use super::options::List;
use crate::cases::{Case, Family};
use crate::sample::{Kind, Spec};

pub(super) fn add(list: &mut List) {
    let plain = || MultiScale::new(CrossEntropyLoss::default());
    let with = |factors: &[usize], uneven| MultiScale {
        factors: factors.to_vec(),
        uneven,
        ..plain()
    };
    let listed = |weights: Vec<f64>| MultiScale {
        weights: ScaleWeights::Listed(weights),
        ..with(&[1, 2], UnevenScale::DropRest)
    };
    let unreduced = CrossEntropyLoss {
        reduction: Reduction::None,
        ..CrossEntropyLoss::default()
    };
    let unreduced = MultiScale {
        factors: vec![2],
        uneven: UnevenScale::DropRest,
        ..MultiScale::new(unreduced)
    };
    // Of a space of 4 by 5.
    let bad: [(&str, MultiScale<CrossEntropyLoss>, &'static [&'static str]); 7] = [
        (
            "uneven",
            plain(),
            &["factors is 2 along an axis of 5", "a divisor"],
        ),
        (
            "none",
            with(&[], UnevenScale::Refuse),
            &["factors is empty"],
        ),
        (
            "zero",
            with(&[1, 0], UnevenScale::SmallCell),
            &["factors is 0"],
        ),
        (
            "too long",
            with(&[5], UnevenScale::DropRest),
            &["factors is 5 along an axis of 4", "a cell at least"],
        ),
        (
            "few weights",
            listed(vec![1.0]),
            &["weights is", "2 finite"],
        ),
        (
            "NaN weight",
            listed(vec![1.0, f64::NAN]),
            &["weights is", "2 finite"],
        ),
        ("unreduced", unreduced, &["reduction must not be None"]),
    ];
    for (name, loss, words) in bad {
        let spec = Spec::new(Kind::Classes, &[2, 3, 4, 5]);
        let case = Case::with_options(name, spec, loss.clone(), &loss, Family::Points);
        list.add_case(case, words);
    }
}
