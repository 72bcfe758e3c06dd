//! The formulas of tempered exponentials.
//!
//! With `p = exp_t(−u)`, `u ≥ 0`, `exp_t(−u) = (1 + (t − 1) u)^(1/(1 − t))`, and `e^(−u)` for `t = 1`. Everything is
//! computed from `−ln p`, which keeps its digits where `p` is near 1 and where `t` is.

#![forbid(unsafe_code)]

use crate::math::{Real, exp_m1, ln_1p};

/// The temperature of an exponential.
pub(super) trait Temperature: Copy + Send + Sync {
    /// How many steps of Newton's method may be needed for the normalisation.
    const STEPS: usize;

    /// `−ln exp_t(−u)`, and `1 + (t − 1) u`, which is `p^(1−t)`; −ln 0 and 1 where `exp_t` is cut off.
    fn eval<R: Real>(self, u: R) -> (R, R);

    /// How far to go from a `λ` where the probabilities' sum is `1 + excess` and their slope is `−escort`.
    ///
    /// Newton's method on `(Σ p)^(1−t) = 1`. The left side is a norm of numbers that are affine in `λ`: from `λ = 0`
    /// the steps approach the root from one side, and few of them do.
    fn step<R: Real>(self, excess: R, escort: R) -> R;

    /// `p^e` of `−ln p` for `e ≥ 0`, 0 where `exp_t` is cut off.
    fn power<R: Real>(self, e: f64, minus_ln_p: R) -> R;
}

/// `t > 1`: heavy tails.
#[derive(Clone, Copy)]
pub(super) struct Heavy {
    /// `t − 1`.
    pub(super) above: f64,
}

impl Temperature for Heavy {
    const STEPS: usize = 40;

    #[inline(always)]
    fn eval<R: Real>(self, u: R) -> (R, R) {
        let above = R::of(self.above);
        let z = above * u;
        (ln_1p(z) / above, R::one() + z)
    }

    #[inline(always)]
    fn step<R: Real>(self, excess: R, escort: R) -> R {
        step(R::of(self.above), excess, escort)
    }

    #[inline(always)]
    fn power<R: Real>(self, e: f64, minus_ln_p: R) -> R {
        power(e, minus_ln_p)
    }
}

/// `t = 1`: the exponential.
#[derive(Clone, Copy)]
pub(super) struct One;

impl Temperature for One {
    const STEPS: usize = 1;

    #[inline(always)]
    fn eval<R: Real>(self, u: R) -> (R, R) {
        (u, R::one())
    }

    #[inline(always)]
    fn step<R: Real>(self, excess: R, _: R) -> R {
        ln_1p(excess)
    }

    #[inline(always)]
    fn power<R: Real>(self, e: f64, minus_ln_p: R) -> R {
        power(e, minus_ln_p)
    }
}

/// `t < 1`: 0 from `u = 1/(1 − t)` on.
#[derive(Clone, Copy)]
pub(super) struct Light {
    /// `1 − t`.
    pub(super) below: f64,
}

impl Temperature for Light {
    const STEPS: usize = 40;

    #[inline(always)]
    fn eval<R: Real>(self, u: R) -> (R, R) {
        let below = R::of(self.below);
        let y = below * u;
        let base = R::one() - y;
        let is_cut = y >= R::one();
        let safe = R::select(is_cut, R::one(), base);
        // −ln (1 − y) = ln (1 + y/(1 − y)).
        let minus_ln = ln_1p(y / safe) / below;
        (R::select(is_cut, R::of(f64::INFINITY), minus_ln), safe)
    }

    #[inline(always)]
    fn step<R: Real>(self, excess: R, escort: R) -> R {
        step(R::of(-self.below), excess, escort)
    }

    #[inline(always)]
    fn power<R: Real>(self, e: f64, minus_ln_p: R) -> R {
        let is_cut = minus_ln_p == R::of(f64::INFINITY);
        R::select(is_cut, R::zero(), power(e, minus_ln_p))
    }
}

/// `(S − S^t) / ((1 − t) escort)`, `S = 1 + excess`.
#[inline(always)]
fn step<R: Real>(above: R, excess: R, escort: R) -> R {
    let sum = R::one() + excess;
    let rise = exp_m1(above * ln_1p(excess)) / above;
    sum * rise / escort
}

/// `p^e` of `−ln p`; 1 for `e = 0`, even of `p = 0`.
#[inline(always)]
fn power<R: Real>(e: f64, minus_ln_p: R) -> R {
    let power = (-(R::of(e) * minus_ln_p)).exp();
    let is_one = (e == 0.0) & (minus_ln_p == R::of(f64::INFINITY));
    R::select(is_one, R::one(), power)
}

/// `−log_t p`, the tempered logarithm of `1/p`, for `t = 1 − m ≤ 1`.
#[inline(always)]
pub(super) fn minus_log<R: Real>(m: f64, minus_ln_p: R) -> R {
    if m == 0.0 {
        return minus_ln_p;
    }
    -exp_m1(-(R::of(m) * minus_ln_p)) / R::of(m)
}

/// `t log_t t − t^(1+m)/(1+m)`: what a share adds to the divergence whatever the prediction; 0 of 0.
#[inline(always)]
pub(super) fn own_term<R: Real>(m: f64, share: R) -> R {
    let ln = share.ln();
    let (log, power) = if m == 0.0 {
        (ln, R::one())
    } else {
        let less = exp_m1(R::of(m) * ln);
        (less / R::of(m), R::one() + less)
    };
    let term = share * (log - power / R::of(1.0 + m));
    R::select(share == R::zero(), R::zero(), term)
}
