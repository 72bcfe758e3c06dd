//! Boxes at the edges of what boxes can be: all finite, all with finite slopes.

use anyhow::Result;
use candle_core::{DType, Tensor};
use cvloss::{
    BalancedL1Loss, BoundedIouLoss, BoxFormat, Boxes, CiouLoss, Denominator, DistributionFocalLoss,
    EfficientIouLoss, ExtendedIouLoss, GiouLoss, GwdLoss, KfiouLoss, KldLoss, MpdiouLoss, NwdLoss,
    Overlap, ProbIouLoss, RotatedBoxes, RotatedIouLoss, SiouLoss, WiseIouLoss, WiseVersion,
};

use super::{BadOption, Composed, Fault, Outcome};
use crate::cases::{Case, Family, Known};
use crate::sample::{Kind, Sample, Spec};

pub(super) fn faults() -> Vec<Fault> {
    let fault = |name, spoil| Fault {
        name,
        spoil,
        expected: |_| Outcome::Finite,
        composed: Composed::Same,
    };
    vec![
        fault("inverted boxes", |case, sample| {
            let input = ends(case, &sample.input, |low, high| {
                Ok((high.clone(), low.clone()))
            })?;
            Ok(input.map(|input| sample.with_input(input)))
        }),
        fault("both boxes inverted", |case, sample| {
            let invert = |tensor| ends(case, tensor, |low, high| Ok((high.clone(), low.clone())));
            Ok(match (invert(&sample.input)?, invert(&sample.target)?) {
                (Some(input), Some(target)) => Some(sample.with_input(input).with_target(target)),
                _ => None,
            })
        }),
        fault("boxes without area", |case, sample| {
            let input = ends(case, &sample.input, |low, _| Ok((low.clone(), low.clone())))?;
            Ok(input.map(|input| sample.with_input(input)))
        }),
        fault("targets without area", |case, sample| {
            let target = ends(case, &sample.target, |low, _| {
                Ok((low.clone(), low.clone()))
            })?;
            Ok(target.map(|target| sample.with_target(target)))
        }),
        fault("equal boxes without area", |case, sample| {
            let input = ends(case, &sample.input, |low, _| Ok((low.clone(), low.clone())))?;
            Ok(input.map(|input| sample.with_target(input.clone()).with_input(input)))
        }),
        fault("equal boxes", |case, sample| match case.family {
            Family::Boxes => Ok(Some(sample.with_target(sample.input.clone()))),
            _ => Ok(None),
        }),
        fault("touching boxes", |case, sample| {
            let Kind::Boxes(BoxFormat::Xyxy) = case.spec.kind else {
                return Ok(None);
            };
            let (low, high) = halves(&sample.target)?;
            let size = (&high - &low)?;
            let input = Tensor::cat(&[&high, &(&high + size)?], low.rank() - 1)?;
            Ok(Some(sample.with_input(input)))
        }),
        fault("huge boxes", |case, sample| scaled(case, sample, 1e6)),
        fault("enormous boxes", |case, sample| match case.spec.kind {
            Kind::Boxes(_) => scaled(case, sample, 1e8),
            _ => Ok(None),
        }),
        fault("tiny boxes", |case, sample| scaled(case, sample, 1e-6)),
        fault("huge boxes of tiny targets", |case, sample| {
            let (huge, tiny) = (scaled(case, sample, 1e6)?, scaled(case, sample, 1e-6)?);
            Ok(huge
                .zip(tiny)
                .map(|(huge, tiny)| huge.with_target(tiny.target)))
        }),
    ]
}

fn halves(boxes: &Tensor) -> Result<(Tensor, Tensor)> {
    let last = boxes.rank() - 1;
    Ok((boxes.narrow(last, 0, 2)?, boxes.narrow(last, 2, 2)?))
}

/// Boxes of other low and high ends, or of sizes `high − low` in a format that has sizes.
fn ends(
    case: &Case,
    boxes: &Tensor,
    change: impl Fn(&Tensor, &Tensor) -> Result<(Tensor, Tensor)>,
) -> Result<Option<Tensor>> {
    let last = boxes.rank() - 1;
    let (a, b) = match case.spec.kind {
        Kind::Boxes(_) | Kind::Rotated => halves(boxes)?,
        _ => return Ok(None),
    };
    let tail = boxes.dim(last)? - 4;
    let tail = boxes.narrow(last, 4, tail)?;
    let (low, high) = match case.spec.kind {
        Kind::Boxes(BoxFormat::Xyxy) => change(&a, &b)?,
        _ => {
            let (low, high) = change(&a, &(&a + &b)?)?;
            (a, (high - low)?)
        }
    };
    Ok(Some(Tensor::cat(&[low, high, tail], last)?))
}

/// Boxes times a number, angles as they are.
fn scaled(case: &Case, sample: &Sample, factor: f64) -> Result<Option<Sample>> {
    if case.family != Family::Boxes || sample.input.dtype() == DType::F16 {
        return Ok(None);
    }
    let scale = |tensor: &Tensor| -> Result<Tensor> {
        let last = tensor.rank() - 1;
        let numbers = (tensor.narrow(last, 0, 4)? * factor)?;
        let tail = tensor.narrow(last, 4, tensor.dim(last)? - 4)?;
        Ok(Tensor::cat(&[numbers, tail], last)?)
    };
    Ok(Some(
        sample
            .with_input(scale(&sample.input)?)
            .with_target(scale(&sample.target)?),
    ))
}

/// Numbers that are not finite and above 0.
const NOT_POSITIVE: [f64; 4] = [0.0, -1.0, f64::NAN, f64::INFINITY];

/// Losses of boxes and offsets with options out of range.
pub(super) fn bad_options() -> Vec<BadOption> {
    let mut list = Vec::new();
    fn add<L: Known>(
        list: &mut Vec<BadOption>,
        kind: Kind,
        loss: L,
        words: &'static [&'static str],
    ) {
        let shape: &[usize] = match kind {
            Kind::Boxes(_) => &[3, 4],
            Kind::Rotated => &[3, 5],
            _ => &[2, 3, 5],
        };
        let case = Case::new("bad option", Spec::new(kind, shape), loss);
        list.push(BadOption {
            case,
            expected: Outcome::Error(words),
        });
    }
    let (boxes, rotated) = (Kind::Boxes(BoxFormat::Xyxy), Kind::Rotated);
    // A loss by its name, with one field set, and the rest as by default.
    macro_rules! bad {
        ($kind:expr, $words:expr, $loss:ident { $($field:ident: $value:expr),+ }) => {
            add(&mut list, $kind, $loss { $($field: $value,)+ ..$loss::default() }, $words)
        };
    }
    for eps in [0.0, 1e-31, 2.0, f64::NAN] {
        let of_boxes = || Boxes {
            eps,
            ..Boxes::default()
        };
        bad!(
            boxes,
            &["eps is", "expected"],
            CiouLoss { boxes: of_boxes() }
        );
        bad!(
            boxes,
            &["eps is", "expected"],
            ExtendedIouLoss { boxes: of_boxes() }
        );
        let of_rotated = RotatedBoxes {
            eps,
            ..RotatedBoxes::default()
        };
        bad!(
            rotated,
            &["eps is", "expected"],
            RotatedIouLoss {
                boxes: of_rotated.clone()
            }
        );
        add(
            &mut list,
            rotated,
            ProbIouLoss { boxes: of_rotated },
            &["eps is", "expected"],
        );
    }
    for value in NOT_POSITIVE {
        let factor = Denominator::AvgFactor(value);
        let of_boxes = Boxes {
            denominator: factor,
            ..Boxes::default()
        };
        bad!(
            boxes,
            &["avg_factor is", "expected"],
            GiouLoss { boxes: of_boxes }
        );
        bad!(
            Kind::Positions,
            &["avg_factor is"],
            DistributionFocalLoss {
                denominator: factor
            }
        );
        let overlap = Overlap {
            alpha: value,
            ..Overlap::default()
        };
        bad!(
            boxes,
            &["alpha is", "expected"],
            GiouLoss { overlap: overlap }
        );
        let overlap = Overlap {
            inner: Some(value),
            ..Overlap::default()
        };
        bad!(
            boxes,
            &["inner is", "expected"],
            GiouLoss { overlap: overlap }
        );
        bad!(
            boxes,
            &["smooth_point is"],
            ExtendedIouLoss {
                smooth_point: value
            }
        );
        bad!(boxes, &["theta is"], SiouLoss { theta: value });
        bad!(
            boxes,
            &["image width is"],
            MpdiouLoss {
                image: (value, 1.0)
            }
        );
        bad!(
            boxes,
            &["image height is"],
            MpdiouLoss {
                image: (1.0, value)
            }
        );
        bad!(boxes, &["constant is"], NwdLoss { constant: value });
        bad!(boxes, &["beta is"], BoundedIouLoss { beta: value });
        bad!(boxes, &["mean is"], WiseIouLoss { mean: value });
        let version = WiseVersion::V3 {
            alpha: 1.7,
            delta: value,
        };
        bad!(boxes, &["delta is"], WiseIouLoss { version: version });
        let version = WiseVersion::V3 {
            alpha: value.min(1.0),
            delta: 2.0,
        };
        bad!(boxes, &["alpha is"], WiseIouLoss { version: version });
        bad!(rotated, &["alpha is"], GwdLoss { alpha: value });
        bad!(rotated, &["alpha is"], KldLoss { alpha: value });
        bad!(rotated, &["beta is"], KfiouLoss { beta: value });
        bad!(
            Kind::SoftBinary,
            &["alpha is"],
            BalancedL1Loss { alpha: value }
        );
        bad!(
            Kind::SoftBinary,
            &["gamma is"],
            BalancedL1Loss { gamma: value }
        );
        bad!(
            Kind::SoftBinary,
            &["beta is"],
            BalancedL1Loss { beta: value }
        );
    }
    bad!(
        Kind::SoftBinary,
        &["gamma / alpha is"],
        BalancedL1Loss { alpha: 0.01 }
    );
    for gamma in [-0.5, f64::NAN, f64::INFINITY] {
        bad!(boxes, &["gamma is"], EfficientIouLoss { gamma: gamma });
        let version = WiseVersion::V2 { gamma };
        bad!(boxes, &["gamma is"], WiseIouLoss { version: version });
    }
    for tau in [0.5, -1.0, f64::NAN, f64::INFINITY] {
        bad!(rotated, &["tau is"], GwdLoss { tau: tau });
        bad!(rotated, &["tau is"], KldLoss { tau: tau });
    }
    for margin in [-0.1, 1.0, f64::NAN] {
        bad!(
            Kind::Positions,
            &["margin is"],
            DistributionFocalLoss { margin: margin }
        );
    }
    for focaler in [(0.5, 0.5), (-0.1, 0.9), (0.2, 1.1), (f64::NAN, 1.0)] {
        let overlap = Overlap {
            focaler: Some(focaler),
            ..Overlap::default()
        };
        bad!(
            boxes,
            &["focaler is", "expected"],
            GiouLoss { overlap: overlap }
        );
    }
    list
}
