// Sums over regions, then a gradient from them. See overlap.rs.
//
// Launches, in order, none of which waits for the host:
//   overlap_norms_T     with a softmax: each pixel's largest logit, and one over its sum of exponentials
//   overlap_count_R     what the mean of a loss on top divides by, unless the host knows it
//   overlap_sums_T      partial sums of `p t`, `p` and `t` per item and class
//   region_scores_R     one block: sums, the value, and the slopes of every item and class (region/kernel.inl)
//   overlap_gradient_T  the gradient from these slopes
//
// A loss of pixels or elements on top rides along: region/extra.inl has these sweeps with one.
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
    // What rides along has a number for each class.
    OVERLAP_HAS_AUXILIARY = 128,
    // It compares to a distribution over classes, not to one class.
    OVERLAP_SPREADS = 256,
    // Its slopes are wanted.
    OVERLAP_KEEPS_SLOPES = 512,
};

template <class R> struct OverlapCall {
    // Of what rides along.
    R formula[4];
    // Its target over a softmax: `keep·t + spread`.
    R keep, spread;
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
    // (2, N, S): largest logits, then one over sums; with what rides along (4, N, S): then its slopes.
    CVL_DEVICE const R *norms;
    // A number of what rides along for each class.
    CVL_DEVICE const R *auxiliary;
};

// Nothing rides along.
template <class R> struct NoExtra {
    static CVL_FN NoExtra of(CVL_CALL(OverlapCall<R>)) { return {}; }
    CVL_FN ValueSlope<R> eval(R, R, R) const { return {R(0), R(0)}; }
};

// Whether a formula rides along.
template <class F> struct Rides {
    enum { YES = 1 };
};
template <class R> struct Rides<NoExtra<R>> {
    enum { YES = 0 };
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

// The number of what rides along for class `c`; 1 where there is none.
template <class T, class R>
CVL_FN R auxiliary_of(CVL_THREAD const OverlapTensors<T, R> &from, CVL_CALL(OverlapCall<R>) call, uint c) {
    return (call.flags & OVERLAP_HAS_AUXILIARY) != 0 ? from.auxiliary[c] : R(1);
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

// The sums of some classes of an item that a thread has seen: `p t`, `p` and `t` of each, and of what rides along.
template <class R> struct ClassSums {
    R of[Summed<R>::COUNT][3];
    R extra;
};

template <class E, class T, class R, int N>
CVL_FN void add_points(E extra, CVL_THREAD const OverlapTensors<T, R> &from, CVL_CALL(OverlapCall<R>) call, uint item,
                       uint first, uint start, CVL_THREAD ClassSums<R> &sums) {
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
            R auxiliary = Rides<E>::YES ? auxiliary_of(from, call, c) : R(1);
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
                if (Rides<E>::YES) {
                    R value = extra.eval(R(row[j].at[k]), t[k], auxiliary).value;
                    sums.extra += w != R(0) ? value * w : R(0);
                }
            }
        }
    }
}

// Partial sums, (N, C, splits, 3): a block has some classes of an item, and every so manieth of its pixels. Of what rides
// along, each block has one in `riding`.
template <class E, class T, class R>
CVL_FN void overlap_sums(CVL_THREAD const OverlapTensors<T, R> &from, CVL_DEVICE R *partial, CVL_DEVICE R *riding,
                         CVL_CALL(OverlapCall<R>) call, CVL_LOCAL R *scratch, Place place) {
    enum { N = Lanes<T>::COUNT };
    uint groups = (call.classes + uint(Summed<R>::COUNT) - 1) / uint(Summed<R>::COUNT);
    uint split = place.block % call.splits;
    uint first = place.block / call.splits % groups * uint(Summed<R>::COUNT);
    uint item = place.block / call.splits / groups;
    uint unit = split * place.threads + place.index;
    uint step = call.splits * place.threads;
    E extra = E::of(call);
    ClassSums<R> sums;
    sums.extra = R(0);
    CVL_UNROLL
    for (int j = 0; j < Summed<R>::COUNT; j++) {
        sums.of[j][0] = sums.of[j][1] = sums.of[j][2] = R(0);
    }
    if ((call.flags & OVERLAP_IS_VECTOR) != 0) {
        CVL_ROLL
        for (uint pack = unit; pack < call.space / uint(N); pack += step) {
            add_points<E, T, R, N>(extra, from, call, item, first, pack * uint(N), sums);
        }
    } else {
        CVL_ROLL
        for (uint start = unit; start < call.space; start += step) {
            add_points<E, T, R, 1>(extra, from, call, item, first, start, sums);
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
    if (Rides<E>::YES) {
        R sum = block_sum(sums.extra, scratch, place);
        if (place.index == 0) {
            riding[place.block] = sum;
        }
    }
}

// Partial sums of weights and of points that are not ignored, (N, splits, 2).
template <class R>
CVL_FN void overlap_count(CVL_DEVICE const cvl_u8 *target, CVL_DEVICE const R *weight, CVL_DEVICE R *partial,
                          CVL_CALL(OverlapCall<R>) call, CVL_LOCAL R *scratch, Place place) {
    OverlapTensors<R, R> from = {0, target, weight, 0, 0};
    uint item = place.block / call.splits, split = place.block % call.splits;
    R mass = R(0), count = R(0);
    for (uint s = split * place.threads + place.index; s < call.space; s += call.splits * place.threads) {
        Points<R, 1> point = read_points<R, R, 1>(from, call, item, s);
        mass += point.weight[0];
        count += point.label[0] == IGNORED ? R(0) : R(1);
    }
    mass = block_sum(mass, scratch, place);
    count = block_sum(count, scratch, place);
    if (place.index == 0) {
        partial[place.block * 2] = mass;
        partial[place.block * 2 + 1] = count;
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

// The factor of the slopes of what rides along with an item: they come after those of all classes.
template <class R>
CVL_FN R extra_factor(CVL_DEVICE const R *slopes, CVL_CALL(OverlapCall<R>) call, uint item) {
    bool is_pooled = (call.flags & OVERLAP_IS_POOLED) != 0;
    uint groups = is_pooled ? 1 : call.items, group = is_pooled ? 0 : item;
    return slopes[groups * call.classes * 2 + group] * call.scale;
}

// The gradient of one class at N pixels, through a sigmoid or none.
template <class E, class T, class R, int N>
CVL_FN void row_gradient(E extra, CVL_THREAD const OverlapTensors<T, R> &from, CVL_DEVICE const R *slopes,
                         CVL_DEVICE R *gradient, CVL_CALL(OverlapCall<R>) call, uint at) {
    uint row = at / call.space, start = at % call.space;
    uint item = row / call.classes, c = row % call.classes;
    Points<R, N> points = read_points<T, R, N>(from, call, item, start);
    ClassSlopes<R> by = ClassSlopes<R>::of(slopes, call, item, c);
    Shape<R> shape = Shape<R>::of(call);
    Row<T, N> x;
    R t[N], found[N];
    load(from.input + at, x);
    read_targets<T, R, N>(from, call, at, c, points, t);
    R auxiliary = Rides<E>::YES ? auxiliary_of(from, call, c) : R(1);
    R factor = Rides<E>::YES ? extra_factor(slopes, call, item) : R(0);
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
        if (Rides<E>::YES) {
            g += extra.eval(R(x.at[k]), t[k], auxiliary).slope * factor;
        }
        found[k] = w != R(0) ? g * w : R(0);
    }
    store_overlap<R, N>(found, gradient + at, call);
}

// The slopes of what rides along over a softmax: `a p_c − b share_c`, or with one true class `a p_c`, and for that `b`.
template <class R, int N> struct Riding {
    Row<R, N> a, b;
    R factor;

    template <class T>
    static CVL_FN Riding of(CVL_THREAD const OverlapTensors<T, R> &from, CVL_DEVICE const R *slopes,
                            CVL_CALL(OverlapCall<R>) call, uint item, uint pixel) {
        Riding riding;
        uint plane = call.items * call.space;
        load(from.norms + 2 * plane + pixel, riding.a);
        load(from.norms + 3 * plane + pixel, riding.b);
        riding.factor = extra_factor(slopes, call, item);
        return riding;
    }

    // That of pixel `k`, whose target is `t`, with respect to a class's logit.
    CVL_FN R slope(R p, R t, R auxiliary, int k, CVL_CALL(OverlapCall<R>) call) const {
        if ((call.flags & OVERLAP_SPREADS) != 0) {
            return factor * (a.at[k] * p - b.at[k] * (mul_add(call.keep, t, call.spread) * auxiliary));
        }
        return factor * (t != R(0) ? b.at[k] : a.at[k] * p);
    }
};

// The gradient of all classes at N pixels, through a softmax.
//
// `∂L/∂z_c = p_c (s_c − Σ_k s_k p_k)` with `s = ∂L/∂p`, plus the slope of what rides along, if `RIDES`.
template <int RIDES, class T, class R, int N>
CVL_FN void softmax_gradient(CVL_THREAD const OverlapTensors<T, R> &from, CVL_DEVICE const R *slopes,
                             CVL_DEVICE R *gradient, CVL_CALL(OverlapCall<R>) call, uint pixel) {
    uint item = pixel / call.space, start = pixel % call.space;
    Points<R, N> points = read_points<T, R, N>(from, call, item, start);
    Norms<T, R, N> norms = Norms<T, R, N>::of(from, call, item, start);
    Shape<R> shape = Shape<R>::of(call);
    Riding<R, N> riding;
    if (RIDES != 0) {
        riding = Riding<R, N>::of(from, slopes, call, item, pixel);
    }
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
            if (RIDES != 0) {
                g += riding.slope(p, t[k], auxiliary_of(from, call, c), k, call);
            }
            found[k] = w != R(0) ? g * w : R(0);
        }
        store_overlap<R, N>(found, gradient + at, call);
    }
}

// The gradient of all channels by themselves.
template <class E, class T, class R, int N>
CVL_FN void rows_gradient(CVL_THREAD const OverlapTensors<T, R> &from, CVL_DEVICE const R *slopes,
                          CVL_DEVICE R *gradient, CVL_CALL(OverlapCall<R>) call, Place place) {
    E extra = E::of(call);
    uint all = call.items * call.classes * call.space;
    for (uint pack = place.first(); pack < all / uint(N); pack += place.all()) {
        row_gradient<E, T, R, N>(extra, from, slopes, gradient, call, pack * uint(N));
    }
}

// The gradient of all pixels through a softmax.
template <int RIDES, class T, class R, int N>
CVL_FN void pixels_gradient(CVL_THREAD const OverlapTensors<T, R> &from, CVL_DEVICE const R *slopes,
                            CVL_DEVICE R *gradient, CVL_CALL(OverlapCall<R>) call, Place place) {
    uint all = call.items * call.space;
    for (uint pack = place.first(); pack < all / uint(N); pack += place.all()) {
        softmax_gradient<RIDES, T, R, N>(from, slopes, gradient, call, pack * uint(N));
    }
}

// Either, with nothing on top.
template <class E, class T, class R, int N>
CVL_FN void overlap_gradient(CVL_THREAD const OverlapTensors<T, R> &from, CVL_DEVICE const R *slopes,
                             CVL_DEVICE R *gradient, CVL_CALL(OverlapCall<R>) call, Place place) {
    if (call.activation == SOFTMAX) {
        pixels_gradient<Rides<E>::YES, T, R, N>(from, slopes, gradient, call, place);
    } else {
        rows_gradient<E, T, R, N>(from, slopes, gradient, call, place);
    }
}

} // namespace cvl

// The entry point of the sums, with a formula of elements on top.
#define CVL_OVERLAP_SUMS(LOSS, FORMULA, NAME, T, R)                                                                    \
    CVL_KERNEL(LOSS##_sums_##NAME, CVL_IN(0, T, input), CVL_IN(1, cvl_u8, target), CVL_IN(2, R, weight),               \
               CVL_IN(3, R, norms), CVL_IN(4, R, auxiliary), CVL_OUT(5, R, partial), CVL_OUT(6, R, riding),            \
               CVL_NUMBERS(7, cvl::OverlapCall<R>, call)) {                                                            \
        CVL_SHARED(R, scratch, cvl::SUM_SCRATCH);                                                                      \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::OverlapTensors<T, R> from = {input, target, weight, norms, auxiliary};                                    \
        cvl::overlap_sums<cvl::FORMULA<R>, T, R>(from, partial, riding, call, scratch, place);                         \
    }

// The entry point of a gradient by one of the functions above, with what rides along.
#define CVL_OVERLAP_GRADIENT(LOSS, EACH, E, NAME, T, R)                                                                \
    CVL_KERNEL(LOSS##_gradient_##NAME, CVL_IN(0, T, input), CVL_IN(1, cvl_u8, target), CVL_IN(2, R, weight),           \
               CVL_IN(3, R, norms), CVL_IN(4, R, auxiliary), CVL_IN(5, R, slopes), CVL_OUT(6, R, gradient),            \
               CVL_NUMBERS(7, cvl::OverlapCall<R>, call)) {                                                            \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::OverlapTensors<T, R> from = {input, target, weight, norms, auxiliary};                                    \
        if ((call.flags & cvl::OVERLAP_IS_VECTOR) != 0) {                                                              \
            cvl::EACH<E, T, R, cvl::Lanes<T>::COUNT>(from, slopes, gradient, call, place);                             \
        } else {                                                                                                       \
            cvl::EACH<E, T, R, 1>(from, slopes, gradient, call, place);                                                \
        }                                                                                                              \
    }
