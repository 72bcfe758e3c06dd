//! The second sweep.

use crate::loops::softmax::{AHEAD, Row, Sink, whole_len};
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

use super::{HardExtra, Site, Work, by_class, exponentials};

pub(in super::super) struct HardGradient<'a, 'i, 'o, E, P> {
    pub(in super::super) site: &'a Site<'a, 'i, P>,
    pub(in super::super) extra: E,
    pub(in super::super) tile: &'a mut [P],
    pub(in super::super) work: &'a mut Work<P>,
    /// `∂L/∂p` of each class: of its own pixels, and of the others.
    pub(in super::super) slopes: &'a [[P; 2]],
    /// The factor of the slope of what rides along.
    pub(in super::super) factor: P,
    pub(in super::super) into: Sink<'a, 'o>,
    /// Probabilities are there already.
    pub(in super::super) stashed: bool,
}

impl<E: HardExtra, P: Prim> HardGradient<'_, '_, '_, E, P> {
    /// `∂L/∂z_c = p_c (s_c − Σ_k s_k p_k)` with `s = ∂L/∂p`, plus `k (p_c − [c = y])` of what rides along.
    pub(in super::super) fn evaluate(self) {
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
        let n = site.len();
        if !stashed {
            exponentials(site, E::PRESENT, tile, work);
        }
        dispatch(Dot {
            site,
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
            by_class(site, &extra, pull);
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
        let n = site.len();
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
                from.prefetch::<P>(c + AHEAD);
                let row = from.filled_row(c, buffer);
                take_and_add::<R>(class, [own, other], [row, labels], p, dot);
            } else {
                divide_and_add::<R>(class, [own, other], [one_over_sum, labels], p, dot);
            }
            if splits {
                split::<R>(class, p, labels, own_p, rest_p);
            }
        }
    }
}

/// A class's probabilities, and `Σ s p`.
#[inline(always)]
fn take_and_add<R: Real>(
    class: R::Prim,
    [own, other]: [R; 2],
    [from, labels]: [&[R::Prim]; 2],
    p: &mut [R::Prim],
    dot: &mut [R::Prim],
) {
    let n = p.len();
    let (from, labels, dot) = (&from[..n], &labels[..n], &mut dot[..n]);
    for i in 0..n {
        p[i] = from[i];
        let slope = R::select(labels[i] == class, own, other);
        dot[i] = slope.mul_add(R::new(from[i]), R::new(dot[i])).get();
    }
}

/// As [`take_and_add`], with probabilities in place of exponentials.
#[inline(always)]
fn divide_and_add<R: Real>(
    class: R::Prim,
    [own, other]: [R; 2],
    [one_over_sum, labels]: [&[R::Prim]; 2],
    p: &mut [R::Prim],
    dot: &mut [R::Prim],
) {
    let n = p.len();
    let (one_over_sum, labels, dot) = (&one_over_sum[..n], &labels[..n], &mut dot[..n]);
    for i in 0..n {
        let x = R::new(p[i]) * R::new(one_over_sum[i]);
        p[i] = x.get();
        let slope = R::select(labels[i] == class, own, other);
        dot[i] = slope.mul_add(x, R::new(dot[i])).get();
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
        let rows = [self.weights, self.own, self.rest];
        pull::<E, R>(self.extra, R::new(self.factor), rows, self.dot, self.pull);
    }
}

#[inline(always)]
fn pull<E: HardExtra, R: Real>(
    extra: E,
    factor: R,
    rows: [&[R::Prim]; 3],
    dot: &mut [R::Prim],
    pull: &mut [R::Prim],
) {
    let n = whole_len(dot.len());
    let [weights, own, rest] = rows.map(|row| &row[..n]);
    let (dot, pull) = (&mut dot[..n], &mut pull[..n]);
    for i in 0..n {
        let slope = if E::BENDS {
            let (p, q) = (R::new(own[i]), R::new(rest[i]));
            let sure = (q / p).ln_1p_unit();
            let minus_ln_p = R::select(q <= p, sure, -p.ln());
            extra.eval(minus_ln_p, p, q).1
        } else {
            extra.eval(R::zero(), R::one(), R::zero()).1
        };
        let own = slope * factor * R::new(pull[i]);
        dot[i] = (R::new(dot[i]) - own).get();
        pull[i] = (own * R::new(weights[i])).get();
    }
}

/// The gradient, from probabilities.
struct Slopes<'a, 'i, 'o, P> {
    site: &'a Site<'a, 'i, P>,
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
        let n = site.len();
        let (labels, weights) = (&*site.points.labels, &*site.points.weights);
        for (c, p) in self.tile.chunks_exact(n).enumerate() {
            let (class, own, other) = slopes_of::<R>(self.slopes, c);
            into.prefetch::<P>(c + AHEAD);
            let rows = [p, labels, weights, self.dot];
            let row = into.row(c, buffer);
            match self.pull {
                Some(pull) => slope_row::<R, true>(class, [own, other], rows, pull, row),
                None => slope_row::<R, false>(class, [own, other], rows, self.dot, row),
            }
            into.flush(c, buffer);
        }
    }
}

/// A class's slopes. Unless it `PULLS`, nothing rides along.
#[inline(always)]
fn slope_row<R: Real, const PULLS: bool>(
    class: R::Prim,
    [own, other]: [R; 2],
    rows: [&[R::Prim]; 4],
    pull: &[R::Prim],
    slopes: &mut [R::Prim],
) {
    let n = whole_len(slopes.len());
    let [p, labels, weights, dot] = rows.map(|row| &row[..n]);
    let (pull, slopes) = (&pull[..n], &mut slopes[..n]);
    for i in 0..n {
        let is_own = labels[i] == class;
        let slope = R::select(is_own, own, other) - R::new(dot[i]);
        let part = R::new(p[i]) * (slope * R::new(weights[i]));
        slopes[i] = if PULLS {
            (part - R::select(is_own, R::new(pull[i]), R::zero())).get()
        } else {
            part.get()
        };
    }
}
