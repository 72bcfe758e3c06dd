//! Where a tile's rows come from and where they go.

use std::ops::{Deref, DerefMut};

use crate::labels::Target;
use crate::parallel;
use crate::scalar::Prim;
use crate::simd::{Ahead, prefetch_ends, stream};
use crate::view::{View, ViewMut};

/// The most pixels in a tile.
pub(crate) const PIXELS: usize = 512;
/// One number per pixel of a tile. It starts where vectors are whole in a cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct RowOf<P, const N: usize>([P; N]);

pub(crate) type Row<P> = RowOf<P, PIXELS>;

impl<P: Prim, const N: usize> RowOf<P, N> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self::filled(P::default())
    }

    #[inline(always)]
    pub(crate) fn filled(with: P) -> Self {
        Self([with; N])
    }
}

impl<P, const N: usize> Deref for RowOf<P, N> {
    type Target = [P];
    #[inline(always)]
    fn deref(&self) -> &[P] {
        &self.0
    }
}

impl<P, const N: usize> DerefMut for RowOf<P, N> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [P] {
        &mut self.0
    }
}

/// Rows of a tile are a multiple of this long: loops over them have no rest, which would be compiled once more, without
/// vectors. The last pixels of a tile may be none: ignored, of weight 0 and of logits 0.
pub(crate) const WHOLE: usize = 32;
/// Elements in a tile, where there are few enough classes: half of a first-level cache.
const ELEMENTS: usize = 8 * 1024;
/// Full tiles have a multiple of so many pixels; fewer in all, and what is done once per row would show.
const PART: usize = 64;
/// The least number of elements worth a thread.
const LEAST: usize = 16 * 1024;

/// Pixels per tile for so many classes.
pub(crate) fn tile_pixels(classes: usize) -> usize {
    let fit = ELEMENTS / classes.max(1);
    (fit / PART * PART).clamp(PART, PIXELS)
}

/// The length of a tile's rows, so that the compiler knows it to be a multiple of [`WHOLE`].
#[inline(always)]
pub(crate) fn whole_len(len: usize) -> usize {
    debug_assert_eq!(len % WHOLE, 0);
    len / WHOLE * WHOLE
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

/// Pixels of one item in a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) n: usize,
    pub(crate) start: usize,
    pub(crate) pixels: usize,
}

impl Place {
    /// All of a tensor that is one tile.
    fn all([_, _, pixels]: [usize; 3]) -> Self {
        Self {
            n: 0,
            start: 0,
            pixels,
        }
    }
}

/// The memory that a tile needs to be turned round: none, unless its channels lie side by side, as in (N, C) logits and
/// channels-last images. Loops want pixels to.
pub(crate) fn turned_len(is_channels_last: bool, classes: usize, pixels: usize) -> usize {
    if is_channels_last {
        classes * pixels
    } else {
        0
    }
}

/// A tile turned round into `memory`, unless there is none.
pub(crate) fn turn<'m, P: Prim>(
    view: &View<'_>,
    place: Place,
    memory: &'m mut [P],
) -> Option<View<'m>> {
    if memory.is_empty() {
        return None;
    }
    let classes = view.shape()[1];
    let shape = [1, classes, memory.len() / classes];
    view.read_pixels(place.n, place.start, place.pixels, memory);
    View::of(memory, shape).ok()
}

/// Has `write` write a tile of `view`: there, or if there is any into `memory`, whence it is turned round.
pub(crate) fn write_turned<P: Prim>(
    view: &mut ViewMut<'_>,
    place: Place,
    store: Store,
    memory: &mut [P],
    write: &mut dyn FnMut(Sink<'_, '_>),
) {
    let mut turned = None;
    if !memory.is_empty() {
        let classes = view.shape()[1];
        let shape = [1, classes, memory.len() / classes];
        turned = ViewMut::of(&mut *memory, shape).ok();
    }
    match &mut turned {
        Some(turned) => {
            let place = Place::all(turned.shape());
            write(Sink {
                view: turned,
                place,
                store: Store::Write,
            });
        }
        None => {
            return write(Sink { view, place, store });
        }
    }
    let add = store == Store::Add;
    view.write_pixels(place.n, place.start, place.pixels, memory, add);
}

/// Where a tile reads, every class; what is asked for beyond its pixels is 0.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a, 'i> {
    pub(crate) view: &'a View<'i>,
    place: Place,
    labels_ahead: Ahead<'a>,
}

impl<'a, 'i> Source<'a, 'i> {
    /// A tile that was turned round, or else where it lies.
    pub(crate) fn new(turned: Option<&'a View<'i>>, view: &'a View<'i>, place: Place) -> Self {
        let (view, place) = match turned {
            Some(view) => (view, Place::all(view.shape())),
            None => (view, place),
        };
        let labels_ahead = Ahead::none();
        Self {
            view,
            place,
            labels_ahead,
        }
    }

    /// With the labels of the tile behind this one, to be brought into the cache meanwhile.
    pub(crate) fn with_labels(
        self,
        target: &'a Target<'_>,
        Place { n, start, pixels }: Place,
    ) -> Self {
        let labels_ahead = target.ahead(n, start + pixels, pixels);
        Self {
            labels_ahead,
            ..self
        }
    }

    /// Class `c`, lent as it is or converted into `buffer`, whose length counts.
    #[inline(always)]
    pub(crate) fn row<'b, P: Prim>(self, c: usize, buffer: &'b mut [P]) -> &'b [P]
    where
        'a: 'b,
    {
        if buffer.len() > self.place.pixels {
            self.copy(c, buffer);
            return buffer;
        }
        self.view.lend(self.place.n, c, self.place.start, buffer)
    }

    #[cold]
    fn copy<P: Prim>(self, c: usize, buffer: &mut [P]) {
        let (pixels, beyond) = buffer.split_at_mut(self.place.pixels);
        self.view
            .read_row(self.place.n, c, self.place.start, pixels);
        beyond.fill(P::default());
    }

    /// What is to be brought into the cache while class `c` is worked on: the pixels of a class to come, those behind the
    /// last being the next tile's, and a part of its labels. Rows of different classes lie far apart, where hardware does not
    /// foresee them.
    #[inline(always)]
    pub(crate) fn ahead<P: Prim>(self, c: usize) -> [Ahead<'a>; 2] {
        let shape = self.view.shape();
        let (class, start, len) = ahead(shape, c + AHEAD, self.place);
        let row = self.view.row::<P>(self.place.n, class, start, len);
        [
            Ahead::new(row.unwrap_or_default()),
            self.labels_ahead.part(c, shape[1]),
        ]
    }
}

/// Class, first pixel and number of pixels of a row to come.
#[inline(always)]
fn ahead(
    [_, classes, space]: [usize; 3],
    c: usize,
    Place { start, pixels, .. }: Place,
) -> (usize, usize, usize) {
    if c < classes {
        (c, start, pixels)
    } else {
        let next = start + pixels;
        (c % classes, next, pixels.min(space - next))
    }
}

/// How results are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// In place of what is there.
    Write,
    /// As `Write`, past the caches.
    Stream,
    /// Added to what is there.
    Add,
}

/// Elements of a gradient from which on it is stored past the caches: it would be driven out before it is read.
const LARGE: usize = 2 << 20;

impl Store {
    /// For a gradient of this shape.
    pub(crate) fn new(shape: [usize; 3], accumulate: bool) -> Self {
        match accumulate {
            true => Self::Add,
            false if shape.iter().product::<usize>() < LARGE => Self::Write,
            false => Self::Stream,
        }
    }
}

/// Where a tile writes, every class; what is written beyond its pixels is dropped.
pub(crate) struct Sink<'a, 'o> {
    pub(crate) view: &'a mut ViewMut<'o>,
    pub(crate) place: Place,
    pub(crate) store: Store,
}

// Rows are lent and flushed, not filled by a closure: a closure is compiled without the instruction set of its caller.
impl Sink<'_, '_> {
    /// Where class `c` is to be written: in place, or `buffer`, whose length counts. [`flush`](Self::flush) it after.
    #[inline(always)]
    pub(crate) fn row<'b, P: Prim>(&'b mut self, c: usize, buffer: &'b mut [P]) -> &'b mut [P] {
        if self.store == Store::Stream {
            self.prefetch_ends::<P>(c + AHEAD_OF_ENDS);
        }
        if self.store != Store::Write || buffer.len() > self.place.pixels {
            return buffer;
        }
        match self
            .view
            .row(self.place.n, c, self.place.start, buffer.len())
        {
            Some(row) => row,
            None => buffer,
        }
    }

    /// As [`row`](Self::row), with what is there, which the view must lend.
    #[inline(always)]
    pub(crate) fn filled_row<'b, P: Prim>(
        &'b mut self,
        c: usize,
        buffer: &'b mut [P],
    ) -> &'b mut [P] {
        if buffer.len() > self.place.pixels
            && let Some(row) = self
                .view
                .row(self.place.n, c, self.place.start, self.place.pixels)
        {
            buffer[..row.len()].copy_from_slice(row);
        }
        self.row(c, buffer)
    }

    /// Brings the ends of class `c` into the cache where they are parts of lines, which [`stream`] must read.
    #[inline(always)]
    fn prefetch_ends<P: Prim>(&mut self, c: usize) {
        let (c, start, len) = ahead(self.view.shape(), c, self.place);
        if let Some(row) = self.view.row::<P>(self.place.n, c, start, len) {
            prefetch_ends(row);
        }
    }

    /// Stores `buffer`, unless [`row`](Self::row) lent the place itself.
    #[inline(always)]
    pub(crate) fn flush<P: Prim>(&mut self, c: usize, buffer: &[P]) {
        let Place { n, start, pixels } = self.place;
        let row = &buffer[..pixels.min(buffer.len())];
        let store = self.store;
        if store == Store::Stream
            && let Some(to) = self.view.row(n, c, start, row.len())
        {
            stream(row, to);
        } else if store == Store::Add || buffer.len() > pixels || !self.view.lends::<P>() {
            self.view.write_row(n, c, start, row, store == Store::Add);
        }
    }
}

/// How many classes ahead rows are brought into the cache.
const AHEAD: usize = 3;
/// As [`AHEAD`], of rows that are written, which takes less time than reading them.
const AHEAD_OF_ENDS: usize = 6;

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
