//! Properties that every case has. Each check fails with what is wrong.

mod layouts;
mod slopes;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use cvloss::{Inputs, Loss, LossSum};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::cases::{Case, Family};
use crate::compare::{assert_close, assert_same_bits};
use crate::sample::Sample;

pub use layouts::layouts;
pub use slopes::{gradient, target_gradient};

/// Among so many numbers, some are nearly equal in `f32`.
const MANY: usize = 4096;
/// Numbers of threads that must agree.
const THREADS: [usize; 4] = [1, 2, 3, 7];

/// `forward` and `backward` give what `value_and_grad` gives, exactly, in all dtypes.
pub fn tape(case: &Case) -> Result<()> {
    for dtype in [DType::F64, DType::F32, DType::F16, DType::BF16] {
        let sample = case.sample(dtype)?;
        let (value, gradient) = case.value_and_grad(&sample)?;
        ensure!(
            value.dtype() == wide(dtype) && gradient.dtype() == wide(dtype),
            "dtypes of {dtype:?}"
        );
        assert_same_bits(&case.value(&sample)?, &value).context("value without a gradient")?;
        assert_same_bits(&case.forward(&sample)?, &value).context("forward off the tape")?;
        let (taped, slopes) = case.by_tape(&sample, None, Case::forward)?;
        assert_same_bits(&taped, &value).context("forward on the tape")?;
        ensure!(
            slopes.dtype() == dtype,
            "{:?} gradient of a {dtype:?} input",
            slopes.dtype()
        );
        // Not the same bits: candle adds to 0, and 0 − 0 is 0.
        assert_close(&slopes, &gradient.to_dtype(dtype)?, 0.0)
            .with_context(|| format!("gradient in {dtype:?}"))?;

        let three = Tensor::new(3f64, &Device::Cpu)?.to_dtype(wide(dtype))?;
        let (_, slopes) = case.by_tape(&sample, Some(&three), Case::forward)?;
        assert_close(&slopes, &(gradient * 3.0)?.to_dtype(dtype)?, 0.0)
            .context("gradient of three times the loss")?;
    }
    Ok(())
}

/// The composed form has the same value and gradient: to 1e-9 in `f64`, 1e-5 in `f32` and of halves; 1e-4 of pairs of
/// images, where it takes differences of larger numbers; 1e-3 through a network.
pub fn composed(case: &Case) -> Result<()> {
    let single = match case.family {
        Family::Network => 1e-3,
        Family::Image | Family::Windows => 1e-4,
        _ => 1e-5,
    };
    for (dtype, rtol) in [
        (DType::F64, 1e-9),
        (DType::F32, single),
        (DType::BF16, single),
    ] {
        if case.is_mined(dtype) {
            continue;
        }
        let sample = case.sample(dtype)?;
        let name = |what: &str| format!("{what} in {dtype:?}");
        let (value, gradient) = case.value_and_grad(&sample)?;
        let upstream = random_like(&value, case.seed())?;
        let (_, weighted) = case.by_tape(&sample, Some(&upstream), Case::forward)?;
        let (composed_value, slopes) = case.by_tape(&sample, None, Case::composed)?;
        let (_, composed_weighted) = case.by_tape(&sample, Some(&upstream), Case::composed)?;
        assert_close(&value, &composed_value, rtol).with_context(|| name("value"))?;
        // Rounding swaps neighbours among many numbers, and their slopes.
        if case.spec.is_ordered && dtype != DType::F64 && gradient.elem_count() > MANY {
            continue;
        }
        // A gradient on the tape of halves is rounded to halves.
        let rtol = if dtype == DType::BF16 { 1e-2 } else { rtol };
        assert_close(&gradient, &slopes.to_dtype(wide(dtype))?, rtol)
            .with_context(|| name("gradient"))?;
        assert_close(&weighted, &composed_weighted, rtol)
            .with_context(|| name("weighted gradient"))?;
    }
    Ok(())
}

/// Halves give what `f32` gives of the same numbers, to 1e-6, gradients in `f32`.
pub fn halves(case: &Case) -> Result<()> {
    for dtype in [DType::F16, DType::BF16] {
        let half = case.sample(DType::F32)?.to_dtype(dtype)?;
        let single = half.to_dtype(DType::F32)?;
        let (value, gradient) = case.value_and_grad(&half)?;
        let (expected, slopes) = case.value_and_grad(&single)?;
        assert_close(&value, &expected, 1e-6).with_context(|| format!("value in {dtype:?}"))?;
        assert_close(&gradient, &slopes, 1e-6).with_context(|| format!("gradient in {dtype:?}"))?;
    }
    Ok(())
}

/// The same bits for any number of threads.
pub fn threads(case: &Case) -> Result<()> {
    for dtype in [DType::F32, DType::F64] {
        let sample = case.sample(dtype)?;
        let mut first: Option<(Tensor, Tensor)> = None;
        for count in THREADS {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build()?;
            let (value, gradient) = pool.install(|| case.value_and_grad(&sample))?;
            let (one, slopes) = first.get_or_insert_with(|| (value.clone(), gradient.clone()));
            assert_same_bits(&value, one)
                .with_context(|| format!("value with {count} threads in {dtype:?}"))?;
            assert_same_bits(&gradient, slopes)
                .with_context(|| format!("gradient with {count} threads in {dtype:?}"))?;
        }
    }
    Ok(())
}

/// Items in another order have the same loss, and their gradients in that order.
pub fn permutation(case: &Case) -> Result<()> {
    let Some(&items) = case.spec.shape.first() else {
        return Ok(());
    };
    // The only axis of a single box is not one of items.
    if case.spec.kind.is_box() && case.spec.shape.len() == 1 {
        return Ok(());
    }
    let order: Vec<u32> = (1..items as u32).chain([0]).collect();
    let order = Tensor::from_vec(order, items, &Device::Cpu)?;
    let permuted = |tensor: &Tensor| match tensor.dims().first() {
        Some(len) if *len == items => Ok(tensor.contiguous()?.index_select(&order, 0)?),
        _ => Ok(tensor.clone()),
    };
    let sample = case.sample(DType::F64)?;
    let (value, gradient) = case.value_and_grad(&sample)?;
    let (got, slopes) = case.value_and_grad(&sample.map(permuted)?)?;
    assert_close(&got, &permuted(&value)?, 1e-12).context("value")?;
    assert_close(&slopes, &permuted(&gradient)?, 1e-12).context("gradient")
}

/// Indices of all types mean the same, and 0 and 1 the same as 0.0 and 1.0.
pub fn index_dtypes(case: &Case) -> Result<()> {
    let sample = case.sample(DType::F32)?;
    for dtype in case.spec.index_dtypes() {
        let other = sample.with_target(sample.target.to_dtype(dtype)?);
        assert_equal(case, &other, &sample, 0.0).with_context(|| format!("{dtype:?}"))?;
    }
    if case.family == Family::Elements && case.spec.kind.is_index() {
        let float = sample.with_target(sample.target.to_dtype(DType::F32)?);
        assert_equal(case, &float, &sample, 0.0).context("F32")?;
    }
    Ok(())
}

/// A weight map of ones changes nothing.
pub fn unit_weight(case: &Case) -> Result<()> {
    for (dtype, rtol) in [(DType::F64, 1e-12), (DType::F32, 1e-6)] {
        let sample = Sample {
            weight: None,
            ..case.sample(dtype)?
        };
        for ones in unit_weights(case, &sample)? {
            let shape = ones.shape().clone();
            assert_equal(case, &sample.with_weight(ones), &sample, rtol)
                .with_context(|| format!("ones of shape {shape:?} in {dtype:?}"))?;
        }
    }
    Ok(())
}

/// Weight maps of ones in every shape that a loss takes.
fn unit_weights(case: &Case, sample: &Sample) -> Result<Vec<Tensor>> {
    let ones = |shape: Vec<usize>| Tensor::ones(shape, sample.input.dtype(), &Device::Cpu);
    let by_point = |keeps_axis| ones(case.spec.point_shape(keeps_axis));
    Ok(match case.family {
        Family::Elements | Family::Adversarial => {
            vec![ones(case.spec.shape.clone())?, ones(Vec::new())?]
        }
        Family::Image if case.spec.shape.len() < 2 => vec![ones(Vec::new())?],
        Family::Image => vec![ones(case.spec.shape.clone())?, by_point(true)?],
        Family::Sum => vec![by_point(true)?],
        Family::Points
        | Family::Features
        | Family::Boxes
        | Family::Windows
        | Family::Network
        | Family::Region { .. } => {
            vec![by_point(false)?, by_point(true)?]
        }
    })
}

/// Where the loss says so, a mask of zeros means the same as ignoring.
pub fn mask(case: &Case) -> Result<()> {
    let Some(ignored) = case.spec.ignored.filter(|_| case.spec.mask_is_ignore) else {
        return Ok(());
    };
    let sample = case.sample(DType::F64)?;
    let target = sample.target.to_dtype(DType::F64)?;
    let kept = target.ne(ignored as f64)?.to_dtype(DType::F64)?;
    let valid = (target * &kept)?.to_dtype(sample.target.dtype())?;
    let weight = match &sample.weight {
        Some(weight) => (weight * &kept)?,
        None => kept,
    };
    let masked = Sample {
        input: sample.input.clone(),
        target: valid,
        weight: Some(weight),
    };
    assert_equal(case, &masked, &sample, 1e-12)
}

/// What lies at ignored points does not matter, be it NaN.
pub fn ignored_points(case: &Case) -> Result<()> {
    let Some(ignored) = case.spec.ignored else {
        return Ok(());
    };
    let sample = case.sample(DType::F32)?;
    let is_ignored = sample.target.to_dtype(DType::F64)?.eq(ignored as f64)?;
    let is_ignored = match is_ignored.rank() == sample.input.rank() {
        true => is_ignored,
        false => is_ignored.unsqueeze(1)?,
    };
    let nan = (sample.input.ones_like()? * f64::NAN)?;
    let input = is_ignored
        .broadcast_as(sample.input.shape())?
        .where_cond(&nan, &sample.input)?;
    assert_equal(case, &sample.with_input(input), &sample, 0.0)
}

/// A weighted sum has the weighted sum of values and gradients, and reports each value.
pub fn weighted_sum(case: &Case) -> Result<()> {
    let sample = case.sample(DType::F64)?;
    let (value, gradient) = case.value_and_grad(&sample)?;
    let inner = LossSum::new().term("inner", 2.0, case.loss.clone());
    let sum = LossSum::new()
        .term("a", 0.7, case.loss.clone())
        .term("b", -1.5, inner);
    let inputs = sample.inputs();
    if value.rank() > 0 {
        let error = sum
            .evaluate(&inputs, None)
            .err()
            .context("values of items add up")?
            .to_string();
        ensure!(
            error.contains("term inner") || error.contains("term a"),
            "{error}"
        );
        return Ok(());
    }
    let (got, slopes) = value_and_grad(&sum, &inputs)?;
    assert_close(&got, &(value.clone() * -2.3)?, 1e-12).context("value")?;
    assert_close(&slopes, &(gradient * -2.3)?, 1e-12).context("gradient")?;
    let terms = match &sample.weight {
        Some(weight) => sum.forward_terms_weighted(&sample.input, &sample.target, weight)?,
        None => sum.forward_terms(&sample.input, &sample.target)?,
    };
    assert_same_bits(&terms.total, &got).context("total")?;
    assert_same_bits(&terms.terms[0].value, &value).context("first term")?;
    assert_close(&terms.terms[1].value, &(value * 2.0)?, 1e-12).context("second term")
}

fn value_and_grad(loss: &impl Loss, inputs: &Inputs<'_>) -> cvloss::Result<(Tensor, Tensor)> {
    match inputs.weight {
        Some(weight) => loss.value_and_grad_weighted(inputs.input, inputs.target, weight),
        None => loss.value_and_grad(inputs.input, inputs.target),
    }
}

/// A loss cut at its sums, and with [`cvloss::Pooling::Batch`] at its batch too, is the whole loss.
pub fn pooled(case: &Case) -> Result<()> {
    let Some(loss) = &case.pooled else {
        return Ok(());
    };
    let sample = case.sample(DType::F64)?;
    let (value, gradient) = case.value_and_grad(&sample)?;
    let whole = loss.statistics(&sample.inputs())?;
    let (got, slopes) = loss.value_and_grad_from(&sample.inputs(), &whole)?;
    assert_close(&got, &value.sum_all()?, 1e-12).context("value from statistics")?;
    assert_close(&slopes, &gradient, 1e-12).context("gradient from statistics")?;
    if !is_batch_pooled(case) || case.spec.shape[0] < 2 {
        return Ok(());
    }
    let items = case.spec.shape[0];
    let part = |start: usize, len: usize| sample.map(|tensor| Ok(tensor.narrow(0, start, len)?));
    let (first, rest) = (part(0, 1)?, part(1, items - 1)?);
    let mut of_first = loss.statistics(&first.inputs())?;
    let mut of_rest = loss.statistics(&rest.inputs())?;
    let alone = of_first.clone();
    of_first.pool(&of_rest);
    of_rest.pool(&alone);
    let (by_first, first_slopes) = loss.value_and_grad_from(&first.inputs(), &of_first)?;
    let (by_rest, rest_slopes) = loss.value_and_grad_from(&rest.inputs(), &of_rest)?;
    assert_close(&by_first, &value, 1e-12).context("value of the first part")?;
    assert_close(&by_rest, &value, 1e-12).context("value of the rest")?;
    assert_close(
        &Tensor::cat(&[first_slopes, rest_slopes], 0)?,
        &gradient,
        1e-12,
    )
    .context("gradient of the parts")
}

/// Whether the options say that the batch is pooled.
fn is_batch_pooled(case: &Case) -> bool {
    let region = |value: &serde_json::Value| value["region"]["pooling"] == "Batch";
    case.type_name == "ComboLoss" || region(&case.options) || region(&case.options["dice"])
}

/// Losses of single classes are finite, one per item and class.
pub fn class_losses(case: &Case) -> Result<()> {
    let Some(loss) = &case.pooled else {
        return Ok(());
    };
    let sample = case.sample(DType::F64)?;
    let losses = loss.class_losses(&sample.inputs())?;
    let items = if is_batch_pooled(case) {
        1
    } else {
        case.spec.shape[0]
    };
    ensure!(
        losses.len() == items,
        "{} items, expected {items}",
        losses.len()
    );
    for losses in &losses {
        ensure!(
            losses.len() == case.spec.channels(),
            "{} classes",
            losses.len()
        );
        ensure!(losses.iter().all(|loss| loss.is_finite()), "{losses:?}");
    }
    Ok(())
}

/// Both samples have the same value and gradient.
fn assert_equal(case: &Case, got: &Sample, expected: &Sample, rtol: f64) -> Result<()> {
    let (value, gradient) = case.value_and_grad(got)?;
    let (expected, slopes) = case.value_and_grad(expected)?;
    assert_close(&value, &expected, rtol).context("value")?;
    assert_close(&gradient, &slopes, rtol).context("gradient")
}

/// The dtype of values and gradients.
fn wide(dtype: DType) -> DType {
    if dtype == DType::F64 {
        dtype
    } else {
        DType::F32
    }
}

fn total(tensor: &Tensor) -> Result<f64> {
    Ok(tensor.to_dtype(DType::F64)?.sum_all()?.to_scalar()?)
}

/// Random numbers away from 0, in the shape and dtype of `tensor`.
fn random_like(tensor: &Tensor, seed: u64) -> Result<Tensor> {
    let mut rng = StdRng::seed_from_u64(seed);
    let numbers: Vec<f64> = (0..tensor.elem_count())
        .map(|_| rng.random_range(0.5..2.0))
        .collect();
    Ok(Tensor::from_vec(numbers, tensor.shape(), &Device::Cpu)?.to_dtype(tensor.dtype())?)
}
