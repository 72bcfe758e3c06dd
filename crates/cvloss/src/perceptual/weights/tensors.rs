//! The tensors of a network, checked.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::perceptual::networks::{self, Part, TensorSpec, Trunk};

use super::header::{self, Header, Wanted};
use super::{Sources, WeightsError};

/// The weights of a network's convolution layers.
///
/// Tensors have torchvision's key names, as `features.0.weight`; others in the same file are left aside.
///
/// # Example
/// ```
/// use cvloss::perceptual::networks::Trunk;
/// use cvloss::perceptual::weights::Weights;
///
/// // Random, for tests and trials: features of such a network say little of what people see.
/// let weights = Weights::random(Trunk::SqueezeNet, 1);
/// assert_eq!(weights.tensor("features.0.weight")?.dims(), [64, 3, 3, 3]);
/// let error = Weights::load(Trunk::Vgg16, "no/such/file.safetensors").unwrap_err();
/// assert!(error.to_string().contains("no/such/file.safetensors"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Weights {
    trunk: Trunk,
    divisor: usize,
    source: Arc<str>,
    tensors: Arc<HashMap<String, Tensor>>,
}

impl Weights {
    /// From a safetensors file of `trunk`, whole or trimmed to the convolution layers.
    pub fn load(trunk: Trunk, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let source = path.display().to_string();
        let file = std::fs::File::open(path).map_err(WeightsError::file(path))?;
        let tensors = wanted_of(trunk, file, &source)?;
        Self::from_tensors(trunk, tensors, &source)
    }

    /// From the first of `sources` that has them, verified.
    pub fn find(trunk: Trunk, sources: &Sources) -> Result<Self> {
        let file = sources.weights(trunk)?;
        let source = match &file.path {
            Some(path) => path.display().to_string(),
            None => format!("the weights of {trunk}"),
        };
        Self::from_bytes(trunk, &file.bytes, &source)
    }

    /// From the bytes of a safetensors file; `source` names it in errors.
    pub fn from_bytes(trunk: Trunk, bytes: &[u8], source: &str) -> Result<Self> {
        let tensors = wanted_of(trunk, std::io::Cursor::new(bytes), source)?;
        Self::from_tensors(trunk, tensors, source)
    }

    /// From named tensors; `source` names where they come from in errors.
    ///
    /// Fails if one is missing, has another shape than torchvision's, or holds NaN or infinity.
    pub fn from_tensors(
        trunk: Trunk,
        mut tensors: HashMap<String, Tensor>,
        source: &str,
    ) -> Result<Self> {
        let mut checked = HashMap::new();
        for TensorSpec { name, shape } in trunk.tensors() {
            let Some(tensor) = tensors.remove(&name) else {
                return Err(refused(
                    source,
                    format!("there is no tensor {name}, which {trunk} has"),
                ));
            };
            if tensor.dims() != shape {
                let got = tensor.dims();
                let message = format!("{name} has shape {got:?}, expected {shape:?} of {trunk}");
                return Err(refused(source, message));
            }
            if !tensor.dtype().is_float() {
                let got = tensor.dtype();
                return Err(refused(
                    source,
                    format!("{name} holds {got:?}, expected floats"),
                ));
            }
            let tensor = tensor.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
            let tensor = tensor.contiguous()?;
            let sum = (&tensor * 0.0)?.sum_all()?.to_scalar::<f32>()?;
            if sum != 0.0 {
                return Err(refused(source, format!("{name} holds NaN or infinity")));
            }
            checked.insert(name, tensor);
        }
        Ok(Self {
            trunk,
            divisor: 1,
            source: source.into(),
            tensors: Arc::new(checked),
        })
    }

    /// Random weights, always the same for a seed: for tests, and for trials without a network.
    ///
    /// Entry `i` of a tensor is `u·√(6/n)`, of a bias `u/10`, where `n` is the number of inputs of an output and `u` in
    /// [−1, 1) is a hash of `i`, the tensor's name and the seed.
    pub fn random(trunk: Trunk, seed: u32) -> Self {
        Self::random_narrow(trunk, seed, 1)
    }

    /// As [`random`](Self::random), of a network with `1/divisor` of the channels: fast, for tests.
    pub fn random_narrow(trunk: Trunk, seed: u32, divisor: usize) -> Self {
        let mut tensors = HashMap::new();
        for part in networks::parts(trunk, divisor) {
            let (fan, outputs) = (part.inputs * part.side * part.side, part.outputs);
            let shape = (outputs, part.inputs, part.side, part.side);
            let bound = (6.0 / fan as f64).sqrt();
            let weight = hashed(&format!("{}.weight", part.key), seed, fan * outputs, bound);
            let bias = hashed(&format!("{}.bias", part.key), seed, outputs, 0.1);
            let tensor =
                |numbers: Vec<f32>, shape: &[usize]| Tensor::from_vec(numbers, shape, &Device::Cpu);
            let shape = [shape.0, shape.1, shape.2, shape.3];
            // Both shapes hold as many numbers as were made.
            if let (Ok(weight), Ok(bias)) = (tensor(weight, &shape), tensor(bias, &[outputs])) {
                tensors.insert(format!("{}.weight", part.key), weight);
                tensors.insert(format!("{}.bias", part.key), bias);
            }
        }
        Self {
            trunk,
            divisor,
            source: format!("random weights of seed {seed}").into(),
            tensors: Arc::new(tensors),
        }
    }

    /// Those of some convolutions alone; the same memory.
    pub(crate) fn of_parts<'a>(&self, parts: impl Iterator<Item = &'a Part>) -> Result<Self> {
        let mut tensors = HashMap::new();
        for part in parts {
            for name in [format!("{}.weight", part.key), format!("{}.bias", part.key)] {
                tensors.insert(name.clone(), self.tensor(&name)?.clone());
            }
        }
        Ok(Self {
            tensors: Arc::new(tensors),
            ..self.clone()
        })
    }

    /// Which network they are of.
    pub fn trunk(&self) -> Trunk {
        self.trunk
    }

    /// One number of channels in so many is there.
    pub(crate) fn divisor(&self) -> usize {
        self.divisor
    }

    /// The tensor of that name, `f32`.
    pub fn tensor(&self, name: &str) -> Result<&Tensor> {
        let tensor = self.tensors.get(name);
        tensor.ok_or_else(|| refused(&self.source, format!("there is no tensor {name}")))
    }
}

/// The tensors of a network in a safetensors file: one after the other, so that nothing else of it need be in memory.
fn wanted_of(
    trunk: Trunk,
    mut file: impl Read + Seek,
    source: &str,
) -> Result<HashMap<String, Tensor>> {
    let failed = |error| WeightsError::file(Path::new(source))(error);
    let total = file.seek(SeekFrom::End(0)).map_err(failed)?;
    file.rewind().map_err(failed)?;
    let mut start = Vec::new();
    let length = file.by_ref().take(8).read_to_end(&mut start);
    length.map_err(failed)?;
    let rest = header::end(source, &start)? - 8;
    let header = file.by_ref().take(rest).read_to_end(&mut start);
    header.map_err(failed)?;
    let header = Header::parse(source, &start)?;
    header.check_length(source, total)?;
    let mut tensors = HashMap::new();
    for wanted in header.wanted(source, trunk)? {
        let Wanted {
            name,
            dtype,
            shape,
            range,
        } = wanted;
        let mut bytes = vec![0; (range.end - range.start) as usize];
        let place = file.seek(SeekFrom::Start(range.start));
        place
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(failed)?;
        let tensor = Tensor::from_raw_buffer(&bytes, dtype.try_into()?, &shape, &Device::Cpu)?;
        tensors.insert(name, tensor);
    }
    Ok(tensors)
}

fn refused(source: &str, message: String) -> Error {
    Error::Tensors {
        file: source.into(),
        message,
    }
}

/// `count` numbers in `[−bound, bound)`.
fn hashed(name: &str, seed: u32, count: usize, bound: f64) -> Vec<f32> {
    let fnv = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let start = name.bytes().fold(0x811c_9dc5, fnv) ^ seed.wrapping_mul(0x9e37_79b9);
    (0..count as u32)
        .map(|i| {
            let mut h = i.wrapping_mul(0x9e37_79b9).wrapping_add(start);
            h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
            h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
            h ^= h >> 16;
            let u = f64::from(h) / 2f64.powi(31) - 1.0;
            (u * bound) as f32
        })
        .collect()
}
