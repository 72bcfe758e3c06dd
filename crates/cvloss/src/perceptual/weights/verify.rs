//! From bytes somewhere to the bytes that the pin names, cut to the wanted tensors.

use std::{
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    path::Path,
};

use super::{
    Pin, Prefix, Trunk, WeightsError, WeightsResult,
    digest::{collect, sha256},
    header::{self, Header, spans},
    trim::{Parts, cut, digest},
};

/// How much of a file is read for its header: more than any of these networks needs.
const FIRST: u64 = 64 << 10;
/// A gap between wanted tensors up to which one request is better than two.
const GAP: u64 = 1 << 20;

/// Reads a range of a file, less where the file ends.
pub(super) type ReadRange<'a> = dyn FnMut(Range<u64>) -> WeightsResult<Vec<u8>> + 'a;

/// What may be right about bytes: each way needs a hash of its own.
#[derive(Clone, Copy)]
enum Way {
    Prefix,
    Tensors,
    Whole,
}

/// Fetches parts of a file and verifies them: the beginning if the pin has its hash, else the tensors alone.
pub(super) fn parts(pin: &Pin, network: Trunk, read: &mut ReadRange<'_>) -> WeightsResult<Vec<u8>> {
    match &pin.prefix {
        Some(prefix) => by_prefix(pin, prefix, network, read),
        None => by_tensors(&pin.address(), &pin.address(), pin, network, read),
    }
}

/// Whether parts are enough to verify the pin, or nothing is.
pub(super) fn has_parts(pin: &Pin) -> bool {
    pin.prefix.is_some() || pin.tensors.is_some() || !pin.is_verifiable()
}

/// Verifies a whole file, in the cheapest way that the pin allows; any hash that matches is enough, since each covers
/// all that is used.
pub(super) fn whole(
    name: &str,
    pin: &Pin,
    network: Trunk,
    file: &mut (impl Read + Seek),
) -> WeightsResult<Vec<u8>> {
    let mut ways = Vec::new();
    if pin.prefix.is_some() {
        ways.push(Way::Prefix);
    }
    if pin.tensors.is_some() || !pin.is_verifiable() {
        ways.push(Way::Tensors);
    }
    if pin.sha256.is_some() {
        ways.push(Way::Whole);
    }
    let mut outcome = None;
    for way in ways {
        let result = match (way, &pin.prefix, &pin.sha256) {
            (Way::Prefix, Some(prefix), _) => {
                by_prefix(pin, prefix, network, &mut |range| seek(name, file, range))
            }
            (Way::Whole, _, Some(expected)) => by_file(name, pin, expected, network, file),
            _ => by_tensors(name, &pin.address(), pin, network, &mut |range| {
                seek(name, file, range)
            }),
        };
        match result {
            Err(error) if error.is_about_bytes() => outcome = Some(Err(error)),
            result => return result,
        }
    }
    outcome.unwrap_or_else(|| {
        Err(WeightsError::Pin {
            pin: pin.address(),
            message: "has no hash".into(),
        })
    })
}

/// The wanted tensors of a file that the caller vouches for.
pub(super) fn given(path: &Path, network: Trunk) -> WeightsResult<Vec<u8>> {
    let name = path.display().to_string();
    let mut file = std::fs::File::open(path).map_err(WeightsError::file(path))?;
    let pin = Pin {
        repo: String::new(),
        revision: String::new(),
        file: name.clone(),
        sha256: None,
        prefix: None,
        tensors: None,
    };
    by_tensors(
        &name,
        "a file that was named",
        &pin,
        network,
        &mut |range| seek(&name, &mut file, range),
    )
}

fn seek(name: &str, file: &mut (impl Read + Seek), range: Range<u64>) -> WeightsResult<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(range.start))
        .and_then(|_| {
            let length = range.end - range.start;
            file.by_ref().take(length).read_to_end(&mut bytes)
        })
        .map_err(WeightsError::file(name))?;
    Ok(bytes)
}

fn by_prefix(
    pin: &Pin,
    prefix: &Prefix,
    network: Trunk,
    read: &mut ReadRange<'_>,
) -> WeightsResult<Vec<u8>> {
    let name = pin.address();
    let range = 0..prefix.length;
    let bytes = exact(&format!("the beginning of {name}"), range.clone(), read)?;
    matches(&name, "the beginning", &prefix.sha256, sha256(&bytes))?;
    let wanted = Header::parse(&name, &bytes)?.wanted(&name, network)?;
    let parts = Parts {
        spans: &[range],
        bytes: &[bytes],
    };
    cut(&name, &name, &wanted, &parts)
}

/// Shapes come from the network and bytes from the hash: of the header, only places are believed.
fn by_tensors(
    name: &str,
    source: &str,
    pin: &Pin,
    network: Trunk,
    read: &mut ReadRange<'_>,
) -> WeightsResult<Vec<u8>> {
    let mut first = read(0..FIRST)?;
    let end = header::end(name, &first)?;
    if end > first.len() as u64 {
        first = exact(&format!("the header of {name}"), 0..end, read)?;
    }
    let wanted = Header::parse(name, &first)?.wanted(name, network)?;
    let spans = spans(&wanted, GAP);
    let bytes = spans
        .iter()
        .map(|span| exact(&format!("bytes {span:?} of {name}"), span.clone(), read))
        .collect::<WeightsResult<Vec<_>>>()?;
    let parts = Parts {
        spans: &spans,
        bytes: &bytes,
    };
    if let Some(expected) = &pin.tensors {
        if let Some(other) = wanted
            .iter()
            .find(|tensor| tensor.dtype != safetensors::Dtype::F32)
        {
            return Err(WeightsError::Tensor {
                file: name.into(),
                tensor: other.name.clone(),
                message: format!("has dtype {:?}, expected F32", other.dtype),
            });
        }
        let got = digest(name, &wanted, &parts)?;
        matches(name, "the tensors", expected, got)?;
    }
    cut(name, source, &wanted, &parts)
}

/// Reads the file twice, and hashes it both times: the first time to know that its header may be parsed, the second
/// time to keep the tensors that were hashed. In between the file may change; then the second hash differs.
fn by_file(
    name: &str,
    pin: &Pin,
    expected: &str,
    network: Trunk,
    file: &mut (impl Read + Seek),
) -> WeightsResult<Vec<u8>> {
    let mut pass = |spans: &[Range<u64>]| -> WeightsResult<Vec<Vec<u8>>> {
        let (got, _, parts) = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| collect(file.by_ref(), spans))
            .map_err(WeightsError::file(name))?;
        matches(name, "the whole", expected, got)?;
        Ok(parts)
    };
    let beginning = 0..8 + header::LIMIT;
    let first = pass(&[beginning])?.concat();
    let header = Header::parse(name, &first)?;
    let wanted = header.wanted(name, network)?;
    let spans = spans(&wanted, 0);
    let bytes = pass(&spans)?;
    let parts = Parts {
        spans: &spans,
        bytes: &bytes,
    };
    cut(name, &pin.address(), &wanted, &parts)
}

/// A range, all of it.
fn exact(what: &str, range: Range<u64>, read: &mut ReadRange<'_>) -> WeightsResult<Vec<u8>> {
    let expected = range.end - range.start;
    let bytes = read(range)?;
    if bytes.len() as u64 != expected {
        return Err(WeightsError::Size {
            file: what.into(),
            expected,
            got: bytes.len() as u64,
        });
    }
    Ok(bytes)
}

fn matches(file: &str, what: &'static str, expected: &str, got: String) -> WeightsResult<()> {
    if got == expected {
        return Ok(());
    }
    Err(WeightsError::Digest {
        file: file.into(),
        what,
        expected: expected.into(),
        got,
    })
}

/// A file that is there and a folder that is not are both found by opening them.
pub(super) fn open(path: &Path) -> WeightsResult<Option<std::fs::File>> {
    match std::fs::File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(WeightsError::file(path)(error)),
    }
}
