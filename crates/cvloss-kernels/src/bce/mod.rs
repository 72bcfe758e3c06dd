//! Binary cross-entropy of logits.

#![forbid(unsafe_code)]

mod cpu;
mod device;

use crate::error::{Result, check_share};
use crate::loops::pointwise::{self, Operands};
use crate::options::{Gradient, Normalizer, Reduction};
use crate::view::ViewMut;

pub use cpu::Bce;
pub use device::formula;

/// Options of [`evaluate`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Targets move this far towards their opposite: `t' = t (1 − s) + (1 − t) s`.
    pub label_smoothing: f64,
    /// What the mean divides by.
    pub normalizer: Normalizer,
    /// How elements are reduced.
    pub reduction: Reduction,
}

impl Options {
    /// Fails if an option is out of range.
    pub fn check(&self) -> Result<()> {
        check_share("label_smoothing", self.label_smoothing)
    }
}

/// Binary cross-entropy; the auxiliary operand is the weight of positives. See [`pointwise::evaluate`].
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
    let formula = Bce { label_smoothing };
    pointwise::evaluate(formula, operands, reduction, normalizer, values, gradient)
}
