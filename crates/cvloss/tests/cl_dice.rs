//! Centreline Dice without smoothing: slopes stay finite, however little there is of a skeleton.

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor, Var};
use cvloss::{Activation, ClDiceLoss, Inputs, Loss};
use cvloss_testkit::compare::numbers;

/// Probabilities in rows of 7 by 7, all of about `size`, of which the target has the middle column.
fn sample(size: f64, dtype: DType) -> Result<(Tensor, Tensor)> {
    let p: Vec<f64> = (0..49)
        .map(|i| size * (1.0 + (i * 31 % 17) as f64 / 16.0))
        .collect();
    let t: Vec<u8> = (0..49).map(|i| u8::from(i % 7 == 3)).collect();
    let p = Tensor::from_vec(p, (1, 1, 7, 7), &Device::Cpu)?.to_dtype(dtype)?;
    Ok((p, Tensor::from_vec(t, (1, 1, 7, 7), &Device::Cpu)?))
}

/// Value and gradient, fused and composed.
fn both(loss: &ClDiceLoss, x: &Tensor, t: &Tensor) -> Result<[Vec<f64>; 4]> {
    let (value, gradient) = loss.value_and_grad(x, t)?;
    let var = Var::from_tensor(x)?;
    let composed = loss.composed(&Inputs {
        input: &var,
        target: t,
        weight: None,
    })?;
    let slopes = composed.backward()?;
    let slopes = slopes.get(&var).context("no gradient")?;
    Ok([
        numbers(&value)?,
        numbers(&composed)?,
        numbers(&gradient)?,
        numbers(slopes)?,
    ])
}

#[test]
fn slopes_without_smoothing_are_finite() -> Result<()> {
    for dtype in [DType::F32, DType::F64] {
        for (smooth_nr, smooth_dr, smooth) in [(0.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 0.0)] {
            for exponent in [
                -45, -42, -38, -37, -30, -25, -20, -19, -18, -15, -10, -5, -1,
            ] {
                let loss = ClDiceLoss {
                    activation: Activation::Identity,
                    smooth_nr,
                    smooth_dr,
                    smooth,
                    ..ClDiceLoss::default()
                };
                let (x, t) = sample(0.4 * 10f64.powi(exponent), dtype)?;
                let found = both(&loss, &x, &t)?;
                let name = format!(
                    "{found:?} of 1e{exponent} in {dtype:?}, smoothed by {smooth_nr}, {smooth_dr}"
                );
                ensure!(found.iter().flatten().all(|x| x.is_finite()), "{name}");
                let [value, composed, gradient, slopes] = found;
                ensure!((value[0] - composed[0]).abs() < 1e-5, "values {name}");
                let largest = gradient.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
                for (a, b) in gradient.iter().zip(&slopes) {
                    ensure!(
                        (a - b).abs() <= 1e-5 * largest + 1e-30,
                        "{a} and {b} {name}"
                    );
                }
            }
        }
    }
    Ok(())
}

/// The same through sigmoids that are nearly 0.
#[test]
fn sigmoids_without_smoothing_are_finite() -> Result<()> {
    for dtype in [DType::F32, DType::F64] {
        for shift in [-10.0, -30.0, -50.0, -80.0, -95.0, -110.0] {
            let loss = ClDiceLoss {
                smooth_nr: 0.0,
                smooth_dr: 0.0,
                smooth: 0.0,
                ..ClDiceLoss::binary()
            };
            let (x, t) = sample(1.0, dtype)?;
            for found in both(&loss, &(x + shift)?, &t)? {
                ensure!(
                    found.iter().all(|x| x.is_finite()),
                    "{found:?} at {shift} in {dtype:?}"
                );
            }
        }
    }
    Ok(())
}
