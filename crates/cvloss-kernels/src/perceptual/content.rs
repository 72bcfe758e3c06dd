//! Distances of features.

use super::pieces::{self, Piece};
use super::{Comparison, Pair};
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{self, Isa, Task};

/// How features of a layer are compared; `C·H·W` is their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FeatureMetric {
    /// `Σ|x − t| / (C·H·W)`, as BasicSR's `criterion: l1`.
    L1,
    /// `√(Σ(x − t)² / (C·H·W))`; slope 0 where both are equal.
    L2,
    /// `Σ(x − t)² / (C·H·W)`, as Johnson et al. have it.
    #[default]
    SquaredL2,
}

/// A weighted sum of distances of layers.
pub struct Content {
    /// One per layer.
    pub weights: Vec<f64>,
    /// The distance.
    pub metric: FeatureMetric,
}

impl<T: Prim> Comparison<T> for Content {
    fn compare(&self, layer: usize, pair: Pair<'_, T>) -> f64 {
        let count = (pair.input.pixels * pair.input.channels).max(1) as f64;
        let scale = self.weights[layer] / count;
        let is_absolute = self.metric == FeatureMetric::L1;
        if self.metric == FeatureMetric::L2 {
            let root = (sum(pair.plain(), false, 0.0) / count).sqrt();
            let slope = match root == 0.0 {
                true => 0.0,
                false => scale / (2.0 * root),
            };
            sum(pair, false, slope);
            return self.weights[layer] * root;
        }
        scale * sum(pair, is_absolute, scale)
    }
}

/// The sum of distances, and its slopes times `scale`.
fn sum<T: Prim>(pair: Pair<'_, T>, is_absolute: bool, scale: f64) -> f64 {
    let sums = pieces::map(pair, |piece| {
        simd::dispatch(Distance {
            piece,
            is_absolute,
            scale,
        })
    });
    sums.into_iter().sum()
}

struct Distance<'a, T> {
    piece: Piece<'a, T>,
    is_absolute: bool,
    scale: f64,
}

/// Sums that run side by side.
const LANES: usize = 32;

impl<T: Prim> Task for Distance<'_, T> {
    type Prim = T;
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        let zero = <T::Lane<I>>::zero();
        let (one, scale) = (<T::Lane<I>>::one(), <T::Lane<I>>::of(self.scale));
        let Piece {
            input,
            target,
            mut input_slopes,
            mut target_slopes,
        } = self.piece;
        let mut total = 0.0;
        for (at, (x, t)) in input.chunks(LANES).zip(target.chunks(LANES)).enumerate() {
            let (mut values, mut slopes) = ([zero; LANES], [T::default(); LANES]);
            let len = x.len();
            for j in 0..len {
                let d = <T::Lane<I>>::new(x[j]) - <T::Lane<I>>::new(t[j]);
                let sign = <T::Lane<I>>::select(d > zero, one, -one);
                let sign = <T::Lane<I>>::select(d == zero, zero, sign);
                // NaN stays.
                let same = d;
                let sign = <T::Lane<I>>::select(d == same, sign, d);
                let slope = match self.is_absolute {
                    true => sign,
                    false => d + d,
                };
                values[j] = match self.is_absolute {
                    true => d.abs(),
                    false => d * d,
                };
                slopes[j] = (slope * scale).get();
            }
            let mut sum = zero;
            for value in values {
                sum += value;
            }
            total += sum.get().to_f64();
            if let Some(all) = &mut input_slopes {
                all[at * LANES..][..len].copy_from_slice(&slopes[..len]);
            }
            if let Some(all) = &mut target_slopes {
                for (to, slope) in all[at * LANES..][..len].iter_mut().zip(&slopes) {
                    *to = (-<T::Lane<I>>::new(*slope)).get();
                }
            }
        }
        total
    }
}
