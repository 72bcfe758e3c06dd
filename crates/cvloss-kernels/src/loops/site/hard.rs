//! A term of the true class's probability, in one tile.

use crate::labels::IGNORED;
use crate::loops::softmax::{
    Row, Sink, Source, TrueClass, clear_columns, exponentiate_apart, is_moderate, largest_logits,
};
use crate::loops::sum::sum;
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task};

use super::Term;

/// A tile of a term of the true class.
pub(super) struct Hard<'a, 'i, 'o, T, P> {
    pub(super) term: T,
    pub(super) input: Source<'a, 'i>,
    pub(super) tile: &'a mut [P],
    pub(super) labels: &'a [P],
    pub(super) ignores: bool,
    pub(super) weights: &'a [P],
    pub(super) scale: P,
    pub(super) values: &'a mut [P],
    pub(super) gradient: Option<Sink<'a, 'o>>,
}

impl<T: Term, P: Prim> Task for Hard<'_, '_, '_, T, P> {
    type Prim = P;
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        self.eval::<P::Lane<I>>()
    }
}

impl<T: Term, P: Prim> Hard<'_, '_, '_, T, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(mut self) -> f64 {
        // Logits of moderate size need no shift by the largest, which saves a pass over them.
        let n = self.values.len();
        let zeros = Row::new();
        let (mut largest, mut buffer) = (zeros, zeros);
        let (mut own, mut rest) = (zeros, zeros);
        let (largest, buffer) = (&mut largest[..n], &mut buffer[..n]);
        let (own, rest) = (&mut own[..n], &mut rest[..n]);
        self.exponentials::<R, false>(largest, own, rest, buffer);
        if !self.pixels::<R, false>(own, rest) {
            largest_logits::<R>(self.input, self.tile.len() / n.max(1), largest, buffer);
            self.exponentials::<R, true>(largest, own, rest, buffer);
            self.pixels::<R, true>(own, rest);
        }
        let Self {
            tile,
            labels,
            ignores,
            values,
            gradient,
            ..
        } = self;
        let (own_slope, pull_over_sum) = (&*own, &*rest);
        // An ignored pixel has no slope, whatever its logits are.
        clear_columns(tile, n, ignores, |i| labels[i] == P::of(IGNORED));
        if let Some(mut gradient) = gradient {
            for (c, e) in tile.chunks_exact(n).enumerate() {
                let class = P::of(c as f64);
                gradient.prefetch::<P>(c + 3, n);
                let row = &mut gradient.row(c, buffer)[..n];
                slope_row::<R>(class, e, labels, own_slope, pull_over_sum, row);
                gradient.flush(c, buffer);
            }
        }
        sum::<R>(values)
    }

    /// Fills the tile with exponentials; `own` with the true class's logit, `rest` with the other classes' sum.
    #[inline(always)]
    fn exponentials<R: Real<Prim = P>, const SHIFTED: bool>(
        &mut self,
        largest: &[P],
        own: &mut [P],
        rest: &mut [P],
        buffer: &mut [P],
    ) {
        let n = own.len();
        own.fill(P::default());
        rest.fill(P::default());
        for (c, e) in self.tile.chunks_exact_mut(n).enumerate() {
            let class = P::of(c as f64);
            self.input.prefetch::<P>(c + 3, n);
            let logits = &self.input.row(c, buffer)[..n];
            exponentiate_apart::<R, SHIFTED>(class, logits, largest, self.labels, e, own, rest);
        }
    }

    /// Values; `own` becomes the true class's slope, `rest` the factor of the other classes' exponentials.
    ///
    /// Says whether the exponentials were in range.
    #[inline(always)]
    fn pixels<R: Real<Prim = P>, const SHIFTED: bool>(
        &mut self,
        own: &mut [P],
        rest: &mut [P],
    ) -> bool {
        let n = self.values.len();
        let (labels, weights, values) = (&self.labels[..n], &self.weights[..n], &mut *self.values);
        let (own, rest) = (&mut own[..n], &mut rest[..n]);
        let mut outside = 0u32;
        for i in 0..n {
            let found = TrueClass::new::<SHIFTED>(R::new(own[i]), R::new(rest[i]));
            let class = R::new(labels[i]);
            let (value, pull) = self.term.eval_of(class, found.minus_ln_p, found.p, found.q);
            let weight = R::new(weights[i]);
            let keep = labels[i] != P::of(IGNORED);
            outside += u32::from(keep & !is_moderate(found.sum));
            values[i] = R::select(keep, value * weight, R::zero()).get();
            let pull = R::select(keep, pull * weight * R::new(self.scale), R::zero());
            rest[i] = R::select(keep, pull * found.one_over_sum, R::zero()).get();
            own[i] = R::select(keep, -(pull * found.q), R::zero()).get();
        }
        SHIFTED || outside == 0
    }
}

/// A class's slopes.
#[inline(always)]
fn slope_row<R: Real>(
    class: R::Prim,
    e: &[R::Prim],
    labels: &[R::Prim],
    own_slope: &[R::Prim],
    pull_over_sum: &[R::Prim],
    slopes: &mut [R::Prim],
) {
    let n = slopes.len();
    let (e, labels) = (&e[..n], &labels[..n]);
    let (own_slope, pull_over_sum) = (&own_slope[..n], &pull_over_sum[..n]);
    for i in 0..n {
        let slope = R::new(e[i]) * R::new(pull_over_sum[i]);
        slopes[i] = R::select(labels[i] == class, R::new(own_slope[i]), slope).get();
    }
}
