// The formulas of focal losses. See cpu.rs.
#pragma once
#include "../loops/pointwise.h"
#include "../loops/site.h"

namespace cvl {

// A power of `x`, and its slope.
template <class R> struct Power {
    R power, slope;
};

// `x^γ` for `x ≥ 0`. The cases differ between calls, not between threads.
template <class R> struct Exponent {
    R gamma;

    // `x^γ`, and `γ x^(γ−1) y` for a `y` that vanishes with `x` at least as fast.
    CVL_FN Power<R> power(R x, R y) const {
        if (gamma == R(0)) {
            return {R(1), R(0)};
        }
        if (gamma == R(2)) {
            return {x * x, (x + x) * y};
        }
        bool is_zero = x <= CVL_NUMBER(1e-37);
        R ln_x = ln(at_least(x, CVL_NUMBER(1e-37)));
        R power = exp(gamma * ln_x);
        // y/x stays bounded where x^(γ−1) does not.
        R slope = gamma * power * (y / x);
        return {is_zero ? R(0) : power, is_zero ? R(0) : slope};
    }
};

// Sigmoid focal loss with the mixture meaning of soft targets: `α_t m^γ CE`, where `m = 1 − p_t` is
// `p (1 − t) + (1 − p) t`.
template <class R> struct Mixture {
    R alpha_0, alpha_1;
    Exponent<R> gamma;

    template <class C> static CVL_FN Mixture of(CVL_CALL(C) call) {
        return {call.formula[0], call.formula[1], {call.formula[2]}};
    }

    CVL_FN ValueSlope<R> eval(R x, R t, R a) const {
        R n = R(1) - t;
        Logistic<R> logistic = cvl::logistic(x);
        ValueSlope<R> ce = logistic.cross_entropy(t, a);
        R alpha = mul_add(alpha_0, t, alpha_1 * n);
        R p = logistic.odds.p, q = logistic.odds.q;
        R m = mul_add(p, n, q * t);
        Power<R> by = gamma.power(m, (n - t) * (p * q));
        R value = alpha * by.power * ce.value;
        R slope = alpha * mul_add(by.slope, ce.value, by.power * ce.slope);
        return {value, slope};
    }
};

// Sigmoid focal loss with the linear meaning of soft targets: the loss of a positive times `t` plus that of a negative
// times `1 − t`.
template <class R> struct LinearFocal {
    R alpha_0, alpha_1;
    Exponent<R> gamma;

    template <class C> static CVL_FN LinearFocal of(CVL_CALL(C) call) {
        return {call.formula[0], call.formula[1], {call.formula[2]}};
    }

    CVL_FN ValueSlope<R> eval(R x, R t, R a) const {
        Logistic<R> logistic = cvl::logistic(x);
        R p = logistic.odds.p, q = logistic.odds.q;
        R minus_ln_p = logistic.minus_ln_p, minus_ln_q = logistic.minus_ln_q;
        Power<R> by_p = gamma.power(p, p * q);
        Power<R> by_q = gamma.power(q, p * q);
        R positive = alpha_0 * t * a;
        R negative = alpha_1 * (R(1) - t);
        R value = positive * by_q.power * minus_ln_p + negative * by_p.power * minus_ln_q;
        R slope = negative * (by_p.slope * minus_ln_q + by_p.power * p) -
                  positive * (by_q.slope * minus_ln_p + by_q.power * q);
        return {value, slope};
    }
};

// `−p ln p`, which is 0 at `p = 0`.
template <class R> CVL_FN R entropy(R minus_ln_p, R p) {
    return minus_ln_p > CVL_NUMBER(1e30) ? R(0) : minus_ln_p * p;
}

// Softmax focal loss: `−(1 − p)^γ ln p` of the true class.
template <class R> struct SoftmaxFocal {
    Exponent<R> gamma;

    template <class C> static CVL_FN SoftmaxFocal of(CVL_CALL(C) call) { return {{call.formula[0]}}; }

    CVL_FN ValueSlope<R> eval(R minus_ln_p, R p, R q) const {
        // −ln p vanishes with q, and as fast.
        Power<R> by = gamma.power(q, entropy(minus_ln_p, p));
        return {by.power * minus_ln_p, by.power + by.slope};
    }
};

} // namespace cvl
