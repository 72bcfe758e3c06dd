//! Class indices and plain sums over a softmax, the common case.

mod gradient;

use crate::loops::blocks::each_block;
use crate::loops::softmax::{Apart, Exponentials, TrueClass, is_moderate, whole_len};
use crate::loops::sum::{Lanes, add_class};
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, LANES, Task, dispatch};

use super::terms::Terms;
use super::{HardExtra, ItemSums, Site, Work};

pub(super) use gradient::HardGradient;

pub(super) struct HardStatistics<'a, 'i, E, P> {
    pub(super) site: &'a Site<'a, 'i, P>,
    pub(super) extra: E,
    pub(super) tile: &'a mut [P],
    pub(super) work: &'a mut Work<P>,
    pub(super) found: &'a mut ItemSums,
}

impl<E: HardExtra, P: Prim> HardStatistics<'_, '_, E, P> {
    pub(super) fn evaluate(self) {
        let Self {
            site,
            extra,
            tile,
            work,
            found,
        } = self;
        exponentials(site, E::PRESENT, tile, work);
        if E::PRESENT {
            let values = &mut work.output[..site.len()];
            by_class(site, &extra, values);
            dispatch(Values {
                extra,
                weights: &site.points.weights,
                terms: &work.terms,
                values,
                sum: &mut found.extra,
            });
        }
        dispatch(ClassSums {
            site,
            tile,
            one_over_sum: &work.target[..site.len()],
            found,
        });
    }
}

/// Fills the tile with exponentials, and `work.target` with one over their sums.
///
/// If asked for, `work.terms` has `−ln p`, `p` and `1 − p` of the true class.
fn exponentials<P: Prim>(
    site: &Site<'_, '_, P>,
    with_true_class: bool,
    tile: &mut [P],
    work: &mut Work<P>,
) {
    let n = site.len();
    let labels = &site.points.labels[..n];
    for shifts in [false, true] {
        let Work {
            input,
            target,
            output,
            terms,
            ..
        } = &mut *work;
        let sums = &mut target[..n];
        dispatch(Exponentials {
            source: site.input,
            tile: &mut *tile,
            shifts,
            largest: &mut output[..n],
            apart: with_true_class.then(|| Apart {
                labels,
                own: &mut terms.i[..n],
            }),
            sum: &mut *sums,
            buffer: &mut input[..n],
        });
        let are_moderate = dispatch(Inverses {
            weights: &site.points.weights[..n],
            true_class: with_true_class.then_some(terms),
            sums,
            buffer: &mut input[..n],
        });
        if are_moderate {
            break;
        }
    }
    site.drop_weightless(tile);
    site.drop_weightless(&mut work.target[..n]);
}

/// One over the sums of exponentials; and what is kept of the true class, in `true_class.i`, says of it.
struct Inverses<'a, P> {
    weights: &'a [P],
    true_class: Option<&'a mut Terms<P>>,
    sums: &'a mut [P],
    buffer: &'a mut [P],
}

impl<P: Prim> Task for Inverses<'_, P> {
    type Prim = P;
    type Output = bool;
    #[inline(always)]
    fn run<I: Isa>(self) -> bool {
        self.eval::<P::Lane<I>>()
    }
}

impl<P: Prim> Inverses<'_, P> {
    /// Says whether logits were moderate.
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) -> bool {
        match self.true_class {
            Some(terms) => true_class::<R>(self.weights, terms, self.sums, self.buffer),
            None => invert::<R>(self.weights, self.sums),
        }
    }
}

/// Says whether logits were moderate.
#[inline(always)]
fn true_class<R: Real>(
    weights: &[R::Prim],
    terms: &mut Terms<R::Prim>,
    sums: &mut [R::Prim],
    added: &mut [R::Prim],
) -> bool {
    let n = whole_len(sums.len());
    let Terms { i: own, p, t: q } = terms;
    let mut outside = [0; LANES];
    each_block!(n, [weights], [sums, added, own, p, q], |i| {
        let found = TrueClass::new(R::new(own[i]), R::new(sums[i]));
        let counts = weights[i] != R::Prim::default();
        outside[i] |= u32::from(counts & !found.is_moderate());
        own[i] = found.inner.get();
        added[i] = found.added.get();
        p[i] = found.p.get();
        q[i] = found.q.get();
        sums[i] = found.one_over_sum.get();
    });
    // In a loop of its own, whose constants fit the registers.
    each_block!(n, [added], [own], |i| {
        own[i] = (R::new(own[i]).ln_normal() + R::new(added[i])).get();
    });
    outside == [0; LANES]
}

/// As [`true_class`], of the sums alone.
#[inline(always)]
fn invert<R: Real>(weights: &[R::Prim], sums: &mut [R::Prim]) -> bool {
    let n = whole_len(sums.len());
    let (weights, sums) = (&weights[..n], &mut sums[..n]);
    let mut outside = 0u32;
    for i in 0..n {
        let sum = R::new(sums[i]);
        let counts = weights[i] != R::Prim::default();
        outside += u32::from(counts & !is_moderate(sum));
        sums[i] = (R::one() / sum).get();
    }
    outside == 0
}

/// The weight of each pixel's class in what rides along.
fn by_class<E: HardExtra, P: Prim>(site: &Site<'_, '_, P>, extra: &E, weights: &mut [P]) {
    match extra.weights() {
        None => weights.fill(P::of(1.0)),
        Some(of) => {
            for (weight, label) in weights.iter_mut().zip(site.points.labels.iter()) {
                *weight = P::of(of(label.to_f64().max(0.0) as usize));
            }
        }
    }
}

/// The values of what rides along, in place of the weights of classes.
struct Values<'a, E, P> {
    extra: E,
    weights: &'a [P],
    terms: &'a Terms<P>,
    values: &'a mut [P],
    sum: &'a mut Lanes,
}

impl<E: HardExtra, P: Prim> Task for Values<'_, E, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<E: HardExtra, P: Prim> Values<'_, E, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Terms { i, p, t } = self.terms;
        let rows: [&[P]; 4] = [self.weights, i, p, t];
        evaluate::<E, R>(self.extra, rows, self.values);
        self.sum.add::<R>(self.values);
    }
}

#[inline(always)]
fn evaluate<E: HardExtra, R: Real>(extra: E, rows: [&[R::Prim]; 4], values: &mut [R::Prim]) {
    let n = whole_len(values.len());
    let [weights, minus_ln_p, p, q] = rows.map(|row| &row[..n]);
    let values = &mut values[..n];
    for i in 0..n {
        let (value, _) = extra.eval(R::new(minus_ln_p[i]), R::new(p[i]), R::new(q[i]));
        let w = R::new(weights[i]);
        let value = value * (R::new(values[i]) * w);
        values[i] = R::select(w != R::zero(), value, R::zero()).get();
    }
}

/// The sums of each class.
struct ClassSums<'a, 'i, P> {
    site: &'a Site<'a, 'i, P>,
    tile: &'a [P],
    one_over_sum: &'a [P],
    found: &'a mut ItemSums,
}

impl<P: Prim> Task for ClassSums<'_, '_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<P: Prim> ClassSums<'_, '_, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let (site, found) = (self.site, self.found);
        let n = site.len();
        let (labels, weights) = (&site.points.labels[..n], &site.points.weights[..n]);
        site.add_mass::<R>(&mut found.mass);
        let tile = self.tile.chunks_exact(n);
        for ((c, e), found) in tile.enumerate().zip(&mut found.classes) {
            let (class, rows) = (P::of(c as f64), [e, self.one_over_sum, weights, labels]);
            if site.is_weighted() {
                add_class::<R, true>(found, rows, class);
            } else {
                add_class::<R, false>(found, rows, class);
            }
        }
    }
}
