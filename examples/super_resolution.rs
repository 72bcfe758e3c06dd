//! Doubles the resolution of a photograph with a small network, trained with any weighted sum of losses.
//!
//! ```text
//! cargo run --release --example super_resolution
//! cargo run --release --example super_resolution -- --loss l1,edge=0.5 --seed 3
//! ```
//!
//! The network sees crops of a photograph at half its size, and learns what to add to their bicubic enlargement. It is
//! measured on a part that it never sees: the face. A progress bar shows every term of the loss and the held-out PSNR.
//! `comparison.png` has what went in, bicubic interpolation, the network's picture and the truth, the errors of both,
//! and maps of the structural similarity; each picture is written alone, too. The last line printed is
//! `result psnr=… ssim=… bicubic_psnr=… bicubic_ssim=… seconds=…`, of pictures rounded to 8 bits, by formulas of the
//! example's own.

use std::{
    f64::consts::PI,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use candle_core::Tensor;
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use clap::Parser;
use cvloss::LossSum;
use indicatif::{ProgressBar, ProgressStyle};
use plotters::style::RGBColor;
use rand::{SeedableRng, rngs::StdRng};

#[path = "support/astronaut.rs"]
mod astronaut;
#[path = "support/canvas.rs"]
mod canvas;
#[path = "support/heat.rs"]
mod heat;
#[path = "support/init.rs"]
mod init;
#[path = "support/layers.rs"]
mod layers;
#[path = "support/panels.rs"]
mod panels;
#[path = "support/quality.rs"]
mod quality;
#[path = "support/restoration.rs"]
mod restoration;
#[path = "support/subpixel.rs"]
mod subpixel;

use astronaut::{CHANNELS, Crops, Photo};
use canvas::grey;
use heat::heat;
use panels::Panel;
use quality::{Planes, psnr, ssim};
use restoration::Choice;
use subpixel::SubPixel;

/// How often the held-out part is measured during a training.
const MEASUREMENTS: usize = 20;
/// An error of this much is white in the pictures of errors.
const LARGE_ERROR: f64 = 0.2;

/// Double the resolution of a photograph, trained with any weighted sum of losses
#[derive(Parser)]
struct Options {
    /// Terms of the loss, NAME or NAME=WEIGHT, of l1, l2, charbonnier, huber, log-cosh, cauchy, psnr,
    /// edge, focal-frequency, fft-l1, tv, ssim, l1-ssim, ms-ssim, ms-ssim-l1
    #[arg(long, value_delimiter = ',', default_value = "charbonnier")]
    loss: Vec<Choice>,
    /// Training steps
    #[arg(long, default_value_t = 1200)]
    steps: usize,
    /// Seed of the first weights and of the crops
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Crops per step
    #[arg(long, default_value_t = 8)]
    batch: usize,
    /// Side of a crop in pixels of low resolution
    #[arg(long, default_value_t = 24)]
    crop: usize,
    /// Learning rate of the first step; it falls to zero along half a cosine
    #[arg(long, default_value_t = 3e-3)]
    lr: f64,
    /// Folder for the pictures
    #[arg(long, default_value = "out/super_resolution")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let start = Instant::now();
    let options = Options::parse();
    fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make the folder {}", options.out.display()))?;
    let photo = Photo::load()?;
    ensure!(
        options.steps > 0 && options.batch > 0,
        "nothing to train on"
    );
    ensure!(
        (4..=photo.largest()).contains(&options.crop),
        "the side of a crop must be 4 to {}",
        photo.largest()
    );

    let mut trainer = Trainer::new(&options, photo.held_out()?)?;
    trainer.train(&options, &photo)?;
    let (ours, bicubic) = trainer.draw(&options)?;
    println!("pictures in {}", options.out.display());
    println!(
        "result psnr={:.3} ssim={:.4} bicubic_psnr={:.3} bicubic_ssim={:.4} seconds={:.1}",
        ours.0,
        ours.1,
        bicubic.0,
        bicubic.1,
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

struct Trainer {
    loss: LossSum,
    net: SubPixel,
    rng: StdRng,
    held_out: Crops,
}

impl Trainer {
    fn new(options: &Options, held_out: Crops) -> Result<Self> {
        let mut rng = StdRng::seed_from_u64(options.seed);
        Ok(Self {
            loss: restoration::objective(&options.loss),
            net: SubPixel::new(CHANNELS, &mut rng)?,
            rng,
            held_out,
        })
    }

    fn train(&mut self, options: &Options, photo: &Photo) -> Result<()> {
        let params = ParamsAdamW {
            weight_decay: 0.0,
            ..ParamsAdamW::default()
        };
        let mut optimizer = AdamW::new(self.net.vars(), params)?;
        let style = ProgressStyle::with_template("{bar:12} {pos}/{len} {eta} {wide_msg}")?;
        let bar = ProgressBar::new(options.steps as u64).with_style(style);
        let interval = options.steps.div_ceil(MEASUREMENTS);
        let truth = planes(&self.held_out.truth)?;
        let mut quality = psnr(&planes(&self.held_out.bicubic)?, &truth);
        for step in 1..=options.steps {
            let progress = (step - 1) as f64 / options.steps as f64;
            optimizer.set_learning_rate(options.lr * (1.0 + (PI * progress).cos()) / 2.0);

            let crops = photo.random_crops(options.batch, options.crop, &mut self.rng)?;
            let picture = self.net.forward(&crops.low, &crops.bicubic)?;
            let terms = self.loss.forward_terms(&picture, &crops.truth)?;
            optimizer.backward_step(&terms.total)?;

            let is_measured = step % interval == 0 || step == options.steps;
            if is_measured {
                quality = psnr(&planes(&self.picture()?)?, &truth);
            }
            let mut status = String::new();
            for term in &terms.terms {
                let value = term.value.to_scalar::<f32>()?;
                status += &format!("{} {value:.5}  ", term.name);
            }
            status += &format!("held-out PSNR {quality:.2} dB");
            if is_measured && bar.is_hidden() {
                eprintln!("{step}/{} {status}", options.steps);
            }
            bar.set_message(status);
            bar.inc(1);
        }
        bar.finish();
        Ok(())
    }

    /// The held-out part, as the network sees it.
    fn picture(&self) -> Result<Tensor> {
        let Crops { low, bicubic, .. } = &self.held_out;
        Ok(self.net.forward(low, bicubic)?.detach())
    }

    /// Draws the held-out part; PSNR and SSIM of ours and of bicubic interpolation.
    fn draw(&self, options: &Options) -> Result<((f64, f64), (f64, f64))> {
        let ours = planes(&self.picture()?)?;
        let bicubic = planes(&self.held_out.bicubic)?;
        let truth = planes(&self.held_out.truth)?;
        let low = enlarged(&planes(&self.held_out.low)?);
        let (our_ssim, our_map) = ssim(&ours, &truth);
        let (bicubic_ssim, bicubic_map) = ssim(&bicubic, &truth);
        let scores = (
            (psnr(&ours, &truth), our_ssim),
            (psnr(&bicubic, &truth), bicubic_ssim),
        );
        let note = |(psnr, ssim): (f64, f64)| format!("PSNR {psnr:.2} dB, SSIM {ssim:.4}");
        let limit = format!("mean |difference|, white from {LARGE_ERROR}");
        let map = "SSIM: white 1, black 0.5 and less";
        let panel = |title, note: &str, colours| Panel {
            title,
            note: note.to_owned(),
            colours,
        };
        let shown = [
            panel("low resolution", "what the network sees", colours(&low)),
            panel("bicubic", &note(scores.1), colours(&bicubic)),
            panel("ours", &note(scores.0), colours(&ours)),
            panel("truth", "never seen in training", colours(&truth)),
            panel("error of bicubic", &limit, errors(&bicubic, &truth)),
            panel("error of ours", &limit, errors(&ours, &truth)),
            panel(
                "SSIM of bicubic",
                map,
                similarities(&bicubic_map, truth.width),
            ),
            panel("SSIM of ours", map, similarities(&our_map, truth.width)),
        ];
        for panel in &shown {
            let name = format!("{}.png", panel.title.replace(' ', "_"));
            save(&options.out.join(name), truth.width, panel)?;
        }
        let path = options.out.join("comparison.png");
        panels::draw_panels(&path, truth.width, 4, &shown)?;
        Ok(scores)
    }
}

/// Writes a panel alone, without its caption.
fn save(path: &Path, width: usize, panel: &Panel) -> Result<()> {
    let height = panel.colours.len() / width;
    let bytes: Vec<u8> = panel
        .colours
        .iter()
        .flat_map(|colour| [colour.0, colour.1, colour.2])
        .collect();
    let (width, height) = (width as u32, height as u32);
    image::save_buffer(path, &bytes, width, height, image::ExtendedColorType::Rgb8)?;
    Ok(())
}

/// `(1, c, h, w)` in planes, rounded to 8 bits.
fn planes(tensor: &Tensor) -> Result<Planes> {
    let width = tensor.dim(3)?;
    let rows = tensor.squeeze(0)?.flatten_from(1)?.to_vec2::<f32>()?;
    let round = |v: f32| f64::from((v.clamp(0.0, 1.0) * 255.0).round()) / 255.0;
    let planes = rows
        .into_iter()
        .map(|row| row.into_iter().map(round).collect())
        .collect();
    Ok(Planes { width, planes })
}

/// Each pixel four times.
fn enlarged(picture: &Planes) -> Planes {
    let width = 2 * picture.width;
    let enlarge = |plane: &Vec<f64>| {
        let pixel = |i: usize| plane[i / width / 2 * picture.width + i % width / 2];
        (0..4 * plane.len()).map(pixel).collect()
    };
    Planes {
        width,
        planes: picture.planes.iter().map(enlarge).collect(),
    }
}

fn colours(picture: &Planes) -> Vec<RGBColor> {
    let level = |plane: usize, i: usize| (picture.planes[plane][i] * 255.0).round() as u8;
    (0..picture.planes[0].len())
        .map(|i| RGBColor(level(0, i), level(1, i), level(2, i)))
        .collect()
}

/// The mean difference over colours.
fn errors(picture: &Planes, truth: &Planes) -> Vec<RGBColor> {
    let count = truth.planes.len() as f64;
    let error = |i: usize| {
        let pairs = picture.planes.iter().zip(&truth.planes);
        pairs.map(|(a, b)| (a[i] - b[i]).abs()).sum::<f64>() / count
    };
    (0..truth.planes[0].len())
        .map(|i| heat((error(i) / LARGE_ERROR) as f32))
        .collect()
}

/// A map of similarities in the middle of a grey picture: it has no values along the border.
fn similarities(map: &Planes, width: usize) -> Vec<RGBColor> {
    let border = (width - map.width) / 2;
    let rows = map.planes[0].len() / map.width;
    let at = |i: usize| {
        let (y, x) = (i / width, i % width);
        match (y.checked_sub(border), x.checked_sub(border)) {
            (Some(y), Some(x)) if y < rows && x < map.width => {
                grey((2.0 * map.planes[0][y * map.width + x] - 1.0) as f32)
            }
            _ => RGBColor(90, 110, 140),
        }
    };
    (0..width * (rows + 2 * border)).map(at).collect()
}
