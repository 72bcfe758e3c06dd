//! A term of the true class's probability, in one tile.

use crate::labels::IGNORED;
use crate::loops::blocks::each_block;
use crate::loops::softmax::{
    Apart, Exponentials, Row, Sink, Source, TrueClass, clear_columns, whole_len,
};
use crate::loops::sum::Total;
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, LANES, Task, dispatch};

use super::Term;

/// A tile of a term of the true class.
pub(super) struct Hard<'a, 'i, 'o, T, P> {
    pub(super) term: T,
    pub(super) input: Source<'a, 'i>,
    pub(super) tile: &'a mut [P],
    pub(super) rows: &'a mut [Row<P>; 4],
    pub(super) labels: &'a [P],
    pub(super) ignores: bool,
    pub(super) weights: &'a [P],
    pub(super) scale: P,
    pub(super) values: &'a mut [P],
    pub(super) gradient: Option<Sink<'a, 'o>>,
}

impl<T: Term, P: Prim> Hard<'_, '_, '_, T, P> {
    pub(super) fn evaluate(self) -> f64 {
        let Self {
            term,
            input,
            tile,
            rows,
            labels,
            ignores,
            weights,
            scale,
            values,
            gradient,
        } = self;
        let n = values.len();
        let [largest, buffer, own, rest] = rows.each_mut().map(|row| &mut row[..n]);
        for shifts in [false, true] {
            dispatch(Exponentials {
                source: input,
                tile: &mut *tile,
                shifts,
                largest: &mut *largest,
                apart: Some(Apart {
                    labels,
                    own: &mut *own,
                }),
                sum: &mut *rest,
                buffer: &mut *buffer,
            });
            let are_moderate = dispatch(Pixels {
                term,
                labels,
                weights,
                scale,
                values: &mut *values,
                own: &mut *own,
                rest: &mut *rest,
            });
            if are_moderate {
                break;
            }
        }
        // An ignored pixel has no slope, whatever its logits are.
        clear_columns(tile, n, ignores, |i| labels[i] == P::of(IGNORED));
        if let Some(gradient) = gradient {
            dispatch(Slopes {
                tile,
                labels,
                own_slope: own,
                pull_over_sum: rest,
                gradient,
                buffer,
            });
        }
        dispatch(Total(values))
    }
}

/// What follows from a term at each pixel.
struct Pixels<'a, T, P> {
    term: T,
    labels: &'a [P],
    weights: &'a [P],
    scale: P,
    values: &'a mut [P],
    /// What is kept of the true class; becomes its slope.
    own: &'a mut [P],
    /// The other classes' sum; becomes the factor of their exponentials.
    rest: &'a mut [P],
}

impl<T: Term, P: Prim> Task for Pixels<'_, T, P> {
    type Prim = P;
    type Output = bool;
    #[inline(always)]
    fn run<I: Isa>(self) -> bool {
        let Self {
            term,
            labels,
            weights,
            scale,
            values,
            own,
            rest,
        } = self;
        pixels::<T, P::Lane<I>>(term, scale, [labels, weights], values, own, rest)
    }
}

/// Says whether logits were moderate.
#[inline(always)]
fn pixels<T: Term, R: Real>(
    term: T,
    scale: R::Prim,
    [labels, weights]: [&[R::Prim]; 2],
    values: &mut [R::Prim],
    own: &mut [R::Prim],
    rest: &mut [R::Prim],
) -> bool {
    let n = whole_len(values.len());
    let mut outside = [0; LANES];
    each_block!(n, [labels, weights], [values, own, rest], |i| {
        let found = TrueClass::new(R::new(own[i]), R::new(rest[i]));
        let (value, pull) = term.eval_of(R::new(labels[i]), found.minus_ln_p(), found.p, found.q);
        let weight = R::new(weights[i]);
        let keep = labels[i] != R::Prim::of(IGNORED);
        outside[i] |= u32::from(keep & !found.is_moderate());
        values[i] = R::select(keep, value * weight, R::zero()).get();
        let pull = R::select(keep, pull * weight * R::new(scale), R::zero());
        rest[i] = R::select(keep, pull * found.one_over_sum, R::zero()).get();
        own[i] = R::select(keep, -(pull * found.q), R::zero()).get();
    });
    outside == [0; LANES]
}

/// The gradient of a tile.
struct Slopes<'a, 'o, P> {
    tile: &'a [P],
    labels: &'a [P],
    own_slope: &'a [P],
    pull_over_sum: &'a [P],
    gradient: Sink<'a, 'o>,
    buffer: &'a mut [P],
}

impl<P: Prim> Task for Slopes<'_, '_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let (mut gradient, buffer) = (self.gradient, self.buffer);
        let n = whole_len(buffer.len());
        for (c, e) in self.tile.chunks_exact(n).enumerate() {
            let rows = [e, self.labels, self.own_slope, self.pull_over_sum];
            slope_row::<P::Lane<I>>(P::of(c as f64), rows, gradient.row(c, buffer));
            gradient.flush(c, buffer);
        }
    }
}

/// A class's slopes.
#[inline(always)]
fn slope_row<R: Real>(class: R::Prim, rows: [&[R::Prim]; 4], slopes: &mut [R::Prim]) {
    let n = whole_len(slopes.len());
    let ([e, labels, own_slope, pull_over_sum], slopes) =
        (rows.map(|row| &row[..n]), &mut slopes[..n]);
    for i in 0..n {
        let slope = R::new(e[i]) * R::new(pull_over_sum[i]);
        slopes[i] = R::select(labels[i] == class, R::new(own_slope[i]), slope).get();
    }
}
