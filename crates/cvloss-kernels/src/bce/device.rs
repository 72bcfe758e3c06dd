//! The kernel for devices.

#![forbid(unsafe_code)]

use crate::device::{Formula, Module};
use crate::error::Result;

use super::Options;

/// The kernel of these options; fails if one is out of range. See [`crate::device::pointwise`].
pub fn formula(options: &Options) -> Result<Formula> {
    options.check()?;
    Ok(Formula {
        module: Module::Bce,
        name: "bce",
        numbers: vec![options.label_smoothing],
    })
}
