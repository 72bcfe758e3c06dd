//! The formula: `ln Σ e^x − Σ w x`, where the target at `y` gives bin `c` the weight `w = max(0, 1 − |y − c|)`.

#![forbid(unsafe_code)]

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
        let n = self.values.len();
        let (targets, weights) = (&self.targets[..n], &self.weights[..n]);
        let (values, positions) = (&mut self.values[..n], &mut self.positions[..n]);
        let (zero, one, last) = (R::zero(), R::one(), R::new(self.last));
        let scales = [R::new(self.scales[0]), R::new(self.scales[1])];
        let bins = self.tile.len() / n;
        let clamp = |y: R| y.at_least(zero).at_most(last);

        let mut largest = [P::of(f64::NEG_INFINITY); super::PIXELS];
        let largest = &mut largest[..n];
        for bin in 0..bins {
            let row = &self.tile[bin * n..][..n];
            for i in 0..n {
                largest[i] = R::new(largest[i]).at_least(R::new(row[i])).get();
            }
        }
        let mut total = [P::default(); super::PIXELS];
        let total = &mut total[..n];
        values.fill(P::default());
        positions.fill(P::default());
        for bin in 0..bins {
            let row = &mut self.tile[bin * n..][..n];
            let c = R::of(bin as f64);
            for i in 0..n {
                let x = R::new(row[i]) - R::new(largest[i]);
                let gap = clamp(R::new(targets[i])) - c;
                let weight = (one - gap.abs()).at_least(zero);
                // A logit of −∞ that does not count must not make 0 · ∞.
                let term = R::select(weight == zero, zero, weight * x);
                values[i] = (R::new(values[i]) - term).get();
                let side = R::select(gap > zero, x, R::select(gap < zero, -x, zero));
                let side = R::select(weight == zero, zero, side);
                positions[i] = (R::new(positions[i]) + side).get();
                let e = x.exp_nonpositive();
                total[i] = (R::new(total[i]) + e).get();
                row[i] = e.get();
            }
        }
        for i in 0..n {
            let w = R::new(weights[i]);
            let y = R::new(targets[i]);
            let is_outside = y < zero || y > last;
            let sum = R::new(total[i]);
            values[i] = ((R::new(values[i]) + sum.ln()) * w).get();
            let slope = R::select(is_outside, zero, R::new(positions[i]));
            positions[i] = (slope * (w * scales[1])).get();
            total[i] = (one / sum).get();
        }
        for bin in 0..bins {
            let row = &mut self.tile[bin * n..][..n];
            let c = R::of(bin as f64);
            for i in 0..n {
                let gap = clamp(R::new(targets[i])) - c;
                let weight = (one - gap.abs()).at_least(zero);
                let p = R::new(row[i]) * R::new(total[i]);
                row[i] = ((p - weight) * (R::new(weights[i]) * scales[0])).get();
            }
        }
        sum::<R>(values)
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
