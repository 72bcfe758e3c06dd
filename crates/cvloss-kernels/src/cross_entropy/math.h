// The formula of cross-entropy. See cpu.rs.
#pragma once
#include "../loops/site.h"

namespace cvl {

// `−ln p` of the true class.
template <class R> struct CrossEntropy {
    template <class C> static CVL_FN CrossEntropy of(CVL_CALL(C)) { return {}; }

    CVL_FN ValueSlope<R> eval(R minus_ln_p, R, R) const { return {minus_ln_p, R(1)}; }
};

} // namespace cvl
