//! Per-pixel losses that ride along with a region loss.

#![forbid(unsafe_code)]

use crate::bce::Bce;
use crate::focal::{Any, Exponent, Linear, Mixture, Softmax, Zero, entropy};
use crate::loops::overlap::{HardExtra, SigmoidExtra, SoftmaxExtra};
use crate::loops::pointwise::Pointwise;
use crate::loops::site::Term;
use crate::math::Real;

/// Cross-entropy over the softmax: `−Σ_c share_c ln p_c = all ln(sum) − dot`.
#[derive(Clone, Copy, Debug)]
pub(super) struct CrossEntropy<'a> {
    pub(super) class_weights: Option<&'a [f64]>,
    pub(super) label_smoothing: f64,
    pub(super) classes: usize,
}

impl SoftmaxExtra for CrossEntropy<'_> {
    const PRESENT: bool = true;

    fn share(&self, class: usize) -> [f64; 3] {
        let weight = self.class_weights.map_or(1.0, |weights| weights[class]);
        let keep = weight * (1.0 - self.label_smoothing);
        let spread = weight * self.label_smoothing / self.classes as f64;
        [keep, spread, 1.0]
    }

    #[inline(always)]
    fn eval<R: Real>(&self, all: R, dot: R, _: R, sum: R) -> (R, R, R) {
        (all * sum.ln() - dot, all, R::one())
    }

    type Hard = Self;
    fn hard(&self) -> Option<Self> {
        (self.label_smoothing == 0.0).then_some(*self)
    }
}

impl Term for CrossEntropy<'_> {
    #[inline(always)]
    fn eval<R: Real>(&self, minus_ln_p: R, _: R, _: R) -> (R, R) {
        (minus_ln_p, R::one())
    }
}

impl HardExtra for CrossEntropy<'_> {
    const PRESENT: bool = true;
    const BENDS: bool = false;
    fn weights(&self) -> Option<impl Fn(usize) -> f64> {
        let weights = self.class_weights?;
        Some(|class: usize| weights[class])
    }
}

/// Focal loss over the softmax, of the one class whose target is 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Focal {
    alpha: (f64, f64),
    gamma: Any,
}

impl Focal {
    pub(super) fn new(alpha: Option<f64>, gamma: f64) -> Self {
        Self {
            alpha: alpha.map_or((1.0, 1.0), |alpha| (1.0 - alpha, alpha)),
            gamma: Any(gamma),
        }
    }
}

impl SoftmaxExtra for Focal {
    const PRESENT: bool = true;

    fn share(&self, class: usize) -> [f64; 3] {
        let alpha = if class == 0 {
            self.alpha.0
        } else {
            self.alpha.1
        };
        [1.0, 0.0, alpha]
    }

    #[inline(always)]
    fn eval<R: Real>(&self, all: R, dot: R, rest: R, sum: R) -> (R, R, R) {
        let e = dot.exp();
        let (p, q) = (e / sum, rest / sum);
        let sure = (rest / e).ln_1p_unit();
        let minus_ln_p = R::select(rest <= e, sure, sum.ln() - dot);
        let (power, power_slope) = self.gamma.power(q, entropy(minus_ln_p, p));
        let pull = all * (power + power_slope);
        (all * power * minus_ln_p, pull, pull)
    }

    type Hard = Self;
    fn hard(&self) -> Option<Self> {
        Some(*self)
    }
}

impl Term for Focal {
    #[inline(always)]
    fn eval<R: Real>(&self, minus_ln_p: R, p: R, q: R) -> (R, R) {
        Softmax { gamma: self.gamma }.eval(minus_ln_p, p, q)
    }
}

impl HardExtra for Focal {
    const PRESENT: bool = true;
    const BENDS: bool = true;
    fn weights(&self) -> Option<impl Fn(usize) -> f64> {
        let (background, others) = self.alpha;
        Some(move |class| if class == 0 { background } else { others })
    }
}

/// A pointwise formula with one auxiliary number per channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct PerChannel<'a, F> {
    formula: F,
    auxiliary: Option<&'a [f64]>,
}

/// Binary cross-entropy with a weight of positives per channel.
pub(super) type SigmoidCe<'a> = PerChannel<'a, Bce>;
/// Sigmoid focal loss.
pub(super) type SigmoidFocal<'a> = PerChannel<'a, Mixture<Any>>;
/// Binary cross-entropy with positives weighted `β` and negatives `1 − β`.
pub(super) type WeightedBce<'a> = PerChannel<'a, Linear<Zero>>;

impl<'a> SigmoidCe<'a> {
    pub(super) fn new(label_smoothing: f64, auxiliary: Option<&'a [f64]>) -> Self {
        let formula = Bce { label_smoothing };
        Self { formula, auxiliary }
    }
}

impl SigmoidFocal<'_> {
    pub(super) fn new(alpha: Option<f64>, gamma: f64) -> Self {
        let alpha = alpha.map_or((1.0, 1.0), |alpha| (alpha, 1.0 - alpha));
        let formula = Mixture {
            alpha,
            gamma: Any(gamma),
        };
        Self {
            formula,
            auxiliary: None,
        }
    }
}

impl WeightedBce<'_> {
    pub(super) fn new(beta: f64) -> Self {
        let alpha = (beta, 1.0 - beta);
        let formula = Linear { alpha, gamma: Zero };
        Self {
            formula,
            auxiliary: None,
        }
    }
}

impl<F: Pointwise> Pointwise for PerChannel<'_, F> {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, a: R) -> (R, R) {
        self.formula.eval(x, t, a)
    }
}

impl<F: Pointwise> SigmoidExtra for PerChannel<'_, F> {
    const PRESENT: bool = true;
    #[inline(always)]
    fn auxiliary(&self, class: usize) -> f64 {
        self.auxiliary.map_or(1.0, |auxiliary| auxiliary[class])
    }
}
