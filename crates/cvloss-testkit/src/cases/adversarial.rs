//! Adversarial losses: both sides of a game, LeCam regularisation, feature matching; and the configurations of
//! penalties.

use cvloss::{
    AdversarialLoss, Derivative, DiscriminatorLoss, FeatureDistance, FeatureMatchingLoss,
    FeaturePooling, GanForm, GanLabels, GeneratorLoss, GradientPenalty, LecamForm, LecamLoss,
    Pairing, PathLengthPenalty, Reduction, RunningMeans, Scales,
};

use super::{Family, Known, List};
use crate::sample::{Kind, Spec};

const SCALAR: &[usize] = &[];
const VECTOR: &[usize] = &[13];
const COLUMN: &[usize] = &[7, 1];
const PATCHES: &[usize] = &[2, 1, 5, 7];
const FLAT: &[usize] = &[2, 3, 5, 7];
const ROWS: &[usize] = &[4, 5];
const LONG: &[usize] = &[2, 1, 61, 37];

impl Known for DiscriminatorLoss {
    fn family(&self) -> Family {
        Family::Adversarial
    }
}

impl Known for GeneratorLoss {
    fn family(&self) -> Family {
        Family::Adversarial
    }
}

impl Known for LecamLoss {
    fn family(&self) -> Family {
        Family::Adversarial
    }
}

impl Known for FeatureMatchingLoss {
    fn family(&self) -> Family {
        Family::Features
    }
}

/// Every form, with labels where it has some.
fn forms() -> Vec<(&'static str, AdversarialLoss)> {
    let of = |form| AdversarialLoss {
        form,
        ..AdversarialLoss::default()
    };
    let labelled = |form| AdversarialLoss {
        labels: GanLabels {
            real: 0.9,
            fake: 0.0,
            generator: 0.8,
        },
        ..of(form)
    };
    vec![
        ("minimax", of(GanForm::Minimax)),
        ("non-saturating", of(GanForm::NonSaturating)),
        ("least-squares", of(GanForm::LeastSquares { factor: 0.5 })),
        ("wasserstein", of(GanForm::Wasserstein)),
        ("hinge", of(GanForm::Hinge)),
        ("minimax-smoothed", labelled(GanForm::Minimax)),
        ("smoothed", labelled(GanForm::NonSaturating)),
        (
            "least-squares-labelled",
            labelled(GanForm::LeastSquares { factor: 1.0 }),
        ),
    ]
}

pub(super) fn add(list: &mut List) {
    games(list);
    lecam(list);
    features(list);
}

fn games(list: &mut List) {
    let logits = |shape| Spec::new(Kind::Logits, shape);
    let mut both = |name: &str, spec: Spec, loss: &AdversarialLoss| {
        list.add(name, spec.clone(), DiscriminatorLoss(loss.clone()));
        list.add(name, spec, GeneratorLoss(loss.clone()));
    };
    for (form, loss) in forms() {
        for (pairing, kind) in [
            ("", Pairing::Standard),
            ("-paired", Pairing::Paired),
            ("-average", Pairing::Average),
        ] {
            let loss = AdversarialLoss {
                pairing: kind,
                ..loss.clone()
            };
            let named = |suffix: &str| format!("{form}{pairing}{suffix}");
            both(&named(""), logits(PATCHES), &loss);
            both(&named("-weighted"), logits(VECTOR).weighted(), &loss);
            let sum = AdversarialLoss {
                reduction: Reduction::Sum,
                scales: Scales::Sum,
                ..loss.clone()
            };
            both(&named("-sum"), logits(COLUMN), &sum);
            if kind != Pairing::Average {
                let none = AdversarialLoss {
                    reduction: Reduction::None,
                    ..loss
                };
                both(&named("-none"), logits(PATCHES).weighted(), &none);
            }
        }
    }
    // A soft label of fakes has no place in a pair.
    let soft_fakes = AdversarialLoss {
        labels: GanLabels {
            fake: 0.1,
            ..GanLabels::default()
        },
        ..AdversarialLoss::default()
    };
    both("fake-label", logits(COLUMN), &soft_fakes);
    let average = AdversarialLoss {
        pairing: Pairing::Average,
        ..soft_fakes
    };
    both("fake-label-average", logits(COLUMN), &average);
    let plain = AdversarialLoss::default();
    both("scalar", logits(SCALAR), &plain);
    both("long", logits(LONG), &plain);
    both("long-average", logits(LONG), &average);
}

fn lecam(list: &mut List) {
    let logits = |shape| Spec::new(Kind::Logits, shape);
    for (name, form) in [
        ("rectified", LecamForm::Rectified),
        ("squared", LecamForm::Squared),
    ] {
        let loss = LecamLoss {
            real_mean: 0.75,
            fake_mean: -0.5,
            form,
            reduction: Reduction::Mean,
        };
        list.add(name, logits(PATCHES), loss.clone());
        list.add(
            &format!("{name}-weighted"),
            logits(VECTOR).weighted(),
            loss.clone(),
        );
        for (suffix, reduction) in [("sum", Reduction::Sum), ("none", Reduction::None)] {
            let loss = LecamLoss {
                reduction,
                ..loss.clone()
            };
            list.add(&format!("{name}-{suffix}"), logits(COLUMN), loss);
        }
    }
    list.add("default", logits(PATCHES), LecamLoss::default());
}

fn features(list: &mut List) {
    let features = |shape| Spec::new(Kind::Logits, shape);
    for (distance_name, distance) in [
        ("absolute", FeatureDistance::Absolute),
        ("squared", FeatureDistance::Squared),
    ] {
        for (pooling_name, pooling) in [
            ("items", FeaturePooling::Items),
            ("means", FeaturePooling::BatchMeans),
        ] {
            let loss = FeatureMatchingLoss {
                distance,
                pooling,
                ..FeatureMatchingLoss::default()
            };
            let named = |suffix: &str| format!("{distance_name}-{pooling_name}{suffix}");
            list.add(&named(""), features(FLAT), loss.clone());
            list.add(&named("-rows"), features(ROWS), loss.clone());
            list.add(&named("-weighted"), features(FLAT).weighted(), loss.clone());
            let sum = FeatureMatchingLoss {
                reduction: Reduction::Sum,
                layers: Scales::Sum,
                ..loss.clone()
            };
            list.add(&named("-sum"), features(FLAT), sum);
            if pooling == FeaturePooling::Items {
                let none = FeatureMatchingLoss {
                    reduction: Reduction::None,
                    ..loss
                };
                list.add(&named("-none"), features(FLAT), none);
            }
        }
    }
}

/// Configurations that are no losses of an input and a target, as serialized: between them every option and variant.
pub fn configurations() -> serde_json::Result<Vec<serde_json::Value>> {
    let differing = |penalty: GradientPenalty| GradientPenalty {
        derivative: Derivative::Difference { step: Some(1e-3) },
        ..penalty
    };
    let mut list = [
        GradientPenalty::wgan_gp(),
        differing(GradientPenalty::wgan_lp()),
        GradientPenalty::wgan_div(),
        GradientPenalty::r1(1.0),
        GradientPenalty::r2(1.0),
        GradientPenalty {
            derivative: Derivative::Exact,
            ..GradientPenalty::dragan()
        },
    ]
    .iter()
    .map(serde_json::to_value)
    .collect::<Result<Vec<_>, _>>()?;
    list.push(serde_json::to_value(PathLengthPenalty::default())?);
    list.push(serde_json::to_value(RunningMeans::default())?);
    Ok(list)
}
