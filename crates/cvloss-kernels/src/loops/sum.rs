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
    total(&lanes)
}

/// Adds the lanes by halves, in `f64`.
#[inline(always)]
fn total<P: Prim>(lanes: &[P; LANES]) -> f64 {
    let mut wide = [0.0; LANES];
    for (wide, lane) in wide.iter_mut().zip(lanes) {
        *wide = lane.to_f64();
    }
    for width in [8, 4, 2, 1] {
        for i in 0..width {
            wide[i] += wide[i + width];
        }
    }
    wide[0]
}

/// Sums a row in place, halving it: loops that the compiler vectorises, which it does not do to a plain sum.
#[inline(always)]
fn sum_in_place<R: Real>(row: &mut [R::Prim]) -> f64 {
    let mut len = row.len();
    while len > LANES {
        let half = len.div_ceil(2 * LANES) * LANES;
        let (low, high) = row[..len].split_at_mut(half);
        let low = &mut low[..high.len()];
        for i in 0..high.len() {
            low[i] = (R::new(low[i]) + R::new(high[i])).get();
        }
        len = half;
    }
    let mut lanes = [R::Prim::default(); LANES];
    for (lane, x) in lanes.iter_mut().zip(&row[..len]) {
        *lane = *x;
    }
    total(&lanes)
}

/// A row's quarters, whose length is a multiple of [`LANES`], and what is left.
#[inline(always)]
fn quarters<P>(row: &[P]) -> ([&[P]; 4], &[P]) {
    let len = row.len() / (4 * LANES) * LANES;
    let (a, row) = row.split_at(len);
    let (b, row) = row.split_at(len);
    let (c, row) = row.split_at(len);
    let (d, row) = row.split_at(len);
    ([a, b, c, d], row)
}

/// `[Σ p w where label = class, Σ p w, Σ w where label = class]` with rows of their length as work memory.
#[inline(always)]
pub(crate) fn class_sums<R: Real>(
    p: &[R::Prim],
    w: &[R::Prim],
    labels: &[R::Prim],
    class: R::Prim,
    [own, all, count]: [&mut [R::Prim]; 3],
) -> [f64; 3] {
    let (p, p_rest) = quarters(p);
    let (w, w_rest) = quarters(w);
    let (labels, labels_rest) = quarters(labels);
    let n = p[0].len();
    let len = n + p_rest.len();
    let (own, all, count) = (&mut own[..len], &mut all[..len], &mut count[..len]);
    for i in 0..n {
        let mut sum = [R::zero(); 3];
        for k in 0..4 {
            add_class(
                &mut sum,
                R::new(p[k][i]),
                R::new(w[k][i]),
                labels[k][i] == class,
            );
        }
        [own[i], all[i], count[i]] = [sum[0].get(), sum[1].get(), sum[2].get()];
    }
    for (i, ((p, w), label)) in p_rest.iter().zip(w_rest).zip(labels_rest).enumerate() {
        let mut sum = [R::zero(); 3];
        add_class(&mut sum, R::new(*p), R::new(*w), *label == class);
        [own[n + i], all[n + i], count[n + i]] = [sum[0].get(), sum[1].get(), sum[2].get()];
    }
    [
        sum_in_place::<R>(own),
        sum_in_place::<R>(all),
        sum_in_place::<R>(count),
    ]
}

#[inline(always)]
fn add_class<R: Real>([own, all, count]: &mut [R; 3], p: R, w: R, is_own: bool) {
    let term = p * w;
    *all += term;
    *own += R::select(is_own, term, R::zero());
    *count += R::select(is_own, w, R::zero());
}

/// `[Σ p t w, Σ p w, Σ t w]` with rows of their length as work memory.
#[inline(always)]
pub(crate) fn plain_sums<R: Real>(
    p: &[R::Prim],
    t: &[R::Prim],
    w: &[R::Prim],
    [both, ps, ts]: [&mut [R::Prim]; 3],
) -> [f64; 3] {
    let (p, p_rest) = quarters(p);
    let (t, t_rest) = quarters(t);
    let (w, w_rest) = quarters(w);
    let n = p[0].len();
    let len = n + p_rest.len();
    let (both, ps, ts) = (&mut both[..len], &mut ps[..len], &mut ts[..len]);
    for i in 0..n {
        let mut sum = [R::zero(); 3];
        for k in 0..4 {
            add_plain(&mut sum, R::new(p[k][i]), R::new(t[k][i]), R::new(w[k][i]));
        }
        [both[i], ps[i], ts[i]] = [sum[0].get(), sum[1].get(), sum[2].get()];
    }
    for (i, ((p, t), w)) in p_rest.iter().zip(t_rest).zip(w_rest).enumerate() {
        let mut sum = [R::zero(); 3];
        add_plain(&mut sum, R::new(*p), R::new(*t), R::new(*w));
        [both[n + i], ps[n + i], ts[n + i]] = [sum[0].get(), sum[1].get(), sum[2].get()];
    }
    [
        sum_in_place::<R>(both),
        sum_in_place::<R>(ps),
        sum_in_place::<R>(ts),
    ]
}

#[inline(always)]
fn add_plain<R: Real>([both, ps, ts]: &mut [R; 3], p: R, t: R, w: R) {
    let pw = p * w;
    *both = pw.mul_add(t, *both);
    *ps += pw;
    *ts = t.mul_add(w, *ts);
}
