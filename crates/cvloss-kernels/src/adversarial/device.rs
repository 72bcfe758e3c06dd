//! The kernels for devices.

#![forbid(unsafe_code)]

use crate::device::{Formula, Module};

use super::AnyCurve;

impl AnyCurve {
    /// Which curve, and its numbers.
    fn numbers(self) -> [f64; 3] {
        match self {
            Self::CrossEntropy(curve) => [0.0, curve.label, 0.0],
            Self::Square(curve) => [1.0, curve.label, curve.factor],
            Self::Linear(curve) => [2.0, curve.slope, 0.0],
            Self::Hinge(curve) => [3.0, curve.sign, 0.0],
            Self::Rectified(curve) => [4.0, curve.sign, curve.anchor],
            Self::Absolute(_) => [5.0, 0.0, 0.0],
        }
    }
}

/// The kernel of `sign · curve(x)` of single logits. See [`crate::device::pointwise`].
pub fn alone(curve: AnyCurve, sign: f64) -> Formula {
    let [kind, first, second] = curve.numbers();
    Formula {
        module: Module::Adversarial,
        name: "adversarial_alone",
        // No shift, and no slope besides.
        numbers: vec![kind, first, second, sign, 0.0, 0.0],
    }
}

/// The kernel of `sign · curve(toward · (x − t))` of pairs of logits. See [`crate::device::pointwise`].
pub fn opposed(curve: AnyCurve, sign: f64, toward: f64) -> Formula {
    let [kind, first, second] = curve.numbers();
    Formula {
        module: Module::Adversarial,
        name: "adversarial_opposed",
        numbers: vec![kind, first, second, sign, toward],
    }
}
