//! Programs that others wrote: the cache of `huggingface_hub`, and the mirror `olah`.

use std::{path::Path, process::Command};

use cvloss::perceptual::weights::{Origin, Sources, WeightsError};
use tempfile::TempDir;

use crate::files::{COMMIT, Known, NETWORK, Rest, assert_right, pin, python_cache, tree, whole};
use crate::olah;
use crate::server::{Behaviour, Server};

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
