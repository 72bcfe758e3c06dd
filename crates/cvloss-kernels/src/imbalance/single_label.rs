//! The formula of asymmetric loss over a softmax.

#![forbid(unsafe_code)]

use crate::focal::{Any, Exponent, entropy};
use crate::loops::site::Term;
use crate::math::Real;

/// `p^γ` of a probability whose logarithm is known.
pub(super) trait Power: Copy + Send + Sync {
    fn gamma(self) -> f64;
    fn power<R: Real>(self, minus_ln_p: R, p: R) -> R;
}

/// `γ = 4`, the default.
#[derive(Clone, Copy, Debug)]
pub(super) struct FourthPower;
impl Power for FourthPower {
    #[inline(always)]
    fn gamma(self) -> f64 {
        4.0
    }

    #[inline(always)]
    fn power<R: Real>(self, _: R, p: R) -> R {
        let square = p * p;
        square * square
    }
}

/// Any `γ ≥ 0`.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnyPower(pub(super) f64);
impl Power for AnyPower {
    #[inline(always)]
    fn gamma(self) -> f64 {
        self.0
    }

    #[inline(always)]
    fn power<R: Real>(self, minus_ln_p: R, _: R) -> R {
        let gamma = R::of(self.0);
        let power = (-(gamma * minus_ln_p)).exp();
        R::select(gamma == R::zero(), R::one(), power)
    }
}

/// `−a (1 − p_y)^γ₊ ln p_y − b Σ_{c ≠ y} p_c^γ₋ ln p_c`, `a` and `b` being the shares of the smoothed target.
#[derive(Clone, Copy, Debug)]
pub(super) struct SingleLabel<N> {
    pub(super) positive: Any,
    pub(super) negative: N,
    pub(super) shares: (f64, f64),
}

impl<N: Power> Term for SingleLabel<N> {
    const OTHERS: bool = true;

    #[inline(always)]
    fn eval<R: Real>(&self, minus_ln_p: R, p: R, q: R) -> (R, R) {
        // −ln p vanishes with q, and as fast.
        let (power, power_slope) = self.positive.power(q, entropy(minus_ln_p, p));
        let share = R::of(self.shares.0);
        (share * power * minus_ln_p, share * (power + power_slope))
    }

    #[inline(always)]
    fn other<R: Real>(&self, minus_ln_p: R, p: R) -> (R, R) {
        let (share, gamma) = (R::of(self.shares.1), R::of(self.negative.gamma()));
        let power = self.negative.power(minus_ln_p, p);
        // A class of probability 0 has no part, unless nothing damps it.
        let is_damped = gamma > R::zero();
        let is_gone = minus_ln_p > R::of(1e30);
        let value = R::select(is_damped & is_gone, R::zero(), power * minus_ln_p);
        let value = R::select(share == R::zero(), R::zero(), share * value);
        let slope = R::select(is_damped & !is_gone, gamma * power * minus_ln_p, R::zero());
        (value, share * (slope - power))
    }
}
