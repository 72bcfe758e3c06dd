//! The header in every standard, and the C and C++ programs: as they are, under sanitizers, and under valgrind.

#[path = "support/compiler.rs"]
mod compiler;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use compiler::{SANITIZE, build, can_sanitize, compile, has, last_line, root, run};
use tempfile::tempdir;

fn tests() -> PathBuf {
    root().join("crates/cvloss-capi/tests/c")
}

/// A program, or what runs it, with the library that it was linked to: cargo's search path names the build folder first,
/// where one with other features may lie.
fn linked(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_remove("LD_LIBRARY_PATH");
    command
}

/// Builds and runs a program in all ways there are; returns what the first run printed.
fn in_every_way(source: &Path, arguments: &[&str], few: &[&str]) -> Result<Option<String>> {
    let folder = tempdir()?;
    let sources = [source.to_owned()];
    let Some(program) = build(folder.path(), "plain", &sources, &[])? else {
        return Ok(None);
    };
    let output = run(linked(&program).args(arguments).current_dir(folder.path()))?;
    let extension = source
        .extension()
        .context("no extension")?
        .to_string_lossy();
    let compiler = compiler::compiler(source).context("no compiler")?;
    if can_sanitize(folder.path(), &compiler, &extension) {
        let program =
            build(folder.path(), "sanitized", &sources, &SANITIZE)?.context("no compiler")?;
        run(linked(program)
            .args(few)
            .current_dir(folder.path())
            // A library of Rust has no checks of its own, and its threads live to the end.
            .env("ASAN_OPTIONS", "detect_leaks=1")
            .env("RAYON_NUM_THREADS", "2"))?;
    }
    if has("valgrind") {
        run(linked("valgrind")
            .args(["--quiet", "--error-exitcode=99", "--leak-check=full"])
            .args([
                "--errors-for-leak-kinds=definite",
                "--show-leak-kinds=definite",
            ])
            .arg(&program)
            .args(few)
            .current_dir(folder.path())
            .env("RAYON_NUM_THREADS", "2"))?;
    } else {
        eprintln!("SKIPPED valgrind: it is not installed");
    }
    Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// The C of the documents, between a beginning and an end that they leave to the reader.
#[test]
fn documented_snippets_compile() -> Result<()> {
    let folder = tempdir()?;
    let mut count = 0;
    for document in ["docs/c-abi.md", "crates/cvloss-capi/README.md"] {
        let text = std::fs::read_to_string(root().join(document))?;
        for block in text.split("```c\n").skip(1) {
            let snippet = block.split("```").next().context("no end")?;
            let given = "cvl_tensor logits, targets, slopes, value;\n\
                         (void)logits, (void)targets, (void)slopes, (void)value;\n\
                         cvl_loss *loss = NULL;\ncvl_eval_args args;\nvoid *stream = NULL;\n\
                         (void)loss, (void)args, (void)stream;";
            let program = format!(
                "#include \"cvloss.h\"\n#include <stdlib.h>\n\
                 static void die(const char *why) {{ exit(why != NULL); }}\n\
                 void *from_your_allocator(size_t size);\n\
                 int main(void) {{\n{given}\n{{\n{snippet}\n}}\nreturn 0;\n}}\n"
            );
            let source = folder.path().join("snippet.c");
            std::fs::write(&source, program)?;
            run(compile("cc", "c11").arg("-fsyntax-only").arg(&source))
                .with_context(|| format!("{document}: {snippet}"))?;
            count += 1;
        }
    }
    ensure!(count == 4, "found {count} snippets");
    Ok(())
}

/// A number after a name and `=` in a line.
fn value_of(line: &str, name: &str) -> Result<f64> {
    let (_, rest) = line
        .split_once(&format!("{name}="))
        .with_context(|| format!("no {name} in {line}"))?;
    let number = rest.split_whitespace().next().unwrap_or_default();
    number.parse().with_context(|| format!("{name} in {line}"))
}

#[test]
fn c_headers_compile_in_every_standard() -> Result<()> {
    let source = tests().join("headers.c");
    let cc = compiler::compiler(&source).context("no C compiler")?;
    for standard in ["c99", "c11", "c17"] {
        run(compile(&cc, standard).arg("-fsyntax-only").arg(&source))?;
    }
    let Some(cxx) = compiler::compiler(Path::new("headers.cpp")) else {
        return Ok(());
    };
    for standard in ["c++11", "c++17", "c++20"] {
        run(compile(&cxx, standard)
            .args(["-fsyntax-only", "-x", "c++"])
            .arg(&source))?;
    }
    Ok(())
}

#[test]
fn cpp_header_may_be_included_twice() -> Result<()> {
    let folder = tempdir()?;
    let sources = [tests().join("double_a.cpp"), tests().join("double_b.cpp")];
    if let Some(program) = build(folder.path(), "double", &sources, &[])? {
        run(&mut linked(program))?;
    }
    Ok(())
}

#[test]
fn hostile_calls_are_refused() -> Result<()> {
    let line = in_every_way(&tests().join("hostile.c"), &[], &[])?.context("no C compiler")?;
    ensure!(value_of(&line, "calls")? > 100.0, "{line}");
    ensure!(value_of(&line, "failures")? == 0.0, "{line}");
    Ok(())
}

/// Without the feature, the library says so; with it, all of this is refused for what it is.
#[test]
fn hostile_calls_of_networks_are_refused() -> Result<()> {
    let line = in_every_way(&tests().join("networks.c"), &[], &[])?.context("no C compiler")?;
    // A library that was built with the feature may lie in the folder of one that was not.
    let has_networks = value_of(&line, "perceptual")? == 1.0;
    ensure!(has_networks || cfg!(not(feature = "perceptual")), "{line}");
    let least = if has_networks { 60.0 } else { 4.0 };
    ensure!(value_of(&line, "calls")? > least, "{line}");
    ensure!(value_of(&line, "failures")? == 0.0, "{line}");
    Ok(())
}

#[test]
fn random_descriptors_do_no_harm() -> Result<()> {
    let source = tests().join("fuzz.c");
    let line = in_every_way(&source, &["200000"], &["4000"])?.context("no C compiler")?;
    ensure!(value_of(&line, "done")? > 2000.0, "{line}");
    ensure!(value_of(&line, "refused")? > 20_000.0, "{line}");
    Ok(())
}

/// Pictures for the examples, as plain as C likes them: averages of 2×2 pixels.
#[test]
fn pictures_are_current() -> Result<()> {
    for name in ["coins", "coins_mask"] {
        let picture = image::open(data(&format!("{name}.png")))?.into_luma8();
        let (width, height) = (picture.width() / 2, picture.height() / 2);
        let mut expected = format!("P5\n{width} {height}\n255\n").into_bytes();
        for y in 0..height {
            for x in 0..width {
                let at = |dx, dy| u32::from(picture.get_pixel(2 * x + dx, 2 * y + dy).0[0]);
                let mean = (at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1) + 2) / 4;
                expected.push(u8::try_from(mean)?);
            }
        }
        let path = data(&format!("{name}.pgm"));
        if std::env::var_os("UPDATE_PICTURES").is_some() {
            std::fs::write(&path, &expected)?;
        }
        ensure!(
            std::fs::read(&path)? == expected,
            "{} is out of date: run UPDATE_PICTURES=1 cargo test --release -p cvloss-capi --test c",
            path.display()
        );
    }
    Ok(())
}

fn data(name: &str) -> PathBuf {
    root().join("examples/data").join(name)
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is no text")
}

/// The losses that a trainer prints, step by step.
fn losses(text: &str) -> Vec<f64> {
    text.lines()
        .filter(|line| line.starts_with("step "))
        .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
        .collect()
}

#[test]
fn train_step_finds_coins() -> Result<()> {
    let folder = tempdir()?;
    let (photo, mask) = (data("coins.pgm"), data("coins_mask.pgm"));
    let files = [path(&photo)?, path(&mask)?, "prediction.pgm"];
    let source = root().join("examples/c/train_step.c");
    let few: Vec<_> = files.iter().copied().chain(["2"]).collect();
    in_every_way(&source, &files, &few)?;
    let program = build(folder.path(), "train_step", &[source], &[])?.context("no C compiler")?;
    let output = run(linked(program).args(files).current_dir(folder.path()))?;
    let losses = losses(&String::from_utf8_lossy(&output.stdout));
    ensure!(losses.len() > 5, "{losses:?}");
    ensure!(
        losses.windows(2).all(|pair| pair[1] < pair[0]),
        "the loss does not fall: {losses:?}"
    );
    let dice = value_of(&last_line(&output), "dice")?;
    ensure!(dice > 0.85, "dice is {dice}");
    let prediction = image_of(&folder.path().join("prediction.pgm"))?;
    let truth = image_of(&mask)?;
    ensure!(
        prediction.len() == truth.len(),
        "the prediction has another size"
    );
    Ok(())
}

/// The pixels of a PGM that the examples wrote.
fn image_of(file: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(file)?;
    let head = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .nth(2)
        .context("no PGM")?
        .0;
    Ok(bytes[head + 1..].to_vec())
}

#[test]
fn denoise_removes_noise() -> Result<()> {
    let folder = tempdir()?;
    let photo = data("coins.pgm");
    let files = [path(&photo)?, "result.pgm"];
    let source = root().join("examples/cpp/denoise.cpp");
    let few: Vec<_> = files.iter().copied().chain(["2"]).collect();
    if in_every_way(&source, &files, &few)?.is_none() {
        return Ok(());
    }
    let program = build(folder.path(), "denoise", &[source], &[])?.context("no compiler")?;
    let output = run(linked(program).args(files).current_dir(folder.path()))?;
    let losses = losses(&String::from_utf8_lossy(&output.stdout));
    ensure!(losses.len() > 3, "{losses:?}");
    ensure!(losses[losses.len() - 1] < 0.1 * losses[0], "{losses:?}");
    ensure!(
        losses.windows(2).all(|pair| pair[1] < pair[0]),
        "the loss does not fall: {losses:?}"
    );
    ensure!(
        image_of(&folder.path().join("result.pgm"))?.len() == image_of(&photo)?.len(),
        "size"
    );
    Ok(())
}

/// Foreign layouts give what a dense copy gives; the numbers are torch's.
#[test]
fn foreign_layouts_are_views() -> Result<()> {
    let ggml = in_every_way(&root().join("examples/c/ggml_view.c"), &[], &[])?;
    let ggml = ggml.unwrap_or_default();
    ensure!(ggml == "result loss=2.219630 slope=-0.123348\n", "{ggml}");
    let opencv = in_every_way(&root().join("examples/cpp/opencv_view.cpp"), &[], &[])?;
    if let Some(text) = opencv {
        let expected = "result loss=1.234319 slope=-0.021993\nrefused LAYOUT: ";
        ensure!(text.starts_with(expected), "{text}");
    }
    Ok(())
}
