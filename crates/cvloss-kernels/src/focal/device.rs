//! The kernels for devices.

#![forbid(unsafe_code)]

use crate::device::{Formula, Module, Term};
use crate::error::Result;

use super::{Options, SoftTargets, check_gamma};

/// The kernel of these options; fails if one is out of range. See [`crate::device::pointwise`].
pub fn formula(options: &Options) -> Result<Formula> {
    options.check()?;
    let (positive, negative) = options
        .alpha
        .map_or((1.0, 1.0), |alpha| (alpha, 1.0 - alpha));
    Ok(Formula {
        module: Module::Focal,
        name: match options.soft_targets {
            SoftTargets::Mixture => "focal_mixture",
            SoftTargets::Linear => "focal_linear",
        },
        numbers: vec![positive, negative, options.gamma],
    })
}

/// The kernel over a softmax; fails if `gamma` is out of range. See [`crate::device::site`].
pub fn softmax_term(gamma: f64) -> Result<Term> {
    check_gamma(gamma)?;
    let formula = Formula {
        module: Module::Focal,
        name: "softmax_focal",
        numbers: vec![gamma],
    };
    Ok(Term {
        formula,
        smoothing: 0.0,
        is_soft: false,
    })
}
