//! What is refused, and the files of learned heads.

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use cvloss::Loss;
use cvloss::perceptual::networks::{TensorSpec, Trunk};
use cvloss::perceptual::weights::{Weights, WeightsError};
use cvloss::perceptual::{
    ContextualLoss, ContextualOptions, FeatureContextualLoss, PerceptualLoss, PerceptualOptions,
};

use super::{narrow, numbers};

/// What an error says.
pub(super) fn refusal<T>(result: cvloss::Result<T>) -> Result<String> {
    let error = result.err().context("no error")?;
    Ok(error.to_string())
}

/// Each refusal says what is wrong.
#[test]
fn faults_are_errors() -> Result<()> {
    let options = || PerceptualOptions::johnson();
    let named = |name: &str| {
        let mut options = options();
        options.layers[0].name = name.into();
        PerceptualLoss::with_network(narrow(Trunk::Vgg16).clone(), options)
    };
    let error = refusal(named("relu9_9"))?;
    ensure!(
        error.contains("perceptual: ") && error.contains("relu9_9") && error.contains("relu3_3"),
        "{error}"
    );
    let error = refusal(PerceptualLoss::new(
        Weights::random_narrow(Trunk::AlexNet, 0, 16),
        options(),
    ))?;
    ensure!(
        error.contains("alexnet") && error.contains("vgg16"),
        "{error}"
    );
    let mut twice = options();
    twice.layers.push(twice.layers[0].clone());
    let error = refusal(PerceptualLoss::with_network(
        narrow(Trunk::Vgg16).clone(),
        twice,
    ))?;
    ensure!(error.contains("order"), "{error}");
    let loss = named("relu3_3")?;
    for (shape, words) in [
        (vec![1, 1, 16, 16], "(N, 3, H, W)"),
        (vec![1, 3, 16], "(N, 3, H, W)"),
        (vec![1, 3, 2, 2], "at least"),
    ] {
        let image = Tensor::zeros(shape, DType::F32, &Device::Cpu)?;
        let error = refusal(loss.value_and_grad(&image, &image))?;
        ensure!(error.contains(words), "{error}");
    }
    let image = Tensor::zeros((1, 3, 16, 16), DType::F32, &Device::Cpu)?;
    let weight = Tensor::ones((1, 1, 16, 16), DType::F32, &Device::Cpu)?;
    let error = refusal(loss.value_and_grad_weighted(&image, &image, &weight))?;
    ensure!(error.contains("weight"), "{error}");
    for bandwidth in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let features = FeatureContextualLoss {
            bandwidth,
            ..FeatureContextualLoss::default()
        };
        let error = refusal(features.value_and_grad(&image, &image))?;
        ensure!(
            error.contains("feature_contextual: bandwidth is"),
            "{error}"
        );
        let options = ContextualOptions {
            trunk: Trunk::Vgg16,
            bandwidth,
            ..ContextualOptions::default()
        };
        let error = refusal(ContextualLoss::with_network(
            narrow(Trunk::Vgg16).clone(),
            options,
        ))?;
        ensure!(error.contains("contextual: bandwidth is"), "{error}");
    }
    // An empty batch is nothing.
    let empty = Tensor::zeros((0, 3, 16, 16), DType::F32, &Device::Cpu)?;
    let (value, _) = loss.value_and_grad(&empty, &empty)?;
    ensure!(numbers(&value)? == [0.0]);
    Ok(())
}

#[test]
fn wrong_weights_are_named() -> Result<()> {
    let tensors = || -> Result<std::collections::HashMap<String, Tensor>> {
        let mut tensors = std::collections::HashMap::new();
        for TensorSpec { name, shape } in Trunk::SqueezeNet.tensors() {
            tensors.insert(name, Tensor::zeros(shape, DType::F32, &Device::Cpu)?);
        }
        Ok(tensors)
    };
    let folder = std::env::temp_dir().join(format!("cvloss-weights-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("weights.safetensors");
    let check =
        |tensors: &std::collections::HashMap<String, Tensor>, words: &[&str]| -> Result<()> {
            candle_core::safetensors::save(tensors, &path)?;
            let error = refusal(Weights::load(Trunk::SqueezeNet, &path))?;
            for word in words.iter().chain(&["weights.safetensors"]) {
                ensure!(error.contains(word), "{error}");
            }
            Ok(())
        };
    let good = tensors()?;
    candle_core::safetensors::save(&good, &path)?;
    Weights::load(Trunk::SqueezeNet, &path)?;
    let name = "features.4.expand3x3.weight";
    let mut missing = tensors()?;
    missing.remove(name);
    check(&missing, &[name])?;
    let mut shaped = tensors()?;
    shaped.insert(
        name.into(),
        Tensor::zeros((64, 16, 1, 1), DType::F32, &Device::Cpu)?,
    );
    check(&shaped, &[name, "[64, 16, 1, 1]", "[64, 16, 3, 3]"])?;
    let mut spoilt = tensors()?;
    let nan = Tensor::full(f32::NAN, (64, 16, 3, 3), &Device::Cpu)?;
    spoilt.insert(name.into(), nan);
    check(&spoilt, &[name, "NaN"])?;
    // Tensors that the network does not need are left aside, but the file must be whole and no longer.
    let mut more = tensors()?;
    more.insert("zzz".into(), Tensor::zeros(5, DType::U32, &Device::Cpu)?);
    candle_core::safetensors::save(&more, &path)?;
    Weights::load(Trunk::SqueezeNet, &path)?;
    let bytes = std::fs::read(&path)?;
    let longer = [&bytes, &b"?"[..]].concat();
    for wrong in [&bytes[..bytes.len() - 1], &longer] {
        std::fs::write(&path, wrong)?;
        let error = refusal(Weights::load(Trunk::SqueezeNet, &path))?;
        let sizes = format!("has {} of {} bytes", wrong.len(), bytes.len());
        ensure!(error.contains(&sizes), "{error}");
    }
    std::fs::write(&path, b"not a file of tensors")?;
    let error = refusal(Weights::load(Trunk::SqueezeNet, &path))?;
    ensure!(error.contains("weights.safetensors"), "{error}");
    // A folder is no file.
    let error = Weights::load(Trunk::SqueezeNet, &folder);
    ensure!(matches!(
        error,
        Err(cvloss::Error::Weights(WeightsError::File { .. }))
    ));
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// The learned heads are the files that `SHA256SUMS` lists.
#[test]
fn heads_are_those_of_their_authors() -> Result<()> {
    use sha2::{Digest, Sha256};

    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/perceptual/heads");
    let list = std::fs::read_to_string(folder.join("SHA256SUMS"))?;
    ensure!(list.lines().count() == 4, "{list}");
    for line in list.lines() {
        let (expected, name) = line.split_once("  ").context("no digest")?;
        let digest = Sha256::digest(std::fs::read(folder.join(name))?);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        ensure!(hex == expected, "{name} has {hex}");
    }
    Ok(())
}
