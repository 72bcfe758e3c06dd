//! README's table of losses is what the code says.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use cvloss_testkit::table::{BESIDE, table};

const BEGIN: &str = "<!-- losses:begin -->\n";
const END: &str = "<!-- losses:end -->";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What is before the block, in it, and after it.
fn parts(readme: &str) -> Result<(&str, &str, &str)> {
    let (before, rest) = readme.split_once(BEGIN).context("no beginning")?;
    let (block, after) = rest.split_once(END).context("no end")?;
    Ok((before, block, after))
}

#[test]
fn table_is_current() -> Result<()> {
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path)?;
    let (before, block, after) = parts(&readme)?;
    let expected = table(&root())?;
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{expected}{END}{after}"))?;
        return Ok(());
    }
    ensure!(
        block == expected,
        "README's table of losses is out of date: run UPDATE_README=1 cargo test --release --workspace --test readme"
    );
    Ok(())
}

/// What is public and no loss by itself is explained in words.
#[test]
fn others_are_explained() -> Result<()> {
    let readme = fs::read_to_string(root().join("README.md"))?;
    let (before, _, after) = parts(&readme)?;
    for name in BESIDE {
        let word = format!("`{name}`");
        ensure!(
            before.contains(&word) || after.contains(&word),
            "README lacks {name}"
        );
    }
    Ok(())
}

/// Of all documents, links to other files of the repository.
#[test]
fn links_lead_somewhere() -> Result<()> {
    let (mut documents, mut links) = (Vec::new(), 0);
    for folder in [
        "",
        "docs",
        "benches",
        "examples/data",
        "crates/cvloss/tests/golden",
    ] {
        for entry in fs::read_dir(root().join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "md") {
                documents.push(path);
            }
        }
    }
    ensure!(documents.len() > 10, "found only {documents:?}");
    for document in documents {
        let text = fs::read_to_string(&document)?;
        for rest in text.split("](").skip(1) {
            let target = rest.split([')', '#']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let folder = document.parent().context("no folder")?;
            ensure!(
                folder.join(target).exists(),
                "{}: {target}",
                document.display()
            );
            links += 1;
        }
    }
    ensure!(links > 30, "found only {links} links");
    Ok(())
}
