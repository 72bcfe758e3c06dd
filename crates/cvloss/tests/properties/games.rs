//! Losses of two sides of a game: logits and features.

use anyhow::{Result, ensure};
use candle_core::{Device, Tensor};
use cvloss::{
    AdversarialLoss, DiscriminatorLoss, FeatureDistance, FeatureMatchingLoss, FeaturePooling,
    GanForm, GanLabels, GeneratorLoss, Inputs, LecamForm, LecamLoss, Loss, Pairing, Reduction,
};
use cvloss_testkit::compare::numbers;
use cvloss_testkit::sample::Kind;
use proptest::prelude::*;

use super::pairs::{check_pair, close};
use super::{reductions, run, shapes};

fn games() -> impl Strategy<Value = AdversarialLoss> {
    let form = prop_oneof![
        Just(GanForm::Minimax),
        Just(GanForm::NonSaturating),
        (0.1..2.0).prop_map(|factor| GanForm::LeastSquares { factor }),
        Just(GanForm::Wasserstein),
        Just(GanForm::Hinge),
    ];
    let pairing = prop::sample::select(vec![Pairing::Standard, Pairing::Paired, Pairing::Average]);
    (form, pairing, 0.5..1.0, reductions()).prop_map(|(form, pairing, real, reduction)| {
        let has_labels = matches!(
            form,
            GanForm::NonSaturating | GanForm::LeastSquares { .. } | GanForm::Minimax
        );
        let labels = match has_labels {
            true => GanLabels {
                real,
                ..GanLabels::default()
            },
            false => GanLabels::default(),
        };
        // A mean ties all logits together: there are no values of single ones.
        let reduction = match (pairing, reduction) {
            (Pairing::Average, Reduction::None) => Reduction::Sum,
            _ => reduction,
        };
        AdversarialLoss {
            form,
            pairing,
            labels,
            reduction,
            ..AdversarialLoss::default()
        }
    })
}

#[test]
fn adversarial() -> Result<()> {
    run(
        (games(), shapes(1..4), any::<bool>()),
        |(game, shape, is_weighted)| {
            let kind = Kind::Logits;
            check_pair(
                kind,
                shape.clone(),
                is_weighted,
                DiscriminatorLoss(game.clone()),
            )?;
            check_pair(kind, shape, is_weighted, GeneratorLoss(game))
        },
    )
}

#[test]
fn lecam() -> Result<()> {
    let form = prop::sample::select(vec![LecamForm::Rectified, LecamForm::Squared]);
    let means = (-2.0..2.0, -2.0..2.0);
    run(
        (form, means, reductions(), shapes(1..4), any::<bool>()),
        |(form, (real_mean, fake_mean), reduction, shape, is_weighted)| {
            let loss = LecamLoss {
                real_mean,
                fake_mean,
                form,
                reduction,
            };
            check_pair(Kind::Logits, shape, is_weighted, loss)
        },
    )
}

#[test]
fn feature_matching() -> Result<()> {
    let distance = prop::sample::select(vec![FeatureDistance::Absolute, FeatureDistance::Squared]);
    let pooling = prop::sample::select(vec![FeaturePooling::Items, FeaturePooling::BatchMeans]);
    run(
        (distance, pooling, reductions(), shapes(1..4), any::<bool>()),
        |(distance, pooling, reduction, shape, is_weighted)| {
            let reduction = match (pooling, reduction) {
                (FeaturePooling::BatchMeans, Reduction::None) => Reduction::Mean,
                _ => reduction,
            };
            let loss = FeatureMatchingLoss {
                distance,
                pooling,
                reduction,
                ..FeatureMatchingLoss::default()
            };
            check_pair(Kind::Logits, shape, is_weighted, loss)
        },
    )
}

/// Logits of both sides, (n).
fn logits() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    (1..40usize).prop_flat_map(|n| {
        let numbers = || prop::collection::vec(-8.0..8.0, n);
        (numbers(), numbers())
    })
}

fn tensors((real, fake): (Vec<f64>, Vec<f64>)) -> Result<(Tensor, Tensor)> {
    let tensor = |numbers: Vec<f64>| {
        let len = numbers.len();
        Tensor::from_vec(numbers, len, &Device::Cpu)
    };
    Ok((tensor(real)?, tensor(fake)?))
}

const SYMMETRIC: [GanForm; 4] = [
    GanForm::NonSaturating,
    GanForm::Minimax,
    GanForm::Hinge,
    GanForm::Wasserstein,
];
const PAIRINGS: [Pairing; 3] = [Pairing::Standard, Pairing::Paired, Pairing::Average];

fn game(form: GanForm, pairing: Pairing) -> AdversarialLoss {
    AdversarialLoss {
        form,
        pairing,
        ..AdversarialLoss::default()
    }
}

/// A discriminator does as well with real and fake exchanged and all signs turned.
#[test]
fn sides_change_places() -> Result<()> {
    run(logits(), |drawn| {
        let (real, fake) = tensors(drawn)?;
        for form in SYMMETRIC {
            for pairing in PAIRINGS {
                let loss = DiscriminatorLoss(game(form, pairing));
                let one = numbers(&loss.forward(&real, &fake)?)?;
                let other = numbers(&loss.forward(&fake.neg()?, &real.neg()?)?)?;
                close(&format!("{form:?} {pairing:?}"), &one, &other)?;
            }
        }
        let loss = FeatureMatchingLoss::default();
        let (real, fake) = (real.reshape((1, ()))?, fake.reshape((1, ()))?);
        let one = numbers(&loss.forward(&real, &fake)?)?;
        close("features", &one, &numbers(&loss.forward(&fake, &real)?)?)
    })
}

/// Relativistic losses know differences alone: a shift of all logits changes nothing, and slopes sum to 0.
#[test]
fn relativistic_losses_are_of_differences() -> Result<()> {
    run((logits(), -30.0..30.0), |(drawn, shift)| {
        let (real, fake) = tensors(drawn)?;
        let least_squares = GanForm::LeastSquares { factor: 0.5 };
        for form in SYMMETRIC.into_iter().chain([least_squares]) {
            for pairing in [Pairing::Paired, Pairing::Average] {
                let game = game(form, pairing);
                let (discriminator, generator) =
                    (DiscriminatorLoss(game.clone()), GeneratorLoss(game));
                for (loss, x, t) in [
                    (&discriminator as &dyn Loss, &real, &fake),
                    (&generator, &fake, &real),
                ] {
                    let what = format!("{} {form:?} {pairing:?}", loss.name());
                    let inputs = Inputs {
                        input: x,
                        target: t,
                        weight: None,
                    };
                    let (value, of_x, of_t) = loss.value_and_grads(&inputs)?;
                    let shifted = loss.forward(&(x + shift)?, &(t + shift)?)?;
                    // The differences of shifted logits are rounded.
                    let (a, b) = (numbers(&value)?[0], numbers(&shifted)?[0]);
                    ensure!(
                        (a - b).abs() <= 1e-10 * (1.0 + a.abs()),
                        "{what}: {a} and {b}"
                    );
                    let slopes = [numbers(&of_x)?, numbers(&of_t)?].concat();
                    let total: f64 = slopes.iter().sum();
                    ensure!(total.abs() <= 1e-12, "{what}: slopes sum to {total:e}");
                }
            }
        }
        Ok(())
    })
}

/// Discriminators' losses that are penalties are not negative; minimax is the same game with the sign turned.
#[test]
fn ranges_of_games() -> Result<()> {
    run(logits(), |drawn| {
        let (real, fake) = tensors(drawn)?;
        for pairing in PAIRINGS {
            for form in [
                GanForm::NonSaturating,
                GanForm::Hinge,
                GanForm::LeastSquares { factor: 0.5 },
            ] {
                let loss = DiscriminatorLoss(game(form, pairing));
                let value = numbers(&loss.forward(&real, &fake)?)?[0];
                ensure!(value >= 0.0, "{form:?} {pairing:?}: {value}");
            }
        }
        let zero_sum = game(GanForm::Minimax, Pairing::Paired);
        let one = numbers(&zero_sum.discriminator(&real, &fake)?)?[0];
        let other = numbers(&zero_sum.generator(&fake, Some(&real))?)?[0];
        ensure!(
            (one + other).abs() <= 1e-12 * (1.0 + one.abs()),
            "{one} and {other}"
        );
        let lecam = LecamLoss {
            real_mean: 0.4,
            fake_mean: -0.3,
            ..LecamLoss::default()
        };
        let rectified = numbers(&lecam.forward(&real, &fake)?)?[0];
        let squared = LecamLoss {
            form: LecamForm::Squared,
            ..lecam
        };
        let squared = numbers(&squared.forward(&real, &fake)?)?[0];
        ensure!(
            (0.0..=squared).contains(&rectified),
            "{rectified} and {squared}"
        );
        Ok(())
    })
}
