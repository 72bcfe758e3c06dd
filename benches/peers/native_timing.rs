//! Times one value and gradient of a loss; the native side of `compare.py`, which documents the protocol.
//!
//! Started with the number of threads, and if it is not to use all that the machine has, the instruction set `fma` or
//! `portable`; reads one JSON request per line and answers with one JSON line.

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor, Var};
use cvloss::perceptual::networks::Trunk;
use cvloss::perceptual::weights::Weights;
use cvloss::perceptual::{
    ContextualLoss, ContextualOptions, DistsLoss, DistsOptions, FeatureWeight, LpipsLoss,
    LpipsNetwork, LpipsOptions, PerceptualLoss, PerceptualOptions,
};
use cvloss::{
    Accumulator, Activation, AdversarialLoss, AsymmetricLoss, Border, CharbonnierLoss, CiouLoss,
    ClDiceLoss, CrossEntropyLoss, DiceCeLoss, DiceLoss, DiouLoss, DiscriminatorLoss, EdgeLoss,
    ExtendedIouLoss, FftL1Loss, FocalFrequencyLoss, FocalLoss, GanForm, GiouLoss, HausdorffLoss,
    HuberLoss, Inputs, KldLoss, L1Loss, L1SsimLoss, Loss, LovaszHingeLoss, LovaszSoftmaxLoss,
    MsSsimL1Loss, MsSsimLoss, MseLoss, OhemCrossEntropyLoss, Pairing, PolyFocalLoss, Pooling,
    QualityFocalLoss, Region, Regularizer, RobustLoss, RotatedIouLoss, SiouLoss, Smooth,
    SoftmaxFocalLoss, SsimLoss, TotalVariation, TverskyLoss,
};
use cvloss_kernels::distance_transform::distances;
use cvloss_kernels::simd::{self, Level};
use peak_alloc::PeakAlloc;
use rayon::prelude::*;
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let threads = arguments
        .next()
        .context("usage: native_timing THREADS [fma|portable]")?;
    match arguments.next().as_deref() {
        None => {}
        Some("fma") => simd::limit(Level::Fma),
        Some("portable") => simd::limit(Level::Portable),
        Some(other) => bail!("no instruction set {other}"),
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.parse()?)
        .build_global()?;
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        if request["quit"] == true {
            break;
        }
        let answer =
            answer(&request).unwrap_or_else(|error| json!({ "error": format!("{error:#}") }));
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// The loss that a key of the benchmark names, set up as the peer that `preset` names.
fn loss(key: &str, preset: Option<&str>) -> Result<Box<dyn Loss>> {
    Ok(match (key, preset) {
        ("focal_sigmoid", _) => Box::new(FocalLoss::default()),
        ("cross_entropy" | "cross_entropy_rows", _) => Box::new(CrossEntropyLoss::default()),
        ("focal_softmax", _) => Box::new(SoftmaxFocalLoss::default()),
        ("dice_multiclass", Some("kornia")) => Box::new(DiceLoss::kornia()),
        ("dice_multiclass", Some("smp")) => Box::new(DiceLoss::smp()),
        ("tversky_binary", Some("monai")) => Box::new(tversky(Region::binary())),
        ("tversky_binary", Some("smp")) => Box::new(tversky(Region {
            pooling: Pooling::Batch,
            smooth: Smooth {
                numerator: 0.0,
                denominator: 0.0,
                floor: 1e-7,
            },
            ..Region::binary()
        })),
        ("l1", _) => Box::new(L1Loss::default()),
        ("mse", _) => Box::new(MseLoss::default()),
        ("huber", _) => Box::new(HuberLoss {
            delta: 0.1,
            ..HuberLoss::default()
        }),
        ("charbonnier", _) => Box::new(CharbonnierLoss::default()),
        ("cauchy", _) => Box::new(RobustLoss::cauchy()),
        ("edge", _) => Box::new(EdgeLoss::default()),
        ("total_variation", _) => Box::new(TotalVariation::default().into_loss()),
        ("focal_frequency", _) => Box::new(FocalFrequencyLoss::default()),
        ("fft_l1", _) => Box::new(FftL1Loss::default()),
        ("ssim" | "ssim_1080p" | "ssim_3d", Some("kornia")) => Box::new(SsimLoss::kornia(1.0)),
        ("ssim" | "ssim_1080p" | "ssim_3d", _) => Box::new(SsimLoss::new(1.0)),
        ("l1_ssim", _) => Box::new(l1_ssim()),
        ("ms_ssim", _) => Box::new(MsSsimLoss::new(1.0)),
        ("ms_ssim_l1", _) => Box::new(MsSsimL1Loss::new(1.0)),
        ("dice_ce_3d", _) => Box::new(DiceCeLoss::default()),
        ("giou", _) => Box::new(GiouLoss::default()),
        ("diou", _) => Box::new(DiouLoss::default()),
        ("ciou", _) => Box::new(CiouLoss::default()),
        ("siou", _) => Box::new(SiouLoss::default()),
        ("extended_iou", _) => Box::new(ExtendedIouLoss::default()),
        ("rotated_iou", _) => Box::new(RotatedIouLoss::default()),
        ("kld", _) => Box::new(KldLoss::default()),
        ("lovasz_softmax", _) => Box::new(LovaszSoftmaxLoss {
            pooling: Pooling::Batch,
            ..LovaszSoftmaxLoss::default()
        }),
        ("lovasz_hinge", _) => Box::new(LovaszHingeLoss::default()),
        ("hausdorff", _) => Box::new(HausdorffLoss::default()),
        ("cl_dice" | "cl_dice_3d", _) => Box::new(ClDiceLoss {
            activation: Activation::Sigmoid,
            ..ClDiceLoss::default()
        }),
        ("ohem", _) => Box::new(OhemCrossEntropyLoss::default()),
        ("poly_focal", _) => Box::new(PolyFocalLoss {
            gamma: 2.0,
            ..PolyFocalLoss::default()
        }),
        ("asymmetric", _) => Box::new(AsymmetricLoss::default()),
        ("quality_focal", _) => Box::new(QualityFocalLoss::default()),
        ("hinge", _) => Box::new(discriminator(GanForm::Hinge, Pairing::Standard)),
        ("ragan", _) => Box::new(discriminator(GanForm::NonSaturating, Pairing::Average)),
        ("vgg16_relu4_3", _) => Box::new(vgg16_relu4_3()?),
        ("lpips_alex", _) => Box::new(lpips(LpipsNetwork::Alex)?),
        ("lpips_vgg", _) => Box::new(lpips(LpipsNetwork::Vgg)?),
        ("lpips_squeeze", _) => Box::new(lpips(LpipsNetwork::Squeeze)?),
        ("dists", _) => Box::new(dists()?),
        ("contextual", _) => Box::new(contextual()?),
        _ => bail!("no loss {key} with preset {preset:?}"),
    })
}

fn discriminator(form: GanForm, pairing: Pairing) -> DiscriminatorLoss {
    DiscriminatorLoss(AdversarialLoss {
        form,
        pairing,
        ..AdversarialLoss::default()
    })
}

/// The weights that `golden/_networks.py` has too.
fn weights(trunk: Trunk) -> Weights {
    Weights::random(trunk, 1)
}

fn vgg16_relu4_3() -> Result<PerceptualLoss> {
    let options = PerceptualOptions {
        layers: vec![FeatureWeight {
            name: "relu4_3".into(),
            weight: 1.0,
        }],
        ..PerceptualOptions::johnson()
    };
    let loss = PerceptualLoss::new(weights(options.trunk), options)?;
    prepare(&loss)?;
    Ok(loss)
}

fn lpips(network: LpipsNetwork) -> Result<LpipsLoss> {
    let options = LpipsOptions {
        network,
        ..LpipsOptions::default()
    };
    let loss = LpipsLoss::new(weights(network.trunk()), options)?;
    prepare(&loss)?;
    Ok(loss)
}

fn dists() -> Result<DistsLoss> {
    let loss = DistsLoss::new(weights(Trunk::Vgg16), DistsOptions::default())?;
    prepare(&loss)?;
    Ok(loss)
}

fn contextual() -> Result<ContextualLoss> {
    let options = ContextualOptions::default();
    let loss = ContextualLoss::new(weights(options.trunk), options)?;
    prepare(&loss)?;
    Ok(loss)
}

/// What is made at the first use belongs to no step.
fn prepare(loss: &dyn Loss) -> Result<()> {
    let image = Tensor::zeros((1, 3, 64, 64), candle_core::DType::F32, &Device::Cpu)?;
    loss.forward(&image, &image)?;
    Ok(())
}

/// With the border of the peers.
fn l1_ssim() -> L1SsimLoss {
    let mut loss = L1SsimLoss::new(1.0);
    loss.similarity.border = Border::Valid;
    loss
}

fn tversky(region: Region) -> TverskyLoss {
    TverskyLoss {
        alpha: 0.3,
        beta: 0.7,
        region,
        ..TverskyLoss::default()
    }
}

fn answer(request: &Value) -> Result<Value> {
    let key = request["loss"].as_str().context("no loss")?;
    if key.starts_with("edt") {
        return distance_transform(request);
    }
    if request["memory"] == true {
        return memory(request);
    }
    let loss = loss(key, request["preset"].as_str())?;
    let repeat = request["repeat"].as_u64().unwrap_or(1) as usize;
    let path = Path::new(request["data"].as_str().context("no data")?);
    let mut tensors = candle_core::safetensors::load(path, &Device::Cpu)?;
    let input = tensors.remove("input").context("no input")?;
    let target = tensors.remove("target").context("no target")?;

    let (ours_ms, value, peak_extra_bytes) = time_evaluate(&*loss, &input, &target, repeat)?;
    let ours_tape_ms = time_tape(&*loss, &input, &target, repeat)?;
    let floor_ms = time_floor(&input, &target, repeat)?;
    Ok(json!({
        "ours_ms": ours_ms,
        "ours_tape_ms": ours_tape_ms,
        "floor_ms": floor_ms,
        "peak_extra_bytes": peak_extra_bytes,
        "value": value,
    }))
}

/// A distance transform: of a slice, and as the tape's, of a tensor. The value is the sum of distances.
fn distance_transform(request: &Value) -> Result<Value> {
    let repeat = request["repeat"].as_u64().unwrap_or(1) as usize;
    let path = Path::new(request["data"].as_str().context("no data")?);
    let mut tensors = candle_core::safetensors::load(path, &Device::Cpu)?;
    let input = tensors.remove("input").context("no input")?;
    let mask: Vec<bool> = (input.flatten_all()?.to_vec1::<f32>()?.iter())
        .map(|x| *x > 0.5)
        .collect();
    let space = &input.dims()[2..];
    let spacing = vec![1.0; space.len()];
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let value: f64 = distances(&mask, space, &spacing)?.iter().sum();
    let peak_extra_bytes = ALLOCATOR.peak_usage().saturating_sub(before);
    let ours_ms = time(repeat, || {
        std::hint::black_box(distances(&mask, space, &spacing)?);
        Ok(())
    })?;
    let ours_tape_ms = time(repeat, || {
        cvloss::distance_transform(&input, None)?;
        Ok(())
    })?;
    Ok(json!({
        "ours_ms": ours_ms,
        "ours_tape_ms": ours_tape_ms,
        "floor_ms": time_floor(&input, &input, repeat)?,
        "peak_extra_bytes": peak_extra_bytes,
        "value": value,
    }))
}

/// How far this process grows from before it has the loss, weights included, to the peak of one value and gradient.
fn memory(request: &Value) -> Result<Value> {
    let path = Path::new(request["data"].as_str().context("no data")?);
    let tensors = candle_core::safetensors::load(path, &Device::Cpu)?;
    let inputs = Inputs {
        input: tensors.get("input").context("no input")?,
        target: tensors.get("target").context("no target")?,
        weight: None,
    };
    // The peak from here on.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = status("VmRSS:")?;
    let key = request["loss"].as_str().context("no loss")?;
    let loss = loss(key, request["preset"].as_str())?;
    let mut gradient = Accumulator::new(inputs.input);
    let value = loss.evaluate(&inputs, Some(&mut gradient))?.tensor;
    let peak = status("VmHWM:")?;
    Ok(json!({ "grown_kib": peak - before, "value": value.to_scalar::<f32>()? }))
}

/// KiB that Linux counts for this process.
fn status(name: &str) -> Result<u64> {
    let all = std::fs::read_to_string("/proc/self/status")?;
    let line = all.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no such line")?.parse()?)
}

/// Value and gradient into memory that is already there; also the most memory allocated on top.
fn time_evaluate(
    loss: &dyn Loss,
    input: &Tensor,
    target: &Tensor,
    repeat: usize,
) -> Result<(Vec<f64>, f64, usize)> {
    let inputs = Inputs {
        input,
        target,
        weight: None,
    };
    let mut gradient = Accumulator::new(input);
    let mut value = 0.0;
    // The first call makes each thread's work memory, which is part of the peak.
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    loss.evaluate(&inputs, Some(&mut gradient))?;
    let peak = ALLOCATOR.peak_usage().saturating_sub(before);
    let times = time(repeat, || {
        gradient.restart();
        value = f64::from(
            loss.evaluate(&inputs, Some(&mut gradient))?
                .tensor
                .to_scalar::<f32>()?,
        );
        Ok(())
    })?;
    Ok((times, value, peak))
}

/// Forward and backward on candle's tape.
fn time_tape(loss: &dyn Loss, input: &Tensor, target: &Tensor, repeat: usize) -> Result<Vec<f64>> {
    let input = Var::from_tensor(input)?;
    time(repeat, || {
        let gradients = loss.forward(&input, target)?.backward()?;
        gradients.get(&input).context("no gradient")?;
        Ok(())
    })
}

/// A streaming triad over the bytes of input, target and gradient: read, read, write.
fn time_floor(input: &Tensor, target: &Tensor, repeat: usize) -> Result<Vec<f64>> {
    const BLOCK: usize = 16 * 1024;
    let input = input.flatten_all()?.to_vec1::<f32>()?;
    let bytes = target.elem_count() * target.dtype().size_in_bytes();
    let target = vec![1f32; bytes / size_of::<f32>()];
    let mut gradient = vec![0f32; input.len()];
    // A smaller target is spread over the same blocks.
    let blocks = input.len().div_ceil(BLOCK);
    let part = target.len().div_ceil(blocks).max(1);
    time(repeat, || {
        let rows = gradient.par_chunks_mut(BLOCK).zip(input.par_chunks(BLOCK));
        rows.enumerate().for_each(|(block, (gradient, input))| {
            let start = (block * part).min(target.len());
            let target = &target[start..(start + part).min(target.len())];
            if target.len() == input.len() {
                for ((g, x), t) in gradient.iter_mut().zip(input).zip(target) {
                    *g = x + 0.5 * t;
                }
            } else {
                let bias = target.iter().copied().fold(0.0, f32::max);
                for (g, x) in gradient.iter_mut().zip(input) {
                    *g = x + bias;
                }
            }
        });
        std::hint::black_box(&gradient);
        Ok(())
    })
}

/// Milliseconds of each of `repeat` runs.
fn time(repeat: usize, mut run: impl FnMut() -> Result<()>) -> Result<Vec<f64>> {
    (0..repeat)
        .map(|_| {
            let start = Instant::now();
            run()?;
            Ok(start.elapsed().as_secs_f64() * 1e3)
        })
        .collect()
}
