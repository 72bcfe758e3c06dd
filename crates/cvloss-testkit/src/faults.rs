//! Bad input and bad options, each with what must come of it.

mod adversarial;
mod boxes;
mod imbalance;
mod inputs;
mod multi_scale;
mod options;
mod surfaces;
mod wasserstein;

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context, Result, anyhow, bail, ensure};
use candle_core::{DType, Tensor};

use crate::cases::{Case, Family};
use crate::compare::numbers;
use crate::sample::Sample;

pub use inputs::{Composed, Fault, faults};
pub use options::{BadOption, bad_options};

/// What must come of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An error that names the loss and holds these words.
    Error(&'static [&'static str]),
    /// The value of nothing ([`Spec::nothing`](crate::sample::Spec)), and gradient 0.
    Nothing,
    /// As [`Outcome::Nothing`], or value 0: there is no item to take a mean of.
    Empty,
    /// A finite value and gradient.
    Finite,
    /// A value that is not NaN and a finite gradient.
    Number,
    /// NaN, in value and gradient.
    Nan,
    /// A value that is NaN or infinite.
    NotFinite,
}

/// Runs every case with every fault; fails with the cells that are not as expected.
pub fn check_inputs(cases: &[Case]) -> Result<usize> {
    let mut cells = 0;
    let mut failures = Vec::new();
    for fault in faults() {
        for case in cases {
            for dtype in [DType::F32, DType::F64, DType::F16] {
                // Where no class counts, neither do faults.
                if case.spec.counts_nothing && fault.is_of_numbers() {
                    continue;
                }
                let sample = (fault.spoil)(case, &case.sample(dtype)?)
                    .with_context(|| format!("making {} of {}", fault.name, case.name))?;
                let Some(sample) = sample else { continue };
                cells += 1;
                let result = check(case, &sample, (fault.expected)(case));
                if let Err(error) = result.and_then(|()| check_composed(case, &sample, &fault)) {
                    failures.push(format!(
                        "{} × {} in {dtype:?}: {error:#}",
                        case.name, fault.name
                    ));
                }
            }
        }
    }
    let count = failures.len();
    ensure!(
        failures.is_empty(),
        "{count} of {cells} cells are not as expected\n{}",
        failures.join("\n")
    );
    Ok(cells)
}

/// Evaluates every loss with an option out of range.
pub fn check_options() -> Result<usize> {
    let list = bad_options();
    let report = |bad: &BadOption| -> Result<Option<String>> {
        let sample = bad.case.sample(DType::F32)?;
        let error = check(&bad.case, &sample, bad.expected).err();
        Ok(error.map(|error| format!("{}: {error:#}", bad.case.name)))
    };
    let reports: Vec<_> = list.iter().map(report).collect::<Result<_>>()?;
    let failures: Vec<_> = reports.into_iter().flatten().collect();
    let (failed, total) = (failures.len(), list.len());
    ensure!(
        failures.is_empty(),
        "{failed} of {total} options are not as expected\n{}",
        failures.join("\n")
    );
    Ok(total)
}

/// Evaluates `sample` every way; all must have the expected outcome.
pub fn check(case: &Case, sample: &Sample, expected: Outcome) -> Result<()> {
    let expected = match (expected, case.name.as_str()) {
        // Without a term, nothing is read.
        (_, "sum/empty") => Outcome::Nothing,
        (expected, _) => expected,
    };
    let direct = quietly(|| Ok(case.value_and_grad(sample)?));
    check_outcome(case, direct, expected).context("value_and_grad")?;
    let value = quietly(|| Ok(case.value(sample)?));
    check_outcome(
        case,
        value.map(|value| value.map(|value| (value, None))),
        expected,
    )
    .context("value alone")?;
    if sample.input.dtype().is_float() {
        let by_tape = quietly(|| case.by_tape(sample, None, Case::forward));
        // Slopes of an image may overflow in halves.
        let is_half = matches!(sample.input.dtype(), DType::F16 | DType::BF16);
        let by_tape =
            by_tape.map(|pair| pair.map(|(value, slopes)| (value, (!is_half).then_some(slopes))));
        check_outcome(case, by_tape, expected).context("forward and backward")?;
    }
    Ok(())
}

/// Evaluates the composed form, in `f32`.
fn check_composed(case: &Case, sample: &Sample, fault: &Fault) -> Result<()> {
    if sample.input.dtype() != DType::F32 || case.name == "sum/empty" {
        return Ok(());
    }
    let result = quietly(|| case.by_tape(sample, None, Case::composed));
    let expected = match fault.composed {
        Composed::Same => (fault.expected)(case),
        Composed::Nan => Outcome::Nan,
        Composed::Any => return result.map(drop),
    };
    check_outcome(case, result, expected).context("composed")
}

/// Runs `work`; a panic is an error of its own.
fn quietly<T>(work: impl FnOnce() -> Result<T>) -> Result<Result<T>> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        anyhow!("panic: {}", text.unwrap_or("no message"))
    })
}

fn check_outcome<G: Into<Option<Tensor>>>(
    case: &Case,
    result: Result<Result<(Tensor, G)>>,
    expected: Outcome,
) -> Result<()> {
    let (value, gradient) = match (result?, expected) {
        (Err(error), Outcome::Error(words)) => {
            return check_message(case, &first_line(&error), words);
        }
        (Err(error), _) => bail!("error, expected {expected:?}: {}", first_line(&error)),
        (Ok((value, _)), Outcome::Error(_)) => {
            bail!("value {:?}, expected {expected:?}", numbers(&value)?)
        }
        (Ok((value, gradient)), _) => (value, gradient.into()),
    };
    let values = numbers(&value)?;
    let slopes = gradient
        .as_ref()
        .map(numbers)
        .transpose()?
        .unwrap_or_default();
    let nothing = case.spec.nothing;
    let near = |value: &f64, expected: f64| (value - expected).abs() <= 1e-6;
    let has_slopes = !slopes.is_empty();
    let is_expected = match expected {
        Outcome::Error(_) => false,
        Outcome::Nothing => {
            values.iter().all(|v| near(v, nothing)) && slopes.iter().all(|s| *s == 0.0)
        }
        Outcome::Empty => {
            values.iter().all(|v| near(v, nothing) || *v == 0.0) && slopes.iter().all(|s| *s == 0.0)
        }
        Outcome::Finite => values.iter().chain(&slopes).all(|x| x.is_finite()),
        Outcome::Number => {
            !values.iter().any(|v| v.is_nan()) && slopes.iter().all(|s| s.is_finite())
        }
        Outcome::Nan => {
            values.iter().any(|v| v.is_nan()) && (!has_slopes || slopes.iter().any(|s| s.is_nan()))
        }
        Outcome::NotFinite => values.iter().any(|v| !v.is_finite()),
    };
    let bad_slope = slopes.iter().find(|s| !s.is_finite());
    let shown: Vec<_> = values.iter().take(4).collect();
    ensure!(
        is_expected,
        "values {shown:?} (bad slope: {bad_slope:?}), expected {expected:?}"
    );
    Ok(())
}

/// Without the backtrace that candle appends.
fn first_line(error: &anyhow::Error) -> String {
    error
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// The message must name the loss, or one that it is made of, and the words.
fn check_message(case: &Case, message: &str, words: &[&str]) -> Result<()> {
    let names = |name: &str| message.starts_with(&format!("{name}: "));
    let is_made_of_others = case.family == Family::Sum || case.type_name == "MultiScale";
    let is_named = match is_made_of_others {
        true => message
            .split(": ")
            .next()
            .is_some_and(|name| !name.contains(' ')),
        false => names(case.loss_name()),
    };
    ensure!(is_named, "message without the loss's name: {message}");
    for word in words {
        ensure!(message.contains(word), "message without {word}: {message}");
    }
    Ok(())
}
