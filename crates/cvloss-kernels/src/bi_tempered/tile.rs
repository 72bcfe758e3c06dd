//! A tile of the tempered softmax: the divergence, and the gradient through it and the normalisation.
//!
//! With `d_c = (p_c − t_c) p_c^(t2−t1)` and the escort `q_c = p_c^t2`, the gradient with respect to logit `c` is
//! `d_c − q_c Σd/Σq`: `∂L/∂p_c = (p_c − t_c) p_c^(−t1)`, and `∂p_c/∂x_j = q_c ([c = j] − q_j/Σq)`.

#![forbid(unsafe_code)]

use crate::labels::{IGNORED, Target};
use crate::loops::site::{Formula, Tile, target_row};
use crate::loops::softmax::{Row, Sink, whole_len};
use crate::loops::sum::sum;
use crate::math::{Real, exp_m1};
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

use super::cpu::{Temperature, Tempered, minus_log, own_term};
use super::normalise::Normalise;

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

/// Sums over the classes of class indices as they are.
struct Hard<P> {
    /// Of the true class: `−ln p`, the escort, and `p^(t2−t1)`.
    own: Row<P>,
    own_escort: Row<P>,
    own_power: Row<P>,
    /// Over the other classes: `p^(2−t1)`, escorts, and slopes.
    powers: Row<P>,
    escorts: Row<P>,
    slopes: Row<P>,
}

impl<P: Prim> Hard<P> {
    fn new() -> Self {
        let zeros = Row::new();
        Self {
            own: zeros,
            own_escort: zeros,
            own_power: zeros,
            powers: zeros,
            escorts: zeros,
            slopes: zeros,
        }
    }

    /// A class's escorts and slopes, and what they add.
    #[inline(always)]
    fn add<R: Real<Prim = P>>(
        &mut self,
        of: &Divergence,
        class: P,
        rows: [&[P]; 3],
        escort: &mut [P],
        slope: &mut [P],
    ) {
        let n = escort.len();
        let ([labels, minus_ln, base], slope) = (rows.map(|row| &row[..n]), &mut slope[..n]);
        let (own, own_escort) = (&mut self.own[..n], &mut self.own_escort[..n]);
        let (own_power, powers) = (&mut self.own_power[..n], &mut self.powers[..n]);
        let (escorts, slopes) = (&mut self.escorts[..n], &mut self.slopes[..n]);
        for i in 0..n {
            let (minus_ln_p, base) = (R::new(minus_ln[i]), R::new(base[i]));
            let p = of.temperature.power(1.0, minus_ln_p);
            let power = of.temperature.power(of.e, minus_ln_p);
            let (q, d) = (p / base, power * p);
            let is_own = labels[i] == class;
            let other = |x: R| R::select(is_own, R::zero(), x);
            own[i] = R::select(is_own, minus_ln_p, R::new(own[i])).get();
            own_escort[i] = R::select(is_own, q, R::new(own_escort[i])).get();
            own_power[i] = R::select(is_own, power, R::new(own_power[i])).get();
            let whole = of.temperature.power(1.0 + of.m, minus_ln_p);
            powers[i] = (R::new(powers[i]) + other(whole)).get();
            escorts[i] = (R::new(escorts[i]) + other(q)).get();
            slopes[i] = (R::new(slopes[i]) + other(d)).get();
            escort[i] = q.get();
            slope[i] = d.get();
        }
    }

    /// The values; and in place of sums, slopes of the true class in `own`, `Σd/Σq` times weight and scale in `slopes`,
    /// and weight times scale in `factor`.
    #[inline(always)]
    fn evaluate<R: Real<Prim = P>>(
        &mut self,
        of: &Divergence,
        scale: R,
        rows: [&[P]; 2],
        values: &mut [P],
        factor: &mut [P],
    ) {
        let n = whole_len(values.len());
        let ([labels, weights], values) = (rows.map(|row| &row[..n]), &mut values[..n]);
        let (own, own_escort) = (&mut self.own[..n], &self.own_escort[..n]);
        let (own_power, powers) = (&self.own_power[..n], &self.powers[..n]);
        let (escorts, slopes) = (&self.escorts[..n], &mut self.slopes[..n]);
        let factor = &mut factor[..n];
        for i in 0..n {
            let is_kept = labels[i] != P::of(IGNORED);
            let kept = |x: R| R::select(is_kept, x, R::zero()).get();
            let minus_ln_p = R::new(own[i]);
            let whole = R::of(1.0 + of.m);
            let less = exp_m1(-(whole * minus_ln_p)) + R::new(powers[i]);
            let value = minus_log(of.m, minus_ln_p) + less / whole;
            values[i] = kept(value * R::new(weights[i]));
            let (q, power) = (R::new(own_escort[i]), R::new(own_power[i]));
            let d = power * exp_m1(-minus_ln_p);
            let (q_rest, d_rest) = (R::new(escorts[i]), R::new(slopes[i]));
            let weight = R::new(weights[i]) * scale;
            let over = weight / (q + q_rest);
            // The true class's slope without the difference of numbers that are nearly equal.
            own[i] = kept((d * q_rest - q * d_rest) * over);
            slopes[i] = kept((d + d_rest) * over);
            factor[i] = kept(weight);
        }
    }
}

/// Sums over the classes of distributions, or of smoothed class indices.
struct Soft<P> {
    values: Row<P>,
    escorts: Row<P>,
    slopes: Row<P>,
    /// The target's weight.
    mass: Row<P>,
}

/// What part of a target a class has, and its weight.
struct Share<R> {
    keep: R,
    spread: R,
    weight: R,
}

impl<P: Prim> Soft<P> {
    fn new() -> Self {
        let zeros = Row::new();
        Self {
            values: zeros,
            escorts: zeros,
            slopes: zeros,
            mass: zeros,
        }
    }

    /// A class's escorts and slopes, and what they add.
    #[inline(always)]
    fn add<R: Real<Prim = P>>(
        &mut self,
        of: &Divergence,
        class: &Share<R>,
        rows: [&[P]; 3],
        escort: &mut [P],
        slope: &mut [P],
    ) {
        let n = escort.len();
        let ([t, minus_ln, base], slope) = (rows.map(|row| &row[..n]), &mut slope[..n]);
        let (values, escorts) = (&mut self.values[..n], &mut self.escorts[..n]);
        let (slopes, mass) = (&mut self.slopes[..n], &mut self.mass[..n]);
        let whole = R::of(1.0 + of.m);
        for i in 0..n {
            let (minus_ln_p, base) = (R::new(minus_ln[i]), R::new(base[i]));
            let p = of.temperature.power(1.0, minus_ln_p);
            let share = class.keep.mul_add(R::new(t[i]), class.spread);
            let cost = share * minus_log(of.m, minus_ln_p);
            // A class of no share may have probability 0.
            let cost = R::select(share == R::zero(), share, cost);
            let power = of.temperature.power(1.0 + of.m, minus_ln_p) / whole;
            let term = own_term(of.m, share) + cost + power;
            let d = (p - share) * of.temperature.power(of.e, minus_ln_p);
            let q = p / base;
            values[i] = (R::new(values[i]) + term).get();
            escorts[i] = (R::new(escorts[i]) + q).get();
            slopes[i] = (R::new(slopes[i]) + d).get();
            mass[i] = class.weight.mul_add(R::new(t[i]), R::new(mass[i])).get();
            escort[i] = q.get();
            slope[i] = d.get();
        }
    }

    /// The values; and in place of sums, `Σd/Σq` times weight and scale in `slopes`, and weight times scale in `factor`.
    #[inline(always)]
    fn evaluate<R: Real<Prim = P>>(
        &mut self,
        by_class: bool,
        scale: R,
        rows: [&[P]; 2],
        values: &mut [P],
        factor: &mut [P],
    ) {
        let n = whole_len(values.len());
        let ([labels, weights], values) = (rows.map(|row| &row[..n]), &mut values[..n]);
        let (sums, escorts) = (&self.values[..n], &self.escorts[..n]);
        let (slopes, mass) = (&mut self.slopes[..n], &self.mass[..n]);
        let factor = &mut factor[..n];
        for i in 0..n {
            let is_kept = labels[i] != P::of(IGNORED);
            let kept = |x: R| R::select(is_kept, x, R::zero()).get();
            let mass = R::select(by_class, R::new(mass[i]), R::one());
            let weight = R::new(weights[i]) * mass;
            values[i] = kept(R::new(sums[i]) * weight);
            let weight = weight * scale;
            slopes[i] = kept(R::new(slopes[i]) * weight / R::new(escorts[i]));
            factor[i] = kept(weight);
        }
    }
}

impl Divergence {
    /// Class indices as they are.
    #[inline(always)]
    fn hard<R: Real>(&self, tile: Tile<'_, '_, '_, R::Prim>, lambda: &mut [R::Prim]) -> f64 {
        let n = whole_len(tile.values.len());
        let (escorts, slopes) = tile.memory.split_at_mut(tile.memory.len() / 2);
        let zeros = Row::new();
        let (mut minus_ln, mut base) = (zeros, zeros);
        let (minus_ln, base) = (&mut minus_ln[..n], &mut base[..n]);
        let mut found = Hard::new();
        let rows = escorts.chunks_exact_mut(n).zip(slopes.chunks_exact_mut(n));
        for (c, (escort, slope)) in rows.enumerate() {
            dispatch(Tempered {
                temperature: self.temperature,
                lambda,
                below: escort,
                minus_ln,
                base,
            });
            let rows = [tile.labels, minus_ln, base];
            found.add::<R>(self, R::Prim::of(c as f64), rows, escort, slope);
        }
        let rows = [tile.labels, tile.weights];
        found.evaluate(self, R::new(tile.scale), rows, tile.values, lambda);
        if let Some(gradient) = tile.gradient {
            dispatch(Write {
                escorts,
                slopes,
                factor: lambda,
                pull: &found.slopes,
                own: Some(&found.own),
                labels: tile.labels,
                gradient,
            });
        }
        sum::<R>(&tile.values[..n])
    }

    /// Distributions, or smoothed class indices.
    #[inline(always)]
    fn soft<R: Real>(&self, tile: Tile<'_, '_, '_, R::Prim>, lambda: &mut [R::Prim]) -> f64 {
        let n = whole_len(tile.values.len());
        let (escorts, slopes) = tile.memory.split_at_mut(tile.memory.len() / 2);
        let classes = escorts.len() / n.max(1);
        let zeros = Row::new();
        let (mut buffer, mut minus_ln, mut base) = (zeros, zeros, zeros);
        let (buffer, minus_ln, base) = (&mut buffer[..n], &mut minus_ln[..n], &mut base[..n]);
        let mut found = Soft::new();
        let is_soft = matches!(tile.target, Target::Soft(_));
        let class_weights = tile.class_weights.filter(|_| is_soft);
        let rows = escorts.chunks_exact_mut(n).zip(slopes.chunks_exact_mut(n));
        for (c, (escort, slope)) in rows.enumerate() {
            let t = target_row::<R>(tile.target, tile.place, c, tile.labels, buffer);
            let class = Share {
                keep: R::of(1.0 - self.smoothing),
                spread: R::of(self.smoothing / classes as f64),
                weight: R::of(class_weights.map_or(0.0, |weights| weights[c])),
            };
            dispatch(Tempered {
                temperature: self.temperature,
                lambda,
                below: escort,
                minus_ln,
                base,
            });
            found.add(self, &class, [t, minus_ln, base], escort, slope);
        }
        let (by_class, scale) = (class_weights.is_some(), R::new(tile.scale));
        let rows = [tile.labels, tile.weights];
        found.evaluate(by_class, scale, rows, tile.values, lambda);
        if let Some(gradient) = tile.gradient {
            dispatch(Write {
                escorts,
                slopes,
                factor: lambda,
                pull: &found.slopes,
                own: None,
                labels: tile.labels,
                gradient,
            });
        }
        sum::<R>(&tile.values[..n])
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
        let mut gradient = self.gradient;
        let n = whole_len(self.labels.len());
        let mut buffer = Row::new();
        let buffer = &mut buffer[..n];
        let rows = self
            .escorts
            .chunks_exact(n)
            .zip(self.slopes.chunks_exact(n));
        for (c, (q, d)) in rows.enumerate() {
            let row = gradient.row(c, buffer);
            slope_row::<R>([q, d, self.factor, self.pull, self.labels], row);
            if let Some(own) = self.own {
                set_own::<R>(P::of(c as f64), self.labels, own, row);
            }
            gradient.flush(c, buffer);
        }
    }
}

#[inline(always)]
fn slope_row<R: Real>(rows: [&[R::Prim]; 5], slopes: &mut [R::Prim]) {
    let n = whole_len(slopes.len());
    let ([q, d, factor, pull, labels], slopes) = (rows.map(|row| &row[..n]), &mut slopes[..n]);
    for i in 0..n {
        let slope = R::new(d[i]) * R::new(factor[i]) - R::new(q[i]) * R::new(pull[i]);
        // An ignored pixel has no slope, whatever its logits are.
        let is_kept = labels[i] != R::Prim::of(IGNORED);
        slopes[i] = R::select(is_kept, slope, R::zero()).get();
    }
}

#[inline(always)]
fn set_own<R: Real>(class: R::Prim, labels: &[R::Prim], own: &[R::Prim], slopes: &mut [R::Prim]) {
    let n = whole_len(slopes.len());
    let (labels, own, slopes) = (&labels[..n], &own[..n], &mut slopes[..n]);
    for i in 0..n {
        let is_own = labels[i] == class;
        slopes[i] = R::select(is_own, R::new(own[i]), R::new(slopes[i])).get();
    }
}
