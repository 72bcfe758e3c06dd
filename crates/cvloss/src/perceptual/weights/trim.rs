//! A safetensors file of the wanted tensors alone.

use std::{borrow::Cow, collections::HashMap, ops::Range};

use candle_core::{DType, Tensor};
use safetensors::tensor::{Dtype, View};

use super::{
    Trunk, WeightsError, WeightsResult,
    digest::hex,
    header::{Header, Wanted},
};
use sha2::{Digest, Sha256};

/// A tensor's bytes, wherever they are.
struct Part<'a> {
    dtype: Dtype,
    shape: &'a [usize],
    bytes: Cow<'a, [u8]>,
}

impl View for Part<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// A file of these tensors. `source` says where they are from.
fn file(name: &str, source: &str, tensors: Vec<(&str, Part<'_>)>) -> WeightsResult<Vec<u8>> {
    // A single entry: of several the order would differ from run to run.
    let about = HashMap::from([("cvloss.source".to_string(), source.to_string())]);
    safetensors::serialize(tensors, Some(about)).map_err(|error| WeightsError::Header {
        file: name.into(),
        message: error.to_string(),
    })
}

/// Where the wanted tensors' bytes are in what was read of a file.
pub(super) struct Parts<'a> {
    pub(super) spans: &'a [Range<u64>],
    pub(super) bytes: &'a [Vec<u8>],
}

impl Parts<'_> {
    fn get(&self, name: &str, tensor: &Wanted) -> WeightsResult<&[u8]> {
        let range = &tensor.range;
        self.spans
            .iter()
            .zip(self.bytes)
            .find(|(span, _)| span.start <= range.start && range.end <= span.end)
            .and_then(|(span, bytes)| {
                bytes.get((range.start - span.start) as usize..(range.end - span.start) as usize)
            })
            .ok_or_else(|| WeightsError::Tensor {
                file: name.into(),
                tensor: tensor.name.clone(),
                message: format!("ends at byte {}, beyond what is there", range.end),
            })
    }
}

/// The wanted tensors of a file, as a file of their own.
pub(super) fn cut(
    name: &str,
    source: &str,
    wanted: &[Wanted],
    parts: &Parts<'_>,
) -> WeightsResult<Vec<u8>> {
    let tensors = wanted
        .iter()
        .map(|tensor| {
            let part = Part {
                dtype: tensor.dtype,
                shape: &tensor.shape,
                bytes: Cow::Borrowed(parts.get(name, tensor)?),
            };
            Ok((tensor.name.as_str(), part))
        })
        .collect::<WeightsResult<_>>()?;
    file(name, source, tensors)
}

/// The SHA-256 of wanted tensors, one after the other.
pub(super) fn digest(name: &str, wanted: &[Wanted], parts: &Parts<'_>) -> WeightsResult<String> {
    let mut hash = Sha256::new();
    for tensor in wanted {
        hash.update(parts.get(name, tensor)?);
    }
    Ok(hex(hash.finalize()))
}

/// The SHA-256 of a network's tensors in the bytes of a safetensors file, for [`super::Pin::tensors`].
///
/// # Errors
///
/// The file is none, or lacks a tensor.
pub fn digest_of_tensors(network: Trunk, bytes: &[u8]) -> WeightsResult<String> {
    let name = "the file";
    let wanted = Header::parse(name, bytes)?.wanted(name, network)?;
    let range = 0..bytes.len() as u64;
    let parts = Parts {
        spans: &[range],
        bytes: &[bytes.to_vec()],
    };
    digest(name, &wanted, &parts)
}

/// Writes a network's tensors as a safetensors file that [`super::Sources`] reads, for programs that convert weights.
/// Other tensors are left out. `source` says where they are from and becomes part of the file.
///
/// # Errors
///
/// A tensor is missing, has another shape, or is not of f16, bf16, f32 or f64.
///
/// # Example
///
/// ```
/// use std::collections::HashMap;
///
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::perceptual::weights::{Trunk, serialize};
///
/// let mut tensors = HashMap::new();
/// for spec in Trunk::SqueezeNet.tensors() {
///     let zeros = Tensor::zeros(spec.shape, DType::F32, &Device::Cpu)?;
///     tensors.insert(spec.name, zeros);
/// }
/// let file = serialize(Trunk::SqueezeNet, &tensors, "zeros")?;
/// assert!(file.len() > 4 * 722_496);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn serialize(
    network: Trunk,
    tensors: &HashMap<String, Tensor>,
    source: &str,
) -> WeightsResult<Vec<u8>> {
    let specs = network.tensors();
    let mut parts = Vec::with_capacity(specs.len());
    for spec in &specs {
        let fail = |message: String| WeightsError::Tensor {
            file: source.into(),
            tensor: spec.name.clone(),
            message,
        };
        let tensor = tensors
            .get(&spec.name)
            .ok_or_else(|| fail(format!("is missing; {network} needs it")))?;
        if tensor.dims() != spec.shape {
            return Err(fail(format!(
                "has shape {:?}, expected {:?}",
                tensor.dims(),
                spec.shape
            )));
        }
        let (dtype, bytes) = raw(tensor).map_err(|error| fail(error.to_string()))?;
        let part = Part {
            dtype,
            shape: &spec.shape,
            bytes: Cow::Owned(bytes),
        };
        parts.push((spec.name.as_str(), part));
    }
    file(source, source, parts)
}

/// A tensor's numbers as they are in a file.
fn raw(tensor: &Tensor) -> candle_core::Result<(Dtype, Vec<u8>)> {
    let flat = tensor.flatten_all()?;
    let le4 = |numbers: Vec<f32>| numbers.into_iter().flat_map(f32::to_le_bytes).collect();
    Ok(match tensor.dtype() {
        DType::F32 => (Dtype::F32, le4(flat.to_vec1::<f32>()?)),
        DType::F64 => {
            let numbers = flat.to_vec1::<f64>()?;
            let bytes = numbers.into_iter().flat_map(f64::to_le_bytes).collect();
            (Dtype::F64, bytes)
        }
        // Every half is a float: the file grows, no digit is lost.
        DType::F16 | DType::BF16 => {
            let numbers = flat.to_dtype(DType::F32)?.to_vec1::<f32>()?;
            (Dtype::F32, le4(numbers))
        }
        other => candle_core::bail!("has dtype {other:?}, expected floats"),
    })
}
