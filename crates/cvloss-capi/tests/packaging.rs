//! Linking without this repository: statically, and from an installed prefix through pkg-config and through CMake.

#[path = "support/compiler.rs"]
mod compiler;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use compiler::{compile, has, last_line, library_folder, root, run};
use tempfile::tempdir;

const EXPECTED: &str = "result loss=2.219630 slope=-0.123348";

fn example() -> PathBuf {
    root().join("examples/c/ggml_view.c")
}

/// The libraries that README names for a static link on Linux.
fn native_libraries() -> Result<Vec<String>> {
    let readme = std::fs::read_to_string(root().join("README.md"))?;
    let line = readme
        .lines()
        .find(|line| line.contains("libcvloss.a -l"))
        .context("README.md lacks the static link's command")?;
    let words = line.split_whitespace();
    Ok(words
        .filter(|word| word.starts_with("-l"))
        .map(str::to_owned)
        .collect())
}

/// README's list is what rustc reports for the crate's own archive.
#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn native_libraries_are_rustcs() -> Result<()> {
    let folder = tempdir()?;
    let source = folder.path().join("lib.rs");
    std::fs::write(&source, "")?;
    let output = run(Command::new("rustc")
        .args(["--crate-type", "staticlib", "--print", "native-static-libs"])
        .arg(&source)
        .arg("--out-dir")
        .arg(folder.path()))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let reported = text
        .lines()
        .find_map(|line| line.split_once("native-static-libs:"))
        .context("rustc reports no libraries")?
        .1;
    let mut reported: Vec<_> = reported.split_whitespace().map(str::to_owned).collect();
    let mut ours = native_libraries()?;
    reported.sort();
    ours.sort();
    ensure!(ours == reported, "README has {ours:?}, rustc {reported:?}");
    Ok(())
}

/// A program that needs no library of ours when it runs.
#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn static_link() -> Result<()> {
    let folder = tempdir()?;
    let program = folder.path().join("program");
    let cc = compiler::compiler(&example()).context("no C compiler")?;
    run(compile(&cc, "c11")
        .arg(example())
        .arg(library_folder()?.join("libcvloss_capi.a"))
        .args(native_libraries()?)
        .arg("-o")
        .arg(&program))?;
    let output = run(&mut Command::new(program))?;
    ensure!(last_line(&output) == EXPECTED, "{}", last_line(&output));
    Ok(())
}

/// Installs into a prefix with cargo-c, then builds one program through pkg-config and one through find_package alone.
///
/// Needs cargo-c, and builds the library once more for it: asked for by name, `cargo test … -- --ignored installed`.
#[test]
#[ignore = "needs cargo-c and builds the library once more"]
fn installed() -> Result<()> {
    let folder = tempdir()?;
    let prefix = folder.path().join("prefix");
    run(Command::new("cargo-cinstall")
        .args([
            "cinstall",
            "--profile",
            "dist",
            "--locked",
            "--libdir",
            "lib",
        ])
        .arg("--manifest-path")
        .arg(root().join("crates/cvloss-capi/Cargo.toml"))
        .arg("--prefix")
        .arg(&prefix))?;
    let installed = [
        "include/cvloss.h",
        "include/cvloss.hpp",
        "include/cvloss_dlpack.h",
        "lib/libcvloss.a",
        "lib/libcvloss.so",
        "lib/pkgconfig/cvloss.pc",
        "share/cmake/cvloss/cvloss-config.cmake",
        "share/cmake/cvloss/cvloss-config-version.cmake",
    ];
    for file in installed {
        ensure!(prefix.join(file).is_file(), "{file} is not installed");
    }
    let size = prefix.join("lib/libcvloss.so").metadata()?.len();
    ensure!(size < 6_000_000, "libcvloss.so has {size} bytes");
    soname(&prefix)?;
    through_pkg_config(&prefix)?;
    through_cmake(&prefix)
}

/// The shared library's own name has the minor version while that is 0.x.
fn soname(prefix: &Path) -> Result<()> {
    let output = run(Command::new("readelf")
        .arg("-d")
        .arg(prefix.join("lib/libcvloss.so")))?;
    let expected = format!(
        "[libcvloss.so.{}.{}]",
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR")
    );
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(text.contains(&expected), "no SONAME {expected} in\n{text}");
    Ok(())
}

fn through_pkg_config(prefix: &Path) -> Result<()> {
    let folder = tempdir()?;
    let program = folder.path().join("program");
    let flags = run(Command::new("pkg-config")
        .args(["--cflags", "--libs", "cvloss"])
        .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")))?;
    run(Command::new("cc")
        .arg(example())
        .args(String::from_utf8_lossy(&flags.stdout).split_whitespace())
        .arg("-o")
        .arg(&program))?;
    let output = run(Command::new(program).env("LD_LIBRARY_PATH", prefix.join("lib")))?;
    ensure!(last_line(&output) == EXPECTED, "{}", last_line(&output));
    Ok(())
}

fn through_cmake(prefix: &Path) -> Result<()> {
    ensure!(has("cmake"), "cmake is not installed");
    let folder = tempdir()?;
    let lists = format!(
        "cmake_minimum_required(VERSION 3.16)
project(use_cvloss C CXX)
set(CMAKE_CXX_STANDARD 17)
find_package(cvloss {version} REQUIRED)
add_executable(dynamic {c})
target_link_libraries(dynamic PRIVATE cvloss::cvloss)
add_executable(archive {c})
target_link_libraries(archive PRIVATE cvloss::cvloss_static)
add_executable(cpp {cpp})
target_link_libraries(cpp PRIVATE cvloss::cvloss)
",
        version = env!("CARGO_PKG_VERSION"),
        c = example().display(),
        cpp = root().join("examples/cpp/opencv_view.cpp").display(),
    );
    std::fs::write(folder.path().join("CMakeLists.txt"), lists)?;
    let build = folder.path().join("build");
    run(Command::new("cmake")
        .arg("-S")
        .arg(folder.path())
        .arg("-B")
        .arg(&build)
        .arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())))?;
    run(Command::new("cmake").arg("--build").arg(&build))?;
    for program in ["dynamic", "archive"] {
        let output = run(&mut Command::new(build.join(program)))?;
        ensure!(
            last_line(&output) == EXPECTED,
            "{program}: {}",
            last_line(&output)
        );
    }
    run(&mut Command::new(build.join("cpp")))?;
    // Another minor version of 0.x is another ABI.
    let lists = folder.path().join("CMakeLists.txt");
    let wrong = std::fs::read_to_string(&lists)?.replace(
        &format!("cvloss {}", env!("CARGO_PKG_VERSION")),
        "cvloss 0.999",
    );
    std::fs::write(&lists, wrong)?;
    let refused = Command::new("cmake")
        .arg("-S")
        .arg(folder.path())
        .arg("-B")
        .arg(folder.path().join("other"))
        .arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()))
        .output()?;
    ensure!(!refused.status.success(), "version 0.999 was found");
    Ok(())
}

/// CMake's version file has the crate's version.
#[test]
fn cmake_version_is_current() -> Result<()> {
    let file = root().join("crates/cvloss-capi/cmake/cvloss-config-version.cmake");
    let text = std::fs::read_to_string(file)?;
    for line in [
        format!("set(PACKAGE_VERSION \"{}\")", env!("CARGO_PKG_VERSION")),
        format!(
            "set(_cvloss_minor \"{}.{}\")",
            env!("CARGO_PKG_VERSION_MAJOR"),
            env!("CARGO_PKG_VERSION_MINOR")
        ),
    ] {
        ensure!(
            text.contains(&line),
            "cvloss-config-version.cmake lacks {line}"
        );
    }
    Ok(())
}
