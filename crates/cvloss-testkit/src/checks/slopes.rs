//! Gradients equal central differences.

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor, Var};
use cvloss::Loss;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{random_like, total};
use crate::cases::{Case, Family};
use crate::compare::{assert_close, assert_same_bits, numbers};
use crate::sample::Sample;

/// Central differences are taken along every axis of inputs up to this size, else along a few directions.
const EVERY_AXIS: usize = 128;
/// The step of central differences: five points leave an error of its fourth power.
const STEP: f64 = 2e-4;

/// How close central differences come, relative to a gradient's scale.
///
/// A network has a kink between any two points, so that differences show no more than its sign and size; its composed form
/// is compared to 1e-9.
fn difference_rtol(case: &Case) -> f64 {
    match case.family {
        Family::Network => 1e-2,
        _ => 1e-6,
    }
}

/// The gradient equals central differences in `f64`, to 1e-6 of its scale.
pub fn gradient(case: &Case) -> Result<()> {
    if case.spec.is_detached {
        return Ok(());
    }
    let sample = case.sample(DType::F64)?;
    let (value, gradient) = case.value_and_grad(&sample)?;
    let rtol = difference_rtol(case);
    check_slopes(&sample.input, &gradient, (case.seed(), rtol), |input| {
        total(&case.value(&sample.with_input(input.clone()))?)
    })?;
    // Values that are not summed are independent: weighting each weighs its own gradient.
    let upstream = random_like(&value, case.seed())?;
    let (_, gradient) = case.by_tape(&sample, Some(&upstream), Case::forward)?;
    check_slopes(&sample.input, &gradient, (case.seed() + 1, rtol), |input| {
        total(
            &case
                .value(&sample.with_input(input.clone()))?
                .broadcast_mul(&upstream)?,
        )
    })
    .context("with weighted values")
}

/// Where a loss has a gradient with respect to its target: it equals central differences, the composed form's and the
/// tape's; and asking it of another loss is an error.
pub fn target_gradient(case: &Case) -> Result<()> {
    let sample = case.sample(DType::F64)?;
    let grads = case.loss.value_and_grads(&sample.inputs());
    if !case.loss.differentiates_target() {
        ensure!(grads.is_err(), "a gradient that the loss says it has not");
        return Ok(());
    }
    let (value, gradient, slopes) = grads?;
    let (alone, alone_gradient) = case.value_and_grad(&sample)?;
    assert_same_bits(&value, &alone).context("value")?;
    assert_close(&gradient, &alone_gradient, 1e-12).context("gradient of the input")?;
    if !case.spec.is_detached {
        let seed = (case.seed(), difference_rtol(case));
        check_slopes(&sample.target, &slopes, seed, |target| {
            total(&case.value(&sample.with_target(target.clone()))?)
        })?;
    }
    let upstream = random_like(&value, case.seed())?;
    let both = |evaluate: &dyn Fn(&Sample) -> cvloss::Result<Tensor>| -> Result<_> {
        let (input, target) = (
            Var::from_tensor(&sample.input)?,
            Var::from_tensor(&sample.target)?,
        );
        let on_tape = sample
            .with_input(input.as_tensor().clone())
            .with_target(target.as_tensor().clone());
        let gradients = evaluate(&on_tape)?
            .broadcast_mul(&upstream)?
            .sum_all()?
            .backward()?;
        let of = |var: &Var| match gradients.get(var) {
            Some(gradient) => Ok(gradient.clone()),
            None => var.zeros_like(),
        };
        Ok((of(&input)?, of(&target)?))
    };
    let (input, target) = both(&|sample| case.forward(sample))?;
    let (composed_input, composed_target) = both(&|sample| case.composed(sample))?;
    assert_close(&input, &composed_input, 1e-9).context("input, on the tape")?;
    assert_close(&target, &composed_target, 1e-9).context("target, on the tape")?;
    let constant = sample.with_input(sample.input.detach());
    let target = Var::from_tensor(&sample.target)?;
    let gradients = case
        .forward(&constant.with_target(target.as_tensor().clone()))?
        .sum_all()?
        .backward()?;
    let only = gradients
        .get(&target)
        .context("no gradient of the target alone")?;
    assert_close(only, &slopes, 1e-12).context("target alone")
}

/// Compares a gradient with differences of `value` around `input`.
///
/// Where a kink lies between the points, a step that is too short to reach it decides.
fn check_slopes(
    input: &Tensor,
    gradient: &Tensor,
    (seed, rtol): (u64, f64),
    value: impl Fn(&Tensor) -> Result<f64>,
) -> Result<()> {
    let slopes = numbers(gradient)?;
    let largest = slopes
        .iter()
        .fold(0.0, |largest: f64, slope| largest.max(slope.abs()));
    for direction in directions(slopes.len(), seed) {
        let analytic: f64 = slopes
            .iter()
            .zip(&direction)
            .map(|(slope, d)| slope * d)
            .sum();
        let length = direction.iter().map(|d| d * d).sum::<f64>().sqrt();
        let allowed = rtol * largest * length + 1e-10 * value(input)?.abs();
        let along = Tensor::from_slice(&direction, input.shape(), &Device::Cpu)?;
        let numeric = |step: f64| -> Result<f64> {
            let at = |k: f64| value(&(input + (&along * (k * step))?)?);
            Ok((8.0 * (at(1.0)? - at(-1.0)?) - (at(2.0)? - at(-2.0)?)) / (12.0 * step))
        };
        let mut found = numeric(STEP)?;
        if (found - analytic).abs() > allowed {
            found = numeric(STEP / 64.0)?;
        }
        let error = (found - analytic).abs();
        ensure!(
            error <= allowed,
            "slope {analytic:e}, by differences {found:e}: {error:e} apart, {allowed:e} allowed"
        );
    }
    Ok(())
}

/// All axes; or some axes and some random directions.
fn directions(len: usize, seed: u64) -> Vec<Vec<f64>> {
    let axis = |at: usize| {
        (0..len)
            .map(|i| f64::from(u8::from(i == at)))
            .collect::<Vec<_>>()
    };
    if len <= EVERY_AXIS {
        return (0..len).map(axis).collect();
    }
    let mut rng = StdRng::seed_from_u64(seed);
    let mut chosen: Vec<_> = (0..8).map(|_| axis(rng.random_range(0..len))).collect();
    let random = |_| {
        (0..len)
            .map(|_| rng.random_range(-1.0..1.0))
            .collect::<Vec<f64>>()
    };
    chosen.extend((0..6).map(random));
    chosen
}
