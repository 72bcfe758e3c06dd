//! Soft skeletons: what openings of ever more eroded masks lose.
//!
//! ```text
//! E_0 = p, E_(k+1) = erode(E_k)        δ_k = max(E_k − dilate(E_(k+1)), 0)
//! S_0 = δ_0                            S_k = S_(k−1) + max(δ_k − S_(k−1) δ_k, 0)
//! ```
//!
//! A plane is cut into bands of slabs that stay in cache. A band sees as many slabs beyond its own as neighbours of
//! neighbours can reach it from.

use std::ops::Range;

use crate::loops::neighbours::{Field, Grid};
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

/// Points of a band, about; those of its steps fit into a cache of the second level.
const BAND: usize = 32 * 1024;
/// A band has at least so many times the slabs that it sees beyond each of its ends.
const LEAST: usize = 4;
/// Points that go back through the steps together.
const CHUNK: usize = 512;

/// Skeletons of planes of one shape.
pub(super) struct Skeleton {
    grid: Grid,
    iterations: usize,
    /// Slabs that a band sees beyond its own.
    margin: usize,
    /// Slabs of a band.
    own: usize,
}

/// Points of a plane: what a band sees, and its own among these.
pub(super) struct Band {
    pub(super) seen: Range<usize>,
    pub(super) own: Range<usize>,
}

impl Band {
    /// Its own points, in the plane.
    pub(super) fn points(&self) -> Range<usize> {
        self.seen.start + self.own.start..self.seen.start + self.own.end
    }
}

impl Skeleton {
    pub(super) fn new(space: &[usize], iterations: usize) -> Self {
        let grid = Grid::new(space);
        let margin = iterations.saturating_add(2);
        let least = (BAND / grid.slab.max(1)).max(margin.saturating_mul(LEAST));
        // A power of two: threads have equal shares.
        let bands = 1 << (grid.slabs / least).max(1).ilog2();
        Self {
            own: grid.slabs.div_ceil(bands).max(1),
            grid,
            iterations,
            margin,
        }
    }

    /// How many points a band has, but for the last of a plane.
    pub(super) fn points(&self) -> usize {
        (self.own * self.grid.slab).max(1)
    }

    /// The band of this index.
    pub(super) fn band(&self, index: usize) -> Band {
        let start = index * self.own;
        let end = (start + self.own).min(self.grid.slabs);
        let first = start.saturating_sub(self.margin);
        let last = end.saturating_add(self.margin).min(self.grid.slabs);
        let slab = self.grid.slab;
        Band {
            seen: first * slab..last * slab,
            own: (start - first) * slab..(end - first) * slab,
        }
    }

    /// The skeleton of a band's own points, given what it sees.
    pub(super) fn run<P: Prim>(&self, band: &Band, seen: &[P], skeleton: &mut [P]) {
        let slab = self.grid.slab;
        let mut mask = Field::of::<false>(seen);
        let mut eroded = Field::new::<false>(seen.len());
        let mut opened = Field::new::<false>(slab);
        let mut work = Field::new::<false>(slab);
        skeleton.fill(P::default());
        for _ in 0..=self.iterations {
            self.grid.erode::<P, false>(&mask, &mut eroded);
            let starts = band.own.clone().step_by(slab.max(1));
            for (at, skeleton) in starts.zip(skeleton.chunks_mut(slab.max(1))) {
                self.grid
                    .dilate::<P, false>(&eroded, at / slab, &mut opened, &mut work);
                dispatch(Grow {
                    mask: &mask.values[at..at + slab],
                    opened: &opened.values,
                    skeleton,
                });
            }
            std::mem::swap(&mut mask, &mut eroded);
        }
    }

    /// Adds to `into` the slopes with respect to what a band sees, given those with respect to the skeleton of its own
    /// points.
    pub(super) fn run_back<P: Prim>(
        &self,
        band: &Band,
        seen: &[P],
        slopes: &mut [P],
        into: &mut [P],
    ) {
        let (slab, count) = (self.grid.slab, slopes.len());
        let mut mask = Field::of::<true>(seen);
        let mut eroded = Field::new::<true>(seen.len());
        let mut opened = Field::new::<true>(slab);
        let mut work = Field::new::<true>(slab);
        let mut steps = Vec::with_capacity(self.iterations + 1);
        for _ in 0..=self.iterations {
            self.grid.erode::<P, true>(&mask, &mut eroded);
            let mut step = Step {
                lost: Vec::with_capacity(count),
                mask: mask.sources[band.own.clone()].to_vec(),
                opened: Vec::with_capacity(count),
            };
            for at in band.own.clone().step_by(slab.max(1)) {
                self.grid
                    .dilate::<P, true>(&eroded, at / slab, &mut opened, &mut work);
                step.lost.extend_from_slice(&mask.values[at..at + slab]);
                dispatch(Subtract {
                    from: &mut step.lost[at - band.own.start..],
                    what: &opened.values,
                });
                step.opened.extend_from_slice(&opened.sources);
            }
            steps.push(step);
            std::mem::swap(&mut mask, &mut eroded);
        }
        let mut before = vec![P::default(); steps.len() * CHUNK];
        for start in (0..count).step_by(CHUNK) {
            let range = start..count.min(start + CHUNK);
            let mut skeleton = [P::default(); CHUNK];
            for (step, before) in steps.iter().zip(before.chunks_mut(CHUNK)) {
                before.copy_from_slice(&skeleton);
                dispatch(GrowBy {
                    lost: &step.lost[range.clone()],
                    skeleton: &mut skeleton,
                });
            }
            for (step, before) in steps.iter_mut().zip(before.chunks(CHUNK)).rev() {
                let lost = &mut step.lost[range.clone()];
                dispatch(GrowBack {
                    lost,
                    skeleton: before,
                    slopes: &mut slopes[range.clone()],
                });
                let sources = step.mask[range.clone()]
                    .iter()
                    .zip(&step.opened[range.clone()]);
                for (slope, (of_mask, of_opened)) in lost.iter().zip(sources) {
                    if *slope != P::default() {
                        let (of_mask, of_opened) = (*of_mask as usize, *of_opened as usize);
                        into[of_mask] = P::sum(into[of_mask], *slope);
                        into[of_opened] = P::difference(into[of_opened], *slope);
                    }
                }
            }
        }
    }
}

/// What an opening takes from a band's own points, and from which points the mask before and after has its values.
struct Step<P> {
    lost: Vec<P>,
    mask: Vec<u32>,
    opened: Vec<u32>,
}

/// `S ← S + max(δ − S δ, 0)`.
#[inline(always)]
fn grow<R: Real>(skeleton: R, lost: R) -> R {
    let delta = lost.at_least(R::zero());
    skeleton + (delta - skeleton * delta).at_least(R::zero())
}

/// [`grow`], `δ` being what is lost from the mask to the opened one.
struct Grow<'a, P> {
    mask: &'a [P],
    opened: &'a [P],
    skeleton: &'a mut [P],
}

impl<P: Prim> Task for Grow<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.skeleton.len();
        let (mask, opened) = (&self.mask[..n], &self.opened[..n]);
        for i in 0..n {
            let of = |x: P| P::Lane::<I>::new(x);
            let lost = of(mask[i]) - of(opened[i]);
            self.skeleton[i] = grow(of(self.skeleton[i]), lost).get();
        }
    }
}

/// [`grow`], given `δ`.
struct GrowBy<'a, P> {
    lost: &'a [P],
    skeleton: &'a mut [P],
}

impl<P: Prim> Task for GrowBy<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        for (skeleton, lost) in self.skeleton.iter_mut().zip(self.lost) {
            *skeleton = grow(P::Lane::<I>::new(*skeleton), P::Lane::<I>::new(*lost)).get();
        }
    }
}

struct Subtract<'a, P> {
    from: &'a mut [P],
    what: &'a [P],
}

impl<P: Prim> Task for Subtract<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        for (from, what) in self.from.iter_mut().zip(self.what) {
            *from = (P::Lane::<I>::new(*from) - P::Lane::<I>::new(*what)).get();
        }
    }
}

/// The way back of [`grow`]: `slopes` become those with respect to `S` before, `lost` those with respect to `δ`.
struct GrowBack<'a, P> {
    lost: &'a mut [P],
    skeleton: &'a [P],
    slopes: &'a mut [P],
}

impl<P: Prim> Task for GrowBack<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.slopes.len();
        let (lost, skeleton) = (&mut self.lost[..n], &self.skeleton[..n]);
        for i in 0..n {
            let of = |x: P| P::Lane::<I>::new(x);
            let (zero, one) = (P::Lane::<I>::zero(), P::Lane::<I>::one());
            let (s, g, delta) = (of(skeleton[i]), of(self.slopes[i]), of(lost[i]));
            let grows = (delta > zero) & (delta - s * delta > zero);
            lost[i] = P::Lane::<I>::select(grows, g * (one - s), zero).get();
            self.slopes[i] = P::Lane::<I>::select(grows, g * (one - delta), g).get();
        }
    }
}
