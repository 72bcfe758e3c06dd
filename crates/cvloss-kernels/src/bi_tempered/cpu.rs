//! The formulas of tempered exponentials.
//!
//! With `p = exp_t(−u)`, `u ≥ 0`, `exp_t(−u) = (1 + (t − 1) u)^(1/(1 − t))`, and `e^(−u)` for `t = 1`. Everything is
//! computed from `−ln p`, which keeps its digits where `p` is near 1 and where `t` is.

#![forbid(unsafe_code)]

use crate::loops::softmax::whole_len;
use crate::math::{Real, exp_m1, ln_1p};
use crate::scalar::Prim;
use crate::simd::{Isa, Task};

/// The temperature of an exponential.
#[derive(Clone, Copy)]
pub(super) enum Temperature {
    /// `t > 1`, as `t − 1`: heavy tails.
    Heavy(f64),
    /// `t = 1`: the exponential.
    One,
    /// `t < 1`, as `1 − t`: 0 from `u = 1/(1 − t)` on.
    Light(f64),
}

impl Temperature {
    pub(super) fn new(t: f64) -> Self {
        if t > 1.0 {
            Self::Heavy(t - 1.0)
        } else if t < 1.0 {
            Self::Light(1.0 - t)
        } else {
            Self::One
        }
    }

    /// `t − 1`.
    fn above(self) -> f64 {
        match self {
            Self::Heavy(above) => above,
            Self::One => 0.0,
            Self::Light(below) => -below,
        }
    }

    /// How many steps of Newton's method may be needed for the normalisation.
    pub(super) fn steps(self) -> usize {
        match self {
            Self::One => 1,
            Self::Heavy(_) | Self::Light(_) => 40,
        }
    }

    /// How far to go from a `λ` where the probabilities' sum is `1 + excess` and their slope is `−escort`.
    ///
    /// Newton's method on `(Σ p)^(1−t) = 1`. The left side is a norm of numbers that are affine in `λ`: from `λ = 0`
    /// the steps approach the root from one side, and few of them do.
    #[inline(always)]
    pub(super) fn step<R: Real>(self, excess: R, escort: R) -> R {
        let above = R::of(self.above());
        let ln = ln_1p(excess);
        // (S − S^t) / ((1 − t) escort), S = 1 + excess.
        let rise = exp_m1(above * ln) / above;
        let step = (R::one() + excess) * rise / escort;
        R::select(above == R::zero(), ln, step)
    }

    /// `p^e` of `−ln p` for `e ≥ 0`; of `p = 0` it is 0, but for `0^0`: 1, or 0 where `exp_t` is cut off.
    #[inline(always)]
    pub(super) fn power<R: Real>(self, e: f64, minus_ln_p: R) -> R {
        let is_one = (e == 0.0) & !matches!(self, Self::Light(_));
        let of_zero = R::of(if is_one { 1.0 } else { 0.0 });
        let power = (-(R::of(e) * minus_ln_p)).exp();
        R::select(minus_ln_p == R::of(f64::INFINITY), of_zero, power)
    }
}

/// `−ln exp_t(−u)`, and `1 + (t − 1) u`, which is `p^(1−t)`, of `u = λ + below`; −ln 0 and 1 where `exp_t` is cut off.
///
/// A task of its own: what is done with it is compiled once for all temperatures.
pub(super) struct Tempered<'a, P> {
    pub(super) temperature: Temperature,
    pub(super) lambda: &'a [P],
    pub(super) below: &'a [P],
    pub(super) minus_ln: &'a mut [P],
    pub(super) base: &'a mut [P],
}

impl<P: Prim> Task for Tempered<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let Self {
            temperature,
            lambda,
            below,
            minus_ln,
            base,
        } = self;
        let rows = [lambda, below];
        match temperature {
            Temperature::Heavy(above) => map(rows, minus_ln, base, |u: P::Lane<I>| heavy(above, u)),
            Temperature::One => map(rows, minus_ln, base, |u: P::Lane<I>| (u, Real::one())),
            Temperature::Light(below) => map(rows, minus_ln, base, |u: P::Lane<I>| light(below, u)),
        }
    }
}

#[inline(always)]
fn map<R: Real>(
    [lambda, below]: [&[R::Prim]; 2],
    minus_ln: &mut [R::Prim],
    base: &mut [R::Prim],
    formula: impl Fn(R) -> (R, R),
) {
    let n = whole_len(lambda.len());
    let (lambda, below) = (&lambda[..n], &below[..n]);
    let (minus_ln, base) = (&mut minus_ln[..n], &mut base[..n]);
    for i in 0..n {
        let found = formula(R::new(lambda[i]) + R::new(below[i]));
        (minus_ln[i], base[i]) = (found.0.get(), found.1.get());
    }
}

#[inline(always)]
fn heavy<R: Real>(above: f64, u: R) -> (R, R) {
    let above = R::of(above);
    let z = above * u;
    (ln_1p(z) / above, R::one() + z)
}

#[inline(always)]
fn light<R: Real>(below: f64, u: R) -> (R, R) {
    let below = R::of(below);
    let y = below * u;
    let base = R::one() - y;
    let is_cut = y >= R::one();
    let safe = R::select(is_cut, R::one(), base);
    // −ln (1 − y) = ln (1 + y/(1 − y)).
    let minus_ln = ln_1p(y / safe) / below;
    (R::select(is_cut, R::of(f64::INFINITY), minus_ln), safe)
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
