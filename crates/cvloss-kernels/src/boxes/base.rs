//! Losses made of an overlap term and penalties: the formulas.
//!
//! Every base gets the overlap term (`1 − IoU`, unless combinators change it) and says what becomes of it: a value, and
//! slopes with respect to the term and to what was measured.

#![forbid(unsafe_code)]

use super::axis::{Extent, Overlap};
use crate::math::Real;

/// `4/π²`.
const FOUR_BY_PI_SQUARED: f64 = 4.0 / (std::f64::consts::PI * std::f64::consts::PI);

/// What is measured of two boxes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<R> {
    pub(super) x: Extent<R>,
    pub(super) y: Extent<R>,
    pub(super) overlap: Overlap<R>,
    pub(super) eps: R,
}

/// A loss and its slopes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome<R> {
    pub(super) value: R,
    /// With respect to the overlap term.
    pub(super) term: R,
    /// With respect to the IoU, beside that through the term.
    pub(super) iou: R,
    /// With respect to the union of the boxes.
    pub(super) union: R,
    pub(super) x: Extent<R>,
    pub(super) y: Extent<R>,
}

impl<R: Real> Outcome<R> {
    /// The overlap term alone.
    #[inline(always)]
    pub(super) fn of(term: R) -> Self {
        Self {
            value: term,
            term: R::one(),
            iou: R::of(-0.0),
            union: R::of(-0.0),
            x: Extent::none(),
            y: Extent::none(),
        }
    }

    /// Times a number that has no slope.
    #[inline(always)]
    fn times(self, factor: R) -> Self {
        let extent = |e: Extent<R>| Extent {
            shared: e.shared * factor,
            size: [e.size[0] * factor, e.size[1] * factor],
            hull: e.hull * factor,
            offset: e.offset * factor,
            ends: [e.ends[0] * factor, e.ends[1] * factor],
        };
        Self {
            value: self.value * factor,
            term: self.term * factor,
            iou: self.iou * factor,
            union: self.union * factor,
            x: extent(self.x),
            y: extent(self.y),
        }
    }
}

/// `x^α` of a penalty.
pub(super) trait Power: Copy + Send + Sync {
    /// The power and its slope, which is 0 where `x` is.
    fn of<R: Real>(self, x: R) -> (R, R);
}

/// `α = 1`.
#[derive(Clone, Copy, Debug)]
pub(super) struct First;
impl Power for First {
    #[inline(always)]
    fn of<R: Real>(self, x: R) -> (R, R) {
        (x, R::one())
    }
}

/// Any `α > 0`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Any(pub(super) f64);
impl Power for Any {
    #[inline(always)]
    fn of<R: Real>(self, x: R) -> (R, R) {
        let alpha = R::of(self.0);
        let least = R::of(1e-37);
        let is_zero = x <= least;
        let safe = x.at_least(least);
        let power = (alpha * safe.ln()).exp();
        let slope = alpha * power / safe;
        let is_one = alpha == R::one();
        (
            R::select(is_one, x, R::select(is_zero, R::zero(), power)),
            R::select(is_one, R::one(), R::select(is_zero, R::zero(), slope)),
        )
    }
}

/// A loss of two boxes.
pub(super) trait Base: Copy + Send + Sync {
    /// Must be `#[inline(always)]` and branch-free.
    fn eval<R: Real, E: Power>(&self, parts: &Parts<R>, term: R, power: E) -> Outcome<R>;
}

/// The overlap term.
#[derive(Clone, Copy, Debug)]
pub(super) struct Iou;
impl Base for Iou {
    #[inline(always)]
    fn eval<R: Real, E: Power>(&self, _: &Parts<R>, term: R, _: E) -> Outcome<R> {
        Outcome::of(term)
    }
}

/// `(C − U)/C`: the share of the enclosing box that neither box covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Giou;
impl Base for Giou {
    #[inline(always)]
    fn eval<R: Real, E: Power>(&self, parts: &Parts<R>, term: R, power: E) -> Outcome<R> {
        let Parts { x, y, overlap, eps } = *parts;
        let hull = x.hull * y.hull;
        let per_hull = R::one() / (hull + eps);
        let empty = (hull - overlap.union) * per_hull;
        let (value, slope) = power.of(empty);
        let slope = slope * per_hull;
        let of_hull = (R::one() - empty) * slope;
        let mut outcome = Outcome::of(term);
        outcome.value += value;
        outcome.union = -slope;
        outcome.x.hull = of_hull * y.hull;
        outcome.y.hull = of_hull * x.hull;
        outcome
    }
}

/// `ρ²/c²`: the distance of the centres by the diagonal of the enclosing box.
#[derive(Clone, Copy, Debug)]
pub(super) struct Diou;

/// `ρ²/c²`, and its slopes with respect to (x hull, y hull, x offset, y offset).
#[inline(always)]
fn distance<R: Real>(parts: &Parts<R>) -> (R, [R; 4]) {
    let Parts { x, y, eps, .. } = parts;
    let diagonal = x.hull.mul_add(x.hull, y.hull * y.hull) + *eps;
    let twice = R::of(2.0) / diagonal;
    let ratio = R::of(0.5) * twice * x.offset.mul_add(x.offset, y.offset * y.offset);
    let of_hull = -(twice * ratio);
    let slopes = [
        of_hull * x.hull,
        of_hull * y.hull,
        twice * x.offset,
        twice * y.offset,
    ];
    (ratio, slopes)
}

impl Base for Diou {
    #[inline(always)]
    fn eval<R: Real, E: Power>(&self, parts: &Parts<R>, term: R, power: E) -> Outcome<R> {
        let (ratio, slopes) = distance(parts);
        let (value, slope) = power.of(ratio);
        let mut outcome = Outcome::of(term);
        outcome.value += value;
        outcome.x.hull = slope * slopes[0];
        outcome.y.hull = slope * slopes[1];
        outcome.x.offset = slope * slopes[2];
        outcome.y.offset = slope * slopes[3];
        outcome
    }
}

/// DIoU, and `α v`: how much the proportions differ. `α = v/(1 − IoU + v + ε)` has no slope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ciou;
impl Base for Ciou {
    #[inline(always)]
    fn eval<R: Real, E: Power>(&self, parts: &Parts<R>, term: R, power: E) -> Outcome<R> {
        let Parts { x, y, overlap, eps } = *parts;
        let ([w, wt], [h, ht]) = (x.size, y.size);
        // The difference of both angles atan(w/h), as one angle.
        let angle = w.mul_add(ht, -(wt * h)).atan2_right(w.mul_add(wt, h * ht));
        let scaled = R::of(FOUR_BY_PI_SQUARED) * angle;
        let v = scaled * angle;
        let alpha = v / (R::one() - overlap.iou + v + eps);
        let (value, slope) = power.of(alpha * v);
        let steepness = (scaled + scaled) * (slope * alpha);
        // d atan(w/h) = (h dw − w dh)/(w² + h²); a box without size has no proportions.
        let per_square = |w: R, h: R| steepness / w.mul_add(w, h * h).at_least(R::of(1e-37));
        let (first, second) = (per_square(w, h), per_square(wt, ht));
        let mut outcome = Diou.eval(parts, term, power);
        outcome.value += value;
        outcome.x.size = [first * h, -(second * ht)];
        outcome.y.size = [-(first * w), second * wt];
        outcome
    }
}

/// Efficient IoU: DIoU, and the squared differences of width and height by those of the enclosing box. With a focus
/// `γ`, all of it times `IoU^γ`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Efficient {
    /// 0: no focus.
    pub(super) gamma: f64,
    /// Whether the focus has a slope.
    pub(super) through: bool,
}

/// `(a − b)²/(c² + ε)`, and its slopes with respect to (a, c).
#[inline(always)]
fn difference<R: Real>(extent: &Extent<R>, eps: R) -> (R, R, R) {
    let difference = extent.size[0] - extent.size[1];
    let per_hull = R::one() / extent.hull.mul_add(extent.hull, eps);
    let slope = (difference + difference) * per_hull;
    let ratio = difference * difference * per_hull;
    (ratio, slope, -((ratio + ratio) * extent.hull * per_hull))
}

impl Base for Efficient {
    #[inline(always)]
    fn eval<R: Real, E: Power>(&self, parts: &Parts<R>, term: R, power: E) -> Outcome<R> {
        let mut outcome = Diou.eval(parts, term, power);
        let (ratio, of_size, of_hull) = difference(&parts.x, parts.eps);
        let (value, slope) = power.of(ratio);
        outcome.value += value;
        outcome.x.size = [slope * of_size, -(slope * of_size)];
        outcome.x.hull += slope * of_hull;
        let (ratio, of_size, of_hull) = difference(&parts.y, parts.eps);
        let (value, slope) = power.of(ratio);
        outcome.value += value;
        outcome.y.size = [slope * of_size, -(slope * of_size)];
        outcome.y.hull += slope * of_hull;

        let is_plain = self.gamma == 0.0;
        let (focus, slope) = Any(self.gamma).of(parts.overlap.iou);
        let focus = R::select(is_plain, R::one(), focus);
        let is_constant = is_plain || !self.through;
        let slope = R::select(is_constant, R::zero(), slope);
        let focused = outcome.times(focus);
        Outcome {
            iou: slope * outcome.value,
            ..focused
        }
    }
}

/// SCYLLA-IoU: half of a distance cost that knows the angle, and half of a shape cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Siou {
    /// The power of the shape cost.
    pub(super) theta: f64,
    /// mmdetection's sign of the distance cost, and its clamp.
    pub(super) is_mmdetection: bool,
}

impl Siou {
    /// `(1 − e^(−ω))^θ` with `ω = |a − b|/(max(a, b) + ε)`, and its slope with respect to each.
    #[inline(always)]
    fn shape<R: Real>(&self, extent: &Extent<R>, eps: R) -> (R, [R; 2]) {
        let [a, b] = extent.size;
        let per_larger = R::one() / (a.at_least(b) + eps);
        let omega = (a - b).abs() * per_larger;
        let decay = (-omega).exp_nonpositive();
        let (value, slope) = Any(self.theta).of(R::one() - decay);
        // Grows with the larger one by its part, and falls with the smaller one.
        let slope = slope * decay * per_larger;
        let of_larger = slope * (R::one() - omega);
        let zero = R::zero();
        let pick = |is_larger: bool, is_smaller: bool| {
            R::select(is_larger, of_larger, R::select(is_smaller, -slope, zero))
        };
        (value, [pick(a > b, a < b), pick(b > a, b < a)])
    }
}

impl Base for Siou {
    #[inline(always)]
    fn eval<R: Real, E: Power>(&self, parts: &Parts<R>, term: R, power: E) -> Outcome<R> {
        let Parts { x, y, eps, .. } = *parts;
        let (zero, one, two, half) = (R::zero(), R::one(), R::of(2.0), R::of(0.5));
        // Λ = sin 2φ, φ being the smaller angle between the centres' line and an axis: 2|x y|/ρ².
        let (ax, ay) = (x.offset.abs(), y.offset.abs());
        let square = ax.mul_add(ax, ay * ay).at_least(R::of(1e-37));
        let per_square = two / square;
        let lambda = ax * ay * per_square;
        let sign = |v: R| R::select(v > zero, one, R::select(v < zero, -one, zero));
        let of_x = (ay - lambda * ax) * per_square * sign(x.offset);
        let of_y = (ax - lambda * ay) * per_square * sign(y.offset);

        let orientation = R::select(self.is_mmdetection, one, -one);
        let gamma = orientation * (two - lambda);
        // 1 − e^(γ r), r = (offset/(hull + ε))²; slopes with respect to γ, offset, hull.
        let distance = |e: &Extent<R>| {
            let per_hull = one / (e.hull + eps);
            let ratio = e.offset * per_hull;
            // Beyond 1 only of inverted boxes, where the exponential could overflow.
            let r = (ratio * ratio).at_most(one);
            let growth = (gamma * r).exp();
            let of_r = R::select(ratio * ratio > one, zero, -(gamma * growth));
            let slopes = [
                -(r * growth),
                of_r * two * ratio * per_hull,
                -(of_r * two * r * per_hull),
            ];
            (one - growth, slopes)
        };
        let (dx, sx) = distance(&x);
        let (dy, sy) = distance(&y);
        let (wx, tx) = self.shape(&x, eps);
        let (wy, ty) = self.shape(&y, eps);

        let (penalty, slope) = power.of(half * (dx + dy + wx + wy));
        // mmdetection raises no power: its distance cost is not positive.
        let (penalty, slope) = (
            R::select(self.is_mmdetection, half * (dx + dy + wx + wy), penalty),
            R::select(self.is_mmdetection, one, slope),
        );
        let total = term + penalty;
        let is_clamped = self.is_mmdetection && (total > two || total < zero);
        let pass = R::select(is_clamped, zero, one);
        let slope = half * slope * pass;
        let of_lambda = -(orientation * (sx[0] + sy[0]) * slope);
        let mut outcome = Outcome::of(term);
        outcome.value = R::select(
            self.is_mmdetection,
            total.at_least(zero).at_most(two),
            total,
        );
        outcome.term = pass;
        outcome.x.offset = slope.mul_add(sx[1], of_lambda * of_x);
        outcome.y.offset = slope.mul_add(sy[1], of_lambda * of_y);
        outcome.x.hull = slope * sx[2];
        outcome.y.hull = slope * sy[2];
        outcome.x.size = [slope * tx[0], slope * tx[1]];
        outcome.y.size = [slope * ty[0], slope * ty[1]];
        outcome
    }
}

/// `(d₁² + d₂²)/(W² + H²)`: distances of the low and of the high corners, by the diagonal of the image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mpdiou {
    /// `1/(W² + H²)`.
    pub(super) per_diagonal: f64,
}
impl Base for Mpdiou {
    #[inline(always)]
    fn eval<R: Real, E: Power>(&self, parts: &Parts<R>, term: R, power: E) -> Outcome<R> {
        let per = R::of(self.per_diagonal);
        let square = |ends: [R; 2]| ends[0].mul_add(ends[0], ends[1] * ends[1]);
        let (x, y) = (parts.x.ends, parts.y.ends);
        let (value, slope) = power.of(per * (square(x) + square(y)));
        let twice = (per + per) * slope;
        let mut outcome = Outcome::of(term);
        outcome.value += value;
        outcome.x.ends = [twice * x[0], twice * x[1]];
        outcome.y.ends = [twice * y[0], twice * y[1]];
        outcome
    }
}

/// Wise-IoU: the overlap term times `e^(ρ²/c²)`, `c` without a slope, times a focus without a slope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wise {
    pub(super) focus: Focus,
}

/// How much a pair counts, by `β`, its loss over the running mean of all losses: `β^γ e^(k(δ − β))/s`. One formula for all
/// versions, since a branch would keep pairs from vectors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Focus {
    mean: f64,
    gamma: f64,
    ln_alpha: f64,
    delta: f64,
    scale: f64,
}

impl Focus {
    /// Version 1: all the same.
    pub(super) const NONE: Self = Self {
        mean: 1.0,
        gamma: 0.0,
        ln_alpha: 0.0,
        delta: 0.0,
        scale: 1.0,
    };

    /// Version 2: `β^γ`.
    pub(super) fn monotonic(gamma: f64, mean: f64) -> Self {
        Self {
            gamma,
            mean,
            ..Self::NONE
        }
    }

    /// Version 3: `β/(δ α^(β − δ))`.
    pub(super) fn non_monotonic(alpha: f64, delta: f64, mean: f64) -> Self {
        Self {
            mean,
            gamma: 1.0,
            ln_alpha: alpha.ln(),
            delta,
            scale: delta,
        }
    }

    #[inline(always)]
    fn of<R: Real>(self, loss: R) -> R {
        let Self {
            mean,
            gamma,
            ln_alpha,
            delta,
            scale,
        } = self;
        // Finite, or 0 times it would be none.
        let beta = (loss / R::of(mean)).at_most(R::of(1e30));
        let (power, _) = Any(gamma).of(beta);
        // 0⁰ is 1.
        let power = R::select(gamma == 0.0, R::one(), power);
        power / R::of(scale) * (R::of(ln_alpha) * (R::of(delta) - beta)).exp()
    }
}

impl Base for Wise {
    #[inline(always)]
    fn eval<R: Real, E: Power>(&self, parts: &Parts<R>, term: R, _: E) -> Outcome<R> {
        let (ratio, slopes) = distance(parts);
        let loss = (R::one() - parts.overlap.iou).at_least(R::zero());
        let focus = self.focus.of(loss);
        // Beyond 1 only of inverted boxes, where the exponential could overflow.
        let factor = focus * ratio.at_most(R::one()).exp();
        let value = factor * term;
        let slope = R::select(ratio > R::one(), R::zero(), value);
        let mut outcome = Outcome::of(value);
        outcome.term = factor;
        outcome.x.offset = slope * slopes[2];
        outcome.y.offset = slope * slopes[3];
        outcome
    }
}
