//! Losses of two boxes that are not an IoU and penalties.

#![forbid(unsafe_code)]

use super::axis::{Axis, Ends, Extent};
use crate::loops::boxes::Pair;
use crate::math::Real;

/// `½ l²/β` below `β`, `l − ½ β` above; and the slope. 0 has slope 0.
#[inline(always)]
fn smooth<R: Real>(l: R, beta: R) -> (R, R) {
    let half = R::of(0.5);
    let is_small = l < beta;
    let ratio = l / beta;
    (
        R::select(is_small, half * l * ratio, l - half * beta),
        R::select(is_small, ratio, R::one()),
    )
}

/// 1, 0 or a half: whether `a < b`.
#[inline(always)]
fn below<R: Real>(a: R, b: R) -> R {
    R::select(a < b, R::one(), R::select(a > b, R::zero(), R::of(0.5)))
}

/// Extended IoU (Peng and Yu): an intersection that is negative where boxes are apart, and a quadratic near 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extended {
    pub(super) ends: Ends,
    pub(super) eps: f64,
    pub(super) smooth_point: f64,
}

impl Pair<4> for Extended {
    #[inline(always)]
    fn eval<R: Real>(&self, a: [R; 4], b: [R; 4]) -> (R, [[R; 4]; 2]) {
        let axes = self.ends.axes(a, b);
        let extents = [axes[0].extent(), axes[1].extent()];
        // From the outermost low end: where the inner low end is, and where the inner high end is.
        let start_of = |axis: Axis<R>| (axis.low[0] - axis.low[1]).abs();
        let end_of =
            |axis: Axis<R>| axis.high[0].at_most(axis.high[1]) - axis.low[0].at_most(axis.low[1]);
        let start = [start_of(axes[0]), start_of(axes[1])];
        let end = [end_of(axes[0]), end_of(axes[1])];
        let least = [start[0].at_most(end[0]), start[1].at_most(end[1])];
        let most = [start[0].at_least(end[0]), start[1].at_least(end[1])];
        let intersection =
            end[0] * end[1] + least[0] * least[1] - start[0] * most[1] - most[0] * start[1];
        let [x, y] = extents;
        let areas = x.size[0].mul_add(y.size[0], x.size[1] * y.size[1]);
        let per_union = R::one() / (areas - intersection + R::of(self.eps));
        let iou = intersection * per_union;
        let (value, slope) = smooth(R::one() - iou, R::of(self.smooth_point));
        // iou = I/(A − I + ε)
        let of_intersection = -(slope * (R::one() + iou) * per_union);
        let of_area = slope * iou * per_union;

        let pull = |k: usize| {
            let other = 1 - k;
            let is_less = below(start[k], end[k]);
            let is_more = R::one() - is_less;
            // The same along both axes, but for the roles in the mixed terms.
            let (of_start, of_end) = match k {
                0 => (
                    is_less * least[1] - most[1] - is_more * start[1],
                    end[1] + is_more * least[1] - is_less * start[1],
                ),
                _ => (
                    is_less * least[0] - is_more * start[0] - most[0],
                    end[0] + is_more * least[0] - is_less * start[0],
                ),
            };
            let (of_start, of_end) = (of_start * of_intersection, of_end * of_intersection);
            let Axis { low, high } = axes[k];
            let mut extent = Extent::none();
            extent.size = [
                of_area * extents[other].size[0],
                of_area * extents[other].size[1],
            ];
            let mut slopes = axes[k].pull(extent);
            let sign = below(low[1], low[0]) - below(low[0], low[1]);
            let (low_share, high_share) = (below(low[0], low[1]), below(high[0], high[1]));
            slopes.low[0] += of_start * sign - of_end * low_share;
            slopes.low[1] += -(of_start * sign) - of_end * (R::one() - low_share);
            slopes.high[0] += of_end * high_share;
            slopes.high[1] += of_end * (R::one() - high_share);
            slopes
        };
        (value, self.ends.pull(pull(0), pull(1)))
    }
}

/// Normalised Gaussian Wasserstein distance: `1 − e^(−W/C)`, `W² = |Δcentre|² + |Δsize|²/4`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nwd {
    pub(super) ends: Ends,
    /// `1/C`.
    pub(super) per_constant: f64,
}

impl Pair<4> for Nwd {
    #[inline(always)]
    fn eval<R: Real>(&self, a: [R; 4], b: [R; 4]) -> (R, [[R; 4]; 2]) {
        let [x, y] = self.ends.axes(a, b);
        let (dx, dy) = (x.extent(), y.extent());
        let quarter = R::of(0.25);
        let (dw, dh) = (dx.size[0] - dx.size[1], dy.size[0] - dy.size[1]);
        let square = dx.offset * dx.offset + dy.offset * dy.offset + quarter * (dw * dw + dh * dh);
        let distance = square.sqrt();
        let per = R::of(self.per_constant);
        let decay = (-(distance * per)).exp_nonpositive();
        // Equal boxes are a kink: slope 0.
        let is_zero = distance == R::zero();
        let per_distance = R::one() / R::select(is_zero, R::one(), distance);
        let slope = R::select(is_zero, R::zero(), decay * per * per_distance);
        let extent = |offset: R, size: R| {
            let size = quarter * slope * size;
            let mut extent = Extent::none();
            extent.offset = slope * offset;
            extent.size = [size, -size];
            extent
        };
        let x = x.pull(extent(dx.offset, dw));
        let y = y.pull(extent(dy.offset, dh));
        (R::one() - decay, self.ends.pull(x, y))
    }
}

/// Bounded IoU: how far each of four numbers alone could leave the IoU from 1, through a smooth L1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounded {
    pub(super) ends: Ends,
    pub(super) eps: f64,
    pub(super) beta: f64,
}

impl Bounded {
    /// The loss of a centre and a length, and slopes.
    #[inline(always)]
    fn axis<R: Real>(&self, extent: &Extent<R>) -> (R, Extent<R>) {
        let (zero, one, two) = (R::zero(), R::one(), R::of(2.0));
        let (eps, beta) = (R::of(self.eps), R::of(self.beta));
        let [size, target] = extent.size;
        let distance = two * extent.offset.abs();
        let per_sum = one / (target + distance + eps);
        let ratio = (target - distance) * per_sum;
        let (of_offset, slope) = smooth(one - ratio.at_least(zero), beta);
        let slope = R::select(ratio < zero, zero, slope) * per_sum;
        let sign = below(zero, extent.offset) - below(extent.offset, zero);

        let (per_size, per_target) = (one / (size + eps), one / (target + eps));
        let (down, up) = (target * per_size, size * per_target);
        let (of_size, steepness) = smooth(one - down.at_most(up), beta);
        let is_down = below(down, up);
        let (by_down, by_up) = (steepness * is_down, steepness * (one - is_down));

        let mut slopes = Extent::none();
        slopes.offset = two * (one + ratio) * slope * sign;
        slopes.size = [
            by_down * down * per_size - by_up * per_target,
            by_up * up * per_target - by_down * per_size - (one - ratio) * slope,
        ];
        (of_offset + of_size, slopes)
    }
}

impl Pair<4> for Bounded {
    #[inline(always)]
    fn eval<R: Real>(&self, a: [R; 4], b: [R; 4]) -> (R, [[R; 4]; 2]) {
        let [x, y] = self.ends.axes(a, b);
        let (of_x, dx) = self.axis(&x.extent());
        let (of_y, dy) = self.axis(&y.extent());
        (of_x + of_y, self.ends.pull(x.pull(dx), y.pull(dy)))
    }
}
