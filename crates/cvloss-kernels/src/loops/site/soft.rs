//! Cross-entropy with a distribution, in one tile.

use crate::labels::{IGNORED, Target};
use crate::loops::softmax::{
    Place, Row, Sink, Source, clear_columns, exponentiate, largest_logits, whole_len,
};
use crate::loops::sum::sum;
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task};

use super::target_row;

/// A tile of cross-entropy with a distribution.
pub(super) struct Soft<'a, 'i, 'o, P> {
    pub(super) smoothing: f64,
    pub(super) input: Source<'a, 'i>,
    pub(super) place: Place,
    pub(super) tile: &'a mut [P],
    pub(super) target: &'a Target<'i>,
    pub(super) class_weights: Option<&'a [f64]>,
    pub(super) labels: &'a [P],
    pub(super) ignores: bool,
    pub(super) weights: &'a [P],
    pub(super) scale: P,
    pub(super) values: &'a mut [P],
    pub(super) gradient: Option<Sink<'a, 'o>>,
}

impl<P: Prim> Task for Soft<'_, '_, '_, P> {
    type Prim = P;
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        self.eval::<P::Lane<I>>()
    }
}

impl<P: Prim> Soft<'_, '_, '_, P> {
    /// `−Σ a_c ln p_c = A ln Σe − Σ a_c d_c` with `A = Σ a_c`; its gradient is `A p_c − a_c`.
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) -> f64 {
        let Self {
            smoothing,
            input,
            place,
            tile,
            target,
            class_weights,
            labels,
            ignores,
            weights,
            scale,
            values,
            gradient,
        } = self;
        let n = whole_len(values.len());
        let classes = tile.len() / n.max(1);
        let zeros = Row::new();
        let (mut largest, mut buffer, mut target_buffer) = (zeros, zeros, zeros);
        let (mut all, mut dot, mut sums) = (zeros, zeros, zeros);
        let (largest, buffer, target_buffer) =
            (&mut largest[..n], &mut buffer[..n], &mut target_buffer[..n]);
        let (all, dot, sums) = (&mut all[..n], &mut dot[..n], &mut sums[..n]);
        let share = |c: usize| Share {
            keep: R::of(1.0 - smoothing),
            spread: R::of(smoothing / classes as f64),
            weight: R::of(class_weights.map_or(1.0, |weights| weights[c])),
        };
        largest_logits(input, classes, largest, buffer);
        for (c, e) in tile.chunks_exact_mut(n).enumerate() {
            let t = target_row::<R>(target, place, c, labels, target_buffer);
            let logits = input.row(c, buffer);
            exponentiate::<R>(logits, largest, e);
            add::<R>(share(c), [t, logits, largest, e], all, dot, sums);
        }
        let rows = [labels, weights, sums];
        evaluate::<R>(R::new(scale), rows, values, all, dot);
        // An ignored pixel has no slope, whatever its logits are.
        clear_columns(tile, n, ignores, |i| labels[i] == P::of(IGNORED));
        if let Some(mut gradient) = gradient {
            for (c, e) in tile.chunks_exact(n).enumerate() {
                let t = target_row::<R>(target, place, c, labels, target_buffer);
                slope_row::<R>(share(c), [t, e, all, dot], gradient.row(c, buffer));
                gradient.flush(c, buffer);
            }
        }
        sum::<R>(values)
    }
}

/// What part of a target a class has.
struct Share<R> {
    keep: R,
    spread: R,
    weight: R,
}

impl<R: Real> Share<R> {
    #[inline(always)]
    fn of(&self, t: R::Prim) -> R {
        self.keep.mul_add(R::new(t), self.spread) * self.weight
    }
}

/// Adds a class to `A`, `Σ a d` and `Σ e`.
#[inline(always)]
fn add<R: Real>(
    class: Share<R>,
    rows: [&[R::Prim]; 4],
    all: &mut [R::Prim],
    dot: &mut [R::Prim],
    sums: &mut [R::Prim],
) {
    let n = whole_len(sums.len());
    let [t, logits, largest, e] = rows.map(|row| &row[..n]);
    let (all, dot, sums) = (&mut all[..n], &mut dot[..n], &mut sums[..n]);
    for i in 0..n {
        let d = R::new(logits[i]) - R::new(largest[i]);
        let share = class.of(t[i]);
        // A class of no share may have probability 0.
        let term = R::select(share == R::zero(), share, share * d);
        all[i] = (R::new(all[i]) + share).get();
        dot[i] = (R::new(dot[i]) + term).get();
        sums[i] = (R::new(sums[i]) + R::new(e[i])).get();
    }
}

/// The values; `A` over `Σ e` and 1 in place of `A` and `Σ a d`, both times weight and scale.
#[inline(always)]
fn evaluate<R: Real>(
    scale: R,
    rows: [&[R::Prim]; 3],
    values: &mut [R::Prim],
    all: &mut [R::Prim],
    dot: &mut [R::Prim],
) {
    let n = whole_len(values.len());
    let [labels, weights, sums] = rows.map(|row| &row[..n]);
    let (values, all, dot) = (&mut values[..n], &mut all[..n], &mut dot[..n]);
    for i in 0..n {
        let (share, sum) = (R::new(all[i]), R::new(sums[i]));
        let kept = labels[i] != R::Prim::of(IGNORED);
        let weight = R::new(weights[i]);
        let value = (share * sum.ln() - R::new(dot[i])) * weight;
        values[i] = R::select(kept, value, R::zero()).get();
        let factor = R::select(kept, weight * scale, R::zero());
        all[i] = R::select(kept, factor * share / sum, R::zero()).get();
        dot[i] = factor.get();
    }
}

#[inline(always)]
fn slope_row<R: Real>(class: Share<R>, rows: [&[R::Prim]; 4], slopes: &mut [R::Prim]) {
    let n = whole_len(slopes.len());
    let ([t, e, all, dot], slopes) = (rows.map(|row| &row[..n]), &mut slopes[..n]);
    for i in 0..n {
        let share = class.of(t[i]);
        slopes[i] = (R::new(e[i]) * R::new(all[i]) - R::new(dot[i]) * share).get();
    }
}
