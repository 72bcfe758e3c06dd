//! A tile of pairs, and the loops over it.

use crate::loops::sum::sum;
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

use super::{Over, Pair};

/// Pairs that a formula sees at a time.
pub(super) const TILE: usize = 128;

/// Some pairs, number by number, so that a vector holds one number of many pairs; what is beyond the last pair is of no
/// use. Loops over all of it have a length that the compiler knows: no rest, which would be compiled once more.
pub(super) struct Tile<P, const D: usize> {
    boxes: [[[P; TILE]; D]; 2],
    pub(super) weights: [P; TILE],
    /// What slopes are multiplied by.
    pub(super) scales: [P; 2],
    pub(super) values: [P; TILE],
    slopes: [[[P; TILE]; D]; 2],
}

impl<P: Prim, const D: usize> Tile<P, D> {
    pub(super) fn new() -> Self {
        let zeros = [[[P::default(); TILE]; D]; 2];
        Self {
            boxes: zeros,
            weights: [P::of(1.0); TILE],
            scales: [P::default(); 2],
            values: [P::default(); TILE],
            slopes: zeros,
        }
    }

    /// Pair `i`.
    #[inline(always)]
    fn boxes_at<R: Real<Prim = P>>(&self, i: usize) -> [[R; D]; 2] {
        [at(&self.boxes[0], i), at(&self.boxes[1], i)]
    }

    pub(super) fn evaluate<F: Pair<D>>(&mut self, formula: F, both: bool) {
        let tile = self;
        if P::IS_WIDE && !both {
            dispatch(Eval::<_, _, D, false> { formula, tile });
        } else {
            dispatch(Eval::<_, _, D, true> { formula, tile });
        }
    }

    pub(super) fn evaluate_over<U: Pair<D>, F: Over<D>>(&mut self, under: U, formula: F) {
        let tile = self;
        dispatch(Under {
            formula: under,
            tile: &mut *tile,
        });
        dispatch(EvalOver { formula, tile });
    }
}

/// A formula over a tile. `BOTH`: with slopes with respect to the second box.
struct Eval<'a, F, P, const D: usize, const BOTH: bool> {
    formula: F,
    tile: &'a mut Tile<P, D>,
}

impl<F: Pair<D>, P: Prim, const D: usize, const BOTH: bool> Task for Eval<'_, F, P, D, BOTH> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        each::<F, P::Lane<I>, D, BOTH>(self.formula, self.tile);
    }
}

#[inline(always)]
fn each<F: Pair<D>, R: Real, const D: usize, const BOTH: bool>(
    formula: F,
    tile: &mut Tile<R::Prim, D>,
) {
    let scales = tile.scales.map(R::new);
    for i in 0..TILE {
        let [a, b] = tile.boxes_at::<R>(i);
        let w = R::new(tile.weights[i]);
        let (value, [first, second]) = formula.eval(a, b);
        tile.values[i] = (value * w).get();
        let (first_scale, second_scale) = (w * scales[0], w * scales[1]);
        for d in 0..D {
            tile.slopes[0][d][i] = (first[d] * first_scale).get();
            if BOTH {
                tile.slopes[1][d][i] = (second[d] * second_scale).get();
            }
        }
    }
}

/// A formula over a tile, for another over it: neither weighed nor scaled.
struct Under<'a, F, P, const D: usize> {
    formula: F,
    tile: &'a mut Tile<P, D>,
}

impl<F: Pair<D>, P: Prim, const D: usize> Task for Under<'_, F, P, D> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let Self { formula, tile } = self;
        for i in 0..TILE {
            let [a, b] = tile.boxes_at::<P::Lane<I>>(i);
            let (value, slopes) = formula.eval(a, b);
            tile.values[i] = value.get();
            for k in 0..2 {
                for d in 0..D {
                    tile.slopes[k][d][i] = slopes[k][d].get();
                }
            }
        }
    }
}

/// A formula over what [`Under`] left in the tile.
struct EvalOver<'a, F, P, const D: usize> {
    formula: F,
    tile: &'a mut Tile<P, D>,
}

impl<F: Over<D>, P: Prim, const D: usize> Task for EvalOver<'_, F, P, D> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let Self { formula, tile } = self;
        let scales = tile.scales.map(P::Lane::<I>::new);
        for i in 0..TILE {
            let [a, b] = tile.boxes_at::<P::Lane<I>>(i);
            let under = P::Lane::<I>::new(tile.values[i]);
            let of_under = [0, 1].map(|k| at(&tile.slopes[k], i));
            let (value, slopes) = formula.eval(a, b, under, of_under);
            let w = P::Lane::<I>::new(tile.weights[i]);
            tile.values[i] = (value * w).get();
            for k in 0..2 {
                let scale = w * scales[k];
                for d in 0..D {
                    tile.slopes[k][d][i] = (slopes[k][d] * scale).get();
                }
            }
        }
    }
}

/// The numbers of pair `i`.
#[inline(always)]
fn at<R: Real, const D: usize>(rows: &[[R::Prim; TILE]; D], i: usize) -> [R; D] {
    std::array::from_fn(|d| R::new(rows[d][i]))
}

/// Boxes as they lie in memory, into a tile.
pub(super) struct Spread<'a, P, const D: usize> {
    pub(super) rows: [&'a [P]; 2],
    pub(super) tile: &'a mut Tile<P, D>,
}

impl<P: Prim, const D: usize> Task for Spread<'_, P, D> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        for (rows, columns) in self.rows.into_iter().zip(&mut self.tile.boxes) {
            let (rows, _) = rows.as_chunks::<D>();
            let n = rows.len().min(TILE);
            let rows = &rows[..n];
            for i in 0..n {
                for d in 0..D {
                    columns[d][i] = rows[i][d];
                }
            }
        }
    }
}

/// Slopes as boxes lie in memory, out of a tile; the sum of the values of its first `len` pairs.
pub(super) struct Collect<'a, P, const D: usize> {
    pub(super) tile: &'a Tile<P, D>,
    pub(super) len: usize,
    pub(super) rows: [Option<&'a mut [P]>; 2],
}

impl<P: Prim, const D: usize> Task for Collect<'_, P, D> {
    type Prim = P;
    type Output = f64;
    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        let Self { tile, len, rows } = self;
        for (columns, rows) in tile.slopes.iter().zip(rows) {
            let Some(rows) = rows else {
                continue;
            };
            let (rows, _) = rows.as_chunks_mut::<D>();
            let n = rows.len().min(TILE);
            let rows = &mut rows[..n];
            for i in 0..n {
                for d in 0..D {
                    rows[i][d] = columns[d][i];
                }
            }
        }
        sum::<P::Lane<I>>(&tile.values[..len])
    }
}
