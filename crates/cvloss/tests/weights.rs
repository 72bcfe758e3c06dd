//! Weights from files on this machine, and from a transport of one's own: all that needs no network.

#![allow(clippy::panic, clippy::unwrap_used)]

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use cvloss::perceptual::weights::{
    Origin, Sink, Sources, Transport, TransportRequest, Trunk, Trust, WeightsError, WeightsResult,
    serialize,
};
use tempfile::TempDir;

#[path = "weights/files.rs"]
mod files;
#[path = "../../../examples/support/pth.rs"]
mod pth;

use files::{Known, NETWORK, Rest, assert_right, pin, python_cache, tree, weight_files, whole};

/// A file that is served from memory, in small chunks.
struct Memory {
    file: Vec<u8>,
    reads: AtomicUsize,
}

impl Memory {
    fn of(file: Vec<u8>) -> Arc<Self> {
        Arc::new(Self {
            file,
            reads: AtomicUsize::new(0),
        })
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }
}

impl Transport for Memory {
    fn read(&self, request: &TransportRequest, sink: &mut Sink<'_>) -> WeightsResult<()> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let length = self.file.len();
        let range = match &request.range {
            Some(range) => range.start as usize..length.min(range.end as usize),
            None => 0..length,
        };
        for chunk in self.file[range].chunks(100_000) {
            sink(chunk, None)?;
        }
        Ok(())
    }
}

fn offline(folder: &Path) -> Sources {
    Sources {
        offline: true,
        ..Sources::in_folder(folder)
    }
}

fn served(folder: &Path, memory: &Arc<Memory>) -> Sources {
    Sources {
        transport: Some(memory.clone()),
        ..Sources::in_folder(folder)
    }
}

#[test]
fn a_named_file_is_used_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("any name.safetensors");
    for rest in [Rest::First, Rest::Last] {
        fs::write(&path, whole(rest)).unwrap();
        let sources = Sources {
            file: Some(path.clone()),
            ..offline(folder.path())
        };
        let got = sources.weights(NETWORK).unwrap();
        assert_eq!((got.origin, got.trust), (Origin::File, Trust::Given));
        assert_eq!(got.path.as_deref(), Some(path.as_path()));
        assert_right(&got.bytes);
    }
    assert_eq!(tree(folder.path()).len(), 1);

    let missing = Sources {
        file: Some(folder.path().join("missing.safetensors")),
        ..offline(folder.path())
    };
    let error = missing.weights(NETWORK).unwrap_err();
    assert!(matches!(error, WeightsError::File { .. }), "{error}");
    assert!(error.to_string().contains("missing.safetensors"));

    // Another network's file names the tensor that is missing, and the file.
    fs::write(
        &path,
        serialize(NETWORK, &files::tensors(), "test").unwrap(),
    )
    .unwrap();
    let wrong = Sources {
        file: Some(path.clone()),
        ..offline(folder.path())
    };
    let error = wrong.weights(Trunk::AlexNet).unwrap_err().to_string();
    assert!(
        error.contains("features.0.weight") && error.contains("any name"),
        "{error}"
    );
    // Cut off.
    let file = whole(Rest::First);
    fs::write(&path, &file[..file.len() - 1]).unwrap();
    let error = wrong.weights(NETWORK).unwrap_err();
    assert!(matches!(error, WeightsError::Size { .. }), "{error}");
}

#[test]
fn a_folder_is_used_where_it_has_the_file() {
    let folder = TempDir::new().unwrap();
    fs::write(
        folder.path().join("squeezenet1_1.safetensors"),
        whole(Rest::First),
    )
    .unwrap();
    let sources = Sources {
        folder: Some(folder.path().into()),
        ..offline(folder.path())
    };
    let got = sources.weights(NETWORK).unwrap();
    assert_eq!(got.origin, Origin::File);
    assert_right(&got.bytes);
    let error = sources.weights(Trunk::Vgg16).unwrap_err();
    assert!(matches!(error, WeightsError::Offline { .. }), "{error}");
}

#[test]
fn a_pin_without_a_hash_is_refused() {
    let folder = TempDir::new().unwrap();
    let memory = Memory::of(whole(Rest::First));
    let sources = served(folder.path(), &memory);
    for network in [Trunk::Vgg19, Trunk::AlexNet, Trunk::SqueezeNet] {
        let error = sources.weights(network).unwrap_err();
        assert!(matches!(error, WeightsError::Unverified { .. }), "{error}");
        assert!(error.to_string().contains(network.name()), "{error}");
    }
    assert_eq!(memory.reads(), 0);
    assert!(tree(folder.path()).is_empty());

    // Allowed by name, for that name alone; and what comes is kept apart.
    let pin = pin(&memory.file, Known::Nothing);
    let trusting = Sources {
        unverified: vec![NETWORK],
        ..sources.clone()
    };
    let got = trusting.weights_at(NETWORK, &pin).unwrap();
    assert_eq!((got.origin, got.trust), (Origin::Hub, Trust::Unverified));
    assert_right(&got.bytes);
    assert!(
        got.path
            .unwrap()
            .components()
            .any(|part| part.as_os_str() == "unverified")
    );
    let again = trusting.weights_at(NETWORK, &pin).unwrap();
    assert_eq!(
        (again.origin, again.trust),
        (Origin::Store, Trust::Unverified)
    );
    assert!(trusting.weights(Trunk::AlexNet).is_err());
    assert!(sources.weights_at(NETWORK, &pin).is_err());
}

#[test]
fn each_hash_of_a_pin_is_enough() {
    let cases = [
        (Rest::Last, Known::Prefix),
        (Rest::Last, Known::Whole),
        (Rest::Last, Known::WholeAndPrefix),
        (Rest::Last, Known::Tensors),
        (Rest::First, Known::Tensors),
        (Rest::First, Known::Whole),
    ];
    for (rest, known) in cases {
        let file = whole(rest);
        let pin = pin(&file, known);
        let fetched = TempDir::new().unwrap();
        let memory = Memory::of(file.clone());
        let got = served(fetched.path(), &memory)
            .weights_at(NETWORK, &pin)
            .unwrap();
        assert_eq!((got.origin, got.trust), (Origin::Hub, Trust::Pinned));
        assert_right(&got.bytes);
        assert_eq!(fs::read(got.path.unwrap()).unwrap(), got.bytes);

        // The same from the cache of Python, which is not written to.
        let cached = TempDir::new().unwrap();
        python_cache(&cached.path().join("hub"), &file);
        let before = tree(&cached.path().join("hub"));
        let from_cache = offline(cached.path()).weights_at(NETWORK, &pin).unwrap();
        assert_eq!(from_cache.origin, Origin::HubCache);
        assert!(from_cache.bytes == got.bytes, "{known:?}");
        assert_eq!(tree(&cached.path().join("hub")), before);
        let warm = offline(cached.path()).weights_at(NETWORK, &pin).unwrap();
        assert_eq!(warm.origin, Origin::Store);

        // One bit anywhere in what is used, and nothing is.
        let mut flipped = file.clone();
        flipped[2_600_000] ^= 1;
        let folder = TempDir::new().unwrap();
        let poisoned = python_cache(&folder.path().join("hub"), &flipped);
        let error = offline(folder.path())
            .weights_at(NETWORK, &pin)
            .unwrap_err();
        assert!(matches!(error, WeightsError::Offline { .. }), "{error}");
        assert!(error.to_string().contains("rejected: "), "{error}");
        let memory = Memory::of(flipped);
        let error = served(folder.path(), &memory)
            .weights_at(NETWORK, &pin)
            .unwrap_err();
        assert!(
            matches!(error, WeightsError::Digest { .. }),
            "{known:?}: {error}"
        );
        assert!(weight_files(&folder.path().join("assets")).is_empty());
        let memory = Memory::of(file);
        let got = served(folder.path(), &memory)
            .weights_at(NETWORK, &pin)
            .unwrap();
        assert_right(&got.bytes);
        assert!(matches!(got.rejected[..], [ref one] if one.path == poisoned));
    }
}

#[test]
fn a_wrong_prefix_is_not_the_end() {
    // The whole file's hash is right, the prefix's is not: the whole file is fetched.
    let file = whole(Rest::Last);
    let mut pin = pin(&file, Known::WholeAndPrefix);
    pin.prefix.as_mut().unwrap().length -= 1;
    let folder = TempDir::new().unwrap();
    let memory = Memory::of(file);
    let got = served(folder.path(), &memory)
        .weights_at(NETWORK, &pin)
        .unwrap();
    assert_eq!(got.trust, Trust::Pinned);
    assert_right(&got.bytes);
}

#[test]
fn what_the_store_holds_is_verified_each_time() {
    let file = whole(Rest::Last);
    let pin = pin(&file, Known::Prefix);
    let folder = TempDir::new().unwrap();
    let memory = Memory::of(file);
    let sources = served(folder.path(), &memory);
    let first = sources.weights_at(NETWORK, &pin).unwrap();
    let path = first.path.unwrap();
    assert_eq!(memory.reads(), 1);

    // Warm: nothing is asked, and nothing is written.
    let before = tree(folder.path());
    let warm = offline(folder.path()).weights_at(NETWORK, &pin).unwrap();
    assert_eq!((warm.origin, warm.trust), (Origin::Store, Trust::Pinned));
    assert_eq!(warm.bytes, first.bytes);
    assert_eq!(tree(folder.path()), before);

    type Damage = fn(&mut Vec<u8>);
    let damages: [Damage; 4] = [
        |bytes| bytes[2_000_000] ^= 1,
        |bytes| bytes.truncate(100),
        |bytes| bytes.clear(),
        |bytes| bytes.resize(9_000_000, 0),
    ];
    for damage in damages {
        let mut bytes = first.bytes.clone();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let error = offline(folder.path())
            .weights_at(NETWORK, &pin)
            .unwrap_err();
        assert!(error.to_string().contains("rejected: "), "{error}");
        assert!(!path.exists());
        let again = sources.weights_at(NETWORK, &pin).unwrap();
        assert_eq!(again.origin, Origin::Hub);
        assert_eq!(again.bytes, first.bytes);
    }

    // A pin that says something else finds nothing here.
    let mut other = pin.clone();
    other.tensors = Some("0".repeat(64));
    assert!(offline(folder.path()).weights_at(NETWORK, &other).is_err());
}

#[test]
fn a_store_that_cannot_be_written_is_no_obstacle() {
    let file = whole(Rest::Last);
    let pin = pin(&file, Known::Prefix);
    let folder = TempDir::new().unwrap();
    // A file where the folder should be: nobody, not even root, can write below it.
    fs::write(folder.path().join("assets"), "in the way").unwrap();
    let memory = Memory::of(file);
    let got = served(folder.path(), &memory)
        .weights_at(NETWORK, &pin)
        .unwrap();
    assert_right(&got.bytes);
    assert!(got.path.is_none());
    assert!(matches!(got.rejected[..], [ref one] if matches!(one.why, WeightsError::File { .. })));
    // Nothing is kept without a store at all.
    let without = Sources {
        assets: None,
        ..served(folder.path(), &memory)
    };
    let got = without.weights_at(NETWORK, &pin).unwrap();
    assert!(got.path.is_none() && got.rejected.is_empty());
}

#[test]
fn threads_fetch_once() {
    let file = whole(Rest::Last);
    let pin = pin(&file, Known::Prefix);
    let folder = TempDir::new().unwrap();
    let memory = Memory::of(file);
    let sources = served(folder.path(), &memory);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_right(&sources.weights_at(NETWORK, &pin).unwrap().bytes));
        }
    });
    assert_eq!(memory.reads(), 1);
}

#[cfg(not(feature = "hub"))]
#[test]
fn without_the_feature_an_error_says_so() {
    let folder = TempDir::new().unwrap();
    let error = Sources::in_folder(folder.path())
        .weights(Trunk::Vgg16)
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("without the feature `hub`"), "{text}");
    let command = "hf download timm/vgg16.tv_in1k model.safetensors --revision \
                   b8d8aa2dd860af9233c8c67385a8097fd6c35d3f";
    assert!(text.contains(command), "{text}");
}

/// Files of `weights/pth.py`.
#[test]
fn files_of_torch_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights");
    for name in ["zip", "legacy", "first"] {
        let tensors = pth::read(&folder.join(name).with_extension("pth")).unwrap();
        let numbers = |key: &str| {
            let tensor = tensors[key].flatten_all().unwrap();
            let tensor = tensor.to_dtype(candle_core::DType::F64).unwrap();
            tensor.to_vec1::<f64>().unwrap()
        };
        assert_eq!(tensors["features.0.weight"].dims(), [2, 3, 1, 2], "{name}");
        let eighths: Vec<f64> = (0..12).map(|i| f64::from(i) / 8.).collect();
        assert_eq!(numbers("features.0.weight"), eighths, "{name}");
        assert_eq!(numbers("features.0.bias"), [0.5, -2.], "{name}");
        assert_eq!(numbers("first"), [0., 1.], "{name}");
        assert_eq!(numbers("second"), [2., 3., 4., 5.], "{name}");
        assert_eq!(numbers("half"), [1.5], "{name}");
        assert_eq!(numbers("count"), [7., 8.], "{name}");
        assert_eq!(tensors.len(), 6, "{name}");
    }
}

#[test]
fn other_files_are_no_files_of_torch() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("evil.pth");
    let legacy = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights/legacy.pth"));
    let legacy = legacy.unwrap();
    // Wherever it is cut off, there is an error.
    for length in (0..legacy.len()).step_by(7) {
        fs::write(&path, &legacy[..length]).unwrap();
        assert!(pth::read(&path).is_err(), "{length}");
    }
    for (bytes, part) in [
        (&b"ustar"[..], "tar archives"),
        (b"PK\x03\x04 no archive", "cannot read"),
        (b"", "neither a zip file"),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = format!("{:#}", pth::read(&path).unwrap_err());
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(pth::sha256(&path).unwrap(), files::sha256(b""));
}
