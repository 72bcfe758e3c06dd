//! A tile of the tempered softmax: its normalisation, the divergence, and the gradient through both.
//!
//! With `d_c = (p_c − t_c) p_c^(t2−t1)` and the escort `q_c = p_c^t2`, the gradient with respect to logit `c` is
//! `d_c − q_c Σd/Σq`: `∂L/∂p_c = (p_c − t_c) p_c^(−t1)`, and `∂p_c/∂x_j = q_c ([c = j] − q_j/Σq)`.

#![forbid(unsafe_code)]

use crate::labels::{IGNORED, Target};
use crate::loops::site::{Formula, Tile, target_row};
use crate::loops::softmax::{Row, Sink, Source};
use crate::loops::sum::sum;
use crate::math::{Real, exp_m1};
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

use super::cpu::{Temperature, Tempered, minus_log, own_term};

/// The divergence of a target from a tempered softmax.
#[derive(Clone, Copy)]
pub(super) struct Divergence {
    pub(super) temperature: Temperature,
    /// `1 − t1`.
    pub(super) m: f64,
    /// `t2 − t1`.
    pub(super) e: f64,
    pub(super) smoothing: f64,
}

impl Formula for Divergence {
    const TAKES_SOFT: bool = true;
    const ROWS: usize = 2;

    fn tile<P: Prim>(self, mut tile: Tile<'_, '_, '_, P>) -> f64 {
        let is_soft = matches!(tile.target, Target::Soft(_));
        if !is_soft {
            tile.weigh_by_class();
        }
        let is_hard = !is_soft && self.smoothing == 0.0;
        let mut lambda = Row::new();
        let lambda = &mut lambda[..tile.values.len()];
        let (below, _) = tile.memory.split_at_mut(tile.memory.len() / 2);
        dispatch(Normalise {
            temperature: self.temperature,
            input: tile.input,
            below,
            lambda: &mut *lambda,
        });
        dispatch(Evaluate {
            divergence: self,
            tile,
            lambda,
            is_hard,
        })
    }
}

struct Evaluate<'a, 'i, 'o, P> {
    divergence: Divergence,
    tile: Tile<'a, 'i, 'o, P>,
    lambda: &'a mut [P],
    is_hard: bool,
}

impl<P: Prim> Task for Evaluate<'_, '_, '_, P> {
    type Prim = P;
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        let Self {
            divergence,
            tile,
            lambda,
            is_hard,
        } = self;
        if is_hard {
            divergence.hard::<P::Lane<I>>(tile, lambda)
        } else {
            divergence.soft::<P::Lane<I>>(tile, lambda)
        }
    }
}

/// How far each logit is below the largest, into `below`; and `λ`, by which all are to be lowered so that the tempered
/// exponentials of the rest add up to 1.
struct Normalise<'a, 'i, P> {
    temperature: Temperature,
    input: Source<'a, 'i>,
    below: &'a mut [P],
    lambda: &'a mut [P],
}

impl<P: Prim> Task for Normalise<'_, '_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<P: Prim> Normalise<'_, '_, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self {
            temperature,
            input,
            below,
            lambda,
        } = self;
        let n = lambda.len();
        let zeros = Row::new();
        let (mut buffer, mut first, mut largest) = (zeros, zeros, zeros);
        let (buffer, first, largest) = (&mut buffer[..n], &mut first[..n], &mut largest[..n]);
        for c in 0..below.len() / n.max(1) {
            let (logits, class) = (&input.row(c, buffer)[..n], R::Prim::of(c as f64));
            for i in 0..n {
                let is_larger = (c == 0) | (logits[i] > largest[i]);
                largest[i] = R::select(is_larger, R::new(logits[i]), R::new(largest[i])).get();
                first[i] = R::select(is_larger, R::new(class), R::new(first[i])).get();
            }
        }
        for (c, below) in below.chunks_exact_mut(n).enumerate() {
            let logits = &input.row(c, buffer)[..n];
            for i in 0..n {
                below[i] = (R::new(largest[i]) - R::new(logits[i])).get();
            }
        }
        // A relative change below which the next is beyond the last digit.
        let enough = R::of(if size_of::<R::Prim>() == 4 {
            1e-5
        } else {
            1e-9
        });
        let (mut rest, mut escorts) = (zeros, zeros);
        let (rest, escorts) = (&mut rest[..n], &mut escorts[..n]);
        let (mut minus_ln, mut base) = (zeros, zeros);
        let (minus_ln, base) = (&mut minus_ln[..n], &mut base[..n]);
        // 1 until a pixel's own step is short enough: what its neighbours need is not its business.
        let mut moves = Row::filled(R::one().get());
        let moves = &mut moves[..n];
        lambda.fill(R::Prim::default());
        for _ in 0..temperature.steps() {
            rest.fill(R::Prim::default());
            escorts.fill(R::Prim::default());
            for (c, below) in below.chunks_exact(n).enumerate() {
                let class = R::Prim::of(c as f64);
                dispatch(Tempered {
                    temperature,
                    lambda,
                    below,
                    minus_ln,
                    base,
                });
                for i in 0..n {
                    let p = (-R::new(minus_ln[i])).exp_nonpositive();
                    // The largest apart: of 1 less that, digits are not lost.
                    let p = R::select(first[i] == class, R::zero(), p);
                    rest[i] = (R::new(rest[i]) + p).get();
                    escorts[i] = (R::new(escorts[i]) + p / R::new(base[i])).get();
                }
            }
            dispatch(Tempered {
                temperature,
                lambda,
                below: &zeros,
                minus_ln,
                base,
            });
            let mut moving = 0u32;
            for i in 0..n {
                let minus_ln_p = R::new(minus_ln[i]);
                let excess = R::new(rest[i]) + exp_m1(-minus_ln_p);
                let escort = R::new(escorts[i]) + (-minus_ln_p).exp_nonpositive() / R::new(base[i]);
                let step = temperature.step(excess, escort);
                let next = (R::new(lambda[i]) + step).at_least(R::zero());
                let may_move = R::new(moves[i]) > R::zero();
                let moves_on = may_move & (step.abs() > enough * next);
                moving += u32::from(moves_on);
                lambda[i] = R::select(may_move, next, R::new(lambda[i])).get();
                moves[i] = R::select(moves_on, R::one(), R::zero()).get();
            }
            if moving == 0 {
                break;
            }
        }
    }
}

impl Divergence {
    /// Class indices as they are.
    #[inline(always)]
    fn hard<R: Real>(&self, tile: Tile<'_, '_, '_, R::Prim>, lambda: &mut [R::Prim]) -> f64 {
        let n = tile.values.len();
        let (escorts, slopes) = tile.memory.split_at_mut(tile.memory.len() / 2);
        let zeros = Row::new();
        let (mut own, mut own_escort, mut own_power) = (zeros, zeros, zeros);
        let (lambda, own) = (&mut lambda[..n], &mut own[..n]);
        let (own_escort, own_power) = (&mut own_escort[..n], &mut own_power[..n]);
        let (mut minus_ln, mut base) = (zeros, zeros);
        let (minus_ln, base) = (&mut minus_ln[..n], &mut base[..n]);
        let (mut powers, mut escort_sum, mut slope_sum) = (zeros, zeros, zeros);
        let (powers, escort_sum, slope_sum) =
            (&mut powers[..n], &mut escort_sum[..n], &mut slope_sum[..n]);
        let labels = &tile.labels[..n];
        let rows = escorts.chunks_exact_mut(n).zip(slopes.chunks_exact_mut(n));
        for (c, (escort, slope)) in rows.enumerate() {
            let class = R::Prim::of(c as f64);
            dispatch(Tempered {
                temperature: self.temperature,
                lambda,
                below: escort,
                minus_ln,
                base,
            });
            for i in 0..n {
                let (minus_ln_p, base) = (R::new(minus_ln[i]), R::new(base[i]));
                let p = self.temperature.power(1.0, minus_ln_p);
                let power = self.temperature.power(self.e, minus_ln_p);
                let (q, d) = (p / base, power * p);
                let is_own = labels[i] == class;
                let other = |x: R| R::select(is_own, R::zero(), x);
                own[i] = R::select(is_own, minus_ln_p, R::new(own[i])).get();
                own_escort[i] = R::select(is_own, q, R::new(own_escort[i])).get();
                own_power[i] = R::select(is_own, power, R::new(own_power[i])).get();
                let whole = self.temperature.power(1.0 + self.m, minus_ln_p);
                powers[i] = (R::new(powers[i]) + other(whole)).get();
                escort_sum[i] = (R::new(escort_sum[i]) + other(q)).get();
                slope_sum[i] = (R::new(slope_sum[i]) + other(d)).get();
                escort[i] = q.get();
                slope[i] = d.get();
            }
        }
        let (weights, values) = (&tile.weights[..n], &mut tile.values[..n]);
        for i in 0..n {
            let is_kept = labels[i] != R::Prim::of(IGNORED);
            let kept = |x: R| R::select(is_kept, x, R::zero()).get();
            let minus_ln_p = R::new(own[i]);
            let whole = R::of(1.0 + self.m);
            let less = exp_m1(-(whole * minus_ln_p)) + R::new(powers[i]);
            let value = minus_log(self.m, minus_ln_p) + less / whole;
            values[i] = kept(value * R::new(weights[i]));
            let factor = R::new(weights[i]) * R::new(tile.scale);
            let (q, d) = (
                R::new(own_escort[i]),
                R::new(own_power[i]) * exp_m1(-minus_ln_p),
            );
            let (q_rest, d_rest) = (R::new(escort_sum[i]), R::new(slope_sum[i]));
            let over = factor / (q + q_rest);
            // The true class's slope without the difference of numbers that are nearly equal.
            own[i] = kept((d * q_rest - q * d_rest) * over);
            slope_sum[i] = kept((d + d_rest) * over);
            lambda[i] = kept(factor);
        }
        if let Some(gradient) = tile.gradient {
            dispatch(Write {
                escorts,
                slopes,
                factor: lambda,
                pull: slope_sum,
                own: Some(own),
                labels,
                gradient,
            });
        }
        sum::<R>(values)
    }

    /// Distributions, or smoothed class indices.
    #[inline(always)]
    fn soft<R: Real>(&self, tile: Tile<'_, '_, '_, R::Prim>, lambda: &mut [R::Prim]) -> f64 {
        let n = tile.values.len();
        let (escorts, slopes) = tile.memory.split_at_mut(tile.memory.len() / 2);
        let classes = escorts.len() / n.max(1);
        let zeros = Row::new();
        let (mut buffer, mut values) = (zeros, zeros);
        let (lambda, buffer, sums) = (&mut lambda[..n], &mut buffer[..n], &mut values[..n]);
        let (mut minus_ln, mut base) = (zeros, zeros);
        let (minus_ln, base) = (&mut minus_ln[..n], &mut base[..n]);
        let (mut escort_sum, mut slope_sum, mut mass) = (zeros, zeros, zeros);
        let (escort_sum, slope_sum, mass) =
            (&mut escort_sum[..n], &mut slope_sum[..n], &mut mass[..n]);
        let labels = &tile.labels[..n];
        let keep = R::of(1.0 - self.smoothing);
        let spread = R::of(self.smoothing / classes as f64);
        let whole = R::of(1.0 + self.m);
        let is_soft = matches!(tile.target, Target::Soft(_));
        let class_weights = tile.class_weights.filter(|_| is_soft);
        let at = (tile.input.n, tile.input.start);
        let rows = escorts.chunks_exact_mut(n).zip(slopes.chunks_exact_mut(n));
        for (c, (escort, slope)) in rows.enumerate() {
            let t = &target_row::<R>(tile.target, at, c, labels, buffer)[..n];
            let class_weight = R::of(class_weights.map_or(0.0, |weights| weights[c]));
            dispatch(Tempered {
                temperature: self.temperature,
                lambda,
                below: escort,
                minus_ln,
                base,
            });
            for i in 0..n {
                let (minus_ln_p, base) = (R::new(minus_ln[i]), R::new(base[i]));
                let p = self.temperature.power(1.0, minus_ln_p);
                let share = keep.mul_add(R::new(t[i]), spread);
                let cost = share * minus_log(self.m, minus_ln_p);
                // A class of no share may have probability 0.
                let cost = R::select(share == R::zero(), share, cost);
                let power = self.temperature.power(1.0 + self.m, minus_ln_p) / whole;
                let term = own_term(self.m, share) + cost + power;
                let d = (p - share) * self.temperature.power(self.e, minus_ln_p);
                let q = p / base;
                sums[i] = (R::new(sums[i]) + term).get();
                escort_sum[i] = (R::new(escort_sum[i]) + q).get();
                slope_sum[i] = (R::new(slope_sum[i]) + d).get();
                mass[i] = class_weight.mul_add(R::new(t[i]), R::new(mass[i])).get();
                escort[i] = q.get();
                slope[i] = d.get();
            }
        }
        let (weights, values) = (&tile.weights[..n], &mut tile.values[..n]);
        for i in 0..n {
            let is_kept = labels[i] != R::Prim::of(IGNORED);
            let kept = |x: R| R::select(is_kept, x, R::zero()).get();
            let mass = R::select(class_weights.is_some(), R::new(mass[i]), R::one());
            let weight = R::new(weights[i]) * mass;
            values[i] = kept(R::new(sums[i]) * weight);
            let factor = weight * R::new(tile.scale);
            slope_sum[i] = kept(R::new(slope_sum[i]) * factor / R::new(escort_sum[i]));
            lambda[i] = kept(factor);
        }
        if let Some(gradient) = tile.gradient {
            dispatch(Write {
                escorts,
                slopes,
                factor: lambda,
                pull: slope_sum,
                own: None,
                labels,
                gradient,
            });
        }
        sum::<R>(values)
    }
}

/// The gradient of a tile.
struct Write<'a, 'o, P> {
    /// `q`, by class.
    escorts: &'a [P],
    /// `d`, by class.
    slopes: &'a [P],
    /// Weight times scale.
    factor: &'a [P],
    /// `Σd/Σq`, times that.
    pull: &'a [P],
    /// The slope of the true class, where it is known better.
    own: Option<&'a [P]>,
    labels: &'a [P],
    gradient: Sink<'a, 'o>,
}

impl<P: Prim> Task for Write<'_, '_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<P: Prim> Write<'_, '_, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let (labels, mut gradient) = (self.labels, self.gradient);
        let n = labels.len();
        let (factor, pull) = (&self.factor[..n], &self.pull[..n]);
        let mut buffer = Row::new();
        let buffer = &mut buffer[..n];
        let rows = self
            .escorts
            .chunks_exact(n)
            .zip(self.slopes.chunks_exact(n));
        for (c, (q, d)) in rows.enumerate() {
            let class = P::of(c as f64);
            let row = &mut gradient.row(c, buffer)[..n];
            for i in 0..n {
                let slope = R::new(d[i]) * R::new(factor[i]) - R::new(q[i]) * R::new(pull[i]);
                // An ignored pixel has no slope, whatever its logits are.
                let is_kept = labels[i] != P::of(IGNORED);
                row[i] = R::select(is_kept, slope, R::zero()).get();
            }
            if let Some(own) = self.own {
                let own = &own[..n];
                for i in 0..n {
                    let is_own = labels[i] == class;
                    row[i] = R::select(is_own, R::new(own[i]), R::new(row[i])).get();
                }
            }
            gradient.flush(c, buffer);
        }
    }
}
