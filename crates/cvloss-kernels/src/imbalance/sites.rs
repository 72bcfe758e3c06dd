//! Losses of points over a softmax for unequal classes.

#![forbid(unsafe_code)]

use super::single_label::SingleLabel;
use crate::error::{Error, Result, check_share, check_weight};
use crate::focal::{Any, Exponent, check_gamma, entropy};
use crate::loops::site::{self, Operands, Term};
use crate::math::Real;
use crate::options::{Gradient, Normalizer, Reduction};
use crate::view::ViewMut;

/// A loss of the true class's probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SiteKind {
    /// `−ln p + ε (1 − p)`.
    Poly {
        /// `ε`, finite.
        epsilon: f64,
    },
    /// `(−ln p)^γ`.
    Power {
        /// `γ`, above 0.
        gamma: f64,
    },
    /// `−(1 − p)^γ ln p`, of class 0 alone or of all; `−ln p` of the others.
    Focal {
        /// `γ`, at least 0.
        gamma: f64,
        /// Only class 0 is damped.
        background_only: bool,
    },
    /// `−Σ_c t'_c w_c ln p_c` with smoothed one-hot `t'`, and `w` `(1 − p)^γ₊` of the true class, `p^γ₋` of the others.
    Asymmetric {
        /// `γ₊`, at least 0.
        gamma_positive: f64,
        /// `γ₋`, at least 0.
        gamma_negative: f64,
        /// The share of the target that is spread over all classes, in `[0, 1]`.
        smoothing: f64,
    },
}

/// Whether unified focal loss treats foreground and background alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum UnifiedForm {
    /// It damps the background's points, and enhances the foreground's regions: MONAI.
    #[default]
    Asymmetric,
    /// It does both to all classes.
    Symmetric,
}

impl SiteKind {
    /// Fails if an option is out of range.
    pub fn check(&self) -> Result<()> {
        match *self {
            Self::Poly { epsilon } if epsilon.is_finite() => Ok(()),
            Self::Poly { epsilon } => Err(Error::option("epsilon", epsilon, "a finite number")),
            Self::Power { gamma } => crate::pixel::check_positive("gamma", gamma),
            Self::Focal { gamma, .. } => check_gamma(gamma),
            Self::Asymmetric {
                gamma_positive,
                gamma_negative,
                smoothing,
            } => {
                check_weight("gamma_positive", gamma_positive)?;
                check_weight("gamma_negative", gamma_negative)?;
                check_share("label_smoothing", smoothing)
            }
        }
    }
}

/// A loss of points; the target must be class indices. See [`site::evaluate`].
pub fn evaluate_sites(
    kind: SiteKind,
    normalizer: Normalizer,
    reduction: Reduction,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    kind.check()?;
    macro_rules! run {
        ($term:expr) => {
            site::evaluate($term, operands, reduction, normalizer, values, gradient)
        };
    }
    match kind {
        SiteKind::Poly { epsilon } => run!(Poly { epsilon }),
        SiteKind::Power { gamma } => run!(Power { gamma }),
        SiteKind::Focal {
            gamma,
            background_only,
        } => run!(Focal {
            gamma: Any(gamma),
            background_only,
        }),
        SiteKind::Asymmetric {
            gamma_positive,
            gamma_negative,
            smoothing,
        } => {
            let spread = smoothing / operands.input.shape()[1].max(1) as f64;
            let shares = (1.0 - smoothing + spread, spread);
            let positive = Any(gamma_positive);
            if smoothing == 0.0 {
                run!(Focal {
                    gamma: positive,
                    background_only: false
                })
            } else {
                run!(SingleLabel {
                    positive,
                    negative: gamma_negative,
                    shares
                })
            }
        }
    }
}

/// `−ln p + ε (1 − p)`.
#[derive(Clone, Copy, Debug)]
struct Poly {
    epsilon: f64,
}

impl Term for Poly {
    #[inline(always)]
    fn eval<R: Real>(&self, minus_ln_p: R, p: R, q: R) -> (R, R) {
        let epsilon = R::of(self.epsilon);
        (epsilon.mul_add(q, minus_ln_p), epsilon.mul_add(p, R::one()))
    }
}

/// `(−ln p)^γ`. The slope's factor is `γ (−ln p)^(γ−1)`, which for `γ < 1` has no bound, but its product with `1 − p` has.
#[derive(Clone, Copy, Debug)]
struct Power {
    gamma: f64,
}

impl Term for Power {
    #[inline(always)]
    fn eval<R: Real>(&self, minus_ln_p: R, _: R, _: R) -> (R, R) {
        // An infinite −ln p leaves no finite power to divide by.
        let is_infinite = minus_ln_p > R::of(3e38);
        let m = R::select(is_infinite, R::one(), minus_ln_p);
        let (power, slope) = Any(self.gamma).power(m, R::one());
        let value = R::select(is_infinite, minus_ln_p, power);
        (value, R::select(is_infinite, R::zero(), slope))
    }
}

/// `−(1 − p)^γ ln p`, or `−ln p` of classes that are not damped.
#[derive(Clone, Copy, Debug)]
struct Focal {
    gamma: Any,
    background_only: bool,
}

impl Term for Focal {
    #[inline(always)]
    fn eval<R: Real>(&self, minus_ln_p: R, p: R, q: R) -> (R, R) {
        let (power, power_slope) = self.gamma.power(q, entropy(minus_ln_p, p));
        (power * minus_ln_p, power + power_slope)
    }

    #[inline(always)]
    fn eval_of<R: Real>(&self, class: R, minus_ln_p: R, p: R, q: R) -> (R, R) {
        let (value, pull) = self.eval(minus_ln_p, p, q);
        let is_plain = self.background_only & (class > R::zero());
        (
            R::select(is_plain, minus_ln_p, value),
            R::select(is_plain, R::one(), pull),
        )
    }
}
