//! Sums in independent lanes, combined in `f64`.
//!
//! Rows are taken in blocks of [`LANES`]: arrays of a fixed size stay in registers and add up as vectors, which a plain
//! sum does not.

use crate::loops::softmax::PIXELS;
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task};

/// Accumulators side by side.
pub(crate) use crate::simd::LANES;

/// Sums a short row (a tile), in an order that depends on its length alone.
#[inline(always)]
pub(crate) fn sum<R: Real>(row: &[R::Prim]) -> f64 {
    let mut sum = Lanes::default();
    sum.add::<R>(row);
    sum.total()
}

/// [`sum`].
pub(crate) struct Total<'a, P>(pub(crate) &'a [P]);

impl<P: Prim> Task for Total<'_, P> {
    type Prim = P;
    type Output = f64;
    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        sum::<P::Lane<I>>(self.0)
    }
}

/// A sum that grows row by row, in an order that depends on their lengths alone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lanes([f64; LANES]);

impl Lanes {
    /// Adds the numbers of a row.
    #[inline(always)]
    pub(crate) fn add<R: Real>(&mut self, row: &[R::Prim]) {
        for row in row.chunks(PIXELS) {
            let mut sum = [R::zero(); LANES];
            let (blocks, rest) = row.as_chunks::<LANES>();
            for block in blocks {
                add_block(&mut sum, block);
            }
            if !rest.is_empty() {
                add_block(&mut sum, &pad(rest, R::Prim::default()));
            }
            self.widen(sum);
        }
    }

    /// Adds `count` ones.
    pub(crate) fn add_ones(&mut self, count: usize) {
        self.0[0] += count as f64;
    }

    /// The accumulators.
    #[inline(always)]
    pub(crate) fn as_mut(&mut self) -> &mut [f64; LANES] {
        &mut self.0
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

#[inline(always)]
fn add_block<R: Real>(sum: &mut [R; LANES], block: &[R::Prim; LANES]) {
    for k in 0..LANES {
        sum[k] += R::new(block[k]);
    }
}

/// Adds `[Σ p w where label = class, Σ p w, Σ w where label = class]` of a tile's rows, with `p = e f`. Unless `WEIGHTED`,
/// each `w` is 1.
#[inline(always)]
pub(crate) fn add_class<R: Real, const WEIGHTED: bool>(
    into: &mut [Lanes; 3],
    rows: [&[R::Prim]; 4],
    class: R::Prim,
) {
    let mut sums = Sums::<R>::new();
    let [e, f, w, labels] = rows.map(|row| row.as_chunks::<LANES>().0);
    for (((e, f), w), labels) in e.iter().zip(f).zip(w).zip(labels) {
        // Copies, which nothing else can point to: sums stay in registers.
        let (e, f, w, labels) = (*e, *f, *w, *labels);
        for k in 0..LANES {
            let own = |x| R::select(labels[k] == class, x, R::zero());
            let w = if WEIGHTED { R::new(w[k]) } else { R::one() };
            let (e, f) = (R::new(e[k]), R::new(f[k]) * w);
            sums.both[k] = own(e).mul_add(f, sums.both[k]);
            sums.p[k] = e.mul_add(f, sums.p[k]);
            sums.t[k] += own(w);
        }
    }
    sums.widen(into);
}

/// Adds `[Σ p t w, Σ p w, Σ t w]` of a tile's rows.
#[inline(always)]
pub(crate) fn add_plain<R: Real>(into: &mut [Lanes; 3], rows: [&[R::Prim]; 3]) {
    let mut sums = Sums::<R>::new();
    let [p, t, w] = rows.map(|row| row.as_chunks::<LANES>().0);
    for ((p, t), w) in p.iter().zip(t).zip(w) {
        let (p, t, w) = (*p, *t, *w);
        for k in 0..LANES {
            let w = R::new(w[k]);
            let (p, t) = (R::new(p[k]) * w, R::new(t[k]));
            sums.both[k] = p.mul_add(t, sums.both[k]);
            sums.p[k] += p;
            sums.t[k] = t.mul_add(w, sums.t[k]);
        }
    }
    sums.widen(into);
}

/// The end of a row as a block: an index that is known only at run time would keep sums in memory.
#[inline(always)]
fn pad<P: Prim, const N: usize>(rest: &[P], with: P) -> [P; N] {
    let mut block = [with; N];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// Three sums that grow together.
pub(crate) struct Sums<R> {
    both: [R; LANES],
    p: [R; LANES],
    t: [R; LANES],
}

impl<R: Real> Sums<R> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        let zeros = [R::zero(); LANES];
        Self {
            both: zeros,
            p: zeros,
            t: zeros,
        }
    }

    /// Adds `[p t, p, t]`.
    #[inline(always)]
    pub(crate) fn add_product(&mut self, k: usize, p: R, t: R) {
        self.both[k] = p.mul_add(t, self.both[k]);
        self.p[k] += p;
        self.t[k] += t;
    }

    #[inline(always)]
    pub(crate) fn widen(self, into: &mut [Lanes; 3]) {
        into[0].widen(self.both);
        into[1].widen(self.p);
        into[2].widen(self.t);
    }
}
