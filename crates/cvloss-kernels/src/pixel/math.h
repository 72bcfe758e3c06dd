// The formulas of pixel losses: functions of the difference `d = x − t`. See cpu.rs.
#pragma once
#include "../loops/pointwise.h"

namespace cvl {

// The sign of `d`: 0 at 0, NaN at NaN.
template <class R> CVL_FN R sign(R d) { return d > R(0) ? R(1) : (d < R(0) ? -R(1) : d); }

// `√(a² + b²)` for `a ≥ 0` and `b > 0`.
template <class R> CVL_FN R hypotenuse(R a, R b) {
    R longer = at_least(a, b);
    R ratio = at_most(a, b) / longer;
    return longer * sqrt(mul_add(ratio, ratio, R(1)));
}

// A formula of the difference, as one of input and target.
#define CVL_DIFFERENCE                                                                                                 \
    CVL_FN ValueSlope<R> eval(R x, R t, R) const { return eval(x - t); }

// `|d|`.
template <class R> struct L1 {
    static CVL_FN L1 of(CVL_CALL(PointwiseCall<R>)) { return {}; }
    CVL_DIFFERENCE
    CVL_FN ValueSlope<R> eval(R d) const { return {abs(d), sign(d)}; }
};

// `d²`.
template <class R> struct L2 {
    static CVL_FN L2 of(CVL_CALL(PointwiseCall<R>)) { return {}; }
    CVL_DIFFERENCE
    CVL_FN ValueSlope<R> eval(R d) const { return {d * d, d + d}; }
};

// `d²/2` up to `|d| = δ`, `δ (|d| − δ/2)` beyond; all times `factor`.
template <class R> struct Huber {
    R delta, factor;
    static CVL_FN Huber of(CVL_CALL(PointwiseCall<R>) call) { return {call.formula[0], call.formula[1]}; }
    CVL_DIFFERENCE
    CVL_FN ValueSlope<R> eval(R d) const {
        R a = abs(d);
        R q = at_most(a, delta);
        R value = q * (a - R(0.5f) * q);
        return {value * factor, at_most(at_least(d, -delta), delta) * factor};
    }
};

// `√(d² + ε²)`.
template <class R> struct Charbonnier {
    R eps;
    static CVL_FN Charbonnier of(CVL_CALL(PointwiseCall<R>) call) { return {call.formula[0]}; }
    CVL_DIFFERENCE
    CVL_FN ValueSlope<R> eval(R d) const {
        R value = hypotenuse(abs(d), eps);
        return {value, d / value};
    }
};

// `ln(1 + y²)` for `y ≥ 0`, of which the square may overflow.
template <class R> CVL_FN R ln_1p_square(R y) {
    bool is_large = y > CVL_NUMBER(1e9);
    R square = is_large ? y : y * y;
    R log = ln_1p(square);
    return is_large ? log + log : log;
}

// Barron's general loss, for `α` other than 0, 1, 2. The host makes numbers of `α` and `c`, as cpu.rs does.
template <class R> struct General {
    R per_scale, per_root, outer, power, power_minus_one;
    // 1/c, 1/√|α − 2|, |α − 2|/α, α/2, α/2 − 1.
    static CVL_FN General of(CVL_CALL(PointwiseCall<R>) call) {
        return {call.formula[0], call.formula[1], call.formula[2], call.formula[3], call.formula[4]};
    }
    CVL_DIFFERENCE
    CVL_FN ValueSlope<R> eval(R d) const {
        R z = d * per_scale;
        R log = ln_1p_square(abs(z) * per_root);
        R value = outer * exp_m1(power * log);
        R slope = exp(power_minus_one * log);
        return {value, z * (slope * per_scale)};
    }
};

// `α = 2`: `z²/2`.
template <class R> struct Quadratic {
    R r;
    static CVL_FN Quadratic of(CVL_CALL(PointwiseCall<R>) call) { return {call.formula[0]}; }
    CVL_DIFFERENCE
    CVL_FN ValueSlope<R> eval(R d) const {
        R z = d * r;
        return {R(0.5f) * (z * z), z * r};
    }
};

// `α = 1`: `√(z² + 1) − 1`.
template <class R> struct PseudoHuber {
    R r;
    static CVL_FN PseudoHuber of(CVL_CALL(PointwiseCall<R>) call) { return {call.formula[0]}; }
    CVL_DIFFERENCE
    CVL_FN ValueSlope<R> eval(R d) const {
        R z = d * r;
        R root = hypotenuse(abs(z), R(1));
        return {z * (z / (root + R(1))), z / root * r};
    }
};

// `α = 0`: `ln(z²/2 + 1)`.
template <class R> struct Cauchy {
    R half_root, root;
    // √½/c, √2/c.
    static CVL_FN Cauchy of(CVL_CALL(PointwiseCall<R>) call) { return {call.formula[0], call.formula[1]}; }
    CVL_DIFFERENCE
    CVL_FN ValueSlope<R> eval(R d) const {
        R y = d * half_root;
        R slope = y / mul_add(y, y, R(1));
        R value = ln_1p_square(abs(y));
        return {value, slope * root};
    }
};

// `α = −2`: `2 z² / (z² + 4)`.
template <class R> struct GemanMcClure {
    R half, two;
    // ½/c, 2/c.
    static CVL_FN GemanMcClure of(CVL_CALL(PointwiseCall<R>) call) { return {call.formula[0], call.formula[1]}; }
    CVL_DIFFERENCE
    CVL_FN ValueSlope<R> eval(R d) const {
        // With y = z/2: 2 y²/(y² + 1), and 1/0 is what a square of 0 needs.
        R y = d * half;
        R square = y * y;
        R value = R(2) / (R(1) + R(1) / square);
        R below = R(1) + square;
        return {value, y / below * (two / below)};
    }
};

// `α = −∞`: `1 − e^(−z²/2)`.
template <class R> struct Welsch {
    R r;
    static CVL_FN Welsch of(CVL_CALL(PointwiseCall<R>) call) { return {call.formula[0]}; }
    CVL_DIFFERENCE
    CVL_FN ValueSlope<R> eval(R d) const {
        R z = d * r;
        R exponent = R(-0.5f) * (z * z);
        return {-exp_m1(exponent), z * (exp(exponent) * r)};
    }
};

// `ln cosh d`.
//
// With `m = e^(−2|d|) − 1`: `sinh² d = m² / (4 (1 + m))`, `tanh |d| = −m / (2 + m)`.
template <class R> struct LogCosh {
    static CVL_FN LogCosh of(CVL_CALL(PointwiseCall<R>)) { return {}; }
    CVL_DIFFERENCE
    CVL_FN ValueSlope<R> eval(R d) const {
        R a = abs(d);
        R m = exp_m1(-(a + a));
        R sinh2 = m * m / (R(4) * (R(1) + m));
        R small = R(0.5f) * ln_1p(at_most(sinh2, R(1)));
        R large = a + (ln_1p(R(1) + m) - CVL_NUMBER(0.693147180559945309417));
        R value = sinh2 < R(1) ? small : large;
        return {value, -(sign(d) * (m / (R(2) + m)))};
    }
};

// `ω ln(1 + |d|/ε)` up to `|d| = ω`, then a line of slope 1.
template <class R> struct Wing {
    R width, curvature, offset, per_curvature;
    // ω, ε, ω − ω ln(1 + ω/ε), 1/ε.
    static CVL_FN Wing of(CVL_CALL(PointwiseCall<R>) call) {
        return {call.formula[0], call.formula[1], call.formula[2], call.formula[3]};
    }
    CVL_DIFFERENCE
    CVL_FN ValueSlope<R> eval(R d) const {
        R a = abs(d);
        bool is_near = a < width;
        R near = width * ln_1p(a * per_curvature);
        R value = is_near ? near : a - offset;
        R steep = width / (curvature + a);
        return {value, sign(d) * (is_near ? steep : R(1))};
    }
};

} // namespace cvl
