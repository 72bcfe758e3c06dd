//! A tile of a term of which every class has a part.

use crate::labels::IGNORED;
use crate::loops::softmax::{Row, Sink, Source, TrueClass, exponentiate_apart, largest_logits};
use crate::loops::sum::sum;
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task};

use super::Term;

/// A tile of a term of the true class and of the others.
pub(super) struct Each<'a, 'i, 'o, T, P> {
    pub(super) term: T,
    pub(super) input: Source<'a, 'i>,
    pub(super) tile: &'a mut [P],
    pub(super) labels: &'a [P],
    pub(super) weights: &'a [P],
    pub(super) scale: P,
    pub(super) values: &'a mut [P],
    pub(super) gradient: Option<Sink<'a, 'o>>,
}

impl<T: Term, P: Prim> Task for Each<'_, '_, '_, T, P> {
    type Prim = P;
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        self.eval::<P::Lane<I>>()
    }
}

impl<T: Term, P: Prim> Each<'_, '_, '_, T, P> {
    /// With `g_c` the derivative with respect to `ln p_c`, that with respect to logit `k` is `g_k − p_k Σ_c g_c`.
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) -> f64 {
        let Self {
            term,
            input,
            tile,
            labels,
            weights,
            scale,
            values,
            gradient,
        } = self;
        let n = values.len();
        let classes = tile.len() / n.max(1);
        let zeros = Row::new();
        let (mut largest, mut buffer, mut logits) = (zeros, zeros, zeros);
        let (mut own, mut rest, mut all) = (zeros, zeros, zeros);
        let (largest, buffer) = (&mut largest[..n], &mut buffer[..n]);
        let (own, rest, all) = (&mut own[..n], &mut rest[..n], &mut all[..n]);
        let (labels, weights) = (&labels[..n], &weights[..n]);
        largest_logits::<R>(input, classes, largest, buffer);
        for (c, e) in tile.chunks_exact_mut(n).enumerate() {
            let (class, row) = (P::of(c as f64), &input.row(c, buffer)[..n]);
            exponentiate_apart::<R, true>(class, row, largest, labels, e, own, rest);
        }
        // From here on, `largest` is what a logit lacks to be ln p, `own` the true class's derivative, and `rest` one
        // over the sum.
        for i in 0..n {
            let d = R::new(own[i]);
            let found = TrueClass::new::<true>(d, R::new(rest[i]));
            let (value, pull) = term.eval_of(R::new(labels[i]), found.minus_ln_p, found.p, found.q);
            values[i] = value.get();
            largest[i] = (R::new(largest[i]) + found.sum.ln()).get();
            rest[i] = found.one_over_sum.get();
            own[i] = (-pull).get();
            all[i] = (-pull).get();
        }
        for (c, e) in tile.chunks_exact_mut(n).enumerate() {
            let (class, row) = (P::of(c as f64), &input.row(c, buffer)[..n]);
            for i in 0..n {
                let p = R::new(e[i]) * R::new(rest[i]);
                let (value, slope) = term.other(R::new(largest[i]) - R::new(row[i]), p);
                let is_own = labels[i] == class;
                e[i] = p.get();
                values[i] = (R::new(values[i]) + R::select(is_own, R::zero(), value)).get();
                all[i] = (R::new(all[i]) + R::select(is_own, R::zero(), slope)).get();
            }
        }
        for i in 0..n {
            let keep = labels[i] != P::of(IGNORED);
            let value = R::new(values[i]) * R::new(weights[i]);
            values[i] = R::select(keep, value, R::zero()).get();
        }
        if let Some(mut gradient) = gradient {
            let scale = R::new(scale);
            for (c, p) in tile.chunks_exact(n).enumerate() {
                let (class, row) = (P::of(c as f64), &input.row(c, &mut logits[..n])[..n]);
                let slopes = &mut gradient.row(c, buffer)[..n];
                for i in 0..n {
                    let p = R::new(p[i]);
                    let (_, slope) = term.other(R::new(largest[i]) - R::new(row[i]), p);
                    let slope = R::select(labels[i] == class, R::new(own[i]), slope);
                    let slope = (slope - p * R::new(all[i])) * (R::new(weights[i]) * scale);
                    // An ignored pixel has no slope, whatever its logits are.
                    let keep = labels[i] != P::of(IGNORED);
                    slopes[i] = R::select(keep, slope, R::zero()).get();
                }
                gradient.flush(c, buffer);
            }
        }
        sum::<R>(values)
    }
}
