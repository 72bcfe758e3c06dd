//! Fetches, verifies, lists and converts weights of frozen networks.
//!
//! ```text
//! cargo run --release --features hub --example cvloss-weights -- list
//! cargo run --release --features hub --example cvloss-weights -- fetch vgg16
//! cargo run --release --features hub --example cvloss-weights -- convert vgg19-dcbb9e9d.pth --network vgg19 --out weights
//! cargo run --release --features hub --example cvloss-weights -- verify weights/vgg19.safetensors --network vgg19
//! ```
//!
//! `fetch` does what a loss does when it needs weights, and shows how far it is. `convert` reads a file of torchvision
//! and writes the convolution layers as `NAME.safetensors`; the variable `CVLOSS_WEIGHTS` then names the folder.
//! torchvision's names end in the first digits of the file's SHA-256, which are checked. `verify` says of a safetensors
//! file whether it has all that a network needs, and the hash of its tensors. The last line printed by each is
//! `result …`.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand};
use cvloss::perceptual::weights::{
    Progress, Sources, TensorSpec, Trunk, digest_of_tensors, serialize,
};
use indicatif::{ProgressBar, ProgressStyle};

#[path = "support/pth.rs"]
mod pth;

/// Fetch, verify, list and convert weights of frozen networks
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say of each network what it needs, where it is on the Hub, and whether that can be verified
    List,
    /// Get a network's weights, as a loss does
    Fetch {
        /// vgg16, vgg19, alexnet, squeezenet1_1
        #[arg(required = true)]
        networks: Vec<Trunk>,
        /// Use only what is on this machine
        #[arg(long)]
        offline: bool,
        /// Use what the Hub has for this network even where nobody has recorded its hash
        #[arg(long, value_name = "NETWORK")]
        unverified: Vec<Trunk>,
        /// Copy them here too, as NAME.safetensors
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
    /// Look at a safetensors file
    Verify {
        file: PathBuf,
        #[arg(long)]
        network: Trunk,
    },
    /// Make a safetensors file of the convolution layers in a .pth file
    Convert {
        file: PathBuf,
        #[arg(long)]
        network: Trunk,
        /// The folder to write NAME.safetensors to
        #[arg(long, default_value = ".")]
        out: PathBuf,
        /// What the file's SHA-256 must be, if it is not torchvision's own file
        #[arg(long)]
        sha256: Option<String>,
        /// Convert a file that is not torchvision's own
        #[arg(long, conflicts_with = "sha256")]
        unverified: bool,
    },
}

fn main() -> Result<()> {
    match Options::parse().command {
        Command::List => list(),
        Command::Fetch {
            networks,
            offline,
            unverified,
            out,
        } => {
            let mut sources = Sources::from_env();
            sources.offline |= offline;
            sources.unverified = unverified;
            fetch(sources, &networks, out.as_deref())
        }
        Command::Verify { file, network } => verify(&file, network),
        Command::Convert {
            file,
            network,
            out,
            sha256,
            unverified,
        } => {
            let expected = (!unverified).then(|| sha256.unwrap_or(official(network).into()));
            convert(&file, network, &out, expected.as_deref())
        }
    }
}

/// The first digits of the SHA-256 of torchvision's file of `IMAGENET1K_V1`, which are in its name.
fn official(network: Trunk) -> &'static str {
    match network {
        Trunk::Vgg16 => "397923af",
        Trunk::Vgg19 => "dcbb9e9d",
        Trunk::AlexNet => "7be5be79",
        Trunk::SqueezeNet => "b8a52dc0",
    }
}

fn list() -> Result<()> {
    for network in Trunk::ALL {
        let tensors = network.tensors();
        let numbers: usize = tensors.iter().map(TensorSpec::elements).sum();
        let pin = network.pin();
        println!("{network}");
        println!(
            "  {} tensors, {:.1} MB in f32",
            tensors.len(),
            4e-6 * numbers as f64
        );
        println!("  {}", pin.address());
        for (what, hash) in [
            ("file", pin.sha256.as_ref()),
            (
                "beginning",
                pin.prefix.as_ref().map(|prefix| &prefix.sha256),
            ),
            ("tensors", pin.tensors.as_ref()),
        ] {
            if let Some(hash) = hash {
                println!("  SHA-256 of the {what}: {hash}");
            }
        }
        if !pin.is_verifiable() {
            println!("  no hash is known: refused, unless allowed by --unverified {network}");
        }
    }
    println!("result networks={}", Trunk::ALL.len());
    Ok(())
}

fn fetch(mut sources: Sources, networks: &[Trunk], out: Option<&Path>) -> Result<()> {
    let mut total = 0;
    for &network in networks {
        let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template(
            "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        )?);
        bar.set_message(network.name());
        let shown = bar.clone();
        sources.progress = Some(Arc::new(move |progress: Progress| {
            if let Some(total) = progress.total {
                shown.set_length(total);
            }
            shown.set_position(progress.done);
        }));
        let got = sources.weights(network);
        bar.finish_and_clear();
        let got = got?;
        for rejected in &got.rejected {
            eprintln!("passed over {}: {}", rejected.path.display(), rejected.why);
        }
        let path = got.path.as_deref().map(|path| path.display().to_string());
        println!(
            "{network}: {:?}, {:?}, {}",
            got.origin,
            got.trust,
            path.unwrap_or("kept nowhere".into())
        );
        println!(
            "  SHA-256 of the tensors: {}",
            digest_of_tensors(network, &got.bytes)?
        );
        if let Some(out) = out {
            write(network, out, &got.bytes)?;
        }
        total += got.bytes.len();
    }
    println!("result networks={} bytes={total}", networks.len());
    Ok(())
}

fn verify(file: &Path, network: Trunk) -> Result<()> {
    let sources = Sources {
        file: Some(file.into()),
        ..Sources::from_env()
    };
    let got = sources.weights(network)?;
    let tensors = candle_core::safetensors::load_buffer(&got.bytes, &candle_core::Device::Cpu)?;
    for (name, tensor) in &tensors {
        // A number that is not finite makes the sum so.
        let sum = tensor
            .to_dtype(candle_core::DType::F64)?
            .abs()?
            .sum_all()?
            .to_scalar::<f64>()?;
        ensure!(sum.is_finite(), "{name} has numbers that are not finite");
    }
    let digest = digest_of_tensors(network, &got.bytes)?;
    if let Some(expected) = network.pin().tensors {
        ensure!(digest == expected, "the tensors are not the pinned ones");
    }
    println!(
        "result network={network} tensors={} sha256={digest}",
        tensors.len()
    );
    Ok(())
}

fn convert(file: &Path, network: Trunk, out: &Path, expected: Option<&str>) -> Result<()> {
    let digest = pth::sha256(file)?;
    if let Some(expected) = expected {
        let complete = expected.len() == 64 || expected.len() == 8;
        if !complete || !digest.starts_with(&expected.to_lowercase()) {
            bail!(
                "{} has the SHA-256 {digest}, expected {expected}. If it is meant to be another file than \
                 torchvision's, name its hash with --sha256, or say --unverified",
                file.display()
            );
        }
    }
    let tensors = pth::read(file)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let bytes = serialize(network, &tensors, &format!("{name} sha256 {digest}"))?;
    let path = write(network, out, &bytes)?;
    println!(
        "result network={network} file={} bytes={} sha256={}",
        path.display(),
        bytes.len(),
        digest_of_tensors(network, &bytes)?
    );
    Ok(())
}

fn write(network: Trunk, out: &Path, bytes: &[u8]) -> Result<PathBuf> {
    let path = out.join(format!("{network}.safetensors"));
    fs::create_dir_all(out)
        .and_then(|()| fs::write(&path, bytes))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
