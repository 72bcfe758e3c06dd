//! The kernels for devices.

#![forbid(unsafe_code)]

use crate::device::{Formula, Module};
use crate::error::Result;

use super::{Penalty, RobustShape, TINY, check_penalty};

/// The kernel of a penalty; fails if an option is out of range. See [`crate::device::pointwise`].
pub fn formula(penalty: Penalty) -> Result<Formula> {
    check_penalty(penalty)?;
    let (name, numbers) = match penalty {
        Penalty::L1 => ("l1", vec![]),
        Penalty::L2 => ("l2", vec![]),
        Penalty::Huber { delta } => ("huber", vec![delta, 1.0]),
        Penalty::SmoothL1 { beta } if beta < TINY => ("l1", vec![]),
        Penalty::SmoothL1 { beta } => ("huber", vec![beta, 1.0 / beta]),
        Penalty::Charbonnier { eps } => ("charbonnier", vec![eps.max(TINY)]),
        Penalty::LogCosh => ("log_cosh", vec![]),
        Penalty::Wing { width, curvature } => {
            let offset = width - width * (width / curvature).ln_1p();
            ("wing", vec![width, curvature, offset, 1.0 / curvature])
        }
        Penalty::Robust { shape, scale } => robust(shape, scale),
    };
    Ok(Formula {
        module: Module::Pixel,
        name,
        numbers,
    })
}

fn robust(shape: RobustShape, scale: f64) -> (&'static str, Vec<f64>) {
    match shape {
        RobustShape::Cauchy | RobustShape::Alpha(0.0) => {
            ("cauchy", vec![0.5f64.sqrt() / scale, 2f64.sqrt() / scale])
        }
        RobustShape::GemanMcClure => ("geman_mcclure", vec![0.5 / scale, 2.0 / scale]),
        RobustShape::Welsch => ("welsch", vec![1.0 / scale]),
        RobustShape::Alpha(1.0) => ("pseudo_huber", vec![1.0 / scale]),
        RobustShape::Alpha(2.0) => ("quadratic", vec![1.0 / scale]),
        RobustShape::Alpha(alpha) => {
            let b = (alpha - 2.0).abs();
            let power = alpha / 2.0;
            let numbers = [1.0 / scale, 1.0 / b.sqrt(), b / alpha, power, power - 1.0];
            ("general", numbers.to_vec())
        }
    }
}
