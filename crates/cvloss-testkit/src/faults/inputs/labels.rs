//! Labels that are no class, and weights.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};

use super::{Composed, Fault};
use crate::cases::{Case, Family};
use crate::faults::Outcome;
use crate::sample::{Kind, Sample};

/// Whether targets are classes that are checked.
fn has_classes(case: &Case) -> bool {
    case.spec.kind == Kind::Classes
}

/// The same label everywhere.
fn label_all(sample: &Sample, label: i64) -> Result<Sample> {
    let labels = sample.target.to_dtype(DType::I64)?.zeros_like()?;
    Ok(sample.with_target((labels + label as f64)?))
}

pub(super) fn label_faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "class beyond the last",
            spoil: |case, sample| match has_classes(case) {
                true => label_all(sample, case.spec.channels().max(2) as i64).map(Some),
                false => Ok(None),
            },
            expected: |_| Outcome::Error(&["target holds class", "expected 0.."]),
            composed: Composed::Nan,
        },
        Fault {
            name: "last label out of range",
            spoil: |case, sample| {
                if !has_classes(case) {
                    return Ok(None);
                }
                let mut labels: Vec<i64> = sample
                    .target
                    .to_dtype(DType::I64)?
                    .flatten_all()?
                    .to_vec1()?;
                if let Some(last) = labels.last_mut() {
                    *last = 1_000_000;
                }
                let target = Tensor::from_vec(labels, sample.target.shape(), &Device::Cpu)?;
                Ok(Some(sample.with_target(target)))
            },
            expected: |_| Outcome::Error(&["target holds class 1000000"]),
            composed: Composed::Nan,
        },
        Fault {
            name: "negative label",
            spoil: |case, sample| match has_classes(case) {
                true => label_all(sample, -1).map(Some),
                false => Ok(None),
            },
            expected: |_| Outcome::Error(&["target holds class -1"]),
            composed: Composed::Nan,
        },
        Fault {
            name: "one class only",
            spoil: |case, sample| match has_classes(case) {
                true => label_all(sample, 0).map(Some),
                false => Ok(None),
            },
            expected: |_| Outcome::Finite,
            composed: Composed::Same,
        },
        Fault {
            name: "all ignored",
            spoil: |case, sample| match case.spec.ignored {
                Some(label) if case.spec.kind.is_index() => label_all(sample, label).map(Some),
                Some(label) => {
                    let target = (sample.target.zeros_like()? + label as f64)?;
                    Ok(Some(sample.with_target(target)))
                }
                None => Ok(None),
            },
            expected: |_| Outcome::Nothing,
            composed: Composed::Same,
        },
        Fault {
            name: "no positives",
            spoil: |case, sample| match has_classes(case) {
                true => Ok(None),
                false => Ok(Some(sample.with_target(sample.target.zeros_like()?))),
            },
            expected: |_| Outcome::Finite,
            composed: Composed::Same,
        },
    ]
}

pub(super) fn weight_faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "weights of 0",
            spoil: |case, sample| constant_weight(case, sample, 0.0).map(Some),
            expected: |case| match case.family {
                Family::Network => Outcome::Error(&["takes no weight"]),
                _ => Outcome::Nothing,
            },
            composed: Composed::Same,
        },
        Fault {
            name: "weights of NaN",
            spoil: |case, sample| constant_weight(case, sample, f64::NAN).map(Some),
            expected: |case| match case.family {
                Family::Network => Outcome::Error(&["takes no weight"]),
                _ => Outcome::Nan,
            },
            composed: Composed::Same,
        },
    ]
}

fn constant_weight(case: &Case, sample: &Sample, weight: f64) -> Result<Sample> {
    let shape = match case.family {
        Family::Elements | Family::Adversarial => Vec::new(),
        Family::Image if case.spec.shape.len() < 2 => Vec::new(),
        _ => case.spec.point_shape(true),
    };
    let ones = Tensor::ones(shape, sample.input.dtype(), &Device::Cpu)?;
    Ok(sample.with_weight((ones * weight)?))
}
