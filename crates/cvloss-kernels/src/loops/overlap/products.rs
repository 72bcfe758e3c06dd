//! Channels by themselves against targets of 0 and 1: `p (1 − p)` is all that a gradient needs of a point.

use crate::labels::Target;
use crate::loops::softmax::{PIXELS, WHOLE, whole_len};
use crate::loops::sum::{LANES, Lanes, Sums};
use crate::math::{Odds, Real};
use crate::scalar::{DType, Prim};
use crate::simd::{Isa, Task, dispatch};
use crate::view::ViewMut;

use super::{Activation, Block, Intersection, ItemSums};

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
        let is_plain = self.options.intersection == Intersection::Product && !self.options.squared;
        if !is_single
            || self.options.activation != Activation::Sigmoid
            || !is_plain
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
                let products = match &mut stash {
                    Some(stash) => Some(stash.row::<f32>(n, c, 0, space)?),
                    None => None,
                };
                let row = Row {
                    logits: self.input.row(n, c, 0, space)?,
                    target: target.row(n, c, 0, space)?,
                    products,
                    sums,
                };
                if !dispatch(row) {
                    return None;
                }
            }
            all.push(found);
        }
        Some(all)
    }
}

/// A row of the first sweep. Says whether each target is 0 or 1: if not, what it leaves is of no use.
struct Row<'a> {
    logits: &'a [f32],
    target: &'a [f32],
    products: Option<&'a mut [f32]>,
    sums: &'a mut [Lanes; 3],
}

impl Task for Row<'_> {
    type Prim = f32;
    type Output = bool;
    #[inline(always)]
    fn run<I: Isa>(self) -> bool {
        let Self {
            logits,
            target,
            products,
            sums,
        } = self;
        let Some(products) = products else {
            let mut unused = [0.0; PIXELS];
            for (logits, target) in logits.chunks(PIXELS).zip(target.chunks(PIXELS)) {
                let unused = &mut unused[..logits.len()];
                if !leave_products::<I::F32>(logits, target, unused, sums) {
                    return false;
                }
            }
            return true;
        };
        leave_products::<I::F32>(logits, target, products, sums)
    }
}

/// The gradient in place of products, given `∂L/∂p` of each item and class, where the target is 1 and where it is 0.
pub(super) fn pull_rows<P: Prim>(view: &mut ViewMut<'_>, slopes: &[Vec<[P; 2]>]) {
    let space = view.shape()[2];
    for (n, item) in slopes.iter().enumerate() {
        for (c, slopes) in item.iter().enumerate() {
            if let Some(row) = view.row::<P>(n, c, 0, space) {
                dispatch(PullRow {
                    row,
                    slopes: *slopes,
                });
            }
        }
    }
}

/// A row of the second sweep.
struct PullRow<'a, P> {
    row: &'a mut [P],
    slopes: [P; 2],
}

impl<P: Prim> Task for PullRow<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let [own, other] = self.slopes.map(P::Lane::<I>::new);
        from_products(-own, other, self.row);
    }
}

/// [`Left::Products`](super::rows::Left::Products), and what a row adds to sums. Says whether each target is 0 or 1: if not,
/// they are of no use.
#[inline(always)]
pub(super) fn leave_products<R: Real>(
    logits: &[R::Prim],
    t: &[R::Prim],
    products: &mut [R::Prim],
    into: &mut [Lanes; 3],
) -> bool {
    let mut found = *into;
    let rows = logits.chunks(PIXELS).zip(t.chunks(PIXELS));
    for ((logits, t), products) in rows.zip(products.chunks_mut(PIXELS)) {
        if !leave_short::<R>(logits, t, products, &mut found) {
            return false;
        }
    }
    *into = found;
    true
}

/// As [`leave_products`] of so few that `R` does for sums.
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

/// Slopes in place of [`Left::Products`](super::rows::Left::Products).
#[inline(always)]
pub(super) fn from_products<R: Real>(minus_own: R, other: R, row: &mut [R::Prim]) {
    let n = whole_len(row.len());
    for x in &mut row[..n] {
        let product = R::new(*x);
        *x = (product * R::select(product.is_negative(), minus_own, other)).get();
    }
}
