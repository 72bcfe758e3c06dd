//! Safetensors files of a small network, and pins that fit them.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use candle_core::{DType, Device, Tensor};
use cvloss::perceptual::weights::{Pin, Prefix, Trunk, digest_of_tensors};
use sha2::{Digest, Sha256};

pub(crate) const NETWORK: Trunk = Trunk::SqueezeNet;
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where tensors that nobody wants are in a file: safetensors sorts names.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Rest {
    /// As in torchvision: `classifier` comes before `features`.
    First,
    /// As in timm's VGG: `head` comes after `features`.
    Last,
}

/// Numbers that depend on the tensor and its place.
fn numbers(seed: usize, shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count)
        .map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1000. - 1.)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

pub(crate) fn tensors() -> HashMap<String, Tensor> {
    let specs = NETWORK.tensors().into_iter().enumerate();
    specs
        .map(|(seed, spec)| (spec.name, numbers(seed, &spec.shape)))
        .collect()
}

/// A whole file, as a training library writes it.
pub(crate) fn whole(rest: Rest) -> Vec<u8> {
    let mut tensors = tensors();
    let name = match rest {
        Rest::First => "classifier.1.weight",
        Rest::Last => "head.fc.weight",
    };
    tensors.insert(name.into(), numbers(99, &[1000, 600]));
    safetensors::serialize(&tensors, None).unwrap()
}

/// How many bytes of a file the wanted tensors end at, if the rest comes last.
pub(crate) fn prefix_length(file: &[u8]) -> usize {
    file.len() - 4 * 1000 * 600
}

/// Which hashes a pin has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Known {
    Nothing,
    Whole,
    Prefix,
    Tensors,
    WholeAndPrefix,
}

pub(crate) fn pin(file: &[u8], known: Known) -> Pin {
    let prefix = || {
        let length = prefix_length(file);
        Prefix {
            length: length as u64,
            sha256: sha256(&file[..length]),
        }
    };
    Pin {
        repo: "someone/model".into(),
        revision: match known {
            Known::Nothing => "main".into(),
            _ => COMMIT.into(),
        },
        file: "model.safetensors".into(),
        sha256: matches!(known, Known::Whole | Known::WholeAndPrefix).then(|| sha256(file)),
        prefix: matches!(known, Known::Prefix | Known::WholeAndPrefix).then(prefix),
        tensors: (known == Known::Tensors).then(|| digest_of_tensors(NETWORK, file).unwrap()),
    }
}

/// Fails unless the bytes are a file of the wanted tensors alone, with the right numbers.
pub(crate) fn assert_right(bytes: &[u8]) {
    let got = candle_core::safetensors::load_buffer(bytes, &Device::Cpu).unwrap();
    let expected = tensors();
    assert_eq!(got.len(), expected.len());
    for (name, tensor) in expected {
        let got = &got[&name];
        assert_eq!(got.dims(), tensor.dims(), "{name}");
        let difference = (got - &tensor).unwrap().abs().unwrap().sum_all().unwrap();
        let difference = difference.to_dtype(DType::F64).unwrap();
        assert_eq!(difference.to_scalar::<f64>().unwrap(), 0., "{name}");
    }
}

/// Puts a file where Python's `huggingface_hub` puts it: a blob named by its hash, a relative link to it from the
/// commit's snapshot, and the branch that points at the commit.
pub(crate) fn python_cache(hub: &Path, file: &[u8]) -> PathBuf {
    let folder = hub.join("models--someone--model");
    let snapshot = folder.join("snapshots").join(COMMIT);
    for folder in [&snapshot, &folder.join("blobs"), &folder.join("refs")] {
        fs::create_dir_all(folder).unwrap();
    }
    let blob = sha256(file);
    fs::write(folder.join("blobs").join(&blob), file).unwrap();
    fs::write(folder.join("refs/main"), COMMIT).unwrap();
    let link = snapshot.join("model.safetensors");
    #[cfg(unix)]
    std::os::unix::fs::symlink(Path::new("../../blobs").join(blob), &link).unwrap();
    #[cfg(not(unix))]
    fs::write(&link, file).unwrap();
    link
}

/// All files below a folder, links as what they point at, with sizes and times: equal if nobody wrote.
pub(crate) fn tree(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let entry = entry.unwrap();
            let data = entry.metadata().unwrap();
            let path = entry.path();
            let target = fs::read_link(&path).unwrap_or_default();
            let time = data.modified().unwrap();
            lines.push(format!("{path:?} {target:?} {} {time:?}", data.len()));
            if data.is_dir() {
                folders.push(path);
            }
        }
    }
    lines.sort();
    lines
}

/// The files below a folder that anybody could take for weights, finished or not.
pub(crate) fn weight_files(folder: &Path) -> Vec<String> {
    let lines = tree(folder);
    let is_weights = |line: &String| line.contains(".safetensors") || line.contains(".part-");
    lines.into_iter().filter(is_weights).collect()
}
