//! Sums in independent lanes, combined in `f64`.
//!
//! Rows are taken in blocks of [`LANES`]: arrays of a fixed size stay in registers and add up as vectors, which a plain
//! sum does not.

use crate::math::Real;
use crate::scalar::Prim;

/// Accumulators side by side: an AVX-512 register of `f32`.
const LANES: usize = 16;

/// Sums a short row (a tile), in an order that depends on its length alone.
#[inline(always)]
pub(crate) fn sum<R: Real>(row: &[R::Prim]) -> f64 {
    let mut sum = Lanes::default();
    sum.add::<R>(row);
    sum.total()
}

/// A sum that grows row by row, in an order that depends on their lengths alone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lanes([f64; LANES]);

impl Lanes {
    /// Adds the numbers of a short row.
    #[inline(always)]
    pub(crate) fn add<R: Real>(&mut self, row: &[R::Prim]) {
        let mut sum = [R::zero(); LANES];
        let (blocks, rest) = row.as_chunks::<LANES>();
        for block in blocks {
            for k in 0..LANES {
                sum[k] += R::new(block[k]);
            }
        }
        for (sum, x) in sum.iter_mut().zip(rest) {
            *sum += R::new(*x);
        }
        self.widen(sum);
    }

    #[inline(always)]
    fn widen<R: Real>(&mut self, sum: [R; LANES]) {
        for k in 0..LANES {
            self.0[k] += sum[k].get().to_f64();
        }
    }

    /// All of it.
    #[inline(always)]
    pub(crate) fn total(mut self) -> f64 {
        for width in [8, 4, 2, 1] {
            for k in 0..width {
                self.0[k] += self.0[k + width];
            }
        }
        self.0[0]
    }
}

/// Sets a short row of probabilities `p = e f`, and adds `[Σ p w where label = class, Σ p w, Σ w where label = class]`.
#[inline(always)]
pub(crate) fn add_class<R: Real>(
    into: &mut [Lanes; 3],
    [e, f, w, labels]: [&[R::Prim]; 4],
    class: R::Prim,
    p: &mut [R::Prim],
) {
    let (mut own, mut all, mut count) =
        ([R::zero(); LANES], [R::zero(); LANES], [R::zero(); LANES]);
    let [(e, e_rest), (f, f_rest), (w, w_rest), (labels, labels_rest)] =
        [e, f, w, labels].map(<[R::Prim]>::as_chunks::<LANES>);
    let (p, p_rest) = p.as_chunks_mut::<LANES>();
    for ((((e, f), w), labels), p) in e.iter().zip(f).zip(w).zip(labels).zip(p) {
        for k in 0..LANES {
            let (x, w, is_own) = (
                R::new(e[k]) * R::new(f[k]),
                R::new(w[k]),
                labels[k] == class,
            );
            p[k] = x.get();
            let term = x * w;
            own[k] += R::select(is_own, term, R::zero());
            all[k] += term;
            count[k] += R::select(is_own, w, R::zero());
        }
    }
    for k in 0..p_rest.len().min(LANES) {
        let (x, w) = (R::new(e_rest[k]) * R::new(f_rest[k]), R::new(w_rest[k]));
        let is_own = labels_rest[k] == class;
        p_rest[k] = x.get();
        let term = x * w;
        own[k] += R::select(is_own, term, R::zero());
        all[k] += term;
        count[k] += R::select(is_own, w, R::zero());
    }
    for (into, sum) in into.iter_mut().zip([own, all, count]) {
        into.widen(sum);
    }
}

/// Adds `[Σ p t w, Σ p w, Σ t w]` of short rows.
#[inline(always)]
pub(crate) fn add_plain<R: Real>(into: &mut [Lanes; 3], [p, t, w]: [&[R::Prim]; 3]) {
    let (mut both, mut ps, mut ts) = ([R::zero(); LANES], [R::zero(); LANES], [R::zero(); LANES]);
    let [(p, p_rest), (t, t_rest), (w, w_rest)] = [p, t, w].map(<[R::Prim]>::as_chunks::<LANES>);
    for ((p, t), w) in p.iter().zip(t).zip(w) {
        for k in 0..LANES {
            let (pw, t, w) = (R::new(p[k]) * R::new(w[k]), R::new(t[k]), R::new(w[k]));
            both[k] = pw.mul_add(t, both[k]);
            ps[k] += pw;
            ts[k] = t.mul_add(w, ts[k]);
        }
    }
    for k in 0..p_rest.len().min(LANES) {
        let (t, w) = (R::new(t_rest[k]), R::new(w_rest[k]));
        let pw = R::new(p_rest[k]) * w;
        both[k] = pw.mul_add(t, both[k]);
        ps[k] += pw;
        ts[k] = t.mul_add(w, ts[k]);
    }
    for (into, sum) in into.iter_mut().zip([both, ps, ts]) {
        into.widen(sum);
    }
}
