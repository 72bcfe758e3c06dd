// From partial sums of items to values, and to the factors of their gradients: one block, between two sweeps.
#pragma once
#include "../math.h"

namespace cvl {

// The mean; its root; `10 log₁₀(inner·mean + eps)`.
enum { ITEMS_MEAN = 0, ITEMS_ROOT = 1, ITEMS_DECIBELS = 2 };

template <class R> struct ItemsCall {
    // What a sum divides by, unless there are counts.
    R given;
    R inner, eps;
    // Of each item in the value.
    R outer;
    uint items, parts, form;
    uint has_counts, at_least_one;
};

template <class R> CVL_FN ValueSlope<R> item_value(R mean, CVL_CALL(ItemsCall<R>) call) {
    switch (call.form) {
    case ITEMS_ROOT: {
        R root = sqrt(mean);
        // Where nothing differs, the slope is 0.
        return {root, root == R(0) ? R(0) : R(1) / (root + root)};
    }
    case ITEMS_DECIBELS: {
        R of_decibel = R(10) / CVL_NUMBER(2.302585092994045684);
        R error = mean * call.inner + call.eps;
        return {of_decibel * ln(error), error == R(0) ? R(0) : of_decibel * call.inner / error};
    }
    default:
        return {mean, R(1)};
    }
}

// Values (N), factors (N), and the value of all.
template <class R>
CVL_FN void item_values(CVL_DEVICE const R *partial, CVL_DEVICE const R *counts, CVL_DEVICE R *values,
                        CVL_DEVICE R *factors, CVL_DEVICE R *value, CVL_CALL(ItemsCall<R>) call, CVL_LOCAL R *scratch,
                        Place place) {
    R total = R(0);
    for (uint item = 0; item < call.items; item++) {
        R sum = R(0), count = R(0);
        for (uint part = item * call.parts + place.index; part < (item + 1) * call.parts; part += place.threads) {
            sum += partial[part];
            count += call.has_counts != 0 ? counts[part] : R(0);
        }
        sum = block_sum(sum, scratch, place);
        count = block_sum(count, scratch, place);
        R denominator = call.has_counts != 0 ? count : call.given;
        denominator = call.at_least_one != 0 && denominator < R(1) ? R(1) : denominator;
        R factor = denominator > R(0) ? R(1) / denominator : R(0);
        ValueSlope<R> found = item_value(sum * factor, call);
        total += found.value;
        if (place.index == 0) {
            values[item] = found.value;
            factors[item] = found.slope * factor * call.outer;
        }
    }
    if (place.index == 0) {
        value[0] = total * call.outer;
    }
}

} // namespace cvl
