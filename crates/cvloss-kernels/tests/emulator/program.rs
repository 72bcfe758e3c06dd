//! The kernels and the emulator as a program: one source per dialect, compiled once, and run on requests.

use std::collections::HashMap;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use cvloss_kernels::device::source::{self, SOURCES};

/// Whose language the sources are read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dialect {
    Cuda,
    Metal,
}

pub(crate) const DIALECTS: [Dialect; 2] = [Dialect::Cuda, Dialect::Metal];

/// A change of one source, to see that a test fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Mutation {
    pub(crate) file: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
}

/// The entry points of a test, by their sources; those that all calls need come along.
pub(crate) type Kernels = &'static [&'static str];

/// What is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Build {
    pub(crate) dialect: Dialect,
    pub(crate) kernels: Kernels,
    /// With the address sanitizer and that of undefined behaviour.
    pub(crate) sanitized: bool,
    pub(crate) mutation: Option<Mutation>,
}

impl Build {
    pub(crate) fn plain(dialect: Dialect, kernels: Kernels) -> Self {
        Self {
            dialect,
            kernels,
            sanitized: false,
            mutation: None,
        }
    }

    pub(crate) fn sanitized(dialect: Dialect, kernels: Kernels) -> Self {
        Self {
            sanitized: true,
            ..Self::plain(dialect, kernels)
        }
    }

    pub(crate) fn mutated(self, mutation: Mutation) -> Self {
        Self {
            mutation: Some(mutation),
            ..self
        }
    }

    fn has(&self, source: &str) -> bool {
        let all = ["loops/numbers.inl", "loops/reduce.inl"];
        source.ends_with(".h") || all.contains(&source) || self.kernels.contains(&source)
    }
}

type Slot = Arc<Mutex<Option<PathBuf>>>;
/// A build by what it is of; its lock is held while it is made.
static BUILT: Mutex<Option<HashMap<Build, Slot>>> = Mutex::new(None);

/// Whether there is a compiler; says so if not.
pub(crate) fn has_compiler() -> bool {
    let found = Command::new("g++").arg("--version").output().is_ok();
    if !found {
        println!("SKIPPED: there is no g++ to compile the emulator with");
    }
    found
}

/// The kernels in one text, as a Metal library has them.
fn text(build: Build) -> String {
    let Some(Mutation { file, from, to }) = build.mutation else {
        return source::text(|name| build.has(name));
    };
    let (_, original) = SOURCES.iter().find(|(name, _)| *name == file).unwrap();
    assert!(original.contains(from), "{file} has no {from}");
    let mutated = original.replacen(from, to, 1);
    let sources = SOURCES.iter().filter(|(name, _)| build.has(name));
    source::concatenate(sources.map(|(name, source)| match *name == file {
        true => (*name, mutated.as_str()),
        false => (*name, *source),
    }))
}

/// The program of a build, made at the first call.
pub(crate) fn program(build: Build) -> PathBuf {
    let slot = {
        let mut built = BUILT.lock().unwrap();
        let slots = built.get_or_insert_with(HashMap::new);
        Arc::clone(slots.entry(build).or_default())
    };
    let mut slot = slot.lock().unwrap();
    slot.get_or_insert_with(|| compile(build)).clone()
}

fn compile(build: Build) -> PathBuf {
    let emulator = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulator");
    let number = {
        static COUNT: Mutex<u32> = Mutex::new(0);
        let mut count = COUNT.lock().unwrap();
        *count += 1;
        *count
    };
    let stem = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("emulator-{number}"));
    let source = stem.with_extension("cpp");
    std::fs::write(&source, text(build)).unwrap();
    let mut command = Command::new("g++");
    command.args([
        "-std=c++17",
        "-O1",
        "-g1",
        "-fno-strict-aliasing",
        "-ffp-contract=off",
    ]);
    command.args([
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wno-attributes",
        "-Wno-unknown-pragmas",
    ]);
    if build.sanitized {
        command.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    }
    match build.dialect {
        Dialect::Cuda => command.arg("-I").arg(emulator.join("cuda")),
        Dialect::Metal => command
            .arg("-D__METAL_VERSION__=310")
            .arg("-I")
            .arg(emulator.join("metal")),
    };
    command.arg(&source);
    command.args(["emulator.cpp", "requests.cpp"].map(|file| emulator.join(file)));
    let output = command.arg("-o").arg(&stem).output().unwrap();
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{build:?}: {messages}");
    stem
}

/// Runs a program on a request. Fails with what it says.
pub(crate) fn run(program: &Path, request: &[u8]) -> Result<Vec<u8>, String> {
    let mut child = Command::new(program)
        // Fibers leave frames behind that were never returned from.
        .env(
            "ASAN_OPTIONS",
            "detect_stack_use_after_return=0:detect_leaks=0",
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    // The program reads everything before it writes; one that fails reads no further.
    let _ = stdin.write_all(request);
    drop(stdin);
    let mut answer = Vec::new();
    stdout
        .read_to_end(&mut answer)
        .map_err(|error| error.to_string())?;
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(answer),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
