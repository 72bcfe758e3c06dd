//! Features as directions.

use super::TILE;
use crate::conv::Matrix;
use crate::parallel;
use crate::perceptual::Features;
use crate::scalar::Prim;

/// The mean over pixels.
pub(super) fn mean<T: Prim>(features: Features<'_, T>) -> Vec<f64> {
    let mut sums = vec![0.0; features.lanes];
    for pixel in features.numbers.chunks(features.lanes) {
        for (sum, x) in sums.iter_mut().zip(pixel) {
            *sum += x.to_f64();
        }
    }
    let count = features.pixels as f64;
    sums.iter_mut().for_each(|sum| *sum /= count);
    sums
}

/// Features less a mean, divided by their norms.
pub(super) struct Directions<T> {
    pub(super) lanes: usize,
    pub(super) unit: Vec<T>,
    /// `1/norm`; 0 where the norm is.
    pub(super) inverse: Vec<f64>,
}

impl<T: Prim> Directions<T> {
    pub(super) fn new(features: Features<'_, T>, mean: &[f64]) -> Self {
        let lanes = features.lanes;
        let mut unit = vec![T::default(); features.pixels * lanes];
        let pieces: Vec<_> = unit
            .chunks_mut(TILE * lanes)
            .zip(features.numbers.chunks(TILE * lanes))
            .collect();
        let inverse = parallel::map(pieces, |(unit, features)| {
            let pixels = unit.chunks_mut(lanes).zip(features.chunks(lanes));
            pixels
                .map(|(unit, features)| {
                    let mut squares = 0.0;
                    for (x, mean) in features.iter().zip(mean) {
                        let d = x.to_f64() - mean;
                        squares += d * d;
                    }
                    let norm = squares.sqrt();
                    let inverse = if norm == 0.0 { 0.0 } else { 1.0 / norm };
                    for ((unit, x), mean) in unit.iter_mut().zip(features).zip(mean) {
                        *unit = T::of((x.to_f64() - mean) * inverse);
                    }
                    inverse
                })
                .collect::<Vec<_>>()
        });
        Self {
            lanes,
            unit,
            inverse: inverse.concat(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.inverse.len()
    }

    pub(super) fn at(&self, i: usize) -> &[T] {
        &self.unit[i * self.lanes..][..self.lanes]
    }

    /// One column per direction, of those in `chosen`.
    pub(super) fn columns(&self, chosen: &[usize]) -> Matrix<T> {
        Matrix::new(self.lanes, chosen.len(), |k, j| self.at(chosen[j])[k])
    }

    /// One row per direction, of those in `chosen`.
    pub(super) fn rows(&self, chosen: &[usize]) -> Matrix<T> {
        Matrix::new(chosen.len(), self.lanes, |j, k| self.at(chosen[j])[k])
    }

    /// Slopes of features from those of direction `i`, in place.
    pub(super) fn through_norm(&self, i: usize, slopes: &mut [T]) {
        let unit = self.at(i);
        let along = dot(unit, slopes);
        for (slope, unit) in slopes.iter_mut().zip(unit) {
            *slope = T::of((slope.to_f64() - unit.to_f64() * along) * self.inverse[i]);
        }
    }
}

pub(super) fn dot<T: Prim>(a: &[T], b: &[T]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum()
}
