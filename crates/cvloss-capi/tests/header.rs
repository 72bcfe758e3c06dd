//! The committed header is what cbindgen makes of the sources.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// What every use must keep, once, at the top.
const CONVENTIONS: &str = "\
/* cvloss: computer-vision losses, value and gradients in one call, on the caller's memory.
 *
 * Every function that can fail returns a cvl_status; cvl_last_error() says in a sentence why this
 * thread's last call failed. Pointers must be NULL or valid: NULL is refused with a status where it
 * is not allowed. Structs begin with struct_size; call their _init function first. Tensors are
 * borrowed for the call only. A cvl_loss is immutable and may be used by any number of threads at
 * once; free it with cvl_loss_free. Conventions in full: docs/c-abi.md.
 *
 * Generated from crates/cvloss-capi by cbindgen. Do not edit. */
";

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn committed() -> PathBuf {
    package().join("../../include/cvloss.h")
}

fn generate() -> Result<String> {
    let mut config =
        cbindgen::Config::from_file(package().join("cbindgen.toml")).map_err(anyhow::Error::msg)?;
    config.header = Some(CONVENTIONS.into());
    config.after_includes = Some(format!(
        "
/** The version of this header. */
#define CVL_VERSION_MAJOR {major}
#define CVL_VERSION_MINOR {minor}
#define CVL_VERSION_PATCH {patch}
/** As cvl_version() of the library. */
#define CVL_VERSION ((CVL_VERSION_MAJOR << 16) | (CVL_VERSION_MINOR << 8) | CVL_VERSION_PATCH)

#if defined(__cplusplus) && __cplusplus >= 201703L
#define CVL_NODISCARD [[nodiscard]]
#elif defined(__GNUC__) || defined(__clang__)
#define CVL_NODISCARD __attribute__((warn_unused_result))
#else
#define CVL_NODISCARD
#endif",
        major = env!("CARGO_PKG_VERSION_MAJOR"),
        minor = env!("CARGO_PKG_VERSION_MINOR"),
        patch = env!("CARGO_PKG_VERSION_PATCH"),
    ));
    let mut text = Vec::new();
    cbindgen::Builder::new()
        .with_crate(package())
        .with_config(config)
        .generate()
        .context("cbindgen")?
        .write(&mut text);
    Ok(String::from_utf8(text)?)
}

#[test]
fn header_is_current() -> Result<()> {
    let generated = generate()?;
    if std::env::var_os("UPDATE_HEADER").is_some() {
        std::fs::write(committed(), &generated)?;
    }
    ensure!(
        std::fs::read_to_string(committed())? == generated,
        "include/cvloss.h is out of date: run UPDATE_HEADER=1 cargo test --release -p cvloss-capi --test header"
    );
    Ok(())
}

/// Every function that the sources export is declared.
#[test]
fn every_symbol_is_declared() -> Result<()> {
    let header = std::fs::read_to_string(committed())?;
    let mut exported = BTreeSet::new();
    for file in rust_files(&package().join("src"))? {
        let source = std::fs::read_to_string(file)?;
        let after = source.split("#[unsafe(no_mangle)]").skip(1);
        let names = after.filter_map(|rest| rest.split("fn ").nth(1)?.split('(').next());
        exported.extend(names.map(str::to_owned));
    }
    ensure!(exported.len() > 30, "found only {exported:?}");
    let missing: Vec<_> = exported
        .iter()
        .filter(|name| !header.contains(&format!("{name}(")))
        .collect();
    ensure!(missing.is_empty(), "not in the header: {missing:?}");
    Ok(())
}

/// Every enum of options has its names in the header.
#[test]
fn every_enum_is_declared() -> Result<()> {
    let header = std::fs::read_to_string(committed())?;
    for file in rust_files(&package().join("src"))? {
        let source = std::fs::read_to_string(file)?;
        for rest in source.split("pub enum ").skip(1) {
            let name = rest.split_whitespace().next().unwrap_or_default();
            ensure!(
                header.contains(&format!("typedef enum {name} {{")),
                "{name} is not in the header: enter it in [export] include of cbindgen.toml"
            );
        }
    }
    Ok(())
}

/// Every loss is reached from C++, from Python, by the tests of equality, and by wrong options.
#[test]
fn every_loss_is_wrapped() -> Result<()> {
    let read = |path: &str| std::fs::read_to_string(package().join("../..").join(path));
    let (cpp, python) = (
        read("include/cvloss.hpp")?,
        read("examples/python/cvloss_torch.py")?,
    );
    let mut hostile = String::new();
    for file in [
        "hostile.c",
        "hostile_call.h",
        "hostile_options.h",
        "networks.c",
    ] {
        hostile += &read(&format!("crates/cvloss-capi/tests/c/{file}"))?;
    }
    let support = package().join("tests/support");
    let mut entries = std::fs::read_to_string(support.join("entries.rs"))?
        + &std::fs::read_to_string(support.join("networks.rs"))?;
    for file in std::fs::read_dir(support.join("entries"))? {
        entries += &std::fs::read_to_string(file?.path())?;
    }
    let header = std::fs::read_to_string(committed())?;
    let mut losses = BTreeSet::new();
    for rest in header.split("enum cvl_status cvl_").skip(1) {
        let name = rest.split('(').next().unwrap_or_default();
        losses.extend(name.strip_suffix("_new"));
    }
    ensure!(losses.len() > 40, "found only {losses:?}");
    let mut missing = Vec::new();
    for name in losses {
        let has_part = hostile.contains(&format!("SPOIL_PART({name},"))
            || hostile.contains(&format!("SPOIL({name}, "));
        for (place, is_there) in [
            (
                "cvloss.hpp",
                cpp.contains(&format!("CVL_LOSS({name})"))
                    || cpp.contains(&format!("CVL_LOSS_OF({name},")),
            ),
            ("cvloss_torch.py", python.contains(&format!("\"{name}\""))),
            ("entries.rs", entries.contains(&format!("cvl_{name}_new"))),
            (
                "hostile.c",
                hostile.contains(&format!("cvl_{name}_new)")) || has_part,
            ),
        ] {
            if !is_there {
                missing.push(format!("{name} in {place}"));
            }
        }
    }
    ensure!(missing.is_empty(), "missing: {missing:?}");
    Ok(())
}

#[test]
fn versions_agree() {
    let number = |text: &str| text.parse::<u32>().unwrap_or(u32::MAX);
    let (major, minor) = (
        number(env!("CARGO_PKG_VERSION_MAJOR")),
        number(env!("CARGO_PKG_VERSION_MINOR")),
    );
    let patch = number(env!("CARGO_PKG_VERSION_PATCH"));
    assert_eq!(
        cvloss_capi::cvl_version(),
        (major << 16) | (minor << 8) | patch
    );
}

fn rust_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}
