//! Smallest and largest of neighbours along the axes of a grid, and the way back of slopes.
//!
//! Neighbours along an axis lie a stride apart; the points whose neighbours are all there, or all lack the same one, come in
//! runs, so that every loop is over slices.

use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

/// A grid of points, the last axis fastest. Axes of one point have no neighbours, and are left out.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    total: usize,
    axes: Vec<Along>,
}

/// An axis: its length, and how far apart its points are.
#[derive(Clone, Copy, Debug)]
struct Along {
    len: usize,
    stride: usize,
}

impl Grid {
    pub(crate) fn new(space: &[usize]) -> Self {
        let total = space.iter().product();
        let mut axes = Vec::new();
        let mut stride = total;
        for len in space {
            stride /= (*len).max(1);
            if *len > 1 {
                axes.push(Along { len: *len, stride });
            }
        }
        Self { total, axes }
    }

    /// The smallest of each point and its neighbours along every axis: a soft erosion.
    pub(crate) fn erode<P: Prim>(&self, from: &[P], to: &mut [P]) {
        to.copy_from_slice(from);
        for axis in &self.axes {
            dispatch(Extreme::<P, false> {
                axis: *axis,
                from,
                to,
            });
        }
    }

    /// The slopes of [`erode`](Self::erode) are added to `into`. Of equal points, the first counts: the middle one, then
    /// by axis.
    pub(crate) fn erode_back<P: Prim>(
        &self,
        values: &[P],
        slopes: &[P],
        into: &mut [P],
        work: &mut Work<P>,
    ) {
        work.best.clear();
        work.best.extend_from_slice(values);
        work.chosen.clear();
        work.chosen.resize(self.total, P::default());
        for (a, axis) in self.axes.iter().enumerate() {
            dispatch(Choose::<P, false> {
                axis: *axis,
                code: 2 * a + 1,
                values,
                best: &mut work.best,
                chosen: &mut work.chosen,
            });
        }
        self.gather(&self.axes, slopes, into, &work.chosen);
    }

    /// The largest of the points in a cube of three along each axis: a soft dilation.
    pub(crate) fn dilate<P: Prim>(&self, from: &[P], to: &mut [P], work: &mut Work<P>) {
        to.copy_from_slice(from);
        for axis in &self.axes {
            work.best.clear();
            work.best.extend_from_slice(to);
            dispatch(Extreme::<P, true> {
                axis: *axis,
                from: &work.best,
                to,
            });
        }
    }

    /// The slopes of [`dilate`](Self::dilate) are added to `into`, ties as in [`erode_back`](Self::erode_back).
    pub(crate) fn dilate_back<P: Prim>(
        &self,
        values: &[P],
        slopes: &[P],
        into: &mut [P],
        work: &mut Work<P>,
    ) {
        // Largest along the first axes, before each axis.
        let mut stages = vec![values.to_vec()];
        for axis in self.axes.iter().take(self.axes.len().saturating_sub(1)) {
            if let Some(from) = stages.last() {
                let mut to = from.clone();
                dispatch(Extreme::<P, true> {
                    axis: *axis,
                    from,
                    to: &mut to,
                });
                stages.push(to);
            }
        }
        let mut slopes = slopes.to_vec();
        for (axis, values) in self.axes.iter().zip(&stages).rev() {
            work.best.clear();
            work.best.extend_from_slice(values);
            work.chosen.clear();
            work.chosen.resize(self.total, P::default());
            dispatch(Choose::<P, true> {
                axis: *axis,
                code: 1,
                values,
                best: &mut work.best,
                chosen: &mut work.chosen,
            });
            let mut back = vec![P::default(); self.total];
            self.gather(&[*axis], &slopes, &mut back, &work.chosen);
            slopes = back;
        }
        for (into, slope) in into.iter_mut().zip(slopes) {
            *into = P::sum(*into, slope);
        }
    }

    fn gather<P: Prim>(&self, axes: &[Along], slopes: &[P], into: &mut [P], chosen: &[P]) {
        dispatch(Keep {
            slopes,
            chosen,
            into,
        });
        for (a, axis) in axes.iter().enumerate() {
            dispatch(Gather {
                axis: *axis,
                code: 2 * a + 1,
                slopes,
                chosen,
                into,
            });
        }
    }
}

/// Work memory of a grid.
#[derive(Default)]
pub(crate) struct Work<P> {
    best: Vec<P>,
    chosen: Vec<P>,
}

impl Along {
    /// Visits runs: start, length, whether there are points before and after.
    #[inline(always)]
    fn runs(self, total: usize, mut visit: impl FnMut(usize, usize, bool, bool)) {
        let Self { len, stride } = self;
        for base in (0..total).step_by((len * stride).max(1)) {
            if stride > 1 {
                for i in 0..len {
                    visit(base + i * stride, stride, i > 0, i + 1 < len);
                }
            } else {
                visit(base, 1, false, true);
                if len > 2 {
                    visit(base + 1, len - 2, true, true);
                }
                visit(base + len - 1, 1, true, false);
            }
        }
    }
}

/// `b` if it is larger, or smaller.
#[inline(always)]
fn beats<P: Prim, const LARGEST: bool>(a: P, b: P) -> bool {
    if LARGEST { b > a } else { b < a }
}

/// The extreme of what is in `to` and the neighbours in `from`.
struct Extreme<'a, P, const LARGEST: bool> {
    axis: Along,
    from: &'a [P],
    to: &'a mut [P],
}

impl<P: Prim, const LARGEST: bool> Task for Extreme<'_, P, LARGEST> {
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let Self { axis, from, to } = self;
        let stride = axis.stride;
        axis.runs(from.len(), |start, len, before, after| {
            let to = &mut to[start..start + len];
            if before {
                meet::<P, LARGEST>(to, &from[start - stride..start - stride + len]);
            }
            if after {
                meet::<P, LARGEST>(to, &from[start + stride..start + stride + len]);
            }
        });
    }
}

#[inline(always)]
fn meet<P: Prim, const LARGEST: bool>(to: &mut [P], from: &[P]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = if beats::<P, LARGEST>(*to, *from) {
            *from
        } else {
            *to
        };
    }
}

/// Which neighbour is the extreme: 0 for none, `code` for the one before, `code + 1` for the one after.
struct Choose<'a, P, const LARGEST: bool> {
    axis: Along,
    code: usize,
    values: &'a [P],
    best: &'a mut [P],
    chosen: &'a mut [P],
}

impl<P: Prim, const LARGEST: bool> Task for Choose<'_, P, LARGEST> {
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let Self {
            axis,
            code,
            values,
            best,
            chosen,
        } = self;
        let stride = axis.stride;
        let (one_before, one_after) = (P::of(code as f64), P::of((code + 1) as f64));
        axis.runs(values.len(), |start, len, before, after| {
            let (best, chosen) = (
                &mut best[start..start + len],
                &mut chosen[start..start + len],
            );
            if before {
                let from = &values[start - stride..start - stride + len];
                choose::<P, LARGEST>(best, chosen, from, one_before);
            }
            if after {
                let from = &values[start + stride..start + stride + len];
                choose::<P, LARGEST>(best, chosen, from, one_after);
            }
        });
    }
}

#[inline(always)]
fn choose<P: Prim, const LARGEST: bool>(best: &mut [P], chosen: &mut [P], from: &[P], code: P) {
    let n = from.len();
    let (best, chosen) = (&mut best[..n], &mut chosen[..n]);
    for i in 0..n {
        let is_better = beats::<P, LARGEST>(best[i], from[i]);
        chosen[i] = if is_better { code } else { chosen[i] };
        best[i] = if is_better { from[i] } else { best[i] };
    }
}

/// Slopes of points that are their own extreme.
struct Keep<'a, P> {
    slopes: &'a [P],
    chosen: &'a [P],
    into: &'a mut [P],
}

impl<P: Prim> Task for Keep<'_, P> {
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        add(self.into, self.slopes, self.chosen, P::default());
    }
}

/// Slopes of neighbours of which a point is the extreme.
struct Gather<'a, P> {
    axis: Along,
    code: usize,
    slopes: &'a [P],
    chosen: &'a [P],
    into: &'a mut [P],
}

impl<P: Prim> Task for Gather<'_, P> {
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let Self {
            axis,
            code,
            slopes,
            chosen,
            into,
        } = self;
        let stride = axis.stride;
        let (one_before, one_after) = (P::of(code as f64), P::of((code + 1) as f64));
        axis.runs(slopes.len(), |start, len, before, after| {
            let into = &mut into[start..start + len];
            if before {
                let at = start - stride..start - stride + len;
                add(into, &slopes[at.clone()], &chosen[at], one_after);
            }
            if after {
                let at = start + stride..start + stride + len;
                add(into, &slopes[at.clone()], &chosen[at], one_before);
            }
        });
    }
}

#[inline(always)]
fn add<P: Prim>(into: &mut [P], slopes: &[P], chosen: &[P], code: P) {
    let n = into.len();
    let (slopes, chosen) = (&slopes[..n], &chosen[..n]);
    for i in 0..n {
        let slope = if chosen[i] == code {
            slopes[i]
        } else {
            P::default()
        };
        into[i] = P::sum(into[i], slope);
    }
}
