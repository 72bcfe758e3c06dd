//! The vector loops over rows.

#![forbid(unsafe_code)]

use super::filter::Kernel;
use crate::loops::pointwise::Difference;
use crate::loops::sum::sum;
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task};

/// `x − t`, in place of `x`.
pub(super) struct Subtract<'a, P> {
    pub(super) x: &'a mut [P],
    pub(super) t: &'a [P],
}
impl<P: Prim> Task for Subtract<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        for (x, t) in self.x.iter_mut().zip(self.t) {
            *x = (<P::Lane<I>>::new(*x) - <P::Lane<I>>::new(*t)).get();
        }
    }
}

/// A row is added to another.
pub(super) struct Add<'a, P> {
    pub(super) to: &'a mut [P],
    pub(super) from: &'a [P],
}
impl<P: Prim> Task for Add<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        for (to, from) in self.to.iter_mut().zip(self.from) {
            *to = (<P::Lane<I>>::new(*to) + <P::Lane<I>>::new(*from)).get();
        }
    }
}

/// A row times a number.
pub(super) struct Scale<'a, P> {
    pub(super) from: &'a [P],
    pub(super) scale: P,
    pub(super) to: &'a mut [P],
}
impl<P: Prim> Task for Scale<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let scale = <P::Lane<I>>::new(self.scale);
        for (to, from) in self.to.iter_mut().zip(self.from) {
            *to = (<P::Lane<I>>::new(*from) * scale).get();
        }
    }
}

/// Responses of a row, their cost and its slopes.
pub(super) struct Respond<'a, D, P, const K: usize> {
    pub(super) penalty: D,
    pub(super) kernels: &'a [Kernel; K],
    /// Three padded rows of differences.
    pub(super) rows: &'a [P],
    pub(super) weight: &'a [P],
    pub(super) slopes: [&'a mut [P]; K],
    pub(super) values: &'a mut [P],
    /// The first and last column have no response.
    pub(super) is_valid: bool,
}

impl<D: Difference, P: Prim, const K: usize> Task for Respond<'_, D, P, K> {
    type Prim = P;
    type Output = f64;
    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        type R<P, I> = <P as Prim>::Lane<I>;
        let new = R::<P, I>::new;
        let n = self.values.len();
        let wide = n + 2;
        let (above, rest) = self.rows.split_at(wide);
        let (own, below) = rest.split_at(wide);
        let (above, own, below) = (&above[..n + 2], &own[..n + 2], &below[..n + 2]);
        let (weight, values) = (&self.weight[..n], &mut self.values[..n]);
        values.fill(P::default());
        for (kernel, slopes) in self.kernels.iter().zip(self.slopes) {
            let slopes = &mut slopes[..n];
            let k = kernel.map(|row| row.map(R::<P, I>::of));
            for i in 0..n {
                let mut response = k[0][0] * new(above[i]);
                response = k[0][1].mul_add(new(above[i + 1]), response);
                response = k[0][2].mul_add(new(above[i + 2]), response);
                response = k[1][0].mul_add(new(own[i]), response);
                response = k[1][1].mul_add(new(own[i + 1]), response);
                response = k[1][2].mul_add(new(own[i + 2]), response);
                response = k[2][0].mul_add(new(below[i]), response);
                response = k[2][1].mul_add(new(below[i + 1]), response);
                response = k[2][2].mul_add(new(below[i + 2]), response);
                let (value, slope) = self.penalty.eval(response);
                let w = new(weight[i]);
                values[i] = (new(values[i]) + value * w).get();
                slopes[i] = (slope * w).get();
            }
            if self.is_valid {
                // What the padding gave may be NaN, and counts nothing.
                slopes[0] = P::default();
                slopes[n - 1] = P::default();
            }
        }
        if self.is_valid {
            values[0] = P::default();
            values[n - 1] = P::default();
        }
        values.chunks(PART).map(sum::<R<P, I>>).sum()
    }
}

/// Rows are summed in parts of this length.
const PART: usize = 1024;

/// Adds one row of slopes to the padded gradient: `out[p] += Σ_j k_j s[p − j]`.
pub(super) struct Transpose<'a, P> {
    pub(super) coefficients: [f64; 3],
    pub(super) row: &'a [P],
    pub(super) out: &'a mut [P],
}

impl<P: Prim> Task for Transpose<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        type R<P, I> = <P as Prim>::Lane<I>;
        let new = R::<P, I>::new;
        let n = self.out.len();
        let row = &self.row[..n];
        let [left, centre, right] = self.coefficients.map(R::<P, I>::of);
        // A response at column c reads c − 1, c, c + 1 with left, centre, right.
        for i in 1..n - 1 {
            let mut sum = new(self.out[i]);
            sum = left.mul_add(new(row[i + 1]), sum);
            sum = centre.mul_add(new(row[i]), sum);
            sum = right.mul_add(new(row[i - 1]), sum);
            self.out[i] = sum.get();
        }
        self.out[0] = left.mul_add(new(row[1]), new(self.out[0])).get();
        self.out[n - 1] = right.mul_add(new(row[n - 2]), new(self.out[n - 1])).get();
    }
}
