//! The formulas of focal losses.

#![forbid(unsafe_code)]

use crate::loops::pointwise::Pointwise;
use crate::loops::site::Term;
use crate::math::{Logistic, Odds, Real};

/// `x^γ` for `x ≥ 0`, as a type where that saves time.
pub trait Exponent: Copy + Send + Sync {
    /// Whether loops of their own for what comes before the power are worth their code: for the usual one.
    const IS_USUAL: bool = false;

    /// `x^γ`, and `γ x^(γ−1) y` for a `y` that vanishes with `x` at least as fast.
    fn power<R: Real>(self, x: R, y: R) -> (R, R);
}

/// `γ = 0`.
#[derive(Clone, Copy, Debug)]
pub struct Zero;
impl Exponent for Zero {
    #[inline(always)]
    fn power<R: Real>(self, _: R, _: R) -> (R, R) {
        (R::one(), R::zero())
    }
}

/// `γ = 2`.
#[derive(Clone, Copy, Debug)]
pub struct Two;
impl Exponent for Two {
    const IS_USUAL: bool = true;

    #[inline(always)]
    fn power<R: Real>(self, x: R, y: R) -> (R, R) {
        (x * x, (x + x) * y)
    }
}

/// `γ = 4`.
#[derive(Clone, Copy, Debug)]
pub struct Four;
impl Exponent for Four {
    #[inline(always)]
    fn power<R: Real>(self, x: R, y: R) -> (R, R) {
        let square = x * x;
        (square * square, R::of(4.0) * square * x * y)
    }
}

/// Any `γ ≥ 0`.
#[derive(Clone, Copy, Debug)]
pub struct Any(pub f64);
impl Exponent for Any {
    #[inline(always)]
    fn power<R: Real>(self, x: R, y: R) -> (R, R) {
        Self::power_of(R::of(self.0), x, y)
    }
}

impl Any {
    /// As [`Exponent::power`], with an exponent of the element's own.
    #[inline(always)]
    pub(crate) fn power_of<R: Real>(gamma: R, x: R, y: R) -> (R, R) {
        let is_zero = x <= R::of(1e-37);
        let ln = x.at_least(R::of(1e-37)).ln();
        let power = (gamma * ln).exp();
        // y/x stays bounded where x^(γ−1) does not.
        let slope = gamma * power * (y / x);
        let at_zero = R::select(gamma == R::zero(), R::one(), R::zero());
        (
            R::select(is_zero, at_zero, power),
            R::select(is_zero, R::zero(), slope),
        )
    }
}

/// Sigmoid focal loss with the mixture meaning of soft targets: `α_t m^γ CE`, where `m = 1 − p_t` is
/// `p (1 − t) + (1 − p) t`.
#[derive(Clone, Copy, Debug)]
pub struct Mixture<E> {
    /// Weight of positives and of negatives.
    pub alpha: (f64, f64),
    /// The power of `1 − p_t`.
    pub gamma: E,
}

impl<E: Exponent> Pointwise for Mixture<E> {
    const LOGISTIC: bool = E::IS_USUAL;

    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, a: R) -> (R, R) {
        self.eval_at(Logistic::new(x), x, t, a)
    }

    #[inline(always)]
    fn eval_at<R: Real>(&self, logistic: Logistic<R>, _: R, t: R, a: R) -> (R, R) {
        let n = R::one() - t;
        let (ce, ce_slope) = logistic.cross_entropy(t, a);
        let alpha = R::of(self.alpha.0).mul_add(t, R::of(self.alpha.1) * n);
        let Odds { p, q } = logistic.odds;
        let m = p.mul_add(n, q * t);
        let (power, power_slope) = self.gamma.power(m, (n - t) * (p * q));
        let value = alpha * power * ce;
        let slope = alpha * power_slope.mul_add(ce, power * ce_slope);
        (value, slope)
    }
}

/// Sigmoid focal loss with the linear meaning of soft targets: the loss of a positive times `t` plus that of a negative
/// times `1 − t`.
#[derive(Clone, Copy, Debug)]
pub struct Linear<E> {
    /// Weight of positives and of negatives.
    pub alpha: (f64, f64),
    /// The power of `1 − p_t`.
    pub gamma: E,
}

impl<E: Exponent> Pointwise for Linear<E> {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, a: R) -> (R, R) {
        let Logistic {
            odds: Odds { p, q },
            minus_ln_p,
            minus_ln_q,
        } = Logistic::new(x);
        let (p_power, p_power_slope) = self.gamma.power(p, p * q);
        let (q_power, q_power_slope) = self.gamma.power(q, p * q);
        let positive = R::of(self.alpha.0) * t * a;
        let negative = R::of(self.alpha.1) * (R::one() - t);
        let value = positive * q_power * minus_ln_p + negative * p_power * minus_ln_q;
        let slope = negative * (p_power_slope * minus_ln_q + p_power * p)
            - positive * (q_power_slope * minus_ln_p + q_power * q);
        (value, slope)
    }
}

/// `−p ln p`, which is 0 at `p = 0`.
#[inline(always)]
pub(crate) fn entropy<R: Real>(minus_ln_p: R, p: R) -> R {
    R::select(minus_ln_p > R::of(1e30), R::zero(), minus_ln_p * p)
}

/// Softmax focal loss: `−(1 − p)^γ ln p` of the true class.
#[derive(Clone, Copy, Debug)]
pub struct Softmax<E> {
    /// The power of `1 − p`.
    pub gamma: E,
}

impl<E: Exponent> Term for Softmax<E> {
    #[inline(always)]
    fn eval<R: Real>(&self, minus_ln_p: R, p: R, q: R) -> (R, R) {
        // −ln p vanishes with q, and as fast.
        let (power, power_slope) = self.gamma.power(q, entropy(minus_ln_p, p));
        (power * minus_ln_p, power + power_slope)
    }
}
