//! The Hub's client against a server on this machine that misbehaves in each way that was seen or can be feared.

#![allow(clippy::panic, clippy::unwrap_used)]

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use cvloss::perceptual::weights::{
    Origin, Pin, Sources, Trust, WeightFile, WeightsError, WeightsResult,
};
use tempfile::TempDir;

#[path = "hub/faults.rs"]
mod faults;
#[path = "weights/files.rs"]
mod files;
#[path = "hub/olah.rs"]
mod olah;
#[path = "hub/others.rs"]
mod others;
#[path = "hub/server.rs"]
mod server;
#[path = "hub/tokens.rs"]
mod tokens;

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
