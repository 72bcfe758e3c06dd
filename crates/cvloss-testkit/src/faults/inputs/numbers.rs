//! Numbers that are none, infinite, or leave no doubt.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use cvloss::Activation;

use super::{Composed, Fault};
use crate::cases::{Case, Family};
use crate::faults::Outcome;
use crate::sample::{Kind, Sample};

pub(super) fn number_faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "NaN everywhere",
            spoil: |_, sample| fill(sample, f64::NAN).map(Some),
            expected: |_| Outcome::Nan,
            composed: Composed::Same,
        },
        Fault {
            name: "NaN with a payload",
            spoil: |_, sample| match sample.input.dtype() {
                DType::F32 => {
                    // Bits that arithmetic on bits might carry away.
                    let nan = Tensor::new(f32::from_bits(0x7fc0_0155), &Device::Cpu)?;
                    Ok(Some(sample.with_input(
                        nan.broadcast_as(sample.input.shape())?.contiguous()?,
                    )))
                }
                _ => Ok(None),
            },
            expected: |_| Outcome::Nan,
            composed: Composed::Same,
        },
        Fault {
            name: "NaN at one point",
            spoil: |case, sample| {
                if case.spec.ignored.is_some() || sample.weight.is_some() {
                    return Ok(None);
                }
                let nan = (sample.input.ones_like()? * f64::NAN)?;
                let input = first_point(case)?
                    .broadcast_as(sample.input.shape())?
                    .where_cond(&nan, &sample.input)?;
                Ok(Some(sample.with_input(input)))
            },
            expected: |_| Outcome::Nan,
            composed: Composed::Same,
        },
        Fault {
            name: "logits of 1e4",
            spoil: |case, sample| match (case.spec.is_probability, case.spec.kind) {
                // Angles so large are NaN in f32.
                (true, _) | (_, Kind::Rotated) => Ok(None),
                _ => Ok(Some(sample.with_input(signs(&sample.input, 1e4)?))),
            },
            expected: |_| Outcome::Finite,
            composed: Composed::Same,
        },
        Fault {
            name: "logits of 1e30",
            spoil: |case, sample| match (case.spec.is_probability, sample.input.dtype()) {
                (true, _) | (_, DType::F16) => Ok(None),
                // Its square is no f32, and no image holds it.
                _ if case.spec.kind == Kind::Image => Ok(None),
                // Some of these losses square them.
                _ if is_adversarial(case) => Ok(None),
                // The area of such a box is infinite.
                _ if case.family == Family::Boxes => Ok(None),
                // Taken as it is, not through a sigmoid, it is squared.
                _ if case.options["activation"] == "Identity" => Ok(None),
                _ => Ok(Some(sample.with_input(signs(&sample.input, 1e30)?))),
            },
            expected: |_| Outcome::Finite,
            composed: Composed::Same,
        },
        Fault {
            name: "equal logits",
            spoil: |case, sample| match case.spec.is_probability {
                true => fill(sample, 0.5).map(Some),
                false => fill(sample, 0.0).map(Some),
            },
            expected: |_| Outcome::Finite,
            composed: Composed::Same,
        },
        Fault {
            name: "certain and right",
            spoil: |case, sample| certain(case, sample, 1.0),
            expected: |_| Outcome::Finite,
            composed: Composed::Same,
        },
        Fault {
            name: "certain and wrong",
            spoil: |case, sample| certain(case, sample, -1.0),
            expected: |_| Outcome::Finite,
            composed: Composed::Same,
        },
    ]
}

/// The same number everywhere.
fn fill(sample: &Sample, value: f64) -> Result<Sample> {
    let input = (sample.input.ones_like()? * value)?;
    Ok(sample.with_input(input))
}

/// `size` times the sign of each logit.
fn signs(input: &Tensor, size: f64) -> Result<Tensor> {
    let is_positive = input.to_dtype(DType::F64)?.gt(0.0)?.to_dtype(DType::F64)?;
    Ok(is_positive
        .affine(2.0 * size, -size)?
        .to_dtype(input.dtype())?)
}

/// 1 at all channels of the first point, or at the first element.
fn first_point(case: &Case) -> Result<Tensor> {
    let shape = match case.family {
        Family::Elements | Family::Image | Family::Adversarial => case.spec.shape.clone(),
        _ => case.spec.point_shape(true),
    };
    let count: usize = shape.iter().product();
    let first: Vec<u8> = (0..count).map(|i| u8::from(i == 0)).collect();
    Ok(Tensor::from_vec(first, shape, &Device::Cpu)?)
}

/// Predictions that leave no doubt, in the target's direction or against it.
fn certain(case: &Case, sample: &Sample, direction: f64) -> Result<Option<Sample>> {
    if matches!(
        case.spec.kind,
        Kind::Boxes(_) | Kind::Rotated | Kind::Positions
    ) {
        return Ok(None);
    }
    let dtype = sample.input.dtype();
    let target = sample.target.to_dtype(DType::F64)?;
    let target = match (case.spec.kind, target.rank() < sample.input.rank()) {
        (Kind::Classes, is_narrow) => {
            let target = if is_narrow {
                target.unsqueeze(1)?
            } else {
                target
            };
            let mut shape = vec![1; sample.input.rank()];
            shape[1] = case.spec.channels();
            let first = if shape[1] == 1 { 1.0 } else { 0.0 };
            let classes =
                Tensor::arange(first, first + shape[1] as f64, &Device::Cpu)?.reshape(shape)?;
            target.broadcast_eq(&classes)?.to_dtype(DType::F64)?
        }
        (_, true) => target.unsqueeze(1)?,
        (_, false) => target,
    };
    let sure = target.gt(0.5)?.to_dtype(DType::F64)?;
    let input = match (case.spec.is_probability, direction > 0.0) {
        (true, true) => sure,
        (true, false) => sure.affine(-1.0, 1.0)?,
        (false, _) => sure.affine(200.0 * direction, -100.0 * direction)?,
    };
    Ok(Some(sample.with_input(input.to_dtype(dtype)?)))
}

pub(super) fn infinity_faults() -> Vec<Fault> {
    let everywhere: fn(&Case) -> Outcome = |case| match case.family {
        // Probabilities of 0 and 1.
        Family::Region {
            activation: Activation::Sigmoid,
            has_extra: false,
        } => Outcome::Finite,
        _ => Outcome::NotFinite,
    };
    vec![
        Fault {
            name: "+∞ everywhere",
            spoil: |case, sample| match case.spec.is_bounded || is_adversarial(case) {
                // May be right, and cost nothing.
                true => Ok(None),
                false => fill(sample, f64::INFINITY).map(Some),
            },
            expected: everywhere,
            composed: Composed::Any,
        },
        Fault {
            name: "−∞ everywhere",
            spoil: |case, sample| match case.spec.is_bounded || is_adversarial(case) {
                true => Ok(None),
                false => fill(sample, f64::NEG_INFINITY).map(Some),
            },
            expected: everywhere,
            composed: Composed::Any,
        },
        Fault {
            // A class of probability 0; infinite where it is the true one.
            name: "class 0 at −∞",
            spoil: |case, sample| {
                let is_softmax = match case.family {
                    Family::Points => true,
                    Family::Region { activation, .. } => activation == Activation::Softmax,
                    _ => false,
                };
                // 0 · ∞ is NaN.
                if !is_softmax || case.name == "dice_ce/dice-only" {
                    return Ok(None);
                }
                let first = (sample.input.narrow(1, 0, 1)?.ones_like()? * f64::NEG_INFINITY)?;
                let rest = sample.input.narrow(1, 1, case.spec.channels() - 1)?;
                // Nor with a weight map that holds 0.
                Ok(Some(Sample {
                    weight: None,
                    ..sample.with_input(Tensor::cat(&[first, rest], 1)?)
                }))
            },
            expected: |_| Outcome::Number,
            composed: Composed::Any,
        },
    ]
}

/// Whether inputs are logits of two sides, or features.
fn is_adversarial(case: &Case) -> bool {
    matches!(case.family, Family::Adversarial | Family::Features)
}
