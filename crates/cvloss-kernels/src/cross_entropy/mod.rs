//! Cross-entropy over classes: `−w_y ln p_y`, with label smoothing and soft labels.

#![forbid(unsafe_code)]

mod cpu;
mod device;

use crate::error::{Result, check_share};
use crate::loops::site::{self, Operands};
use crate::options::{Gradient, Normalizer, Reduction};
use crate::view::ViewMut;

pub use cpu::CrossEntropy;
pub use device::term;

/// Options of [`evaluate`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
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
        check_share("label_smoothing", self.label_smoothing)
    }
}

/// Cross-entropy of logits (N, C, S) with class indices (N, 1, S) or distributions (N, C, S); see [`site::evaluate`].
///
/// With distributions, [`Normalizer::Weights`] sums the weight map alone: the class weights belong to no single pixel.
pub fn evaluate(
    options: &Options,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let Options {
        label_smoothing,
        normalizer,
        reduction,
    } = *options;
    options.check()?;
    if label_smoothing == 0.0 && operands.target.dtype().is_index() {
        site::evaluate(
            CrossEntropy,
            operands,
            reduction,
            normalizer,
            values,
            gradient,
        )
    } else {
        site::evaluate_soft(
            label_smoothing,
            operands,
            reduction,
            normalizer,
            values,
            gradient,
        )
    }
}
