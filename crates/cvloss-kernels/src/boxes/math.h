// The formulas of losses of axis-aligned boxes: what is measured along each axis, base losses, combinators, and the way
// back to the boxes' numbers. See axis.rs, base.rs, combine.rs and direct.rs.
#pragma once
#include "../loops/boxes.h"

namespace cvl {

// The least divisor, and the least base of a power.
#define CVL_LEAST_DIVISOR CVL_NUMBER(1e-37)

template <class R> CVL_FN R one_half() { return CVL_NUMBER(0.5); }

// What a loss measures along one axis, or its slopes with respect to each.
template <class R> struct Extent {
    R shared, size[2], hull, offset, ends[2];
};

// No slope.
template <class R> CVL_FN Extent<R> no_extent() { return {R(0), {R(0), R(0)}, R(0), R(0), {R(0), R(0)}}; }

// The ends of both boxes along one axis, or the slopes with respect to them.
template <class R> struct BoxAxis {
    R low[2], high[2];

    CVL_FN Extent<R> extent() const {
        R a = low[0], b = low[1], c = high[0], d = high[1];
        Extent<R> found;
        found.ends[0] = a - b;
        found.ends[1] = c - d;
        found.shared = at_least(at_most(c, d) - at_least(a, b), R(0));
        found.size[0] = at_least(c - a, R(0));
        found.size[1] = at_least(d - b, R(0));
        found.hull = at_least(at_least(c, d) - at_most(a, b), R(0));
        found.offset = one_half<R>() * (found.ends[0] + found.ends[1]);
        return found;
    }

    // From slopes with respect to what was measured to slopes with respect to the ends.
    CVL_FN BoxAxis pull(CVL_THREAD const Extent<R> &slopes) const {
        R a = low[0], b = low[1], c = high[0], d = high[1];
        R low_share = a > b ? R(1) : (a < b ? R(0) : one_half<R>());
        R high_share = c < d ? R(1) : (c > d ? R(0) : one_half<R>());
        R hull = at_least(c, d) < at_most(a, b) ? R(0) : slopes.hull;
        R first = c < a ? R(0) : slopes.size[0];
        R second = d < b ? R(0) : slopes.size[1];
        R offset = one_half<R>() * slopes.offset;
        R low_rest = R(1) - low_share, high_rest = R(1) - high_share;
        BoxAxis found;
        found.low[0] = offset + slopes.ends[0] - mul_add(slopes.shared, low_share, hull * low_rest) - first;
        found.low[1] = -offset - slopes.ends[0] - mul_add(slopes.shared, low_rest, hull * low_share) - second;
        found.high[0] = offset + slopes.ends[1] + mul_add(slopes.shared, high_share, hull * high_rest) + first;
        found.high[1] = -offset - slopes.ends[1] + mul_add(slopes.shared, high_rest, hull * high_share) + second;
        return found;
    }

    // Both boxes scaled about their centres.
    CVL_FN BoxAxis scaled(R ratio) const {
        R near = one_half<R>() + one_half<R>() * ratio, far = one_half<R>() - one_half<R>() * ratio;
        BoxAxis found;
        CVL_UNROLL
        for (int k = 0; k < 2; k++) {
            found.low[k] = mul_add(near, low[k], far * high[k]);
            found.high[k] = mul_add(near, high[k], far * low[k]);
        }
        return found;
    }

    CVL_FN BoxAxis plus(CVL_THREAD const BoxAxis &other) const {
        return {{low[0] + other.low[0], low[1] + other.low[1]}, {high[0] + other.high[0], high[1] + other.high[1]}};
    }
};

// Both axes of a pair of boxes.
template <class R> struct BoxAxes {
    BoxAxis<R> x, y;
};

// `low = a − before·b` and `high = start·a + after·b`, of a box's two numbers along an axis.
template <class R> CVL_FN BoxAxis<R> axis_of(CVL_THREAD const BoxPair<R> &pair, int k, CVL_CALL(BoxesCall<R>) call) {
    R before = -call.before;
    return {{mul_add(before, pair.a[k + 2], pair.a[k]), mul_add(before, pair.b[k + 2], pair.b[k])},
            {mul_add(call.start, pair.a[k], call.after * pair.a[k + 2]),
             mul_add(call.start, pair.b[k], call.after * pair.b[k + 2])}};
}

template <class R> CVL_FN BoxAxes<R> axes_of(CVL_THREAD const BoxPair<R> &pair, CVL_CALL(BoxesCall<R>) call) {
    return {axis_of(pair, 0, call), axis_of(pair, 1, call)};
}

// Slopes with respect to the boxes' numbers.
template <class R>
CVL_FN void pull_box(CVL_THREAD const BoxAxes<R> &slopes, int k, CVL_CALL(BoxesCall<R>) call, CVL_THREAD R *to) {
    R before = -call.before;
    to[0] = mul_add(call.start, slopes.x.high[k], slopes.x.low[k]);
    to[1] = mul_add(call.start, slopes.y.high[k], slopes.y.low[k]);
    to[2] = mul_add(before, slopes.x.low[k], call.after * slopes.x.high[k]);
    to[3] = mul_add(before, slopes.y.low[k], call.after * slopes.y.high[k]);
}

template <class R>
CVL_FN PairValue<R> pulled(R value, CVL_THREAD const BoxAxes<R> &slopes, CVL_CALL(BoxesCall<R>) call) {
    PairValue<R> found;
    found.value = value;
    pull_box(slopes, 0, call, found.slopes.a);
    pull_box(slopes, 1, call, found.slopes.b);
    return found;
}

// Intersection over union.
template <class R> struct Overlap {
    R iou, union_, per_union;
};

template <class R>
CVL_FN Overlap<R> overlap(CVL_THREAD const Extent<R> &x, CVL_THREAD const Extent<R> &y, R eps) {
    R intersection = x.shared * y.shared;
    R areas = mul_add(x.size[0], y.size[0], x.size[1] * y.size[1]);
    R union_ = areas - intersection;
    R per_union = R(1) / (union_ + eps);
    return {intersection * per_union, union_, per_union};
}

// What is measured of two boxes.
template <class R> struct Parts {
    Extent<R> x, y;
    Overlap<R> overlap;
    R eps;
};

template <class R> CVL_FN Parts<R> measure(CVL_THREAD const BoxAxes<R> &axes, R eps) {
    Extent<R> x = axes.x.extent(), y = axes.y.extent();
    return {x, y, overlap(x, y, eps), eps};
}

// A loss and its slopes: with respect to the overlap term, to the IoU beside that, to the union, to what was measured.
template <class R> struct Outcome {
    R value, term, iou, union_;
    Extent<R> x, y;
};

// The overlap term alone.
template <class R> CVL_FN Outcome<R> of_term(R term) {
    return {term, R(1), R(0), R(0), no_extent<R>(), no_extent<R>()};
}

template <class R> CVL_FN Extent<R> times(CVL_THREAD const Extent<R> &e, R factor) {
    return {e.shared * factor, {e.size[0] * factor, e.size[1] * factor},
            e.hull * factor, e.offset * factor, {e.ends[0] * factor, e.ends[1] * factor}};
}

// Slopes with respect to the ends of the boxes, through `iou` and `union_` and to what was measured.
template <class R>
CVL_FN BoxAxes<R> pull_parts(CVL_THREAD const BoxAxes<R> &axes, CVL_THREAD const Parts<R> &parts, R iou, R union_,
                             Extent<R> x, Extent<R> y) {
    R steepness = iou * parts.overlap.per_union;
    R area = union_ - steepness * parts.overlap.iou;
    // No slope where nothing is shared.
    bool is_shared = parts.x.shared > R(0) && parts.y.shared > R(0);
    R intersection = is_shared ? steepness - area : R(0);
    x.shared += intersection * parts.y.shared;
    y.shared += intersection * parts.x.shared;
    CVL_UNROLL
    for (int k = 0; k < 2; k++) {
        x.size[k] += area * parts.y.size[k];
        y.size[k] += area * parts.x.size[k];
    }
    return {axes.x.pull(x), axes.y.pull(y)};
}

// `x^α` and its slope, which are 0 where `x` is.
template <class R> CVL_FN ValueSlope<R> raised(R x, R alpha) {
    bool is_zero = x <= CVL_LEAST_DIVISOR, is_one = alpha == R(1);
    R safe = at_least(x, CVL_LEAST_DIVISOR);
    R power = exp(alpha * ln(safe));
    R slope = alpha * power / safe;
    power = is_zero ? R(0) : power;
    slope = is_zero ? R(0) : slope;
    return {is_one ? x : power, is_one ? R(1) : slope};
}

// What becomes of the IoU.
enum { LINEAR_FORM = 0, LOG_FORM = 1 };

// The overlap term of an IoU, and its slope: a stretched interval, and a power. Whether there are combinators at all
// differs between calls, not between threads.
template <class R> CVL_FN ValueSlope<R> term_of(R iou, CVL_CALL(BoxesCall<R>) call) {
    R stretched = (iou - call.low) * call.steepness;
    bool is_outside = stretched < R(0) || stretched > R(1);
    stretched = at_most(at_least(stretched, R(0)), R(1));
    R steepness = is_outside ? R(0) : call.steepness;
    if (call.form == LOG_FORM) {
        R safe = at_least(stretched, call.eps);
        R slope = stretched < call.eps ? R(0) : -(call.alpha / safe);
        return {-(call.alpha * ln(safe)), slope * steepness};
    }
    ValueSlope<R> power = raised(stretched, call.exponent);
    return {R(1) - power.value, -power.slope * steepness};
}

// In `flags`, beside those of pointwise.h: the overlap term is not `1 − IoU`.
enum { HAS_COMBINATORS = 256 };

// A base loss as a loss of pairs: what it makes of the overlap term, and the way back.
#define CVL_BASE                                                                                                       \
    CVL_FN PairValue<R> eval(CVL_THREAD const BoxPair<R> &pair, CVL_CALL(BoxesCall<R>) call) const {                   \
        BoxAxes<R> axes = axes_of(pair, call);                                                                         \
        Parts<R> parts = measure(axes, call.eps);                                                                      \
        if ((call.flags & HAS_COMBINATORS) == 0) {                                                                     \
            Outcome<R> outcome = base(parts, R(1) - parts.overlap.iou, R(1));                                          \
            R iou = outcome.iou - outcome.term;                                                                        \
            return pulled(outcome.value, pull_parts(axes, parts, iou, outcome.union_, outcome.x, outcome.y), call);    \
        }                                                                                                              \
        BoxAxes<R> scaled = {axes.x.scaled(call.ratio), axes.y.scaled(call.ratio)};                                    \
        Parts<R> inner = measure(scaled, call.eps);                                                                    \
        ValueSlope<R> term = term_of(inner.overlap.iou, call);                                                         \
        Outcome<R> outcome = base(parts, term.value, call.alpha);                                                      \
        BoxAxes<R> slopes = pull_parts(axes, parts, outcome.iou, outcome.union_, outcome.x, outcome.y);                \
        R through = outcome.term * term.slope;                                                                         \
        BoxAxes<R> of_inner = pull_parts(scaled, inner, through, R(0), no_extent<R>(), no_extent<R>());                \
        /* Scaling is symmetric: its transpose is itself. */                                                           \
        slopes = {slopes.x.plus(of_inner.x.scaled(call.ratio)), slopes.y.plus(of_inner.y.scaled(call.ratio))};         \
        return pulled(outcome.value, slopes, call);                                                                    \
    }

// The overlap term.
template <class R> struct Iou {
    static CVL_FN Iou of(CVL_CALL(BoxesCall<R>)) { return {}; }
    CVL_FN Outcome<R> base(CVL_THREAD const Parts<R> &, R term, R) const { return of_term(term); }
    CVL_BASE
};

// `(C − U)/C`: the share of the enclosing box that neither box covers.
template <class R> struct Giou {
    static CVL_FN Giou of(CVL_CALL(BoxesCall<R>)) { return {}; }
    CVL_FN Outcome<R> base(CVL_THREAD const Parts<R> &parts, R term, R alpha) const {
        R hull = parts.x.hull * parts.y.hull;
        R per_hull = R(1) / (hull + parts.eps);
        R empty = (hull - parts.overlap.union_) * per_hull;
        ValueSlope<R> power = raised(empty, alpha);
        R slope = power.slope * per_hull;
        R of_hull = (R(1) - empty) * slope;
        Outcome<R> outcome = of_term(term);
        outcome.value += power.value;
        outcome.union_ = -slope;
        outcome.x.hull = of_hull * parts.y.hull;
        outcome.y.hull = of_hull * parts.x.hull;
        return outcome;
    }
    CVL_BASE
};

// `ρ²/c²`, and its slopes with respect to hulls and offsets.
template <class R> struct Distance {
    R ratio, x_hull, y_hull, x_offset, y_offset;
};

template <class R> CVL_FN Distance<R> distance(CVL_THREAD const Parts<R> &parts) {
    Extent<R> x = parts.x, y = parts.y;
    R diagonal = mul_add(x.hull, x.hull, y.hull * y.hull) + parts.eps;
    R twice = R(2) / diagonal;
    R ratio = one_half<R>() * twice * mul_add(x.offset, x.offset, y.offset * y.offset);
    R of_hull = -(twice * ratio);
    return {ratio, of_hull * x.hull, of_hull * y.hull, twice * x.offset, twice * y.offset};
}

template <class R> CVL_FN Outcome<R> diou(CVL_THREAD const Parts<R> &parts, R term, R alpha) {
    Distance<R> found = distance(parts);
    ValueSlope<R> power = raised(found.ratio, alpha);
    Outcome<R> outcome = of_term(term);
    outcome.value += power.value;
    outcome.x.hull = power.slope * found.x_hull;
    outcome.y.hull = power.slope * found.y_hull;
    outcome.x.offset = power.slope * found.x_offset;
    outcome.y.offset = power.slope * found.y_offset;
    return outcome;
}

// The distance of the centres by the diagonal of the enclosing box.
template <class R> struct Diou {
    static CVL_FN Diou of(CVL_CALL(BoxesCall<R>)) { return {}; }
    CVL_FN Outcome<R> base(CVL_THREAD const Parts<R> &parts, R term, R alpha) const { return diou(parts, term, alpha); }
    CVL_BASE
};

// DIoU, and `α v`: how much the proportions differ. `α = v/(1 − IoU + v + ε)` has no slope.
template <class R> struct Ciou {
    static CVL_FN Ciou of(CVL_CALL(BoxesCall<R>)) { return {}; }
    CVL_FN Outcome<R> base(CVL_THREAD const Parts<R> &parts, R term, R exponent) const {
        R w = parts.x.size[0], wt = parts.x.size[1], h = parts.y.size[0], ht = parts.y.size[1];
        // The difference of both angles atan(w/h), as one angle.
        R angle = atan2(mul_add(w, ht, -(wt * h)), mul_add(w, wt, h * ht));
        R scaled = CVL_NUMBER(0.405284734569351086) * angle;
        R v = scaled * angle;
        R alpha = v / (R(1) - parts.overlap.iou + v + parts.eps);
        ValueSlope<R> power = raised(alpha * v, exponent);
        R steepness = (scaled + scaled) * (power.slope * alpha);
        // d atan(w/h) = (h dw − w dh)/(w² + h²); a box without size has no proportions.
        R first = steepness / at_least(mul_add(w, w, h * h), CVL_LEAST_DIVISOR);
        R second = steepness / at_least(mul_add(wt, wt, ht * ht), CVL_LEAST_DIVISOR);
        Outcome<R> outcome = diou(parts, term, exponent);
        outcome.value += power.value;
        outcome.x.size[0] = first * h;
        outcome.x.size[1] = -(second * ht);
        outcome.y.size[0] = -(first * w);
        outcome.y.size[1] = second * wt;
        return outcome;
    }
    CVL_BASE
};

// DIoU, and the squared differences of width and height by those of the enclosing box, times `IoU^γ` with a focus.
template <class R> struct Efficient {
    R gamma, through;
    static CVL_FN Efficient of(CVL_CALL(BoxesCall<R>) call) { return {call.formula[0], call.formula[1]}; }

    // Adds `(a − b)²/(c² + ε)` to the outcome; returns its value.
    static CVL_FN R difference(CVL_THREAD const Extent<R> &extent, R eps, R alpha, CVL_THREAD Extent<R> &to) {
        R difference = extent.size[0] - extent.size[1];
        R per_hull = R(1) / mul_add(extent.hull, extent.hull, eps);
        R of_size = (difference + difference) * per_hull;
        R ratio = difference * difference * per_hull;
        R of_hull = -((ratio + ratio) * extent.hull * per_hull);
        ValueSlope<R> power = raised(ratio, alpha);
        to.size[0] = power.slope * of_size;
        to.size[1] = -(power.slope * of_size);
        to.hull += power.slope * of_hull;
        return power.value;
    }

    CVL_FN Outcome<R> base(CVL_THREAD const Parts<R> &parts, R term, R alpha) const {
        Outcome<R> outcome = diou(parts, term, alpha);
        outcome.value += difference(parts.x, parts.eps, alpha, outcome.x);
        outcome.value += difference(parts.y, parts.eps, alpha, outcome.y);
        if (gamma == R(0)) {
            return outcome;
        }
        ValueSlope<R> focus = raised(parts.overlap.iou, gamma);
        R slope = through != R(0) ? focus.slope : R(0);
        return {outcome.value * focus.value,   outcome.term * focus.value,     slope * outcome.value,
                outcome.union_ * focus.value,  times(outcome.x, focus.value), times(outcome.y, focus.value)};
    }
    CVL_BASE
};

// SCYLLA-IoU: half of a distance cost that knows the angle, and half of a shape cost.
template <class R> struct Siou {
    // The power of the shape cost; whether the sign of the distance cost, and its clamp, are mmdetection's.
    R theta, mmdetection;
    static CVL_FN Siou of(CVL_CALL(BoxesCall<R>) call) { return {call.formula[0], call.formula[1]}; }

    struct Part {
        R value, first, second, third;
    };

    // `(1 − e^(−ω))^θ` with `ω = |a − b|/(max(a, b) + ε)`, and its slope with respect to each.
    CVL_FN Part shape(CVL_THREAD const Extent<R> &extent, R eps) const {
        R a = extent.size[0], b = extent.size[1];
        R per_larger = R(1) / (at_least(a, b) + eps);
        R omega = abs(a - b) * per_larger;
        R decay = exp(-omega);
        ValueSlope<R> power = raised(R(1) - decay, theta);
        // Grows with the larger one by its part, and falls with the smaller one.
        R slope = power.slope * decay * per_larger;
        R of_larger = slope * (R(1) - omega);
        R first = a > b ? of_larger : (a < b ? -slope : R(0));
        R second = b > a ? of_larger : (b < a ? -slope : R(0));
        return {power.value, first, second, R(0)};
    }

    // `1 − e^(γ r)`, `r = (offset/(hull + ε))²`; slopes with respect to γ, offset, hull.
    static CVL_FN Part cost(CVL_THREAD const Extent<R> &e, R gamma, R eps) {
        R per_hull = R(1) / (e.hull + eps);
        R ratio = e.offset * per_hull;
        // Beyond 1 only of inverted boxes, where the exponential could overflow.
        R r = at_most(ratio * ratio, R(1));
        R growth = exp(gamma * r);
        R of_r = ratio * ratio > R(1) ? R(0) : -(gamma * growth);
        return {R(1) - growth, -(r * growth), of_r * R(2) * ratio * per_hull, -(of_r * R(2) * r * per_hull)};
    }

    static CVL_FN R sign(R v) { return v > R(0) ? R(1) : (v < R(0) ? -R(1) : R(0)); }

    CVL_FN Outcome<R> base(CVL_THREAD const Parts<R> &parts, R term, R alpha) const {
        bool is_mmdetection = mmdetection != R(0);
        // Λ = sin 2φ, φ being the smaller angle between the centres' line and an axis: 2|x y|/ρ².
        R ax = abs(parts.x.offset), ay = abs(parts.y.offset);
        R square = at_least(mul_add(ax, ax, ay * ay), CVL_LEAST_DIVISOR);
        R per_square = R(2) / square;
        R lambda = ax * ay * per_square;
        R of_x = (ay - lambda * ax) * per_square * sign(parts.x.offset);
        R of_y = (ax - lambda * ay) * per_square * sign(parts.y.offset);
        R orientation = is_mmdetection ? R(1) : -R(1);
        R gamma = orientation * (R(2) - lambda);
        Part dx = cost(parts.x, gamma, parts.eps), dy = cost(parts.y, gamma, parts.eps);
        Part wx = shape(parts.x, parts.eps), wy = shape(parts.y, parts.eps);
        R costs = one_half<R>() * (dx.value + dy.value + wx.value + wy.value);
        ValueSlope<R> penalty = raised(costs, alpha);
        // mmdetection raises no power: its distance cost is not positive.
        penalty = {is_mmdetection ? costs : penalty.value, is_mmdetection ? R(1) : penalty.slope};
        R total = term + penalty.value;
        bool is_clamped = is_mmdetection && (total > R(2) || total < R(0));
        R pass = is_clamped ? R(0) : R(1);
        R slope = one_half<R>() * penalty.slope * pass;
        R of_lambda = -(orientation * (dx.first + dy.first) * slope);
        Outcome<R> outcome = of_term(term);
        outcome.value = is_mmdetection ? at_most(at_least(total, R(0)), R(2)) : total;
        outcome.term = pass;
        outcome.x.offset = mul_add(slope, dx.second, of_lambda * of_x);
        outcome.y.offset = mul_add(slope, dy.second, of_lambda * of_y);
        outcome.x.hull = slope * dx.third;
        outcome.y.hull = slope * dy.third;
        outcome.x.size[0] = slope * wx.first;
        outcome.x.size[1] = slope * wx.second;
        outcome.y.size[0] = slope * wy.first;
        outcome.y.size[1] = slope * wy.second;
        return outcome;
    }
    CVL_BASE
};

// `(d₁² + d₂²)/(W² + H²)`: distances of the low and of the high corners, by the diagonal of the image.
template <class R> struct Mpdiou {
    R per_diagonal;
    static CVL_FN Mpdiou of(CVL_CALL(BoxesCall<R>) call) { return {call.formula[0]}; }
    CVL_FN Outcome<R> base(CVL_THREAD const Parts<R> &parts, R term, R alpha) const {
        Extent<R> x = parts.x, y = parts.y;
        R of_x = mul_add(x.ends[0], x.ends[0], x.ends[1] * x.ends[1]);
        R of_y = mul_add(y.ends[0], y.ends[0], y.ends[1] * y.ends[1]);
        ValueSlope<R> power = raised(per_diagonal * (of_x + of_y), alpha);
        R twice = (per_diagonal + per_diagonal) * power.slope;
        Outcome<R> outcome = of_term(term);
        outcome.value += power.value;
        CVL_UNROLL
        for (int k = 0; k < 2; k++) {
            outcome.x.ends[k] = twice * x.ends[k];
            outcome.y.ends[k] = twice * y.ends[k];
        }
        return outcome;
    }
    CVL_BASE
};

// How much a pair counts in Wise-IoU.
enum { WISE_V1 = 0, WISE_V2 = 1, WISE_V3 = 2 };

// The overlap term times `e^(ρ²/c²)`, `c` without a slope, times a focus without a slope.
template <class R> struct Wise {
    // The version; the running mean; γ, or ln α and δ.
    R version, mean, first, second;
    static CVL_FN Wise of(CVL_CALL(BoxesCall<R>) call) {
        return {call.formula[0], call.formula[1], call.formula[2], call.formula[3]};
    }
    CVL_FN Outcome<R> base(CVL_THREAD const Parts<R> &parts, R term, R) const {
        Distance<R> found = distance(parts);
        R loss = at_least(R(1) - parts.overlap.iou, R(0));
        R focus = R(1);
        if (int(version) == WISE_V2) {
            R gamma = first;
            focus = raised(loss / mean, gamma).value;
        } else if (int(version) == WISE_V3) {
            R ln_alpha = first, delta = second;
            R beta = loss / mean;
            focus = beta / delta * exp(ln_alpha * (delta - beta));
        }
        // Beyond 1 only of inverted boxes, where the exponential could overflow.
        R factor = focus * exp(at_most(found.ratio, R(1)));
        R value = factor * term;
        R slope = found.ratio > R(1) ? R(0) : value;
        Outcome<R> outcome = of_term(value);
        outcome.term = factor;
        outcome.x.offset = slope * found.x_offset;
        outcome.y.offset = slope * found.y_offset;
        return outcome;
    }
    CVL_BASE
};

// `½ l²/β` below `β`, `l − ½ β` above; and the slope. 0 has slope 0.
template <class R> CVL_FN ValueSlope<R> smooth(R l, R beta) {
    bool is_small = l < beta;
    R ratio = l / beta;
    return {is_small ? one_half<R>() * l * ratio : l - one_half<R>() * beta, is_small ? ratio : R(1)};
}

// 1, 0 or a half: whether `a < b`.
template <class R> CVL_FN R below(R a, R b) { return a < b ? R(1) : (a > b ? R(0) : one_half<R>()); }

// Extended IoU: an intersection that is negative where boxes are apart, and a quadratic near 0.
template <class R> struct Extended {
    R smooth_point;
    static CVL_FN Extended of(CVL_CALL(BoxesCall<R>) call) { return {call.formula[0]}; }

    // Slopes of one axis, from those with respect to where the inner low end and the inner high end are.
    static CVL_FN BoxAxis<R> pull(CVL_THREAD const BoxAxis<R> &axis, CVL_THREAD const Extent<R> &other, R of_area,
                                  R of_start, R of_end) {
        Extent<R> extent = no_extent<R>();
        extent.size[0] = of_area * other.size[0];
        extent.size[1] = of_area * other.size[1];
        BoxAxis<R> slopes = axis.pull(extent);
        R low_share = below(axis.low[0], axis.low[1]), high_share = below(axis.high[0], axis.high[1]);
        R sign = below(axis.low[1], axis.low[0]) - low_share;
        slopes.low[0] += of_start * sign - of_end * low_share;
        slopes.low[1] += -(of_start * sign) - of_end * (R(1) - low_share);
        slopes.high[0] += of_end * high_share;
        slopes.high[1] += of_end * (R(1) - high_share);
        return slopes;
    }

    CVL_FN PairValue<R> eval(CVL_THREAD const BoxPair<R> &pair, CVL_CALL(BoxesCall<R>) call) const {
        BoxAxes<R> axes = axes_of(pair, call);
        Extent<R> x = axes.x.extent(), y = axes.y.extent();
        // From the outermost low end: where the inner low end is, and where the inner high end is.
        R start_x = abs(axes.x.low[0] - axes.x.low[1]), start_y = abs(axes.y.low[0] - axes.y.low[1]);
        R end_x = at_most(axes.x.high[0], axes.x.high[1]) - at_most(axes.x.low[0], axes.x.low[1]);
        R end_y = at_most(axes.y.high[0], axes.y.high[1]) - at_most(axes.y.low[0], axes.y.low[1]);
        R least_x = at_most(start_x, end_x), least_y = at_most(start_y, end_y);
        R most_x = at_least(start_x, end_x), most_y = at_least(start_y, end_y);
        R intersection = end_x * end_y + least_x * least_y - start_x * most_y - most_x * start_y;
        R areas = mul_add(x.size[0], y.size[0], x.size[1] * y.size[1]);
        R per_union = R(1) / (areas - intersection + call.eps);
        R iou = intersection * per_union;
        ValueSlope<R> found = smooth(R(1) - iou, smooth_point);
        // iou = I/(A − I + ε)
        R of_intersection = -(found.slope * (R(1) + iou) * per_union);
        R of_area = found.slope * iou * per_union;
        // The same along both axes, but for the roles in the mixed terms.
        R is_less = below(start_x, end_x), is_more = R(1) - is_less;
        R of_start = (is_less * least_y - most_y - is_more * start_y) * of_intersection;
        R of_end = (end_y + is_more * least_y - is_less * start_y) * of_intersection;
        BoxAxis<R> of_x = pull(axes.x, y, of_area, of_start, of_end);
        is_less = below(start_y, end_y);
        is_more = R(1) - is_less;
        of_start = (is_less * least_x - is_more * start_x - most_x) * of_intersection;
        of_end = (end_x + is_more * least_x - is_less * start_x) * of_intersection;
        BoxAxis<R> of_y = pull(axes.y, x, of_area, of_start, of_end);
        return pulled(found.value, BoxAxes<R>{of_x, of_y}, call);
    }
};

// Normalised Gaussian Wasserstein distance: `1 − e^(−W/C)`, `W² = |Δcentre|² + |Δsize|²/4`.
template <class R> struct Nwd {
    R per_constant;
    static CVL_FN Nwd of(CVL_CALL(BoxesCall<R>) call) { return {call.formula[0]}; }
    CVL_FN PairValue<R> eval(CVL_THREAD const BoxPair<R> &pair, CVL_CALL(BoxesCall<R>) call) const {
        BoxAxes<R> axes = axes_of(pair, call);
        Extent<R> x = axes.x.extent(), y = axes.y.extent();
        R quarter = CVL_NUMBER(0.25);
        R dw = x.size[0] - x.size[1], dh = y.size[0] - y.size[1];
        R distance = sqrt(x.offset * x.offset + y.offset * y.offset + quarter * (dw * dw + dh * dh));
        R decay = exp(-(distance * per_constant));
        // Equal boxes are a kink: slope 0.
        bool is_zero = distance == R(0);
        R per_distance = R(1) / (is_zero ? R(1) : distance);
        R slope = is_zero ? R(0) : decay * per_constant * per_distance;
        Extent<R> of_x = no_extent<R>(), of_y = no_extent<R>();
        of_x.offset = slope * x.offset;
        of_y.offset = slope * y.offset;
        of_x.size[0] = quarter * slope * dw;
        of_x.size[1] = -of_x.size[0];
        of_y.size[0] = quarter * slope * dh;
        of_y.size[1] = -of_y.size[0];
        return pulled(R(1) - decay, BoxAxes<R>{axes.x.pull(of_x), axes.y.pull(of_y)}, call);
    }
};

// Bounded IoU: how far each of four numbers alone could leave the IoU from 1, through a smooth L1.
template <class R> struct Bounded {
    R beta;
    static CVL_FN Bounded of(CVL_CALL(BoxesCall<R>) call) { return {call.formula[0]}; }

    // The loss of a centre and a length; slopes go to `to`.
    CVL_FN R axis(CVL_THREAD const Extent<R> &extent, R eps, CVL_THREAD Extent<R> &to) const {
        R size = extent.size[0], target = extent.size[1];
        R distance = R(2) * abs(extent.offset);
        R per_sum = R(1) / (target + distance + eps);
        R ratio = (target - distance) * per_sum;
        ValueSlope<R> of_offset = smooth(R(1) - at_least(ratio, R(0)), beta);
        R slope = (ratio < R(0) ? R(0) : of_offset.slope) * per_sum;
        R sign = below(R(0), extent.offset) - below(extent.offset, R(0));
        R per_size = R(1) / (size + eps), per_target = R(1) / (target + eps);
        R down = target * per_size, up = size * per_target;
        ValueSlope<R> of_size = smooth(R(1) - at_most(down, up), beta);
        R is_down = below(down, up);
        R by_down = of_size.slope * is_down, by_up = of_size.slope * (R(1) - is_down);
        to = no_extent<R>();
        to.offset = R(2) * (R(1) + ratio) * slope * sign;
        to.size[0] = by_down * down * per_size - by_up * per_target;
        to.size[1] = by_up * up * per_target - by_down * per_size - (R(1) - ratio) * slope;
        return of_offset.value + of_size.value;
    }

    CVL_FN PairValue<R> eval(CVL_THREAD const BoxPair<R> &pair, CVL_CALL(BoxesCall<R>) call) const {
        BoxAxes<R> axes = axes_of(pair, call);
        Extent<R> dx, dy;
        R value = axis(axes.x.extent(), call.eps, dx) + axis(axes.y.extent(), call.eps, dy);
        return pulled(value, BoxAxes<R>{axes.x.pull(dx), axes.y.pull(dy)}, call);
    }
};

} // namespace cvl
