//! A tile of a term of which every class has a part.

use crate::labels::IGNORED;
use crate::loops::softmax::{Apart, Exponentials, Row, Sink, Source, TrueClass, whole_len};
use crate::loops::sum::sum;
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

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

impl<T: Term, P: Prim> Each<'_, '_, '_, T, P> {
    pub(super) fn evaluate(self) -> f64 {
        let n = self.values.len();
        let zeros = Row::new();
        let (mut largest, mut buffer, mut own, mut rest) = (zeros, zeros, zeros, zeros);
        let (largest, buffer) = (&mut largest[..n], &mut buffer[..n]);
        let (own, rest) = (&mut own[..n], &mut rest[..n]);
        dispatch(Exponentials {
            source: self.input,
            tile: &mut *self.tile,
            shifts: true,
            largest: &mut *largest,
            apart: Some(Apart {
                labels: self.labels,
                own: &mut *own,
            }),
            sum: &mut *rest,
            buffer: &mut *buffer,
        });
        dispatch(Classes {
            each: self,
            largest,
            own,
            rest,
            buffer,
        })
    }
}

/// Some pixels of a class, for what it adds to the values of those that are not of it.
pub struct Others<'a, P> {
    /// Less the logit, this is `−ln p`.
    pub ln_sum: &'a [P],
    /// The class's logit of each pixel.
    pub logits: &'a [P],
    /// The class's probability at each pixel.
    pub p: &'a [P],
    /// Where what is added goes.
    pub values: &'a mut [P],
    /// Where its derivatives with respect to `ln p` go.
    pub slopes: &'a mut [P],
}

/// All that follows from a tile's exponentials.
struct Classes<'a, 'i, 'o, 'r, T, P> {
    each: Each<'a, 'i, 'o, T, P>,
    largest: &'r mut [P],
    own: &'r mut [P],
    rest: &'r mut [P],
    buffer: &'r mut [P],
}

impl<T: Term, P: Prim> Task for Classes<'_, '_, '_, '_, T, P> {
    type Prim = P;
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        self.eval::<P::Lane<I>>()
    }
}

impl<T: Term, P: Prim> Classes<'_, '_, '_, '_, T, P> {
    /// With `g_c` the derivative with respect to `ln p_c`, that with respect to logit `k` is `g_k − p_k Σ_c g_c`.
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) -> f64 {
        let Self {
            each,
            largest,
            own,
            rest,
            buffer,
        } = self;
        let Each {
            term,
            input,
            tile,
            labels,
            weights,
            scale,
            values,
            gradient,
        } = each;
        let n = whole_len(values.len());
        let zeros = Row::new();
        let (mut logits, mut all, mut added, mut slopes) = (zeros, zeros, zeros, zeros);
        let (added, slopes, all) = (&mut added[..n], &mut slopes[..n], &mut all[..n]);
        let (values, buffer) = (&mut values[..n], &mut buffer[..n]);
        // From here on, `largest` is what a logit lacks to be ln p, `own` the true class's derivative, and `rest` one
        // over the sum.
        true_class::<T, R>(term, labels, values, largest, own, rest, all);
        for (c, e) in tile.chunks_exact_mut(n).enumerate() {
            divide::<R>(rest, e);
            term.others(Others {
                ln_sum: largest,
                logits: &input.row(c, buffer)[..n],
                p: e,
                values: added,
                slopes,
            });
            let rows = [labels, added, slopes];
            add_others::<R>(P::of(c as f64), rows, values, all);
        }
        weigh::<R>(labels, weights, values);
        if let Some(mut gradient) = gradient {
            for (c, p) in tile.chunks_exact(n).enumerate() {
                term.others(Others {
                    ln_sum: largest,
                    logits: &input.row(c, &mut logits[..n])[..n],
                    p,
                    values: added,
                    slopes,
                });
                let rows = [labels, weights, own, slopes, p, all];
                slope_row::<R>(P::of(c as f64), rows, scale, gradient.row(c, buffer));
                gradient.flush(c, buffer);
            }
        }
        sum::<R>(values)
    }
}

/// The true class's value; what a logit lacks to be `ln p` in place of the largest logit, its derivative in place of what
/// was kept of it and in `all`, and one over the sum in place of the other classes' sum.
#[inline(always)]
fn true_class<T: Term, R: Real>(
    term: T,
    labels: &[R::Prim],
    values: &mut [R::Prim],
    largest: &mut [R::Prim],
    own: &mut [R::Prim],
    rest: &mut [R::Prim],
    all: &mut [R::Prim],
) {
    let n = whole_len(values.len());
    let (labels, values, largest) = (&labels[..n], &mut values[..n], &mut largest[..n]);
    let (own, rest, all) = (&mut own[..n], &mut rest[..n], &mut all[..n]);
    for i in 0..n {
        let found = TrueClass::new(R::new(own[i]), R::new(rest[i]));
        let (value, pull) = term.eval_of(R::new(labels[i]), found.minus_ln_p(), found.p, found.q);
        values[i] = value.get();
        largest[i] = (R::new(largest[i]) + found.sum.ln()).get();
        rest[i] = found.one_over_sum.get();
        own[i] = (-pull).get();
        all[i] = (-pull).get();
    }
}

#[inline(always)]
fn divide<R: Real>(one_over_sum: &[R::Prim], e: &mut [R::Prim]) {
    let n = e.len();
    let one_over_sum = &one_over_sum[..n];
    for i in 0..n {
        e[i] = (R::new(e[i]) * R::new(one_over_sum[i])).get();
    }
}

#[inline(always)]
fn add_others<R: Real>(
    class: R::Prim,
    [labels, added, slopes]: [&[R::Prim]; 3],
    values: &mut [R::Prim],
    all: &mut [R::Prim],
) {
    let n = values.len();
    let (labels, added, slopes, all) = (&labels[..n], &added[..n], &slopes[..n], &mut all[..n]);
    for i in 0..n {
        let is_other = |x: R::Prim| R::select(labels[i] == class, R::zero(), R::new(x));
        values[i] = (R::new(values[i]) + is_other(added[i])).get();
        all[i] = (R::new(all[i]) + is_other(slopes[i])).get();
    }
}

#[inline(always)]
fn weigh<R: Real>(labels: &[R::Prim], weights: &[R::Prim], values: &mut [R::Prim]) {
    let n = values.len();
    let (labels, weights) = (&labels[..n], &weights[..n]);
    for i in 0..n {
        let keep = labels[i] != R::Prim::of(IGNORED);
        let value = R::new(values[i]) * R::new(weights[i]);
        values[i] = R::select(keep, value, R::zero()).get();
    }
}

#[inline(always)]
fn slope_row<R: Real>(class: R::Prim, rows: [&[R::Prim]; 6], scale: R::Prim, out: &mut [R::Prim]) {
    let n = whole_len(out.len());
    let ([labels, weights, own, slopes, p, all], out) = (rows.map(|row| &row[..n]), &mut out[..n]);
    for i in 0..n {
        let slope = R::select(labels[i] == class, R::new(own[i]), R::new(slopes[i]));
        let pull = R::new(p[i]) * R::new(all[i]);
        let slope = (slope - pull) * (R::new(weights[i]) * R::new(scale));
        // An ignored pixel has no slope, whatever its logits are.
        let keep = labels[i] != R::Prim::of(IGNORED);
        out[i] = R::select(keep, slope, R::zero()).get();
    }
}
