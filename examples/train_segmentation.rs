//! Trains a small U-Net to find coins in a photograph, with any weighted sum of losses.
//!
//! ```text
//! cargo run --release --example train_segmentation
//! cargo run --release --example train_segmentation -- --loss focal=20,jaccard --seed 3
//! ```
//!
//! The network learns from random crops of the left two thirds of a photograph of 24 coins and
//! is measured on the right third, which it never sees. A progress bar shows every term of the
//! loss. Two pictures are written: `curves.png`, the loss with its terms and the held-out Dice
//! over the steps, and `prediction.png`, what the network makes of the held-out part and where
//! the loss still pulls at its logits. The last line printed is
//! `result dice=… iou=… steps=… seconds=…`, counted from the prediction cut at one half.

use std::{f64::consts::PI, fs, path::PathBuf, time::Instant};

use anyhow::{Context, Result, ensure};
use candle_core::Tensor;
use candle_nn::{AdamW, Module, Optimizer, ParamsAdamW};
use clap::Parser;
use cvloss::Loss;
use indicatif::{ProgressBar, ProgressStyle};
use plotters::style::RGBColor;
use rand::{SeedableRng, rngs::StdRng};

#[path = "support/canvas.rs"]
mod canvas;
#[path = "support/coins.rs"]
mod coins;
#[path = "support/heat.rs"]
mod heat;
#[path = "support/init.rs"]
mod init;
#[path = "support/layers.rs"]
mod layers;
#[path = "support/objective.rs"]
mod objective;
#[path = "support/palette.rs"]
mod palette;
#[path = "support/panels.rs"]
mod panels;
#[path = "support/pictures.rs"]
mod pictures;
#[path = "support/unet.rs"]
mod unet;

use canvas::grey;
use coins::Scene;
use heat::heat;
use objective::{Choice, Objective};
use panels::Panel;
use pictures::History;
use unet::UNet;

/// How often the held-out part is measured during a training.
const MEASUREMENTS: usize = 40;

/// Train a small U-Net to find coins, with any weighted sum of losses
#[derive(Parser)]
struct Options {
    /// Terms of the loss, NAME or NAME=WEIGHT, of bce, focal, dice, jaccard, tversky,
    /// focal-tversky, combo, dice-ce, dice-focal, ce, softmax-focal, lovasz, boundary, cldice
    #[arg(long, value_delimiter = ',', default_value = "bce=1,dice=1")]
    loss: Vec<Choice>,
    /// Training steps
    #[arg(long, default_value_t = 200)]
    steps: usize,
    /// Seed of the first weights and of the crops
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Crops per step
    #[arg(long, default_value_t = 4)]
    batch: usize,
    /// Side of a crop in pixels, a multiple of 8
    #[arg(long, default_value_t = 96)]
    crop: usize,
    /// Learning rate of the first step; it falls to zero along half a cosine
    #[arg(long, default_value_t = 5e-3)]
    lr: f64,
    /// Folder for the pictures
    #[arg(long, default_value = "out/train_segmentation")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let start = Instant::now();
    let options = Options::parse();
    fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make the folder {}", options.out.display()))?;
    let (seen, held_out) = coins::load()?;
    check(&options, &seen)?;

    let mut trainer = Trainer::new(&options, held_out)?;
    trainer.train(&options, &seen)?;
    trainer.history.draw(&options.out.join("curves.png"))?;
    let (dice, iou) = trainer.draw_prediction(&options)?;

    println!("pictures in {}", options.out.display());
    println!(
        "result dice={dice:.4} iou={iou:.4} steps={} seconds={:.1}",
        options.steps,
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

fn check(options: &Options, seen: &Scene) -> Result<()> {
    ensure!(
        options.steps > 0 && options.batch > 0,
        "nothing to train on"
    );
    let largest = seen.height.min(seen.width);
    ensure!(
        (1..=largest).contains(&options.crop) && options.crop.is_multiple_of(unet::MULTIPLE),
        "the side of a crop must be a multiple of {} up to {largest}",
        unet::MULTIPLE
    );
    Ok(())
}

struct Trainer {
    objective: Objective,
    net: UNet,
    rng: StdRng,
    held_out: Scene,
    history: History,
}

impl Trainer {
    fn new(options: &Options, held_out: Scene) -> Result<Self> {
        let objective = Objective::new(&options.loss)?;
        let mut rng = StdRng::seed_from_u64(options.seed);
        Ok(Self {
            net: UNet::new(objective.outputs, &mut rng)?,
            objective,
            rng,
            held_out,
            history: History::default(),
        })
    }

    fn train(&mut self, options: &Options, seen: &Scene) -> Result<()> {
        let mut optimizer = AdamW::new(self.net.vars(), ParamsAdamW::default())?;
        let style = ProgressStyle::with_template("{bar:12} {pos}/{len} {eta} {wide_msg}")?;
        let bar = ProgressBar::new(options.steps as u64).with_style(style);
        let interval = options.steps.div_ceil(MEASUREMENTS);
        for step in 1..=options.steps {
            let progress = (step - 1) as f64 / options.steps as f64;
            optimizer.set_learning_rate(options.lr * (1.0 + (PI * progress).cos()) / 2.0);

            let (crops, truth) = seen.crops(options.batch, options.crop, &mut self.rng)?;
            let logits = self.net.forward(&crops)?;
            let target = self.objective.target(&truth)?;
            let terms = self.objective.loss.forward_terms(&logits, &target)?;
            optimizer.backward_step(&terms.total)?;

            self.history.record(&terms)?;
            if step % interval == 0 || step == options.steps {
                self.measure(step)?;
                if bar.is_hidden() {
                    eprintln!("{step}/{} {}", options.steps, self.history.status());
                }
            }
            bar.set_message(self.history.status());
            bar.inc(1);
        }
        bar.finish();
        Ok(())
    }

    fn measure(&mut self, step: usize) -> Result<()> {
        let (input, _) = self.held_out.tensors()?;
        let probability = self.objective.probability(&self.logits(&input)?)?;
        let (dice, _) = scores(&pixels(&probability)?, &self.held_out.truth);
        self.history.record_dice(step, dice);
        Ok(())
    }

    /// Logits of a picture of any size: padded until the network can halve it, then cut back.
    fn logits(&self, input: &Tensor) -> candle_core::Result<Tensor> {
        let (_, _, height, width) = input.dims4()?;
        let missing = |size: usize| size.next_multiple_of(unet::MULTIPLE) - size;
        let padded =
            input
                .pad_with_same(2, 0, missing(height))?
                .pad_with_same(3, 0, missing(width))?;
        let logits = self.net.forward(&padded)?.detach();
        logits
            .narrow(2, 0, height)?
            .narrow(3, 0, width)?
            .contiguous()
    }

    /// Draws what became of the held-out part; its Dice and intersection over union.
    fn draw_prediction(&self, options: &Options) -> Result<(f64, f64)> {
        let scene = &self.held_out;
        let (input, truth) = scene.tensors()?;
        let logits = self.logits(&input)?;
        let probability = pixels(&self.objective.probability(&logits)?)?;
        let (dice, iou) = scores(&probability, &scene.truth);

        // No training step follows, so there is no need of candle's tape.
        let target = self.objective.target(&truth)?;
        let (_, gradient) = self.objective.loss.value_and_grad(&logits, &target)?;
        let gradient = pixels(&gradient.abs()?.max(1)?)?;
        let largest = gradient.iter().copied().fold(f32::MIN_POSITIVE, f32::max);

        let panel = |title, note: String, colours| Panel {
            title,
            note,
            colours,
        };
        let photograph = scene.grey.iter().map(|&v| grey(v));
        let verdicts = probability.iter().zip(&scene.truth);
        let shown = [
            panel(
                "photograph",
                "the held-out third".to_owned(),
                photograph.collect(),
            ),
            panel(
                "truth",
                "white: coin".to_owned(),
                scene.truth.iter().map(|&v| grey(v)).collect(),
            ),
            panel(
                "prediction",
                format!("Dice {dice:.3}, red missed, blue extra"),
                verdicts.map(|(&p, &t)| verdict(p, t)).collect(),
            ),
            panel(
                "gradient of the loss",
                format!("|dL/dlogit| to {largest:.1e}, root scale"),
                gradient
                    .iter()
                    .map(|&v| heat((v / largest).sqrt()))
                    .collect(),
            ),
        ];
        let path = options.out.join("prediction.png");
        panels::draw_panels(&path, scene.width, shown.len(), &shown)?;
        Ok((dice, iou))
    }
}

/// Grey where the prediction is right, red where it misses a coin, blue where it makes one up.
fn verdict(probability: f32, truth: f32) -> RGBColor {
    match (probability > 0.5, truth > 0.5) {
        (false, true) => RGBColor(230, 60, 30),
        (true, false) => RGBColor(40, 120, 255),
        _ => grey(probability),
    }
}

/// Dice and intersection over union of the prediction cut at one half, counted by pixels.
fn scores(probability: &[f32], truth: &[f32]) -> (f64, f64) {
    let count = |keep: fn(bool, bool) -> bool| {
        let pairs = probability.iter().zip(truth);
        pairs.filter(|(p, t)| keep(**p > 0.5, **t > 0.5)).count() as f64
    };
    let (both, either) = (count(|p, t| p && t), count(|p, t| p || t));
    (2.0 * both / (both + either), both / either)
}

fn pixels(tensor: &Tensor) -> candle_core::Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}
