// Squared errors of images, and the gradient of a function of their sum. See psnr.rs.
//
// Launches: psnr_sums_T, items_values_R (loops/items.h), psnr_gradient_T.
#pragma once
#include "../loops/pointwise.h"

namespace cvl {

template <class R> struct PsnrCall {
    // Multiply the gradients, with respect to the input and to the target.
    R scale, target_scale;
    uint items, channels, space;
    // Of loops/pointwise.h.
    uint flags, count;
    // Blocks that share an item.
    uint splits;
    // All items have one factor.
    uint is_pooled;
    Strides weight;
};

template <class T, class R> struct PsnrTensors {
    CVL_DEVICE const T *input;
    CVL_DEVICE const T *target;
    CVL_DEVICE const R *weight;

    CVL_FN R weight_of(uint i, CVL_CALL(PsnrCall<R>) call) const {
        bool has = (call.flags & HAS_WEIGHT) != 0;
        return has ? weight[strided(call.weight, i, call.channels, call.space)] : R(1);
    }
};

// A sum of squared errors, and what its mean divides by.
template <class R> struct ErrorSum {
    R error, count;
};

template <class T, class R, int N>
CVL_FN void add_errors(CVL_THREAD const PsnrTensors<T, R> &from, CVL_CALL(PsnrCall<R>) call, uint at,
                       CVL_THREAD ErrorSum<R> &sum) {
    Row<T, N> x, t;
    load(from.input + at, x);
    load(from.target + at, t);
    CVL_UNROLL
    for (int k = 0; k < N; k++) {
        R w = from.weight_of(at + uint(k), call);
        R d = R(x.at[k]) - R(t.at[k]);
        sum.error += d * d * w;
        R positive = R(t.at[k]) > R(0) ? R(1) : R(0);
        sum.count += call.count == COUNT_POSITIVES ? positive : w;
    }
}

// What this thread's elements add: a block has every so manieth of an item.
template <class T, class R>
CVL_FN ErrorSum<R> psnr_sums(CVL_THREAD const PsnrTensors<T, R> &from, CVL_CALL(PsnrCall<R>) call, Place place) {
    enum { N = Lanes<T>::COUNT };
    uint each = call.channels * call.space, first = place.block / call.splits * each;
    uint unit = place.block % call.splits * place.threads + place.index, step = call.splits * place.threads;
    ErrorSum<R> sum = {R(0), R(0)};
    if ((call.flags & IS_VECTOR) != 0) {
        for (uint pack = unit; pack < each / uint(N); pack += step) {
            add_errors<T, R, N>(from, call, first + pack * uint(N), sum);
        }
    } else {
        for (uint i = unit; i < each; i += step) {
            add_errors<T, R, 1>(from, call, first + i, sum);
        }
    }
    return sum;
}

template <class T, class R, int N>
CVL_FN void psnr_gradient_of(CVL_THREAD const PsnrTensors<T, R> &from, CVL_DEVICE const R *factors,
                             CVL_DEVICE R *gradient, CVL_DEVICE R *target_gradient, CVL_CALL(PsnrCall<R>) call,
                             uint at) {
    R factor = factors[call.is_pooled != 0 ? 0 : at / (call.channels * call.space)];
    Row<T, N> x, t;
    load(from.input + at, x);
    load(from.target + at, t);
    Element<R> found[N];
    CVL_UNROLL
    for (int k = 0; k < N; k++) {
        R d = R(x.at[k]) - R(t.at[k]);
        found[k] = {R(0), d + d, from.weight_of(at + uint(k), call)};
    }
    if ((call.flags & WRITE_GRADIENT) != 0) {
        store_slopes<R, N>(found, call.scale * factor, (call.flags & ADD_GRADIENT) != 0, gradient + at);
    }
    if ((call.flags & WRITE_TARGET_GRADIENT) != 0) {
        bool adds = (call.flags & ADD_TARGET_GRADIENT) != 0;
        store_slopes<R, N>(found, call.target_scale * factor, adds, target_gradient + at);
    }
}

template <class T, class R>
CVL_FN void psnr_gradient(CVL_THREAD const PsnrTensors<T, R> &from, CVL_DEVICE const R *factors, CVL_DEVICE R *gradient,
                          CVL_DEVICE R *target_gradient, CVL_CALL(PsnrCall<R>) call, Place place) {
    enum { N = Lanes<T>::COUNT };
    uint all = call.items * call.channels * call.space;
    if ((call.flags & IS_VECTOR) != 0) {
        for (uint pack = place.first(); pack < all / uint(N); pack += place.all()) {
            psnr_gradient_of<T, R, N>(from, factors, gradient, target_gradient, call, pack * uint(N));
        }
    } else {
        for (uint i = place.first(); i < all; i += place.all()) {
            psnr_gradient_of<T, R, 1>(from, factors, gradient, target_gradient, call, i);
        }
    }
}

} // namespace cvl
