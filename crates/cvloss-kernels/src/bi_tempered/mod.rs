//! Bi-tempered logistic loss: a tempered softmax, and the Bregman divergence of a tempered logarithm.

#![forbid(unsafe_code)]

mod cpu;
mod normalise;
mod tile;

use crate::error::{Error, Result, check_share};
use crate::loops::site::{Operands, start};
use crate::options::{Gradient, Normalizer, Reduction};
use crate::view::ViewMut;

use cpu::Temperature;
use tile::Divergence;

/// Options of [`evaluate`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Temperature of the logarithm, in `[0, 1]` and not above `t2`.
    pub t1: f64,
    /// Temperature of the softmax, above 0 and at most 10.
    pub t2: f64,
    /// Share of the target that is spread over all classes, in `[0, 1]`.
    pub label_smoothing: f64,
    /// What the mean divides by.
    pub normalizer: Normalizer,
    /// How pixels are reduced.
    pub reduction: Reduction,
}

impl Options {
    /// Fails if an option is out of range.
    pub fn check(&self) -> Result<()> {
        check_share("t1", self.t1)?;
        if !(self.t2 > 0.0 && self.t2 <= 10.0) {
            let expected = "a number above 0 and at most 10";
            return Err(Error::option("t2", self.t2, expected));
        }
        if self.t1 > self.t2 {
            // Where a probability is 0, the gradient would be infinite.
            let expected = format!("at most t2, which is {}", self.t2);
            return Err(Error::option("t1", self.t1, expected));
        }
        check_share("label_smoothing", self.label_smoothing)
    }
}

/// The divergence of the tempered softmax of logits (N, C, S) from class indices (N, 1, S) or distributions (N, C, S).
///
/// A class index weighs what its class does; a distribution `Σ_c w_c t_c`. [`Normalizer::Weights`] sums the weight map
/// alone for distributions. See [`site::evaluate`](crate::loops::site::evaluate).
pub fn evaluate(
    options: &Options,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    options.check()?;
    let divergence = Divergence {
        temperature: Temperature::new(options.t2),
        m: 1.0 - options.t1,
        e: options.t2 - options.t1,
        smoothing: options.label_smoothing,
    };
    let (reduction, normalizer) = (options.reduction, options.normalizer);
    start(
        divergence, operands, reduction, normalizer, values, gradient,
    )
}
