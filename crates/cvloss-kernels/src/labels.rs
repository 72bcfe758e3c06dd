//! Class indices: checked once, then read as numbers of the compute type.

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
    /// (N, 1, S) indices, all checked.
    Indices(View<'a>, Option<i64>),
    /// (N, C, S) probabilities.
    Soft(View<'a>),
}

impl<'a> Target<'a> {
    /// Interprets and checks `view` for logits of `shape`.
    pub(crate) fn new(view: &'a View<'_>, shape: [usize; 3], ignore: Option<i64>) -> Result<Self> {
        let [items, classes, space] = shape;
        match view.dtype() {
            DType::U8 | DType::U32 | DType::I64 => {
                check_view("target", [items, 1, space], view)?;
                // One channel is foreground against background.
                check_classes(view, classes.max(2), ignore)?;
                Ok(Self::Indices(view.reborrow(), ignore))
            }
            _ => {
                check_view("target", shape, view)?;
                Ok(Self::Soft(view.reborrow()))
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

    /// Reads indices, [`IGNORED`] where a point is ignored. Soft targets ignore no point.
    pub(crate) fn read_labels<P: Prim>(&self, n: usize, start: usize, row: &mut [P]) {
        match self {
            Self::Soft(_) => row.fill(P::of(0.0)),
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

/// Fails on the first index that is neither a class nor the ignored one.
fn check_classes(view: &View<'_>, classes: usize, ignore: Option<i64>) -> Result<()> {
    let [items, _, space] = view.shape();
    let pieces: Vec<_> = (0..items)
        .flat_map(|n| (0..space).step_by(PIECE).map(move |start| (n, start)))
        .collect();
    let worst = parallel::map(pieces, |(n, start)| {
        let len = PIECE.min(space - start);
        match view {
            View::U8(labels) => outside(
                labels.slice(ndarray::s![n, 0, start..start + len]),
                classes,
                ignore,
            ),
            View::U32(labels) => outside(
                labels.slice(ndarray::s![n, 0, start..start + len]),
                classes,
                ignore,
            ),
            View::I64(labels) => outside(
                labels.slice(ndarray::s![n, 0, start..start + len]),
                classes,
                ignore,
            ),
            _ => None,
        }
    });
    match worst.into_iter().flatten().next() {
        None => Ok(()),
        Some(class) => Err(Error::Class { class, classes }),
    }
}

/// The first index that is not allowed.
fn outside<T: Scalar + Into<i64>>(
    labels: ndarray::ArrayView1<'_, T>,
    classes: usize,
    ignore: Option<i64>,
) -> Option<i64>
where
{
    let allowed = |label: i64| (0..classes as i64).contains(&label) || Some(label) == ignore;
    let clean = match labels.as_slice() {
        Some(labels) => dispatch(Check {
            labels,
            classes,
            ignore,
        }),
        None => labels.iter().all(|label| allowed((*label).into())),
    };
    if clean {
        return None;
    }
    labels
        .iter()
        .map(|label| (*label).into())
        .find(|label| !allowed(*label))
}

/// Whether every label is allowed.
struct Check<'a, T> {
    labels: &'a [T],
    classes: usize,
    ignore: Option<i64>,
}

impl<T: Scalar + Into<i64>> Task for Check<'_, T> {
    type Output = bool;
    #[inline(always)]
    fn run<I: Isa>(self) -> bool {
        let classes = self.classes as u64;
        // Where nothing is ignored, class 0 may stand for it: it is allowed anyway.
        let ignore = self.ignore.unwrap_or(0);
        let mut bad = 0u64;
        for label in self.labels {
            let label: i64 = (*label).into();
            bad |= u64::from((label as u64 >= classes) & (label != ignore));
        }
        bad == 0
    }
}
