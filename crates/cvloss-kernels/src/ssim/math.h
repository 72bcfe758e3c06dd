// The formula of structural similarity, of the sum and the difference of two images. See cpu.rs.
#pragma once
#include "../loops/window.h"

namespace cvl {

// `1 / x`, or 0 at 0.
template <class R> CVL_FN R reciprocal(R x) { return x == R(0) ? R(0) : R(1) / x; }

// `1 − l·c`; `luminance` is 1, or 0 for `1 − c` alone.
template <class R> struct Dissimilarity {
    R c1, c2, luminance;

    static CVL_FN Dissimilarity of(CVL_CALL(WindowCall<R>) call) {
        return {call.formula[0], call.formula[1], call.formula[2]};
    }

    CVL_FN Windowed<R> eval(Local<R> local) const {
        R half = R(0.5f), two = R(2);
        R s = local.sum, d = local.difference;
        R vs = local.sum_variance, vd = local.difference_variance;
        R l_share = reciprocal(mul_add(half, mul_add(s, s, d * d), c1));
        R c_share = reciprocal(mul_add(half, vs + vd, c2));
        // 1 − l and 1 − c.
        R l = luminance * (d * d * l_share);
        R c = vd * c_share;
        R value = mul_add(R(1) - l, c, l);
        // How much the value changes with 1 − l, and with 1 − c.
        R of_l = (R(1) - c) * l_share;
        R of_c = (R(1) - l) * c_share;
        Local<R> slopes = {-(of_l * l * s), of_l * d * mul_add(two, luminance, -l), -(of_c * half * c),
                           of_c * (R(1) - half * c)};
        return {value, slopes};
    }
};

} // namespace cvl
