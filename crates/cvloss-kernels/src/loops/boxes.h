// One value per pair of boxes, and its slopes with respect to both. See boxes.rs.
//
// Launches, in order, none of which waits for the host:
//   pointwise_count_R   partial sums of the weights, where the mean divides by them
//   reduce_factor_R     one over what the mean divides by
//   NAME_fused_T        values, gradients, partial sums of values
//   reduce_total_R      the value
//
// A thread has a pair; a box is 16 bytes of f32, read at once where tensors are aligned.
#pragma once
#include "pointwise.h"

namespace cvl {

// Numbers of a box.
enum { SIDES = 4 };

template <class R> struct BoxesCall {
    // The formula's own.
    R formula[4];
    // From a box's two numbers along an axis to its ends; see `Ends`.
    R before, start, after;
    // Added to what is divided by.
    R eps;
    // Combinators: powers of the overlap term and of penalties, the scale of the boxes whose IoU counts, and the interval
    // of IoU that becomes 0 to 1, by its lower end and one over its length.
    R exponent, alpha, ratio, low, steepness;
    // Multiply the gradients, not the value.
    R scale, target_scale;
    // What becomes of the IoU.
    uint form;
    uint pairs, flags;
    Strides weight;
};

// Tensors of a call.
template <class T, class R> struct BoxesTensors {
    CVL_DEVICE const T *input;
    CVL_DEVICE const T *target;
    CVL_DEVICE const R *weight;
    CVL_DEVICE const R *factor;
    CVL_DEVICE R *gradient;
    CVL_DEVICE R *target_gradient;
    CVL_DEVICE R *values;
};

// The numbers of a pair of boxes, or slopes with respect to them.
template <class R> struct BoxPair {
    R a[SIDES], b[SIDES];
};

// The value of a pair, and its slopes.
template <class R> struct PairValue {
    R value;
    BoxPair<R> slopes;
};

template <class T, class R> CVL_FN void read_box(CVL_DEVICE const T *from, bool is_vector, CVL_THREAD R *to) {
    Row<T, SIDES> row;
    // Four halves are 8 bytes.
    if (is_vector && SIDES * sizeof(T) % 16 == 0) {
        load(from, row);
    } else {
        CVL_UNROLL
        for (int k = 0; k < SIDES; k++) {
            row.at[k] = from[k];
        }
    }
    CVL_UNROLL
    for (int k = 0; k < SIDES; k++) {
        to[k] = R(row.at[k]);
    }
}

template <class R>
CVL_FN void write_slopes(CVL_THREAD const R *slopes, R scale, bool adds, bool is_vector, CVL_DEVICE R *to) {
    Row<R, SIDES> row;
    CVL_UNROLL
    for (int k = 0; k < SIDES; k++) {
        R before = adds ? to[k] : R(0);
        row.at[k] = before + slopes[k] * scale;
    }
    if (is_vector) {
        store(row, to);
        return;
    }
    CVL_UNROLL
    for (int k = 0; k < SIDES; k++) {
        to[k] = row.at[k];
    }
}

// The sum of the values of this thread's pairs.
template <class F, class T, class R>
CVL_FN R boxes(F formula, CVL_THREAD const BoxesTensors<T, R> &to, CVL_CALL(BoxesCall<R>) call, Place place) {
    R sum = R(0);
    bool is_vector = (call.flags & IS_VECTOR) != 0;
    for (uint i = place.first(); i < call.pairs; i += place.all()) {
        BoxPair<R> pair;
        read_box<T, R>(to.input + SIDES * i, is_vector, pair.a);
        read_box<T, R>(to.target + SIDES * i, is_vector, pair.b);
        R w = (call.flags & HAS_WEIGHT) != 0 ? to.weight[i * call.weight.item] : R(1);
        PairValue<R> found = formula.eval(pair, call);
        R value = found.value * w;
        R factor = w * to.factor[0];
        if ((call.flags & WRITE_VALUES) != 0) {
            to.values[i] = value;
        }
        if ((call.flags & WRITE_GRADIENT) != 0) {
            bool adds = (call.flags & ADD_GRADIENT) != 0;
            write_slopes(found.slopes.a, call.scale * factor, adds, is_vector, to.gradient + SIDES * i);
        }
        if ((call.flags & WRITE_TARGET_GRADIENT) != 0) {
            bool adds = (call.flags & ADD_TARGET_GRADIENT) != 0;
            write_slopes(found.slopes.b, call.target_scale * factor, adds, is_vector, to.target_gradient + SIDES * i);
        }
        sum += value;
    }
    return sum;
}

} // namespace cvl

#define CVL_BOXES(ENTRY, FORMULA, NAME, T, R)                                                                          \
    CVL_LARGE_KERNEL(ENTRY##_fused_##NAME, CVL_IN(0, T, input), CVL_IN(1, T, target), CVL_IN(2, R, weight),            \
                     CVL_IN(3, R, factor), CVL_OUT(4, R, gradient), CVL_OUT(5, R, target_gradient),                    \
                     CVL_OUT(6, R, values), CVL_OUT(7, R, partial), CVL_NUMBERS(8, cvl::BoxesCall<R>, call)) {         \
        CVL_SHARED(R, scratch, cvl::SUM_SCRATCH);                                                                      \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::BoxesTensors<T, R> to = {input, target, weight, factor, gradient, target_gradient, values};               \
        cvl::FORMULA<R> formula = cvl::FORMULA<R>::of(call);                                                           \
        R sum = cvl::boxes<cvl::FORMULA<R>, T, R>(formula, to, call, place);                                           \
        sum = cvl::block_sum(sum, scratch, place);                                                                     \
        if (place.index == 0) {                                                                                       \
            partial[place.block] = sum;                                                                                \
        }                                                                                                              \
    }
