//! Soft skeletons: what openings of ever more eroded masks lose.
//!
//! ```text
//! E_0 = p, E_(k+1) = erode(E_k)        δ_k = max(E_k − dilate(E_(k+1)), 0)
//! S_0 = δ_0                            S_k = S_(k−1) + max(δ_k − S_(k−1) δ_k, 0)
//! ```

use crate::loops::neighbours::{Grid, Work};
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

/// Skeletons of planes of one shape.
pub(super) struct Skeleton<'a> {
    grid: &'a Grid,
    iterations: usize,
}

impl<'a> Skeleton<'a> {
    pub(super) fn new(grid: &'a Grid, iterations: usize) -> Self {
        Self { grid, iterations }
    }

    /// The skeleton of `p`.
    pub(super) fn run<P: Prim>(&self, p: &[P], skeleton: &mut [P]) {
        let mut work = Work::default();
        let (mut mask, mut eroded) = (p.to_vec(), p.to_vec());
        let mut opened = p.to_vec();
        skeleton.fill(P::default());
        for _ in 0..=self.iterations {
            self.grid.erode(&mask, &mut eroded);
            self.grid.dilate(&eroded, &mut opened, &mut work);
            dispatch(Grow {
                mask: &mask,
                opened: &opened,
                skeleton,
            });
            std::mem::swap(&mut mask, &mut eroded);
        }
    }

    /// Adds the slopes with respect to `p` to `into`, given those with respect to the skeleton.
    pub(super) fn run_back<P: Prim>(&self, p: &[P], slopes: Vec<P>, into: &mut [P]) {
        let mut work = Work::default();
        let mut masks = vec![p.to_vec()];
        let mut skeletons = vec![vec![P::default(); p.len()]];
        let mut opened = p.to_vec();
        for k in 0..=self.iterations {
            let mut eroded = p.to_vec();
            self.grid.erode(&masks[k], &mut eroded);
            self.grid.dilate(&eroded, &mut opened, &mut work);
            let mut skeleton = skeletons[k].clone();
            dispatch(Grow {
                mask: &masks[k],
                opened: &opened,
                skeleton: &mut skeleton,
            });
            masks.push(eroded);
            skeletons.push(skeleton);
        }
        let mut slopes = slopes;
        // With respect to the mask after an erosion.
        let mut of_eroded = vec![P::default(); p.len()];
        let mut of_opened = vec![P::default(); p.len()];
        for k in (0..=self.iterations).rev() {
            self.grid.dilate(&masks[k + 1], &mut opened, &mut work);
            let mut of_mask = vec![P::default(); p.len()];
            dispatch(GrowBack {
                mask: &masks[k],
                opened: &opened,
                skeleton: &skeletons[k],
                slopes: &mut slopes,
                of_mask: &mut of_mask,
                of_opened: &mut of_opened,
            });
            self.grid
                .dilate_back(&masks[k + 1], &of_opened, &mut of_eroded, &mut work);
            self.grid
                .erode_back(&masks[k], &of_eroded, &mut of_mask, &mut work);
            of_eroded = of_mask;
        }
        for (into, slope) in into.iter_mut().zip(of_eroded) {
            *into = P::sum(*into, slope);
        }
    }
}

/// `S ← S + max(δ − S δ, 0)`.
struct Grow<'a, P> {
    mask: &'a [P],
    opened: &'a [P],
    skeleton: &'a mut [P],
}

impl<P: Prim> Task for Grow<'_, P> {
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.skeleton.len();
        let (mask, opened) = (&self.mask[..n], &self.opened[..n]);
        for i in 0..n {
            let of = |x: P| P::Lane::<I>::new(x);
            let zero = P::Lane::<I>::zero();
            let s = of(self.skeleton[i]);
            let delta = (of(mask[i]) - of(opened[i])).at_least(zero);
            self.skeleton[i] = (s + (delta - s * delta).at_least(zero)).get();
        }
    }
}

/// The way back of [`Grow`]: `slopes` become those with respect to `S` before; the others are overwritten.
struct GrowBack<'a, P> {
    mask: &'a [P],
    opened: &'a [P],
    skeleton: &'a [P],
    slopes: &'a mut [P],
    of_mask: &'a mut [P],
    of_opened: &'a mut [P],
}

impl<P: Prim> Task for GrowBack<'_, P> {
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.slopes.len();
        let (mask, opened, skeleton) = (&self.mask[..n], &self.opened[..n], &self.skeleton[..n]);
        let (of_mask, of_opened) = (&mut self.of_mask[..n], &mut self.of_opened[..n]);
        for i in 0..n {
            let of = |x: P| P::Lane::<I>::new(x);
            let (zero, one) = (P::Lane::<I>::zero(), P::Lane::<I>::one());
            let (s, g) = (of(skeleton[i]), of(self.slopes[i]));
            let delta = of(mask[i]) - of(opened[i]);
            let grows = (delta > zero) & (delta - s * delta > zero);
            let by_delta = P::Lane::<I>::select(grows, g * (one - s), zero);
            self.slopes[i] = P::Lane::<I>::select(grows, g * (one - delta), g).get();
            of_mask[i] = by_delta.get();
            of_opened[i] = (-by_delta).get();
        }
    }
}
