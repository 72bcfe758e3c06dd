//! The area that two rotated boxes share, without a polygon.
//!
//! By Green's theorem, the area of `P ∩ Q` is `∮ m dy` along the edges of `P`, where `m` is how much of the line to the
//! left of a point lies in `Q`: in `Q`'s own frame, x clamped to its width, for y within its height. An edge needs a
//! clip in y and the mean of a clamped line. Its slopes are what the edges sweep: an edge that moves outward by δ
//! gains δ times its length inside the other box, and one that turns gains the moment of that part about its middle.

#![forbid(unsafe_code)]

use super::frame::Frame;
use crate::loops::boxes::Pair;
use crate::math::Real;

/// What is below this counts as parallel.
const PARALLEL: f64 = 1e-30;

/// What the edges of a box have inside another box.
#[derive(Clone, Copy)]
struct Inside<R> {
    /// The area that both share.
    area: R,
    /// Length of the right, top, left and bottom edge.
    lengths: [R; 4],
    /// The sum of the moments about the middles of the edges.
    moment: R,
}

/// The part of the line `from + t by` within `±half`: the first and last t, and 1, 0, or a half on the border for lines
/// that are parallel to it.
#[inline(always)]
fn slab<R: Real>(from: R, by: R, half: R) -> (R, R, R) {
    let (zero, one) = (R::zero(), R::one());
    let is_parallel = by.abs() < R::of(PARALLEL);
    let per = one / R::select(is_parallel, one, by);
    let (a, b) = ((-half - from) * per, (half - from) * per);
    let (first, last) = (a.at_most(b), a.at_least(b));
    let distance = from.abs();
    let weight = R::select(
        distance < half,
        one,
        R::select(distance > half, zero, R::of(0.5)),
    );
    (
        R::select(is_parallel, zero, first),
        R::select(is_parallel, one, last),
        R::select(is_parallel, weight, one),
    )
}

/// The mean of x clamped to `0..=width` over the line from `a` to `b`.
#[inline(always)]
fn mean<R: Real>(a: R, b: R, width: R) -> R {
    let zero = R::zero();
    let clamp = |x: R| x.at_least(zero).at_most(width);
    let (ca, cb) = (clamp(a), clamp(b));
    let whole = b - a;
    let per = R::one() / R::select(whole == zero, R::one(), whole);
    let within = (cb - ca) * per;
    let beyond = (b.at_least(width) - a.at_least(width)) * per;
    let mixed = R::of(0.5) * (ca + cb) * within + width * beyond;
    R::select(whole == zero, ca, mixed)
}

/// What one edge adds: area, length and moment. It lies at `middle ± way` from `centre`, and is `length` long.
#[inline(always)]
fn edge<R: Real>(
    centre: [R; 2],
    middle: [R; 2],
    way: [R; 2],
    length: R,
    other: [R; 2],
) -> (R, R, R) {
    let (zero, one, half, two) = (R::zero(), R::one(), R::of(0.5), R::of(2.0));
    let from = [
        centre[0] + middle[0] - way[0],
        centre[1] + middle[1] - way[1],
    ];
    let by = [two * way[0], two * way[1]];
    let (x_first, x_last, x_weight) = slab(from[0], by[0], other[0]);
    let (y_first, y_last, y_weight) = slab(from[1], by[1], other[1]);

    let (first, last) = (y_first.at_least(zero), y_last.at_most(one));
    let dy = R::select(last > first, (last - first) * by[1], zero);
    let left = from[0] + other[0];
    let (start, end) = (first.mul_add(by[0], left), last.mul_add(by[0], left));
    let area = dy * mean(start, end, two * other[0]);

    let (first, last) = (first.at_least(x_first), last.at_most(x_last));
    let part = R::select(last > first, (last - first) * (x_weight * y_weight), zero);
    let moment = half * part * (first + last - one) * (length * length);
    (area, part * length, moment)
}

/// A box of half sizes `[a, b]` at `centre`, turned by `cos` and `sin`, against a box at 0 of half sizes `other`.
#[inline(always)]
fn inside<R: Real>(centre: [R; 2], [a, b]: [R; 2], cos: R, sin: R, other: [R; 2]) -> Inside<R> {
    let (u, v) = ([a * cos, a * sin], [-(b * sin), b * cos]);
    let (back, down) = ([-u[0], -u[1]], [-v[0], -v[1]]);
    let (w, h) = (a + a, b + b);
    // Anticlockwise from the right edge. Not a loop: a loop within the loop over pairs would keep that from vectors.
    let right = edge(centre, u, v, h, other);
    let top = edge(centre, v, back, w, other);
    let left = edge(centre, back, down, h, other);
    let bottom = edge(centre, down, u, w, other);
    Inside {
        area: right.0 + top.0 + left.0 + bottom.0,
        lengths: [right.1, top.1, left.1, bottom.1],
        moment: right.2 + top.2 + left.2 + bottom.2,
    }
}

/// Slopes with respect to a box's numbers, from those with respect to the shared area and to the box's own.
#[inline(always)]
fn pull<R: Real>(
    frame: &Frame<R>,
    numbers: [R; 5],
    inside: Inside<R>,
    of_shared: R,
    of_area: R,
) -> [R; 5] {
    let (zero, half) = (R::zero(), R::of(0.5));
    let [right, top, left, bottom] = inside.lengths;
    let (along, across) = ((right - left) * of_shared, (top - bottom) * of_shared);
    let [w, h] = frame.size;
    let of_w = half * (right + left) * of_shared + of_area * h;
    let of_h = half * (top + bottom) * of_shared + of_area * w;
    [
        frame.cos * along - frame.sin * across,
        frame.sin * along + frame.cos * across,
        R::select(numbers[2] < zero, zero, of_w),
        R::select(numbers[3] < zero, zero, of_h),
        -(inside.moment * of_shared),
    ]
}

/// How the value follows from the IoU.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exact {
    pub(super) form: crate::boxes::IouForm,
    pub(super) eps: f64,
}

impl Pair<5> for Exact {
    #[inline(always)]
    fn eval<R: Real>(&self, a: [R; 5], b: [R; 5]) -> (R, [[R; 5]; 2]) {
        let (zero, one, half) = (R::zero(), R::one(), R::of(0.5));
        let eps = R::of(self.eps);
        let (p, q) = (Frame::new(a), Frame::new(b));
        // Products apart from their sum, so that equal angles differ by exactly 0.
        let (sc, cs) = (p.sin * q.cos, p.cos * q.sin);
        let sin = sc - cs;
        let cos = p.cos.mul_add(q.cos, p.sin * q.sin);
        let cos = R::select(sin == zero, R::select(cos < zero, -one, one), cos);
        let offset = [p.centre[0] - q.centre[0], p.centre[1] - q.centre[1]];
        let into = |frame: &Frame<R>, x: [R; 2]| {
            [
                frame.cos.mul_add(x[0], frame.sin * x[1]),
                frame.cos.mul_add(x[1], -(frame.sin * x[0])),
            ]
        };
        let halves = |frame: &Frame<R>| [half * frame.size[0], half * frame.size[1]];
        let of_p = inside(into(&q, offset), halves(&p), cos, sin, halves(&q));
        let back = into(&p, [-offset[0], -offset[1]]);
        let of_q = inside(back, halves(&q), cos, -sin, halves(&p));

        let areas = [p.size[0] * p.size[1], q.size[0] * q.size[1]];
        let least = areas[0].at_most(areas[1]);
        let shared = of_p.area.at_least(zero).at_most(least);
        let union = areas[0] + areas[1] - shared;
        let per_union = one / (union + eps);
        let iou = shared * per_union;
        let safe = iou.at_least(eps);
        use crate::boxes::IouForm;
        // All forms, of which one is chosen: branches would keep pairs from vectors.
        let pick = |log: R, square: R, linear: R| {
            let rest = R::select(self.form == IouForm::Square, square, linear);
            R::select(self.form == IouForm::Log, log, rest)
        };
        let value = pick(-safe.ln(), one - iou * iou, one - iou);
        let of_log = R::select(iou < eps, zero, -(one / safe));
        let slope = pick(of_log, -(iou + iou), -one);
        let of_shared = slope * (one + iou) * per_union;
        let of_area = -(slope * iou * per_union);
        let slopes = [
            pull(&p, a, of_p, of_shared, of_area),
            pull(&q, b, of_q, of_shared, of_area),
        ];
        (value, slopes)
    }
}
