//! Sums in independent lanes, combined in `f64`.

use crate::math::Real;
use crate::scalar::Prim;

/// Accumulators side by side: an AVX-512 register of `f32`.
const LANES: usize = 16;

/// Sums a short row (a tile): lanes in the row's type, then `f64`, in an order that depends on its length alone.
#[inline(always)]
pub(crate) fn sum<R: Real>(row: &[R::Prim]) -> f64 {
    let mut lanes = [R::Prim::default(); LANES];
    let blocks = row.chunks_exact(LANES);
    let rest = blocks.remainder();
    for block in blocks {
        for (lane, x) in lanes.iter_mut().zip(block) {
            *lane = (R::new(*lane) + R::new(*x)).get();
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane = (R::new(*lane) + R::new(*x)).get();
    }
    total(lanes)
}

/// Adds the lanes by halves, in `f64`.
#[inline(always)]
fn total<P: Prim>(lanes: [P; LANES]) -> f64 {
    let mut wide = lanes.map(P::to_f64);
    for width in [8, 4, 2, 1] {
        for i in 0..width {
            wide[i] += wide[i + width];
        }
    }
    wide[0]
}

/// `[Σ e w where label = class, Σ e w, Σ v where label = class]`, in lanes as [`sum`].
#[inline(always)]
pub(crate) fn class_sums<R: Real>(
    e: &[R::Prim],
    w: &[R::Prim],
    v: &[R::Prim],
    labels: &[R::Prim],
    class: R::Prim,
) -> [f64; 3] {
    let n = e.len();
    let (w, v, labels) = (&w[..n], &v[..n], &labels[..n]);
    let (mut own, mut all, mut count) = (
        [R::Prim::default(); LANES],
        [R::Prim::default(); LANES],
        [R::Prim::default(); LANES],
    );
    let mut at = 0;
    while at < n {
        let width = LANES.min(n - at);
        for lane in 0..width {
            let i = at + lane;
            let term = R::new(e[i]) * R::new(w[i]);
            let is_own = labels[i] == class;
            all[lane] = (R::new(all[lane]) + term).get();
            own[lane] = (R::new(own[lane]) + R::select(is_own, term, R::zero())).get();
            count[lane] = (R::new(count[lane]) + R::select(is_own, R::new(v[i]), R::zero())).get();
        }
        at += LANES;
    }
    [total(own), total(all), total(count)]
}
