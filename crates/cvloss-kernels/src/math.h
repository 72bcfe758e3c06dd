// Real numbers as the formulas see them. See math.rs, whose names these are.
#pragma once
#include "loops/portable.h"

namespace cvl {

// The larger one; `self` if it is NaN.
template <class R> CVL_FN R at_least(R self, R floor) { return self < floor ? floor : self; }

// The smaller one; `self` if it is NaN.
template <class R> CVL_FN R at_most(R self, R ceiling) { return self > ceiling ? ceiling : self; }

// The value of a formula and its derivative.
template <class R> struct ValueSlope {
    R value, slope;
};

// A logit's probability and that of the opposite, each accurate on its own however large the logit.
template <class R> struct Odds {
    R p, q;
};

template <class R> CVL_FN Odds<R> odds_with_exp(R x, R e) {
    R larger = R(1) / (R(1) + e);
    R smaller = e * larger;
    bool is_positive = x > R(0);
    return {is_positive ? larger : smaller, is_positive ? smaller : larger};
}

template <class R> CVL_FN Odds<R> odds(R x) { return odds_with_exp(x, exp(-abs(x))); }

// A logit's probability and softplus, each accurate on its own however large the logit.
template <class R> struct Logistic {
    Odds<R> odds;
    R minus_ln_p, minus_ln_q;

    // Binary cross-entropy with target `t`, positives weighted by `a`, and its derivative.
    CVL_FN ValueSlope<R> cross_entropy(R t, R a) const {
        R ta = t * a, n = R(1) - t;
        R value = mul_add(ta, minus_ln_p, n * minus_ln_q);
        R slope = mul_add(n, odds.p, -(ta * odds.q));
        return {value, slope};
    }
};

template <class R> CVL_FN Logistic<R> logistic(R x) {
    R e = exp(-abs(x));
    R l = ln_1p(e);
    return {odds_with_exp(x, e), at_least(-x, R(0)) + l, at_least(x, R(0)) + l};
}

} // namespace cvl
