//! The C ABI equals the Rust API, bit for bit: every loss, every option, every dtype.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers of tests"
)]

mod support;

use std::ptr;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Tensor};
use cvloss::{BceLoss, DiceLoss, Loss, LossSum};
use cvloss_capi::*;
use cvloss_testkit::cases::{Case, cases, each};
use support::entries::{WITHOUT_ENTRY, create};
use support::equality::{chains, equals_rust, inputs, lend, rounds, same};
use support::{Handle, Memory, arguments, pointers};

/// Cases of losses that have a C entry.
fn entered() -> Vec<Case> {
    let skipped = |case: &Case| {
        WITHOUT_ENTRY
            .iter()
            .all(|(name, _)| *name != case.type_name)
    };
    cases().into_iter().filter(skipped).collect()
}

#[test]
fn every_loss_and_option() -> Result<()> {
    let cases = entered();
    ensure!(cases.len() > 100, "only {} cases", cases.len());
    each(&cases, equals_rust)
}

/// The exceptions are losses of the Rust crate, so that the list cannot rot.
#[test]
fn exceptions_exist() -> Result<()> {
    for (name, _) in WITHOUT_ENTRY {
        let known = cases().iter().any(|case| case.type_name == name);
        ensure!(known, "{name} is no loss");
    }
    Ok(())
}

#[test]
fn chain_rule() -> Result<()> {
    each(&entered(), chains)
}

#[test]
fn half_gradients_are_rounded() -> Result<()> {
    each(&entered(), rounds)
}

/// Several calls into one gradient are a sum of losses.
#[test]
fn a_sum_is_several_calls() -> Result<()> {
    let device = candle_core::Device::Cpu;
    let logits = Tensor::randn(0f32, 1.0, (2, 1, 5, 7), &device)?;
    let target = Tensor::ones((2, 1, 5, 7), DType::F32, &device)?;
    let sum =
        LossSum::new()
            .term("bce", 0.3, BceLoss::default())
            .term("dice", 0.7, DiceLoss::binary());
    let (_, expected) = sum.value_and_grad(&logits, &target)?;
    let region = cvl_region_config {
        activation: cvl_activation::Sigmoid as u32,
        ..cvl_region_config::default()
    };
    let dice = cvl_dice_config {
        region: &region,
        ..cvl_dice_config::default()
    };
    let losses = [
        (0.3, Handle::new(&cvl_bce_config::default(), cvl_bce_new)?),
        (0.7, Handle::new(&dice, cvl_dice_new)?),
    ];
    let memory = [Memory::of(&logits)?, Memory::of(&target)?];
    let gradient = Memory::zeros(DType::F32, logits.dims())?;
    let pointers = pointers(&[Some(&memory[0]), Some(&memory[1])]);
    let grads = [gradient.descriptor(), ptr::null()];
    for (at, (weight, loss)) in losses.iter().enumerate() {
        loss.run(&cvl_eval_args {
            grad_scale: *weight,
            flags: if at > 0 { CVL_EVAL_ACCUMULATE } else { 0 },
            ..arguments(&pointers, &grads)
        })?;
    }
    same("gradient", &gradient.numbers(), &expected)
}

/// Many threads with one handle get what one thread gets.
#[test]
fn threads_share_a_handle() -> Result<()> {
    let case = entered()
        .into_iter()
        .find(|case| case.type_name == "DiceCeLoss")
        .context("no case")?;
    let loss = create(case.type_name, &case.options)?;
    let sample = case.sample(DType::F32)?;
    let memory = inputs(&case, &sample)?;
    let evaluate = || -> Result<Vec<f64>> {
        let lent = lend(&memory);
        let (value, gradients) = loss.evaluate(&lent, &[0])?;
        Ok([value.numbers(), gradients[0].numbers()].concat())
    };
    let alone = evaluate()?;
    std::thread::scope(|scope| {
        let run = || (0..50).map(|_| evaluate()).collect::<Result<Vec<_>>>();
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(run)).collect();
        for thread in threads {
            let results = thread
                .join()
                .map_err(|_| anyhow::anyhow!("a thread panicked"))??;
            ensure!(
                results.iter().all(|result| *result == alone),
                "results differ"
            );
        }
        Ok(())
    })
}
