//! Faults of inputs.

use anyhow::Result;
use candle_core::{D, DType, Device, Tensor};
use cvloss::Activation;

use super::{Outcome, boxes};
use crate::cases::{Case, Family};
use crate::sample::{Kind, Sample};

/// A way to spoil a case's inputs.
pub struct Fault {
    /// What is wrong.
    pub name: &'static str,
    /// Spoils a sample; nothing where the fault does not apply.
    pub spoil: fn(&Case, &Sample) -> Result<Option<Sample>>,
    /// What must come of it.
    pub expected: fn(&Case) -> Outcome,
    /// What must come of the composed form.
    pub composed: Composed,
}

impl Fault {
    /// Whether it puts NaN or infinities where finite numbers were.
    pub fn is_of_numbers(&self) -> bool {
        self.name.contains("NaN") || self.name.contains('∞')
    }
}

/// What must come of a fault in the composed form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Composed {
    /// The same.
    Same,
    /// NaN: a device does not report what it finds in a tensor.
    Nan,
    /// Whatever candle makes of it, short of a panic.
    Any,
}

const SHAPE: fn(&Case) -> Outcome = |_| Outcome::Error(&["target has shape", "expected"]);

/// All faults.
pub fn faults() -> Vec<Fault> {
    let mut list = shape_faults();
    list.extend(dtype_faults());
    list.extend(empty_faults());
    list.extend(number_faults());
    list.extend(infinity_faults());
    list.extend(label_faults());
    list.extend(weight_faults());
    list.extend(boxes::faults());
    list
}

fn shape_faults() -> Vec<Fault> {
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

fn dtype_faults() -> Vec<Fault> {
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

fn empty_faults() -> Vec<Fault> {
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

fn number_faults() -> Vec<Fault> {
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

fn infinity_faults() -> Vec<Fault> {
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

/// Whether targets are classes that are checked.
fn has_classes(case: &Case) -> bool {
    case.spec.kind == Kind::Classes
}

/// The same label everywhere.
fn label_all(sample: &Sample, label: i64) -> Result<Sample> {
    let labels = sample.target.to_dtype(DType::I64)?.zeros_like()?;
    Ok(sample.with_target((labels + label as f64)?))
}

fn label_faults() -> Vec<Fault> {
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

fn weight_faults() -> Vec<Fault> {
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
