//! The formulas of sigmoid focal loss's relatives.

#![forbid(unsafe_code)]

use crate::focal::Exponent;
use crate::loops::pointwise::Pointwise;
use crate::math::{Logistic, Odds, Real};

/// `1 − p_t` and its derivative, `p_t` as a mixture.
#[inline(always)]
fn miss<R: Real>(odds: Odds<R>, t: R) -> (R, R) {
    let n = R::one() - t;
    let Odds { p, q } = odds;
    (p.mul_add(n, q * t), (n - t) * (p * q))
}

/// `α_t`: the weight of positives times `t`, and that of negatives times `1 − t`.
#[inline(always)]
fn balance<R: Real>(alpha: (f64, f64), t: R) -> R {
    R::of(alpha.0).mul_add(t, R::of(alpha.1) * (R::one() - t))
}

/// Poly-1 focal loss: `α_t (m^γ CE + ε m^(γ+1))` with `m = 1 − p_t`.
#[derive(Clone, Copy, Debug)]
pub struct Poly<E> {
    /// Weight of positives and of negatives.
    pub alpha: (f64, f64),
    /// The power of `1 − p_t`.
    pub gamma: E,
    /// The factor of the first polynomial term.
    pub epsilon: f64,
}

impl<E: Exponent> Pointwise for Poly<E> {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, a: R) -> (R, R) {
        let logistic = Logistic::new(x);
        let (ce, ce_slope) = logistic.cross_entropy(t, a);
        let (m, m_slope) = miss(logistic.odds, t);
        let (power, power_slope) = self.gamma.power(m, m_slope);
        let (alpha, epsilon) = (balance(self.alpha, t), R::of(self.epsilon));
        let inner = epsilon.mul_add(m, ce);
        let inner_slope = epsilon.mul_add(m_slope, ce_slope);
        (
            alpha * power * inner,
            alpha * power_slope.mul_add(inner, power * inner_slope),
        )
    }
}

/// Reduced focal loss: cross-entropy where `p_t` is below a threshold, and damped by `(m/scale)^γ` above.
#[derive(Clone, Copy, Debug)]
pub struct Reduced<E> {
    /// Weight of positives and of negatives.
    pub alpha: (f64, f64),
    /// The power of `1 − p_t`.
    pub gamma: E,
    /// `p_t` from which on the loss is damped.
    pub threshold: f64,
    /// `scale^(−γ)`.
    pub factor: f64,
}

impl<E: Exponent> Pointwise for Reduced<E> {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, a: R) -> (R, R) {
        let logistic = Logistic::new(x);
        let (ce, ce_slope) = logistic.cross_entropy(t, a);
        let (m, m_slope) = miss(logistic.odds, t);
        let (power, power_slope) = self.gamma.power(m, m_slope);
        let (alpha, factor) = (balance(self.alpha, t), R::of(self.factor));
        let is_hard = R::one() - m < R::of(self.threshold);
        let weight = R::select(is_hard, R::one(), factor * power);
        let weight_slope = R::select(is_hard, R::zero(), factor * power_slope);
        (
            alpha * weight * ce,
            alpha * weight_slope.mul_add(ce, weight * ce_slope),
        )
    }
}

/// Quality focal loss: `|p − t|^β CE` for a quality `t` in `[0, 1]`.
#[derive(Clone, Copy, Debug)]
pub struct Quality<E> {
    /// The power of the distance, at least 1.
    pub beta: E,
}

impl<E: Exponent> Pointwise for Quality<E> {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, a: R) -> (R, R) {
        let logistic = Logistic::new(x);
        let (ce, ce_slope) = logistic.cross_entropy(t, a);
        let Odds { p, q } = logistic.odds;
        // p − t with all its digits at targets 0 and 1.
        let d = p.mul_add(R::one() - t, -(q * t));
        let below = R::select(d < R::zero(), -R::one(), R::zero());
        let sign = R::select(d > R::zero(), R::one(), below);
        let (power, power_slope) = self.beta.power(d.abs(), sign * (p * q));
        (power * ce, power_slope.mul_add(ce, power * ce_slope))
    }
}

/// Varifocal loss: `w CE` with `w = α p^γ` for negatives; for positives their quality `t`, or 1.
#[derive(Clone, Copy, Debug)]
pub struct Varifocal<E> {
    /// The factor of negatives.
    pub alpha: f64,
    /// The power of a negative's probability.
    pub gamma: E,
    /// Whether positives weigh their quality.
    pub by_quality: bool,
}

impl<E: Exponent> Pointwise for Varifocal<E> {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, a: R) -> (R, R) {
        let logistic = Logistic::new(x);
        let (ce, ce_slope) = logistic.cross_entropy(t, a);
        let Odds { p, q } = logistic.odds;
        let (power, power_slope) = self.gamma.power(p, p * q);
        let (is_positive, alpha) = (t > R::zero(), R::of(self.alpha));
        let quality = R::select(self.by_quality, t, R::one());
        let weight = R::select(is_positive, quality, alpha * power);
        let weight_slope = R::select(is_positive, R::zero(), alpha * power_slope);
        (weight * ce, weight_slope.mul_add(ce, weight * ce_slope))
    }
}

/// CornerNet's focal loss of Gaussian heat maps: `−q^α ln p` at peaks (`t = 1`), `−(1 − t)^γ p^α ln q` elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Gaussian<A, G> {
    /// The power of the probability.
    pub alpha: A,
    /// The power of the distance from a peak.
    pub gamma: G,
}

impl<A: Exponent, G: Exponent> Pointwise for Gaussian<A, G> {
    const COUNTS_PEAKS: bool = true;

    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, a: R) -> (R, R) {
        let Logistic {
            odds: Odds { p, q },
            minus_ln_p,
            minus_ln_q,
        } = Logistic::new(x);
        let (of_q, of_q_slope) = self.alpha.power(q, p * q);
        let (of_p, of_p_slope) = self.alpha.power(p, p * q);
        let (far, _) = self
            .gamma
            .power((R::one() - t).at_least(R::zero()), R::zero());
        let is_peak = t >= R::one();
        let value = R::select(is_peak, a * of_q * minus_ln_p, far * of_p * minus_ln_q);
        let slope = R::select(
            is_peak,
            -(a * of_q_slope.mul_add(minus_ln_p, of_q * q)),
            far * of_p_slope.mul_add(minus_ln_q, of_p * p),
        );
        (value, slope)
    }
}
