//! The formula of asymmetric loss over a softmax.

#![forbid(unsafe_code)]

use crate::focal::{Any, Exponent, entropy};
use crate::loops::site::{Others, Term};
use crate::loops::softmax::whole_len;
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

/// `−a (1 − p_y)^γ₊ ln p_y − b Σ_{c ≠ y} p_c^γ₋ ln p_c`, `a` and `b` being the shares of the smoothed target.
#[derive(Clone, Copy, Debug)]
pub(super) struct SingleLabel {
    pub(super) positive: Any,
    /// `γ₋`.
    pub(super) negative: f64,
    pub(super) shares: (f64, f64),
}

impl Term for SingleLabel {
    const OTHERS: bool = true;

    #[inline(always)]
    fn eval<R: Real>(&self, minus_ln_p: R, p: R, q: R) -> (R, R) {
        // −ln p vanishes with q, and as fast.
        let (power, power_slope) = self.positive.power(q, entropy(minus_ln_p, p));
        let share = R::of(self.shares.0);
        (share * power * minus_ln_p, share * (power + power_slope))
    }

    fn others<P: Prim>(&self, class: Others<'_, P>) {
        let (gamma, share) = (self.negative, self.shares.1);
        dispatch(Negatives {
            gamma,
            share,
            class,
        });
    }
}

/// `−b p^γ ln p` of one class.
struct Negatives<'a, P> {
    gamma: f64,
    share: f64,
    class: Others<'a, P>,
}

impl<P: Prim> Task for Negatives<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let Others {
            ln_sum,
            logits,
            p,
            values,
            slopes,
        } = self.class;
        let (rows, options) = ([ln_sum, logits, p], [self.share, self.gamma]);
        if self.gamma == 4.0 {
            // The default.
            let power = |_, p: P::Lane<I>| p * p * (p * p);
            negatives(options, rows, values, slopes, power);
        } else {
            let gamma = P::Lane::<I>::of(self.gamma);
            negatives(options, rows, values, slopes, |minus_ln_p, _| {
                let power = (-(gamma * minus_ln_p)).exp();
                Real::select(gamma == Real::zero(), Real::one(), power)
            });
        }
    }
}

#[inline(always)]
fn negatives<R: Real>(
    options: [f64; 2],
    rows: [&[R::Prim]; 3],
    values: &mut [R::Prim],
    slopes: &mut [R::Prim],
    power: impl Fn(R, R) -> R,
) {
    let n = whole_len(values.len());
    let [ln_sum, logits, p] = rows.map(|row| &row[..n]);
    let (values, slopes) = (&mut values[..n], &mut slopes[..n]);
    let [share, gamma] = options.map(R::of);
    for i in 0..n {
        let minus_ln_p = R::new(ln_sum[i]) - R::new(logits[i]);
        let power = power(minus_ln_p, R::new(p[i]));
        // A class of probability 0 has no part, unless nothing damps it.
        let is_damped = gamma > R::zero();
        let is_gone = minus_ln_p > R::of(1e30);
        let value = R::select(is_damped & is_gone, R::zero(), power * minus_ln_p);
        let value = R::select(share == R::zero(), R::zero(), share * value);
        let slope = R::select(is_damped & !is_gone, gamma * power * minus_ln_p, R::zero());
        values[i] = value.get();
        slopes[i] = (share * (slope - power)).get();
    }
}
