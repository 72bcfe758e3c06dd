//! The second sweep.

use crate::loops::softmax::{Sink, whole_len};
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

use super::super::terms::Terms;
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
}

impl<E: HardExtra, P: Prim> HardGradient<'_, '_, '_, E, P> {
    /// `∂L/∂z_c = p_c (s_c − Σ_k s_k p_k)` with `s = ∂L/∂p`, plus `k (p_c − [c = y])` of what rides along.
    ///
    /// Exponentials are evaluated again: what the first sweep would leave in the gradient's memory takes longer to write
    /// and read.
    pub(in super::super) fn evaluate(self) {
        let Self {
            site,
            extra,
            tile,
            work,
            slopes,
            factor,
            into,
        } = self;
        let n = site.len();
        exponentials(site, E::BENDS, tile, work);
        let Work {
            input,
            target,
            output,
            dot,
            terms,
        } = work;
        let (one_over_sum, dot, pull) = (&mut target[..n], &mut dot[..n], &mut output[..n]);
        dispatch(Dot {
            tile,
            labels: &site.points.labels[..n],
            one_over_sum,
            slopes,
            dot: &mut *dot,
        });
        if E::PRESENT {
            by_class(site, &extra, pull);
            dispatch(Pull {
                extra,
                factor,
                weights: &site.points.weights,
                terms,
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
            one_over_sum,
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

/// `Σ_k s_k p_k`, from exponentials and one over their sums.
struct Dot<'a, P> {
    tile: &'a [P],
    labels: &'a [P],
    one_over_sum: &'a [P],
    slopes: &'a [[P; 2]],
    dot: &'a mut [P],
}

impl<P: Prim> Task for Dot<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<P: Prim> Dot<'_, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        self.dot.fill(P::default());
        for (c, e) in self.tile.chunks_exact(self.dot.len()).enumerate() {
            let (class, own, other) = slopes_of::<R>(self.slopes, c);
            let rows = [e, self.one_over_sum, self.labels];
            add_dot::<R>(class, [own, other], rows, self.dot);
        }
    }
}

/// Adds `s p` of a class. Exponentials may be as large as 1e30: products with slopes, loss scales among them, might not be
/// finite.
#[inline(always)]
fn add_dot<R: Real>(
    class: R::Prim,
    [own, other]: [R; 2],
    rows: [&[R::Prim]; 3],
    dot: &mut [R::Prim],
) {
    let n = whole_len(dot.len());
    let ([e, one_over_sum, labels], dot) = (rows.map(|row| &row[..n]), &mut dot[..n]);
    for i in 0..n {
        let slope = R::select(labels[i] == class, own, other);
        let p = R::new(e[i]) * R::new(one_over_sum[i]);
        dot[i] = slope.mul_add(p, R::new(dot[i])).get();
    }
}

/// The slope of what rides along, in place of the weights of classes; its part for all classes goes to `dot`.
struct Pull<'a, E, P> {
    extra: E,
    factor: P,
    weights: &'a [P],
    /// `−ln p`, `p` and `1 − p` of the true class, if the slope depends on them.
    terms: &'a Terms<P>,
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
        let Terms { i, p, t } = self.terms;
        let rows: [&[P]; 4] = [self.weights, i, p, t];
        pull::<E, R>(self.extra, R::new(self.factor), rows, self.dot, self.pull);
    }
}

#[inline(always)]
fn pull<E: HardExtra, R: Real>(
    extra: E,
    factor: R,
    rows: [&[R::Prim]; 4],
    dot: &mut [R::Prim],
    pull: &mut [R::Prim],
) {
    let n = whole_len(dot.len());
    let [weights, minus_ln_p, p, q] = rows.map(|row| &row[..n]);
    let (dot, pull) = (&mut dot[..n], &mut pull[..n]);
    for i in 0..n {
        let slope = if E::BENDS {
            extra
                .eval(R::new(minus_ln_p[i]), R::new(p[i]), R::new(q[i]))
                .1
        } else {
            extra.eval(R::zero(), R::one(), R::zero()).1
        };
        let own = slope * factor * R::new(pull[i]);
        dot[i] = (R::new(dot[i]) - own).get();
        pull[i] = (own * R::new(weights[i])).get();
    }
}

/// The gradient, from exponentials and one over their sums.
struct Slopes<'a, 'i, 'o, P> {
    site: &'a Site<'a, 'i, P>,
    tile: &'a [P],
    slopes: &'a [[P; 2]],
    dot: &'a [P],
    one_over_sum: &'a mut [P],
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
        let labels = &site.points.labels[..n];
        // Times the weight: what a class's exponential is to be multiplied by.
        let factors = self.one_over_sum;
        if site.is_weighted() {
            multiply::<R>(&site.points.weights[..n], factors);
        }
        for (c, e) in self.tile.chunks_exact(n).enumerate() {
            let (class, own, other) = slopes_of::<R>(self.slopes, c);
            let rows = [e, labels, &*factors, self.dot];
            let row = into.row(c, buffer);
            match self.pull {
                Some(pull) => slope_row::<R, true>(class, [own, other], rows, pull, row),
                None => slope_row::<R, false>(class, [own, other], rows, self.dot, row),
            }
            into.flush(c, buffer);
        }
    }
}

/// Products, in place of `row`.
#[inline(always)]
fn multiply<R: Real>(by: &[R::Prim], row: &mut [R::Prim]) {
    let n = whole_len(row.len());
    let (by, row) = (&by[..n], &mut row[..n]);
    for i in 0..n {
        row[i] = (R::new(row[i]) * R::new(by[i])).get();
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
    let [e, labels, factors, dot] = rows.map(|row| &row[..n]);
    let (pull, slopes) = (&pull[..n], &mut slopes[..n]);
    for i in 0..n {
        let is_own = labels[i] == class;
        let slope = R::select(is_own, own, other) - R::new(dot[i]);
        let part = R::new(e[i]) * R::new(factors[i]) * slope;
        slopes[i] = if PULLS {
            (part - R::select(is_own, R::new(pull[i]), R::zero())).get()
        } else {
            part.get()
        };
    }
}
