//! Any target and any sums over a softmax.

use crate::loops::softmax::{Row, Sink, exponentiate, largest_logits};
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
        let n = site.pixels;
        let zeros = Row::new();
        let (mut largest, mut buffer, mut target_buffer) = (zeros, zeros, zeros);
        let (largest, buffer, target_buffer) =
            (&mut largest[..n], &mut buffer[..n], &mut target_buffer[..n]);
        let (sum, all) = (&mut sums.sum[..n], &mut sums.all[..n]);
        let (dot, rest) = (&mut sums.dot[..n], &mut sums.rest[..n]);
        largest_logits::<R>(site.input, site.classes(), largest, buffer);
        for (c, e) in tile.chunks_exact_mut(n).enumerate() {
            let logits = &site.input.row(c, buffer)[..n];
            exponentiate::<R>(logits, largest, e);
            for i in 0..n {
                sum[i] = (R::new(sum[i]) + R::new(e[i])).get();
            }
            if let Some(shares) = shares {
                let t = site.target_row::<R>(c, target_buffer);
                let [k1, k0, v] = shares.of(c).map(R::of);
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
    }
}

/// What rides along: its values go to `sums.dot` and are added up, or what its slopes are made of to `all` and `rest`.
struct Along<'a, E, P> {
    extra: E,
    sums: &'a mut Sums<P>,
    into: Into<'a, P>,
    pixels: usize,
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
        let (
            n,
            Sums {
                sum,
                all,
                dot,
                rest,
            },
        ) = (self.pixels, self.sums);
        let (sums, all) = (&sum[..n], &mut all[..n]);
        let (dot, rest) = (&mut dot[..n], &mut rest[..n]);
        match self.into {
            Into::Value { weights, sum } => {
                let weights = &weights[..n];
                for i in 0..n {
                    let [all, dot_i, rest, sum] = [all[i], dot[i], rest[i], sums[i]].map(R::new);
                    let (value, _, _) = self.extra.eval(all, dot_i, rest, sum);
                    let w = R::new(weights[i]);
                    dot[i] = R::select(w != R::zero(), value * w, R::zero()).get();
                }
                sum.add::<R>(dot);
            }
            Into::Slopes { factor } => {
                let factor = R::of(factor);
                for i in 0..n {
                    let [all_i, dot, rest_i, sum] = [all[i], dot[i], rest[i], sums[i]].map(R::new);
                    let (_, a, b) = self.extra.eval(all_i, dot, rest_i, sum);
                    all[i] = (a * factor).get();
                    rest[i] = (b * factor).get();
                }
            }
        }
    }
}

pub(super) struct SoftmaxStatistics<'a, 'i, E, P> {
    pub(super) site: Site<'a, 'i, P>,
    pub(super) extra: E,
    pub(super) tile: &'a mut [P],
    pub(super) found: &'a mut ItemSums,
}

impl<E: SoftmaxExtra, P: Prim> SoftmaxStatistics<'_, '_, E, P> {
    pub(super) fn evaluate(self) {
        let Self {
            site,
            extra,
            tile,
            found,
        } = self;
        let mut sums = Sums::new(&site, &extra, tile);
        if E::PRESENT {
            dispatch(Along {
                extra,
                sums: &mut sums,
                into: Into::Value {
                    weights: &site.points.weights,
                    sum: &mut found.extra,
                },
                pixels: site.pixels,
            });
        }
        dispatch(ClassSums {
            site,
            tile,
            one_over_sum: &mut sums.sum,
            found,
        });
    }
}

/// The sums of each class. `one_over_sum` comes as the sum.
struct ClassSums<'a, 'i, P> {
    site: Site<'a, 'i, P>,
    tile: &'a [P],
    one_over_sum: &'a mut Row<P>,
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
            found,
        } = self;
        let n = site.pixels;
        let weights = &site.points.weights[..n];
        site.add_mass::<R>(&mut found.mass);
        let one_over_sum = &mut one_over_sum[..n];
        for x in one_over_sum.iter_mut() {
            *x = (R::one() / R::new(*x)).get();
        }
        let shape = Shape::<R>::new(&site.block.options);
        let mut buffer = Row::new();
        let mut terms = Terms::new();
        for ((c, e), found) in tile.chunks_exact(n).enumerate().zip(&mut found.classes) {
            let t = site.target_row::<R>(c, &mut buffer[..n]);
            for i in 0..n {
                let p = R::new(e[i]) * R::new(one_over_sum[i]);
                terms.set(i, &shape, p, R::new(t[i]), R::new(weights[i]));
            }
            terms.add_to::<R>(n, found);
        }
    }
}

pub(super) struct SoftmaxGradient<'a, 'i, 'o, E, P> {
    pub(super) site: Site<'a, 'i, P>,
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
        let mut sums = Sums::new(&site, &extra, tile);
        if E::PRESENT {
            dispatch(Along {
                extra,
                sums: &mut sums,
                into: Into::Slopes {
                    factor: slopes.extra * scale,
                },
                pixels: site.pixels,
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
    site: Site<'a, 'i, P>,
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
        let n = site.pixels;
        let weights = &site.points.weights[..n];
        let Sums {
            sum,
            all,
            dot,
            rest,
        } = sums;
        let (one_over_sum, all, dot, rest) =
            (&mut sum[..n], &mut all[..n], &mut dot[..n], &mut rest[..n]);
        for x in one_over_sum.iter_mut() {
            *x = (R::one() / R::new(*x)).get();
        }
        dot.fill(P::default());
        let (mut buffer, mut target_buffer) = (Row::new(), Row::new());
        let (buffer, target_buffer) = (&mut buffer[..n], &mut target_buffer[..n]);
        let shape = Shape::<R>::new(&site.block.options);
        for (c, e) in tile.chunks_exact_mut(n).enumerate() {
            let t = site.target_row::<R>(c, target_buffer);
            let [by_intersection, by_volume] = slopes[c].map(|slope| R::of(slope * scale));
            for i in 0..n {
                let p = R::new(e[i]) * R::new(one_over_sum[i]);
                let slope = shape.slope(p, R::new(t[i]), by_intersection, by_volume);
                e[i] = p.get();
                dot[i] = slope.mul_add(p, R::new(dot[i])).get();
            }
        }
        for (c, p) in tile.chunks_exact(n).enumerate() {
            let t = site.target_row::<R>(c, target_buffer);
            let [by_intersection, by_volume] = slopes[c].map(|slope| R::of(slope * scale));
            // Without anything that rides along, `all` and `rest` are 0.
            let [k1, k0, _] = shares.map_or([0.0; 3], |shares| shares.of(c)).map(R::of);
            let row = &mut into.row(c, buffer)[..n];
            for i in 0..n {
                let (p, t, w) = (R::new(p[i]), R::new(t[i]), R::new(weights[i]));
                let slope = shape.slope(p, t, by_intersection, by_volume);
                let mut g = p * (slope - R::new(dot[i]));
                g += R::new(all[i]) * p - R::new(rest[i]) * k1.mul_add(t, k0);
                row[i] = R::select(w != R::zero(), g * w, R::zero()).get();
            }
            into.flush(c, buffer);
        }
    }
}
