//! The vector loops over rows.

#![forbid(unsafe_code)]

use super::filter::Kernel;
use crate::loops::pointwise::Difference;
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

/// A row that a filter responds to.
pub(super) struct Row<'a, P> {
    pub(super) kernel: &'a Kernel,
    /// Three padded rows.
    pub(super) differences: &'a [P],
    pub(super) weight: &'a [P],
    /// Where slopes of the cost go.
    pub(super) slopes: &'a mut [P],
    /// What costs are added to.
    pub(super) values: &'a mut [P],
    /// The first and last column have no response.
    pub(super) is_valid: bool,
}

/// The cost of responses, and its slopes.
pub(super) struct Respond<'a, D, P> {
    pub(super) penalty: D,
    pub(super) row: Row<'a, P>,
}

impl<D: Difference, P: Prim> Task for Respond<'_, D, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let Row {
            kernel,
            differences,
            weight,
            slopes,
            values,
            is_valid,
        } = self.row;
        let rows = [differences, weight];
        respond::<D, P::Lane<I>>(self.penalty, kernel, rows, slopes, values);
        if is_valid {
            // What the padding gave may be NaN, and counts nothing.
            let last = values.len() - 1;
            for row in [slopes, values] {
                row[0] = P::default();
                row[last] = P::default();
            }
        }
    }
}

#[inline(always)]
fn respond<D: Difference, R: Real>(
    penalty: D,
    kernel: &Kernel,
    [differences, weight]: [&[R::Prim]; 2],
    slopes: &mut [R::Prim],
    values: &mut [R::Prim],
) {
    let n = values.len();
    let wide = n + 2;
    let (above, rest) = differences.split_at(wide);
    let (own, below) = rest.split_at(wide);
    let (above, own, below) = (&above[..wide], &own[..wide], &below[..wide]);
    let (weight, slopes) = (&weight[..n], &mut slopes[..n]);
    let k = kernel.map(|row| row.map(R::of));
    for i in 0..n {
        let mut response = k[0][0] * R::new(above[i]);
        response = k[0][1].mul_add(R::new(above[i + 1]), response);
        response = k[0][2].mul_add(R::new(above[i + 2]), response);
        response = k[1][0].mul_add(R::new(own[i]), response);
        response = k[1][1].mul_add(R::new(own[i + 1]), response);
        response = k[1][2].mul_add(R::new(own[i + 2]), response);
        response = k[2][0].mul_add(R::new(below[i]), response);
        response = k[2][1].mul_add(R::new(below[i + 1]), response);
        response = k[2][2].mul_add(R::new(below[i + 2]), response);
        let (value, slope) = penalty.eval(response);
        let w = R::new(weight[i]);
        values[i] = (R::new(values[i]) + value * w).get();
        slopes[i] = (slope * w).get();
    }
}

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
