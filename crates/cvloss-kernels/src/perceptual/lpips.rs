//! LPIPS: weighted squared distances of features that are normalised per pixel.

use super::pieces::{self, Piece};
use super::{Comparison, Pair};
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{self, Isa, Task};

/// What is added to a norm before it divides.
const EPSILON: f64 = 1e-10;
/// Channels at a time.
const CHUNK: usize = 16;

/// The learned weights of each layer's channels.
pub struct Lpips {
    /// One list per layer, one number per channel.
    pub heads: Vec<Vec<f64>>,
}

impl<T: Prim> Comparison<T> for Lpips {
    fn compare(&self, layer: usize, pair: Pair<'_, T>) -> f64 {
        let scale = 1.0 / pair.input.pixels.max(1) as f64;
        let lanes = pair.input.lanes;
        let mut head = vec![T::default(); lanes];
        for (to, from) in head.iter_mut().zip(&self.heads[layer]) {
            *to = T::of(*from);
        }
        let sums = pieces::map(pair, |piece| {
            simd::dispatch(Pixels {
                piece,
                head: &head,
                scale,
            })
        });
        scale * sums.into_iter().sum::<f64>()
    }
}

/// ```text
/// d = x/(|x| + ε) − y/(|y| + ε),   v = Σ w d²,   e = 2 w d
/// ∂v/∂x = e/(|x| + ε) − x (Σ e x)/(|x| (|x| + ε)²)
/// ```
///
/// and the like for y, with −e. Where |x| is 0, the slope is 0.
struct Pixels<'a, T> {
    piece: Piece<'a, T>,
    head: &'a [T],
    scale: f64,
}

impl<T: Prim> Task for Pixels<'_, T> {
    type Prim = T;
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        let lanes = self.head.len();
        let Piece {
            input,
            target,
            mut input_slopes,
            mut target_slopes,
        } = self.piece;
        let mut total = 0.0;
        for (at, (x, y)) in input.chunks(lanes).zip(target.chunks(lanes)).enumerate() {
            let [of_x, of_y, head] = [x, y, self.head].map(|row| row.as_chunks::<CHUNK>().0);
            let pixel = Pixel::<T::Lane<I>>::new::<T>(of_x, of_y, head);
            total += pixel.value.get().to_f64();
            let scale = <T::Lane<I>>::of(2.0 * self.scale);
            if let Some(slopes) = &mut input_slopes {
                let slopes = &mut slopes[at * lanes..][..lanes];
                pixel.slopes::<T>((x, y), self.head, scale, slopes);
            }
            if let Some(slopes) = &mut target_slopes {
                let slopes = &mut slopes[at * lanes..][..lanes];
                // d of the swapped pair is −d, and so is e.
                pixel
                    .swapped()
                    .slopes::<T>((y, x), self.head, scale, slopes);
            }
        }
        total
    }
}

/// What the channels of a pixel sum to.
#[derive(Clone, Copy)]
struct Pixel<R> {
    value: R,
    /// Norms of both.
    norms: [R; 2],
    /// `1 / (norm + ε)`.
    inverse: [R; 2],
    /// `Σ w d x` and `−Σ w d y`.
    along: [R; 2],
}

impl<R: Real> Pixel<R> {
    #[inline(always)]
    fn new<T: Prim>(x: &[[T; CHUNK]], y: &[[T; CHUNK]], head: &[[T; CHUNK]]) -> Self
    where
        R: Real<Prim = T>,
    {
        let mut squares = [[R::zero(); CHUNK]; 2];
        for (x, y) in x.iter().zip(y) {
            for k in 0..CHUNK {
                let (x, y) = (R::new(x[k]), R::new(y[k]));
                squares[0][k] = x.mul_add(x, squares[0][k]);
                squares[1][k] = y.mul_add(y, squares[1][k]);
            }
        }
        let norms = [sum(squares[0]).sqrt(), sum(squares[1]).sqrt()];
        let inverse = norms.map(|norm| R::one() / (norm + R::of(EPSILON)));
        let mut sums = [[R::zero(); CHUNK]; 3];
        for ((x, y), w) in x.iter().zip(y).zip(head) {
            for k in 0..CHUNK {
                let (x, y) = (R::new(x[k]), R::new(y[k]));
                let d = x * inverse[0] - y * inverse[1];
                let e = R::new(w[k]) * d;
                sums[0][k] = e.mul_add(d, sums[0][k]);
                sums[1][k] = e.mul_add(x, sums[1][k]);
                sums[2][k] = e.mul_add(y, sums[2][k]);
            }
        }
        Self {
            value: sum(sums[0]),
            norms,
            inverse,
            along: [sum(sums[1]), -sum(sums[2])],
        }
    }

    #[inline(always)]
    fn swapped(self) -> Self {
        let swap = |[a, b]: [R; 2]| [b, a];
        Self {
            value: self.value,
            norms: swap(self.norms),
            inverse: swap(self.inverse),
            along: swap(self.along),
        }
    }

    /// With respect to `x`, times `scale / 2`.
    #[inline(always)]
    fn slopes<T: Prim>(&self, (x, y): (&[T], &[T]), head: &[T], scale: R, slopes: &mut [T])
    where
        R: Real<Prim = T>,
    {
        let is_zero = self.norms[0] == R::zero();
        let norm = R::select(is_zero, R::one(), self.norms[0]);
        let factor = R::select(is_zero, R::zero(), scale * self.inverse[0]);
        let back = self.along[0] * self.inverse[0] / norm;
        // Not by chunks: without a sum, LLVM takes the same number of several chunks together, and gathers.
        let n = slopes.len();
        let (of_x, of_y, w) = (&x[..n], &y[..n], &head[..n]);
        for k in 0..n {
            let (x, y) = (R::new(of_x[k]), R::new(of_y[k]));
            let d = x * self.inverse[0] - y * self.inverse[1];
            slopes[k] = ((R::new(w[k]) * d - x * back) * factor).get();
        }
    }
}

#[inline(always)]
fn sum<R: Real>(lanes: [R; CHUNK]) -> R {
    let mut sum = R::zero();
    for lane in lanes {
        sum += lane;
    }
    sum
}
