//! The vector loops of a window sweep. Rows are padded to whole blocks, so that no loop has a remainder to speak of.

use crate::loops::sum::sum;
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task};

/// Numbers that are computed side by side.
pub(super) const LANES: usize = 16;

/// Rounds a row's length up to whole groups of lanes.
pub(super) fn padded(len: usize) -> usize {
    len.next_multiple_of(LANES)
}

/// Sums of pixels, their differences and squares: the moments that local statistics are made of.
pub(super) const MOMENTS: usize = 4;

/// Moments of single pixels, times their weight.
pub(super) struct Products<'a, P> {
    pub(super) x: &'a [P],
    pub(super) y: &'a [P],
    pub(super) w: Option<&'a [P]>,
    /// Subtracted from `x + y` and `x − y`: variances of small numbers lose fewer digits.
    pub(super) shift: [P; 2],
    /// `x + y` and `x − y`, shifted, and their squares.
    pub(super) moments: [&'a mut [P]; MOMENTS],
}

impl<P: Prim> Task for Products<'_, P> {
    type Prim = P;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.x.len();
        let (x, y) = (&self.x[..n], &self.y[..n]);
        let [of_s, of_d] = self.shift.map(P::Lane::<I>::new);
        let [sums, differences, sum_squares, difference_squares] = self.moments;
        let (sums, differences) = (&mut sums[..n], &mut differences[..n]);
        let (sum_squares, difference_squares) =
            (&mut sum_squares[..n], &mut difference_squares[..n]);
        match self.w {
            None => {
                for i in 0..n {
                    let (x, y) = (P::Lane::<I>::new(x[i]), P::Lane::<I>::new(y[i]));
                    let (s, d) = (x + y - of_s, x - y - of_d);
                    sums[i] = s.get();
                    differences[i] = d.get();
                    sum_squares[i] = (s * s).get();
                    difference_squares[i] = (d * d).get();
                }
            }
            Some(w) => {
                let (w, zero) = (&w[..n], P::Lane::<I>::zero());
                for i in 0..n {
                    let (x, y) = (P::Lane::<I>::new(x[i]), P::Lane::<I>::new(y[i]));
                    let w = P::Lane::<I>::new(w[i]);
                    // What lies at a pixel of weight 0 does not matter.
                    let s = P::Lane::<I>::select(w == zero, zero, x + y - of_s);
                    let d = P::Lane::<I>::select(w == zero, zero, x - y - of_d);
                    let (ws, wd) = (w * s, w * d);
                    sums[i] = ws.get();
                    differences[i] = wd.get();
                    sum_squares[i] = (ws * s).get();
                    difference_squares[i] = (wd * d).get();
                }
            }
        }
    }
}

/// Losses of several scales to the loss of their product: `1 − Π (1 − v)`, in the first row. What the others' product
/// multiplies a scale's slopes with goes to `factors`.
pub(super) struct Multiply<'a, P> {
    /// A row per scale.
    pub(super) values: &'a mut [P],
    /// A row per scale.
    pub(super) factors: &'a mut [P],
    pub(super) stride: usize,
}

impl<P: Prim> Task for Multiply<'_, P> {
    type Prim = P;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let scales = self.values.len() / self.stride;
        for i in 0..self.stride {
            let (mut product, mut loss) = (P::Lane::<I>::one(), P::Lane::<I>::zero());
            for scale in 0..scales {
                let value = P::Lane::<I>::new(self.values[scale * self.stride + i]);
                self.factors[scale * self.stride + i] = product.get();
                loss = product.mul_add(value, loss);
                product = product * (P::Lane::<I>::one() - value);
            }
            let mut product = P::Lane::<I>::one();
            for scale in (0..scales).rev() {
                let at = scale * self.stride + i;
                self.factors[at] = (product * P::Lane::<I>::new(self.factors[at])).get();
                product = product * (P::Lane::<I>::one() - P::Lane::<I>::new(self.values[at]));
            }
            self.values[i] = loss.get();
        }
    }
}

/// Multiplies a row; 0 stays 0.
pub(super) struct Scale<'a, P> {
    pub(super) by: &'a [P],
    pub(super) row: &'a mut [P],
}

impl<P: Prim> Task for Scale<'_, P> {
    type Prim = P;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for (x, by) in self.row.iter_mut().zip(self.by) {
            let zero = P::Lane::<I>::zero();
            let by = P::Lane::<I>::new(*by);
            let number = P::Lane::<I>::new(*x);
            *x = P::Lane::<I>::select(number == zero, zero, number * by).get();
        }
    }
}

/// The gradient of a row from what its windows add up to.
pub(super) struct Combine<'a, P> {
    pub(super) scale: P,
    /// 1, or −1 for the second of two gradients.
    pub(super) sign: P,
    pub(super) mean: &'a [P],
    pub(super) sum: &'a [P],
    pub(super) difference: &'a [P],
    pub(super) weights: Option<&'a [P]>,
    /// Moments of the row's pixels.
    pub(super) sums: &'a [P],
    pub(super) differences: &'a [P],
    pub(super) to: &'a mut [P],
}

impl<P: Prim> Task for Combine<'_, P> {
    type Prim = P;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.to.len();
        let (mean, sum, difference) = (&self.mean[..n], &self.sum[..n], &self.difference[..n]);
        let (sums, differences) = (&self.sums[..n], &self.differences[..n]);
        let scale = P::Lane::<I>::new(self.scale);
        let twice = scale + scale;
        let twice_signed = twice * P::Lane::<I>::new(self.sign);
        // Where there are no weights, any row serves in their place.
        let (is_weighted, weights) = match self.weights {
            None => (false, sums),
            Some(weights) => (true, &weights[..n]),
        };
        for i in 0..n {
            let s = P::Lane::<I>::new(sums[i]) * P::Lane::<I>::new(sum[i]);
            let d = P::Lane::<I>::new(differences[i]) * P::Lane::<I>::new(difference[i]);
            let mean = P::Lane::<I>::new(mean[i]);
            let weighted = P::Lane::<I>::new(weights[i]) * mean;
            let mean = if is_weighted { weighted } else { mean };
            let squares = twice.mul_add(s, twice_signed * d);
            self.to[i] = scale.mul_add(mean, squares).get();
        }
    }
}

/// Adds the slope of `w |x − y|` to a row, `w` being `scale` times the pixel's weight and those of `across`.
pub(super) struct AddPixels<'a, P> {
    pub(super) scale: P,
    pub(super) across: Option<&'a [P]>,
    pub(super) weights: Option<&'a [P]>,
    pub(super) differences: &'a [P],
    pub(super) to: &'a mut [P],
}

impl<P: Prim> Task for AddPixels<'_, P> {
    type Prim = P;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.to.len();
        let differences = &self.differences[..n];
        let scale = P::Lane::<I>::new(self.scale);
        // Where a row of factors is missing, any row serves in its place.
        let factors = [self.across, self.weights];
        let is_given = factors.map(|row| row.is_some());
        let [across, weights] = factors.map(|row| &row.unwrap_or(differences)[..n]);
        for i in 0..n {
            let by_across = scale * P::Lane::<I>::new(across[i]);
            let scale = if is_given[0] { by_across } else { scale };
            let by_weight = scale * P::Lane::<I>::new(weights[i]);
            let scale = if is_given[1] { by_weight } else { scale };
            let old = P::Lane::<I>::new(self.to[i]);
            let (d, zero) = (P::Lane::<I>::new(differences[i]), P::Lane::<I>::zero());
            let down = P::Lane::<I>::select(d < zero, -scale, zero);
            self.to[i] = (old + P::Lane::<I>::select(d > zero, scale, down)).get();
        }
    }
}

/// `Σ |x| across`, `work` being a row of the same length.
pub(super) struct SumPixels<'a, P> {
    pub(super) differences: &'a [P],
    pub(super) across: Option<&'a [P]>,
    pub(super) work: &'a mut [P],
}

impl<P: Prim> Task for SumPixels<'_, P> {
    type Prim = P;
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        let n = self.differences.len();
        let work = &mut self.work[..n];
        match self.across {
            None => {
                for (to, d) in work.iter_mut().zip(self.differences) {
                    *to = P::Lane::<I>::new(*d).abs().get();
                }
            }
            Some(across) => {
                let across = &across[..n];
                for i in 0..n {
                    let d = P::Lane::<I>::new(self.differences[i]).abs();
                    work[i] = (d * P::Lane::<I>::new(across[i])).get();
                }
            }
        }
        sum::<P::Lane<I>>(work)
    }
}

/// The sum of a row, or of its products with another, `work` being a row of the same length.
pub(super) struct Sum<'a, P> {
    pub(super) row: &'a [P],
    pub(super) weights: Option<&'a [P]>,
    pub(super) work: &'a mut [P],
}

impl<P: Prim> Task for Sum<'_, P> {
    type Prim = P;
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        let Some(weights) = self.weights else {
            return sum::<P::Lane<I>>(self.row);
        };
        let n = self.row.len();
        let (weights, work) = (&weights[..n], &mut self.work[..n]);
        for i in 0..n {
            work[i] = (P::Lane::<I>::new(self.row[i]) * P::Lane::<I>::new(weights[i])).get();
        }
        sum::<P::Lane<I>>(work)
    }
}
