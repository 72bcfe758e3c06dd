//! Tiles of distances: what a softmax costs at each pixel, and the way back.

use crate::labels::{IGNORED, Target};
use crate::loops::softmax::{PIXELS, probability_tiles, tile_pixels};
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};
use crate::view::{View, ViewMut};

/// Targets and weights of a piece.
pub(super) struct Points<'a> {
    pub(super) target: Target<'a>,
    pub(super) weight: Option<View<'a>>,
}

/// A block of pixels of some items.
pub(super) struct Piece<'a, P> {
    pub(super) input: View<'a>,
    pub(super) points: Points<'a>,
    /// The distance of every true class from class 0, then from class 1, and so on.
    pub(super) columns: &'a [P],
}

/// The pixels of a tile.
struct Pixels<P> {
    /// The true class, 0 where the pixel does not count.
    classes: [usize; PIXELS],
    /// 0 where the pixel is ignored.
    weights: [P; PIXELS],
}

impl<P: Prim> Pixels<P> {
    fn new() -> Self {
        Self {
            classes: [0; PIXELS],
            weights: [P::of(1.0); PIXELS],
        }
    }

    fn load(&mut self, points: &Points<'_>, n: usize, start: usize, pixels: usize) {
        let weights = &mut self.weights[..pixels];
        match &points.weight {
            Some(weight) => weight.read_row(n, 0, start, weights),
            None => weights.fill(P::of(1.0)),
        }
        let mut labels = [P::default(); PIXELS];
        let labels = &mut labels[..pixels];
        points.target.read_labels(n, start, labels);
        for ((class, weight), label) in self.classes.iter_mut().zip(weights).zip(labels) {
            if *label == P::of(IGNORED) {
                (*label, *weight) = (P::default(), P::default());
            }
            *class = label.to_f64() as usize;
        }
    }
}

impl<P: Prim> Piece<'_, P> {
    /// For each item and class, the weight of its points and the weighted sum of their distances.
    pub(super) fn sums(self) -> Vec<Vec<[f64; 2]>> {
        let [items, classes, _] = self.input.shape();
        let mut sums = vec![vec![[0.0; 2]; classes]; items];
        let mut pixels_of = Pixels::new();
        let mut costs = vec![P::default(); classes * tile_pixels(classes)];
        let mut distances = [P::default(); PIXELS];
        probability_tiles::<P>(&self.input, |tile, n, start, pixels| {
            pixels_of.load(&self.points, n, start, pixels);
            let distances = &mut distances[..pixels];
            let costs = &mut costs[..classes * pixels];
            self.costs(&pixels_of, costs, pixels);
            dispatch(Distances {
                p: tile,
                costs,
                distances,
            });
            let weighted = pixels_of.weights.iter().zip(&pixels_of.classes);
            for ((weight, class), distance) in weighted.zip(&*distances) {
                // A pixel of weight 0 counts nothing, whatever its logits.
                if *weight != P::default() {
                    let weight = weight.to_f64();
                    let [points, sum] = &mut sums[n][*class];
                    *points += weight;
                    *sum += weight * distance.to_f64();
                }
            }
        });
        sums
    }

    /// Writes the gradient, given the derivative of the loss with respect to the sums of each item's classes.
    pub(super) fn gradient(self, slopes: &[Vec<P>], into: &mut ViewMut<'_>, accumulate: bool) {
        let [_, classes, _] = self.input.shape();
        let mut pixels_of = Pixels::new();
        let mut costs = vec![P::default(); classes * tile_pixels(classes)];
        let (mut distances, mut pulls) = ([P::default(); PIXELS], [P::default(); PIXELS]);
        probability_tiles::<P>(&self.input, |tile, n, start, pixels| {
            pixels_of.load(&self.points, n, start, pixels);
            let (distances, pulls) = (&mut distances[..pixels], &mut pulls[..pixels]);
            let costs = &mut costs[..classes * pixels];
            self.costs(&pixels_of, costs, pixels);
            dispatch(Distances {
                p: tile,
                costs,
                distances,
            });
            for (pull, class) in pulls.iter_mut().zip(&pixels_of.classes) {
                *pull = slopes[n][*class];
            }
            let weights = &pixels_of.weights[..pixels];
            dispatch(Back {
                p: tile,
                costs,
                distances,
                pulls,
                weights,
            });
            for (c, row) in costs.chunks_exact(pixels).enumerate() {
                into.write_row(n, c, start, row, accumulate);
            }
        });
    }

    /// The distance of each pixel's class from every class.
    fn costs(&self, pixels_of: &Pixels<P>, costs: &mut [P], pixels: usize) {
        let classes = self.input.shape()[1];
        let columns = self.columns.chunks_exact(classes);
        for (row, column) in costs.chunks_exact_mut(pixels).zip(columns) {
            for (cost, class) in row.iter_mut().zip(&pixels_of.classes) {
                *cost = column[*class];
            }
        }
    }
}

/// `Σ_c M_yc p_c`.
struct Distances<'a, P> {
    p: &'a [P],
    costs: &'a [P],
    distances: &'a mut [P],
}

impl<P: Prim> Task for Distances<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.distances.len();
        let distances = &mut self.distances[..n];
        distances.fill(P::default());
        for (p, costs) in self.p.chunks_exact(n).zip(self.costs.chunks_exact(n)) {
            for i in 0..n {
                let product = P::Lane::<I>::new(p[i]) * P::Lane::<I>::new(costs[i]);
                distances[i] = (P::Lane::<I>::new(distances[i]) + product).get();
            }
        }
    }
}

/// `s w p_k (M_yk − W)`, in place of the costs.
struct Back<'a, P> {
    p: &'a [P],
    costs: &'a mut [P],
    distances: &'a [P],
    pulls: &'a [P],
    weights: &'a [P],
}

impl<P: Prim> Task for Back<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.distances.len();
        let (distances, pulls, weights) =
            (&self.distances[..n], &self.pulls[..n], &self.weights[..n]);
        for (p, costs) in self.p.chunks_exact(n).zip(self.costs.chunks_exact_mut(n)) {
            for i in 0..n {
                let weight = P::Lane::<I>::new(weights[i]);
                let pull = P::Lane::<I>::new(pulls[i]) * weight;
                let apart = P::Lane::<I>::new(costs[i]) - P::Lane::<I>::new(distances[i]);
                let slope = P::Lane::<I>::new(p[i]) * apart * pull;
                // A pixel of weight 0 has no slope, whatever its logits.
                let counts = weight != Real::zero();
                costs[i] = Real::select(counts, slope, Real::zero()).get();
            }
        }
    }
}
