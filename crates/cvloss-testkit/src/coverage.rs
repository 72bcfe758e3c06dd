//! What the list of cases leaves out: losses, options, variants.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cases::Case;

/// Traits whose implementation makes a type a loss.
const TRAITS: [&str; 7] = [
    "Fused",
    "FusedRegularizer",
    "RegionLoss",
    "BoxLoss",
    "ElementLoss",
    "CompoundLoss",
    "Loss",
];
/// Types that are losses by what they wrap.
const WRAPPERS: [&str; 1] = ["OfInput"];
/// What is named as a loss and is two of them.
const PAIRS: [&str; 1] = ["AdversarialLoss"];

/// Fails unless every loss that is implemented in the Rust files under `sources` has a case.
pub fn check_losses(sources: &Path, cases: &[Case]) -> Result<()> {
    let listed: BTreeSet<_> = cases.iter().map(|case| case.type_name.to_owned()).collect();
    let found = losses(sources)?;
    ensure!(found.len() >= 12, "found only {found:?}");
    let missing: Vec<_> = found.difference(&listed).collect();
    ensure!(missing.is_empty(), "no case for {missing:?}");
    Ok(())
}

/// Fails unless every option takes two values at least, over all cases of its loss.
pub fn check_options(cases: &[Case]) -> Result<()> {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for case in cases.iter().filter(|case| case.type_name != "LossSum") {
        let options = case
            .options
            .as_object()
            .with_context(|| format!("{} has no options", case.name))?;
        for (option, value) in options {
            let values = seen
                .entry(format!("{}.{option}", case.type_name))
                .or_default();
            values.insert(value.to_string());
        }
    }
    let constant: Vec<_> = seen
        .iter()
        .filter(|(_, values)| values.len() < 2)
        .map(|(option, _)| option)
        .collect();
    ensure!(
        constant.is_empty(),
        "options with one value only: {constant:?}"
    );
    Ok(())
}

/// Fails unless some case, or some of `others`, has each variant of the serializable enums under `sources`.
pub fn check_variants(sources: &[PathBuf], cases: &[Case], others: &[Value]) -> Result<()> {
    let mut used = BTreeSet::new();
    others
        .iter()
        .for_each(|value| collect_words(value, &mut used));
    for case in cases {
        collect_words(&case.options, &mut used);
    }
    let mut variants = BTreeSet::new();
    for directory in sources {
        for file in rust_files(directory)? {
            variants.extend(serializable_variants(&fs::read_to_string(file)?));
        }
    }
    ensure!(variants.len() >= 30, "found only {variants:?}");
    let missing: Vec<_> = variants.difference(&used).collect();
    ensure!(missing.is_empty(), "no case has {missing:?}");
    Ok(())
}

/// Types with an implementation of a trait that makes them losses, which a macro may write, or with a name that says so.
pub fn losses(sources: &Path) -> Result<BTreeSet<String>> {
    let mut losses = BTreeSet::new();
    for file in rust_files(sources)? {
        let source = fs::read_to_string(file)?;
        losses.extend(implementations(&source));
        losses.extend(named_as_losses(&source));
    }
    Ok(losses)
}

/// Names of public structs that end in `Loss`.
fn named_as_losses(source: &str) -> Vec<String> {
    let heads = source.split("\npub struct ").skip(1);
    let names = heads.filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next());
    let is_loss = |name: &&str| name.ends_with("Loss") && !PAIRS.contains(name);
    names.filter(is_loss).map(str::to_owned).collect()
}

pub(crate) fn rust_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

/// Names of types after `impl … Trait for`, but for type parameters.
fn implementations(source: &str) -> Vec<String> {
    let code: Vec<_> = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let code = format!("\n{}", code.join("\n"));
    let heads = code
        .split("\nimpl")
        .skip(1)
        .filter_map(|rest| rest.split('{').next());
    heads.filter_map(implementation).collect()
}

/// The type of `<parameters> Trait for Type`.
fn implementation(head: &str) -> Option<String> {
    let (parameters, head) = split_parameters(head.trim());
    let (implemented, target) = head.split_once(" for ")?;
    let implemented = implemented.split('<').next()?.rsplit("::").next()?.trim();
    let target = target
        .split(|c: char| c == '<' || c.is_whitespace())
        .find(|word| !word.is_empty())?;
    let target = target.rsplit("::").next()?.trim_start_matches('&');
    let is_parameter = parameters
        .split(',')
        .any(|parameter| parameter.split(':').next().map(str::trim) == Some(target));
    let is_parameter = is_parameter || WRAPPERS.contains(&target);
    (TRAITS.contains(&implemented) && !is_parameter).then(|| target.to_owned())
}

/// What lies in the angle brackets that `head` begins with, and what follows them.
fn split_parameters(head: &str) -> (&str, &str) {
    let Some(inner) = head.strip_prefix('<') else {
        return ("", head);
    };
    let mut depth = 1;
    for (at, c) in inner.char_indices() {
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (&inner[..at], &inner[at + 1..]);
        }
    }
    (inner, "")
}

/// Variants of public enums that derive `Serialize`.
fn serializable_variants(source: &str) -> BTreeSet<String> {
    let mut variants = BTreeSet::new();
    for block in source.split("\n\n") {
        let Some((head, body)) = block.split_once("pub enum ") else {
            continue;
        };
        if head.contains("serde::Serialize") {
            let first_word = |line: &str| {
                line.split(|c: char| !c.is_alphanumeric())
                    .next()
                    .map(str::to_owned)
            };
            let lines = body.lines().skip(1).map(str::trim);
            let names = lines
                .filter(|line| line.starts_with(char::is_uppercase))
                .filter_map(first_word);
            variants.extend(names);
        }
    }
    variants
}

/// Strings and keys anywhere in `value`.
fn collect_words(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::String(word) => drop(words.insert(word.clone())),
        Value::Array(values) => values.iter().for_each(|value| collect_words(value, words)),
        Value::Object(fields) => {
            for (key, value) in fields {
                words.insert(key.clone());
                collect_words(value, words);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_implementations() {
        let source = "
impl Fused for BceLoss {}
// impl Loss for Commented {}
impl<L: Fused> Loss for L {}
impl<'a, T: Into<f64>> crate::Loss
    for Wide<'a, T>
{}
impl Debug for Other {}
impl<R: FusedRegularizer> FusedRegularizer for &R {}
impl<R: FusedRegularizer> Fused for OfInput<R> {}
impl FusedRegularizer for Smooth {}
";
        assert_eq!(implementations(source), ["BceLoss", "Wide", "Smooth"]);
    }

    #[test]
    fn finds_names() {
        let source = "\npub struct NewLoss<L> {\n\npub struct Lossy;\nstruct InnerLoss;\npub struct PlainLoss(f64);\n";
        assert_eq!(named_as_losses(source), ["NewLoss", "PlainLoss"]);
    }

    #[test]
    fn finds_variants() {
        let source = "#[derive(serde::Serialize)]\npub enum Kind {\n    /// One.\n    One,\n    Two(f64),\n}\n";
        let found: Vec<_> = serializable_variants(source).into_iter().collect();
        assert_eq!(found, ["One", "Two"]);
    }
}
