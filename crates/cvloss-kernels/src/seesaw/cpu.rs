//! The formula of seesaw loss, in logarithms:
//! `ln S_yc = p min(ln N_c − ln N_y, 0) + q max(ln σ_c − max(ln σ_y, ln ε), 0)`.

#![forbid(unsafe_code)]

use crate::labels::IGNORED;
use crate::loops::site::{Formula, Tile};
use crate::loops::softmax::{PIXELS, TrueClass, clear_columns, exponentiate, largest_logits};
use crate::loops::sum::sum;
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

#[derive(Clone, Copy)]
pub(super) struct Seesaw<'c> {
    pub(super) ln_counts: &'c [f64],
    pub(super) p: f64,
    pub(super) q: f64,
    pub(super) ln_eps: f64,
}

impl Formula for Seesaw<'_> {
    const TAKES_SOFT: bool = false;

    fn tile<P: Prim>(self, mut tile: Tile<'_, '_, '_, P>) -> f64 {
        tile.weigh_by_class();
        let mut own_count = [P::default(); PIXELS];
        for (count, label) in own_count.iter_mut().zip(tile.labels) {
            *count = P::of(self.ln_counts[label.to_f64().max(0.0) as usize]);
        }
        dispatch(Evaluate {
            seesaw: self,
            own_count: &own_count[..tile.labels.len()],
            tile,
        })
    }
}

struct Evaluate<'c, 'a, 'i, 'o, P> {
    seesaw: Seesaw<'c>,
    /// `ln N_y`.
    own_count: &'c [P],
    tile: Tile<'a, 'i, 'o, P>,
}

impl<P: Prim> Task for Evaluate<'_, '_, '_, '_, P> {
    type Prim = P;
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        self.eval::<P::Lane<I>>()
    }
}

impl<P: Prim> Evaluate<'_, '_, '_, '_, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) -> f64 {
        let Self {
            seesaw,
            own_count,
            tile,
        } = self;
        let (labels, n) = (tile.labels, tile.values.len());
        let (memory, input) = (tile.memory, tile.input);
        let classes = memory.len() / n.max(1);
        let zeros = [P::default(); PIXELS];
        let (mut largest, mut buffer, mut own, mut rest) = (zeros, zeros, zeros, zeros);
        let (largest, buffer) = (&mut largest[..n], &mut buffer[..n]);
        let (own, rest) = (&mut own[..n], &mut rest[..n]);
        let (labels, own_count) = (&labels[..n], &own_count[..n]);
        // The softmax of the logits as they are: `rest` becomes its logarithm of the sum, `own` the true class's logit.
        largest_logits::<R>(input, classes, largest, buffer);
        for (c, e) in memory.chunks_exact_mut(n).enumerate() {
            let class = P::of(c as f64);
            let logits = &input.row(c, buffer)[..n];
            exponentiate::<R>(logits, largest, e);
            for i in 0..n {
                rest[i] = (R::new(rest[i]) + R::new(e[i])).get();
                let is_own = labels[i] == class;
                own[i] = R::select(is_own, R::new(logits[i]), R::new(own[i])).get();
            }
        }
        for i in 0..n {
            let ln_sum = R::new(rest[i]).ln() + R::new(largest[i]);
            let floor = (R::new(own[i]) - ln_sum).at_least(R::of(seesaw.ln_eps));
            // What a logit is compensated above.
            rest[i] = (ln_sum + floor).get();
        }
        // Moved logits, and the largest of them.
        largest.fill(P::of(f64::NEG_INFINITY));
        for (c, z) in memory.chunks_exact_mut(n).enumerate() {
            let class = P::of(c as f64);
            let logits = &input.row(c, buffer)[..n];
            let count = R::of(seesaw.ln_counts[c]);
            for i in 0..n {
                let x = R::new(logits[i]);
                let less = (count - R::new(own_count[i])).at_most(R::zero());
                let more = (x - R::new(rest[i])).at_least(R::zero());
                let moved = R::of(seesaw.q).mul_add(more, R::of(seesaw.p).mul_add(less, x));
                let moved = R::select(labels[i] == class, x, moved);
                largest[i] = R::new(largest[i]).at_least(moved).get();
                z[i] = moved.get();
            }
        }
        rest.fill(P::default());
        for (c, z) in memory.chunks_exact_mut(n).enumerate() {
            let class = P::of(c as f64);
            for i in 0..n {
                let e = (R::new(z[i]) - R::new(largest[i])).exp_nonpositive();
                let other = R::select(labels[i] == class, R::zero(), e);
                rest[i] = (R::new(rest[i]) + other).get();
                z[i] = e.get();
            }
        }
        let (weights, values) = (&tile.weights[..n], &mut tile.values[..n]);
        for i in 0..n {
            let d = R::new(own[i]) - R::new(largest[i]);
            let found = TrueClass::new(d, R::new(rest[i]));
            let is_kept = labels[i] != P::of(IGNORED);
            let kept = |x: R| R::select(is_kept, x, R::zero()).get();
            values[i] = kept(found.minus_ln_p * R::new(weights[i]));
            let factor = R::new(weights[i]) * R::new(tile.scale);
            rest[i] = kept(factor * found.one_over_sum);
            own[i] = kept(-(factor * found.q));
        }
        // An ignored pixel has no slope, whatever its logits are.
        clear_columns(memory, n, tile.ignores, |i| labels[i] == P::of(IGNORED));
        if let Some(mut gradient) = tile.gradient {
            for (c, e) in memory.chunks_exact(n).enumerate() {
                let class = P::of(c as f64);
                let row = &mut gradient.row(c, buffer)[..n];
                for i in 0..n {
                    let slope = R::new(e[i]) * R::new(rest[i]);
                    row[i] = R::select(labels[i] == class, R::new(own[i]), slope).get();
                }
                gradient.flush(c, buffer);
            }
        }
        sum::<R>(values)
    }
}
