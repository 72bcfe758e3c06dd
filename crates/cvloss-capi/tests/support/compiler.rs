//! C and C++ compilers, sanitizers and valgrind, as far as the machine has them.

#![allow(unreachable_pub, dead_code, reason = "each test uses a part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

pub const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];
pub const SANITIZE: [&str; 3] = [
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
];

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Whether a program can be started.
pub fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// The compiler of a source file, or nothing if there is none for C++. Rust links with a C compiler, so that one is there.
pub fn compiler(source: &Path) -> Option<String> {
    let named = |variable: &str, default: &str| {
        std::env::var(variable).unwrap_or_else(|_| default.to_owned())
    };
    if source.extension().is_some_and(|extension| extension == "c") {
        return Some(named("CC", "cc"));
    }
    let cxx = named("CXX", "c++");
    if has(&cxx) {
        return Some(cxx);
    }
    eprintln!("SKIPPED {}: there is no C++ compiler", source.display());
    None
}

/// Where cargo put the libraries that this test runs against.
pub fn library_folder() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    Ok(test.parent().context("no folder")?.to_owned())
}

/// Runs a command; its output must end well.
pub fn run(command: &mut Command) -> Result<Output> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} does not start"))?;
    ensure!(
        output.status.success(),
        "{command:?} ended with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output)
}

/// A compiler's command with our headers and strict warnings.
pub fn compile(compiler: &str, standard: &str) -> Command {
    let mut command = Command::new(compiler);
    command
        .arg(format!("-std={standard}"))
        .args(STRICT)
        .arg("-I")
        .arg(root().join("include"))
        .arg("-I")
        .arg(root().join("crates/cvloss-capi/tests/c"));
    command
}

pub fn standard(source: &Path) -> &'static str {
    if source.extension().is_some_and(|extension| extension == "c") {
        "c11"
    } else {
        "c++17"
    }
}

/// Builds a program of one or more files against the shared library; nothing without a compiler for it.
pub fn build(
    folder: &Path,
    name: &str,
    sources: &[PathBuf],
    flags: &[&str],
) -> Result<Option<PathBuf>> {
    let first = sources.first().context("no source")?;
    let Some(compiler) = compiler(first) else {
        return Ok(None);
    };
    let program = folder.join(name);
    let libraries = library_folder()?;
    run(compile(&compiler, standard(first))
        .args(["-O1", "-g"])
        .args(flags)
        .args(sources)
        .arg("-o")
        .arg(&program)
        .arg("-L")
        .arg(&libraries)
        .arg("-lcvloss_capi")
        .arg(format!("-Wl,-rpath,{}", libraries.display()))
        .arg("-lm"))?;
    Ok(Some(program))
}

/// Whether a compiler can link and run programs with AddressSanitizer.
pub fn can_sanitize(folder: &Path, compiler: &str, extension: &str) -> bool {
    let source = folder.join(format!("probe.{extension}"));
    let program = folder.join(format!("probe_{extension}"));
    let works = std::fs::write(&source, "int main(void) { return 0; }\n").is_ok()
        && Command::new(compiler)
            .args(SANITIZE)
            .arg(&source)
            .arg("-o")
            .arg(&program)
            .output()
            .is_ok_and(|output| output.status.success())
        && Command::new(&program)
            .output()
            .is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("SKIPPED sanitizers: {compiler} has none");
    }
    works
}

/// The last line that a program prints.
pub fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().last().unwrap_or_default().to_owned()
}
