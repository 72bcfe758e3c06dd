// A softmax over classes at each pixel, and one value per pixel. See site.rs.
//
// Launches: site_count_R and reduce_factor_R, unless the host knows the denominator; NAME_fused_T; reduce_total_R.
//
// A thread has one pixel, or as many neighbours as fit in 16 bytes. It reads the logits twice, the second time mostly from
// the cache: the largest logit and the sum of exponentials are taken in one sweep.
#pragma once
#include "../math.h"
#include "labels.h"

namespace cvl {

enum {
    SITE_WRITE_VALUES = 1,
    SITE_WRITE_GRADIENT = 2,
    SITE_ADD_GRADIENT = 4,
    SITE_HAS_WEIGHT = 8,
    SITE_HAS_CLASS_WEIGHTS = 16,
    // Logits, distributions and gradients begin at a multiple of 16 bytes, and so does each of their rows.
    SITE_IS_VECTOR = 32,
    // The target is a distribution, (N, C, S).
    SITE_IS_DISTRIBUTION = 64,
};

enum { SITE_COUNT_ELEMENTS = 0, SITE_COUNT_WEIGHTS = 1, SITE_COUNT_POSITIVES = 2 };

template <class R> struct SiteCall {
    // The formula's own.
    R formula[2];
    // Multiplies the gradient, not the value.
    R scale;
    // Of a target: `keep·t + spread`.
    R keep, spread;
    uint items, classes, space;
    uint flags, count;
    // Of the weight map, 0 along an axis that is repeated.
    uint weight_item, weight_space;
    LabelCall labels;
};

template <class T, class R> struct SiteTensors {
    CVL_DEVICE const T *input;
    CVL_DEVICE const cvl_u8 *target;
    CVL_DEVICE const R *weight;
    CVL_DEVICE const R *class_weights;
    CVL_DEVICE const R *factor;
    CVL_DEVICE R *gradient;
    CVL_DEVICE R *values;
};

// What a softmax says of the true class. See softmax.rs.
template <class R> struct TrueClass {
    R one_over_sum, minus_ln_p, p, q;
};

// From its logit `d`, less the largest, and the other classes' sum of exponentials.
template <class R> CVL_FN TrueClass<R> true_class(R d, R others) {
    R e = exp(d);
    R sum = others + e;
    R one_over_sum = R(1) / sum;
    R ratio = others / e;
    // Where the true class leads, ln(1 + ratio) keeps the digits that ln(sum) loses.
    R sure = ln_1p(at_most(ratio, R(1)));
    bool is_sane = ratio < CVL_NUMBER(1e30);
    R inner = is_sane ? ratio + R(1) : sum;
    R shift = is_sane ? R(0) : d;
    return {one_over_sum, ratio <= R(1) ? sure : ln(inner) - shift, e * one_over_sum, others * one_over_sum};
}

// The largest logit so far, and a sum of exponentials of logits less it.
template <class R> struct Running {
    R largest, sum;

    // Adds a logit; one that is not to be summed may still be the largest. Only the largest itself needs no exponential.
    CVL_FN void add(R x, bool sums) {
        R e = exp(-abs(x - largest));
        bool leads = x > largest;
        sum = leads ? sum * e : sum;
        largest = leads ? x : largest;
        // −∞ less −∞ is NaN, but nothing is what such a logit adds.
        R term = leads ? R(1) : (x == -INFINITY ? R(0) : e);
        sum += sums ? term : R(0);
    }

    // NaN where the largest is infinite.
    CVL_FN R checked() const { return sum + (largest - largest); }
};

// Classes whose logits a thread loads before it computes.
enum { CLASSES = 4 };

template <class R>
CVL_FN R site_weight(CVL_DEVICE const R *weight, CVL_CALL(SiteCall<R>) call, uint pixel) {
    if ((call.flags & SITE_HAS_WEIGHT) == 0) {
        return R(1);
    }
    return weight[pixel / call.space * call.weight_item + pixel % call.space * call.weight_space];
}

template <class R>
CVL_FN R class_weight(CVL_DEVICE const R *class_weights, CVL_CALL(SiteCall<R>) call, int c) {
    bool has = (call.flags & SITE_HAS_CLASS_WEIGHTS) != 0 && c >= 0;
    return has ? class_weights[c] : R(1);
}

// Where a thread's pixels lie.
struct Pixels {
    // The first, of all; and its logit of class 0.
    uint first, at;
};

template <class R> CVL_FN Pixels site_pixels(CVL_CALL(SiteCall<R>) call, uint first) {
    return {first, first / call.space * call.classes * call.space + first % call.space};
}

template <class T, class R, int N>
CVL_FN void store_class(CVL_THREAD const R *slopes, CVL_THREAD const SiteTensors<T, R> &to, CVL_CALL(SiteCall<R>) call,
                        uint at) {
    Row<R, N> row;
    bool adds = (call.flags & SITE_ADD_GRADIENT) != 0;
    if (adds) {
        load(to.gradient + at, row);
    }
    CVL_UNROLL
    for (int k = 0; k < N; k++) {
        row.at[k] = (adds ? row.at[k] : R(0)) + slopes[k];
    }
    store(row, to.gradient + at);
}

// The running sums of N pixels whose logits of class 0 begin at `input`, with those of the true class apart.
template <class T, class R, int N>
CVL_FN void sweep_logits(CVL_DEVICE const T *input, uint classes, uint space, CVL_THREAD const int *label,
                         CVL_THREAD Running<R> *running, CVL_THREAD R *own) {
    CVL_UNROLL
    for (int k = 0; k < N; k++) {
        own[k] = R(0);
        running[k] = {R(-INFINITY), R(0)};
    }
    for (uint c = 0; c < classes; c += CLASSES) {
        Row<T, N> row[CLASSES];
        CVL_UNROLL
        for (int j = 0; j < CLASSES; j++) {
            if (c + uint(j) < classes) {
                load(input + (c + uint(j)) * space, row[j]);
            }
        }
        CVL_UNROLL
        for (int j = 0; j < CLASSES; j++) {
            if (c + uint(j) < classes) {
                CVL_UNROLL
                for (int k = 0; k < N; k++) {
                    R x = R(row[j].at[k]);
                    bool is_own = label[k] == int(c) + j;
                    own[k] = is_own ? x : own[k];
                    running[k].add(x, !is_own);
                }
            }
        }
    }
}

// A term of the true class at N pixels; returns the sum of their values.
template <class F, class T, class R, int N>
CVL_FN R site_hard(F term, CVL_THREAD const SiteTensors<T, R> &to, CVL_CALL(SiteCall<R>) call, Pixels pixels) {
    int label[N];
    R own[N];
    Running<R> running[N];
    CVL_UNROLL
    for (int k = 0; k < N; k++) {
        label[k] = read_label(to.target, pixels.first + uint(k), call.labels);
    }
    sweep_logits<T, R, N>(to.input + pixels.at, call.classes, call.space, label, running, own);
    R sum = R(0);
    R own_slope[N], pull_over_sum[N];
    R scale = call.scale * to.factor[0];
    CVL_UNROLL
    for (int k = 0; k < N; k++) {
        TrueClass<R> found = true_class(own[k] - running[k].largest, running[k].checked());
        ValueSlope<R> of = term.eval(found.minus_ln_p, found.p, found.q);
        R weight = site_weight(to.weight, call, pixels.first + uint(k)) * class_weight(to.class_weights, call, label[k]);
        // No index, no loss.
        weight = label[k] == OUTSIDE ? R(NAN) : weight;
        bool keep = label[k] != IGNORED;
        R value = keep ? of.value * weight : R(0);
        R pull = keep ? of.slope * weight * scale : R(0);
        pull_over_sum[k] = keep ? pull * found.one_over_sum : R(0);
        own_slope[k] = keep ? -(pull * found.q) : R(0);
        sum += value;
        if ((call.flags & SITE_WRITE_VALUES) != 0) {
            to.values[pixels.first + uint(k)] = value;
        }
    }
    if ((call.flags & SITE_WRITE_GRADIENT) == 0) {
        return sum;
    }
    for (uint c = 0; c < call.classes; c++) {
        Row<T, N> row;
        R slopes[N];
        load(to.input + pixels.at + c * call.space, row);
        CVL_UNROLL
        for (int k = 0; k < N; k++) {
            R e = exp(R(row.at[k]) - running[k].largest);
            R slope = label[k] == int(c) ? own_slope[k] : e * pull_over_sum[k];
            // An ignored pixel has no slope, whatever its logits are.
            slopes[k] = label[k] == IGNORED ? R(0) : slope;
        }
        store_class<T, R, N>(slopes, to, call, pixels.at + c * call.space);
    }
    return sum;
}

// The target's share of class `c` at N pixels, before smoothing.
template <class T, class R, int N>
CVL_FN void target_row(CVL_THREAD const SiteTensors<T, R> &to, CVL_CALL(SiteCall<R>) call, Pixels pixels, uint c,
                       CVL_THREAD const int *label, CVL_THREAD R *t) {
    if ((call.flags & SITE_IS_DISTRIBUTION) != 0) {
        Row<T, N> row;
        load((CVL_DEVICE const T *)to.target + pixels.at + c * call.space, row);
        CVL_UNROLL
        for (int k = 0; k < N; k++) {
            t[k] = R(row.at[k]);
        }
        return;
    }
    CVL_UNROLL
    for (int k = 0; k < N; k++) {
        t[k] = label[k] == int(c) ? R(1) : R(0);
    }
}

// Cross-entropy with a distribution at N pixels; returns the sum of their values.
//
// `−Σ a_c ln p_c = A ln Σe − Σ a_c d_c` with `A = Σ a_c`; its gradient is `A p_c − a_c`.
template <class T, class R, int N>
CVL_FN R site_soft(CVL_THREAD const SiteTensors<T, R> &to, CVL_CALL(SiteCall<R>) call, Pixels pixels) {
    int label[N];
    R largest[N], all[N], dot[N], sums[N];
    CVL_UNROLL
    for (int k = 0; k < N; k++) {
        bool is_hard = (call.flags & SITE_IS_DISTRIBUTION) == 0;
        label[k] = is_hard ? read_label(to.target, pixels.first + uint(k), call.labels) : 0;
        largest[k] = -INFINITY;
        all[k] = dot[k] = sums[k] = R(0);
    }
    CVL_ROLL
    for (uint c = 0; c < call.classes; c++) {
        Row<T, N> row;
        load(to.input + pixels.at + c * call.space, row);
        CVL_UNROLL
        for (int k = 0; k < N; k++) {
            largest[k] = at_least(largest[k], R(row.at[k]));
        }
    }
    CVL_ROLL
    for (uint c = 0; c < call.classes; c++) {
        Row<T, N> row;
        R t[N];
        load(to.input + pixels.at + c * call.space, row);
        target_row<T, R, N>(to, call, pixels, c, label, t);
        R weight_of = class_weight(to.class_weights, call, int(c));
        CVL_UNROLL
        for (int k = 0; k < N; k++) {
            R d = R(row.at[k]) - largest[k];
            R share = mul_add(call.keep, t[k], call.spread) * weight_of;
            // A class of no share may have probability 0.
            R term = share == R(0) ? share : share * d;
            all[k] += share;
            dot[k] += term;
            sums[k] += exp(d);
        }
    }
    R total = R(0);
    R scale = call.scale * to.factor[0];
    R factor[N], factor_over_sum[N];
    CVL_UNROLL
    for (int k = 0; k < N; k++) {
        R share = all[k], sum = sums[k];
        bool kept = label[k] != IGNORED;
        R weight = site_weight(to.weight, call, pixels.first + uint(k));
        weight = label[k] == OUTSIDE ? R(NAN) : weight;
        R value = kept ? (share * ln(sum) - dot[k]) * weight : R(0);
        factor[k] = kept ? weight * scale : R(0);
        factor_over_sum[k] = kept ? factor[k] * share / sum : R(0);
        total += value;
        if ((call.flags & SITE_WRITE_VALUES) != 0) {
            to.values[pixels.first + uint(k)] = value;
        }
    }
    if ((call.flags & SITE_WRITE_GRADIENT) == 0) {
        return total;
    }
    CVL_ROLL
    for (uint c = 0; c < call.classes; c++) {
        Row<T, N> row;
        R t[N], slopes[N];
        load(to.input + pixels.at + c * call.space, row);
        target_row<T, R, N>(to, call, pixels, c, label, t);
        R weight_of = class_weight(to.class_weights, call, int(c));
        CVL_UNROLL
        for (int k = 0; k < N; k++) {
            R share = mul_add(call.keep, t[k], call.spread) * weight_of;
            R e = exp(R(row.at[k]) - largest[k]);
            // An ignored pixel has no slope, whatever its logits are.
            slopes[k] = label[k] == IGNORED ? R(0) : e * factor_over_sum[k] - factor[k] * share;
        }
        store_class<T, R, N>(slopes, to, call, pixels.at + c * call.space);
    }
    return total;
}

template <class F, class T, class R, int N> struct HardSites {
    static CVL_FN R eval(CVL_THREAD const SiteTensors<T, R> &to, CVL_CALL(SiteCall<R>) call, Pixels pixels) {
        return site_hard<F, T, R, N>(F::of(call), to, call, pixels);
    }
};

// Stands where no term is used.
template <class R> struct NoTerm {};
template <class T, class R, int N> struct HardSites<NoTerm<R>, T, R, N> {
    static CVL_FN R eval(CVL_THREAD const SiteTensors<T, R> &to, CVL_CALL(SiteCall<R>) call, Pixels pixels) {
        return site_soft<T, R, N>(to, call, pixels);
    }
};

// The sum of the values of this thread's pixels.
template <class F, class T, class R>
CVL_FN R sites(CVL_THREAD const SiteTensors<T, R> &to, CVL_CALL(SiteCall<R>) call, Place place) {
    enum { N = Lanes<T>::COUNT };
    uint all = call.items * call.space;
    R sum = R(0);
    if ((call.flags & SITE_IS_VECTOR) != 0) {
        for (uint pack = place.first(); pack < all / uint(N); pack += place.all()) {
            sum += HardSites<F, T, R, N>::eval(to, call, site_pixels(call, pack * uint(N)));
        }
    } else {
        for (uint pixel = place.first(); pixel < all; pixel += place.all()) {
            sum += HardSites<F, T, R, 1>::eval(to, call, site_pixels(call, pixel));
        }
    }
    return sum;
}

// What this thread's pixels add to the denominator.
template <class R>
CVL_FN R site_count(CVL_DEVICE const cvl_u8 *target, CVL_DEVICE const R *weight, CVL_DEVICE const R *class_weights,
                    CVL_CALL(SiteCall<R>) call, Place place) {
    bool is_hard = (call.flags & SITE_IS_DISTRIBUTION) == 0;
    R sum = R(0);
    for (uint pixel = place.first(); pixel < call.items * call.space; pixel += place.all()) {
        // A distribution has no label: it counts with its weight alone, and is never positive.
        int label = is_hard ? read_label(target, pixel, call.labels) : 0;
        R counts = R(1);
        if (call.count == SITE_COUNT_WEIGHTS) {
            R of_class = is_hard ? class_weight(class_weights, call, label) : R(1);
            counts = site_weight(weight, call, pixel) * of_class;
        } else if (call.count == SITE_COUNT_POSITIVES) {
            counts = label > 0 ? R(1) : R(0);
        }
        sum += label != IGNORED ? counts : R(0);
    }
    return sum;
}

} // namespace cvl

// The entry point of a term of the true class, a struct with `of` and `eval`; or of NoTerm: a distribution over classes.
#define CVL_SITE(LOSS, TERM, NAME, T, R)                                                                               \
    CVL_KERNEL(LOSS##_fused_##NAME, CVL_IN(0, T, input), CVL_IN(1, cvl_u8, target), CVL_IN(2, R, weight),              \
               CVL_IN(3, R, class_weights), CVL_IN(4, R, factor), CVL_OUT(5, R, gradient), CVL_OUT(6, R, values),      \
               CVL_OUT(7, R, partial), CVL_NUMBERS(8, cvl::SiteCall<R>, call)) {                                       \
        CVL_SHARED(R, scratch, cvl::SUM_SCRATCH);                                                                      \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::SiteTensors<T, R> to = {input, target, weight, class_weights, factor, gradient, values};                  \
        R sum = cvl::block_sum(cvl::sites<cvl::TERM<R>, T, R>(to, call, place), scratch, place);                       \
        if (place.index == 0) {                                                                                       \
            partial[place.block] = sum;                                                                                \
        }                                                                                                              \
    }
