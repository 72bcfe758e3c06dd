//! Files of `torch.save`, with candle's reader of pickles. No code of the file is run.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader, Read},
    panic::{self, AssertUnwindSafe},
    path::Path,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use candle_core::{
    DType, Device, Tensor,
    pickle::{Object, Stack, TensorInfo, read_all},
};
use sha2::{Digest, Sha256};

/// The pickles of a magic number and of the protocol 1001, which open a file of torch before 1.6.
const LEGACY: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.";
/// No network here has a tensor of more numbers.
const MOST: u64 = 1 << 28;

/// The tensors of a state dictionary.
pub(crate) fn read(path: &Path) -> Result<HashMap<String, Tensor>> {
    let mut file = BufReader::new(File::open(path)?);
    let start = file.fill_buf()?;
    // Malformed files make the reader panic in places.
    let read = if start.starts_with(b"PK") {
        panic::catch_unwind(|| Ok(read_all(path)?.into_iter().collect()))
    } else if start.starts_with(LEGACY) {
        panic::catch_unwind(AssertUnwindSafe(|| legacy(file)))
    } else {
        bail!(
            "{} is neither a zip file of torch 1.6 or later nor a file of torch 0.1.10 to 1.5. Older files are tar \
             archives, which are not read here, and neither are files with other pickle protocols than 2. Python \
             rewrites both: torch.save(torch.load('OLD.pth'), 'NEW.pth')",
            path.display()
        )
    };
    read.unwrap_or_else(|_| Err(anyhow!("the pickle is malformed")))
        .with_context(|| format!("cannot read {}", path.display()))
}

/// Pickles of the magic number, the protocol, the system, the dictionary and the names of storages; then the storages
/// themselves, each with its length.
fn legacy(mut file: impl BufRead) -> Result<HashMap<String, Tensor>> {
    file.read_exact(&mut [0; LEGACY.len()])?;
    pickle(&mut file)?;
    let Object::Dict(entries) = pickle(&mut file)? else {
        bail!("it holds no dictionary of tensors");
    };
    let mut infos = Vec::new();
    for (name, value) in entries {
        infos.extend(modern(value).into_tensor_info(name, Path::new(""))?);
    }
    let Object::List(names) = pickle(&mut file)? else {
        bail!("it has no list of storages");
    };

    let mut tensors = HashMap::new();
    for name in names {
        let Object::Unicode(name) = name else {
            bail!("a storage has no name");
        };
        let users: Vec<&TensorInfo> = infos
            .iter()
            .filter(|info| info.path.trim_start_matches('/') == name)
            .collect();
        let dtype = users.first().context("a storage has no tensor")?.dtype;
        let mut length = [0; 8];
        file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        ensure!(length <= MOST, "a storage has {length} numbers");
        let size = dtype.size_in_bytes();
        let mut bytes = Vec::new();
        file.by_ref()
            .take(length * size as u64)
            .read_to_end(&mut bytes)?;
        ensure!(
            bytes.len() as u64 == length * size as u64,
            "the file is cut off"
        );
        for info in users {
            tensors.insert(info.name.clone(), tensor(info, &bytes, dtype)?);
        }
    }
    Ok(tensors)
}

fn pickle(file: &mut impl BufRead) -> Result<Object> {
    let mut stack = Stack::empty();
    stack.read_loop(file)?;
    Ok(stack.finalize()?)
}

/// A tensor of the first torch as a later one writes it: the arguments that it lacks are not read.
fn modern(value: Object) -> Object {
    let Object::Reduce { callable, args } = value else {
        return value;
    };
    let callable = match *callable {
        Object::Class {
            module_name,
            class_name,
        } if class_name == "_rebuild_tensor" => Object::Class {
            module_name,
            class_name: "_rebuild_tensor_v2".into(),
        },
        other => other,
    };
    Object::Reduce {
        callable: Box::new(callable),
        args,
    }
}

fn tensor(info: &TensorInfo, storage: &[u8], dtype: DType) -> Result<Tensor> {
    let layout = &info.layout;
    ensure!(
        info.dtype == dtype && layout.is_contiguous(),
        "{} shares its storage in a way that is not read here",
        info.name
    );
    // candle counts this offset in bytes.
    let from = layout.start_offset();
    let count = layout.shape().elem_count();
    let bytes = count
        .checked_mul(dtype.size_in_bytes())
        .and_then(|length| storage.get(from..from.checked_add(length)?))
        .with_context(|| format!("{} ends beyond its storage", info.name))?;
    Ok(Tensor::from_raw_buffer(
        bytes,
        dtype,
        layout.dims(),
        &Device::Cpu,
    )?)
}

/// The SHA-256 of a file.
pub(crate) fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            return Ok(hash
                .finalize()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect());
        }
        hash.update(&chunk[..count]);
    }
}
