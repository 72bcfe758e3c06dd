//! All pairs of two lists of boxes, for matching: no gradient.

#![forbid(unsafe_code)]

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::axis::{BoxFormat, Ends, Overlap};
use crate::error::{Error, Result};
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

/// What is computed of each pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Similarity {
    /// Intersection over union.
    Iou,
    /// Generalised: IoU less the share of the enclosing box that neither box covers.
    Giou,
}

/// Pairs worth a thread.
const LEAST: usize = 16 * 1024;

/// Writes (N, M) similarities of N boxes and M boxes, each of four numbers.
///
/// `1 / 0` counts as 0: a pair of boxes without area has IoU 0.
pub fn evaluate<P: Prim>(
    similarity: Similarity,
    format: BoxFormat,
    a: &[[P; 4]],
    b: &[[P; 4]],
    to: &mut [P],
) -> Result<()> {
    if to.len() != a.len() * b.len() {
        return Err(Error::Layout {
            argument: "values",
            reason: format!("{} numbers for {} × {} pairs", to.len(), a.len(), b.len()),
        });
    }
    if b.is_empty() {
        return Ok(());
    }
    // The second boxes number by number, so that a vector holds one number of many boxes.
    let columns: [Vec<P>; 4] = [0, 1, 2, 3].map(|d| b.iter().map(|row| row[d]).collect());
    let rows = LEAST.div_ceil(b.len());
    let work = |(block, to): (usize, &mut [P])| {
        for (row, to) in to.chunks_mut(b.len()).enumerate() {
            dispatch(Row {
                similarity,
                ends: Ends::from(format),
                a: a[block * rows + row],
                b: &columns,
                to,
            });
        }
    };
    if a.len() <= rows {
        work((0, to));
    } else {
        to.par_chunks_mut(rows * b.len()).enumerate().for_each(work);
    }
    Ok(())
}

/// One box against many.
struct Row<'a, P> {
    similarity: Similarity,
    ends: Ends,
    a: [P; 4],
    b: &'a [Vec<P>; 4],
    to: &'a mut [P],
}

impl<P: Prim> Task for Row<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.to.len();
        let [x0, x1, x2, x3] = self.b;
        let (x0, x1, x2, x3) = (&x0[..n], &x1[..n], &x2[..n], &x3[..n]);
        let new = <P::Lane<I> as Real>::new;
        let a = [
            new(self.a[0]),
            new(self.a[1]),
            new(self.a[2]),
            new(self.a[3]),
        ];
        let zero = P::Lane::<I>::zero();
        let least = P::Lane::<I>::of(1e-37);
        let is_generalised = self.similarity == Similarity::Giou;
        for i in 0..n {
            let b = [new(x0[i]), new(x1[i]), new(x2[i]), new(x3[i])];
            let [x, y] = self.ends.axes(a, b);
            let (x, y) = (x.extent(), y.extent());
            let overlap = Overlap::new(&x, &y, zero);
            let is_empty = overlap.union <= zero;
            let iou = P::Lane::<I>::select(is_empty, zero, overlap.iou);
            let hull = x.hull * y.hull;
            let empty = (hull - overlap.union) / hull.at_least(least);
            let penalty = P::Lane::<I>::select(is_generalised, empty, zero);
            self.to[i] = (iou - penalty).get();
        }
    }
}
