//! One axis of two boxes: what losses measure, and the way back to the ends of the boxes.

use crate::math::Real;

/// The numbers of a box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum BoxFormat {
    /// Left, top, right, bottom.
    #[default]
    Xyxy,
    /// Left, top, width, height.
    Xywh,
    /// Centre, width, height.
    Cxcywh,
}

/// The ends of both boxes along one axis, or the slopes with respect to them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis<R> {
    pub(super) low: [R; 2],
    pub(super) high: [R; 2],
}

/// `low = a − before·b` and `high = start·a + after·b`, of a box's two numbers along an axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    before: f64,
    start: f64,
    after: f64,
}

impl From<BoxFormat> for Ends {
    fn from(format: BoxFormat) -> Self {
        let (before, start, after) = match format {
            BoxFormat::Xyxy => (0.0, 0.0, 1.0),
            BoxFormat::Xywh => (0.0, 1.0, 1.0),
            BoxFormat::Cxcywh => (0.5, 1.0, 0.5),
        };
        Self {
            before,
            start,
            after,
        }
    }
}

impl Ends {
    pub(super) fn numbers(self) -> [f64; 3] {
        [self.before, self.start, self.after]
    }

    /// The x axis and the y axis.
    #[inline(always)]
    pub(super) fn axes<R: Real>(self, a: [R; 4], b: [R; 4]) -> [Axis<R>; 2] {
        let (before, start, after) = (R::of(-self.before), R::of(self.start), R::of(self.after));
        let low = |x: [R; 4], k: usize| before.mul_add(x[k + 2], x[k]);
        let high = |x: [R; 4], k: usize| start.mul_add(x[k], after * x[k + 2]);
        let axis = |k: usize| Axis {
            low: [low(a, k), low(b, k)],
            high: [high(a, k), high(b, k)],
        };
        [axis(0), axis(1)]
    }

    /// Slopes with respect to the boxes' numbers.
    #[inline(always)]
    pub(super) fn pull<R: Real>(self, x: Axis<R>, y: Axis<R>) -> [[R; 4]; 2] {
        let (before, start, after) = (R::of(-self.before), R::of(self.start), R::of(self.after));
        let one = |k: usize| {
            let first = |axis: Axis<R>| start.mul_add(axis.high[k], axis.low[k]);
            let second = |axis: Axis<R>| before.mul_add(axis.low[k], after * axis.high[k]);
            [first(x), first(y), second(x), second(y)]
        };
        [one(0), one(1)]
    }
}

/// What a loss measures along one axis, or its slopes with respect to each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent<R> {
    /// The length that both boxes share, at least 0.
    pub(super) shared: R,
    /// The length of each box, at least 0.
    pub(super) size: [R; 2],
    /// The length that encloses both, at least 0.
    pub(super) hull: R,
    /// From the second centre to the first.
    pub(super) offset: R,
    /// From the second box's low end to the first's, and the same of the high ends.
    pub(super) ends: [R; 2],
}

impl<R: Real> Extent<R> {
    /// No slope. A sum with −0 is the other number, which compilers know; with +0 they must add.
    #[inline(always)]
    pub(super) fn none() -> Self {
        let zero = R::of(-0.0);
        Self {
            shared: zero,
            size: [zero; 2],
            hull: zero,
            offset: zero,
            ends: [zero; 2],
        }
    }
}

impl<R: Real> Axis<R> {
    #[inline(always)]
    pub(super) fn extent(self) -> Extent<R> {
        let ([a, b], [c, d]) = (self.low, self.high);
        let zero = R::zero();
        let ends = [a - b, c - d];
        Extent {
            shared: (c.at_most(d) - a.at_least(b)).at_least(zero),
            size: [(c - a).at_least(zero), (d - b).at_least(zero)],
            hull: (c.at_least(d) - a.at_most(b)).at_least(zero),
            offset: R::of(0.5) * (ends[0] + ends[1]),
            ends,
        }
    }

    /// From slopes with respect to what was measured to slopes with respect to the ends.
    ///
    /// Where both ends coincide, each is the larger one by half, as torch has it.
    #[inline(always)]
    pub(super) fn pull(self, slopes: Extent<R>) -> Self {
        let ([a, b], [c, d]) = (self.low, self.high);
        let (zero, half, one) = (R::zero(), R::of(0.5), R::one());
        // The share of the first box in what both share; the rest is its share in the hull.
        let low_share = R::select(a > b, one, R::select(a < b, zero, half));
        let high_share = R::select(c < d, one, R::select(c > d, zero, half));
        let hull = R::select(c.at_least(d) < a.at_most(b), zero, slopes.hull);
        let mix = |share: R| {
            let rest = one - share;
            [
                slopes.shared.mul_add(share, hull * rest),
                slopes.shared.mul_add(rest, hull * share),
            ]
        };
        let size = [
            R::select(c < a, zero, slopes.size[0]),
            R::select(d < b, zero, slopes.size[1]),
        ];
        let offset = half * slopes.offset;
        let (low, high) = (mix(low_share), mix(high_share));
        Self {
            low: [
                offset + slopes.ends[0] - low[0] - size[0],
                -offset - slopes.ends[0] - low[1] - size[1],
            ],
            high: [
                offset + slopes.ends[1] + high[0] + size[0],
                -offset - slopes.ends[1] + high[1] + size[1],
            ],
        }
    }

    /// Both boxes scaled about their centres.
    #[inline(always)]
    pub(super) fn scaled(self, ratio: f64) -> Self {
        let (near, far) = (R::of(0.5 + 0.5 * ratio), R::of(0.5 - 0.5 * ratio));
        let end = |this: R, other: R| near.mul_add(this, far * other);
        let (low, high) = (self.low, self.high);
        Self {
            low: [end(low[0], high[0]), end(low[1], high[1])],
            high: [end(high[0], low[0]), end(high[1], low[1])],
        }
    }
}

/// Intersection over union.
#[derive(Clone, Copy, Debug)]
pub(super) struct Overlap<R> {
    pub(super) iou: R,
    pub(super) union: R,
    /// `1 / (union + ε)`.
    per_union: R,
}

impl<R: Real> Overlap<R> {
    #[inline(always)]
    pub(super) fn new(x: &Extent<R>, y: &Extent<R>, eps: R) -> Self {
        let intersection = x.shared * y.shared;
        let areas = x.size[0].mul_add(y.size[0], x.size[1] * y.size[1]);
        let union = areas - intersection;
        let per_union = R::one() / (union + eps);
        Self {
            iou: intersection * per_union,
            union,
            per_union,
        }
    }

    /// Adds slopes through `iou` and `union` to those of the extents.
    #[inline(always)]
    pub(super) fn pull(
        &self,
        iou: R,
        union: R,
        x: &Extent<R>,
        y: &Extent<R>,
        to: &mut [Extent<R>; 2],
    ) {
        let steepness = iou * self.per_union;
        let area = union - steepness * self.iou;
        // No slope where nothing is shared.
        let is_shared = x.shared > R::zero() && y.shared > R::zero();
        let intersection = R::select(is_shared, steepness - area, R::zero());
        let [to_x, to_y] = to;
        to_x.shared += intersection * y.shared;
        to_y.shared += intersection * x.shared;
        for k in 0..2 {
            to_x.size[k] += area * y.size[k];
            to_y.size[k] += area * x.size[k];
        }
    }
}
