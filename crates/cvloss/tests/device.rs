//! Every loss on a device against the CPU, whether a kernel runs there or candle's operations. Without a device the tests
//! say so; `crates/cvloss-kernels/tests/emulator/cuda.sh` runs them on an emulated driver.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use candle_core::{DType, Device};
use cvloss::Loss;
use cvloss_testkit::cases::{Case, cases, each, network_cases};
use cvloss_testkit::compare::{assert_close, assert_same_bits};
use cvloss_testkit::sample::Sample;

/// The first device, if there is one.
fn device() -> Option<Device> {
    match Device::new_cuda(0) {
        Ok(device) => Some(device),
        Err(error) => {
            println!("SKIPPED: there is no CUDA device: {error}");
            None
        }
    }
}

fn on(device: &Device, sample: &Sample) -> Result<Sample> {
    sample.map(|tensor| Ok(tensor.to_device(device)?))
}

/// Value and gradient of a case on the CPU and on a device, which are compared to `tolerance`.
fn compare(case: &Case, device: &Device, dtype: DType, tolerance: f64) -> Result<()> {
    let sample = case.sample(dtype)?;
    let moved = on(device, &sample)?;
    let (value, gradient) = case.value_and_grad(&sample)?;
    let (found, found_gradient) = case.value_and_grad(&moved)?;
    ensure!(
        found.device().same_device(device),
        "the value has left the device"
    );
    assert_close(&found.to_device(&Device::Cpu)?, &value, tolerance)?;
    assert_close(
        &found_gradient.to_device(&Device::Cpu)?,
        &gradient,
        tolerance,
    )
}

fn has_kernel(case: &Case, device: &Device) -> Result<bool> {
    let sample = on(device, &case.sample(DType::F32)?)?;
    Ok(case.loss.has_kernel(&sample.inputs()))
}

fn with_kernel(device: &Device) -> Result<Vec<Case>> {
    let mut found = Vec::new();
    for case in cases() {
        if has_kernel(&case, device)? {
            found.push(case);
        }
    }
    Ok(found)
}

#[test]
fn values_and_gradients() -> Result<()> {
    let Some(device) = device() else {
        return Ok(());
    };
    each(&cases(), |case| compare(case, &device, DType::F32, 1e-4))
}

/// Networks of random weights, composed of candle's operations.
#[test]
fn losses_of_frozen_networks() -> Result<()> {
    let Some(device) = device() else {
        return Ok(());
    };
    each(&network_cases(), |case| {
        compare(case, &device, DType::F32, 1e-3)
    })
}

#[test]
fn kernels_in_every_precision() -> Result<()> {
    let Some(device) = device() else {
        return Ok(());
    };
    let cases = with_kernel(&device)?;
    each(&cases, |case| compare(case, &device, DType::F32, 1e-5))?;
    each(&cases, |case| compare(case, &device, DType::F64, 1e-11))?;
    each(&cases, |case| compare(case, &device, DType::F16, 1e-5))?;
    each(&cases, |case| compare(case, &device, DType::BF16, 1e-5))
}

/// The losses that have kernels.
#[test]
fn losses_with_kernels() -> Result<()> {
    let Some(device) = device() else {
        return Ok(());
    };
    let names: BTreeSet<_> = with_kernel(&device)?.iter().map(Case::loss_name).collect();
    let expected = [
        "bce",
        "bounded_iou",
        "charbonnier",
        "ciou",
        "combo",
        "cross_entropy",
        "dice",
        "dice_ce",
        "dice_focal",
        "diou",
        "discriminator",
        "efficient_iou",
        "extended_iou",
        "focal",
        "focal_tversky",
        "generator",
        "giou",
        "huber",
        "iou",
        "jaccard",
        "l1",
        "log_cosh",
        "mpdiou",
        "mse",
        "nwd",
        "psnr",
        "robust",
        "siou",
        "smooth_l1",
        "softmax_focal",
        "ssim",
        "total_variation",
        "tversky",
        "wing",
        "wise_iou",
    ];
    for name in expected {
        ensure!(
            names.contains(name),
            "{name} has no kernel; these have: {names:?}"
        );
    }
    Ok(())
}

/// On candle's tape, and the same bits at every run.
#[test]
fn kernels_on_the_tape() -> Result<()> {
    let Some(device) = device() else {
        return Ok(());
    };
    each(&with_kernel(&device)?, |case| {
        let sample = case.sample(DType::F32)?;
        let (value, gradient) = case.by_tape(&sample, None, Case::forward)?;
        let moved = on(&device, &sample)?;
        let (found, found_gradient) = case.by_tape(&moved, None, Case::forward)?;
        assert_close(&found.to_device(&Device::Cpu)?, &value, 1e-5)?;
        assert_close(&found_gradient.to_device(&Device::Cpu)?, &gradient, 1e-5)?;
        let (again, again_gradient) = case.by_tape(&moved, None, Case::forward)?;
        assert_same_bits(&again, &found)?;
        assert_same_bits(&again_gradient, &found_gradient)
    })
}
