//! The arrows of docs/architecture.md: which room may know what.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The Rust files under `folder` with one of `words` in their code, comments aside, relative to it.
fn files_with(folder: &Path, words: &[&str]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    let mut count = 0;
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("{}", next.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                count += 1;
                let text = fs::read_to_string(&path)?;
                let code = text.lines().map(|line| line.split("//").next());
                let mut code = code.map(Option::unwrap_or_default);
                if code.any(|line| words.iter().any(|word| line.contains(word))) {
                    let name = path.strip_prefix(folder)?.to_string_lossy().into_owned();
                    found.push(name.replace('\\', "/"));
                }
            }
        }
    }
    ensure!(count > 0, "no Rust file under {}", folder.display());
    found.sort();
    Ok(found)
}

/// What a manifest asks for outside of its dev-dependencies.
fn dependencies(krate: &str) -> Result<String> {
    let manifest = fs::read_to_string(crates().join(krate).join("Cargo.toml"))?;
    let sections = manifest
        .split("\n[")
        .filter(|section| section.starts_with("dependencies"));
    Ok(sections.collect())
}

#[test]
fn kernels_know_no_tensor_library() -> Result<()> {
    let asked = dependencies("cvloss-kernels")?;
    ensure!(asked.contains("rayon"), "no dependencies read: {asked:?}");
    // Candle's binding of Metal, which knows no tensors: kernels join the encoder that candle's own are in.
    let binding = "\ncandle-metal-kernels = { workspace = true, optional = true }";
    ensure!(
        asked.contains(binding),
        "the binding of Metal is not optional"
    );
    let asked = asked.replace(binding, "");
    for word in ["candle", "safetensors", "hf-hub", "\ncvloss"] {
        ensure!(!asked.contains(word), "cvloss-kernels depends on {word}");
    }
    let words = [
        "candle_core",
        "candle_nn",
        "safetensors::",
        "std::net",
        "std::fs",
    ];
    let found = files_with(&crates().join("cvloss-kernels/src"), &words)?;
    ensure!(found.is_empty(), "{found:?}");
    Ok(())
}

#[test]
fn one_room_touches_the_tape() -> Result<()> {
    let words = ["apply_op", "CustomOp", "BackpropOp", "InplaceOp"];
    let found = files_with(&crates().join("cvloss/src"), &words)?;
    // Networks have a gradient of their own on devices; the others borrow memory of devices.
    let rooms = [
        "autograd.rs",
        "device/cuda.rs",
        "device/metal.rs",
        "perceptual/networks/gradient.rs",
    ];
    ensure!(found == rooms, "{found:?}, expected {rooms:?}");
    Ok(())
}

#[test]
fn one_file_reaches_the_network() -> Result<()> {
    let found = files_with(
        &crates().join("cvloss/src"),
        &["hf_hub", "std::net", "TcpStream"],
    )?;
    ensure!(found == ["perceptual/weights/hub.rs"], "{found:?}");
    Ok(())
}

#[test]
fn the_c_abi_knows_candle_in_one_folder() -> Result<()> {
    let source = crates().join("cvloss-capi/src");
    let found = files_with(&source, &["cvloss::", "candle"])?;
    ensure!(!found.is_empty(), "no use of cvloss");
    for file in &found {
        ensure!(file.starts_with("perceptual/"), "{file} uses cvloss");
    }
    // Mathematics belongs to kernels; charbonnier.rs takes the root of an option that has two meanings.
    let words = [
        ".exp()", ".ln()", ".sqrt()", ".powf(", ".powi(", ".sin()", ".tanh()",
    ];
    let found = files_with(&source, &words)?;
    ensure!(
        found == ["image/charbonnier.rs"],
        "mathematics in {found:?}"
    );
    Ok(())
}
