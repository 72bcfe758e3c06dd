// From sums to scores, losses and slopes: a handful of numbers per item. See score.rs.
#pragma once
#include "../math.h"

namespace cvl {

enum { TRANSFORM_LINEAR = 0, TRANSFORM_LOG = 1, TRANSFORM_LOG_COSH = 2, TRANSFORM_NEGATIVE = 3, TRANSFORM_POWER = 4 };
enum { AVERAGE_MACRO = 0, AVERAGE_MICRO = 1, AVERAGE_VOLUME = 2, AVERAGE_SQUARED_VOLUME = 3 };
enum { ABSENT_COUNT = 0, ABSENT_SKIP = 1, ABSENT_ZERO = 2 };
// What the mean of a loss on top divides by: weights of classes times their volumes, weights of points, points, elements.
enum { EXTRA_NONE = 0, EXTRA_CLASSES = 1, EXTRA_MASS = 2, EXTRA_POINTS = 3, EXTRA_ELEMENTS = 4 };

template <class R> struct RegionCall {
    R i_num, i_den, p_den, t_den;
    R smooth_numerator, smooth_denominator, smooth_floor;
    // Of the transform, of the average over classes, and the factors of the whole and of what rides along.
    R gamma, power, weight, extra_weight;
    uint items, classes, splits;
    uint is_pooled, transform, average, absent;
    uint has_class_weights, averages_by_weight, is_mean;
    // What rides along: its denominator; the partial sums of an item's values and of its counts. Without counts, every
    // point counts once.
    uint extra, extra_parts, count_parts, space;
};

// The least score that a logarithm sees, and the least base that a fractional power's slope sees.
#define CVL_LEAST CVL_NUMBER(1e-7)

// `x^y` for `x ≥ 0`.
template <class R> CVL_FN R power_of(R x, R y) { return y == R(0) ? R(1) : exp(y * ln(x)); }

// `x^γ` and its derivative, finite at 0.
template <class R> CVL_FN ValueSlope<R> power(R x, R gamma) {
    // Rounding may leave a loss a hair below 0.
    x = x < R(0) ? R(0) : x;
    return {power_of(x, gamma), gamma * power_of(at_least(x, CVL_LEAST), gamma - R(1))};
}

// `ln cosh x` without overflow.
template <class R> CVL_FN R ln_cosh(R x) {
    x = abs(x);
    return x + ln_1p(exp(R(-2) * x)) - CVL_NUMBER(0.693147180559945309417);
}

// The loss and its derivative with respect to the score.
template <class R> CVL_FN ValueSlope<R> transform(R s, CVL_CALL(RegionCall<R>) call) {
    switch (call.transform) {
    case TRANSFORM_LINEAR:
        return {R(1) - s, R(-1)};
    case TRANSFORM_NEGATIVE:
        return {-s, R(-1)};
    case TRANSFORM_LOG:
        if (s < CVL_LEAST) {
            return {-ln(CVL_LEAST), R(0)};
        }
        return {-ln(s), R(-1) / s};
    case TRANSFORM_LOG_COSH: {
        R loss = R(1) - s;
        return {ln_cosh(loss), -tanh(loss)};
    }
    default: {
        ValueSlope<R> found = power(R(1) - s, call.gamma);
        return {found.value, -found.slope};
    }
    }
}

// `I`, `P` and `T`.
template <class R> struct Sums {
    R i, p, t;
};

// A value, and its derivatives with respect to `I` and `P`.
template <class R> struct Scored {
    R value, by_i, by_p;
};

template <class R> CVL_FN Scored<R> score(Sums<R> sums, CVL_CALL(RegionCall<R>) call) {
    R numerator = call.i_num * sums.i + call.smooth_numerator;
    R denominator =
        call.i_den * sums.i + call.p_den * sums.p + call.t_den * sums.t + call.smooth_denominator;
    if (denominator < call.smooth_floor) {
        R floor = call.smooth_floor;
        return {numerator / floor, call.i_num / floor, R(0)};
    }
    if (denominator == R(0)) {
        return {R(1), R(0), R(0)};
    }
    R s = numerator / denominator;
    return {s, (call.i_num - s * call.i_den) / denominator, -s * call.p_den / denominator};
}

// One class's loss and its derivatives with respect to `I` and `P`.
template <class R> CVL_FN Scored<R> class_loss(Sums<R> sums, CVL_CALL(RegionCall<R>) call) {
    Scored<R> s = score(sums, call);
    ValueSlope<R> loss = transform(s.value, call);
    return {loss.value, s.by_i * loss.slope, s.by_p * loss.slope};
}

// One item: its sums (C, 3), and where its slopes (C, 2) go. Classes that do not count are not `included`.
template <class R> struct RegionItem {
    CVL_DEVICE const R *statistics;
    CVL_DEVICE const R *class_weights;
    CVL_DEVICE const R *included;
    CVL_DEVICE R *slopes;

    CVL_FN Sums<R> sums(uint c) const { return {statistics[c * 3], statistics[c * 3 + 1], statistics[c * 3 + 2]}; }

    CVL_FN R class_weight(uint c, CVL_CALL(RegionCall<R>) call) const {
        return call.has_class_weights != 0 ? class_weights[c] : R(1);
    }

    CVL_FN void scale(R factor, CVL_CALL(RegionCall<R>) call) const {
        for (uint k = 0; k < call.classes * 2; k++) {
            slopes[k] *= factor;
        }
    }
};

template <class R> CVL_FN R macro_average(CVL_THREAD const RegionItem<R> &item, CVL_CALL(RegionCall<R>) call) {
    R value = R(0), counted = R(0), weights = R(0);
    for (uint c = 0; c < call.classes; c++) {
        Sums<R> sums = item.sums(c);
        bool is_absent = sums.t <= R(0);
        item.slopes[c * 2] = R(0);
        item.slopes[c * 2 + 1] = R(0);
        if (item.included[c] == R(0) || (is_absent && call.absent == ABSENT_SKIP)) {
            continue;
        }
        R weight = item.class_weight(c, call);
        counted += R(1);
        weights += weight;
        if (is_absent && call.absent == ABSENT_ZERO) {
            continue;
        }
        Scored<R> loss = class_loss(sums, call);
        value += weight * loss.value;
        item.slopes[c * 2] = weight * loss.by_i;
        item.slopes[c * 2 + 1] = weight * loss.by_p;
    }
    R denominator = call.averages_by_weight != 0 ? weights : counted;
    R factor = denominator > R(0) ? R(1) / denominator : R(0);
    item.scale(factor, call);
    return value * factor;
}

// The weight of a class of volume `t`.
template <class R> CVL_FN R volume_weight(R t, CVL_CALL(RegionCall<R>) call) {
    switch (call.average) {
    case AVERAGE_SQUARED_VOLUME:
        return R(1) / (t * t);
    case AVERAGE_VOLUME:
        return R(1) / t;
    default:
        return R(1);
    }
}

// The weight of a class inside the sums.
template <class R>
CVL_FN R micro_weight(CVL_THREAD const RegionItem<R> &item, uint c, R largest, CVL_CALL(RegionCall<R>) call) {
    R weight = volume_weight(item.sums(c).t, call);
    weight = weight == R(INFINITY) ? largest : weight;
    return item.included[c] == R(0) ? R(0) : weight * item.class_weight(c, call);
}

template <class R> CVL_FN R micro_average(CVL_THREAD const RegionItem<R> &item, CVL_CALL(RegionCall<R>) call) {
    R largest = R(0);
    for (uint c = 0; c < call.classes; c++) {
        R weight = volume_weight(item.sums(c).t, call);
        bool counts = item.included[c] != R(0) && weight < R(INFINITY);
        largest = counts && weight > largest ? weight : largest;
    }
    Sums<R> sums = {R(0), R(0), R(0)};
    for (uint c = 0; c < call.classes; c++) {
        R weight = micro_weight(item, c, largest, call);
        Sums<R> own = item.sums(c);
        sums = {sums.i + weight * own.i, sums.p + weight * own.p, sums.t + weight * own.t};
    }
    Scored<R> loss = {R(0), R(0), R(0)};
    if (!(sums.t <= R(0) && call.absent != ABSENT_COUNT)) {
        loss = class_loss(sums, call);
    }
    for (uint c = 0; c < call.classes; c++) {
        R weight = micro_weight(item, c, largest, call);
        item.slopes[c * 2] = weight * loss.by_i;
        item.slopes[c * 2 + 1] = weight * loss.by_p;
    }
    return loss.value;
}

template <class R> CVL_FN R assess_item(CVL_THREAD const RegionItem<R> &item, CVL_CALL(RegionCall<R>) call) {
    R value = call.average == AVERAGE_MACRO ? macro_average(item, call) : micro_average(item, call);
    if (call.power != R(1)) {
        ValueSlope<R> found = power(value, call.power);
        value = found.value;
        item.scale(found.slope, call);
    }
    item.scale(call.weight, call);
    return value * call.weight;
}

// Where what rides along left its sums.
template <class R> struct RegionExtra {
    // (N, extra_parts), and (N, count_parts, 2).
    CVL_DEVICE const R *values;
    CVL_DEVICE const R *counts;
    // A number for each class.
    CVL_DEVICE const R *auxiliary;

    // An item's value, mass or points.
    CVL_FN R sum(uint item, uint k, CVL_CALL(RegionCall<R>) call) const {
        if (k > 0 && call.count_parts == 0) {
            return R(call.space);
        }
        uint parts = k == 0 ? call.extra_parts : call.count_parts;
        R sum = R(0);
        for (uint part = item * parts; part < (item + 1) * parts; part++) {
            sum += k == 0 ? values[part] : counts[part * 2 + k - 1];
        }
        return sum;
    }

    // What the mean divides by; `sums` are value, mass and points.
    CVL_FN R denominator(CVL_THREAD const RegionItem<R> &item, CVL_DEVICE const R *sums,
                         CVL_CALL(RegionCall<R>) call) const {
        switch (call.extra) {
        case EXTRA_CLASSES: {
            R sum = R(0);
            for (uint c = 0; c < call.classes; c++) {
                sum += auxiliary[c] * item.sums(c).t;
            }
            return sum;
        }
        case EXTRA_MASS:
            return sums[1];
        case EXTRA_POINTS:
            return sums[2];
        default:
            return sums[2] * R(call.classes);
        }
    }
};

// Sums, values and slopes of all items, or of one that pools them, by one block.
template <class R> struct RegionTensors {
    CVL_DEVICE const R *partial;
    CVL_DEVICE const R *class_weights;
    CVL_DEVICE const R *included;
    RegionExtra<R> extra;
    // `I`, `P` and `T` of items and classes, then value, mass and points of what rides along with an item.
    CVL_DEVICE R *statistics;
    // Of items and classes, then of what rides along with an item.
    CVL_DEVICE R *slopes;
    CVL_DEVICE R *values;
    CVL_DEVICE R *value;
};

template <class R>
CVL_FN void region_scores(CVL_THREAD const RegionTensors<R> &to, CVL_CALL(RegionCall<R>) call, CVL_LOCAL R *scratch,
                          Place place) {
    uint groups = call.is_pooled != 0 ? 1 : call.items;
    uint each = call.is_pooled != 0 ? call.items : 1;
    CVL_DEVICE R *extras = to.statistics + groups * call.classes * 3;
    CVL_DEVICE R *factors = to.slopes + groups * call.classes * 2;
    for (uint at = place.index; at < groups * call.classes * 3; at += place.threads) {
        uint k = at % 3, c = at / 3 % call.classes, group = at / 3 / call.classes;
        R sum = R(0);
        for (uint item = group * each; item < (group + 1) * each; item++) {
            for (uint split = 0; split < call.splits; split++) {
                sum += to.partial[((item * call.classes + c) * call.splits + split) * 3 + k];
            }
        }
        to.statistics[at] = sum;
    }
    for (uint at = place.index; call.extra != EXTRA_NONE && at < groups * 3; at += place.threads) {
        R sum = R(0);
        for (uint item = at / 3 * each; item < (at / 3 + 1) * each; item++) {
            sum += to.extra.sum(item, at % 3, call);
        }
        extras[at] = sum;
    }
    CVL_DEVICE_BARRIER();
    // The mean of what rides along is over all pixels, as its own mean would be; each item's value has its own.
    R all = R(0);
    for (uint group = place.index; call.extra != EXTRA_NONE && group < groups; group += place.threads) {
        RegionItem<R> item = {to.statistics + group * call.classes * 3, to.class_weights, to.included, to.slopes};
        R denominator = to.extra.denominator(item, extras + group * 3, call);
        factors[group] = denominator;
        all += denominator;
    }
    all = block_sum(all, scratch, place);
    R factor = call.is_mean != 0 ? R(1) / R(groups) : R(1);
    R sum = R(0);
    for (uint group = place.index; group < groups; group += place.threads) {
        RegionItem<R> item = {to.statistics + group * call.classes * 3, to.class_weights, to.included,
                              to.slopes + group * call.classes * 2};
        R loss = assess_item(item, call) * factor;
        item.scale(factor, call);
        if (call.extra != EXTRA_NONE) {
            R denominator = call.is_mean != 0 ? all : factors[group];
            bool counts = denominator > R(0);
            factors[group] = counts ? call.extra_weight / denominator : R(0);
            loss += counts ? factors[group] * extras[group * 3] : R(0);
        }
        to.values[group] = loss;
        sum += loss;
    }
    sum = block_sum(sum, scratch, place);
    if (place.index == 0) {
        to.value[0] = sum;
    }
}

} // namespace cvl
