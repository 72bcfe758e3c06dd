//! Value and gradient of the segmentation losses: the fused kernel, candle's tape around it, and candle operations.
//!
//! `cargo bench -p cvloss --bench segmentation`; each result is checked once against the composed form before it is timed.

use anyhow::{Result, ensure};
use candle_core::{Device, Tensor, Var};
use criterion::{BenchmarkId, Criterion};
use cvloss::{
    Accumulator, BceLoss, CrossEntropyLoss, DiceCeLoss, DiceLoss, FocalLoss, Inputs, Loss,
    SoftmaxFocalLoss, TverskyLoss,
};

fn main() -> Result<()> {
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    let classes = [1, 21, 128, 128];
    let binary = [2, 1, 256, 256];
    bench(&mut criterion, &BceLoss::default(), &binary, false)?;
    bench(&mut criterion, &FocalLoss::default(), &binary, false)?;
    bench(&mut criterion, &CrossEntropyLoss::default(), &classes, true)?;
    bench(&mut criterion, &SoftmaxFocalLoss::default(), &classes, true)?;
    bench(&mut criterion, &DiceLoss::default(), &classes, true)?;
    bench(&mut criterion, &TverskyLoss::binary(), &binary, false)?;
    bench(
        &mut criterion,
        &DiceCeLoss::default(),
        &[1, 4, 32, 32, 32],
        true,
    )?;
    criterion.final_summary();
    Ok(())
}

fn bench(
    criterion: &mut Criterion,
    loss: &dyn Loss,
    shape: &[usize],
    by_class: bool,
) -> Result<()> {
    let input = Tensor::randn(0f32, 2.0, shape, &Device::Cpu)?;
    let target = target(shape, by_class)?;
    let inputs = Inputs {
        input: &input,
        target: &target,
        weight: None,
    };
    let fused = loss.value_and_grad(&input, &target)?.0.to_scalar::<f32>()?;
    let composed = loss.composed(&inputs)?.to_scalar::<f32>()?;
    ensure!(
        (fused - composed).abs() <= 1e-4 * composed.abs(),
        "{}: {fused} and {composed}",
        loss.name()
    );

    let size = format!("{shape:?}");
    let mut group = criterion.benchmark_group(loss.name());
    let mut gradient = Accumulator::new(&input);
    group.bench_function(BenchmarkId::new("fused", &size), |bencher| {
        bencher.iter(|| {
            gradient.restart();
            loss.evaluate(&inputs, Some(&mut gradient))
        });
    });
    let variable = Var::from_tensor(&input)?;
    group.bench_function(BenchmarkId::new("tape", &size), |bencher| {
        bencher.iter(|| loss.forward(&variable, &target)?.backward());
    });
    let inputs = Inputs {
        input: &variable,
        ..inputs
    };
    group.bench_function(BenchmarkId::new("composed", &size), |bencher| {
        bencher.iter(|| loss.composed(&inputs)?.backward());
    });
    group.finish();
    Ok(())
}

/// Class indices, or 0 and 1 in the input's shape.
fn target(shape: &[usize], by_class: bool) -> Result<Tensor> {
    if !by_class {
        return Ok(Tensor::randn(0f32, 1.0, shape, &Device::Cpu)?
            .gt(1.0)?
            .to_dtype(candle_core::DType::F32)?);
    }
    let mut pixels = shape.to_vec();
    let classes = pixels.remove(1);
    let uniform = Tensor::rand(0f32, classes as f32, pixels, &Device::Cpu)?;
    Ok(uniform.floor()?.to_dtype(candle_core::DType::U32)?)
}
