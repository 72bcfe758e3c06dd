//! DISTS: means and covariances of each channel, over the whole image.

use super::pieces::{self, Piece};
use super::{Comparison, Pair};
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{self, Isa, Task};

/// Keeps the quotients of means and of covariances from 0/0.
const STABILITY: f64 = 1e-6;

/// The weights of each layer's channels, all of both summing to 1.
pub struct Statistics {
    /// Of the means: one list per layer.
    pub alpha: Vec<Vec<f64>>,
    /// Of the covariances.
    pub beta: Vec<Vec<f64>>,
}

impl<T: Prim> Comparison<T> for Statistics {
    fn start(&self) -> f64 {
        1.0
    }

    fn compare(&self, layer: usize, pair: Pair<'_, T>) -> f64 {
        let (channels, lanes) = (pair.input.channels, pair.input.lanes);
        let pixels = pair.input.pixels.max(1) as f64;
        let zeros = vec![[T::default(); 2]; lanes];
        let sums = moments(pair.plain(), lanes, &zeros);
        let means: Vec<[f64; 2]> = sums
            .iter()
            .map(|s| [s[0] / pixels, s[1] / pixels])
            .collect();
        let rounded: Vec<[T; 2]> = means.iter().map(|m| m.map(T::of)).collect();
        let squares = moments(pair.plain(), lanes, &rounded);
        let mut total = 0.0;
        // Slopes are a·x + b·y + c: for the input and for the target.
        let mut slopes = vec![[[T::default(); 3]; 2]; lanes];
        for c in 0..channels {
            let [mx, my] = means[c];
            let [_, _, vx, vy, cov] = squares[c].map(|sum| sum / pixels);
            let (alpha, beta) = (self.alpha[layer][c], self.beta[layer][c]);
            let (n1, d1) = (2.0 * mx * my + STABILITY, mx * mx + my * my + STABILITY);
            let (n2, d2) = (2.0 * cov + STABILITY, vx + vy + STABILITY);
            total += alpha * n1 / d1 + beta * n2 / d2;
            let by_mean = |own: f64, other: f64| {
                alpha * (2.0 * other * d1 - n1 * 2.0 * own) / (d1 * d1) / pixels
            };
            let by_cov = 2.0 * beta / d2 / pixels;
            let by_var = -2.0 * beta * n2 / (d2 * d2) / pixels;
            slopes[c] = [
                [
                    -by_var,
                    -by_cov,
                    by_cov * my + by_var * mx - by_mean(mx, my),
                ]
                .map(T::of),
                [
                    -by_cov,
                    -by_var,
                    by_cov * mx + by_var * my - by_mean(my, mx),
                ]
                .map(T::of),
            ];
        }
        if pair.input_slopes.is_some() || pair.target_slopes.is_some() {
            pieces::map(pair, |piece| {
                simd::dispatch(Spread {
                    piece,
                    slopes: &slopes,
                });
            });
        }
        -total
    }
}

/// Sums over pixels of x, y, x², y² and x·y, less what is given.
fn moments<T: Prim>(pair: Pair<'_, T>, lanes: usize, less: &[[T; 2]]) -> Vec<[f64; 5]> {
    let parts = pieces::map(pair, |piece| simd::dispatch(Moments { piece, lanes, less }));
    let mut sums = vec![[0.0; 5]; lanes];
    for part in parts {
        for (sum, part) in sums.iter_mut().zip(part) {
            for (sum, part) in sum.iter_mut().zip(part) {
                *sum += part.to_f64();
            }
        }
    }
    sums
}

struct Moments<'a, T> {
    piece: Piece<'a, T>,
    lanes: usize,
    less: &'a [[T; 2]],
}

impl<T: Prim> Task for Moments<'_, T> {
    type Prim = T;
    type Output = Vec<[T; 5]>;

    #[inline(always)]
    fn run<I: Isa>(self) -> Vec<[T; 5]> {
        let lanes = self.lanes;
        let mut sums = vec![[T::default(); 5]; lanes];
        for (c, sums) in sums.iter_mut().enumerate() {
            let zero = <T::Lane<I>>::zero();
            let mut held = [zero; 5];
            let [less_x, less_y] = self.less[c].map(<T::Lane<I>>::new);
            let pixels = self.piece.input.chunks_exact(lanes);
            for (x, y) in pixels.zip(self.piece.target.chunks_exact(lanes)) {
                let x = <T::Lane<I>>::new(x[c]) - less_x;
                let y = <T::Lane<I>>::new(y[c]) - less_y;
                for (held, term) in held.iter_mut().zip([x, y, x * x, y * y, x * y]) {
                    *held += term;
                }
            }
            *sums = held.map(Real::get);
        }
        sums
    }
}

struct Spread<'a, T> {
    piece: Piece<'a, T>,
    slopes: &'a [[[T; 3]; 2]],
}

impl<T: Prim> Task for Spread<'_, T> {
    type Prim = T;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let lanes = self.slopes.len();
        let Piece {
            input,
            target,
            mut input_slopes,
            mut target_slopes,
        } = self.piece;
        for (at, (x, y)) in input.chunks(lanes).zip(target.chunks(lanes)).enumerate() {
            let slope = |c: usize, side: usize| {
                let [a, b, start] = self.slopes[c][side].map(<T::Lane<I>>::new);
                let (x, y) = (<T::Lane<I>>::new(x[c]), <T::Lane<I>>::new(y[c]));
                a.mul_add(x, b.mul_add(y, start)).get()
            };
            for (side, slopes) in [&mut input_slopes, &mut target_slopes]
                .into_iter()
                .enumerate()
            {
                if let Some(slopes) = slopes {
                    for (c, to) in slopes[at * lanes..][..lanes].iter_mut().enumerate() {
                        *to = slope(c, side);
                    }
                }
            }
        }
    }
}
