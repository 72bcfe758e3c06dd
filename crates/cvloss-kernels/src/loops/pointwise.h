// One value and one slope per element, from the element, its target and an auxiliary number. See pointwise.rs.
//
// Launches, in order, none of which waits for the host:
//   pointwise_count_T   partial sums of what the mean divides by, unless the host knows it
//   reduce_factor_R     one over it
//   NAME_fused_T        values, gradients, partial sums of values
//   reduce_total_R      the value
//
// A block's elements are a grid stride apart, so that sums depend on grid and block alone, which depend on the shape.
#pragma once
#include "../math.h"

namespace cvl {

enum {
    // What a call writes, and how.
    WRITE_VALUES = 1,
    WRITE_GRADIENT = 2,
    ADD_GRADIENT = 4,
    WRITE_TARGET_GRADIENT = 8,
    ADD_TARGET_GRADIENT = 16,
    // What it reads besides input and target.
    HAS_AUXILIARY = 32,
    HAS_WEIGHT = 64,
    // Every tensor is contiguous, of the input's shape, and begins at a multiple of 16 bytes.
    IS_VECTOR = 128,
};

// What a count counts.
enum { COUNT_ELEMENTS = 0, COUNT_WEIGHTS = 1, COUNT_POSITIVES = 2 };

// How a tensor is broadcast to (N, C, S): its strides in elements, 0 along an axis that is repeated.
struct Strides {
    uint item, channel, space;
};

template <class R> struct PointwiseCall {
    // The formula's own.
    R formula[8];
    // Multiplies the gradient, not the value; and that of the target, with the sign of the formula's slope there.
    R scale, target_scale;
    // Elements with this target do not count; NaN if all do.
    R ignore;
    uint elements, channels, space;
    uint flags, count;
    Strides auxiliary, weight;
};

// Where a broadcast tensor has what stands beside element `i`.
CVL_FN uint strided(CVL_CALL(Strides) strides, uint i, uint channels, uint space) {
    uint row = i / space;
    return row / channels * strides.item + row % channels * strides.channel + i % space * strides.space;
}

template <class R>
CVL_FN R operand(CVL_DEVICE const R *from, CVL_CALL(Strides) strides, uint i, CVL_CALL(PointwiseCall<R>) call) {
    return from[strided(strides, i, call.channels, call.space)];
}

// What comes of an element.
template <class R> struct Element {
    R value, slope, weight;
};

template <class F, class R> CVL_FN Element<R> element(F formula, R x, R t, R a, R w, R ignore) {
    bool keep = t != ignore;
    ValueSlope<R> found = formula.eval(x, t, a);
    return {keep ? found.value * w : R(0), keep ? found.slope : R(0), keep ? w : R(0)};
}

// Tensors of a call.
template <class T, class R> struct PointwiseTensors {
    CVL_DEVICE const T *input;
    CVL_DEVICE const T *target;
    CVL_DEVICE const R *auxiliary;
    CVL_DEVICE const R *weight;
    CVL_DEVICE const R *factor;
    CVL_DEVICE R *gradient;
    CVL_DEVICE R *target_gradient;
    CVL_DEVICE R *values;
};

// 16-byte packs that a thread loads before it computes.
enum { PACKS = 2 };

template <class F, class T, class R>
CVL_FN R pointwise_one(F formula, CVL_THREAD const PointwiseTensors<T, R> &to, CVL_CALL(PointwiseCall<R>) call, uint i) {
    R a = (call.flags & HAS_AUXILIARY) != 0 ? operand(to.auxiliary, call.auxiliary, i, call) : R(1);
    R w = (call.flags & HAS_WEIGHT) != 0 ? operand(to.weight, call.weight, i, call) : R(1);
    Element<R> found = element<F, R>(formula, R(to.input[i]), R(to.target[i]), a, w, call.ignore);
    R factor = to.factor[0];
    if ((call.flags & WRITE_VALUES) != 0) {
        to.values[i] = found.value;
    }
    if ((call.flags & WRITE_GRADIENT) != 0) {
        R before = (call.flags & ADD_GRADIENT) != 0 ? to.gradient[i] : R(0);
        to.gradient[i] = before + found.slope * (found.weight * (call.scale * factor));
    }
    if ((call.flags & WRITE_TARGET_GRADIENT) != 0) {
        R before = (call.flags & ADD_TARGET_GRADIENT) != 0 ? to.target_gradient[i] : R(0);
        to.target_gradient[i] = before + found.slope * (found.weight * (call.target_scale * factor));
    }
    return found.value;
}

// Writes or adds a pack of slopes.
template <class R, int N>
CVL_FN void store_slopes(CVL_THREAD const Element<R> *found, R scale, bool adds, CVL_DEVICE R *to) {
    Row<R, N> row;
    if (adds) {
        load(to, row);
    }
    CVL_UNROLL
    for (int k = 0; k < N; k++) {
        R before = adds ? row.at[k] : R(0);
        row.at[k] = before + found[k].slope * (found[k].weight * scale);
    }
    store(row, to);
}

// The sum of the values of this thread's elements.
template <class F, class T, class R>
CVL_FN R pointwise(F formula, CVL_THREAD const PointwiseTensors<T, R> &to, CVL_CALL(PointwiseCall<R>) call, Place place) {
    enum { N = Lanes<T>::COUNT };
    R sum = R(0);
    uint done = 0;
    if ((call.flags & IS_VECTOR) != 0) {
        uint packs = call.elements / uint(N);
        R factor = to.factor[0];
        done = packs * uint(N);
        for (uint first = place.first(); first < packs; first += PACKS * place.all()) {
            Row<T, N> x[PACKS], t[PACKS];
            CVL_UNROLL
            for (int k = 0; k < PACKS; k++) {
                uint pack = first + uint(k) * place.all();
                if (pack < packs) {
                    load(to.input + pack * uint(N), x[k]);
                    load(to.target + pack * uint(N), t[k]);
                }
            }
            CVL_UNROLL
            for (int k = 0; k < PACKS; k++) {
                uint pack = first + uint(k) * place.all();
                if (pack >= packs) {
                    break;
                }
                uint at = pack * uint(N);
                Row<R, N> a, w;
                if ((call.flags & HAS_AUXILIARY) != 0) {
                    load(to.auxiliary + at, a);
                }
                if ((call.flags & HAS_WEIGHT) != 0) {
                    load(to.weight + at, w);
                }
                Element<R> found[N];
                CVL_UNROLL
                for (int i = 0; i < N; i++) {
                    R auxiliary = (call.flags & HAS_AUXILIARY) != 0 ? a.at[i] : R(1);
                    R weight = (call.flags & HAS_WEIGHT) != 0 ? w.at[i] : R(1);
                    found[i] = element<F, R>(formula, R(x[k].at[i]), R(t[k].at[i]), auxiliary, weight, call.ignore);
                    sum += found[i].value;
                }
                if ((call.flags & WRITE_VALUES) != 0) {
                    Row<R, N> values;
                    CVL_UNROLL
                    for (int i = 0; i < N; i++) {
                        values.at[i] = found[i].value;
                    }
                    store(values, to.values + at);
                }
                if ((call.flags & WRITE_GRADIENT) != 0) {
                    bool adds = (call.flags & ADD_GRADIENT) != 0;
                    store_slopes<R, N>(found, call.scale * factor, adds, to.gradient + at);
                }
                if ((call.flags & WRITE_TARGET_GRADIENT) != 0) {
                    bool adds = (call.flags & ADD_TARGET_GRADIENT) != 0;
                    store_slopes<R, N>(found, call.target_scale * factor, adds, to.target_gradient + at);
                }
            }
        }
    }
    for (uint i = done + place.first(); i < call.elements; i += place.all()) {
        sum += pointwise_one<F, T, R>(formula, to, call, i);
    }
    return sum;
}

// What this thread's elements add to the denominator.
template <class T, class R>
CVL_FN R pointwise_count(CVL_DEVICE const T *target, CVL_DEVICE const R *weight, CVL_CALL(PointwiseCall<R>) call,
                         Place place) {
    R sum = R(0);
    for (uint i = place.first(); i < call.elements; i += place.all()) {
        R t = R(target[i]);
        R counts = R(1);
        if (call.count == COUNT_WEIGHTS && (call.flags & HAS_WEIGHT) != 0) {
            counts = operand(weight, call.weight, i, call);
        } else if (call.count == COUNT_POSITIVES) {
            counts = t > R(0) ? R(1) : R(0);
        }
        sum += t != call.ignore ? counts : R(0);
    }
    return sum;
}

} // namespace cvl

// The entry point of a formula, a struct with `of`, which reads its numbers, and `eval`.
#define CVL_POINTWISE(LOSS, FORMULA, NAME, T, R)                                                                       \
    CVL_KERNEL(LOSS##_fused_##NAME, CVL_IN(0, T, input), CVL_IN(1, T, target), CVL_IN(2, R, auxiliary),                \
               CVL_IN(3, R, weight), CVL_IN(4, R, factor), CVL_OUT(5, R, gradient), CVL_OUT(6, R, target_gradient),    \
               CVL_OUT(7, R, values), CVL_OUT(8, R, partial), CVL_NUMBERS(9, cvl::PointwiseCall<R>, call)) {           \
        CVL_SHARED(R, scratch, cvl::SUM_SCRATCH);                                                                      \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::PointwiseTensors<T, R> to = {input, target, auxiliary, weight, factor, gradient, target_gradient, values}; \
        cvl::FORMULA<R> formula = cvl::FORMULA<R>::of(call);                                                           \
        R sum = cvl::pointwise<cvl::FORMULA<R>, T, R>(formula, to, call, place);                                       \
        sum = cvl::block_sum(sum, scratch, place);                                                                     \
        if (place.index == 0) {                                                                                       \
            partial[place.block] = sum;                                                                                \
        }                                                                                                              \
    }
