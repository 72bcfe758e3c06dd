//! Faults of inputs.

use anyhow::Result;

use super::{Outcome, boxes};
use crate::cases::Case;
use crate::sample::Sample;

mod labels;
mod numbers;
mod shapes;

/// A way to spoil a case's inputs.
pub struct Fault {
    /// What is wrong.
    pub name: &'static str,
    /// Spoils a sample; nothing where the fault does not apply.
    pub spoil: fn(&Case, &Sample) -> Result<Option<Sample>>,
    /// What must come of it.
    pub expected: fn(&Case) -> Outcome,
    /// What must come of the composed form.
    pub composed: Composed,
}

impl Fault {
    /// Whether it puts NaN or infinities where finite numbers were.
    pub fn is_of_numbers(&self) -> bool {
        self.name.contains("NaN") || self.name.contains('∞')
    }
}

/// What must come of a fault in the composed form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Composed {
    /// The same.
    Same,
    /// NaN: a device does not report what it finds in a tensor.
    Nan,
    /// Whatever candle makes of it, short of a panic.
    Any,
}

/// All faults.
pub fn faults() -> Vec<Fault> {
    let mut list = shapes::shape_faults();
    list.extend(shapes::dtype_faults());
    list.extend(shapes::empty_faults());
    list.extend(numbers::number_faults());
    list.extend(numbers::infinity_faults());
    list.extend(labels::label_faults());
    list.extend(labels::weight_faults());
    list.extend(boxes::faults());
    list
}
