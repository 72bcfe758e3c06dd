//! Tiles of a softmax over a strided class axis: a block of pixels, all classes, in cache.

mod tiles;

use crate::loops::blocks::each_block;
use crate::math::Real;
use crate::scalar::{Prim, with_scratch};
use crate::simd::{Ahead, Isa, Task, dispatch};

use crate::view::View;

pub(crate) use tiles::{
    PIXELS, Place, Row, RowOf, Sink, Source, Store, WHOLE, clear_columns, cut, cut_mut, pieces,
    tile_pixels, turn, turned_len, whole_len, write_turned,
};

/// The largest logit of each pixel, into `largest`, whose length counts; NaN where there is one.
pub(crate) fn largest_logits<P: Prim>(
    source: Source<'_, '_>,
    classes: usize,
    largest: &mut [P],
    buffer: &mut [P],
) {
    dispatch(Largest {
        source,
        classes,
        largest,
        buffer,
    });
}

/// See [`largest_logits`]: a task of its own, or each caller would have a copy.
struct Largest<'a, 'i, P> {
    source: Source<'a, 'i>,
    classes: usize,
    largest: &'a mut [P],
    buffer: &'a mut [P],
}

impl<P: Prim> Task for Largest<'_, '_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.largest.len();
        self.largest.fill(P::of(f64::NEG_INFINITY));
        for c in 0..self.classes {
            let row = self.source.row(c, &mut self.buffer[..n]);
            at_least_row::<P::Lane<I>>(row, self.largest);
        }
    }
}

/// The larger of each, in place of `largest`.
#[inline(always)]
pub(crate) fn at_least_row<R: Real>(row: &[R::Prim], largest: &mut [R::Prim]) {
    let n = largest.len();
    let row = &row[..n];
    for i in 0..n {
        // Not as it is read, or LLVM would make a store under a mask of the selection, which takes AMD's cores without
        // AVX-512 several times as long.
        let old = R::new(largest[i]) + R::zero();
        largest[i] = old.at_least(R::new(row[i])).get();
    }
}

/// `e = exp(logit − largest)` of one class.
#[inline(always)]
pub(crate) fn exponentiate<R: Real>(logits: &[R::Prim], largest: &[R::Prim], e: &mut [R::Prim]) {
    let n = e.len();
    let (logits, largest) = (&logits[..n], &largest[..n]);
    for i in 0..n {
        e[i] = (R::new(logits[i]) - R::new(largest[i]))
            .exp_nonpositive()
            .get();
    }
}

/// What a softmax says of the true class.
#[derive(Clone, Copy)]
pub(crate) struct TrueClass<R> {
    pub(crate) sum: R,
    pub(crate) one_over_sum: R,
    /// Of this the logarithm, and `added`, are `−ln p`.
    pub(crate) inner: R,
    pub(crate) added: R,
    pub(crate) p: R,
    pub(crate) q: R,
}

impl<R: Real> TrueClass<R> {
    /// From [what is kept](keep) of it, and the other classes' sum of exponentials.
    #[inline(always)]
    pub(crate) fn new(kept: R, others: R) -> Self {
        let is_far = kept.is_negative();
        let e = kept.at_least(R::of(1e-35));
        let sum = others + e;
        let one_over_sum = R::one() / sum;
        let p = e * one_over_sum;
        // Where the true class leads, ln(1 + ratio) keeps the digits that ln(sum) loses. What the sum 1 + ratio has lost
        // itself comes back by the slope of the logarithm there, which is p.
        let ratio = others / e;
        let inner = ratio + R::one();
        let lost = (ratio - (inner - R::one())) * p;
        Self {
            sum,
            one_over_sum,
            inner: R::select(is_far, sum, inner),
            added: R::select(is_far, -kept, lost),
            p,
            q: others * one_over_sum,
        }
    }

    #[inline(always)]
    pub(crate) fn minus_ln_p(&self) -> R {
        self.inner.ln_normal() + self.added
    }

    /// Whether exponentials of logits that were not shifted have all their digits.
    #[inline(always)]
    pub(crate) fn is_moderate(&self) -> bool {
        is_moderate(self.sum) & (self.p > R::of(1e-30))
    }
}

/// What is kept of the true class: its exponential, or where that is next to nothing the shifted logit `d` itself, which is
/// negative.
#[inline(always)]
pub(crate) fn keep<R: Real>(d: R, e: R) -> R {
    R::select(d < R::of(-60.0), d, e)
}

/// Whether a sum of exponentials that were not shifted has all its digits.
#[inline(always)]
pub(crate) fn is_moderate<R: Real>(sum: R) -> bool {
    (sum > R::of(1e-4)) & (sum < R::of(1e30))
}

/// A tile's exponentials, and what they add up to.
///
/// Logits of moderate size need no shift by the largest, which saves a pass over them; whether they were is seen by the
/// sums ([`is_moderate`]).
pub(crate) struct Exponentials<'a, 'i, P> {
    pub(crate) source: Source<'a, 'i>,
    pub(crate) tile: &'a mut [P],
    /// Whether logits are lowered by the largest of their pixel, which goes to `largest`.
    pub(crate) shifts: bool,
    pub(crate) largest: &'a mut [P],
    pub(crate) apart: Option<Apart<'a, P>>,
    /// The sum over classes.
    pub(crate) sum: &'a mut [P],
    pub(crate) buffer: &'a mut [P],
}

/// The true class, kept out of the sum.
pub(crate) struct Apart<'a, P> {
    pub(crate) labels: &'a [P],
    /// What is [kept](keep) of it.
    pub(crate) own: &'a mut [P],
}

impl<P: Prim> Task for Exponentials<'_, '_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        if self.shifts {
            self.eval::<P::Lane<I>, true>();
        } else {
            self.eval::<P::Lane<I>, false>();
        }
    }
}

impl<P: Prim> Exponentials<'_, '_, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>, const SHIFTED: bool>(mut self) {
        let (source, largest, buffer) = (self.source, self.largest, self.buffer);
        let n = whole_len(self.sum.len());
        if SHIFTED {
            largest_logits(source, self.tile.len() / n.max(1), largest, buffer);
        }
        self.sum.fill(P::default());
        if let Some(apart) = &mut self.apart {
            apart.own.fill(P::default());
        }
        for (c, e) in self.tile.chunks_exact_mut(n).enumerate() {
            let ahead = source.ahead::<P>(c);
            let logits = source.row(c, &mut buffer[..n]);
            match &mut self.apart {
                Some(Apart { labels, own }) => {
                    let (class, rows) = (P::of(c as f64), [logits, largest, labels]);
                    add_apart::<R, SHIFTED>(class, rows, ahead, e, own, self.sum);
                }
                None => add_exponentials::<R, SHIFTED>([logits, largest], ahead, e, self.sum),
            }
        }
    }
}

/// A class's exponentials, and what they add to what is kept of the true class or to the sum of the others.
#[inline(always)]
fn add_apart<R: Real, const SHIFTED: bool>(
    class: R::Prim,
    [logits, largest, labels]: [&[R::Prim]; 3],
    ahead: [Ahead<'_>; 2],
    e: &mut [R::Prim],
    own: &mut [R::Prim],
    rest: &mut [R::Prim],
) {
    let n = whole_len(e.len());
    each_block!(n, [logits, largest, labels], [e, own, rest], ahead, |i| {
        let (d, y) = exponential::<R, SHIFTED>(logits[i], largest[i]);
        let is_own = labels[i] == class;
        let kept = if SHIFTED { keep(d, y) } else { y };
        own[i] = (R::new(own[i]) + R::select(is_own, kept, R::zero())).get();
        rest[i] = (R::new(rest[i]) + R::select(is_own, R::zero(), y)).get();
        e[i] = y.get();
    });
}

/// A class's exponentials, and what they add to the sum of all classes.
#[inline(always)]
fn add_exponentials<R: Real, const SHIFTED: bool>(
    [logits, largest]: [&[R::Prim]; 2],
    ahead: [Ahead<'_>; 2],
    e: &mut [R::Prim],
    sum: &mut [R::Prim],
) {
    let n = whole_len(e.len());
    each_block!(n, [logits, largest], [e, sum], ahead, |i| {
        let (_, y) = exponential::<R, SHIFTED>(logits[i], largest[i]);
        sum[i] = (R::new(sum[i]) + y).get();
        e[i] = y.get();
    });
}

/// A logit, shifted by the largest or not, and its exponential.
#[inline(always)]
fn exponential<R: Real, const SHIFTED: bool>(logit: R::Prim, largest: R::Prim) -> (R, R) {
    let x = R::new(logit);
    if SHIFTED {
        let d = x - R::new(largest);
        (d, d.exp_nonpositive())
    } else {
        (x, x.exp_moderate())
    }
}

/// Visits tiles of probabilities: item, first pixel, pixels.
pub(crate) fn probability_tiles<P: Prim>(
    input: &View<'_>,
    mut visit: impl FnMut(&mut [P], usize, usize, usize),
) {
    let [items, classes, space] = input.shape();
    let stride = tile_pixels(classes);
    with_scratch(classes * stride, |tile: &mut [P]| {
        for n in 0..items {
            for start in (0..space).step_by(stride) {
                let pixels = stride.min(space - start);
                let tile = &mut tile[..classes * pixels];
                let place = Place { n, start, pixels };
                let source = Source::new(None, input, place);
                dispatch(Softmax {
                    source,
                    tile,
                    pixels,
                });
                visit(tile, n, start, pixels);
            }
        }
    });
}

struct Softmax<'a, 'i, P> {
    source: Source<'a, 'i>,
    tile: &'a mut [P],
    pixels: usize,
}

impl<P: Prim> Task for Softmax<'_, '_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<P: Prim> Softmax<'_, '_, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let n = self.pixels;
        let classes = self.source.view.shape()[1];
        let zeros = [P::default(); PIXELS];
        let (mut largest, mut buffer, mut sum) = (zeros, zeros, zeros);
        let (largest, buffer, sum) = (&mut largest[..n], &mut buffer[..n], &mut sum[..n]);
        largest_logits(self.source, classes, largest, buffer);
        for (c, e) in self.tile.chunks_exact_mut(n).enumerate() {
            exponentiate::<R>(self.source.row(c, buffer), largest, e);
            for i in 0..n {
                sum[i] = (R::new(sum[i]) + R::new(e[i])).get();
            }
        }
        for x in sum.iter_mut() {
            *x = (R::one() / R::new(*x)).get();
        }
        for e in self.tile.chunks_exact_mut(n) {
            for i in 0..n {
                e[i] = (R::new(e[i]) * R::new(sum[i])).get();
            }
        }
    }
}

/// `dot = dot + p s`.
pub(crate) struct AddProducts<'a, P> {
    pub(crate) p: &'a [P],
    pub(crate) slopes: &'a [P],
    pub(crate) dot: &'a mut [P],
}

impl<P: Prim> Task for AddProducts<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.dot.len();
        let (p, slopes) = (&self.p[..n], &self.slopes[..n]);
        for i in 0..n {
            let product = P::Lane::<I>::new(p[i]) * P::Lane::<I>::new(slopes[i]);
            self.dot[i] = (P::Lane::<I>::new(self.dot[i]) + product).get();
        }
    }
}

/// `s = p (s − dot)`.
pub(crate) struct Back<'a, P> {
    pub(crate) p: &'a [P],
    pub(crate) slopes: &'a mut [P],
    pub(crate) dot: &'a [P],
}

impl<P: Prim> Task for Back<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.slopes.len();
        let (p, dot) = (&self.p[..n], &self.dot[..n]);
        for i in 0..n {
            let slope = P::Lane::<I>::new(self.slopes[i]) - P::Lane::<I>::new(dot[i]);
            self.slopes[i] = (P::Lane::<I>::new(p[i]) * slope).get();
        }
    }
}
