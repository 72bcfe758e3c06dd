//! Paints a photograph in the style of another picture, by the losses of Johnson et al.
//!
//! ```text
//! cargo run --release --features hub --example style_transfer
//! cargo run --release --example style_transfer -- --weights model.safetensors
//! ```
//!
//! VGG16's weights come from the Hub, from its cache, or from a file; without any it says how to get them.
//!
//! The pixels themselves are optimised, by Adam, from the photograph on: features of VGG16 hold its content, and their
//! Gram matrices take on the other's style. The last line printed is `result content=… style=… seconds=…`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use clap::Parser;
use cvloss::Loss;
use cvloss::perceptual::networks::{FeatureNetwork, Trunk};
use cvloss::perceptual::weights::{Sources, Weights};
use cvloss::perceptual::{PerceptualLoss, PerceptualOptions, StyleLoss, StyleOptions};
use image::RgbImage;
use image::imageops::{FilterType, resize};
use indicatif::{ProgressBar, ProgressStyle};

#[derive(Parser)]
#[command(about = "Paints a photograph in the style of another picture")]
struct Arguments {
    /// VGG16's weights, a safetensors file with torchvision's names; else they are looked for, see docs/weights.md
    #[arg(long)]
    weights: Option<PathBuf>,
    /// The picture whose content is kept
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/astronaut.png"))]
    content: PathBuf,
    /// The picture whose style is taken
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/coins.png"))]
    style: PathBuf,
    /// Rows and pixels of a row of the result
    #[arg(long, default_value_t = 224)]
    size: u32,
    /// Steps of Adam
    #[arg(long, default_value_t = 200)]
    steps: usize,
    /// The factor of the style loss; that of the content loss is 1
    #[arg(long, default_value_t = 2000.0)]
    style_weight: f64,
    /// Where the result goes
    #[arg(long, default_value = "style_transfer.png")]
    output: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let weights = match &arguments.weights {
        Some(path) => Weights::load(Trunk::Vgg16, path)?,
        None => Weights::find(Trunk::Vgg16, &Sources::from_env()).with_context(|| {
            format!(
                "name a file with the weights of {} by --weights, or see docs/weights.md",
                Trunk::Vgg16
            )
        })?,
    };
    let network = FeatureNetwork::new(weights);
    let content = PerceptualLoss::with_network(network.clone(), PerceptualOptions::johnson())?;
    let style = StyleLoss::with_network(network, StyleOptions::johnson())?;
    let photograph = read(&arguments.content, arguments.size)?;
    let kept = content.target_features(&photograph)?;
    let painting = read(&arguments.style, arguments.size)?;

    let bar = ProgressBar::new(arguments.steps as u64);
    bar.set_style(ProgressStyle::with_template(
        "{bar:30} {pos}/{len} {msg} {eta}",
    )?);
    let start = Instant::now();
    let mut adam = Adam::new(&photograph)?;
    let mut picture = photograph;
    let mut last = (0.0, 0.0);
    for _ in 0..arguments.steps {
        let (value, gradient) = content.value_and_grad_with(&picture, &kept)?;
        let (style_value, style_gradient) = style.value_and_grad(&picture, &painting)?;
        last = (value.to_scalar::<f32>()?, style_value.to_scalar::<f32>()?);
        let gradient = (gradient + (style_gradient * arguments.style_weight)?)?;
        picture = adam.step(&picture, &gradient)?;
        bar.set_message(format!("content {:.4} style {:.6}", last.0, last.1));
        bar.inc(1);
    }
    bar.finish();
    write(&picture, &arguments.output)?;
    println!(
        "result content={:.5} style={:.7} seconds={:.1}",
        last.0,
        last.1,
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Adam on the pixels, which stay in 0 to 1.
struct Adam {
    mean: Tensor,
    square: Tensor,
    steps: i32,
}

impl Adam {
    const RATE: f64 = 0.02;
    const BETA: (f64, f64) = (0.9, 0.99);

    fn new(picture: &Tensor) -> Result<Self> {
        Ok(Self {
            mean: picture.zeros_like()?,
            square: picture.zeros_like()?,
            steps: 0,
        })
    }

    fn step(&mut self, picture: &Tensor, gradient: &Tensor) -> Result<Tensor> {
        let (first, second) = Self::BETA;
        self.steps += 1;
        self.mean = ((&self.mean * first)? + (gradient * (1.0 - first))?)?;
        self.square = ((&self.square * second)? + (gradient.sqr()? * (1.0 - second))?)?;
        let mean = (&self.mean / (1.0 - first.powi(self.steps)))?;
        let deviation = ((&self.square / (1.0 - second.powi(self.steps)))?.sqrt()? + 1e-8)?;
        Ok((picture - (mean.div(&deviation)? * Self::RATE)?)?.clamp(0.0, 1.0)?)
    }
}

/// A picture as (1, 3, size, size) numbers in 0 to 1.
fn read(path: &Path, size: u32) -> Result<Tensor> {
    let picture = image::open(path).with_context(|| path.display().to_string())?;
    let picture = resize(&picture.to_rgb8(), size, size, FilterType::CatmullRom);
    let side = size as usize;
    let bytes = Tensor::from_vec(picture.into_raw(), (side, side, 3), &Device::Cpu)?;
    let numbers = bytes.permute((2, 0, 1))?.unsqueeze(0)?.contiguous()?;
    Ok((numbers.to_dtype(candle_core::DType::F32)? / 255.0)?)
}

fn write(picture: &Tensor, path: &Path) -> Result<()> {
    let (_, _, height, width) = picture.dims4()?;
    let numbers = picture
        .squeeze(0)?
        .permute((1, 2, 0))?
        .flatten_all()?
        .to_vec1::<f32>()?;
    let bytes = numbers
        .into_iter()
        .map(|x| (x * 255.0).round() as u8)
        .collect();
    let picture = RgbImage::from_raw(width as u32, height as u32, bytes).context("wrong size")?;
    picture
        .save(path)
        .with_context(|| path.display().to_string())
}
