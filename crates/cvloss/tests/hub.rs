//! The Hub's client against a server on this machine that misbehaves in each way that was seen or can be feared.

#![allow(clippy::panic, clippy::unwrap_used)]

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use cvloss::perceptual::weights::{
    Origin, Pin, Sources, Token, Trust, WeightFile, WeightsError, WeightsResult,
};
use tempfile::TempDir;

#[path = "weights/files.rs"]
mod files;
#[path = "hub/olah.rs"]
mod olah;
#[path = "hub/server.rs"]
mod server;

use files::{
    COMMIT, Known, NETWORK, Rest, assert_right, pin, prefix_length, python_cache, tree,
    weight_files, whole,
};
use server::{Behaviour, Fault, Server};

fn sources(server: &Server, folder: &Path) -> Sources {
    Sources {
        endpoint: server.endpoint(),
        ..Sources::in_folder(folder)
    }
}

fn fetch(server: &Server, folder: &Path, pin: &Pin) -> WeightsResult<WeightFile> {
    sources(server, folder).weights_at(NETWORK, pin)
}

fn always(fault: Fault) -> Behaviour {
    Behaviour {
        always: Some(fault),
        ..Behaviour::default()
    }
}

fn once(fault: Fault) -> Behaviour {
    Behaviour {
        faults: [fault].into(),
        ..Behaviour::default()
    }
}

#[test]
fn hub_cold_fetch_takes_the_wanted_part_alone() {
    let file = whole(Rest::Last);
    let pin = pin(&file, Known::Prefix);
    for direct in [false, true] {
        let folder = TempDir::new().unwrap();
        let behaviour = Behaviour {
            direct,
            ..Behaviour::default()
        };
        let server = Server::new(file.clone(), behaviour);
        let got = fetch(&server, folder.path(), &pin).unwrap();
        assert_eq!((got.origin, got.trust), (Origin::Hub, Trust::Pinned));
        assert_right(&got.bytes);
        assert_eq!(fs::read(got.path.unwrap()).unwrap(), got.bytes);
        assert_eq!(server.sent(), prefix_length(&file));
        // The shared cache is not written.
        assert!(!folder.path().join("hub").exists());
        for request in server.log() {
            assert!(!request.path.starts_with("/api/"), "{request:?}");
            assert_eq!(request.authorization, None);
            assert!(request.user_agent.starts_with("cvloss/"), "{request:?}");
        }
    }
}

#[test]
fn hub_tensors_at_the_end_are_fetched_alone() {
    let file = whole(Rest::First);
    let folder = TempDir::new().unwrap();
    let server = Server::new(file.clone(), Behaviour::default());
    let got = fetch(&server, folder.path(), &pin(&file, Known::Tensors)).unwrap();
    assert_right(&got.bytes);
    let ranges: Vec<_> = server.gets().into_iter().map(|r| r.range).collect();
    assert_eq!(ranges[0].as_deref(), Some("bytes=0-65535"));
    assert_eq!(ranges.len(), 2);
    assert_eq!(server.sent(), 65_536 + 4 * 722_496);
}

#[test]
fn hub_whole_file_where_only_that_is_pinned() {
    let file = whole(Rest::First);
    let folder = TempDir::new().unwrap();
    let server = Server::new(file.clone(), Behaviour::default());
    let got = fetch(&server, folder.path(), &pin(&file, Known::Whole)).unwrap();
    assert_eq!(got.trust, Trust::Pinned);
    assert_right(&got.bytes);
    assert_eq!(server.sent(), file.len());
    // What is kept is trimmed.
    assert!(got.bytes.len() < 4 * 722_496 + 10_000);
}

#[test]
fn hub_warm_fetch_needs_no_server_and_writes_nothing() {
    let file = whole(Rest::Last);
    let pin = pin(&file, Known::Prefix);
    let folder = TempDir::new().unwrap();
    let server = Server::new(file, Behaviour::default());
    let sources = sources(&server, folder.path());
    let cold = sources.weights_at(NETWORK, &pin).unwrap();
    drop(server);
    let store = cold.path.as_ref().unwrap().parent().unwrap();
    let mut permissions = fs::metadata(store).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(store, permissions.clone()).unwrap();
    let before = tree(folder.path());
    let warm = sources.weights_at(NETWORK, &pin).unwrap();
    assert_eq!((warm.origin, warm.trust), (Origin::Store, Trust::Pinned));
    assert_eq!(warm.bytes, cold.bytes);
    assert_eq!(warm.path, cold.path);
    assert_eq!(tree(folder.path()), before);
    #[allow(clippy::permissions_set_readonly_false)]
    permissions.set_readonly(false);
    fs::set_permissions(store, permissions).unwrap();
}

#[test]
fn hub_offline_asks_no_server() {
    let file = whole(Rest::Last);
    let pin = pin(&file, Known::Prefix);
    let folder = TempDir::new().unwrap();
    let server = Server::new(file, Behaviour::default());
    let offline = Sources {
        offline: true,
        ..sources(&server, folder.path())
    };
    let error = offline.weights_at(NETWORK, &pin).unwrap_err();
    assert!(matches!(error, WeightsError::Offline { .. }), "{error}");
    let text = error.to_string();
    let command = format!("hf download someone/model model.safetensors --revision {COMMIT}");
    assert!(
        text.contains(&command) && text.contains("snapshots"),
        "{text}"
    );
    assert!(server.log().is_empty());
}

#[test]
fn hub_python_cache_is_used_first() {
    let file = whole(Rest::Last);
    let pin = pin(&file, Known::WholeAndPrefix);
    let folder = TempDir::new().unwrap();
    let hub = folder.path().join("hub");
    python_cache(&hub, &file);
    let before = tree(&hub);
    let server = Server::new(file, Behaviour::default());
    let got = fetch(&server, folder.path(), &pin).unwrap();
    assert_eq!((got.origin, got.trust), (Origin::HubCache, Trust::Pinned));
    assert_right(&got.bytes);
    assert_eq!(tree(&hub), before);
    assert!(server.log().is_empty());
}

#[test]
fn hub_poisoned_python_cache_is_passed_over() {
    let file = whole(Rest::Last);
    let pin = pin(&file, Known::WholeAndPrefix);
    let folder = TempDir::new().unwrap();
    // What hf-hub 1.0 leaves there when a server answers with an error page.
    let hub = folder.path().join("hub");
    let link = python_cache(&hub, &file);
    fs::write(fs::canonicalize(&link).unwrap(), "<Error>no</Error>").unwrap();
    let before = tree(&hub);
    let server = Server::new(file, Behaviour::default());
    let got = fetch(&server, folder.path(), &pin).unwrap();
    assert_eq!(got.origin, Origin::Hub);
    assert_right(&got.bytes);
    assert!(matches!(got.rejected[..], [ref one] if one.path == link));
    // It is another program's file.
    assert_eq!(tree(&hub), before);
}

#[test]
fn hub_poisoned_store_is_fetched_again() {
    let file = whole(Rest::Last);
    let pin = pin(&file, Known::Prefix);
    let folder = TempDir::new().unwrap();
    let server = Server::new(file, Behaviour::default());
    let path = fetch(&server, folder.path(), &pin).unwrap().path.unwrap();
    fs::write(&path, "poison").unwrap();
    let got = fetch(&server, folder.path(), &pin).unwrap();
    assert_eq!(got.origin, Origin::Hub);
    assert!(matches!(got.rejected[..], [ref one] if one.path == path));
    assert_right(&fs::read(&path).unwrap());

    // Still bad: an error, and no entry is left.
    fs::write(&path, "poison").unwrap();
    server.set(always(Fault::Flip(1_000_000)));
    let error = fetch(&server, folder.path(), &pin).unwrap_err();
    assert!(matches!(error, WeightsError::Digest { .. }), "{error}");
    assert!(weight_files(folder.path()).is_empty());
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
fn hub_stale_token_is_left_out() {
    let file = whole(Rest::Last);
    let pin = pin(&file, Known::Prefix);
    let folder = TempDir::new().unwrap();
    let behaviour = Behaviour {
        refuse_tokens: true,
        ..Behaviour::default()
    };
    let server = Server::new(file, behaviour);
    let sources = Sources {
        token: Some(Token::new("hf_stale")),
        ..sources(&server, folder.path())
    };
    assert_right(&sources.weights_at(NETWORK, &pin).unwrap().bytes);
    let log = server.log();
    assert_eq!(log[0].authorization.as_deref(), Some("Bearer hf_stale"));
    assert_eq!(log.last().unwrap().authorization, None);
}

#[test]
fn hub_token_stays_with_the_endpoint() {
    let file = whole(Rest::Last);
    let pin = pin(&file, Known::Prefix);
    let folder = TempDir::new().unwrap();
    let behaviour = Behaviour {
        want_token: true,
        ..Behaviour::default()
    };
    let server = Server::new(file, behaviour);
    let error = fetch(&server, folder.path(), &pin).unwrap_err();
    assert!(
        matches!(error, WeightsError::Refused { status: 401, .. }),
        "{error}"
    );
    let before = server.log().len();
    let sources = Sources {
        token: Some(Token::new("hf_good")),
        ..sources(&server, folder.path())
    };
    assert_right(&sources.weights_at(NETWORK, &pin).unwrap().bytes);
    let log = &server.log()[before..];
    assert!(log.len() >= 4);
    for request in log {
        let expected = request.host.starts_with("127.").then_some("Bearer hf_good");
        assert_eq!(request.authorization.as_deref(), expected, "{request:?}");
    }
    assert!(
        log.iter()
            .any(|request| request.host.starts_with("localhost"))
    );
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

#[test]
fn hub_progress_is_told() {
    let file = whole(Rest::Last);
    let told = Arc::new(Mutex::new(Vec::new()));
    for (known, total) in [
        (Known::Prefix, prefix_length(&file)),
        (Known::Whole, file.len()),
    ] {
        let folder = TempDir::new().unwrap();
        let server = Server::new(file.clone(), Behaviour::default());
        let list = told.clone();
        let sources = Sources {
            progress: Some(Arc::new(move |progress| {
                list.lock().unwrap().push(progress)
            })),
            ..sources(&server, folder.path())
        };
        sources.weights_at(NETWORK, &pin(&file, known)).unwrap();
        let told = std::mem::take(&mut *told.lock().unwrap());
        assert!(told.windows(2).all(|pair| pair[0].done < pair[1].done));
        let last = told.last().unwrap();
        assert_eq!((last.done, last.total), (total as u64, Some(total as u64)));
        assert!(told.iter().all(|progress| progress.network == NETWORK));
    }
}

#[test]
fn hub_inside_a_runtime_of_the_caller() {
    let file = whole(Rest::Last);
    let pin = pin(&file, Known::Prefix);
    let folder = TempDir::new().unwrap();
    let server = Server::new(file, Behaviour::default());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let got = runtime.block_on(async { fetch(&server, folder.path(), &pin) });
    assert_right(&got.unwrap().bytes);
}

/// This test again, in a process of its own, which runs [`hub_child`] with these variables.
fn child(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["hub_child", "--exact", "--ignored", "--nocapture"]);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HF_") {
            command.env_remove(name);
        }
    }
    command.envs(variables.iter().copied());
    command
}

#[test]
#[ignore = "is started by other tests, as a process of its own"]
fn hub_child() {
    let known = match std::env::var("CVLOSS_TEST_PIN").unwrap().as_str() {
        "whole" => Known::Whole,
        _ => Known::Prefix,
    };
    let pin = pin(&whole(Rest::Last), known);
    match Sources::from_env().weights_at(NETWORK, &pin) {
        Ok(got) => {
            assert_right(&got.bytes);
            println!("origin {:?}", got.origin);
        }
        Err(error) => println!("error {error}"),
    }
}

#[test]
fn hub_two_processes_fetch_once() {
    let file = whole(Rest::Last);
    let folder = TempDir::new().unwrap();
    // Longer than the ten seconds after which hf-hub's own lock gives up.
    let server = Server::new(file, always(Fault::Slow(Duration::from_secs(11))));
    let variables = [
        ("CVLOSS_TEST_PIN", "prefix"),
        ("HF_HOME", folder.path().to_str().unwrap()),
        ("HF_ENDPOINT", &server.endpoint()),
    ];
    let mut outputs: Vec<String> = std::thread::scope(|scope| {
        let run = || {
            let output = child(&variables).output().unwrap();
            assert!(output.status.success());
            String::from_utf8(output.stdout).unwrap()
        };
        let processes = [scope.spawn(run), scope.spawn(run)];
        processes.map(|process| process.join().unwrap()).into()
    });
    outputs.sort_by_key(|output| output.contains("origin Store"));
    assert!(outputs[0].contains("origin Hub"), "{outputs:?}");
    assert!(outputs[1].contains("origin Store"), "{outputs:?}");
    assert_eq!(server.gets().len(), 1);
}

#[test]
fn hub_waiting_for_another_process_ends() {
    let file = whole(Rest::Last);
    let pin = pin(&file, Known::Prefix);
    let folder = TempDir::new().unwrap();
    let server = Server::new(file, always(Fault::Slow(Duration::from_secs(2))));
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| fetch(&server, folder.path(), &pin));
        while server.log().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let impatient = Sources {
            lock_wait: Duration::from_millis(100),
            ..sources(&server, folder.path())
        };
        let error = impatient.weights_at(NETWORK, &pin).unwrap_err();
        assert!(matches!(error, WeightsError::Locked { .. }), "{error}");
        assert_right(&slow.join().unwrap().unwrap().bytes);
    });
}

#[test]
fn hub_variables_of_the_environment_are_honoured() {
    let file = whole(Rest::Last);
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let (assets, cache, home) = (at("assets"), at("cache"), at("home"));
    let server = Server::new(file.clone(), Behaviour::default());
    let endpoint = server.endpoint();
    let base = [
        ("CVLOSS_TEST_PIN", "prefix"),
        ("HOME", home.as_str()),
        ("HF_ASSETS_CACHE", assets.as_str()),
        ("HF_HUB_CACHE", cache.as_str()),
        ("HF_ENDPOINT", endpoint.as_str()),
    ];
    let run = |more: &[(&str, &str)]| {
        let output = child(&[&base[..], more].concat()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let output = run(&[("HF_HUB_OFFLINE", "1")]);
    assert!(
        output.contains("error ") && output.contains("offline"),
        "{output}"
    );
    assert!(server.log().is_empty());

    // hf-hub would take a token from here by itself.
    fs::create_dir_all(folder.path().join("home/.cache/huggingface")).unwrap();
    fs::write(
        folder.path().join("home/.cache/huggingface/token"),
        "hf_file",
    )
    .unwrap();
    let without = [
        ("HF_TOKEN", "hf_env"),
        ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"),
    ];
    assert!(run(&without).contains("origin Hub"));
    assert!(
        server
            .log()
            .iter()
            .all(|request| request.authorization.is_none())
    );
    assert_eq!(weight_files(Path::new(&assets)).len(), 1);
    assert!(!Path::new(&cache).exists());
    assert!(run(&[("HF_HUB_OFFLINE", "1")]).contains("origin Store"));

    fs::remove_dir_all(&assets).unwrap();
    let before = server.log().len();
    assert!(run(&[("HF_TOKEN", "hf_env")]).contains("origin Hub"));
    let first = &server.log()[before];
    assert_eq!(first.authorization.as_deref(), Some("Bearer hf_env"));

    fs::remove_dir_all(&assets).unwrap();
    python_cache(Path::new(&cache), &file);
    assert!(run(&[("HF_HUB_OFFLINE", "YES")]).contains("origin HubCache"));
}

/// The program named by a variable, for tests that want one.
fn program(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} must name a program"))
}

#[test]
#[ignore = "needs CVLOSS_PYTHON, a Python with huggingface_hub"]
fn hub_cache_that_huggingface_hub_has_made() {
    let file = whole(Rest::Last);
    let server = Server::new(file.clone(), Behaviour::default());
    for revision in [COMMIT, "main"] {
        let folder = TempDir::new().unwrap();
        let script = format!(
            "from huggingface_hub import hf_hub_download\n\
             print(hf_hub_download('someone/model', 'model.safetensors', revision='{revision}'))"
        );
        let output = Command::new(program("CVLOSS_PYTHON"))
            .args(["-c", &script])
            .env("HF_HOME", folder.path())
            .env("HF_ENDPOINT", server.endpoint())
            .env("HF_HUB_DISABLE_TELEMETRY", "1")
            .env("HF_HUB_DISABLE_XET", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let hub = folder.path().join("hub");
        let before = tree(&hub);
        let offline = Sources {
            offline: true,
            unverified: vec![NETWORK],
            ..Sources::in_folder(folder.path())
        };
        // The branch is known where it was asked for.
        let known = match revision {
            "main" => Known::Nothing,
            _ => Known::WholeAndPrefix,
        };
        let got = offline.weights_at(NETWORK, &pin(&file, known)).unwrap();
        assert_eq!(got.origin, Origin::HubCache);
        assert_right(&got.bytes);
        assert_eq!(tree(&hub), before);

        // And the imitation that other tests use has the same files.
        let imitation = TempDir::new().unwrap();
        python_cache(imitation.path(), &file);
        for line in tree(imitation.path()) {
            let path = line.split('"').nth(1).unwrap();
            let relative = Path::new(path).strip_prefix(imitation.path()).unwrap();
            let is_branch = relative.starts_with("models--someone--model/refs");
            assert!(hub.join(relative).exists() || is_branch, "{relative:?}");
        }
    }
}

#[test]
#[ignore = "needs CVLOSS_OLAH, the program olah-cli, and git"]
fn hub_mirror_that_others_wrote() {
    let file = whole(Rest::Last);
    let place = TempDir::new().unwrap();
    let (server, commit) = olah::Olah::new(&program("CVLOSS_OLAH"), place.path(), &file);
    // It has no parts of files: the first falls back to the whole file.
    for known in [Known::Prefix, Known::Whole, Known::Tensors, Known::Nothing] {
        let folder = TempDir::new().unwrap();
        let sources = Sources {
            endpoint: server.endpoint(),
            unverified: vec![NETWORK],
            ..Sources::in_folder(folder.path())
        };
        let mut pin = pin(&file, known);
        if known != Known::Nothing {
            pin.revision = commit.clone();
        }
        let got = sources.weights_at(NETWORK, &pin).unwrap();
        assert_eq!(got.origin, Origin::Hub);
        assert_right(&got.bytes);
        // What is not there is refused; this mirror says 401.
        pin.file = "other.safetensors".into();
        let error = sources.weights_at(NETWORK, &pin).unwrap_err();
        let missing = matches!(
            error,
            WeightsError::Refused { .. } | WeightsError::NotFound { .. }
        );
        assert!(missing, "{error}");
    }
}
