//! Any target and any sums over a softmax.

use crate::loops::softmax::{Row, Sink, exponentiate, largest_logits};
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task};

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
    #[inline(always)]
    fn new<R: Real<Prim = P>, E: SoftmaxExtra>(site: &Site<'_, '_, E, P>, tile: &mut [P]) -> Self {
        let n = site.pixels;
        let zeros = Row::new();
        let mut sums = Self {
            sum: zeros,
            all: zeros,
            dot: zeros,
            rest: zeros,
        };
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
            if E::PRESENT {
                let t = site.target_row::<R>(c, target_buffer);
                let (k1, k0, v) = site.extra.share::<R>(c);
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
        sums
    }

    /// What rides along, at pixel `i`.
    #[inline(always)]
    fn extra<R: Real<Prim = P>, E: SoftmaxExtra>(&self, extra: E, i: usize) -> (R, R, R) {
        extra.eval(
            R::new(self.all[i]),
            R::new(self.dot[i]),
            R::new(self.rest[i]),
            R::new(self.sum[i]),
        )
    }
}

pub(super) struct SoftmaxStatistics<'a, 'i, E, P> {
    pub(super) site: Site<'a, 'i, E, P>,
    pub(super) tile: &'a mut [P],
    pub(super) found: &'a mut ItemSums,
}

impl<E: SoftmaxExtra, P: Prim> Task for SoftmaxStatistics<'_, '_, E, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<E: SoftmaxExtra, P: Prim> SoftmaxStatistics<'_, '_, E, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self { site, tile, found } = self;
        let n = site.pixels;
        let weights = &site.points.weights[..n];
        let mut sums = Sums::new::<R, E>(&site, tile);
        if E::PRESENT {
            for i in 0..n {
                let (value, _, _) = sums.extra::<R, E>(site.extra, i);
                let w = R::new(weights[i]);
                sums.dot[i] = R::select(w != R::zero(), value * w, R::zero()).get();
            }
            found.extra.add::<R>(&sums.dot[..n]);
        }
        site.add_mass::<R>(&mut found.mass);
        let one_over_sum = &mut sums.sum[..n];
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
    pub(super) site: Site<'a, 'i, E, P>,
    pub(super) tile: &'a mut [P],
    pub(super) slopes: &'a ItemSlopes,
    pub(super) scale: f64,
    pub(super) into: Sink<'a, 'o>,
}

impl<E: SoftmaxExtra, P: Prim> Task for SoftmaxGradient<'_, '_, '_, E, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<E: SoftmaxExtra, P: Prim> SoftmaxGradient<'_, '_, '_, E, P> {
    /// `∂L/∂z_c = p_c (s_c − Σ_k s_k p_k)` with `s = ∂L/∂p`, plus the slope of what rides along.
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self {
            site,
            tile,
            slopes,
            scale,
            mut into,
        } = self;
        let n = site.pixels;
        let weights = &site.points.weights[..n];
        let mut sums = Sums::new::<R, E>(&site, tile);
        if E::PRESENT {
            let factor = R::of(slopes.extra * scale);
            for i in 0..n {
                let (_, a, b) = sums.extra::<R, E>(site.extra, i);
                sums.all[i] = (a * factor).get();
                sums.rest[i] = (b * factor).get();
            }
        }
        let Sums {
            sum,
            all,
            dot,
            rest,
        } = &mut sums;
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
            let [by_intersection, by_volume] = slopes.classes[c].map(|slope| R::of(slope * scale));
            for i in 0..n {
                let p = R::new(e[i]) * R::new(one_over_sum[i]);
                let slope = shape.slope(p, R::new(t[i]), by_intersection, by_volume);
                e[i] = p.get();
                dot[i] = slope.mul_add(p, R::new(dot[i])).get();
            }
        }
        for (c, p) in tile.chunks_exact(n).enumerate() {
            let t = site.target_row::<R>(c, target_buffer);
            let [by_intersection, by_volume] = slopes.classes[c].map(|slope| R::of(slope * scale));
            let (k1, k0, _) = site.extra.share::<R>(c);
            let row = &mut into.row(c, buffer)[..n];
            for i in 0..n {
                let (p, t, w) = (R::new(p[i]), R::new(t[i]), R::new(weights[i]));
                let slope = shape.slope(p, t, by_intersection, by_volume);
                let mut g = p * (slope - R::new(dot[i]));
                if E::PRESENT {
                    let share = k1.mul_add(t, k0);
                    g += R::new(all[i]) * p - R::new(rest[i]) * share;
                }
                row[i] = R::select(w != R::zero(), g * w, R::zero()).get();
            }
            into.flush(c, buffer);
        }
    }
}
