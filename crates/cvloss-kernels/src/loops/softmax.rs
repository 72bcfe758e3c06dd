//! Tiles of a softmax over a strided class axis: a block of pixels, all classes, in cache.

use crate::math::Real;
use crate::parallel;
use crate::scalar::Prim;
use crate::view::{View, ViewMut};

/// The most pixels in a tile.
pub(crate) const PIXELS: usize = 512;
/// Elements in a tile, where there are few enough classes: half of a first-level cache.
const ELEMENTS: usize = 8 * 1024;
/// The least number of elements worth a thread.
const LEAST: usize = 16 * 1024;

/// Pixels per tile for so many classes.
pub(crate) fn tile_pixels(classes: usize) -> usize {
    let fit = ELEMENTS / classes.max(1);
    (fit / 16 * 16).clamp(16, PIXELS)
}

/// Items per piece and pixels per piece, from the shape alone.
pub(crate) fn pieces(shape: [usize; 3]) -> (usize, usize) {
    let [items, classes, space] = shape;
    let classes = classes.max(1);
    let pixels = parallel::piece_len(items * space, tile_pixels(classes), LEAST.div_ceil(classes));
    if pixels >= space {
        ((pixels / space.max(1)).max(1), space.max(1))
    } else {
        (1, pixels)
    }
}

/// Cuts a view into pieces of so many items and pixels, pixels fastest.
pub(crate) fn cut<'a>(view: View<'a>, (items, pixels): (usize, usize)) -> Vec<View<'a>> {
    let rows = view.split(0, items);
    rows.into_iter()
        .flat_map(|row| row.split(2, pixels))
        .collect()
}

/// As [`cut`].
pub(crate) fn cut_mut<'a>(view: ViewMut<'a>, (items, pixels): (usize, usize)) -> Vec<ViewMut<'a>> {
    let rows = view.split(0, items);
    rows.into_iter()
        .flat_map(|row| row.split(2, pixels))
        .collect()
}

/// A block of pixels, class by class: `rows[c * stride + pixel]`.
pub(crate) struct Tile<'a, P> {
    pub(crate) rows: &'a mut [P],
    pub(crate) stride: usize,
    pub(crate) pixels: usize,
}

impl<P: Prim> Tile<'_, P> {
    /// Copies `pixels` logits from `start` on, of every class of item `n`.
    pub(crate) fn load(&mut self, view: &View<'_>, n: usize, start: usize) {
        for (c, row) in self.rows.chunks_exact_mut(self.stride).enumerate() {
            view.read_row(n, c, start, &mut row[..self.pixels]);
        }
    }

    /// Stores every class row, converted, or adds it to what is there.
    pub(crate) fn store(&self, view: &mut ViewMut<'_>, n: usize, start: usize, accumulate: bool) {
        for (c, row) in self.rows.chunks_exact(self.stride).enumerate() {
            view.write_row(n, c, start, &row[..self.pixels], accumulate);
        }
    }

    /// The rows of the classes in order.
    #[inline(always)]
    pub(crate) fn classes(&mut self) -> impl Iterator<Item = &mut [P]> {
        let pixels = self.pixels;
        self.rows
            .chunks_exact_mut(self.stride)
            .map(move |row| &mut row[..pixels])
    }

    /// Replaces logits by `exp(logit − largest)`, class by class; `visit` sees the class, the shifted logits `d` and the
    /// exponentials. `largest` and `d` are work rows.
    #[inline(always)]
    pub(crate) fn exponentiate<R: Real<Prim = P>>(
        &mut self,
        largest: &mut [P],
        d: &mut [P],
        mut visit: impl FnMut(usize, &[P], &[P]),
    ) {
        let n = self.pixels;
        let (largest, d) = (&mut largest[..n], &mut d[..n]);
        largest.fill(P::of(f64::NEG_INFINITY));
        for row in self.classes() {
            for i in 0..n {
                largest[i] = R::new(largest[i]).at_least(R::new(row[i])).get();
            }
        }
        for (c, row) in self.classes().enumerate() {
            for i in 0..n {
                let x = R::new(row[i]) - R::new(largest[i]);
                d[i] = x.get();
                row[i] = x.exp().get();
            }
            visit(c, d, row);
        }
    }
}
