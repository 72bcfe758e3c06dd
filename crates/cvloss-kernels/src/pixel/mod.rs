//! Losses of the difference of two tensors, element by element; and the peak signal-to-noise ratio.

#![forbid(unsafe_code)]

mod cpu;
mod device;
mod psnr;

use crate::error::{Error, Result};
use crate::loops::pointwise::{Operands, evaluate_difference};
use crate::options::{Gradients, Normalizer, Reduction};
use crate::view::ViewMut;

pub(crate) use cpu::hypotenuse;
pub use cpu::{
    Cauchy, Charbonnier, GemanMcClure, General, Huber, L1, L2, LogCosh, PseudoHuber, Quadratic,
    Welsch, Wing,
};
pub use device::formula;
pub use psnr::{PsnrOptions, PsnrPooling, evaluate_psnr};

/// A function of the difference `d` of input and target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Penalty {
    /// `|d|`
    L1,
    /// `d²`
    L2,
    /// `d²/2` up to `|d| = δ`, `δ (|d| − δ/2)` beyond.
    Huber {
        /// `δ`, above 0.
        delta: f64,
    },
    /// Huber over `β`; `|d|` for `β = 0`.
    SmoothL1 {
        /// `β`, at least 0.
        beta: f64,
    },
    /// `√(d² + ε²)`
    Charbonnier {
        /// `ε`, above 0.
        eps: f64,
    },
    /// Barron's general robust loss.
    Robust {
        /// `α`.
        shape: RobustShape,
        /// `c`, above 0.
        scale: f64,
    },
    /// `ln cosh d`
    LogCosh,
    /// `ω ln(1 + |d|/ε)` up to `|d| = ω`, then a line.
    Wing {
        /// `ω`, above 0.
        width: f64,
        /// `ε`, above 0.
        curvature: f64,
    },
}

/// The shape `α` of Barron's general robust loss: how soon large differences stop to count. With `z = d/c`:
///
/// ```text
/// ρ = |α − 2|/α · ((z²/|α − 2| + 1)^(α/2) − 1)
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RobustShape {
    /// Any finite `α`: 2 is a parabola `z²/2`, 1 is `√(z² + 1) − 1` (`kornia.losses.charbonnier_loss`).
    Alpha(f64),
    /// `α = 0`: `ln(z²/2 + 1)`, as `kornia.losses.cauchy_loss`.
    Cauchy,
    /// `α = −2`: `2 z² / (z² + 4)`, as `kornia.losses.geman_mcclure_loss`.
    GemanMcClure,
    /// `α = −∞`: `1 − e^(−z²/2)`, as `kornia.losses.welsch_loss`.
    Welsch,
}

/// Fails unless `value` is finite and above 0.
pub(crate) fn check_positive(option: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(Error::option(option, value, "a finite number above 0"))
    }
}

/// The least number above 0 that every compute type holds with full accuracy; smaller options count as this.
pub(crate) const TINY: f64 = 1e-37;

/// Fails if an option is out of range.
fn check_penalty(penalty: Penalty) -> Result<()> {
    match penalty {
        Penalty::L1 | Penalty::L2 | Penalty::LogCosh => Ok(()),
        Penalty::Huber { delta } => check_positive("delta", delta),
        Penalty::SmoothL1 { beta } if beta >= 0.0 && beta.is_finite() => Ok(()),
        Penalty::SmoothL1 { beta } => {
            Err(Error::option("beta", beta, "a finite number of at least 0"))
        }
        Penalty::Charbonnier { eps } => check_positive("eps", eps),
        Penalty::Robust { shape, scale } => {
            check_positive("scale", scale)?;
            match shape {
                RobustShape::Alpha(alpha) if !alpha.is_finite() => Err(Error::option(
                    "alpha",
                    alpha,
                    "a finite number; −∞ is the shape Welsch",
                )),
                _ => Ok(()),
            }
        }
        Penalty::Wing { width, curvature } => {
            check_positive("width", width)?;
            check_positive("curvature", curvature)
        }
    }
}

/// A loss of differences. See [`evaluate_difference`].
pub fn evaluate(
    penalty: Penalty,
    normalizer: Normalizer,
    reduction: Reduction,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradients: Gradients<'_>,
) -> Result<f64> {
    macro_rules! run {
        ($formula:expr) => {
            evaluate_difference($formula, operands, reduction, normalizer, values, gradients)
        };
    }
    check_penalty(penalty)?;
    match penalty {
        Penalty::L1 => run!(L1),
        Penalty::L2 => run!(L2),
        Penalty::Huber { delta } => run!(Huber { delta, factor: 1.0 }),
        Penalty::SmoothL1 { beta } if beta < TINY => run!(L1),
        Penalty::SmoothL1 { beta } => run!(Huber {
            delta: beta,
            factor: 1.0 / beta
        }),
        Penalty::Charbonnier { eps } => run!(Charbonnier { eps: eps.max(TINY) }),
        Penalty::Robust { shape, scale } => match shape {
            RobustShape::Cauchy | RobustShape::Alpha(0.0) => run!(Cauchy { scale }),
            RobustShape::GemanMcClure => run!(GemanMcClure { scale }),
            RobustShape::Welsch => run!(Welsch { scale }),
            RobustShape::Alpha(1.0) => run!(PseudoHuber { scale }),
            RobustShape::Alpha(2.0) => run!(Quadratic { scale }),
            RobustShape::Alpha(alpha) => run!(General { alpha, scale }),
        },
        Penalty::LogCosh => run!(LogCosh),
        Penalty::Wing { width, curvature } => run!(Wing::new(width, curvature)),
    }
}
