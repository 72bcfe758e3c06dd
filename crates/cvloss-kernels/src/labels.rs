//! Class indices: checked once, then read as numbers of the compute type.

use ndarray::{ArrayView1, s};

use crate::error::{Error, Result};
use crate::loops::softmax::PART;
use crate::parallel;
use crate::scalar::{DType, Prim, Scalar};
use crate::simd::{Isa, Task, dispatch, prefetch};
use crate::view::{View, check_view};

/// The number that stands for an ignored point in a label row. No class has it.
pub(crate) const IGNORED: f64 = -1.0;

/// The least number of labels worth a thread.
const PIECE: usize = 64 * 1024;

/// A class target: one index per pixel, or one probability per class and pixel.
#[derive(Clone, Debug)]
pub(crate) enum Target<'a> {
    /// (N, 1, S) indices, all checked, and the one that is ignored, if it occurs.
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

    /// Reads indices, [`IGNORED`] where a point is ignored. Leaves the row alone for soft targets, which ignore
    /// no point.
    pub(crate) fn read_labels<P: Prim>(&self, n: usize, start: usize, row: &mut [P]) {
        match self {
            Self::Soft(_) => {}
            Self::Indices(view, ignore) => match view {
                View::U8(all) => read(all.slice(s![n, 0, start..]), *ignore, row),
                View::U32(all) => read(all.slice(s![n, 0, start..]), *ignore, row),
                View::I64(all) => read(all.slice(s![n, 0, start..]), *ignore, row),
                _ => {}
            },
        }
    }
}

/// The first labels as numbers, [`IGNORED`] where one is `ignore`; as many behind them, the next tile's, are brought into
/// the cache.
fn read<T: Scalar + Into<i64>, P: Prim>(
    labels: ArrayView1<'_, T>,
    ignore: Option<i64>,
    row: &mut [P],
) {
    match labels.to_slice() {
        Some(labels) => {
            let (labels, behind) = labels.split_at(row.len());
            dispatch(ReadTask {
                labels,
                behind,
                ignore,
                row,
            });
        }
        None => {
            for (to, label) in row.iter_mut().zip(labels) {
                *to = number((*label).into(), ignore);
            }
        }
    }
}

/// A class, which fits 32 bits where it was checked, costs less to convert than 64 bits do.
#[inline(always)]
fn number<P: Prim>(label: i64, ignore: Option<i64>) -> P {
    if Some(label) == ignore {
        P::of(IGNORED)
    } else {
        P::of(f64::from(label as i32))
    }
}

struct ReadTask<'a, T, P> {
    labels: &'a [T],
    behind: &'a [T],
    ignore: Option<i64>,
    row: &'a mut [P],
}

impl<T: Scalar + Into<i64>, P: Prim> Task for ReadTask<'_, T, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let Self {
            labels,
            behind,
            ignore,
            row,
        } = self;
        let mut behind = behind.chunks(PART);
        for (row, labels) in row.chunks_mut(PART).zip(labels.chunks(PART)) {
            prefetch(behind.next().unwrap_or_default());
            for (to, label) in row.iter_mut().zip(labels) {
                *to = number((*label).into(), ignore);
            }
        }
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
    let counts = parallel::map(pieces, |(n, start)| {
        let range = start..space.min(start + len);
        let count = Count { classes, ignore };
        match &view {
            View::U8(labels) => count.run(labels.slice(s![n, 0, range])),
            View::U32(labels) => count.run(labels.slice(s![n, 0, range])),
            View::I64(labels) => count.run(labels.slice(s![n, 0, range])),
            _ => Ok(0),
        }
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
    fn run<T: Scalar + Into<i64>>(self, labels: ArrayView1<'_, T>) -> Result<usize> {
        let (largest, ignored) = match labels.to_slice() {
            Some(labels) => dispatch(CountTask(self, labels)),
            None => self.largest(labels.iter().copied()),
        };
        if ignored == labels.len() as u64 || largest < self.classes as u64 {
            return Ok(ignored as usize);
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

    /// The largest label that is not ignored, where one below 0 counts as huge, and how many are ignored.
    #[inline(always)]
    fn largest<T: Into<i64>>(self, labels: impl Iterator<Item = T>) -> (u64, u64) {
        let (mut largest, mut ignored) = (0, 0);
        match self.ignore {
            None => {
                for label in labels {
                    largest = largest.max(label.into() as u64);
                }
            }
            Some(ignore) => {
                for label in labels {
                    let label = label.into();
                    let is_ignored = label == ignore;
                    ignored += u64::from(is_ignored);
                    largest = largest.max(if is_ignored { 0 } else { label as u64 });
                }
            }
        }
        (largest, ignored)
    }
}

struct CountTask<'a, T>(Count, &'a [T]);

impl<T: Scalar + Into<i64>> Task for CountTask<'_, T> {
    type Prim = f32;
    type Output = (u64, u64);
    #[inline(always)]
    fn run<I: Isa>(self) -> (u64, u64) {
        self.0.largest(self.1.iter().copied())
    }
}
