//! With the feature `cuda`: compiles each file of entry points to a fatbin of PTX.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, thread};

/// Virtual architectures: the lowest that the toolkit knows, and the first with 16-bit conversions in hardware. The driver
/// compiles for newer ones.
const ARCHITECTURES: [&str; 2] = ["75", "80"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return Ok(());
    }
    // Where images are named: a new source is noticed there.
    println!("cargo:rerun-if-changed=src/launch/cuda.rs");
    for name in HOMES.iter().chain(&["NVCC", "NVCC_CCBIN", "PATH"]) {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("src");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let nvcc = nvcc();
    let mut sources = Vec::new();
    find(&root, &mut sources)?;
    for source in &sources {
        println!("cargo:rerun-if-changed={}", source.display());
    }
    sources.retain(|path| has_extension(path, "inl"));
    sources.sort();
    let each = sources
        .len()
        .div_ceil(thread::available_parallelism()?.get());
    let errors: Vec<String> = thread::scope(|scope| {
        let compile_all = |sources: &[PathBuf]| -> Vec<String> {
            let errors = sources
                .iter()
                .map(|source| compile(&nvcc, &root, source, &out));
            errors.filter_map(Result::err).collect()
        };
        let parts: Vec<_> = sources
            .chunks(each.max(1))
            .map(|part| scope.spawn(move || compile_all(part)))
            .collect();
        let join = |part: thread::ScopedJoinHandle<'_, Vec<String>>| {
            part.join()
                .unwrap_or_else(|_| vec!["a thread failed".into()])
        };
        parts.into_iter().flat_map(join).collect()
    });
    match errors.is_empty() {
        true => Ok(()),
        false => Err(errors.join("\n").into()),
    }
}

/// Where a toolkit may be.
const HOMES: [&str; 4] = [
    "CUDA_HOME",
    "CUDA_PATH",
    "CUDA_ROOT",
    "CUDA_TOOLKIT_ROOT_DIR",
];

/// NVIDIA's compiler, found as candle finds it: `NVCC`, a toolkit's, or that on the path.
fn nvcc() -> PathBuf {
    let named = env::var_os("NVCC").map(PathBuf::from);
    let homes = HOMES.iter().filter_map(env::var_os);
    let installed = homes.map(|home| Path::new(&home).join("bin").join("nvcc"));
    let is_there = |path: &PathBuf| path.exists();
    named
        .into_iter()
        .chain(installed)
        .find(is_there)
        .unwrap_or_else(|| "nvcc".into())
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

/// The sources of kernels: headers and entry points.
fn find(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, found)?;
        } else if has_extension(&path, "inl") || has_extension(&path, "h") {
            found.push(path);
        }
    }
    Ok(())
}

/// `loops/reduce.inl` becomes `loops_reduce.fatbin`.
fn compile(nvcc: &Path, root: &Path, source: &Path, out: &Path) -> Result<(), String> {
    let name = source
        .strip_prefix(root)
        .unwrap_or(source)
        .with_extension("fatbin");
    let name = name.to_string_lossy().replace(['/', '\\'], "_");
    let mut command = Command::new(nvcc);
    command.args(["-fatbin", "-std=c++17", "-O3", "-x", "cu"]);
    for architecture in ARCHITECTURES {
        let code = format!("arch=compute_{architecture},code=compute_{architecture}");
        command.args(["-gencode", &code]);
    }
    if let Some(compiler) = env::var_os("NVCC_CCBIN") {
        command
            .arg("-allow-unsupported-compiler")
            .arg("-ccbin")
            .arg(compiler);
    }
    command.arg(source).arg("-o").arg(out.join(name));
    let output = command.output().map_err(|error| {
        format!(
            "the feature `cuda` compiles kernels with NVIDIA's nvcc, and {} does not run ({error}); put it on the path, or \
             set NVCC or CUDA_HOME",
            nvcc.display()
        )
    })?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "nvcc: {}: {}",
            source.display(),
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}
