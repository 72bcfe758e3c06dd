//! The kernels for devices.

#![forbid(unsafe_code)]

use crate::device::{Formula, Module};
use crate::error::Result;

use super::axis::{BoxFormat, Ends};
use super::{Kind, Options, SiouSign, WeightSlope, WiseVersion, check};

/// How a format's numbers become ends of boxes.
pub(crate) fn ends(format: BoxFormat) -> [f64; 3] {
    Ends::from(format).numbers()
}

/// The kernel of these options; fails if one is out of range. See [`crate::device::boxes`].
pub fn formula(options: &Options) -> Result<Formula> {
    check(options)?;
    options.denominator.check()?;
    let (name, numbers) = match options.kind {
        Kind::Iou => ("iou", vec![]),
        Kind::Giou => ("giou", vec![]),
        Kind::Diou => ("diou", vec![]),
        Kind::Ciou => ("ciou", vec![]),
        Kind::Efficient { gamma, slope } => {
            let through = f64::from(slope == WeightSlope::Through);
            ("efficient_iou", vec![gamma, through])
        }
        Kind::Siou { theta, sign } => {
            let is_mmdetection = f64::from(sign == SiouSign::MmDetection);
            ("siou", vec![theta, is_mmdetection])
        }
        Kind::Mpdiou { image: (w, h) } => ("mpdiou", vec![1.0 / (w * w + h * h)]),
        Kind::Wise { version, mean } => {
            let [version, first, second] = match version {
                WiseVersion::V1 => [0.0; 3],
                WiseVersion::V2 { gamma } => [1.0, gamma, 0.0],
                WiseVersion::V3 { alpha, delta } => [2.0, alpha.ln(), delta],
            };
            ("wise_iou", vec![version, mean, first, second])
        }
        Kind::Extended { smooth_point } => ("extended_iou", vec![smooth_point]),
        Kind::Nwd { constant } => ("nwd", vec![1.0 / constant]),
        Kind::Bounded { beta } => ("bounded_iou", vec![beta]),
    };
    Ok(Formula {
        module: Module::Boxes,
        name,
        numbers,
    })
}
