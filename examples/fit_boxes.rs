//! Trains a small detector to put a box around each coin of a photograph, with any loss of boxes.
//!
//! ```text
//! cargo run --release --example fit_boxes
//! cargo run --release --example fit_boxes -- --loss siou --seed 3
//! ```
//!
//! The detector learns from random crops of the left two thirds of the photograph: focal loss says where coins are,
//! distribution focal loss and the chosen loss of boxes say how large. It is measured on the right third, which it
//! never sees. Two pictures are written: `boxes.png`, true and predicted boxes, and `fits.png`, which needs no
//! network: how IoU, GIoU, DIoU, CIoU and SIoU move the same random boxes onto the same targets. The last line printed
//! is `result mean_iou=… recall50=… seconds=…`: the mean IoU of the held-out coins with their predictions, 0 for those
//! missed, and the share of coins with an IoU of one half or more.

use std::{f64::consts::PI, fs, path::PathBuf, time::Instant};

use anyhow::{Context, Result, ensure};
use candle_core::{Device, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use clap::{Parser, ValueEnum};
use cvloss::{
    Boxes, CiouLoss, DiouLoss, DistributionFocalLoss, EfficientIouLoss, ExtendedIouLoss, FocalLoss,
    GiouLoss, IouLoss, Loss, MpdiouLoss, Normalizer, NwdLoss, Reduction, RunningMean, SiouLoss,
    WiseIouLoss, WiseVersion,
};
use indicatif::{ProgressBar, ProgressStyle};
use rand::{Rng, SeedableRng, rngs::StdRng};

#[path = "support/box_pictures.rs"]
mod box_pictures;
#[path = "support/canvas.rs"]
mod canvas;
#[path = "support/coin_boxes.rs"]
mod coin_boxes;
#[path = "support/detector.rs"]
mod detector;
#[path = "support/init.rs"]
mod init;

use coin_boxes::Scene;
use detector::{Assigned, Detector, STRIDE, decode, detect, matched};

/// How often the held-out part is measured during a training.
const MEASUREMENTS: usize = 20;
/// How sure a cell must be to count.
const THRESHOLD: f32 = 0.4;
/// Random pairs, and steps, of the comparison of losses.
const FITS: (usize, usize) = (500, 200);

/// The losses of boxes by their names on the command line.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Kind {
    Iou,
    Giou,
    Diou,
    Ciou,
    EfficientIou,
    ExtendedIou,
    Siou,
    Mpdiou,
    Nwd,
    WiseIou,
}

/// Train a small detector to put boxes around coins
#[derive(Parser)]
struct Options {
    /// Loss of the boxes
    #[arg(long, default_value = "ciou")]
    loss: Kind,
    /// Training steps
    #[arg(long, default_value_t = 500)]
    steps: usize,
    /// Seed of the first weights, the crops and the random boxes
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Crops per step
    #[arg(long, default_value_t = 4)]
    batch: usize,
    /// Side of a crop in pixels, a multiple of 8
    #[arg(long, default_value_t = 128)]
    crop: usize,
    /// Learning rate of the first step; it falls to zero along half a cosine
    #[arg(long, default_value_t = 3e-3)]
    lr: f64,
    /// Folder for the pictures
    #[arg(long, default_value = "out/fit_boxes")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let start = Instant::now();
    let options = Options::parse();
    fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make the folder {}", options.out.display()))?;
    let [whole, seen, held_out] = coin_boxes::load()?;
    let largest = seen.height.min(seen.width);
    ensure!(
        options.steps > 0 && options.batch > 0,
        "nothing to train on"
    );
    ensure!(
        (1..=largest).contains(&options.crop) && options.crop.is_multiple_of(STRIDE),
        "the side of a crop must be a multiple of {STRIDE} up to {largest}"
    );

    box_pictures::draw_fits(&options.out.join("fits.png"), &fit_random(options.seed)?)?;

    let mut rng = StdRng::seed_from_u64(options.seed);
    let detector = Detector::new(&mut rng)?;
    train(&detector, &options, &seen, &held_out, &mut rng)?;

    let (mean_iou, recall) = measure(&detector, &held_out)?;
    let note = format!("Mean IoU {mean_iou:.3}, recall {recall:.2}.");
    box_pictures::draw_boxes(
        &options.out.join("boxes.png"),
        &whole,
        &predict(&detector, &whole)?,
        seen.width,
        &note,
    )?;
    println!("pictures in {}", options.out.display());
    println!(
        "result mean_iou={mean_iou:.4} recall50={recall:.4} seconds={:.1}",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

fn loss(kind: Kind, boxes: Boxes, mean: f64) -> Box<dyn Loss> {
    macro_rules! plain {
        ($loss:ident) => {
            Box::new($loss {
                boxes,
                ..$loss::default()
            })
        };
    }
    match kind {
        Kind::Iou => plain!(IouLoss),
        Kind::Giou => plain!(GiouLoss),
        Kind::Diou => plain!(DiouLoss),
        Kind::Ciou => plain!(CiouLoss),
        Kind::EfficientIou => plain!(EfficientIouLoss),
        Kind::ExtendedIou => plain!(ExtendedIouLoss),
        Kind::Siou => plain!(SiouLoss),
        Kind::Mpdiou => Box::new(MpdiouLoss {
            image: (128.0, 128.0),
            boxes,
            ..MpdiouLoss::default()
        }),
        Kind::Nwd => Box::new(NwdLoss {
            constant: 50.0,
            boxes,
        }),
        Kind::WiseIou => Box::new(WiseIouLoss {
            version: WiseVersion::V3 {
                alpha: 1.7,
                delta: 2.7,
            },
            mean,
            boxes,
            ..WiseIouLoss::default()
        }),
    }
}

fn train(
    detector: &Detector,
    options: &Options,
    seen: &Scene,
    held_out: &Scene,
    rng: &mut StdRng,
) -> Result<()> {
    let mut optimizer = AdamW::new(detector.vars.clone(), ParamsAdamW::default())?;
    let style = ProgressStyle::with_template("{bar:12} {pos}/{len} {eta} {wide_msg}")?;
    let bar = ProgressBar::new(options.steps as u64).with_style(style);
    let interval = options.steps.div_ceil(MEASUREMENTS);
    let objectness = FocalLoss {
        normalizer: Normalizer::Positives,
        ..FocalLoss::default()
    };
    let cells = options.crop / STRIDE;
    let mut mean = RunningMean::default();
    let mut held = String::new();
    for step in 1..=options.steps {
        let progress = (step - 1) as f64 / options.steps as f64;
        optimizer.set_learning_rate(options.lr * (1.0 + (PI * progress).cos()) / 2.0);

        let (mut pixels, mut truth) = (Vec::new(), Assigned::default());
        for _ in 0..options.batch {
            let (crop, boxes) = seen.crop(options.crop, rng);
            pixels.extend(crop);
            truth.add(&boxes, cells, cells);
        }
        let shape = (options.batch, 1, options.crop, options.crop);
        let found = detector.forward(&Tensor::from_vec(pixels, shape, &Device::Cpu)?)?;

        let all = Tensor::new(truth.objectness.as_slice(), &Device::Cpu)?;
        let focal = objectness.forward(&found.objectness, &all)?;
        let (mut total, mut message) = (focal.clone(), format!("focal {:.3}", scalar(&focal)?));
        if !truth.boxes.is_empty() {
            let chosen = Tensor::new(truth.cells.as_slice(), &Device::Cpu)?;
            let distances = found.distances.index_select(&chosen, 0)?;
            // Four distributions a box, one row each.
            let rows = distances.reshape((truth.boxes.len() * 4, detector::BINS))?;
            let sides = truth.distances()?.flatten_all()?;
            let bins = DistributionFocalLoss::default().forward(&rows, &sides)?;
            let (boxes, target) = (decode(&distances, &truth.centres)?, truth.target()?);
            let fit = loss(options.loss, Boxes::default(), mean.value).forward(&boxes, &target)?;
            mean.observe(&boxes, &target, &Boxes::default())?;
            message += &format!("  dfl {:.3}  boxes {:.3}", scalar(&bins)?, scalar(&fit)?);
            total = ((total + (bins * 0.5)?)? + (fit * 2.0)?)?;
        }
        optimizer.backward_step(&total)?;

        if step % interval == 0 || step == options.steps {
            let (iou, recall) = measure(detector, held_out)?;
            held = format!("  held-out IoU {iou:.3} recall {recall:.2}");
            if bar.is_hidden() {
                eprintln!("{step}/{} {message}{held}", options.steps);
            }
        }
        bar.set_message(message + &held);
        bar.inc(1);
    }
    bar.finish();
    Ok(())
}

fn scalar(tensor: &Tensor) -> candle_core::Result<f32> {
    tensor.to_scalar()
}

fn predict(detector: &Detector, scene: &Scene) -> Result<Vec<coin_boxes::Corners>> {
    let input = scene.input(STRIDE)?;
    let columns = input.dim(3)? / STRIDE;
    detect(&detector.forward(&input)?, columns, THRESHOLD)
}

/// The mean IoU of a scene's coins with their predictions, and the share with one half or more.
fn measure(detector: &Detector, scene: &Scene) -> Result<(f64, f64)> {
    let iou = matched(&predict(detector, scene)?, &scene.boxes)?;
    let count = iou.len() as f64;
    let mean = iou.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
    let recall = iou.iter().filter(|v| **v >= 0.5).count() as f64 / count;
    Ok((mean, recall))
}

/// The mean IoU over steps of random boxes that each loss moves onto the same targets.
fn fit_random(seed: u64) -> Result<Vec<(&'static str, Vec<f32>)>> {
    let (count, steps) = FITS;
    let mut rng = StdRng::seed_from_u64(seed);
    let mut draw = || -> Result<Tensor> {
        let rows = (0..count).flat_map(|_| {
            let [x, y]: [f32; 2] = [rng.random_range(0.0..8.0), rng.random_range(0.0..8.0)];
            let [w, h]: [f32; 2] = [rng.random_range(0.5..4.0), rng.random_range(0.5..4.0)];
            [x, y, x + w, y + h]
        });
        let rows: Vec<f32> = rows.collect();
        Ok(Tensor::from_vec(rows, (count, 4), &Device::Cpu)?)
    };
    let (first, target) = (draw()?, draw()?);
    let sum = Boxes {
        reduction: Reduction::Sum,
        ..Boxes::default()
    };
    let mut curves = Vec::new();
    for (name, kind) in [
        ("IoU", Kind::Iou),
        ("GIoU", Kind::Giou),
        ("DIoU", Kind::Diou),
        ("CIoU", Kind::Ciou),
        ("SIoU", Kind::Siou),
    ] {
        let loss = loss(kind, sum.clone(), 1.0);
        let boxes = Var::from_tensor(&first)?;
        let parameters = ParamsAdamW {
            weight_decay: 0.0,
            ..ParamsAdamW::default()
        };
        let mut optimizer = AdamW::new(vec![boxes.clone()], parameters)?;
        let mut curve = Vec::with_capacity(steps + 1);
        for step in 0..=steps {
            let iou = IouLoss::default().forward(&boxes.detach(), &target)?;
            curve.push(1.0 - scalar(&iou)?);
            let progress = step as f64 / steps as f64;
            optimizer.set_learning_rate(0.15 * (1.0 + (PI * progress).cos()) / 2.0);
            optimizer.backward_step(&loss.forward(&boxes, &target)?)?;
        }
        curves.push((name, curve));
    }
    Ok(curves)
}
