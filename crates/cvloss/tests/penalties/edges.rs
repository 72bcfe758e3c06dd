//! Inputs at the edge, and what is refused.

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Tensor};
use cvloss::{Derivative, GradientPenalty, PathLengthPenalty, Penalty, PenaltyForm, PenaltyPoints};
use cvloss_testkit::compare::{assert_close, numbers};

use super::{Golden, penalties};

/// NaN comes through, zeros have no slope, and what makes no sense is an error.
#[test]
fn edges() -> Result<()> {
    let golden = Golden::load()?;
    let network = golden.network("mlp", DType::F32)?;
    let critic = |x: &Tensor| network.forward(x);
    let nan = (&network.points * f64::NAN)?;
    for (name, penalty) in penalties() {
        let got = penalty.at(critic, &nan)?;
        ensure!(numbers(&got.value)?[0].is_nan(), "{name}");
        let zeros = network.points.zeros_like()?;
        let got = penalty.at(critic, &zeros)?;
        ensure!(
            numbers(&network.gradients(&got)?)?
                .iter()
                .all(|g| g.is_finite()),
            "{name}"
        );
        let flat = |x: &Tensor| x.zeros_like()? * x;
        let got = penalty.at(flat, &network.points)?;
        ensure!(numbers(&got.norms)?.iter().all(|n| *n == 0.0), "{name}");
        // A penalty in a larger loss scales with its upstream gradient.
        let once = network.gradients(&penalty.at(critic, &network.points)?)?;
        let mut twice = penalty.at(critic, &network.points)?;
        twice.value = (twice.value * 2.0)?;
        assert_close(&network.gradients(&twice)?, &(once * 2.0)?, 1e-3).context(name)?;
    }
    let plain = GradientPenalty::wgan_gp();
    let bad = [
        (
            GradientPenalty {
                weight: -1.0,
                ..plain
            },
            "weight is -1",
        ),
        (
            GradientPenalty {
                form: PenaltyForm::Power { exponent: 1.5 },
                ..plain
            },
            "exponent is 1.5",
        ),
        (
            GradientPenalty {
                form: PenaltyForm::Centred { target: f64::NAN },
                ..plain
            },
            "target is NaN",
        ),
        (
            GradientPenalty {
                form: PenaltyForm::OneSided { target: -2.0 },
                ..plain
            },
            "target is -2",
        ),
        (
            GradientPenalty {
                derivative: Derivative::Difference { step: Some(0.0) },
                ..plain
            },
            "step is 0",
        ),
        (
            GradientPenalty {
                points: PenaltyPoints::Noisy { scale: -1.0 },
                ..plain
            },
            "scale is -1",
        ),
    ];
    let x = &network.points;
    let fails = |result: cvloss::Result<Penalty>, words: &str| -> Result<()> {
        let error = result
            .err()
            .with_context(|| format!("no error: {words}"))?
            .to_string();
        ensure!(error.contains(words), "{error}");
        Ok(())
    };
    for (penalty, words) in bad {
        fails(penalty.forward(critic, x, x, 0), words)?;
    }
    fails(
        plain.forward(critic, x, &x.narrow(0, 0, 3)?, 0),
        "fake has shape",
    )?;
    fails(
        plain.forward(critic, x, &x.to_dtype(DType::F64)?, 0),
        "fake has dtype",
    )?;
    fails(plain.at(critic, &x.narrow(0, 0, 0)?), "points has shape")?;
    fails(plain.at(critic, &x.flatten_all()?), "points has shape")?;
    fails(
        plain.at(critic, &x.to_dtype(DType::U32)?),
        "points has dtype",
    )?;
    fails(
        plain.at(|x| critic(&x.detach()), x),
        "does not depend on its input",
    )?;
    let path = PathLengthPenalty::default();
    let linear = |w: &Tensor| w * 2.0;
    for (penalty, mean, words) in [
        (
            PathLengthPenalty {
                weight: f64::INFINITY,
                ..path
            },
            0.0,
            "weight is inf",
        ),
        (
            PathLengthPenalty { decay: 1.5, ..path },
            0.0,
            "decay is 1.5",
        ),
        (path, f64::NAN, "mean is NaN"),
    ] {
        let mut mean = mean;
        fails(penalty.forward(linear, x, &mut mean, 0), words)?;
    }
    fails(
        path.forward(linear, &x.flatten_all()?, &mut 0.0, 0),
        "latents has shape",
    )
}
