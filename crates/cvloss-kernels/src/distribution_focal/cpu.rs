//! The formula: `ln Σ e^x − Σ w x`, where the target at `y` gives bin `c` the weight `w = max(0, 1 − |y − c|)`.

#![forbid(unsafe_code)]

use crate::loops::softmax::{Row, at_least_row, whole_len};
use crate::loops::sum::sum;
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task};

/// A tile of logits, bins slowest, which become slopes.
pub(super) struct Eval<'a, P> {
    pub(super) tile: &'a mut [P],
    pub(super) targets: &'a [P],
    pub(super) weights: &'a [P],
    pub(super) values: &'a mut [P],
    /// Slopes with respect to the targets.
    pub(super) positions: &'a mut [P],
    /// The largest target that counts.
    pub(super) last: P,
    /// Of both gradients.
    pub(super) scales: [P; 2],
}

impl<P: Prim> Eval<'_, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) -> f64 {
        let n = whole_len(self.values.len());
        let Self {
            tile,
            targets,
            weights,
            values,
            positions,
            ..
        } = self;
        let last = R::new(self.last);
        let mut largest = Row::filled(P::of(f64::NEG_INFINITY));
        let largest = &mut largest[..n];
        for row in tile.chunks_exact(n) {
            at_least_row::<R>(row, largest);
        }
        let mut total = Row::new();
        let total = &mut total[..n];
        values.fill(P::default());
        positions.fill(P::default());
        for (bin, row) in tile.chunks_exact_mut(n).enumerate() {
            let bin = Bin::new(bin, last);
            subtract::<R>(largest, row);
            bin.add([row, targets], values, positions);
            add_exponentials::<R>(row, total);
        }
        let [of_logits, of_targets] = self.scales.map(R::new);
        finish(
            last,
            of_targets,
            [targets, weights],
            values,
            positions,
            total,
        );
        for (bin, row) in tile.chunks_exact_mut(n).enumerate() {
            let rows = [targets, weights, total];
            Bin::new(bin, last).slopes(of_logits, rows, row);
        }
        sum::<R>(&values[..n])
    }
}

/// A bin, and the largest target that counts.
struct Bin<R> {
    c: R,
    last: R,
}

impl<R: Real> Bin<R> {
    #[inline(always)]
    fn new(bin: usize, last: R) -> Self {
        Self {
            c: R::of(bin as f64),
            last,
        }
    }

    /// How far a target is above the bin, and the bin's weight.
    #[inline(always)]
    fn weigh(&self, target: R::Prim) -> (R, R) {
        let clamped = R::new(target).at_least(R::zero()).at_most(self.last);
        let gap = clamped - self.c;
        (gap, (R::one() - gap.abs()).at_least(R::zero()))
    }

    /// Adds the bin's part of the values, and of their slopes with respect to the targets.
    #[inline(always)]
    fn add(&self, rows: [&[R::Prim]; 2], values: &mut [R::Prim], positions: &mut [R::Prim]) {
        let n = whole_len(values.len());
        let [logits, targets] = rows.map(|row| &row[..n]);
        let (values, positions) = (&mut values[..n], &mut positions[..n]);
        let zero = R::zero();
        for i in 0..n {
            let x = R::new(logits[i]);
            let (gap, weight) = self.weigh(targets[i]);
            // A logit of −∞ that does not count must not make 0 · ∞.
            let term = R::select(weight == zero, zero, weight * x);
            values[i] = (R::new(values[i]) - term).get();
            let side = R::select(gap > zero, x, R::select(gap < zero, -x, zero));
            let side = R::select(weight == zero, zero, side);
            positions[i] = (R::new(positions[i]) + side).get();
        }
    }

    /// Slopes in place of exponentials.
    #[inline(always)]
    fn slopes(&self, scale: R, rows: [&[R::Prim]; 3], e: &mut [R::Prim]) {
        let n = e.len();
        let [targets, weights, one_over_sum] = rows.map(|row| &row[..n]);
        for i in 0..n {
            let (_, weight) = self.weigh(targets[i]);
            let p = R::new(e[i]) * R::new(one_over_sum[i]);
            e[i] = ((p - weight) * (R::new(weights[i]) * scale)).get();
        }
    }
}

#[inline(always)]
fn subtract<R: Real>(largest: &[R::Prim], logits: &mut [R::Prim]) {
    let n = logits.len();
    let largest = &largest[..n];
    for i in 0..n {
        logits[i] = (R::new(logits[i]) - R::new(largest[i])).get();
    }
}

/// Exponentials in place of logits, and their sum.
#[inline(always)]
fn add_exponentials<R: Real>(logits: &mut [R::Prim], total: &mut [R::Prim]) {
    let n = total.len();
    let logits = &mut logits[..n];
    for i in 0..n {
        let e = R::new(logits[i]).exp_nonpositive();
        total[i] = (R::new(total[i]) + e).get();
        logits[i] = e.get();
    }
}

/// Values and slopes with respect to targets, weighed; one over sums in place of sums.
#[inline(always)]
fn finish<R: Real>(
    last: R,
    scale: R,
    rows: [&[R::Prim]; 2],
    values: &mut [R::Prim],
    positions: &mut [R::Prim],
    total: &mut [R::Prim],
) {
    let n = whole_len(values.len());
    let [targets, weights] = rows.map(|row| &row[..n]);
    let (values, positions, total) = (&mut values[..n], &mut positions[..n], &mut total[..n]);
    for i in 0..n {
        let w = R::new(weights[i]);
        let y = R::new(targets[i]);
        let is_outside = y < R::zero() || y > last;
        let sum = R::new(total[i]);
        values[i] = ((R::new(values[i]) + sum.ln()) * w).get();
        let slope = R::select(is_outside, R::zero(), R::new(positions[i]));
        positions[i] = (slope * (w * scale)).get();
        total[i] = (R::one() / sum).get();
    }
}

impl<P: Prim> Task for Eval<'_, P> {
    type Prim = P;
    type Output = f64;
    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        self.eval::<P::Lane<I>>()
    }
}
