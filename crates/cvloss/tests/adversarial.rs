//! Adversarial losses beyond what every loss does: the face for training loops, several scales, several processes.

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor, Var};
use cvloss::{
    AdversarialLoss, DiscriminatorLoss, FeatureMatchingLoss, GanForm, GanLabels, GanMoments,
    GanSide, GanSums, GeneratorLoss, Inputs, LecamLoss, Loss, Pairing, Reduction, RunningMeans,
    Scales,
};
use cvloss_testkit::compare::{assert_close, numbers};

const FORMS: [GanForm; 5] = [
    GanForm::Minimax,
    GanForm::NonSaturating,
    GanForm::LeastSquares { factor: 0.5 },
    GanForm::Wasserstein,
    GanForm::Hinge,
];
const PAIRINGS: [Pairing; 3] = [Pairing::Standard, Pairing::Paired, Pairing::Average];

fn games() -> impl Iterator<Item = AdversarialLoss> {
    FORMS.into_iter().flat_map(|form| {
        PAIRINGS.map(|pairing| AdversarialLoss {
            form,
            pairing,
            ..AdversarialLoss::default()
        })
    })
}

fn logits(shape: &[usize], seed: usize) -> Result<Tensor> {
    let count: usize = shape.iter().product();
    let numbers: Vec<f64> = (0..count)
        .map(|i| 3.0 * ((i * 37 + seed * 11) as f64 * 0.61).sin())
        .collect();
    Ok(Tensor::from_vec(numbers, shape, &Device::Cpu)?)
}

/// The methods for training loops are the sides, on the tape of both tensors.
#[test]
fn methods_are_sides() -> Result<()> {
    for game in games() {
        let real = Var::from_tensor(&logits(&[6, 1], 1)?)?;
        let fake = Var::from_tensor(&logits(&[6, 1], 2)?)?;
        let pairs = [
            (
                game.discriminator(&real, &fake)?,
                DiscriminatorLoss(game.clone()).value_and_grads(&Inputs {
                    input: &real,
                    target: &fake,
                    weight: None,
                })?,
                [&real, &fake],
            ),
            (
                game.generator(&fake, Some(&real))?,
                GeneratorLoss(game.clone()).value_and_grads(&Inputs {
                    input: &fake,
                    target: &real,
                    weight: None,
                })?,
                [&fake, &real],
            ),
        ];
        for (on_tape, (value, own, others), vars) in pairs {
            let gradients = on_tape.backward()?;
            assert_close(&on_tape.detach(), &value, 0.0)?;
            for (var, expected) in vars.into_iter().zip([own, others]) {
                let got = gradients.get(var).context("no gradient")?;
                assert_close(got, &expected, 0.0).with_context(|| format!("{game:?}"))?;
            }
        }
        let alone = game.generator(&fake, None);
        ensure!(
            alone.is_ok() == (game.pairing == Pairing::Standard),
            "{game:?}"
        );
        if let Err(error) = alone {
            ensure!(
                error.to_string().contains("compares with real logits"),
                "{error}"
            );
        }
    }
    Ok(())
}

/// Several scales: the mean or the sum of each, and its gradients.
#[test]
fn scales() -> Result<()> {
    let shapes: [&[usize]; 3] = [&[2, 1, 8, 8], &[2, 1, 4, 4], &[2, 1]];
    let side = |seed: usize| -> Result<Vec<Tensor>> {
        shapes
            .iter()
            .enumerate()
            .map(|(i, shape)| logits(shape, seed + i))
            .collect()
    };
    let (real, fake) = (side(1)?, side(20)?);
    for game in games() {
        for scales in [Scales::Mean, Scales::Sum] {
            let game = AdversarialLoss {
                scales,
                ..game.clone()
            };
            let weight = if scales == Scales::Mean {
                1.0 / 3.0
            } else {
                1.0
            };
            let mut total = 0.0;
            for (real, fake) in real.iter().zip(&fake) {
                total += weight * game.discriminator(real, fake)?.to_scalar::<f64>()?;
            }
            let whole = game
                .discriminator_scales(&real, &fake)?
                .to_scalar::<f64>()?;
            ensure!((whole - total).abs() < 1e-12, "{whole}, expected {total}");
            let (value, of_real, of_fake) =
                game.discriminator_scales_value_and_grads(&real, &fake)?;
            ensure!((value.to_scalar::<f64>()? - total).abs() < 1e-12);
            let inputs = Inputs {
                input: &real[1],
                target: &fake[1],
                weight: None,
            };
            let (_, one, other) = DiscriminatorLoss(game.clone()).value_and_grads(&inputs)?;
            assert_close(&of_real[1], &(one * weight)?, 1e-14)?;
            assert_close(&of_fake[1], &(other * weight)?, 1e-14)?;
            let whole = game
                .generator_scales(&fake, Some(&real))?
                .to_scalar::<f64>()?;
            let (value, slopes) = game.generator_scales_value_and_grads(&fake, Some(&real))?;
            ensure!((whole - value.to_scalar::<f64>()?).abs() < 1e-12 && slopes.len() == 3);
            let alone = game.generator_scales(&fake, None);
            ensure!(alone.is_ok() == (game.pairing == Pairing::Standard));
        }
    }
    let game = AdversarialLoss::default();
    for result in [
        game.discriminator_scales(&real, &fake[..2]),
        game.discriminator_scales(&[], &[]),
        AdversarialLoss {
            reduction: Reduction::None,
            ..game
        }
        .discriminator_scales(&real, &fake),
    ] {
        ensure!(result.is_err());
    }
    Ok(())
}

/// A batch that several processes share: pooled sums give the whole batch's value and each part's gradients.
#[test]
fn averages_over_processes() -> Result<()> {
    let (real, fake) = (logits(&[7, 3], 1)?, logits(&[7, 3], 5)?);
    for game in games().filter(|game| game.pairing == Pairing::Average) {
        for side in [GanSide::Discriminator, GanSide::Generator] {
            let parts = [(0, 3), (3, 4)]
                .map(|(start, len)| (real.narrow(0, start, len), fake.narrow(0, start, len)));
            let mut moments = GanMoments::default();
            for (real, fake) in &parts {
                moments.pool(
                    &game.moments(real.as_ref().map_err(copy)?, fake.as_ref().map_err(copy)?)?,
                );
            }
            let mut sums = GanSums::default();
            for (real, fake) in &parts {
                let (real, fake) = (real.as_ref().map_err(copy)?, fake.as_ref().map_err(copy)?);
                sums.pool(&game.sums(side, real, fake, &moments)?);
            }
            let mut of_real = Vec::new();
            let mut of_fake = Vec::new();
            let (value, whole_real, whole_fake) = match side {
                GanSide::Discriminator => {
                    DiscriminatorLoss(game.clone()).value_and_grads(&Inputs {
                        input: &real,
                        target: &fake,
                        weight: None,
                    })?
                }
                GanSide::Generator => {
                    let inputs = Inputs {
                        input: &fake,
                        target: &real,
                        weight: None,
                    };
                    let (value, of_fake, of_real) =
                        GeneratorLoss(game.clone()).value_and_grads(&inputs)?;
                    (value, of_real, of_fake)
                }
            };
            for (real, fake) in &parts {
                let (real, fake) = (real.as_ref().map_err(copy)?, fake.as_ref().map_err(copy)?);
                let (got, r, f) = game.value_and_grads_from(side, real, fake, &moments, &sums)?;
                assert_close(&got, &value, 1e-12)?;
                of_real.push(r);
                of_fake.push(f);
            }
            assert_close(&Tensor::cat(&of_real, 0)?, &whole_real, 1e-12)?;
            assert_close(&Tensor::cat(&of_fake, 0)?, &whole_fake, 1e-12)?;
        }
    }
    let standard = AdversarialLoss::default();
    ensure!(
        standard
            .sums(GanSide::Generator, &real, &fake, &GanMoments::default())
            .is_err()
    );
    Ok(())
}

fn copy(error: &candle_core::Error) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}

/// Relations between losses that hold by definition.
#[test]
fn identities() -> Result<()> {
    let (real, fake) = (logits(&[9, 1], 3)?, logits(&[9, 1], 8)?);
    let scalar = |value: Tensor| -> Result<f64> { Ok(value.to_scalar::<f64>()?) };
    for game in games() {
        let value = scalar(game.discriminator(&real, &fake)?)?;
        // Relativistic losses do not change with a constant added to all logits.
        if game.pairing != Pairing::Standard {
            let moved = scalar(game.discriminator(&(&real + 7.0)?, &(&fake + 7.0)?)?)?;
            ensure!((moved - value).abs() < 1e-10, "{game:?}");
        }
        // Minimax is a game of zero sum, but for what the generator cannot change.
        if game.form == GanForm::Minimax && game.pairing != Pairing::Standard {
            let other = scalar(game.generator(&fake, Some(&real))?)?;
            ensure!((value + other).abs() < 1e-12, "{game:?}");
        }
        // Roles exchanged, relativistic games are the same for both.
        if game.pairing != Pairing::Standard
            && matches!(
                game.form,
                GanForm::NonSaturating | GanForm::Hinge | GanForm::Wasserstein
            )
        {
            let other = scalar(game.generator(&real, Some(&fake))?)?;
            ensure!((value - other).abs() < 1e-12, "{game:?}");
        }
    }
    Ok(())
}

/// Half precision logits of ±1e4 and f32 logits of ±1e18 stay finite.
#[test]
fn extremes() -> Result<()> {
    for (dtype, size) in [
        (DType::F16, 1e4),
        (DType::BF16, 1e4),
        (DType::F32, 1e18),
        (DType::F64, 1e100),
    ] {
        let of = |signs: [f64; 4]| -> Result<Tensor> {
            Ok((Tensor::new(&signs, &Device::Cpu)? * size)?.to_dtype(dtype)?)
        };
        let (real, fake) = (of([1.0, -1.0, 1.0, -1.0])?, of([1.0, -1.0, -1.0, 1.0])?);
        for game in games() {
            let inputs = Inputs {
                input: &real,
                target: &fake,
                weight: None,
            };
            for side in [
                &DiscriminatorLoss(game.clone()) as &dyn Loss,
                &GeneratorLoss(game.clone()),
            ] {
                let (value, one, other) = side.value_and_grads(&inputs)?;
                for tensor in [value, one, other] {
                    ensure!(
                        numbers(&tensor)?.iter().all(|x| x.is_finite()),
                        "{game:?} in {dtype:?}"
                    );
                }
            }
        }
    }
    Ok(())
}

#[test]
fn running_means() -> Result<()> {
    let mut means = RunningMeans {
        decay: 0.5,
        ..RunningMeans::default()
    };
    let of = |x: f32| Tensor::full(x, (4, 1), &Device::Cpu);
    means.update(&of(2.0)?, &of(-1.0)?)?;
    means.update(&of(4.0)?, &of(-3.0)?)?;
    ensure!((means.real, means.fake) == (3.0, -2.0), "{means:?}");
    let empty = Tensor::zeros((0, 1), DType::F32, &Device::Cpu)?;
    means.update(&empty, &empty)?;
    ensure!((means.real, means.fake) == (3.0, -2.0));
    means.decay = 1.0;
    ensure!(means.update(&of(1.0)?, &of(1.0)?).is_err());
    let loss = LecamLoss {
        real_mean: f64::NAN,
        ..LecamLoss::default()
    };
    ensure!(loss.forward(&of(1.0)?, &of(1.0)?).is_err());
    Ok(())
}

#[test]
fn layers() -> Result<()> {
    let fake = [logits(&[2, 3, 4, 4], 1)?, logits(&[2, 8], 2)?];
    let real = [logits(&[2, 3, 4, 4], 3)?, logits(&[2, 8], 4)?];
    let one = |i: usize| -> Result<f64> {
        Ok(FeatureMatchingLoss::default()
            .forward(&fake[i], &real[i])?
            .to_scalar()?)
    };
    let sum = one(0)? + one(1)?;
    for (layers, expected) in [(Scales::Mean, sum / 2.0), (Scales::Sum, sum)] {
        let loss = FeatureMatchingLoss {
            layers,
            ..FeatureMatchingLoss::default()
        };
        let got = loss.forward_layers(&fake, &real)?.to_scalar::<f64>()?;
        ensure!((got - expected).abs() < 1e-12);
        ensure!(
            loss.forward_layers(&fake, &real[..1]).is_err()
                && loss.forward_layers(&[], &[]).is_err()
        );
    }
    Ok(())
}

/// Integer logits, and labels that a form does not have, are errors.
#[test]
fn refusals() -> Result<()> {
    let x = Tensor::ones((3, 1), DType::F32, &Device::Cpu)?;
    let game = AdversarialLoss::default();
    ensure!(game.discriminator(&x, &x.to_dtype(DType::U8)?).is_err());
    let labels = GanLabels {
        real: 0.9,
        ..GanLabels::default()
    };
    for form in [GanForm::Wasserstein, GanForm::Hinge] {
        let game = AdversarialLoss {
            form,
            labels,
            ..AdversarialLoss::default()
        };
        let error = game
            .discriminator(&x, &x)
            .err()
            .context("no error")?
            .to_string();
        ensure!(error.contains("labels.real is 0.9"), "{error}");
    }
    Ok(())
}

/// Real and fake logits are alike: class indices are no logits.
#[test]
fn indices_are_refused() -> Result<()> {
    let logits = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?;
    let indices = logits.to_dtype(DType::U8)?;
    let error = DiscriminatorLoss(AdversarialLoss::default()).forward(&logits, &indices);
    let message = error.err().context("indices pass")?.to_string();
    ensure!(message.contains("expected the input's F32"), "{message}");
    Ok(())
}
