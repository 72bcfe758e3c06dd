//! Class indices and plain sums over a softmax, the common case: one exponential per logit over both sweeps, where the
//! first may leave probabilities in the gradient's memory.

use crate::loops::softmax::{AHEAD, Apart, Exponentials, Row, Sink, TrueClass, is_moderate};
use crate::loops::sum::{Lanes, add_class};
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

use super::terms::Terms;
use super::{HardExtra, ItemSums, Site, Work};

pub(super) struct HardStatistics<'a, 'i, 'o, E, P> {
    pub(super) site: Site<'a, 'i, P>,
    pub(super) extra: E,
    pub(super) tile: &'a mut [P],
    pub(super) work: &'a mut Work<P>,
    pub(super) found: &'a mut ItemSums,
    /// Where probabilities are to be left; it lends its rows.
    pub(super) stash: Option<Sink<'a, 'o>>,
}

impl<E: HardExtra, P: Prim> HardStatistics<'_, '_, '_, E, P> {
    pub(super) fn evaluate(self) {
        let Self {
            site,
            extra,
            tile,
            work,
            found,
            stash,
        } = self;
        exponentials(&site, E::PRESENT, tile, work);
        if E::PRESENT {
            let values = &mut work.output[..site.pixels];
            by_class(&site, &extra, values);
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
            work,
            found,
            stash,
        });
    }
}

/// Fills the tile with exponentials, and `work.target` with one over their sums.
///
/// Where something rides along, `work.terms` has `−ln p`, `p` and `1 − p` of the true class.
fn exponentials<P: Prim>(
    site: &Site<'_, '_, P>,
    with_true_class: bool,
    tile: &mut [P],
    work: &mut Work<P>,
) {
    let n = site.pixels;
    let labels = &site.points.labels[..n];
    for shifts in [false, true] {
        let Work {
            input,
            target,
            output,
            terms,
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
        });
        if are_moderate {
            break;
        }
    }
    site.drop_weightless(tile);
    site.drop_weightless(&mut work.target[..n]);
}

/// One over the sums of exponentials; and what the true class's logit, in `true_class.i`, says of it.
struct Inverses<'a, P> {
    weights: &'a [P],
    true_class: Option<&'a mut Terms<P>>,
    sums: &'a mut [P],
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
        let sums = self.sums;
        let n = sums.len();
        let weights = &self.weights[..n];
        let counts = |i: usize| weights[i] != P::default();
        let mut outside = 0u32;
        if let Some(Terms { i, p, t }) = self.true_class {
            let (own, p, q) = (&mut i[..n], &mut p[..n], &mut t[..n]);
            for i in 0..n {
                let found = TrueClass::new(R::new(own[i]), R::new(sums[i]));
                outside += u32::from(counts(i) & !is_moderate(found.sum));
                own[i] = found.minus_ln_p.get();
                p[i] = found.p.get();
                q[i] = found.q.get();
                sums[i] = found.one_over_sum.get();
            }
        } else {
            for i in 0..n {
                let sum = R::new(sums[i]);
                outside += u32::from(counts(i) & !is_moderate(sum));
                sums[i] = (R::one() / sum).get();
            }
        }
        outside == 0
    }
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
        let values = self.values;
        let n = values.len();
        let weights = &self.weights[..n];
        let Terms { i, p, t } = self.terms;
        let (minus_ln_p, p, q) = (&i[..n], &p[..n], &t[..n]);
        for i in 0..n {
            let (value, _) = self
                .extra
                .eval(R::new(minus_ln_p[i]), R::new(p[i]), R::new(q[i]));
            let w = R::new(weights[i]);
            let value = value * (R::new(values[i]) * w);
            values[i] = R::select(w != R::zero(), value, R::zero()).get();
        }
        self.sum.add::<R>(values);
    }
}

/// The sums of each class.
struct ClassSums<'a, 'i, 'o, P> {
    site: Site<'a, 'i, P>,
    tile: &'a [P],
    work: &'a mut Work<P>,
    found: &'a mut ItemSums,
    stash: Option<Sink<'a, 'o>>,
}

impl<P: Prim> Task for ClassSums<'_, '_, '_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<P: Prim> ClassSums<'_, '_, '_, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self {
            site,
            tile,
            work,
            found,
            mut stash,
        } = self;
        let n = site.pixels;
        let (labels, weights) = (&site.points.labels[..n], &site.points.weights[..n]);
        site.add_mass::<R>(&mut found.mass);
        let one_over_sum = &work.target[..n];
        for ((c, e), found) in tile.chunks_exact(n).enumerate().zip(&mut found.classes) {
            let class = P::of(c as f64);
            let buffer = &mut work.input[..n];
            let p = match &mut stash {
                Some(stash) => {
                    stash.prefetch::<P>(c + AHEAD, n);
                    stash.row(c, buffer)
                }
                None => buffer,
            };
            let (rows, p) = ([e, one_over_sum, weights, labels], &mut p[..n]);
            if site.is_weighted() {
                add_class::<R, true>(found, rows, class, p);
            } else {
                add_class::<R, false>(found, rows, class, p);
            }
        }
    }
}

pub(super) struct HardGradient<'a, 'i, 'o, E, P> {
    pub(super) site: Site<'a, 'i, P>,
    pub(super) extra: E,
    pub(super) tile: &'a mut [P],
    pub(super) work: &'a mut Work<P>,
    /// `∂L/∂p` of each class: of its own pixels, and of the others.
    pub(super) slopes: &'a [[P; 2]],
    /// The factor of the slope of what rides along.
    pub(super) factor: P,
    pub(super) into: Sink<'a, 'o>,
    /// Probabilities are there already.
    pub(super) stashed: bool,
}

impl<E: HardExtra, P: Prim> HardGradient<'_, '_, '_, E, P> {
    /// `∂L/∂z_c = p_c (s_c − Σ_k s_k p_k)` with `s = ∂L/∂p`, plus `k (p_c − [c = y])` of what rides along.
    pub(super) fn evaluate(self) {
        let Self {
            site,
            extra,
            tile,
            work,
            slopes,
            factor,
            mut into,
            stashed,
        } = self;
        let n = site.pixels;
        if !stashed {
            exponentials(&site, E::PRESENT, tile, work);
        }
        dispatch(Dot {
            site: &site,
            tile: &mut *tile,
            work: &mut *work,
            slopes,
            from: stashed.then_some(&mut into),
            splits: E::BENDS,
        });
        let Work {
            input,
            output,
            terms,
            ..
        } = work;
        let (dot, pull) = (&mut terms.i[..n], &mut output[..n]);
        if E::PRESENT {
            by_class(&site, &extra, pull);
            dispatch(Pull {
                extra,
                factor,
                weights: &site.points.weights,
                own: &terms.p,
                rest: &terms.t,
                dot: &mut *dot,
                pull: &mut *pull,
            });
        }
        // What was evaluated at pixels that do not count may be NaN.
        for row in [&mut *dot, &mut *pull] {
            site.drop_weightless(row);
        }
        dispatch(Slopes {
            site,
            tile,
            slopes,
            dot,
            pull: Some(&*pull).filter(|_| E::PRESENT),
            into,
            buffer: &mut input[..n],
        });
    }
}

/// A class as a number, and the two numbers that `∂L/∂p` may be.
#[inline(always)]
fn slopes_of<R: Real>(slopes: &[[R::Prim; 2]], c: usize) -> (R::Prim, R, R) {
    let [own, other] = slopes[c];
    (R::Prim::of(c as f64), R::new(own), R::new(other))
}

/// Probabilities into the tile, `Σ_k s_k p_k` into `work.terms.i`; and if it `splits`, the probability of the true class
/// and that of the others into `p` and `t` there.
struct Dot<'a, 'i, 'f, 'o, P> {
    site: &'a Site<'a, 'i, P>,
    tile: &'a mut [P],
    work: &'a mut Work<P>,
    slopes: &'a [[P; 2]],
    /// Where probabilities are, unless the tile has exponentials.
    from: Option<&'a mut Sink<'f, 'o>>,
    splits: bool,
}

impl<P: Prim> Task for Dot<'_, '_, '_, '_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<P: Prim> Dot<'_, '_, '_, '_, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self {
            site,
            tile,
            work,
            slopes,
            mut from,
            splits,
        } = self;
        let n = site.pixels;
        let labels = &site.points.labels[..n];
        let Work {
            input,
            target,
            terms,
            ..
        } = work;
        let (buffer, one_over_sum) = (&mut input[..n], &target[..n]);
        let dot = &mut terms.i[..n];
        let (own_p, rest_p) = (&mut terms.p[..n], &mut terms.t[..n]);
        dot.fill(P::default());
        own_p.fill(P::default());
        rest_p.fill(P::default());
        for (c, p) in tile.chunks_exact_mut(n).enumerate() {
            let (class, own, other) = slopes_of::<R>(slopes, c);
            if let Some(from) = &mut from {
                from.prefetch::<P>(c + AHEAD, n);
                let row = &from.row(c, buffer)[..n];
                for i in 0..n {
                    p[i] = row[i];
                    let slope = R::select(labels[i] == class, own, other);
                    dot[i] = slope.mul_add(R::new(row[i]), R::new(dot[i])).get();
                }
            } else {
                for i in 0..n {
                    let x = R::new(p[i]) * R::new(one_over_sum[i]);
                    p[i] = x.get();
                    let slope = R::select(labels[i] == class, own, other);
                    dot[i] = slope.mul_add(x, R::new(dot[i])).get();
                }
            }
            if splits {
                split::<R>(class, p, labels, own_p, rest_p);
            }
        }
    }
}

/// Adds a class to the probability of the true class or to that of the others.
#[inline(always)]
fn split<R: Real>(
    class: R::Prim,
    p: &[R::Prim],
    labels: &[R::Prim],
    own: &mut [R::Prim],
    rest: &mut [R::Prim],
) {
    let n = p.len();
    let labels = &labels[..n];
    let (own, rest) = (&mut own[..n], &mut rest[..n]);
    for i in 0..n {
        let is_own = labels[i] == class;
        own[i] = R::select(is_own, R::new(p[i]), R::new(own[i])).get();
        rest[i] = (R::new(rest[i]) + R::select(is_own, R::zero(), R::new(p[i]))).get();
    }
}

/// The slope of what rides along, in place of the weights of classes; its part for all classes goes to `dot`.
struct Pull<'a, E, P> {
    extra: E,
    factor: P,
    weights: &'a [P],
    own: &'a Row<P>,
    rest: &'a Row<P>,
    dot: &'a mut [P],
    pull: &'a mut [P],
}

impl<E: HardExtra, P: Prim> Task for Pull<'_, E, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<E: HardExtra, P: Prim> Pull<'_, E, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let (dot, factor) = (self.dot, R::new(self.factor));
        let n = dot.len();
        let (weights, pull) = (&self.weights[..n], &mut self.pull[..n]);
        let (own, rest) = (&self.own[..n], &self.rest[..n]);
        for i in 0..n {
            let slope = if E::BENDS {
                let (p, q) = (R::new(own[i]), R::new(rest[i]));
                let sure = (q / p).ln_1p_unit();
                let minus_ln_p = R::select(q <= p, sure, -p.ln());
                self.extra.eval(minus_ln_p, p, q).1
            } else {
                self.extra.eval(R::zero(), R::one(), R::zero()).1
            };
            let own = slope * factor * R::new(pull[i]);
            dot[i] = (R::new(dot[i]) - own).get();
            pull[i] = (own * R::new(weights[i])).get();
        }
    }
}

/// The gradient, from probabilities.
struct Slopes<'a, 'i, 'o, P> {
    site: Site<'a, 'i, P>,
    tile: &'a [P],
    slopes: &'a [[P; 2]],
    dot: &'a [P],
    /// The slope of what rides along at the true class.
    pull: Option<&'a [P]>,
    into: Sink<'a, 'o>,
    buffer: &'a mut [P],
}

impl<P: Prim> Task for Slopes<'_, '_, '_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<P: Prim> Slopes<'_, '_, '_, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let (site, mut into, buffer) = (self.site, self.into, self.buffer);
        let n = site.pixels;
        let (labels, weights) = (&site.points.labels[..n], &site.points.weights[..n]);
        let dot = &self.dot[..n];
        for (c, p) in self.tile.chunks_exact(n).enumerate() {
            let (class, own, other) = slopes_of::<R>(self.slopes, c);
            into.prefetch::<P>(c + AHEAD, n);
            let row = &mut into.row(c, buffer)[..n];
            let part = |i: usize| {
                let slope = R::select(labels[i] == class, own, other) - R::new(dot[i]);
                R::new(p[i]) * (slope * R::new(weights[i]))
            };
            if let Some(pull) = self.pull {
                let pull = &pull[..n];
                for i in 0..n {
                    let pull = R::select(labels[i] == class, R::new(pull[i]), R::zero());
                    row[i] = (part(i) - pull).get();
                }
            } else {
                for i in 0..n {
                    row[i] = part(i).get();
                }
            }
            into.flush(c, buffer);
        }
    }
}
