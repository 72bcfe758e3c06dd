//! Any target and any sums over a softmax.

use crate::loops::softmax::{Row, Sink, exponentiate, largest_logits, whole_len};
use crate::loops::sum::Lanes;
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

use super::terms::{Shape, Terms};
use super::{ItemSlopes, ItemSums, Site, SoftmaxExtra};

/// What the classes of each pixel add up to: see [`SoftmaxExtra`].
struct Sums<P> {
    sum: Row<P>,
    all: Row<P>,
    dot: Row<P>,
    rest: Row<P>,
}

impl<P: Prim> Sums<P> {
    /// Exponentiates logits into `tile` and sums over classes.
    fn new<E: SoftmaxExtra>(site: &Site<'_, '_, P>, extra: &E, tile: &mut [P]) -> Self {
        let zeros = Row::new();
        let mut sums = Self {
            sum: zeros,
            all: zeros,
            dot: zeros,
            rest: zeros,
        };
        dispatch(Add {
            site,
            shares: shares(extra),
            tile,
            sums: &mut sums,
        });
        sums
    }
}

/// The shares of what rides along.
fn shares<E: SoftmaxExtra>(extra: &E) -> Option<&dyn Shares> {
    E::PRESENT.then_some(extra)
}

/// [`SoftmaxExtra::share`] alone.
trait Shares {
    fn of(&self, class: usize) -> [f64; 3];
}

impl<E: SoftmaxExtra> Shares for E {
    fn of(&self, class: usize) -> [f64; 3] {
        self.share(class)
    }
}

/// See [`Sums::new`].
struct Add<'a, 'i, P> {
    site: &'a Site<'a, 'i, P>,
    shares: Option<&'a dyn Shares>,
    tile: &'a mut [P],
    sums: &'a mut Sums<P>,
}

impl<P: Prim> Task for Add<'_, '_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<P: Prim> Add<'_, '_, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self {
            site,
            shares,
            tile,
            sums,
        } = self;
        let n = site.len();
        let zeros = Row::new();
        let (mut largest, mut buffer, mut target_buffer) = (zeros, zeros, zeros);
        let (largest, buffer, target_buffer) =
            (&mut largest[..n], &mut buffer[..n], &mut target_buffer[..n]);
        largest_logits(site.input, site.classes(), largest, buffer);
        for (c, e) in tile.chunks_exact_mut(n).enumerate() {
            let logits = site.input.row(c, buffer);
            exponentiate::<R>(logits, largest, e);
            add_row::<R>(e, &mut sums.sum[..n]);
            if let Some(shares) = shares {
                let t = site.target_row::<R>(c, target_buffer);
                let rows = [t, logits, largest, e];
                sums.add_shares::<R>(shares.of(c).map(R::of), rows);
            }
        }
    }
}

impl<P: Prim> Sums<P> {
    /// Adds a class to all but `sum`.
    #[inline(always)]
    fn add_shares<R: Real<Prim = P>>(&mut self, [k1, k0, v]: [R; 3], rows: [&[P]; 4]) {
        let n = whole_len(rows[0].len());
        let [t, logits, largest, e] = rows.map(|row| &row[..n]);
        let (all, dot) = (&mut self.all[..n], &mut self.dot[..n]);
        let rest = &mut self.rest[..n];
        for i in 0..n {
            let (t, e) = (R::new(t[i]), R::new(e[i]));
            let d = R::new(logits[i]) - R::new(largest[i]);
            let share = k1.mul_add(t, k0);
            // A class of no share may have probability 0.
            let term = R::select(share == R::zero(), share, share * d);
            all[i] = v.mul_add(share, R::new(all[i])).get();
            dot[i] = (R::new(dot[i]) + term).get();
            rest[i] = (R::one() - t).mul_add(e, R::new(rest[i])).get();
        }
    }
}

#[inline(always)]
fn add_row<R: Real>(row: &[R::Prim], sum: &mut [R::Prim]) {
    let n = sum.len();
    let row = &row[..n];
    for i in 0..n {
        sum[i] = (R::new(sum[i]) + R::new(row[i])).get();
    }
}

/// What rides along: its values go to `sums.dot` and are added up, or what its slopes are made of to `all` and `rest`.
struct Along<'a, E, P> {
    extra: E,
    sums: &'a mut Sums<P>,
    into: Into<'a, P>,
    len: usize,
}

enum Into<'a, P> {
    Value {
        weights: &'a [P],
        sum: &'a mut Lanes,
    },
    Slopes {
        factor: f64,
    },
}

impl<E: SoftmaxExtra, P: Prim> Task for Along<'_, E, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<E: SoftmaxExtra, P: Prim> Along<'_, E, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        match self.into {
            Into::Value { weights, sum } => {
                sum.add::<R>(values::<E, R>(self.extra, &weights[..self.len], self.sums));
            }
            Into::Slopes { factor } => {
                slopes::<E, R>(self.extra, R::of(factor), self.len, self.sums);
            }
        }
    }
}

/// The values of what rides along, in place of `sums.dot`.
#[inline(always)]
fn values<'s, E: SoftmaxExtra, R: Real>(
    extra: E,
    weights: &[R::Prim],
    sums: &'s mut Sums<R::Prim>,
) -> &'s [R::Prim] {
    let n = whole_len(weights.len());
    let (sum, all) = (&sums.sum[..n], &sums.all[..n]);
    let (dot, rest) = (&mut sums.dot[..n], &sums.rest[..n]);
    for i in 0..n {
        let [all, dot_i, rest, sum] = [all[i], dot[i], rest[i], sum[i]].map(R::new);
        let (value, _, _) = extra.eval(all, dot_i, rest, sum);
        let w = R::new(weights[i]);
        dot[i] = R::select(w != R::zero(), value * w, R::zero()).get();
    }
    dot
}

/// What the slopes of what rides along are made of, in place of `sums.all` and `sums.rest`.
#[inline(always)]
fn slopes<E: SoftmaxExtra, R: Real>(extra: E, factor: R, len: usize, sums: &mut Sums<R::Prim>) {
    let n = whole_len(len);
    let (sum, all) = (&sums.sum[..n], &mut sums.all[..n]);
    let (dot, rest) = (&sums.dot[..n], &mut sums.rest[..n]);
    for i in 0..n {
        let [all_i, dot, rest_i, sum] = [all[i], dot[i], rest[i], sum[i]].map(R::new);
        let (_, a, b) = extra.eval(all_i, dot, rest_i, sum);
        all[i] = (a * factor).get();
        rest[i] = (b * factor).get();
    }
}

pub(super) struct SoftmaxStatistics<'a, 'i, E, P> {
    pub(super) site: &'a Site<'a, 'i, P>,
    pub(super) extra: E,
    pub(super) tile: &'a mut [P],
    pub(super) terms: &'a mut Terms<P>,
    pub(super) found: &'a mut ItemSums,
}

impl<E: SoftmaxExtra, P: Prim> SoftmaxStatistics<'_, '_, E, P> {
    pub(super) fn evaluate(self) {
        let Self {
            site,
            extra,
            tile,
            terms,
            found,
        } = self;
        let mut sums = Sums::new(site, &extra, tile);
        if E::PRESENT {
            dispatch(Along {
                extra,
                sums: &mut sums,
                into: Into::Value {
                    weights: &site.points.weights,
                    sum: &mut found.extra,
                },
                len: site.len(),
            });
        }
        dispatch(ClassSums {
            site,
            tile,
            one_over_sum: &mut sums.sum,
            terms,
            found,
        });
    }
}

#[inline(always)]
fn invert<R: Real>(row: &mut [R::Prim]) {
    for x in row {
        *x = (R::one() / R::new(*x)).get();
    }
}

#[inline(always)]
fn multiply<R: Real>(by: &[R::Prim], row: &mut [R::Prim]) {
    let n = row.len();
    let by = &by[..n];
    for i in 0..n {
        row[i] = (R::new(row[i]) * R::new(by[i])).get();
    }
}

/// The sums of each class. `one_over_sum` comes as the sum.
struct ClassSums<'a, 'i, P> {
    site: &'a Site<'a, 'i, P>,
    tile: &'a mut [P],
    one_over_sum: &'a mut Row<P>,
    terms: &'a mut Terms<P>,
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
        let Self {
            site,
            tile,
            one_over_sum,
            terms,
            found,
        } = self;
        let n = site.len();
        site.add_mass::<R>(&mut found.mass);
        let one_over_sum = &mut one_over_sum[..n];
        invert::<R>(one_over_sum);
        let shape = Shape::<R>::new(&site.block.options);
        let mut buffer = Row::new();
        let rows = tile.chunks_exact_mut(n).enumerate();
        for ((c, p), found) in rows.zip(&mut found.classes) {
            let t = site.target_row::<R>(c, &mut buffer[..n]);
            multiply::<R>(one_over_sum, p);
            terms.add::<R>(&shape, [p, t, &site.points.weights], found);
        }
    }
}

pub(super) struct SoftmaxGradient<'a, 'i, 'o, E, P> {
    pub(super) site: &'a Site<'a, 'i, P>,
    pub(super) extra: E,
    pub(super) tile: &'a mut [P],
    pub(super) slopes: &'a ItemSlopes,
    pub(super) scale: f64,
    pub(super) into: Sink<'a, 'o>,
}

impl<E: SoftmaxExtra, P: Prim> SoftmaxGradient<'_, '_, '_, E, P> {
    pub(super) fn evaluate(self) {
        let Self {
            site,
            extra,
            tile,
            slopes,
            scale,
            into,
        } = self;
        let mut sums = Sums::new(site, &extra, tile);
        if E::PRESENT {
            dispatch(Along {
                extra,
                sums: &mut sums,
                into: Into::Slopes {
                    factor: slopes.extra * scale,
                },
                len: site.len(),
            });
        }
        dispatch(Slopes {
            site,
            shares: shares(&extra),
            tile,
            slopes: &slopes.classes,
            scale,
            into,
            sums: &mut sums,
        });
    }
}

/// The gradient, from exponentials and their sums.
struct Slopes<'a, 'i, 'o, P> {
    site: &'a Site<'a, 'i, P>,
    shares: Option<&'a dyn Shares>,
    tile: &'a mut [P],
    slopes: &'a [[f64; 2]],
    scale: f64,
    into: Sink<'a, 'o>,
    sums: &'a mut Sums<P>,
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
    /// `∂L/∂z_c = p_c (s_c − Σ_k s_k p_k)` with `s = ∂L/∂p`, plus the slope of what rides along.
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self {
            site,
            shares,
            tile,
            slopes,
            scale,
            mut into,
            sums,
        } = self;
        let n = site.len();
        let weights = &*site.points.weights;
        let Sums {
            sum,
            all,
            dot,
            rest,
        } = sums;
        let (one_over_sum, dot) = (&mut sum[..n], &mut dot[..n]);
        invert::<R>(one_over_sum);
        dot.fill(P::default());
        let (mut buffer, mut target_buffer) = (Row::new(), Row::new());
        let (buffer, target_buffer) = (&mut buffer[..n], &mut target_buffer[..n]);
        let shape = Shape::<R>::new(&site.block.options);
        for (c, e) in tile.chunks_exact_mut(n).enumerate() {
            let t = site.target_row::<R>(c, target_buffer);
            let slopes = slopes[c].map(|slope| R::of(slope * scale));
            add_dot::<R>(&shape, slopes, [one_over_sum, t], e, dot);
        }
        for (c, p) in tile.chunks_exact(n).enumerate() {
            let t = site.target_row::<R>(c, target_buffer);
            let slopes = slopes[c].map(|slope| R::of(slope * scale));
            // Without anything that rides along, `all` and `rest` are 0.
            let [k1, k0, _] = shares.map_or([0.0; 3], |shares| shares.of(c)).map(R::of);
            let rows = [p, t, weights, dot, all, rest];
            slope_row::<R>(&shape, slopes, [k1, k0], rows, into.row(c, buffer));
            into.flush(c, buffer);
        }
    }
}

/// A class's probabilities in place of exponentials, and `Σ s p`.
#[inline(always)]
fn add_dot<R: Real>(
    shape: &Shape<R>,
    [by_intersection, by_volume]: [R; 2],
    [one_over_sum, t]: [&[R::Prim]; 2],
    e: &mut [R::Prim],
    dot: &mut [R::Prim],
) {
    let n = e.len();
    let (one_over_sum, t, dot) = (&one_over_sum[..n], &t[..n], &mut dot[..n]);
    for i in 0..n {
        let p = R::new(e[i]) * R::new(one_over_sum[i]);
        let slope = shape.slope(p, R::new(t[i]), by_intersection, by_volume);
        e[i] = p.get();
        dot[i] = slope.mul_add(p, R::new(dot[i])).get();
    }
}

#[inline(always)]
fn slope_row<R: Real>(
    shape: &Shape<R>,
    [by_intersection, by_volume]: [R; 2],
    [k1, k0]: [R; 2],
    rows: [&[R::Prim]; 6],
    slopes: &mut [R::Prim],
) {
    let n = whole_len(slopes.len());
    let ([p, t, weights, dot, all, rest], slopes) = (rows.map(|row| &row[..n]), &mut slopes[..n]);
    for i in 0..n {
        let (p, t, w) = (R::new(p[i]), R::new(t[i]), R::new(weights[i]));
        let slope = shape.slope(p, t, by_intersection, by_volume);
        let mut g = p * (slope - R::new(dot[i]));
        g += R::new(all[i]) * p - R::new(rest[i]) * k1.mul_add(t, k0);
        slopes[i] = R::select(w != R::zero(), g * w, R::zero()).get();
    }
}
