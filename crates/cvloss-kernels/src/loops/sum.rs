//! Sums in independent lanes, combined in `f64`.

use crate::math::Real;
use crate::scalar::Prim;

/// Accumulators side by side: two AVX-512 registers of `f32`.
const LANES: usize = 32;

/// Sums a short row (a tile): lanes in the row's type, then `f64`, in an order that depends on its length alone.
#[inline(always)]
pub(crate) fn sum<R: Real>(row: &[R::Prim]) -> f64 {
    let mut lanes = [R::zero(); LANES];
    let blocks = row.chunks_exact(LANES);
    let rest = blocks.remainder();
    for block in blocks {
        for (lane, x) in lanes.iter_mut().zip(block) {
            *lane += R::new(*x);
        }
    }
    total(lanes) + rest.iter().map(|x| x.to_f64()).sum::<f64>()
}

/// Halves the lanes while they fill a register, then adds in `f64`.
#[inline(always)]
fn total<R: Real>(mut lanes: [R; LANES]) -> f64 {
    let mut width = LANES;
    while width > 4 {
        width /= 2;
        for i in 0..width {
            let upper = lanes[i + width];
            lanes[i] += upper;
        }
    }
    lanes[..4].iter().map(|lane| lane.get().to_f64()).sum()
}
