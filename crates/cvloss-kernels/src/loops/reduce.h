// The second stage of every sum: one block adds what the blocks of the first stage left, in order.
#pragma once
#include "portable.h"

namespace cvl {

template <class R> struct FactorCall {
    // What the mean divides by, where the host knows it: then there are no partial sums.
    R given;
    uint partials;
    // The count is at least 1.
    uint at_least_one;
};

// One over the denominator, or 0 where nothing counts.
template <class R>
CVL_FN void factor(CVL_DEVICE const R *partial, CVL_DEVICE R *factor, CVL_CALL(FactorCall<R>) call, CVL_LOCAL R *scratch,
                   Place place) {
    R count = R(0);
    for (uint i = place.index; i < call.partials; i += place.threads) {
        count += partial[i];
    }
    count = block_sum(count, scratch, place);
    if (place.index == 0) {
        R denominator = call.partials == 0 ? call.given : count;
        denominator = call.at_least_one != 0 && denominator < R(1) ? R(1) : denominator;
        factor[0] = denominator > R(0) ? R(1) / denominator : R(0);
    }
}

struct TotalCall {
    uint partials;
    // Adds to what is there.
    uint accumulate;
};

// The sum times the factor.
template <class R>
CVL_FN void total(CVL_DEVICE const R *partial, CVL_DEVICE const R *factor, CVL_DEVICE R *value, CVL_CALL(TotalCall) call,
                  CVL_LOCAL R *scratch, Place place) {
    R sum = R(0);
    for (uint i = place.index; i < call.partials; i += place.threads) {
        sum += partial[i];
    }
    sum = block_sum(sum, scratch, place);
    if (place.index == 0) {
        R before = call.accumulate != 0 ? value[0] : R(0);
        value[0] = before + sum * factor[0];
    }
}

} // namespace cvl
