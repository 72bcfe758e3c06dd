//! A rotated box: its numbers, and the way back to them.

use crate::math::Real;

/// Centre, size, and the direction of the width.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<R> {
    pub(super) centre: [R; 2],
    /// Width and height, at least 0.
    pub(super) size: [R; 2],
    pub(super) cos: R,
    pub(super) sin: R,
}

impl<R: Real> Frame<R> {
    #[inline(always)]
    pub(super) fn new([x, y, w, h, angle]: [R; 5]) -> Self {
        let (sin, cos) = angle.sin_cos();
        let zero = R::zero();
        Self {
            centre: [x, y],
            size: [w.at_least(zero), h.at_least(zero)],
            cos,
            sin,
        }
    }
}
