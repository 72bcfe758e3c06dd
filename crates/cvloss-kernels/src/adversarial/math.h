// The formulas of adversarial losses: curves of one logit, and how logits reach them. See cpu.rs.
#pragma once
#include "../loops/pointwise.h"

namespace cvl {

// Which curve: it differs between calls, not between threads.
enum { CROSS_ENTROPY = 0, SQUARE = 1, LINEAR = 2, HINGE = 3, RECTIFIED = 4, ABSOLUTE = 5 };

// A function of one number: its value and derivative. `first` and `second` are the curve's numbers, in cpu.rs's order.
template <class R> struct Curve {
    R kind, first, second;

    CVL_FN ValueSlope<R> eval(R z) const {
        switch (int(kind)) {
        case CROSS_ENTROPY: {
            R label = first;
            return logistic(z).cross_entropy(label, R(1));
        }
        case SQUARE: {
            R label = first, factor = second;
            R d = z - label;
            R slope = factor * d;
            return {slope * d, slope + slope};
        }
        case LINEAR: {
            R slope = first;
            return {slope * z, slope};
        }
        case HINGE: {
            R sign = first;
            R gap = R(1) - sign * z;
            R slope = gap > R(0) ? -sign : R(0);
            return {at_least(gap, R(0)), slope};
        }
        case RECTIFIED: {
            R sign = first, anchor = second;
            R d = at_least(sign * (z - anchor), R(0));
            return {d * d, sign * (d + d)};
        }
        default: {
            R below = z < R(0) ? -R(1) : R(0);
            return {abs(z), z > R(0) ? R(1) : below};
        }
        }
    }
};

// The slope, or NaN where `z` is NaN: some curves have constant slopes.
template <class R> CVL_FN R keep_nan(R z, R slope) { return abs(z) >= R(0) ? slope : z; }

// `sign · a · curve(x − shift)`, with `extra` added to the slope.
template <class R> struct Alone {
    Curve<R> curve;
    R sign, shift, extra;

    static CVL_FN Alone of(CVL_CALL(PointwiseCall<R>) call) {
        return {{call.formula[0], call.formula[1], call.formula[2]}, call.formula[3], call.formula[4], call.formula[5]};
    }

    CVL_FN ValueSlope<R> eval(R x, R, R a) const {
        R z = x - shift;
        ValueSlope<R> found = curve.eval(z);
        R factor = sign * a;
        R slope = mul_add(found.slope, factor, extra);
        return {factor * found.value, keep_nan(z, slope)};
    }
};

// `sign · a · curve(toward · (x − t))`.
template <class R> struct Opposed {
    Curve<R> curve;
    R sign, toward;

    static CVL_FN Opposed of(CVL_CALL(PointwiseCall<R>) call) {
        return {{call.formula[0], call.formula[1], call.formula[2]}, call.formula[3], call.formula[4]};
    }

    CVL_FN ValueSlope<R> eval(R x, R t, R a) const {
        R z = toward * (x - t);
        ValueSlope<R> found = curve.eval(z);
        R factor = sign * a;
        return {factor * found.value, keep_nan(z, factor * toward * found.slope)};
    }
};

// `sign · a · (own(x) + other(t))`, with the slope of `x`: the value of a pair of logits, one of each side.
template <class R> struct Two {
    Curve<R> own, other;
    R sign;

    static CVL_FN Two of(CVL_CALL(PointwiseCall<R>) call) {
        return {{call.formula[0], call.formula[1], call.formula[2]},
                {call.formula[3], call.formula[4], call.formula[5]},
                call.formula[6]};
    }

    CVL_FN ValueSlope<R> eval(R x, R t, R a) const {
        ValueSlope<R> found = own.eval(x);
        R factor = sign * a;
        R value = found.value + other.eval(t).value;
        return {factor * value, keep_nan(x, factor * found.slope)};
    }
};

} // namespace cvl
