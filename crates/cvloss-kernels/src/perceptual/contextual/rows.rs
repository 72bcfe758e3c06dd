//! Rows and columns of the matrix of pairs.

use super::{Active, EPSILON};
use crate::loops::sum::Lanes;
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task};

/// Numbers side by side.
const LANES: usize = 16;
/// Numbers of a row that are added up in their own precision.
const RUN: usize = 512;

/// What is known of a row of pairs.
#[derive(Clone, Copy)]
pub(super) struct Row<T> {
    /// The largest cosine, and where the first of it is.
    pub(super) best: T,
    pub(super) at: usize,
    /// `r_i`.
    pub(super) scale: f64,
    /// `Σ_j exp(r_i (c_ij − best))`, and the same times `c_ij − best`.
    pub(super) sum: f64,
    pub(super) moment: f64,
}

/// The largest share of each column, and the first row that has it.
pub(super) struct Columns<T> {
    pub(super) shares: Vec<T>,
    pub(super) rows: Vec<u32>,
}

impl<T: Prim> Columns<T> {
    pub(super) fn new(count: usize) -> Self {
        Self {
            // Any share is larger.
            shares: vec![T::of(-1.0); count],
            rows: vec![0; count],
        }
    }

    /// Keeps what is larger, of later rows.
    pub(super) fn merge(&mut self, other: &Self) {
        let own = self.shares.iter_mut().zip(&mut self.rows);
        let others = other.shares.iter().zip(&other.rows);
        for ((share, row), (other, other_row)) in own.zip(others) {
            if *other > *share {
                (*share, *row) = (*other, *other_row);
            }
        }
    }
}

/// One row of cosines: its softmax, and what columns find larger there.
pub(super) struct Softmax<'a, T> {
    pub(super) cosines: &'a mut [T],
    pub(super) largest: &'a mut Columns<T>,
    pub(super) row: u32,
    pub(super) bandwidth: f64,
}

impl<T: Prim> Task for Softmax<'_, T> {
    type Prim = T;
    type Output = Row<T>;

    #[inline(always)]
    fn run<I: Isa>(self) -> Row<T> {
        let zero = <T::Lane<I>>::zero();
        let mut best = [<T::Lane<I>>::of(f64::NEG_INFINITY); LANES];
        let mut poison = [zero; LANES];
        let (chunks, rest) = self.cosines.as_chunks::<LANES>();
        let mut see = |chunk: &[T; LANES]| {
            for k in 0..LANES {
                let x = <T::Lane<I>>::new(chunk[k]);
                best[k] = <T::Lane<I>>::select(x > best[k], x, best[k]);
                // 0, or NaN.
                poison[k] += x * zero;
            }
        };
        for chunk in chunks {
            see(chunk);
        }
        if let Some(any) = rest.first() {
            let mut last = [*any; LANES];
            last[..rest.len()].copy_from_slice(rest);
            see(&last);
        }
        let (mut most, mut bad) = (best[0], poison[0]);
        for k in 1..LANES {
            most = <T::Lane<I>>::select(best[k] > most, best[k], most);
            bad += poison[k];
        }
        let most = (most + bad).get();
        let at = self.cosines.iter().position(|x| *x == most).unwrap_or(0);
        let scale = 1.0 / (self.bandwidth * (1.0 - most.to_f64() + EPSILON));
        let (best, by) = (<T::Lane<I>>::new(most), <T::Lane<I>>::of(scale));
        let (mut sum, mut moment) = (Lanes::default(), Lanes::default());
        let mut products = [T::default(); RUN];
        for run in self.cosines.chunks_mut(RUN) {
            let products = &mut products[..run.len()];
            for (x, product) in run.iter_mut().zip(&mut *products) {
                let below = <T::Lane<I>>::new(*x) - best;
                let e = (below * by).exp();
                *x = e.get();
                *product = (e * below).get();
            }
            sum.add::<T::Lane<I>>(run);
            moment.add::<T::Lane<I>>(products);
        }
        let (sum, moment) = (sum.total(), moment.total());
        let inverse = <T::Lane<I>>::of(1.0 / sum);
        let largest = self.largest.shares.iter_mut().zip(&mut self.largest.rows);
        for (e, (largest, row)) in self.cosines.iter().zip(largest) {
            let share = (<T::Lane<I>>::new(*e) * inverse).get();
            let is_larger = share > *largest;
            *largest = if is_larger { share } else { *largest };
            *row = if is_larger { self.row } else { *row };
        }
        Row {
            best: most,
            at,
            scale,
            sum,
            moment,
        }
    }
}

/// One row: cosines become slopes, but for those at single columns.
pub(super) struct RowSlopes<'a, T> {
    pub(super) pairs: &'a mut [T],
    pub(super) best: T,
    pub(super) scale: T,
    pub(super) factor: T,
}

impl<T: Prim> Task for RowSlopes<'_, T> {
    type Prim = T;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let [best, scale, factor] = [self.best, self.scale, self.factor].map(<T::Lane<I>>::new);
        for x in self.pairs {
            let e = ((<T::Lane<I>>::new(*x) - best) * scale).exp();
            *x = (e * factor).get();
        }
    }
}

/// One column, of active rows: the same.
pub(super) struct ColumnSlopes<'a, T> {
    pub(super) pairs: &'a mut [T],
    pub(super) active: &'a Active<T>,
}

impl<T: Prim> Task for ColumnSlopes<'_, T> {
    type Prim = T;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let active = self.active;
        let rows = active.best.iter().zip(&active.scale).zip(&active.factor);
        for (x, ((best, scale), factor)) in self.pairs.iter_mut().zip(rows) {
            let [best, scale, factor] = [*best, *scale, *factor].map(<T::Lane<I>>::new);
            let e = ((<T::Lane<I>>::new(*x) - best) * scale).exp();
            *x = (e * factor).get();
        }
    }
}
