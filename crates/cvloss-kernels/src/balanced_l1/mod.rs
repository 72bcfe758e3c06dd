//! Balanced L1, for box offsets.

#![forbid(unsafe_code)]

mod cpu;

use crate::boxes::check_positive;
use crate::error::{Error, Result};
use crate::loops::pointwise::{self, Operands};
use crate::options::{Gradient, Normalizer, Reduction};
use crate::view::ViewMut;

pub use cpu::BalancedL1;

/// Options of [`evaluate`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Above 0.
    pub alpha: f64,
    /// The slope of large differences, above 0.
    pub gamma: f64,
    /// Where large differences begin, above 0.
    pub beta: f64,
    /// What the mean divides by.
    pub normalizer: Normalizer,
    /// How elements are reduced.
    pub reduction: Reduction,
}

/// Evaluates balanced L1. See [`pointwise::evaluate`].
pub fn evaluate(
    options: &Options,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let Options {
        alpha,
        gamma,
        beta,
        normalizer,
        reduction,
    } = *options;
    check_positive("alpha", alpha)?;
    check_positive("gamma", gamma)?;
    check_positive("beta", beta)?;
    let b = (gamma / alpha).exp_m1();
    // Beyond, `b` is infinite in f32.
    if b > 1e30 {
        return Err(Error::option("gamma / alpha", gamma / alpha, "at most 69"));
    }
    let formula = BalancedL1 {
        alpha,
        gamma,
        beta,
        b,
    };
    pointwise::evaluate(formula, operands, reduction, normalizer, values, gradient)
}
