//! Class indices: checked once, before or as they are read as numbers of the compute type.

use std::ops::Range;

use ndarray::{ArrayView1, s};

use crate::error::{Error, Result};
use crate::parallel::{self, Order};
use crate::scalar::{DType, Prim, Scalar};
use crate::simd::{Ahead, Isa, Task, dispatch};
use crate::view::{View, check_view};

/// The number that stands for an ignored point in a label row. No class has it.
pub(crate) const IGNORED: f64 = -1.0;

/// The least number of labels worth a thread.
const PIECE: usize = 64 * 1024;

/// A class target: one index per pixel, or one probability per class and pixel.
#[derive(Clone, Debug)]
pub(crate) enum Target<'a> {
    /// (N, 1, S) indices, all checked unless they are [still to be](Self::unchecked), and the one that is ignored, if it may
    /// occur.
    Indices(View<'a>, Option<i64>),
    /// (N, C, S) probabilities.
    Soft(View<'a>),
}

impl<'a> Target<'a> {
    /// Interprets and checks `view` for logits of `shape` and class indices below `labels`;
    /// also says how many points are not ignored.
    pub(crate) fn new(
        view: &'a View<'_>,
        shape: [usize; 3],
        labels: usize,
        ignore: Option<i64>,
    ) -> Result<(Self, usize)> {
        let [items, _, space] = shape;
        match view.dtype() {
            DType::U8 | DType::U32 | DType::I64 => {
                check_view("target", [items, 1, space], view)?;
                let ignored = count_ignored(view, labels, ignore)?;
                let occurring = ignore.filter(|_| ignored > 0);
                Ok((
                    Self::Indices(view.reborrow(), occurring),
                    items * space - ignored,
                ))
            }
            _ => {
                check_view("target", shape, view)?;
                Ok((Self::Soft(view.reborrow()), items * space))
            }
        }
    }

    /// As [`new`](Self::new), but no index is looked at: that is left to whoever [reads](Self::read_labels) them.
    pub(crate) fn unchecked(
        view: &'a View<'_>,
        [items, _, space]: [usize; 3],
        ignore: Option<i64>,
    ) -> Result<Self> {
        check_view("target", [items, 1, space], view)?;
        Ok(Self::Indices(view.reborrow(), ignore))
    }

    /// As [`new`](Self::new) of what was checked, and `occurs` if it does.
    pub(crate) fn known(view: &'a View<'_>, occurs: Option<i64>) -> Self {
        if view.dtype().is_index() {
            Self::Indices(view.reborrow(), occurs)
        } else {
            Self::Soft(view.reborrow())
        }
    }

    /// The index that is ignored, if it occurs.
    pub(crate) fn occurring(&self) -> Option<i64> {
        match self {
            Self::Indices(_, occurs) => *occurs,
            Self::Soft(_) => None,
        }
    }

    /// (1, C, N) from (N, C, 1): see [`View::swap_items_and_space`].
    pub(crate) fn swap_items_and_space(self) -> Self {
        match self {
            Self::Indices(view, ignore) => Self::Indices(view.swap_items_and_space(), ignore),
            Self::Soft(view) => Self::Soft(view.swap_items_and_space()),
        }
    }

    pub(crate) fn cut(self, pieces: (usize, usize)) -> Vec<Self> {
        match self {
            Self::Indices(view, ignore) => {
                let views = crate::loops::softmax::cut(view, pieces);
                views
                    .into_iter()
                    .map(|view| Self::Indices(view, ignore))
                    .collect()
            }
            Self::Soft(view) => {
                let views = crate::loops::softmax::cut(view, pieces);
                views.into_iter().map(Self::Soft).collect()
            }
        }
    }

    /// Whether any point may be ignored.
    pub(crate) fn ignores(&self) -> bool {
        self.occurring().is_some()
    }

    /// Up to `len` indices from `start` on, none unless they lie side by side.
    pub(crate) fn ahead(&self, n: usize, start: usize, len: usize) -> Ahead<'_> {
        fn ahead<T>(row: ArrayView1<'_, T>, len: usize) -> Ahead<'_> {
            let row = row.to_slice().unwrap_or_default();
            Ahead::new(&row[..len.min(row.len())])
        }
        match self {
            Self::Indices(View::U8(all), _) => ahead(all.slice(s![n, 0, start..]), len),
            Self::Indices(View::U32(all), _) => ahead(all.slice(s![n, 0, start..]), len),
            Self::Indices(View::I64(all), _) => ahead(all.slice(s![n, 0, start..]), len),
            Self::Indices(..) | Self::Soft(_) => Ahead::none(),
        }
    }

    /// Fails if one of these indices, some pixels of an item, is neither ignored nor a class.
    #[cold]
    pub(crate) fn check(&self, n: usize, range: Range<usize>, classes: usize) -> Result<()> {
        if let Self::Indices(view, ignore) = self {
            let ignore = *ignore;
            Count { classes, ignore }.of(view, n, range)?;
        }
        Ok(())
    }

    /// Reads indices, [`IGNORED`] where a point is ignored, and says what was seen of them. Leaves the row alone for soft
    /// targets, which ignore no point.
    pub(crate) fn read_labels<P: Prim>(&self, n: usize, start: usize, row: &mut [P]) -> Seen {
        match self {
            Self::Soft(_) => Seen::default(),
            Self::Indices(view, ignore) => match view {
                View::U8(all) => read(all.slice(s![n, 0, start..]), *ignore, row),
                View::U32(all) => read(all.slice(s![n, 0, start..]), *ignore, row),
                View::I64(all) => read(all.slice(s![n, 0, start..]), *ignore, row),
                _ => Seen::default(),
            },
        }
    }
}

/// The first labels as numbers, [`IGNORED`] where one is `ignore`.
fn read<T: Scalar + Into<i64>, P: Prim>(
    labels: ArrayView1<'_, T>,
    ignore: Option<i64>,
    row: &mut [P],
) -> Seen {
    match labels.to_slice() {
        Some(labels) => {
            let labels = &labels[..row.len()];
            dispatch(ReadTask {
                labels,
                ignore,
                row,
            })
        }
        None => numbers(labels.iter(), ignore, row),
    }
}

/// Of any labels: what [`ReadTask`] does.
#[inline(always)]
fn numbers<'l, T: Scalar + Into<i64>, P: Prim>(
    labels: impl Iterator<Item = &'l T>,
    ignore: Option<i64>,
    row: &mut [P],
) -> Seen {
    let mut seen = Seen::default();
    for (to, label) in row.iter_mut().zip(labels) {
        *to = seen.number((*label).into(), ignore);
    }
    seen
}

/// Of any labels: what [`CountTask`] does.
#[inline(always)]
fn see<'l, T: Scalar + Into<i64>>(
    labels: impl Iterator<Item = &'l T>,
    ignore: Option<i64>,
) -> Seen {
    let mut seen = Seen::default();
    for label in labels {
        seen.add((*label).into(), ignore);
    }
    seen
}

/// What was seen of some labels.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// How many are ignored.
    pub(crate) ignored: u32,
    /// The largest of the lower halves of the others.
    largest: u32,
    /// All bits that are set in upper halves of the others.
    upper: u32,
}

impl Seen {
    /// Whether each that is not ignored is below `classes`.
    pub(crate) fn are_below(self, classes: usize) -> bool {
        self.upper == 0 && (self.largest as usize) < classes
    }

    /// Adds a label, and says whether it is ignored. Halves: there is no maximum of 64 bits before AVX-512.
    #[inline(always)]
    fn add(&mut self, label: i64, ignore: Option<i64>) -> bool {
        let is_ignored = Some(label) == ignore;
        let counts = if is_ignored { 0 } else { label };
        self.ignored += u32::from(is_ignored);
        self.largest = self.largest.max(counts as u32);
        self.upper |= (counts >> 32) as u32;
        is_ignored
    }

    /// Adds a label; what it is in a row of numbers. A class fits 32 bits, and costs less to convert than 64 bits do.
    #[inline(always)]
    fn number<P: Prim>(&mut self, label: i64, ignore: Option<i64>) -> P {
        if self.add(label, ignore) {
            P::of(IGNORED)
        } else {
            P::of(f64::from(label as i32))
        }
    }
}

struct ReadTask<'a, T, P> {
    labels: &'a [T],
    ignore: Option<i64>,
    row: &'a mut [P],
}

impl<T: Scalar + Into<i64>, P: Prim> Task for ReadTask<'_, T, P> {
    type Prim = P;
    type Output = Seen;
    #[inline(always)]
    fn run<I: Isa>(self) -> Seen {
        numbers(self.labels.iter(), self.ignore, self.row)
    }
}

/// Counts ignored indices; fails on the first that is neither a class nor ignored.
fn count_ignored(view: &View<'_>, classes: usize, ignore: Option<i64>) -> Result<usize> {
    // One long row, not a piece for each of many short ones.
    let view = match view.reborrow().flatten() {
        view if view.shape()[2] == 1 => view.swap_items_and_space(),
        view => view,
    };
    let [items, _, space] = view.shape();
    let len = parallel::piece_len(space, PIECE, PIECE);
    let pieces = (0..items).flat_map(|n| (0..space).step_by(len).map(move |start| (n, start)));
    let count = Count { classes, ignore };
    let counts = parallel::map_in(Order::Back, pieces, |(n, start)| {
        count.of(&view, n, start..space.min(start + len))
    });
    counts.into_iter().sum()
}

/// Counts the ignored among some labels.
#[derive(Clone, Copy)]
struct Count {
    classes: usize,
    ignore: Option<i64>,
}

impl Count {
    /// In some pixels of an item.
    fn of(self, view: &View<'_>, n: usize, range: Range<usize>) -> Result<usize> {
        match view {
            View::U8(labels) => self.run(labels.slice(s![n, 0, range])),
            View::U32(labels) => self.run(labels.slice(s![n, 0, range])),
            View::I64(labels) => self.run(labels.slice(s![n, 0, range])),
            _ => Ok(0),
        }
    }

    fn run<T: Scalar + Into<i64>>(self, labels: ArrayView1<'_, T>) -> Result<usize> {
        let seen = match labels.to_slice() {
            Some(labels) => dispatch(CountTask(self.ignore, labels)),
            None => see(labels.iter(), self.ignore),
        };
        let ignored = seen.ignored as usize;
        if ignored == labels.len() || seen.are_below(self.classes) {
            return Ok(ignored);
        }
        let mut all = labels.iter().map(|label| (*label).into());
        let class = all
            .find(|label| Some(*label) != self.ignore && *label as u64 >= self.classes as u64)
            .unwrap_or_default();
        Err(Error::Class {
            class,
            classes: self.classes,
        })
    }
}

/// The label to be ignored, and all.
struct CountTask<'a, T>(Option<i64>, &'a [T]);

impl<T: Scalar + Into<i64>> Task for CountTask<'_, T> {
    type Prim = f32;
    type Output = Seen;
    #[inline(always)]
    fn run<I: Isa>(self) -> Seen {
        let Self(ignore, labels) = self;
        see(labels.iter(), ignore)
    }
}
