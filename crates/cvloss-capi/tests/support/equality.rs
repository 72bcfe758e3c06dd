//! What it means that a C entry equals the Rust front: the same bits, the chain rule, gradients in half.

use std::ptr;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Tensor, Var};
use cvloss::Loss;
use cvloss_capi::*;
use cvloss_testkit::cases::Case;
use cvloss_testkit::sample::Sample;

use super::entries::{WITHOUT_TARGET, create};
use super::{Memory, arguments, check, pointers};

pub fn same(what: &str, ours: &[f64], theirs: &Tensor) -> Result<()> {
    let theirs: Vec<f64> = theirs.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
    let equal = ours.len() == theirs.len()
        && ours
            .iter()
            .zip(&theirs)
            .all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
    ensure!(equal, "{what}: {ours:?} is not {theirs:?}");
    Ok(())
}

/// Whether the loss is of the input alone.
fn is_alone(case: &Case) -> bool {
    WITHOUT_TARGET.contains(&case.type_name)
}

/// Inputs in C's order.
pub fn inputs(case: &Case, sample: &Sample) -> Result<Vec<Option<Memory>>> {
    let target = match is_alone(case) {
        true => None,
        false => Some(Memory::of(&sample.target)?),
    };
    let mut all = vec![Some(Memory::of(&sample.input)?), target];
    if let Some(weight) = &sample.weight {
        all.push(Some(Memory::of(weight)?));
    }
    Ok(all)
}

pub fn lend(memory: &[Option<Memory>]) -> Vec<Option<&Memory>> {
    memory.iter().map(Option::as_ref).collect()
}

/// The value and the gradients, in every type, bit for bit.
pub fn equals_rust(case: &Case) -> Result<()> {
    let loss = create(case.type_name, &case.options)?;
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        let sample = case.sample(dtype)?;
        let memory = inputs(case, &sample)?;
        let lent = lend(&memory);
        let (value, gradients) = loss.evaluate(&lent, wanted(case))?;
        let context = || format!("{dtype:?}");
        if let [input, target] = gradients.as_slice() {
            let theirs = case.loss.value_and_grads(&sample.inputs())?;
            ensure!(
                value.dims() == theirs.0.dims(),
                "value is {:?}",
                value.dims()
            );
            same("value", &value.numbers(), &theirs.0).with_context(context)?;
            same("gradient", &input.numbers(), &theirs.1).with_context(context)?;
            same("target's gradient", &target.numbers(), &theirs.2).with_context(context)?;
        } else {
            let theirs = case.value_and_grad(&sample)?;
            ensure!(
                value.dims() == theirs.0.dims(),
                "value is {:?}",
                value.dims()
            );
            same("value", &value.numbers(), &theirs.0).with_context(context)?;
            same("gradient", &gradients[0].numbers(), &theirs.1).with_context(context)?;
        }
        // Without a gradient, and without a value.
        let (alone, _) = loss.evaluate(&lent, &[])?;
        ensure!(alone.numbers() == value.numbers(), "value without gradient");
        let pointers = pointers(&lent);
        loss.run(&arguments(&pointers, &[]))?;
    }
    Ok(())
}

/// The inputs with a gradient.
fn wanted(case: &Case) -> &'static [usize] {
    match case.loss.differentiates_target() && !is_alone(case) {
        true => &[0, 1],
        false => &[0],
    }
}

/// By the tape, the gradients of the value times `upstream`, summed.
fn by_tape(case: &Case, sample: &Sample, upstream: &Tensor) -> Result<Vec<Vec<f64>>> {
    let tracked = |tensor: &Tensor, at: usize| match wanted(case).contains(&at) {
        true => Ok(Var::from_tensor(tensor)?.into_inner()),
        false => anyhow::Ok(tensor.clone()),
    };
    let sample = Sample {
        input: tracked(&sample.input, 0)?,
        target: tracked(&sample.target, 1)?,
        ..sample.clone()
    };
    let total = case.forward(&sample)?.broadcast_mul(upstream)?.sum_all()?;
    let gradients = total.backward()?;
    let of = |at: &usize| {
        let input = [&sample.input, &sample.target][*at];
        let gradient = match gradients.get(input) {
            Some(gradient) => gradient.clone(),
            None => input.zeros_like()?,
        };
        Ok(gradient
            .to_dtype(DType::F64)?
            .flatten_all()?
            .to_vec1::<f64>()?)
    };
    wanted(case).iter().map(of).collect()
}

/// Upstream gradient, scale and accumulation: `old + scale · upstream · slope`.
pub fn chains(case: &Case) -> Result<()> {
    let loss = create(case.type_name, &case.options)?;
    for dtype in [DType::F32, DType::F64] {
        let sample = case.sample(dtype)?;
        let memory = inputs(case, &sample)?;
        let lent = lend(&memory);
        let dims = loss.value_dims(&lent)?;
        let upstream = Tensor::arange(
            0u32,
            dims.iter().product::<usize>() as u32,
            &sample.input.device().clone(),
        )?
        .to_dtype(dtype)?
        .affine(0.25, -1.5)?
        .reshape(dims.as_slice())?;
        let slopes = by_tape(case, &sample, &upstream)?;
        let upstream = Memory::of(&upstream)?;
        let pointers = pointers(&lent);
        for accumulate in [false, true] {
            let mut results = Vec::new();
            for own_workspace in [false, true] {
                let mut gradients = Vec::new();
                let mut grads = vec![ptr::null(); lent.len()];
                for at in wanted(case) {
                    let input = lent[*at].context("no such input")?;
                    let mut gradient = Memory::zeros(dtype, &input.dims())?;
                    gradient.fill(0.5);
                    grads[*at] = gradient.descriptor();
                    gradients.push(gradient);
                }
                let mut args = cvl_eval_args {
                    upstream: upstream.descriptor(),
                    grad_scale: 2.0,
                    flags: if accumulate { CVL_EVAL_ACCUMULATE } else { 0 },
                    ..arguments(&pointers, &grads)
                };
                let mut bytes = usize::MAX;
                // SAFETY: valid arguments.
                check(unsafe { cvl_loss_workspace(loss.0, &args, &mut bytes) })?;
                let mut workspace = vec![u64::MAX; bytes.div_ceil(8)];
                if own_workspace && bytes > 0 {
                    args.workspace = workspace.as_mut_ptr().cast();
                    args.workspace_size = bytes;
                }
                loss.run(&args)?;
                results.push(gradients.iter().map(Memory::numbers).collect::<Vec<_>>());
            }
            ensure!(results[0] == results[1], "the workspace changes the result");
            let (old, tolerance) = (
                if accumulate { 0.5 } else { 0.0 },
                if dtype == DType::F32 { 1e-5 } else { 1e-13 },
            );
            for (at, (ours, slopes)) in results[0].iter().zip(&slopes).enumerate() {
                ensure!(ours.len() == slopes.len(), "gradient {at} has another size");
                for (ours, slope) in ours.iter().zip(slopes) {
                    let expected = old + 2.0 * slope;
                    ensure!(
                        (ours - expected).abs() <= tolerance * (1.0 + expected.abs()),
                        "{ours} is not {expected} (gradient {at}, {dtype:?}, accumulate {accumulate})"
                    );
                }
            }
        }
    }
    Ok(())
}

/// The gradient of half inputs in their own type is the f32 gradient, rounded.
pub fn rounds(case: &Case) -> Result<()> {
    let loss = create(case.type_name, &case.options)?;
    for dtype in [DType::F16, DType::BF16] {
        let sample = case.sample(dtype)?;
        let memory = inputs(case, &sample)?;
        let lent = lend(&memory);
        let (_, wide) = loss.evaluate(&lent, &[0])?;
        let gradient = Memory::zeros(dtype, sample.input.dims())?;
        let pointers = pointers(&lent);
        let mut grads = vec![ptr::null(); lent.len()];
        grads[0] = gradient.descriptor();
        loss.run(&arguments(&pointers, &grads))?;
        let device = candle_core::Device::Cpu;
        let rounded = Tensor::from_vec(wide[0].numbers(), wide[0].dims(), &device)?;
        let rounded: Vec<f64> = rounded
            .to_dtype(dtype)?
            .to_dtype(DType::F64)?
            .flatten_all()?
            .to_vec1()?;
        // A slope that lies between two halves may go to either.
        let step = if dtype == DType::F16 { 1e-3 } else { 8e-3 };
        for (ours, theirs) in gradient.numbers().iter().zip(&rounded) {
            ensure!(
                (ours - theirs).abs() <= step * theirs.abs() + 1e-7
                    || (ours.is_nan() && theirs.is_nan()),
                "{ours} is not {theirs} ({dtype:?})"
            );
        }
    }
    Ok(())
}
