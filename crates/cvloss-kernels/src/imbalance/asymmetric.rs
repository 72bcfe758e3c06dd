//! The formula of asymmetric loss.

#![forbid(unsafe_code)]

use crate::focal::Any;
use crate::loops::pointwise::Pointwise;
use crate::math::{Logistic, Odds, Real, ln_1p};

/// Asymmetric loss: `w (−t ln p − (1 − t) ln(1 − r))` with the shifted probability `r = max(p − clip, 0)` of negatives,
/// the weight `w = m^g`, the miss `m = t q + (1 − t) r` and the power `g = γ₊ t + γ₋ (1 − t)`.
#[derive(Clone, Copy, Debug)]
pub struct Asymmetric {
    /// The power of positives.
    pub gamma_positive: f64,
    /// The power of negatives.
    pub gamma_negative: f64,
    /// What is taken off the probability of negatives.
    pub clip: f64,
    /// Whether the weight has a slope.
    pub through: bool,
}

impl Pointwise for Asymmetric {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, a: R) -> (R, R) {
        let Logistic {
            odds: Odds { p, q },
            minus_ln_p,
            minus_ln_q,
        } = Logistic::new(x);
        let (n, clip) = (R::one() - t, R::of(self.clip));
        let is_clipped = p <= clip;
        let r = R::select(is_clipped, R::zero(), p - clip);
        let rest = q + clip;
        // ln(1 + r/(1 − r)) keeps the digits of a small r; without a margin, softplus does too.
        let shifted = R::select(is_clipped, R::zero(), ln_1p(r / rest));
        let shifted_slope = R::select(is_clipped, R::zero(), p * (q / rest));
        let is_plain = clip == R::zero();
        let negative = R::select(is_plain, minus_ln_q, shifted);
        let negative_slope = R::select(is_plain, p, shifted_slope);
        let ta = t * a;
        let ce = ta.mul_add(minus_ln_p, n * negative);
        let ce_slope = n.mul_add(negative_slope, -(ta * q));
        let m = t.mul_add(q, n * r);
        let m_slope = R::select(is_clipped & !is_plain, -t, n - t) * (p * q);
        let g = R::of(self.gamma_positive).mul_add(t, R::of(self.gamma_negative) * n);
        // The cross-entropy vanishes with m, and as fast.
        let (power, power_slope) = Any::power_of(g, m, m_slope * ce);
        let through = R::select(self.through, power_slope, R::zero());
        (power * ce, power.mul_add(ce_slope, through))
    }
}
