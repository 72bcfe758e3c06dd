//! Inputs of wrong shapes and dtypes, and empty ones.

use anyhow::Result;
use candle_core::{D, DType, Device, Tensor};

use super::{Composed, Fault};
use crate::cases::{Case, Family};
use crate::faults::Outcome;
use crate::sample::Sample;

const SHAPE: fn(&Case) -> Outcome = |_| Outcome::Error(&["target has shape", "expected"]);

pub(super) fn shape_faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "input of rank 1",
            spoil: |case, sample| match (case.family, sample.input.rank()) {
                (Family::Elements | Family::Image | Family::Adversarial, 0 | 1) => Ok(None),
                (Family::Boxes, 1) => Ok(None),
                _ => Ok(Some(sample.with_input(sample.input.flatten_all()?))),
            },
            expected: |case| match case.family {
                _ if case.type_name == "MultiScale" => Outcome::Error(&["input has shape"]),
                Family::Elements | Family::Image | Family::Adversarial => {
                    Outcome::Error(&["target has shape", "expected"])
                }
                Family::Boxes => Outcome::Error(&["input has shape", "expected (…, "]),
                Family::Sum
                    if case.name.starts_with("sum/binary")
                        || case.name.starts_with("sum/images") =>
                {
                    Outcome::Error(&["target has shape"])
                }
                _ => Outcome::Error(&["input has shape", "expected (N, C, *)"]),
            },
            composed: Composed::Same,
        },
        Fault {
            name: "short target",
            spoil: |_, sample| match sample.target.dims().last() {
                None | Some(1) => Ok(None),
                Some(len) => Ok(Some(sample.with_target(sample.target.narrow(
                    D::Minus1,
                    0,
                    len - 1,
                )?))),
            },
            expected: SHAPE,
            composed: Composed::Same,
        },
        Fault {
            name: "target of a higher rank",
            spoil: |_, sample| {
                Ok(Some(
                    sample.with_target(sample.target.unsqueeze(0)?.unsqueeze(0)?),
                ))
            },
            expected: SHAPE,
            composed: Composed::Same,
        },
        Fault {
            name: "weight of a higher rank",
            spoil: |case, sample| {
                let shape: Vec<_> = case.spec.shape.iter().copied().chain([2]).collect();
                let weight = Tensor::ones(shape, sample.input.dtype(), &Device::Cpu)?;
                Ok(Some(sample.with_weight(weight)))
            },
            expected: |_| Outcome::Error(&["weight has shape", "expected"]),
            composed: Composed::Same,
        },
    ]
}

/// A floating dtype that is not `dtype`.
fn other(dtype: DType) -> DType {
    if dtype == DType::F64 {
        DType::F32
    } else {
        DType::F64
    }
}

pub(super) fn dtype_faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "integer input",
            spoil: |_, sample| Ok(Some(sample.with_input(sample.input.to_dtype(DType::I64)?))),
            expected: |_| Outcome::Error(&["input has dtype I64", "expected F32"]),
            composed: Composed::Same,
        },
        Fault {
            name: "target of another dtype",
            spoil: |_, sample| {
                let target = sample.target.to_dtype(other(sample.input.dtype()))?;
                Ok(Some(sample.with_target(target)))
            },
            expected: |_| Outcome::Error(&["target has dtype", "expected"]),
            composed: Composed::Same,
        },
        Fault {
            name: "weight of another dtype",
            spoil: |case, sample| {
                let weight = Tensor::ones(
                    case.spec.shape.as_slice(),
                    other(sample.input.dtype()),
                    &Device::Cpu,
                )?;
                Ok(Some(sample.with_weight(weight)))
            },
            expected: |_| Outcome::Error(&["weight has dtype", "expected"]),
            composed: Composed::Same,
        },
    ]
}

pub(super) fn empty_faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "no items",
            spoil: |case, sample| match sample.input.rank() {
                0 => Ok(None),
                1 if case.family == Family::Boxes => Ok(None),
                _ => Ok(Some(cut(sample, 0)?)),
            },
            expected: |_| Outcome::Empty,
            composed: Composed::Any,
        },
        Fault {
            name: "no points",
            spoil: |case, sample| match sample.input.rank() {
                0..=2 => Ok(None),
                _ if case.family == Family::Boxes => Ok(None),
                rank => Ok(Some(cut(sample, rank - 1)?)),
            },
            expected: |case| match case.family {
                // Windows of a network have nothing to look at.
                Family::Network if case.type_name != "FeatureContextualLoss" => {
                    Outcome::Error(&["expected at least"])
                }
                _ => Outcome::Nothing,
            },
            composed: Composed::Any,
        },
    ]
}

/// Everything without length along `axis` of the input.
fn cut(sample: &Sample, axis: usize) -> Result<Sample> {
    let (rank, len) = (sample.input.rank(), sample.input.dim(axis)?);
    sample.map(|tensor| {
        // Targets and weights may lack axis 1.
        let missing = rank.saturating_sub(tensor.rank());
        let axis = if axis == 0 { 0 } else { axis - missing };
        match tensor.dims().get(axis) {
            Some(found) if *found == len => Ok(tensor.narrow(axis, 0, 0)?),
            _ => Ok(tensor.clone()),
        }
    })
}
