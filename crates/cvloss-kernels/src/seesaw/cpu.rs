//! The formula of seesaw loss, in logarithms:
//! `ln S_yc = p min(ln N_c − ln N_y, 0) + q max(ln σ_c − max(ln σ_y, ln ε), 0)`.

#![forbid(unsafe_code)]

use crate::labels::IGNORED;
use crate::loops::site::{Formula, Tile};
use crate::loops::softmax::{
    PIXELS, Row, TrueClass, clear_columns, exponentiate, keep, largest_logits, whole_len,
};
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
            own_count: &own_count,
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
        let n = whole_len(tile.values.len());
        let (memory, input, labels) = (tile.memory, tile.input, tile.labels);
        let classes = memory.len() / n.max(1);
        let zeros = Row::new();
        let (mut largest, mut buffer, mut own, mut rest) = (zeros, zeros, zeros, zeros);
        let (largest, buffer) = (&mut largest[..n], &mut buffer[..n]);
        let (own, rest) = (&mut own[..n], &mut rest[..n]);
        // The softmax of the logits as they are: `rest` becomes what a logit is compensated above, `own` the true class's
        // logit.
        largest_logits(input, classes, largest, buffer);
        for (c, e) in memory.chunks_exact_mut(n).enumerate() {
            let logits = input.row(c, buffer);
            exponentiate::<R>(logits, largest, e);
            add_class::<R>(P::of(c as f64), [labels, logits, e], own, rest);
        }
        set_floors::<R>(R::of(seesaw.ln_eps), [own, largest], rest);
        // Moved logits, and the largest of them.
        largest.fill(P::of(f64::NEG_INFINITY));
        for (c, z) in memory.chunks_exact_mut(n).enumerate() {
            let rows = [labels, input.row(c, buffer), own_count, rest];
            seesaw.move_row::<R>(c, rows, z, largest);
        }
        rest.fill(P::default());
        for (c, z) in memory.chunks_exact_mut(n).enumerate() {
            add_others::<R>(P::of(c as f64), [labels, largest], z, rest);
        }
        let rows = [labels, tile.weights, largest];
        evaluate::<R>(R::new(tile.scale), rows, tile.values, own, rest);
        // An ignored pixel has no slope, whatever its logits are.
        clear_columns(memory, n, tile.ignores, |i| labels[i] == P::of(IGNORED));
        if let Some(mut gradient) = tile.gradient {
            for (c, e) in memory.chunks_exact(n).enumerate() {
                let rows = [e, labels, own, rest];
                slope_row::<R>(P::of(c as f64), rows, gradient.row(c, buffer));
                gradient.flush(c, buffer);
            }
        }
        sum::<R>(&tile.values[..n])
    }
}

/// The true class's logit, and the sum of exponentials.
#[inline(always)]
fn add_class<R: Real>(
    class: R::Prim,
    rows: [&[R::Prim]; 3],
    own: &mut [R::Prim],
    sum: &mut [R::Prim],
) {
    let n = sum.len();
    let ([labels, logits, e], own) = (rows.map(|row| &row[..n]), &mut own[..n]);
    for i in 0..n {
        sum[i] = (R::new(sum[i]) + R::new(e[i])).get();
        let is_own = labels[i] == class;
        own[i] = R::select(is_own, R::new(logits[i]), R::new(own[i])).get();
    }
}

/// What a logit is compensated above, in place of the sum of exponentials.
#[inline(always)]
fn set_floors<R: Real>(ln_eps: R, rows: [&[R::Prim]; 2], sum: &mut [R::Prim]) {
    let n = sum.len();
    let [own, largest] = rows.map(|row| &row[..n]);
    for i in 0..n {
        let ln_sum = R::new(sum[i]).ln() + R::new(largest[i]);
        let floor = (R::new(own[i]) - ln_sum).at_least(ln_eps);
        sum[i] = (ln_sum + floor).get();
    }
}

impl Seesaw<'_> {
    /// Class `c`'s moved logits, and the largest so far.
    #[inline(always)]
    fn move_row<R: Real>(
        &self,
        c: usize,
        rows: [&[R::Prim]; 4],
        moved: &mut [R::Prim],
        largest: &mut [R::Prim],
    ) {
        let n = largest.len();
        let [labels, logits, own_count, floors] = rows.map(|row| &row[..n]);
        let moved = &mut moved[..n];
        let (class, count) = (R::Prim::of(c as f64), R::of(self.ln_counts[c]));
        for i in 0..n {
            let x = R::new(logits[i]);
            let less = (count - R::new(own_count[i])).at_most(R::zero());
            let more = (x - R::new(floors[i])).at_least(R::zero());
            let z = R::of(self.q).mul_add(more, R::of(self.p).mul_add(less, x));
            let z = R::select(labels[i] == class, x, z);
            largest[i] = R::new(largest[i]).at_least(z).get();
            moved[i] = z.get();
        }
    }
}

/// A class's exponentials in place of moved logits, and the sum of those of other classes.
#[inline(always)]
fn add_others<R: Real>(
    class: R::Prim,
    rows: [&[R::Prim]; 2],
    z: &mut [R::Prim],
    rest: &mut [R::Prim],
) {
    let n = rest.len();
    let ([labels, largest], z) = (rows.map(|row| &row[..n]), &mut z[..n]);
    for i in 0..n {
        let e = (R::new(z[i]) - R::new(largest[i])).exp_nonpositive();
        let other = R::select(labels[i] == class, R::zero(), e);
        rest[i] = (R::new(rest[i]) + other).get();
        z[i] = e.get();
    }
}

/// The values; the true class's slope in place of its logit, and the factor of the other exponentials in place of their
/// sum.
#[inline(always)]
fn evaluate<R: Real>(
    scale: R,
    rows: [&[R::Prim]; 3],
    values: &mut [R::Prim],
    own: &mut [R::Prim],
    rest: &mut [R::Prim],
) {
    let n = whole_len(values.len());
    let [labels, weights, largest] = rows.map(|row| &row[..n]);
    let (values, own, rest) = (&mut values[..n], &mut own[..n], &mut rest[..n]);
    for i in 0..n {
        let d = R::new(own[i]) - R::new(largest[i]);
        let found = TrueClass::new(keep(d, d.exp_nonpositive()), R::new(rest[i]));
        let is_kept = labels[i] != R::Prim::of(IGNORED);
        let kept = |x: R| R::select(is_kept, x, R::zero()).get();
        values[i] = kept(found.minus_ln_p() * R::new(weights[i]));
        let factor = R::new(weights[i]) * scale;
        rest[i] = kept(factor * found.one_over_sum);
        own[i] = kept(-(factor * found.q));
    }
}

#[inline(always)]
fn slope_row<R: Real>(class: R::Prim, rows: [&[R::Prim]; 4], slopes: &mut [R::Prim]) {
    let n = whole_len(slopes.len());
    let ([e, labels, own, rest], slopes) = (rows.map(|row| &row[..n]), &mut slopes[..n]);
    for i in 0..n {
        let slope = R::new(e[i]) * R::new(rest[i]);
        slopes[i] = R::select(labels[i] == class, R::new(own[i]), slope).get();
    }
}
