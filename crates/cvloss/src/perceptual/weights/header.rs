//! The header of a safetensors file, read as if an enemy had written it.

use std::ops::Range;

use safetensors::tensor::{Dtype, Metadata};

use super::{Trunk, WeightsError, WeightsResult};

/// Headers of these networks have a few kilobytes. A limit of this size costs nothing to hold, and JSON of this size
/// little to read.
pub(super) const LIMIT: u64 = 1 << 20;

/// What a file says of itself.
pub(super) struct Header {
    metadata: Metadata,
    /// Where the data begins in the file.
    data: u64,
}

/// A tensor that is wanted, and where it is in the file.
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) range: Range<u64>,
}

/// Where the header ends and the data begins, from the first bytes of a file.
pub(super) fn end(file: &str, bytes: &[u8]) -> WeightsResult<u64> {
    let Some(length) = bytes.first_chunk::<8>() else {
        return Err(WeightsError::Size {
            file: format!("the header of {file}"),
            expected: 8,
            got: bytes.len() as u64,
        });
    };
    let length = u64::from_le_bytes(*length);
    if length > LIMIT {
        return Err(WeightsError::Header {
            file: file.into(),
            message: format!("its header has {length} bytes, the limit is {LIMIT}"),
        });
    }
    Ok(8 + length)
}

impl Header {
    /// Reads the header from the beginning of a file, as much of it as `end` says at least.
    pub(super) fn parse(file: &str, bytes: &[u8]) -> WeightsResult<Self> {
        let data = end(file, bytes)?;
        let Some(json) = bytes.get(8..data as usize) else {
            return Err(WeightsError::Size {
                file: format!("the header of {file}"),
                expected: data,
                got: bytes.len() as u64,
            });
        };
        // This checks that tensors lie side by side from 0 on, each as long as its shape and dtype say, without overflow.
        let metadata: Metadata =
            serde_json::from_slice(json).map_err(|error| WeightsError::Header {
                file: file.into(),
                message: error.to_string(),
            })?;
        if data.checked_add(metadata.data_len() as u64).is_none() {
            return Err(WeightsError::Header {
                file: file.into(),
                message: "its tensors end beyond all files".into(),
            });
        }
        Ok(Self { metadata, data })
    }

    /// Fails unless a file of `total` bytes ends where its last tensor does.
    pub(super) fn check_length(&self, file: &str, total: u64) -> WeightsResult<()> {
        let expected = self.data + self.metadata.data_len() as u64;
        if total != expected {
            return Err(WeightsError::Size {
                file: file.into(),
                expected,
                got: total,
            });
        }
        Ok(())
    }

    /// The tensors of a network, in its order.
    pub(super) fn wanted(&self, file: &str, network: Trunk) -> WeightsResult<Vec<Wanted>> {
        let specs = network.tensors();
        specs
            .into_iter()
            .map(|spec| {
                let fail = |message: String| WeightsError::Tensor {
                    file: file.into(),
                    tensor: spec.name.clone(),
                    message,
                };
                let info = self
                    .metadata
                    .info(&spec.name)
                    .ok_or_else(|| fail(format!("is missing; {network} needs it")))?;
                if info.shape != spec.shape {
                    return Err(fail(format!(
                        "has shape {:?}, expected {:?}",
                        info.shape, spec.shape
                    )));
                }
                if !matches!(
                    info.dtype,
                    Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64
                ) {
                    return Err(fail(format!("has dtype {:?}, expected floats", info.dtype)));
                }
                let (from, to) = info.data_offsets;
                Ok(Wanted {
                    range: self.data + from as u64..self.data + to as u64,
                    name: spec.name,
                    dtype: info.dtype,
                    shape: spec.shape,
                })
            })
            .collect()
    }
}

/// Few ranges that hold all wanted tensors: a small gap costs less than another request.
pub(super) fn spans(wanted: &[Wanted], gap: u64) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = wanted.iter().map(|tensor| tensor.range.clone()).collect();
    ranges.sort_by_key(|range| range.start);
    let mut spans: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match spans.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(gap) => {
                last.end = last.end.max(range.end);
            }
            _ => spans.push(range),
        }
    }
    spans
}

#[cfg(test)]
#[allow(clippy::panic, clippy::single_range_in_vec_init, clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A file's beginning, with that header.
    fn file(json: &str) -> Vec<u8> {
        [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat()
    }

    /// The error of a file's beginning.
    fn fault(bytes: &[u8]) -> String {
        match Header::parse("evil", bytes).and_then(|header| header.wanted("evil", Trunk::AlexNet))
        {
            Ok(_) => panic!("accepted {:?}", String::from_utf8_lossy(bytes)),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn evil_headers_are_errors() {
        let huge = u64::MAX.to_le_bytes();
        let above = (LIMIT + 1).to_le_bytes();
        let one = |offsets: &str| {
            file(&format!(
                r#"{{"a":{{"dtype":"F32","shape":[1],"data_offsets":{offsets}}}}}"#
            ))
        };
        let two = |first: &str, second: &str| {
            file(&format!(
                r#"{{"a":{{"dtype":"F32","shape":[2],"data_offsets":{first}}},
                    "b":{{"dtype":"F32","shape":[2],"data_offsets":{second}}}}}"#
            ))
        };
        let shape = |shape: &str, end: &str| {
            file(&format!(
                r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{end}]}}}}"#
            ))
        };
        let cases: Vec<(Vec<u8>, &str)> = vec![
            (b"".to_vec(), "has 0 of 8 bytes"),
            (b"1234567".to_vec(), "has 7 of 8 bytes"),
            (huge.to_vec(), "the limit is"),
            (above.to_vec(), "the limit is"),
            (b"<!DOCTYPE html><html>".to_vec(), "the limit is"),
            (b"version https://git-lfs".to_vec(), "the limit is"),
            (file("{}")[..9].to_vec(), "has 9 of 10 bytes"),
            (file(""), "no safetensors file"),
            (file("[]"), "no safetensors file"),
            (file("{\"a\":"), "no safetensors file"),
            (file("\u{0}\u{0}"), "no safetensors file"),
            (one("[0,8]"), "no safetensors file"),
            (one("[4,8]"), "no safetensors file"),
            (one("[4,0]"), "no safetensors file"),
            (one("[-1,3]"), "no safetensors file"),
            (one("[0,1e30]"), "no safetensors file"),
            // Overlap, hole, the same place twice.
            (two("[0,8]", "[4,12]"), "no safetensors file"),
            (two("[0,8]", "[12,20]"), "no safetensors file"),
            (two("[0,8]", "[0,8]"), "no safetensors file"),
            // Products that overflow.
            (shape("[4294967296,4294967296]", "0"), "no safetensors file"),
            (shape("[9223372036854775807]", "0"), "no safetensors file"),
            (
                shape("[4611686018427387904]", "18446744073709551615"),
                "no safetensors file",
            ),
            (
                file(r#"{"a":{"dtype":"F99","shape":[],"data_offsets":[0,4]}}"#),
                "no safetensors file",
            ),
            (file("{}"), "features.0.weight is missing"),
            (
                file(
                    r#"{"features.0.weight":{"dtype":"F32","shape":[64,3,11,10],"data_offsets":[0,84480]}}"#,
                ),
                "features.0.weight has shape [64, 3, 11, 10], expected [64, 3, 11, 11]",
            ),
            (
                file(
                    r#"{"features.0.weight":{"dtype":"I32","shape":[64,3,11,11],"data_offsets":[0,92928]}}"#,
                ),
                "features.0.weight has dtype I32",
            ),
        ];
        for (bytes, part) in cases {
            let error = fault(&bytes);
            assert!(error.contains(part) && error.contains("evil"), "{error}");
        }
        // As deep as JSON can be within the limit: an error, not a stack that overflows.
        let deep = "[".repeat(LIMIT as usize);
        assert!(fault(&file(&deep)).contains("no safetensors file"));
    }

    #[test]
    fn small_gaps_are_bridged() {
        let at = |range: Range<u64>| Wanted {
            name: String::new(),
            dtype: Dtype::F32,
            shape: vec![],
            range,
        };
        let wanted = [at(50..60), at(0..10), at(12..20)];
        assert_eq!(spans(&wanted, 2), [0..20, 50..60]);
        assert_eq!(spans(&wanted, 0), [0..10, 12..20, 50..60]);
        assert_eq!(spans(&wanted, 30), [0..60]);
    }
}
