// Differences between neighbours. See mod.rs and cpu.rs.
//
// Launches: variation_sums_T, items_values_R (loops/items.h), variation_gradient_T. A thread has a pixel. For the gradient
// it evaluates those before it again, whose differences come from the cache.
#pragma once
#include "../loops/pointwise.h"

namespace cvl {

enum { VARIATION_ANISOTROPIC = 0, VARIATION_ISOTROPIC = 1, VARIATION_SQUARED = 2 };
enum { VARIATION_HAS_WEIGHT = 1, VARIATION_ADD_GRADIENT = 2 };

template <class R> struct VariationCall {
    R eps;
    // Of differences along width, height and depth.
    R factors[3];
    // Multiplies the gradient.
    R scale;
    uint items, channels;
    uint depth, height, width;
    uint norm, flags;
    // Blocks that share an item.
    uint splits;
    Strides weight;
};

template <class T, class R> struct VariationTensors {
    CVL_DEVICE const T *input;
    CVL_DEVICE const R *weight;
};

// What a pixel adds, and its slopes with respect to its differences.
template <class R> struct Variation {
    R value, along[3];
};

template <class R> CVL_FN Variation<R> variation(CVL_THREAD const R *d, CVL_CALL(VariationCall<R>) call) {
    Variation<R> found;
    found.value = R(0);
    if (call.norm == VARIATION_ISOTROPIC) {
        R square = mul_add(d[0], d[0], mul_add(d[1], d[1], mul_add(d[2], d[2], call.eps * call.eps)));
        R length = sqrt(square);
        R factor = call.factors[0] / at_least(length, CVL_NUMBER(1e-30));
        found.value = call.factors[0] * (length - call.eps);
        CVL_UNROLL
        for (int axis = 0; axis < 3; axis++) {
            found.along[axis] = d[axis] * factor;
        }
        return found;
    }
    bool is_squared = call.norm == VARIATION_SQUARED;
    CVL_UNROLL
    for (int axis = 0; axis < 3; axis++) {
        R x = d[axis], c = call.factors[axis];
        // Neither sign: 0, or NaN.
        R sign = x > R(0) ? R(1) : (x < R(0) ? R(-1) : x);
        found.value += is_squared ? c * x * x : c * abs(x);
        found.along[axis] = is_squared ? R(2) * c * x : c * sign;
    }
    return found;
}

// Pixel `i`, whose differences to what is not there are 0.
template <class T, class R>
CVL_FN Variation<R> variation_at(CVL_THREAD const VariationTensors<T, R> &from, CVL_CALL(VariationCall<R>) call, uint i) {
    uint row = i / call.width, plane = row / call.height;
    bool has_right = i % call.width + 1 < call.width;
    bool has_below = row % call.height + 1 < call.height;
    bool has_behind = plane % call.depth + 1 < call.depth;
    R own = R(from.input[i]);
    R d[3] = {
        R(from.input[has_right ? i + 1 : i]) - own,
        R(from.input[has_below ? i + call.width : i]) - own,
        R(from.input[has_behind ? i + call.width * call.height : i]) - own,
    };
    Variation<R> found = variation(d, call);
    if ((call.flags & VARIATION_HAS_WEIGHT) != 0) {
        uint space = call.depth * call.height * call.width;
        R w = from.weight[strided(call.weight, i, call.channels, space)];
        found.value *= w;
        CVL_UNROLL
        for (int axis = 0; axis < 3; axis++) {
            found.along[axis] *= w;
        }
    }
    return found;
}

// The sum of this thread's pixels: a block has every so manieth of an item.
template <class T, class R>
CVL_FN R variation_sum(CVL_THREAD const VariationTensors<T, R> &from, CVL_CALL(VariationCall<R>) call, Place place) {
    uint each = call.channels * call.depth * call.height * call.width;
    uint first = place.block / call.splits * each;
    R sum = R(0);
    for (uint i = place.block % call.splits * place.threads + place.index; i < each; i += call.splits * place.threads) {
        sum += variation_at<T, R>(from, call, first + i).value;
    }
    return sum;
}

// A pixel's gradient: the slopes of those before it, less its own.
template <class T, class R>
CVL_FN void variation_gradient(CVL_THREAD const VariationTensors<T, R> &from, CVL_DEVICE const R *factors,
                               CVL_DEVICE R *gradient, CVL_CALL(VariationCall<R>) call, Place place) {
    uint each = call.channels * call.depth * call.height * call.width;
    for (uint i = place.first(); i < call.items * each; i += place.all()) {
        uint row = i / call.width, plane = row / call.height;
        Variation<R> own = variation_at<T, R>(from, call, i);
        R slope = -(own.along[0] + own.along[1] + own.along[2]);
        if (i % call.width > 0) {
            slope += variation_at<T, R>(from, call, i - 1).along[0];
        }
        if (row % call.height > 0) {
            slope += variation_at<T, R>(from, call, i - call.width).along[1];
        }
        if (plane % call.depth > 0) {
            slope += variation_at<T, R>(from, call, i - call.width * call.height).along[2];
        }
        R before = (call.flags & VARIATION_ADD_GRADIENT) != 0 ? gradient[i] : R(0);
        gradient[i] = before + slope * (factors[i / each] * call.scale);
    }
}

} // namespace cvl
