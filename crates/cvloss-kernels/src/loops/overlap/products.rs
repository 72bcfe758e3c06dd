//! Channels by themselves against targets of 0 and 1: `p (1 − p)` is all that a gradient needs of a point.

use crate::labels::Target;
use crate::loops::softmax::{PIXELS, WHOLE, whole_len};
use crate::loops::sum::{LANES, Lanes, Sums};
use crate::math::{Odds, Real};
use crate::scalar::{DType, Prim};
use crate::simd::{Isa, Task, dispatch};
use crate::view::ViewMut;

use super::{Activation, Block, ItemSlopes, ItemSums};

/// Rows as they lie, from end to end: no tile, and nothing of what is done once per tile.
impl Block<'_> {
    /// The sums of every item, and products in `stash` if there is one. None where a row cannot be read or written as it
    /// lies, or a target is neither 0 nor 1, or points have weights: tiles serve all.
    pub(super) fn sum_rows(&self, mut stash: Option<&mut ViewMut<'_>>) -> Option<Vec<ItemSums>> {
        let [items, classes, space] = self.input.shape();
        let Target::Soft(target) = &self.target else {
            return None;
        };
        let is_single = self.input.dtype() == DType::F32 && target.dtype() == DType::F32;
        if !is_single
            || self.options.activation != Activation::Sigmoid
            || !self.options.is_plain()
            || self.weight.is_some()
            || !space.is_multiple_of(WHOLE)
        {
            return None;
        }
        let mut all = Vec::with_capacity(items);
        for n in 0..items {
            let mut found = ItemSums::empty(classes);
            found.points = space as f64;
            found.mass.add_ones(space);
            for (c, sums) in found.classes.iter_mut().enumerate() {
                let logits = self.input.row::<f32>(n, c, 0, space)?;
                let target = target.row::<f32>(n, c, 0, space)?;
                let is_hard = match &mut stash {
                    Some(stash) => dispatch(Products {
                        logits,
                        target,
                        products: stash.row(n, c, 0, space)?,
                        sums,
                    }),
                    None => are_hard(logits, target, sums),
                };
                if !is_hard {
                    return None;
                }
            }
            all.push(found);
        }
        Some(all)
    }
}

/// As [`Products`], which are of no use.
fn are_hard(logits: &[f32], target: &[f32], sums: &mut [Lanes; 3]) -> bool {
    let mut unused = [0.0; PIXELS];
    let mut parts = logits.chunks(PIXELS).zip(target.chunks(PIXELS));
    parts.all(|(logits, target)| {
        let products = &mut unused[..logits.len()];
        dispatch(Products {
            logits,
            target,
            products,
            sums: &mut *sums,
        })
    })
}

/// [`Left::Products`](super::rows::Left::Products) of a row, and what it adds to sums. Says whether each target is 0 or 1: if
/// not, they are of no use, and sums are as they were.
pub(super) struct Products<'a, P> {
    pub(super) logits: &'a [P],
    pub(super) target: &'a [P],
    pub(super) products: &'a mut [P],
    pub(super) sums: &'a mut [Lanes; 3],
}

impl<P: Prim> Task for Products<'_, P> {
    type Prim = P;
    type Output = bool;
    #[inline(always)]
    fn run<I: Isa>(self) -> bool {
        let mut found = *self.sums;
        let rows = self.logits.chunks(PIXELS).zip(self.target.chunks(PIXELS));
        for ((logits, t), products) in rows.zip(self.products.chunks_mut(PIXELS)) {
            if !leave_short::<P::Lane<I>>(logits, t, products, &mut found) {
                return false;
            }
        }
        *self.sums = found;
        true
    }
}

/// The gradient of each item in place of its products.
pub(super) fn pull_rows(view: &mut ViewMut<'_>, slopes: &[ItemSlopes], scale: f64) {
    let [items, _, space] = view.shape();
    for (n, item) in slopes.iter().enumerate().take(items) {
        for (c, slopes) in item.hard(scale).into_iter().enumerate() {
            // It lends rows: products were left in them.
            if let Some(row) = view.row::<f32>(n, c, 0, space) {
                dispatch(PullRow { row, slopes });
            }
        }
    }
}

/// Slopes in place of a row of products.
pub(super) struct PullRow<'a, P> {
    pub(super) row: &'a mut [P],
    /// `∂L/∂p` where the target is 1 and where it is 0.
    pub(super) slopes: [P; 2],
}

impl<P: Prim> Task for PullRow<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let [own, other] = self.slopes.map(P::Lane::<I>::new);
        let minus_own = -own;
        let n = whole_len(self.row.len());
        for x in &mut self.row[..n] {
            let product = P::Lane::<I>::new(*x);
            let slope = Real::select(product.is_negative(), minus_own, other);
            *x = (product * slope).get();
        }
    }
}

/// As [`Products`], so few that `R` does for sums.
#[inline(always)]
fn leave_short<R: Real>(
    logits: &[R::Prim],
    t: &[R::Prim],
    products: &mut [R::Prim],
    into: &mut [Lanes; 3],
) -> bool {
    let lanes = into.each_mut().map(Lanes::as_mut);
    if let Some(is_fit) = R::Prim::sigmoid_products(logits, t, products, lanes) {
        return is_fit;
    }
    let [logits, t] = [logits, t].map(|row| row.as_chunks::<LANES>().0);
    let products = products.as_chunks_mut::<LANES>().0;
    let mut sums = Sums::<R>::new();
    let mut unfit = [0; LANES];
    for ((logits, t), products) in logits.iter().zip(t).zip(products) {
        // Copies, which nothing else can point to: sums stay in registers.
        let (logits, t) = (*logits, *t);
        let mut block = [R::Prim::default(); LANES];
        for k in 0..LANES {
            let (Odds { p, q }, far) = Odds::near(R::new(logits[k]));
            let t = R::new(t[k]);
            unfit[k] |= far | t.mul_add(t, -t).mark();
            block[k] = (p * q).negated_by(t).get();
            sums.add_product(k, p, t);
        }
        *products = block;
    }
    if unfit != [0; LANES] {
        return false;
    }
    sums.widen(into);
    true
}
