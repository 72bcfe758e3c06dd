//! Class indices and plain sums over a softmax, the common case: one exponential per logit over both sweeps, where the
//! first may leave probabilities in the gradient's memory.

use crate::loops::softmax::{
    Sink, TrueClass, exponentiate_apart, exponentiate_sum, is_moderate, largest_logits,
};
use crate::loops::sum::add_class;
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task};

use super::{HardExtra, ItemSums, Site, Work};

/// How many classes ahead rows are brought into the cache.
const AHEAD: usize = 3;

pub(super) struct HardStatistics<'a, 'i, 'o, E, P> {
    pub(super) site: Site<'a, 'i, E, P>,
    pub(super) tile: &'a mut [P],
    pub(super) work: &'a mut Work<P>,
    pub(super) found: &'a mut ItemSums,
    /// Where probabilities are to be left; it lends its rows.
    pub(super) stash: Option<Sink<'a, 'o>>,
}

impl<E: HardExtra, P: Prim> Task for HardStatistics<'_, '_, '_, E, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<E: HardExtra, P: Prim> HardStatistics<'_, '_, '_, E, P> {
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
        exponentials::<R, E>(&site, tile, work);
        site.add_mass::<R>(&mut found.mass);
        if E::PRESENT {
            let values = &mut work.output[..n];
            by_class(&site, values);
            for i in 0..n {
                let (value, _) = site.extra.eval(
                    R::new(work.terms.i[i]),
                    R::new(work.terms.p[i]),
                    R::new(work.terms.t[i]),
                );
                let w = R::new(weights[i]);
                let value = value * (R::new(values[i]) * w);
                values[i] = R::select(w != R::zero(), value, R::zero()).get();
            }
            found.extra.add::<R>(values);
        }
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

/// Fills the tile with exponentials, and `work.target` with one over their sums.
///
/// Where something rides along, `work.terms` has `−ln p`, `p` and `1 − p` of the true class.
#[inline(always)]
fn exponentials<R: Real, E: HardExtra>(
    site: &Site<'_, '_, E, R::Prim>,
    tile: &mut [R::Prim],
    work: &mut Work<R::Prim>,
) {
    let n = site.pixels;
    // Logits of moderate size need no shift by the largest, which saves a pass over them.
    if !exponentials_in_range::<R, E, false>(site, tile, work) {
        let buffer = &mut work.input[..n];
        largest_logits::<R>(site.input, site.classes(), &mut work.output[..n], buffer);
        exponentials_in_range::<R, E, true>(site, tile, work);
    }
    site.drop_weightless(tile);
    site.drop_weightless(&mut work.target[..n]);
}

/// As [`exponentials`]; says whether they were in range.
#[inline(always)]
fn exponentials_in_range<R: Real, E: HardExtra, const SHIFTED: bool>(
    site: &Site<'_, '_, E, R::Prim>,
    tile: &mut [R::Prim],
    work: &mut Work<R::Prim>,
) -> bool {
    let n = site.pixels;
    let (labels, weights) = (&site.points.labels[..n], &site.points.weights[..n]);
    let counts = |i: usize| weights[i] != R::Prim::default();
    let Work {
        input,
        target,
        output,
        terms,
    } = work;
    let (buffer, sums, largest) = (&mut input[..n], &mut target[..n], &output[..n]);
    let own = &mut terms.i[..n];
    sums.fill(R::Prim::default());
    own.fill(R::Prim::default());
    for (c, e) in tile.chunks_exact_mut(n).enumerate() {
        site.input.prefetch::<R::Prim>(c + AHEAD, n);
        let logits = &site.input.row(c, buffer)[..n];
        if E::PRESENT {
            let class = R::Prim::of(c as f64);
            exponentiate_apart::<R, SHIFTED>(class, logits, largest, labels, e, own, sums);
        } else {
            exponentiate_sum::<R, SHIFTED>(logits, largest, e, sums);
        }
    }
    let mut outside = 0u32;
    if E::PRESENT {
        let (p, q) = (&mut terms.p[..n], &mut terms.t[..n]);
        for i in 0..n {
            let found = TrueClass::new::<SHIFTED>(R::new(own[i]), R::new(sums[i]));
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
    SHIFTED || outside == 0
}

/// The weight of each pixel's class in what rides along.
fn by_class<E: HardExtra, P: Prim>(site: &Site<'_, '_, E, P>, weights: &mut [P]) {
    match site.extra.weights() {
        None => weights.fill(P::of(1.0)),
        Some(of) => {
            for (weight, label) in weights.iter_mut().zip(site.points.labels.iter()) {
                *weight = P::of(of(label.to_f64().max(0.0) as usize));
            }
        }
    }
}

pub(super) struct HardGradient<'a, 'i, 'o, E, P> {
    pub(super) site: Site<'a, 'i, E, P>,
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

impl<E: HardExtra, P: Prim> Task for HardGradient<'_, '_, '_, E, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<E: HardExtra, P: Prim> HardGradient<'_, '_, '_, E, P> {
    /// `∂L/∂z_c = p_c (s_c − Σ_k s_k p_k)` with `s = ∂L/∂p`, plus `k (p_c − [c = y])` of what rides along.
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self {
            site,
            tile,
            work,
            slopes,
            factor,
            mut into,
            stashed,
        } = self;
        let n = site.pixels;
        let (labels, weights) = (&site.points.labels[..n], &site.points.weights[..n]);
        if !stashed {
            exponentials::<R, E>(&site, tile, work);
        }
        let slopes_of = |c: usize| {
            let pair = &slopes[c];
            (P::of(c as f64), R::new(pair[0]), R::new(pair[1]))
        };
        let Work {
            input: buffer,
            target: one_over_sum,
            output: pull,
            terms,
        } = work;
        let (buffer, one_over_sum, pull) = (&mut buffer[..n], &one_over_sum[..n], &mut pull[..n]);
        let dot = &mut terms.i[..n];
        let (own_p, rest_p) = (&mut terms.p[..n], &mut terms.t[..n]);
        dot.fill(P::default());
        own_p.fill(P::default());
        rest_p.fill(P::default());
        for c in 0..site.classes() {
            let (class, own, other) = slopes_of(c);
            let p = &mut tile[c * n..(c + 1) * n];
            if stashed {
                into.prefetch::<P>(c + AHEAD, n);
                let row = &into.row(c, buffer)[..n];
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
            if E::BENDS {
                split::<R>(class, p, labels, own_p, rest_p);
            }
        }
        if E::PRESENT {
            by_class(&site, pull);
            let factor = R::new(factor);
            for i in 0..n {
                let slope = if E::BENDS {
                    let (p, q) = (R::new(own_p[i]), R::new(rest_p[i]));
                    let sure = (q / p).ln_1p_unit();
                    let minus_ln_p = R::select(q <= p, sure, -p.ln());
                    site.extra.eval(minus_ln_p, p, q).1
                } else {
                    site.extra.eval(R::zero(), R::one(), R::zero()).1
                };
                let own = slope * factor * R::new(pull[i]);
                dot[i] = (R::new(dot[i]) - own).get();
                pull[i] = (own * R::new(weights[i])).get();
            }
        }
        // What was evaluated at pixels that do not count may be NaN.
        for row in [&mut *dot, &mut *pull] {
            site.drop_weightless(row);
        }
        for c in 0..site.classes() {
            let (class, own, other) = slopes_of(c);
            let p = &tile[c * n..(c + 1) * n];
            into.prefetch::<P>(c + AHEAD, n);
            let row = &mut into.row(c, buffer)[..n];
            for i in 0..n {
                let is_own = labels[i] == class;
                let slope = R::select(is_own, own, other) - R::new(dot[i]);
                let part = slope * R::new(weights[i]);
                row[i] = slope_of::<R, E>(R::new(p[i]), part, is_own, R::new(pull[i])).get();
            }
            into.flush(c, buffer);
        }
    }
}

/// A slope: the part of the region, and that of what rides along at the true class.
#[inline(always)]
fn slope_of<R: Real, E: HardExtra>(p: R, part: R, is_own: bool, pull: R) -> R {
    let slope = p * part;
    if E::PRESENT {
        slope - R::select(is_own, pull, R::zero())
    } else {
        slope
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
