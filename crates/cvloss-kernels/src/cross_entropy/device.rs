//! The kernels for devices.

#![forbid(unsafe_code)]

use crate::device::{Formula, Module, Term};
use crate::error::Result;

use super::Options;

/// The kernel of these options for class indices or distributions; fails if one is out of range. See
/// [`crate::device::site`].
pub fn term(options: &Options, is_distribution: bool) -> Result<Term> {
    options.check()?;
    let is_plain = options.label_smoothing == 0.0 && !is_distribution;
    let formula = Formula {
        module: Module::CrossEntropy,
        name: match is_plain {
            true => "cross_entropy",
            false => "cross_entropy_soft",
        },
        numbers: Vec::new(),
    };
    Ok(Term {
        formula,
        smoothing: options.label_smoothing,
        is_soft: !is_plain,
    })
}
