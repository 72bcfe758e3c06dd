//! Options out of range.

mod images;
mod points;
mod regions;

use cvloss::{CrossEntropyLoss, DiceLoss, LossSum, Reduction};

use super::Outcome;
use crate::cases::{Case, Known};
use crate::sample::{Kind, Spec};

use images::{pixels, similarity, spatial};
use points::{bce, cross_entropy, focal, softmax_focal};
use regions::{combined, region, tversky};

/// A loss whose options are out of range.
pub struct BadOption {
    /// The loss and its inputs.
    pub case: Case,
    /// What must come of it.
    pub expected: Outcome,
}

#[derive(Default)]
pub(super) struct List(Vec<BadOption>);

impl List {
    pub(super) fn add<L: Known>(
        &mut self,
        name: &str,
        kind: Kind,
        loss: L,
        words: &'static [&'static str],
    ) {
        self.add_value(name, kind, loss, Outcome::Error(words));
    }

    /// A loss that is made of options and more.
    pub(super) fn add_case(&mut self, case: Case, words: &'static [&'static str]) {
        let expected = Outcome::Error(words);
        self.0.push(BadOption { case, expected });
    }

    pub(super) fn add_single<L: Known>(
        &mut self,
        name: &str,
        kind: Kind,
        loss: L,
        words: &'static [&'static str],
    ) {
        let case = Case::new(name, Spec::new(kind, &[2, 1, 4, 5]), loss);
        self.0.push(BadOption {
            case,
            expected: Outcome::Error(words),
        });
    }

    /// A loss that has a value nevertheless.
    fn add_value<L: Known>(&mut self, name: &str, kind: Kind, loss: L, expected: Outcome) {
        let case = Case::new(name, Spec::new(kind, &[2, 3, 4, 5]), loss);
        self.0.push(BadOption { case, expected });
    }
}

/// All of them.
pub fn bad_options() -> Vec<BadOption> {
    let mut list = List::default();
    super::adversarial::add(&mut list);
    super::imbalance::add(&mut list);
    super::surfaces::add(&mut list);
    super::wasserstein::add(&mut list);
    super::multi_scale::add(&mut list);
    bce(&mut list);
    focal(&mut list);
    cross_entropy(&mut list);
    softmax_focal(&mut list);
    region(&mut list);
    tversky(&mut list);
    combined(&mut list);
    similarity(&mut list);
    sums(&mut list);
    pixels(&mut list);
    spatial(&mut list);
    list.0.extend(super::boxes::bad_options());
    list.0
}

const NAN: f64 = f64::NAN;
const INFINITY: f64 = f64::INFINITY;

/// Weights of three classes that are wrong.
fn bad_weights() -> [(&'static str, Vec<f64>); 5] {
    [
        ("of two", vec![1.0, 2.0]),
        ("of four", vec![1.0; 4]),
        ("negative", vec![1.0, -2.0, 1.0]),
        ("NaN", vec![1.0, 1.0, NAN]),
        ("infinite", vec![INFINITY, 1.0, 1.0]),
    ]
}

/// Numbers outside 0..=1.
const NOT_SHARES: [f64; 3] = [-0.1, 1.1, NAN];
/// Numbers that are negative or not finite.
const NOT_SIZES: [f64; 3] = [-0.5, NAN, INFINITY];

/// Numbers that are not above 0, or not finite.
const NOT_POSITIVE: [f64; 4] = [0.0, -0.5, NAN, INFINITY];

fn sums(list: &mut List) {
    let none = CrossEntropyLoss {
        reduction: Reduction::None,
        ..CrossEntropyLoss::default()
    };
    let sum = LossSum::new()
        .term("dice", 1.0, DiceLoss::default())
        .term("pixels", 1.0, none);
    let case = Case::of_sum(
        "values of items",
        Spec::new(Kind::Classes, &[2, 3, 4, 5]),
        sum,
    );
    list.0.push(BadOption {
        case,
        expected: Outcome::Error(&["term pixels", "reduction"]),
    });
    let nan = LossSum::new().term("dice", NAN, DiceLoss::default());
    let case = Case::of_sum("weight NaN", Spec::new(Kind::Classes, &[2, 3, 4, 5]), nan);
    list.0.push(BadOption {
        case,
        expected: Outcome::Nan,
    });
}
