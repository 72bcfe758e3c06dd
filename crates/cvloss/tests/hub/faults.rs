//! A server that fails, or sends what it should not: errors that say so, and nothing left behind.

use std::time::{Duration, Instant};

use cvloss::perceptual::weights::{Sources, Trust, WeightsError};
use tempfile::TempDir;

use crate::files::{COMMIT, Known, NETWORK, Rest, assert_right, pin, tree, weight_files, whole};
use crate::server::{Behaviour, Fault, Server};
use crate::{always, fetch, sources};

fn once(fault: Fault) -> Behaviour {
    Behaviour {
        faults: [fault].into(),
        ..Behaviour::default()
    }
}

/// Each fault, with each kind of pin: an error that says what it is, nothing left behind, and right weights once the
/// server behaves.
#[test]
fn hub_faults_are_errors_and_leave_nothing() {
    type Expected = fn(&WeightsError) -> bool;
    let about_bytes: Expected = |error| {
        matches!(
            error,
            WeightsError::Digest { .. } | WeightsError::Size { .. } | WeightsError::Header { .. }
        )
    };
    let faults: Vec<(Fault, Expected)> = vec![
        (Fault::Short(12_345), about_bytes),
        (Fault::Short(0), about_bytes),
        (Fault::Flip(60_000), about_bytes),
        (Fault::Page("<!DOCTYPE html><html>busy</html>"), about_bytes),
        (
            Fault::Page("version https://git-lfs.github.com/spec/v1"),
            about_bytes,
        ),
        (Fault::Page(""), about_bytes),
        (Fault::Cut(54_321), |e| {
            matches!(e, WeightsError::Connection { .. })
        }),
        (Fault::Status(401), |e| {
            matches!(e, WeightsError::Refused { status: 401, .. })
        }),
        (Fault::Status(403), |e| {
            matches!(e, WeightsError::Refused { status: 403, .. })
        }),
        (Fault::Status(404), |e| {
            matches!(e, WeightsError::NotFound { .. })
        }),
        (Fault::Status(429), |e| {
            matches!(e, WeightsError::RateLimited { .. })
        }),
        (Fault::Status(500), |e| {
            matches!(e, WeightsError::Status { status: 500, .. })
        }),
        (Fault::Status(503), |e| {
            matches!(e, WeightsError::Status { status: 503, .. })
        }),
    ];
    let cases = [
        (Rest::Last, Known::Prefix),
        (Rest::First, Known::Tensors),
        (Rest::First, Known::Whole),
    ];
    for (rest, known) in cases {
        let file = whole(rest);
        let pin = pin(&file, known);
        let server = Server::new(file, Behaviour::default());
        for (fault, expected) in &faults {
            let folder = TempDir::new().unwrap();
            server.set(always(fault.clone()));
            let error = fetch(&server, folder.path(), &pin).unwrap_err();
            assert!(expected(&error), "{fault:?}, {known:?}: {error}");
            assert!(
                weight_files(folder.path()).is_empty(),
                "{fault:?}, {known:?}"
            );
            server.set(Behaviour::default());
            assert_right(&fetch(&server, folder.path(), &pin).unwrap().bytes);
        }
    }
}

#[test]
fn hub_one_fault_is_got_over() {
    let file = whole(Rest::Last);
    let server = Server::new(file.clone(), Behaviour::default());
    for known in [Known::Prefix, Known::Whole] {
        let pin = pin(&file, known);
        let faults = [
            Fault::Short(12_345),
            Fault::Flip(60_000),
            Fault::Cut(54_321),
            Fault::Page("busy"),
            Fault::Status(503),
        ];
        for fault in faults {
            let folder = TempDir::new().unwrap();
            server.set(once(fault));
            let got = fetch(&server, folder.path(), &pin).unwrap();
            assert_eq!(got.trust, Trust::Pinned);
            assert_right(&got.bytes);
        }
    }
}

#[test]
fn hub_server_without_ranges_sends_the_whole_file() {
    for (rest, known) in [
        (Rest::Last, Known::Prefix),
        (Rest::Last, Known::WholeAndPrefix),
        (Rest::First, Known::Tensors),
        (Rest::First, Known::Nothing),
    ] {
        let file = whole(rest);
        let folder = TempDir::new().unwrap();
        let server = Server::new(file.clone(), always(Fault::NoRange));
        let sources = Sources {
            unverified: vec![NETWORK],
            ..sources(&server, folder.path())
        };
        let got = sources.weights_at(NETWORK, &pin(&file, known)).unwrap();
        assert_right(&got.bytes);
        // Once asked for a part, then for the whole.
        let ranges: Vec<_> = server.gets().into_iter().map(|r| r.range).collect();
        assert!(matches!(ranges[..], [Some(_), None]), "{ranges:?}");
    }
}

#[test]
fn hub_silence_ends() {
    let file = whole(Rest::Last);
    let pin = pin(&file, Known::Prefix);
    let folder = TempDir::new().unwrap();
    let server = Server::new(file, always(Fault::Hang(Duration::from_secs(3))));
    let start = Instant::now();
    let impatient = Sources {
        stall: Duration::from_millis(300),
        ..sources(&server, folder.path())
    };
    let error = impatient.weights_at(NETWORK, &pin).unwrap_err();
    assert!(matches!(error, WeightsError::Stalled { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(3));
    assert!(weight_files(folder.path()).is_empty());
    // Nobody there at all.
    let endpoint = server.endpoint();
    drop(server);
    let alone = Sources {
        endpoint,
        ..Sources::in_folder(folder.path())
    };
    let error = alone.weights_at(NETWORK, &pin).unwrap_err();
    assert!(matches!(error, WeightsError::Connection { .. }), "{error}");
}

#[test]
fn hub_names_from_the_server_are_not_paths() {
    let file = whole(Rest::Last);
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("a/b/c/d/e/f");
    for known in [Known::Prefix, Known::Whole, Known::Tensors] {
        let behaviour = Behaviour {
            evil_names: true,
            ..Behaviour::default()
        };
        let server = Server::new(file.clone(), behaviour);
        let got = fetch(&server, &folder, &pin(&file, known)).unwrap();
        assert_right(&got.bytes);
    }
    let paths = tree(parent.path());
    assert!(!paths.iter().any(|line| line.contains("evil")), "{paths:?}");
    let files = weight_files(parent.path());
    assert_eq!(files.len(), 3);
    let store = format!("a/b/c/d/e/f/assets/cvloss/someone--model/{COMMIT}/squeezenet1_1-");
    assert!(files.iter().all(|line| line.contains(&store)), "{files:?}");
}

#[test]
fn hub_evil_headers_are_errors() {
    let good = whole(Rest::First);
    let header = |json: &str| [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat();
    let one = |shape: &str, offsets: &str| {
        header(&format!(
            r#"{{"features.0.weight":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#
        ))
    };
    let mut endless = good.clone();
    endless[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let mut longer = good.clone();
    longer[..8].copy_from_slice(&(1u64 << 19).to_le_bytes());
    let files = [
        endless,
        longer,
        vec![],
        b"short".to_vec(),
        one("[64,3,3,3]", "[0,6911]"),
        one("[64,3,3,3]", "[6912,13824]"),
        one("[4294967296,4294967296,2]", "[0,0]"),
        one("[64,3,3,3]", "[0,6912]"),
        one("[64,3,3]", "[0,2304]"),
        header("{}"),
        header(&"[".repeat(60_000)),
    ];
    for file in files {
        let folder = TempDir::new().unwrap();
        let server = Server::new(file, Behaviour::default());
        for known in [Known::Tensors, Known::Nothing] {
            let sources = Sources {
                unverified: vec![NETWORK],
                ..sources(&server, folder.path())
            };
            let error = sources.weights_at(NETWORK, &pin(&good, known)).unwrap_err();
            let expected = matches!(
                error,
                WeightsError::Header { .. }
                    | WeightsError::Tensor { .. }
                    | WeightsError::Size { .. }
            );
            assert!(expected, "{error}");
            assert!(weight_files(folder.path()).is_empty());
        }
    }
}
