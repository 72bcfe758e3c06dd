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

/// Pixels of one item in a row, of every class: where a tile reads.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a, 'i> {
    pub(crate) view: &'a View<'i>,
    pub(crate) n: usize,
    pub(crate) start: usize,
}

impl<'a> Source<'a, '_> {
    /// Class `c`, lent as it is or converted into `buffer`, whose length counts.
    #[inline(always)]
    pub(crate) fn row<'b, P: Prim>(self, c: usize, buffer: &'b mut [P]) -> &'b [P]
    where
        'a: 'b,
    {
        if let Some(row) = self.view.row(self.n, c, self.start, buffer.len()) {
            return row;
        }
        self.view.read_row(self.n, c, self.start, buffer);
        buffer
    }
}

/// Pixels of one item in a row, of every class: where a tile writes.
pub(crate) struct Sink<'a, 'o> {
    pub(crate) view: &'a mut ViewMut<'o>,
    pub(crate) n: usize,
    pub(crate) start: usize,
    pub(crate) accumulate: bool,
}

// Rows are lent and flushed, not filled by a closure: a closure is compiled without the instruction set of its caller.
impl Sink<'_, '_> {
    /// Where class `c` is to be written: in place, or `buffer`, whose length counts. [`flush`](Self::flush) it after.
    #[inline(always)]
    pub(crate) fn row<'b, P: Prim>(&'b mut self, c: usize, buffer: &'b mut [P]) -> &'b mut [P] {
        if self.accumulate {
            return buffer;
        }
        match self.view.row(self.n, c, self.start, buffer.len()) {
            Some(row) => row,
            None => buffer,
        }
    }

    /// Stores `buffer`, unless [`row`](Self::row) lent the place itself.
    #[inline(always)]
    pub(crate) fn flush<P: Prim>(&mut self, c: usize, buffer: &[P]) {
        if self.accumulate || !self.view.lends::<P>() {
            self.view
                .write_row(self.n, c, self.start, buffer, self.accumulate);
        }
    }
}

/// The largest logit of each pixel, into `largest`, whose length counts; NaN where there is one.
#[inline(always)]
pub(crate) fn largest_logits<R: Real>(
    source: Source<'_, '_>,
    classes: usize,
    largest: &mut [R::Prim],
    buffer: &mut [R::Prim],
) {
    let n = largest.len();
    largest.fill(R::Prim::of(f64::NEG_INFINITY));
    for c in 0..classes {
        let row = &source.row(c, &mut buffer[..n])[..n];
        for i in 0..n {
            largest[i] = R::new(largest[i]).at_least(R::new(row[i])).get();
        }
    }
}

/// `e = exp(logit − largest)` of one class.
#[inline(always)]
pub(crate) fn exponentiate<R: Real>(logits: &[R::Prim], largest: &[R::Prim], e: &mut [R::Prim]) {
    let n = e.len();
    let (logits, largest) = (&logits[..n], &largest[..n]);
    for i in 0..n {
        e[i] = (R::new(logits[i]) - R::new(largest[i]))
            .exp_nonpositive()
            .get();
    }
}

/// Sets the pixels that `drop` names to 0 in every row of a tile, unless none `may_be` there: a multiplication by 0 would
/// keep NaN.
pub(crate) fn clear_columns<P: Prim>(
    tile: &mut [P],
    pixels: usize,
    may_be: bool,
    drop: impl Fn(usize) -> bool,
) {
    if may_be {
        for i in (0..pixels).filter(|i| drop(*i)) {
            for x in tile.iter_mut().skip(i).step_by(pixels) {
                *x = P::of(0.0);
            }
        }
    }
}
