//! What every loss does, whatever its formula: each test runs over the whole list of cases.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use cvloss_testkit::cases::{Case, cases, configurations, each, large_cases, network_cases};
use cvloss_testkit::{checks, coverage};

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Those of losses with a network too, whose properties are in `perceptual.rs`.
fn all_cases() -> Vec<Case> {
    cases().into_iter().chain(network_cases()).collect()
}

#[test]
fn every_loss_is_listed() -> Result<()> {
    coverage::check_losses(&sources(), &all_cases())
}

#[test]
fn every_option_varies() -> Result<()> {
    coverage::check_options(&all_cases())
}

#[test]
fn every_variant_is_used() -> Result<()> {
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cvloss-kernels/src");
    coverage::check_variants(&[sources(), kernels], &all_cases(), &configurations()?)
}

#[test]
fn names_differ() -> Result<()> {
    let cases = all_cases();
    let mut names: Vec<_> = cases.iter().map(|case| &case.name).collect();
    names.sort();
    names.dedup();
    ensure!(
        names.len() == cases.len(),
        "{} of {} names differ",
        names.len(),
        cases.len()
    );
    Ok(())
}

macro_rules! properties {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[test]
        fn $name() -> Result<()> {
            each(&cases(), checks::$name)
        }
    )*};
}

properties! {
    gradient
    target_gradient
    tape
    composed
    halves
    layouts
    threads
    permutation
    index_dtypes
    unit_weight
    mask
    ignored_points
    weighted_sum
    pooled
    class_losses
}

#[test]
fn threads_share_large_inputs() -> Result<()> {
    let cases = large_cases();
    ensure!(cases.len() >= 12, "only {} cases", cases.len());
    each(&cases, checks::threads)
}

/// The composed form of large inputs too: tiles and pieces of every kind.
#[test]
fn large_inputs_equal_composed() -> Result<()> {
    each(&large_cases(), checks::composed)
}

/// A check that cannot fail proves nothing: a loss whose gradient is wrong does.
#[test]
fn checks_can_fail() -> Result<()> {
    let broken: Vec<Case> = cases()
        .into_iter()
        .take(3)
        .map(Case::with_wrong_gradient)
        .collect();
    for case in broken {
        ensure!(
            checks::gradient(&case).is_err(),
            "{}: gradient check",
            case.name
        );
        ensure!(
            checks::composed(&case).is_err(),
            "{}: comparison with the composed form",
            case.name
        );
    }
    Ok(())
}
