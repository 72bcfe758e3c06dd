//! Class indices: checked once, then read as numbers of the compute type.

use ndarray::{ArrayView1, s};

use crate::error::{Error, Result};
use crate::parallel;
use crate::scalar::{DType, Prim, Scalar};
use crate::simd::{Isa, Task, dispatch};
use crate::view::{View, check_view};

/// The number that stands for an ignored point in a label row. No class has it.
pub(crate) const IGNORED: f64 = -1.0;

/// Labels counted at a time.
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
        matches!(self, Self::Indices(_, Some(_)))
    }

    /// Reads indices, [`IGNORED`] where a point is ignored. Leaves the row alone for soft targets, which ignore
    /// no point.
    pub(crate) fn read_labels<P: Prim>(&self, n: usize, start: usize, row: &mut [P]) {
        match self {
            Self::Soft(_) => {}
            Self::Indices(view, ignore) => {
                view.read_row(n, 0, start, row);
                if let Some(ignore) = *ignore {
                    let ignore = P::of(ignore as f64);
                    for label in row {
                        *label = if *label == ignore {
                            P::of(IGNORED)
                        } else {
                            *label
                        };
                    }
                }
            }
        }
    }
}

/// Counts ignored indices; fails on the first that is neither a class nor ignored.
fn count_ignored(view: &View<'_>, classes: usize, ignore: Option<i64>) -> Result<usize> {
    let [items, _, space] = view.shape();
    let pieces: Vec<_> = (0..items)
        .flat_map(|n| (0..space).step_by(PIECE).map(move |start| (n, start)))
        .collect();
    let counts = parallel::map(pieces, |(n, start)| {
        let range = start..space.min(start + PIECE);
        let count = Count { classes, ignore };
        match view {
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
        let (outside, ignored) = match labels.to_slice() {
            Some(labels) => dispatch(CountTask(self, labels)),
            None => labels
                .iter()
                .map(|label| self.one((*label).into()))
                .fold((0, 0), add),
        };
        if outside == 0 {
            return Ok(ignored as usize);
        }
        let mut all = labels.iter().map(|label| (*label).into());
        let class = all
            .find(|label| self.one(*label).0 == 1)
            .unwrap_or_default();
        Err(Error::Class {
            class,
            classes: self.classes,
        })
    }

    /// Whether a label is outside the classes, and whether it is ignored, as 0 or 1.
    #[inline(always)]
    fn one(self, label: i64) -> (u64, u64) {
        // Where nothing is ignored, no label is −1 and allowed at once.
        let ignored = self.ignore.is_some() & (label == self.ignore.unwrap_or(-1));
        let outside = (label as u64 >= self.classes as u64) & !ignored;
        (u64::from(outside), u64::from(ignored))
    }
}

#[inline(always)]
fn add(a: (u64, u64), b: (u64, u64)) -> (u64, u64) {
    (a.0 + b.0, a.1 + b.1)
}

struct CountTask<'a, T>(Count, &'a [T]);

impl<T: Scalar + Into<i64>> Task for CountTask<'_, T> {
    type Output = (u64, u64);
    #[inline(always)]
    fn run<I: Isa>(self) -> (u64, u64) {
        let Self(count, labels) = self;
        let mut total = (0, 0);
        for label in labels {
            total = add(total, count.one((*label).into()));
        }
        total
    }
}
