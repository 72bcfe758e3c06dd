// The formula of binary cross-entropy. See cpu.rs.
#pragma once
#include "../loops/pointwise.h"

namespace cvl {

// `a t softplus(−x) + (1 − t) softplus(x)`, with the target smoothed first.
template <class R> struct Bce {
    R label_smoothing;

    template <class C> static CVL_FN Bce of(CVL_CALL(C) call) { return {call.formula[0]}; }

    CVL_FN ValueSlope<R> eval(R x, R t, R a) const {
        R s = label_smoothing;
        t = t * (R(1) - s) + (R(1) - t) * s;
        return logistic(x).cross_entropy(t, a);
    }
};

} // namespace cvl
