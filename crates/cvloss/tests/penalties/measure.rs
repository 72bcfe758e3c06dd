//! What steps and penalties cost.

use anyhow::Result;
use candle_core::{DType, Device, Var};
use cvloss::{Derivative, GradientPenalty};

use super::{Network, check, penalties};

/// Measures steps: `cargo test --release -p cvloss --test penalties -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn steps() -> Result<()> {
    for (dtype, steps) in [
        (DType::F64, vec![1e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 1e-3]),
        (DType::F32, vec![1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1]),
        (DType::F16, vec![1e-2, 3e-2, 1e-1, 2e-1, 3e-1]),
    ] {
        for step in steps {
            let derivative = Derivative::Difference { step: Some(step) };
            for name in ["mlp", "conv", "relu"] {
                if (dtype, name) == (DType::F16, "conv") {
                    continue;
                }
                let worst = check(&[name], dtype, derivative, 1.0, f64::INFINITY)?;
                println!("== {dtype:?} step {step:.0e} {name}: worst {worst:.1e}");
            }
        }
    }
    Ok(())
}

/// Measures what a penalty adds to a step: `cargo test --release -p cvloss --test penalties cost -- --ignored
/// --nocapture`.
#[test]
#[ignore = "a measurement"]
fn cost() -> Result<()> {
    const REPEATS: usize = 15;
    let random =
        |shape: &[usize], scale: f64| Var::randn_f64(0.0, scale, shape, DType::F32, &Device::Cpu);
    let mlp = Network {
        name: "mlp".into(),
        parameters: vec![
            random(&[2, 128], 1.0)?,
            random(&[128], 1.0)?,
            random(&[128, 128], 0.1)?,
            random(&[128], 0.1)?,
            random(&[128, 1], 0.1)?,
        ],
        points: random(&[256, 2], 1.0)?.as_tensor().detach(),
    };
    let conv = Network {
        name: "conv".into(),
        parameters: vec![
            random(&[16, 2, 3, 3], 0.3)?,
            random(&[1, 16, 1, 1], 0.3)?,
            random(&[32, 16, 3, 3], 0.1)?,
            random(&[1, 32, 1, 1], 0.1)?,
            random(&[32 * 64, 1], 0.02)?,
        ],
        points: random(&[32, 2, 32, 32], 1.0)?.as_tensor().detach(),
    };
    let game = cvloss::AdversarialLoss::default();
    for network in [mlp, conv] {
        let (real, fake) = (&network.points, (&network.points * 0.5)?);
        // A discriminator's step but for its optimizer: real and fake logits, loss, backward.
        let step = |penalty: Option<GradientPenalty>| -> Result<()> {
            let (of_real, of_fake) = (network.forward(real)?, network.forward(&fake)?);
            let mut value = game.discriminator(&of_real, &of_fake)?;
            if let Some(penalty) = penalty {
                value = (value
                    + penalty
                        .forward(|x| network.forward(x), real, &fake, 0)?
                        .value)?;
            }
            value.backward()?;
            Ok(())
        };
        let median = |penalty: Option<GradientPenalty>| -> Result<f64> {
            let mut times = Vec::new();
            for _ in 0..REPEATS {
                let start = std::time::Instant::now();
                step(penalty)?;
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
            times.sort_by(f64::total_cmp);
            Ok(times[REPEATS / 2])
        };
        median(None)?;
        let plain = median(None)?;
        for (name, penalty) in penalties() {
            let with = median(Some(penalty))?;
            println!(
                "{} {name}: {plain:.2} ms, with it {with:.2} ms: {:.2} times",
                network.name,
                with / plain
            );
        }
    }
    Ok(())
}
