//! Sums in independent lanes, combined in `f64`.
//!
//! Rows are taken in blocks of [`LANES`]: arrays of a fixed size stay in registers and add up as vectors, which a plain
//! sum does not.

use crate::labels::IGNORED;
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task};

/// Accumulators side by side: an AVX-512 register of `f32`.
const LANES: usize = 16;

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
    /// Adds the numbers of a short row.
    #[inline(always)]
    pub(crate) fn add<R: Real>(&mut self, row: &[R::Prim]) {
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

    /// Adds `count` ones.
    pub(crate) fn add_ones(&mut self, count: usize) {
        self.0[0] += count as f64;
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

/// Elements that are added up before they meet the accumulators, which LLVM keeps in memory: it is there that a loop
/// waits for itself.
const BLOCK: usize = 4 * LANES;

/// Adds `[Σ p w where label = class, Σ p w, Σ w where label = class]` of short rows of whole blocks, with `p = e f`. Unless
/// `WEIGHTED`, each `w` is 1.
#[inline(always)]
pub(crate) fn add_class<R: Real, const WEIGHTED: bool>(
    into: &mut [Lanes; 3],
    rows: [&[R::Prim]; 4],
    class: R::Prim,
) {
    let mut sums = Sums::<R>::new();
    let [e, f, w, labels] = rows.map(|row| row.as_chunks::<BLOCK>().0);
    for (((e, f), w), labels) in e.iter().zip(f).zip(w).zip(labels) {
        sums.add_class::<WEIGHTED>([e, f, w, labels], class);
    }
    let [(_, e), (_, f), (_, w), (_, labels)] = rows.map(<[R::Prim]>::as_chunks::<BLOCK>);
    if !e.is_empty() {
        let [e, f, w] = [e, f, w].map(|rest| pad(rest, R::Prim::default()));
        let labels = pad(labels, R::Prim::of(IGNORED));
        sums.add_class::<WEIGHTED>([&e, &f, &w, &labels], class);
    }
    sums.widen(into);
}

/// Adds `[Σ p t w, Σ p w, Σ t w]` of short rows. Unless `WEIGHTED`, each `w` is 1.
#[inline(always)]
pub(crate) fn add_plain<R: Real, const WEIGHTED: bool>(
    into: &mut [Lanes; 3],
    [p, t, w]: [&[R::Prim]; 3],
) {
    let mut sums = Sums::<R>::new();
    let [(p, p_rest), (t, t_rest), (w, w_rest)] = [p, t, w].map(<[R::Prim]>::as_chunks::<BLOCK>);
    for ((p, t), w) in p.iter().zip(t).zip(w) {
        sums.add_plain::<WEIGHTED>([p, t, w]);
    }
    if !p_rest.is_empty() {
        let [p, t, w] = [p_rest, t_rest, w_rest].map(|rest| pad(rest, R::Prim::default()));
        sums.add_plain::<WEIGHTED>([&p, &t, &w]);
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

/// Vectors that straddle cache lines would wait longer for themselves.
#[repr(align(64))]
struct Sums<R> {
    both: [R; LANES],
    p: [R; LANES],
    t: [R; LANES],
}

impl<R: Real> Sums<R> {
    #[inline(always)]
    fn new() -> Self {
        let zeros = [R::zero(); LANES];
        Self {
            both: zeros,
            p: zeros,
            t: zeros,
        }
    }

    #[inline(always)]
    fn add_class<const WEIGHTED: bool>(
        &mut self,
        [e, f, w, labels]: [&[R::Prim; BLOCK]; 4],
        class: R::Prim,
    ) {
        for k in 0..LANES {
            let [mut both, mut p, mut t] = [R::zero(); 3];
            for j in 0..BLOCK / LANES {
                let i = j * LANES + k;
                let own = |x| R::select(labels[i] == class, x, R::zero());
                let w = if WEIGHTED { R::new(w[i]) } else { R::one() };
                let (e, f) = (R::new(e[i]), R::new(f[i]) * w);
                both = own(e).mul_add(f, both);
                p = e.mul_add(f, p);
                t += own(w);
            }
            self.both[k] += both;
            self.p[k] += p;
            self.t[k] += t;
        }
    }

    #[inline(always)]
    fn add_plain<const WEIGHTED: bool>(&mut self, [p, t, w]: [&[R::Prim; BLOCK]; 3]) {
        for k in 0..LANES {
            let mut terms = [[R::zero(); 3]; BLOCK / LANES];
            for (j, term) in terms.iter_mut().enumerate() {
                let i = j * LANES + k;
                let w = if WEIGHTED { R::new(w[i]) } else { R::one() };
                let (p, t) = (R::new(p[i]) * w, R::new(t[i]));
                *term = [p * t, p, t * w];
            }
            self.add(k, terms);
        }
    }

    #[inline(always)]
    fn add(&mut self, k: usize, [a, b, c, d]: [[R; 3]; 4]) {
        self.both[k] += (a[0] + b[0]) + (c[0] + d[0]);
        self.p[k] += (a[1] + b[1]) + (c[1] + d[1]);
        self.t[k] += (a[2] + b[2]) + (c[2] + d[2]);
    }

    #[inline(always)]
    fn widen(self, into: &mut [Lanes; 3]) {
        into[0].widen(self.both);
        into[1].widen(self.p);
        into[2].widen(self.t);
    }
}
