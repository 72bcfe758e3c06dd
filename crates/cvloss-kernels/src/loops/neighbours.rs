//! Smallest and largest of neighbours along the axes of a grid, and which points these are.
//!
//! What erosions and dilations give is always the value of some point. With its index carried along, slopes go back to it
//! at once, without going back through each step.
//!
//! A grid is slabs along its first axis. Neighbours within a slab lie a stride apart: those before all points of a line but
//! the first, and after all but the last, are slices.

use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

/// A grid of points, the last axis fastest. Axes of one point have no neighbours, and are left out.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    /// How many.
    pub(crate) slabs: usize,
    /// The points of one.
    pub(crate) slab: usize,
    axes: Vec<Along>,
}

/// An axis within a slab: its length, and how far apart its points are.
#[derive(Clone, Copy, Debug)]
struct Along {
    len: usize,
    stride: usize,
}

impl Grid {
    pub(crate) fn new(space: &[usize]) -> Self {
        let mut lens: Vec<usize> = space.iter().copied().filter(|len| *len != 1).collect();
        // A line is one slab.
        let slabs = if lens.len() > 1 { lens.remove(0) } else { 1 };
        let slab = lens.iter().product();
        let mut stride = slab;
        let along = |len: usize| {
            stride /= len.max(1);
            Along { len, stride }
        };
        Self {
            slabs,
            slab,
            axes: lens.into_iter().map(along).collect(),
        }
    }

    /// The smallest of each point and its neighbours along every axis: a soft erosion. `from` and `to` have whole slabs.
    /// Of equal points, the first counts: the middle one, then by axis.
    pub(crate) fn erode<P: Prim, const TRACK: bool>(&self, from: &Field<P>, to: &mut Field<P>) {
        let (slab, total) = (self.slab, from.values.len());
        for at in (0..total).step_by(slab.max(1)) {
            to.copy::<TRACK>(at, from, at, slab);
            if at > 0 {
                to.meet::<TRACK, false>(at, from, at - slab, slab);
            }
            if at + slab < total {
                to.meet::<TRACK, false>(at, from, at + slab, slab);
            }
            for axis in &self.axes {
                to.meet_neighbours::<TRACK, false>(at, from, at, slab, *axis);
            }
        }
    }

    /// The largest of the points in a cube of three along each axis, for one slab: a soft dilation. Ties as in
    /// [`erode`](Self::erode), axis after axis.
    pub(crate) fn dilate<P: Prim, const TRACK: bool>(
        &self,
        from: &Field<P>,
        index: usize,
        to: &mut Field<P>,
        work: &mut Field<P>,
    ) {
        let slab = self.slab;
        let at = index * slab;
        to.copy::<TRACK>(0, from, at, slab);
        if at > 0 {
            to.meet::<TRACK, true>(0, from, at - slab, slab);
        }
        if at + slab < from.values.len() {
            to.meet::<TRACK, true>(0, from, at + slab, slab);
        }
        for axis in &self.axes {
            work.copy::<TRACK>(0, to, 0, slab);
            to.meet_neighbours::<TRACK, true>(0, work, 0, slab, *axis);
        }
    }
}

/// Values, and the index of the point that each comes from, if these are tracked.
#[derive(Clone, Default)]
pub(crate) struct Field<P> {
    pub(crate) values: Vec<P>,
    pub(crate) sources: Vec<u32>,
}

impl<P: Prim> Field<P> {
    /// Memory for so many points.
    pub(crate) fn new<const TRACK: bool>(len: usize) -> Self {
        Self {
            values: vec![P::default(); len],
            sources: vec![0; if TRACK { len } else { 0 }],
        }
    }

    /// Each point itself.
    pub(crate) fn of<const TRACK: bool>(values: &[P]) -> Self {
        let count = if TRACK { values.len() } else { 0 };
        Self {
            values: values.to_vec(),
            sources: (0u32..).take(count).collect(),
        }
    }

    fn copy<const TRACK: bool>(&mut self, start: usize, from: &Self, at: usize, len: usize) {
        self.values[start..start + len].copy_from_slice(&from.values[at..at + len]);
        if TRACK {
            self.sources[start..start + len].copy_from_slice(&from.sources[at..at + len]);
        }
    }

    /// Takes over the points that are larger, or smaller.
    fn meet<const TRACK: bool, const LARGEST: bool>(
        &mut self,
        start: usize,
        from: &Self,
        at: usize,
        len: usize,
    ) {
        let values = (
            &mut self.values[start..start + len],
            &from.values[at..at + len],
        );
        if TRACK {
            let sources = (
                &mut self.sources[start..start + len],
                &from.sources[at..at + len],
            );
            dispatch(MeetAndTrack::<P, LARGEST> { values, sources });
        } else {
            dispatch(Meet::<P, LARGEST>(values.0, values.1));
        }
    }

    /// The extreme of what is here and the neighbours along an axis, which lie in the slab that starts at `at`.
    fn meet_neighbours<const TRACK: bool, const LARGEST: bool>(
        &mut self,
        base: usize,
        from: &Self,
        at: usize,
        slab: usize,
        axis: Along,
    ) {
        let Along { len, stride } = axis;
        let line = (len * stride).max(1);
        for start in (0..slab).step_by(line) {
            let (start, at, count) = (base + start, at + start, line - stride);
            self.meet::<TRACK, LARGEST>(start + stride, from, at, count);
            self.meet::<TRACK, LARGEST>(start, from, at + stride, count);
        }
    }
}

/// See [`Field::meet`].
struct Meet<'a, P, const LARGEST: bool>(&'a mut [P], &'a [P]);

impl<P: Prim, const LARGEST: bool> Task for Meet<'_, P, LARGEST> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        for (to, from) in self.0.iter_mut().zip(self.1) {
            *to = best::<P, LARGEST>(unfolded::<P, I>(*to), *from);
        }
    }
}

/// As [`Meet`], with the points' sources.
struct MeetAndTrack<'a, P, const LARGEST: bool> {
    values: (&'a mut [P], &'a [P]),
    sources: (&'a mut [u32], &'a [u32]),
}

impl<P: Prim, const LARGEST: bool> Task for MeetAndTrack<'_, P, LARGEST> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.values.0.len();
        let (to, from) = (self.values.0, &self.values.1[..n]);
        let (sources, others) = (&mut self.sources.0[..n], &self.sources.1[..n]);
        for i in 0..n {
            let here = unfolded::<P, I>(to[i]);
            let mask = 0u32.wrapping_sub(u32::from(beats::<P, LARGEST>(here, from[i])));
            // Takes `others[i]` if the mask is set. An `if` would be a branch for each point; in blocks, a gather.
            sources[i] ^= (sources[i] ^ others[i]) & mask;
            to[i] = best::<P, LARGEST>(here, from[i]);
        }
    }
}

/// Not as it is read, or LLVM would store the better ones alone, under a mask, which takes AMD's cores without AVX-512
/// several times as long. `−0` becomes 0. Sources, for which no sum does this, are still stored so.
#[inline(always)]
fn unfolded<P: Prim, I: Isa>(x: P) -> P {
    (P::Lane::<I>::new(x) + P::Lane::<I>::zero()).get()
}

/// `from` if it beats what is here.
#[inline(always)]
fn best<P: Prim, const LARGEST: bool>(to: P, from: P) -> P {
    match beats::<P, LARGEST>(to, from) {
        true => from,
        false => to,
    }
}

/// `b` if it is larger, or smaller.
#[inline(always)]
fn beats<P: Prim, const LARGEST: bool>(a: P, b: P) -> bool {
    if LARGEST { b > a } else { b < a }
}
