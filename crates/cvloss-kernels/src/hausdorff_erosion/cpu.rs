//! Erosions of a plane of squared errors, forth and back.
//!
//! `B_0 = (p − t)²`; a step is `D = cross(B)`, the mean of a point and its face neighbours, `E = max(D − ½, 0)`, and
//! `B' = (E − min E)/(max E − min E)`, or `E` where that is 0/0. The loss is `Σ_k k^α B_k`. Back, with the slope `G` of
//! `B'` and `R = max E − min E`, a point of `E` has `G/R`, the largest ones share `−Σ G B'/R`, and the least
//! `−Σ G (1 − B')/R`. The cross is its own transpose.
//!
//! Few of the `B` are kept; those between are made anew on the way back.

#![forbid(unsafe_code)]

use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

/// How many planes `B` are kept.
const KEPT: usize = 8;
/// Numbers side by side.
const LANES: usize = 16;

/// A class of an image.
pub(super) struct Plane<'a, P> {
    pub(super) p: &'a [P],
    pub(super) t: &'a [P],
    pub(super) weights: &'a [P],
    /// Multiplies the sum over points.
    pub(super) factor: f64,
    /// The extents of one to three axes.
    pub(super) space: &'a [usize],
    pub(super) erosions: usize,
    pub(super) alpha: f64,
}

/// The extremes of `E`.
#[derive(Clone, Copy)]
struct Extremes {
    least: f64,
    largest: f64,
}

impl<P: Prim> Plane<'_, P> {
    /// The loss, and its slopes with respect to `p`.
    pub(super) fn eval(&self, slopes: Option<&mut [P]>) -> f64 {
        let len = self.p.len();
        let stride = self.erosions.div_ceil(KEPT);
        let mut kept: Vec<Vec<P>> = Vec::new();
        let (mut now, mut next) = (vec![P::default(); len], vec![P::default(); len]);
        dispatch(Errors {
            p: self.p,
            t: self.t,
            out: &mut now,
        });
        let mut total = 0.0;
        let mut steps: Vec<Extremes> = Vec::with_capacity(self.erosions);
        for k in 0..self.erosions {
            if slopes.is_some() && k % stride == 0 {
                kept.push(now.clone());
            }
            let extremes = self.erode(&now, &mut next);
            let left = dispatch(Dot {
                a: &next,
                b: self.weights,
            });
            total += left * self.rate(k + 1);
            std::mem::swap(&mut now, &mut next);
            steps.push(extremes);
            // Of nothing, nothing is left.
            if extremes.largest == 0.0 && extremes.least == 0.0 {
                break;
            }
        }
        if let Some(slopes) = slopes {
            if total.is_nan() {
                // Extremes hide it from some points.
                slopes.fill(P::of(f64::NAN));
            } else {
                self.back(&kept, stride, &steps, [now, next], slopes);
            }
        }
        total
    }

    /// What a point that is left after `k` erosions counts.
    fn rate(&self, k: usize) -> f64 {
        (k as f64).powf(self.alpha) * self.factor
    }

    fn cross<'s>(&self, b: &'s [P], out: &'s mut [P]) -> Cross<'s, P> {
        let mut space = [1; 3];
        space[3 - self.space.len()..].copy_from_slice(self.space);
        Cross {
            b,
            out,
            space,
            weight: P::of(1.0 / (2 * self.space.len() + 1) as f64),
        }
    }

    /// `B'` of `B`.
    fn erode(&self, b: &[P], out: &mut [P]) -> Extremes {
        dispatch(self.cross(b, out));
        let extremes = dispatch(Threshold { row: out });
        let range = extremes.largest - extremes.least;
        if range != 0.0 {
            dispatch(Normalise {
                row: out,
                least: P::of(extremes.least),
                range: P::of(range),
            });
        }
        extremes
    }

    /// From the last step to the first.
    fn back(
        &self,
        kept: &[Vec<P>],
        stride: usize,
        steps: &[Extremes],
        [mut now, mut other]: [Vec<P>; 2],
        slopes: &mut [P],
    ) {
        let mut means = vec![P::default(); self.p.len()];
        for (k, extremes) in steps.iter().enumerate().rev() {
            // `B_k`, from the plane before it that was kept.
            now.copy_from_slice(&kept[k / stride]);
            for _ in 0..k % stride {
                self.erode(&now, &mut other);
                std::mem::swap(&mut now, &mut other);
            }
            dispatch(self.cross(&now, &mut means));
            dispatch(BackStep {
                slopes,
                weights: self.weights,
                rate: P::of(self.rate(k + 1)),
                means: &mut means,
                least: P::of(extremes.least),
                largest: P::of(extremes.largest),
            });
            dispatch(self.cross(&means, slopes));
        }
        dispatch(BackErrors {
            p: self.p,
            t: self.t,
            slopes,
        });
    }
}

/// `(p − t)²`.
struct Errors<'a, P> {
    p: &'a [P],
    t: &'a [P],
    out: &'a mut [P],
}

impl<P: Prim> Task for Errors<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        for ((out, p), t) in self.out.iter_mut().zip(self.p).zip(self.t) {
            let d = P::Lane::<I>::new(*p) - P::Lane::<I>::new(*t);
            *out = (d * d).get();
        }
    }
}

/// `s = 2 (p − t) s`.
struct BackErrors<'a, P> {
    p: &'a [P],
    t: &'a [P],
    slopes: &'a mut [P],
}

impl<P: Prim> Task for BackErrors<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        for ((s, p), t) in self.slopes.iter_mut().zip(self.p).zip(self.t) {
            let d = P::Lane::<I>::new(*p) - P::Lane::<I>::new(*t);
            *s = (P::Lane::<I>::new(*s) * (d + d)).get();
        }
    }
}

/// The mean of each point and its face neighbours, 0 beyond the border.
struct Cross<'a, P> {
    b: &'a [P],
    out: &'a mut [P],
    space: [usize; 3],
    weight: P,
}

impl<P: Prim> Task for Cross<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let [depth, height, width] = self.space;
        let weight = P::Lane::<I>::new(self.weight);
        for z in 0..depth {
            for y in 0..height {
                let row = |z: usize, y: usize| {
                    let start = (z * height + y) * width;
                    &self.b[start..start + width]
                };
                let start = (z * height + y) * width;
                let out = &mut self.out[start..start + width];
                let own = row(z, y);
                out.copy_from_slice(own);
                let near = [
                    own,
                    &own[1..],
                    if y > 0 { row(z, y - 1) } else { &[] },
                    if y + 1 < height { row(z, y + 1) } else { &[] },
                    if z > 0 { row(z - 1, y) } else { &[] },
                    if z + 1 < depth { row(z + 1, y) } else { &[] },
                ];
                for (i, from) in near.into_iter().enumerate() {
                    add::<P::Lane<I>>(&mut out[usize::from(i == 0)..], from);
                }
                for x in out {
                    *x = (P::Lane::<I>::new(*x) * weight).get();
                }
            }
        }
    }
}

#[inline(always)]
fn add<R: Real>(to: &mut [R::Prim], from: &[R::Prim]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = (R::new(*to) + R::new(*from)).get();
    }
}

/// `max(x − ½, 0)` in place, and the extremes of that but for NaN.
struct Threshold<'a, P> {
    row: &'a mut [P],
}

impl<P: Prim> Task for Threshold<'_, P> {
    type Prim = P;
    type Output = Extremes;
    #[inline(always)]
    fn run<I: Isa>(self) -> Extremes {
        let mut least = [P::Lane::<I>::of(f64::INFINITY); LANES];
        let mut largest = [P::Lane::<I>::of(f64::NEG_INFINITY); LANES];
        let (blocks, rest) = self.row.as_chunks_mut::<LANES>();
        for block in blocks {
            for k in 0..LANES {
                lower(&mut block[k], &mut least[k], &mut largest[k]);
            }
        }
        for ((x, least), largest) in rest.iter_mut().zip(&mut least).zip(&mut largest) {
            lower(x, least, largest);
        }
        let mut extremes = Extremes {
            least: f64::INFINITY,
            largest: f64::NEG_INFINITY,
        };
        for k in 0..LANES {
            extremes.least = extremes.least.min(least[k].get().to_f64());
            extremes.largest = extremes.largest.max(largest[k].get().to_f64());
        }
        extremes
    }
}

/// Of one number, and the extremes so far.
#[inline(always)]
fn lower<R: Real>(x: &mut R::Prim, least: &mut R, largest: &mut R) {
    let e = threshold(R::new(*x));
    *least = least.at_most(e);
    *largest = largest.at_least(e);
    *x = e.get();
}

#[inline(always)]
fn threshold<R: Real>(mean: R) -> R {
    let half = R::of(0.5);
    R::select(mean < half, R::zero(), mean - half)
}

/// `(e − least)/range` in place.
struct Normalise<'a, P> {
    row: &'a mut [P],
    least: P,
    range: P,
}

impl<P: Prim> Task for Normalise<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let least = P::Lane::<I>::new(self.least);
        let range = P::Lane::<I>::new(self.range);
        for x in self.row.iter_mut() {
            *x = ((P::Lane::<I>::new(*x) - least) / range).get();
        }
    }
}

/// `Σ a b`.
struct Dot<'a, P> {
    a: &'a [P],
    b: &'a [P],
}

impl<P: Prim> Task for Dot<'_, P> {
    type Prim = P;
    type Output = f64;
    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        let mut sums = [0.0; LANES];
        for (a, b) in self.a.chunks(LANES).zip(self.b.chunks(LANES)) {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                *sum += a.to_f64() * b.to_f64();
            }
        }
        sums.iter().sum()
    }
}

/// From slopes of what comes after `B'`, and the means `D`, to the slopes of `D`, in their place.
struct BackStep<'a, P> {
    slopes: &'a mut [P],
    weights: &'a [P],
    /// Times a weight, the slope of `B'` itself.
    rate: P,
    means: &'a mut [P],
    least: P,
    largest: P,
}

impl<P: Prim> Task for BackStep<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let rate = P::Lane::<I>::new(self.rate);
        let (least, largest) = (
            P::Lane::<I>::new(self.least),
            P::Lane::<I>::new(self.largest),
        );
        let range = largest - least;
        let is_flat = range == P::Lane::<I>::zero();
        let range = P::Lane::<I>::select(is_flat, P::Lane::<I>::one(), range);
        let (mut above, mut below, mut tops, mut bottoms) =
            ([0.0; LANES], [0.0; LANES], [0u32; LANES], [0u32; LANES]);
        let blocks = self
            .slopes
            .chunks_mut(LANES)
            .zip(self.weights.chunks(LANES));
        for ((slopes, weights), means) in blocks.zip(self.means.chunks(LANES)) {
            for k in 0..slopes.len() {
                let weight = P::Lane::<I>::new(weights[k]);
                let slope = rate.mul_add(weight, P::Lane::<I>::new(slopes[k]));
                let e = threshold(P::Lane::<I>::new(means[k]));
                let b = (e - least) / range;
                above[k] += (slope * b).get().to_f64();
                below[k] += (slope * (P::Lane::<I>::one() - b)).get().to_f64();
                tops[k] += u32::from(e == largest);
                bottoms[k] += u32::from(e == least);
                slopes[k] = slope.get();
            }
        }
        let share = |sums: [f64; LANES], counts: [u32; LANES]| {
            let (sum, count) = (sums.iter().sum::<f64>(), counts.iter().sum::<u32>());
            match is_flat {
                true => P::Lane::<I>::zero(),
                false => P::Lane::<I>::of(sum / f64::from(count.max(1))),
            }
        };
        let (top, bottom) = (share(above, tops), share(below, bottoms));
        for (slope, mean) in self.slopes.iter().zip(self.means.iter_mut()) {
            let d = P::Lane::<I>::new(*mean);
            let e = threshold(d);
            let mut pull = P::Lane::<I>::new(*slope);
            pull -= P::Lane::<I>::select(e == largest, top, P::Lane::<I>::zero());
            pull -= P::Lane::<I>::select(e == least, bottom, P::Lane::<I>::zero());
            let is_left = d >= P::Lane::<I>::of(0.5);
            *mean = P::Lane::<I>::select(is_left, pull / range, P::Lane::<I>::zero()).get();
        }
    }
}
