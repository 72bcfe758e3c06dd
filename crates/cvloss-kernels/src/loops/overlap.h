// Sums over regions, then a gradient from them. See overlap.rs.
//
// Launches, in order, none of which waits for the host:
//   overlap_norms_T     with a softmax: each pixel's largest logit, and one over its sum of exponentials
//   overlap_sums_T      partial sums of `p t`, `p` and `t` per item and class
//   region_scores_R     one block: sums, the value, and the slopes of every item and class (region/kernel.inl)
//   overlap_gradient_T  the gradient from these slopes
#pragma once
#include "../math.h"
#include "labels.h"

namespace cvl {

enum { SOFTMAX = 0, SIGMOID = 1, IDENTITY = 2 };

enum {
    OVERLAP_HAS_WEIGHT = 1,
    OVERLAP_ADD_GRADIENT = 2,
    // Inputs, soft targets, norms and gradients begin at a multiple of 16 bytes, and so does each of their rows.
    OVERLAP_IS_VECTOR = 4,
    // The target is (N, C, S) of the input's type, not class indices.
    OVERLAP_IS_SOFT = 8,
    // All items share the slopes of the first.
    OVERLAP_IS_POOLED = 16,
    // The intersection is the minimum, not the product.
    OVERLAP_MINIMUM = 32,
    // Sums of squares.
    OVERLAP_SQUARED = 64,
};

template <class R> struct OverlapCall {
    // Multiplies the gradient.
    R scale;
    uint items, classes, space;
    uint activation, flags;
    // Blocks that share the sums of an item's classes.
    uint splits;
    // Of the weight map, 0 along an axis that is repeated.
    uint weight_item, weight_space;
    // Of these, there are as many classes as channels, or 2 for one channel.
    LabelCall labels;
};

template <class T, class R> struct OverlapTensors {
    CVL_DEVICE const T *input;
    CVL_DEVICE const cvl_u8 *target;
    CVL_DEVICE const R *weight;
    // (2, N, S): largest logits, then one over sums.
    CVL_DEVICE const R *norms;
};

// Classes that a block sums at a time, and whose logits a thread loads before it computes: what registers hold.
template <class R> struct Summed {
    enum { COUNT = sizeof(R) == 8 ? 2 : 4 };
};

// What the options make of a probability and a target. See terms.rs.
template <class R> struct Shape {
    bool minimum;
    R linear, square;

    static CVL_FN Shape of(CVL_CALL(OverlapCall<R>) call) {
        R squared = (call.flags & OVERLAP_SQUARED) != 0 ? R(1) : R(0);
        return {(call.flags & OVERLAP_MINIMUM) != 0, R(1) - squared, squared};
    }

    // `∂L/∂p` of a point.
    CVL_FN R slope(R p, R t, R by_intersection, R by_volume) const {
        R tie = p == t ? R(0.5f) : R(0);
        R minimum_slope = p < t ? R(1) : tie;
        R intersection = minimum ? minimum_slope : t;
        R volume = mul_add(square + square, p, linear);
        return mul_add(by_intersection, intersection, by_volume * volume);
    }
};

// Label and weight of N pixels. An ignored pixel has weight 0; an index that is no class makes all sums NaN.
template <class R, int N> struct Points {
    int label[N];
    R weight[N];
};

template <class T, class R, int N>
CVL_FN Points<R, N> read_points(CVL_THREAD const OverlapTensors<T, R> &from, CVL_CALL(OverlapCall<R>) call, uint item,
                                uint start) {
    Points<R, N> points;
    CVL_UNROLL
    for (int k = 0; k < N; k++) {
        uint s = start + uint(k);
        bool is_soft = (call.flags & OVERLAP_IS_SOFT) != 0;
        int label = is_soft ? 0 : read_label(from.target, item * call.space + s, call.labels);
        bool has_weight = (call.flags & OVERLAP_HAS_WEIGHT) != 0;
        R weight = has_weight ? from.weight[item * call.weight_item + s * call.weight_space] : R(1);
        weight = label == IGNORED ? R(0) : weight;
        points.label[k] = label;
        points.weight[k] = label == OUTSIDE ? R(NAN) : weight;
    }
    return points;
}

// The targets of class `c` at N pixels, whose place in (N, C, S) is `at`. A single channel is class 1 against class 0.
template <class T, class R, int N>
CVL_FN void read_targets(CVL_THREAD const OverlapTensors<T, R> &from, CVL_CALL(OverlapCall<R>) call, uint at, uint c,
                         CVL_THREAD const Points<R, N> &points, CVL_THREAD R *t) {
    if ((call.flags & OVERLAP_IS_SOFT) != 0) {
        Row<T, N> row;
        load((CVL_DEVICE const T *)from.target + at, row);
        CVL_UNROLL
        for (int k = 0; k < N; k++) {
            t[k] = R(row.at[k]);
        }
        return;
    }
    int own = call.classes == 1 ? 1 : int(c);
    CVL_UNROLL
    for (int k = 0; k < N; k++) {
        t[k] = points.label[k] == own ? R(1) : R(0);
    }
}

// The largest logits of N pixels, and one over their sums of exponentials; for a softmax alone.
template <class T, class R, int N> struct Norms {
    Row<R, N> largest, one_over_sum;

    static CVL_FN Norms of(CVL_THREAD const OverlapTensors<T, R> &from, CVL_CALL(OverlapCall<R>) call, uint item,
                           uint start) {
        Norms norms;
        if (call.activation == SOFTMAX) {
            uint pixel = item * call.space + start;
            load(from.norms + pixel, norms.largest);
            load(from.norms + call.items * call.space + pixel, norms.one_over_sum);
        }
        return norms;
    }

    // The probability of pixel `k`.
    CVL_FN R probability(R x, int k, uint activation) const {
        if (activation == SOFTMAX) {
            return exp(x - largest.at[k]) * one_over_sum.at[k];
        }
        return activation == SIGMOID ? odds(x).p : x;
    }
};

// Norms of N pixels.
template <class T, class R, int N>
CVL_FN void overlap_norms(CVL_DEVICE const T *input, CVL_DEVICE R *to, CVL_CALL(OverlapCall<R>) call, uint pixel) {
    uint at = pixel / call.space * call.classes * call.space + pixel % call.space;
    Row<R, N> largest, one_over_sum;
    CVL_UNROLL
    for (int k = 0; k < N; k++) {
        largest.at[k] = -INFINITY;
        one_over_sum.at[k] = R(0);
    }
    CVL_ROLL
    for (uint c = 0; c < call.classes; c += uint(Summed<R>::COUNT)) {
        Row<T, N> row[Summed<R>::COUNT];
        CVL_UNROLL
        for (int j = 0; j < Summed<R>::COUNT; j++) {
            if (c + uint(j) < call.classes) {
                load(input + at + (c + uint(j)) * call.space, row[j]);
            }
        }
        CVL_UNROLL
        for (int j = 0; j < Summed<R>::COUNT; j++) {
            if (c + uint(j) < call.classes) {
                CVL_UNROLL
                for (int k = 0; k < N; k++) {
                    R x = R(row[j].at[k]), so_far = largest.at[k];
                    R e = exp(-abs(x - so_far));
                    bool leads = x > so_far;
                    largest.at[k] = leads ? x : so_far;
                    // −∞ less −∞ is NaN, but nothing is what such a logit adds.
                    R term = x == -INFINITY ? R(0) : e;
                    one_over_sum.at[k] = leads ? one_over_sum.at[k] * e + R(1) : one_over_sum.at[k] + term;
                }
            }
        }
    }
    CVL_UNROLL
    for (int k = 0; k < N; k++) {
        // NaN where the largest is infinite.
        one_over_sum.at[k] = R(1) / (one_over_sum.at[k] + (largest.at[k] - largest.at[k]));
    }
    store(largest, to + pixel);
    store(one_over_sum, to + call.items * call.space + pixel);
}

// The sums of some classes of an item that a thread has seen: `p t`, `p` and `t` of each.
template <class R> struct ClassSums {
    R of[Summed<R>::COUNT][3];
};

template <class T, class R, int N>
CVL_FN void add_points(CVL_THREAD const OverlapTensors<T, R> &from, CVL_CALL(OverlapCall<R>) call, uint item, uint first,
                       uint start, CVL_THREAD ClassSums<R> &sums) {
    Points<R, N> points = read_points<T, R, N>(from, call, item, start);
    Norms<T, R, N> norms = Norms<T, R, N>::of(from, call, item, start);
    Shape<R> shape = Shape<R>::of(call);
    Row<T, N> row[Summed<R>::COUNT];
    CVL_UNROLL
    for (int j = 0; j < Summed<R>::COUNT; j++) {
        if (first + uint(j) < call.classes) {
            load(from.input + (item * call.classes + first + uint(j)) * call.space + start, row[j]);
        }
    }
    CVL_UNROLL
    for (int j = 0; j < Summed<R>::COUNT; j++) {
        uint c = first + uint(j);
        if (c < call.classes) {
            R t[N];
            read_targets<T, R, N>(from, call, (item * call.classes + c) * call.space + start, c, points, t);
            CVL_UNROLL
            for (int k = 0; k < N; k++) {
                R w = points.weight[k];
                R found = norms.probability(R(row[j].at[k]), k, call.activation);
                // A point of weight 0 counts nothing, whatever its logits.
                R p = w != R(0) ? found : R(0);
                R pw = p * w, tw = t[k] * w;
                sums.of[j][0] += shape.minimum ? at_most(p, t[k]) * w : pw * t[k];
                sums.of[j][1] += pw * mul_add(p, shape.square, shape.linear);
                sums.of[j][2] += tw * mul_add(t[k], shape.square, shape.linear);
            }
        }
    }
}

// Partial sums, (N, C, splits, 3): a block has some classes of an item, and every so manieth of its pixels.
template <class T, class R>
CVL_FN void overlap_sums(CVL_THREAD const OverlapTensors<T, R> &from, CVL_DEVICE R *partial, CVL_CALL(OverlapCall<R>) call,
                         CVL_LOCAL R *scratch, Place place) {
    enum { N = Lanes<T>::COUNT };
    uint groups = (call.classes + uint(Summed<R>::COUNT) - 1) / uint(Summed<R>::COUNT);
    uint split = place.block % call.splits;
    uint first = place.block / call.splits % groups * uint(Summed<R>::COUNT);
    uint item = place.block / call.splits / groups;
    uint unit = split * place.threads + place.index;
    uint step = call.splits * place.threads;
    ClassSums<R> sums;
    CVL_UNROLL
    for (int j = 0; j < Summed<R>::COUNT; j++) {
        sums.of[j][0] = sums.of[j][1] = sums.of[j][2] = R(0);
    }
    if ((call.flags & OVERLAP_IS_VECTOR) != 0) {
        CVL_ROLL
        for (uint pack = unit; pack < call.space / uint(N); pack += step) {
            add_points<T, R, N>(from, call, item, first, pack * uint(N), sums);
        }
    } else {
        CVL_ROLL
        for (uint start = unit; start < call.space; start += step) {
            add_points<T, R, 1>(from, call, item, first, start, sums);
        }
    }
    CVL_UNROLL
    for (int j = 0; j < Summed<R>::COUNT; j++) {
        uint c = first + uint(j);
        CVL_UNROLL
        for (int k = 0; k < 3; k++) {
            R sum = block_sum(sums.of[j][k], scratch, place);
            if (place.index == 0 && c < call.classes) {
                partial[((item * call.classes + c) * call.splits + split) * 3 + uint(k)] = sum;
            }
        }
    }
}

template <class R, int N>
CVL_FN void store_overlap(CVL_THREAD const R *slopes, CVL_DEVICE R *to, CVL_CALL(OverlapCall<R>) call) {
    Row<R, N> row;
    bool adds = (call.flags & OVERLAP_ADD_GRADIENT) != 0;
    if (adds) {
        load(to, row);
    }
    CVL_UNROLL
    for (int k = 0; k < N; k++) {
        row.at[k] = (adds ? row.at[k] : R(0)) + slopes[k];
    }
    store(row, to);
}

// `∂L/∂I` and `∂L/∂P` of a class of an item.
template <class R> struct ClassSlopes {
    R by_intersection, by_volume;

    static CVL_FN ClassSlopes of(CVL_DEVICE const R *slopes, CVL_CALL(OverlapCall<R>) call, uint item, uint c) {
        uint group = (call.flags & OVERLAP_IS_POOLED) != 0 ? 0 : item;
        uint at = (group * call.classes + c) * 2;
        return {slopes[at] * call.scale, slopes[at + 1] * call.scale};
    }
};

// The gradient of one class at N pixels, through a sigmoid or none.
template <class T, class R, int N>
CVL_FN void row_gradient(CVL_THREAD const OverlapTensors<T, R> &from, CVL_DEVICE const R *slopes, CVL_DEVICE R *gradient,
                         CVL_CALL(OverlapCall<R>) call, uint at) {
    uint row = at / call.space, start = at % call.space;
    uint item = row / call.classes, c = row % call.classes;
    Points<R, N> points = read_points<T, R, N>(from, call, item, start);
    ClassSlopes<R> by = ClassSlopes<R>::of(slopes, call, item, c);
    Shape<R> shape = Shape<R>::of(call);
    Row<T, N> x;
    R t[N], found[N];
    load(from.input + at, x);
    read_targets<T, R, N>(from, call, at, c, points, t);
    CVL_UNROLL
    for (int k = 0; k < N; k++) {
        R w = points.weight[k];
        R p = R(x.at[k]), inner = R(1);
        if (call.activation == SIGMOID) {
            Odds<R> of = odds(p);
            p = of.p;
            inner = of.p * of.q;
        }
        R g = shape.slope(p, t[k], by.by_intersection, by.by_volume) * inner;
        found[k] = w != R(0) ? g * w : R(0);
    }
    store_overlap<R, N>(found, gradient + at, call);
}

// The gradient of all classes at N pixels, through a softmax.
//
// `∂L/∂z_c = p_c (s_c − Σ_k s_k p_k)` with `s = ∂L/∂p`.
template <class T, class R, int N>
CVL_FN void softmax_gradient(CVL_THREAD const OverlapTensors<T, R> &from, CVL_DEVICE const R *slopes,
                             CVL_DEVICE R *gradient, CVL_CALL(OverlapCall<R>) call, uint pixel) {
    uint item = pixel / call.space, start = pixel % call.space;
    Points<R, N> points = read_points<T, R, N>(from, call, item, start);
    Norms<T, R, N> norms = Norms<T, R, N>::of(from, call, item, start);
    Shape<R> shape = Shape<R>::of(call);
    R dot[N];
    CVL_UNROLL
    for (int k = 0; k < N; k++) {
        dot[k] = R(0);
    }
    CVL_ROLL
    for (uint c = 0; c < call.classes; c++) {
        uint at = (item * call.classes + c) * call.space + start;
        ClassSlopes<R> by = ClassSlopes<R>::of(slopes, call, item, c);
        Row<T, N> x;
        R t[N];
        load(from.input + at, x);
        read_targets<T, R, N>(from, call, at, c, points, t);
        CVL_UNROLL
        for (int k = 0; k < N; k++) {
            R p = norms.probability(R(x.at[k]), k, SOFTMAX);
            R slope = shape.slope(p, t[k], by.by_intersection, by.by_volume);
            dot[k] = mul_add(slope, p, dot[k]);
        }
    }
    CVL_ROLL
    for (uint c = 0; c < call.classes; c++) {
        uint at = (item * call.classes + c) * call.space + start;
        ClassSlopes<R> by = ClassSlopes<R>::of(slopes, call, item, c);
        Row<T, N> x;
        R t[N], found[N];
        load(from.input + at, x);
        read_targets<T, R, N>(from, call, at, c, points, t);
        CVL_UNROLL
        for (int k = 0; k < N; k++) {
            R w = points.weight[k];
            R p = norms.probability(R(x.at[k]), k, SOFTMAX);
            R slope = shape.slope(p, t[k], by.by_intersection, by.by_volume);
            R g = p * (slope - dot[k]);
            found[k] = w != R(0) ? g * w : R(0);
        }
        store_overlap<R, N>(found, gradient + at, call);
    }
}

template <class T, class R, int N>
CVL_FN void overlap_gradient_of(CVL_THREAD const OverlapTensors<T, R> &from, CVL_DEVICE const R *slopes,
                                CVL_DEVICE R *gradient, CVL_CALL(OverlapCall<R>) call, Place place) {
    bool is_softmax = call.activation == SOFTMAX;
    uint all = call.items * call.space * (is_softmax ? 1 : call.classes);
    for (uint pack = place.first(); pack < all / uint(N); pack += place.all()) {
        if (is_softmax) {
            softmax_gradient<T, R, N>(from, slopes, gradient, call, pack * uint(N));
        } else {
            row_gradient<T, R, N>(from, slopes, gradient, call, pack * uint(N));
        }
    }
}

} // namespace cvl
