//! The kernels for devices.

#![forbid(unsafe_code)]

use crate::device::{Formula, Kernel, Module};
use crate::error::Result;
use crate::options::Normalizer;

use super::{AnyCurve, GanSide, Options, Plan};

/// The kernel of a side, whose own logits are the input and the other's the target. None where means tie logits together;
/// fails if an option is out of range.
pub fn kernel(options: &Options, side: GanSide) -> Result<Option<Kernel>> {
    let reduction = options.reduction;
    let of_sides = |own, other| Kernel::Sides {
        own,
        other,
        reduction,
    };
    Ok(match Plan::new(options, side)? {
        Plan::Sides { centred: true, .. } => None,
        Plan::Sides {
            real: None,
            fake,
            sign,
            ..
        } => Some(of_sides(alone(fake, sign), None)),
        Plan::Sides {
            real: Some(real),
            fake,
            sign,
            ..
        } => {
            let (own, other) = match side {
                GanSide::Discriminator => (real, fake),
                GanSide::Generator => (fake, real),
            };
            let value = two(own, other, sign);
            Some(of_sides(value, Some(alone(other, sign))))
        }
        Plan::Pairs {
            curve,
            sign,
            toward,
        } => Some(Kernel::Elements {
            formula: match side {
                GanSide::Discriminator => opposed(curve, sign, toward),
                GanSide::Generator => opposed(curve, sign, -toward),
            },
            pos_weight: None,
            ignore: None,
            normalizer: Normalizer::Elements,
            reduction,
        }),
    })
}

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

/// The kernel of `sign · (own(x) + other(t))`, with the slope of `x`. See [`crate::device::pointwise`].
pub fn two(own: AnyCurve, other: AnyCurve, sign: f64) -> Formula {
    Formula {
        module: Module::Adversarial,
        name: "adversarial_two",
        numbers: [&own.numbers()[..], &other.numbers(), &[sign]].concat(),
    }
}
