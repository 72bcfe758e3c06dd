//! The perceptual distance of two pictures of the same size.
//!
//! ```text
//! cargo run --release --example lpips_compare -- A.png B.png --weights alexnet.safetensors
//! ```
//!
//! The last line printed is `result lpips=…`. A map of where they differ goes to `--map FILE`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use clap::{Parser, ValueEnum};
use cvloss::Loss;
use cvloss::perceptual::weights::{Sources, Weights};
use cvloss::perceptual::{LpipsLoss, LpipsNetwork, LpipsOptions};
use image::GrayImage;

#[derive(Parser)]
#[command(about = "The perceptual distance (LPIPS) of two pictures")]
struct Arguments {
    first: PathBuf,
    second: PathBuf,
    /// Which network
    #[arg(long, value_enum, default_value_t = Network::Alex)]
    network: Network,
    /// Its weights, a safetensors file with torchvision's names; else they are looked for, see docs/weights.md
    #[arg(long)]
    weights: Option<PathBuf>,
    /// Where a map of the differences goes
    #[arg(long)]
    map: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Network {
    Alex,
    Vgg,
    Squeeze,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let network = match arguments.network {
        Network::Alex => LpipsNetwork::Alex,
        Network::Vgg => LpipsNetwork::Vgg,
        Network::Squeeze => LpipsNetwork::Squeeze,
    };
    let weights = match &arguments.weights {
        Some(path) => Weights::load(network.trunk(), path)?,
        None => Weights::find(network.trunk(), &Sources::from_env()).with_context(|| {
            format!(
                "name a file with the weights of {} by --weights, or see docs/weights.md",
                network.trunk()
            )
        })?,
    };
    let options = LpipsOptions {
        network,
        ..LpipsOptions::default()
    };
    let loss = LpipsLoss::new(weights, options)?;
    let (first, second) = (read(&arguments.first)?, read(&arguments.second)?);
    ensure!(
        first.dims() == second.dims(),
        "the pictures are {:?} and {:?}, expected the same size",
        &first.dims()[2..],
        &second.dims()[2..]
    );
    let value = loss.forward(&first, &second)?.to_scalar::<f32>()?;
    if let Some(path) = &arguments.map {
        write(&loss.spatial(&first, &second)?, path)?;
    }
    println!("result lpips={value:.6}");
    Ok(())
}

/// A picture as (1, 3, H, W) numbers in 0 to 1.
fn read(path: &Path) -> Result<Tensor> {
    let picture = image::open(path)
        .with_context(|| path.display().to_string())?
        .to_rgb8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let bytes = Tensor::from_vec(picture.into_raw(), (height, width, 3), &Device::Cpu)?;
    let numbers = bytes.permute((2, 0, 1))?.unsqueeze(0)?.contiguous()?;
    Ok((numbers.to_dtype(DType::F32)? / 255.0)?)
}

/// The largest difference is white.
fn write(map: &Tensor, path: &Path) -> Result<()> {
    let (_, _, height, width) = map.dims4()?;
    let numbers = map.flatten_all()?.to_vec1::<f32>()?;
    let largest = numbers.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let bytes = numbers
        .iter()
        .map(|x| (x / largest * 255.0).round() as u8)
        .collect();
    let picture = GrayImage::from_raw(width as u32, height as u32, bytes).context("wrong size")?;
    picture
        .save(path)
        .with_context(|| path.display().to_string())
}
