// A loss of pixels on top of a region loss, over a softmax. See cpu.rs.
#pragma once
#include "../loops/overlap.h"
#include "../loops/site.h"

namespace cvl {

// What the sweep over norms leaves, (4, N, S): norms, and slopes of what rides along.
template <class R, int N> struct RidingNorms {
    Row<R, N> of[4];

    CVL_FN void store_all(CVL_DEVICE R *to, CVL_CALL(OverlapCall<R>) call, uint item, uint start) const {
        uint plane = call.items * call.space, pixel = item * call.space + start;
        store(of[0], to + pixel);
        store(of[1], to + plane + pixel);
        if ((call.flags & OVERLAP_KEEPS_SLOPES) != 0) {
            store(of[2], to + 2 * plane + pixel);
            store(of[3], to + 3 * plane + pixel);
        }
    }
};

// A term of the true class at N pixels; returns the sum of their values.
template <class F, class T, class R, int N> struct RidingTerm {
    static CVL_FN R eval(CVL_THREAD const OverlapTensors<T, R> &from, CVL_DEVICE R *to, CVL_CALL(OverlapCall<R>) call,
                         uint item, uint start) {
        F term = F::of(call);
        Points<R, N> points = read_points<T, R, N>(from, call, item, start);
        Running<R> running[N];
        R own[N];
        CVL_DEVICE const T *input = from.input + item * call.classes * call.space + start;
        sweep_logits<T, R, N>(input, call.classes, call.space, points.label, running, own);
        RidingNorms<R, N> norms;
        R sum = R(0);
        CVL_UNROLL
        for (int k = 0; k < N; k++) {
            TrueClass<R> found = true_class(own[k] - running[k].largest, running[k].checked());
            ValueSlope<R> of = term.eval(found.minus_ln_p, found.p, found.q);
            R w = points.weight[k];
            int label = points.label[k];
            R of_class = label < 0 ? R(1) : auxiliary_of(from, call, uint(label));
            R pull = of.slope * of_class;
            sum += w != R(0) ? of.value * of_class * w : R(0);
            norms.of[0].at[k] = running[k].largest;
            norms.of[1].at[k] = found.one_over_sum;
            norms.of[2].at[k] = pull;
            norms.of[3].at[k] = -(pull * found.q);
        }
        norms.store_all(to, call, item, start);
        return sum;
    }
};

// Stands where no term is used: cross-entropy with a distribution.
template <class R> struct Spread {};

// `−Σ a_c ln p_c = A ln Σe − Σ a_c d_c` with `A = Σ a_c`; its gradient is `A p_c − a_c`.
template <class T, class R, int N> struct RidingTerm<Spread<R>, T, R, N> {
    static CVL_FN R eval(CVL_THREAD const OverlapTensors<T, R> &from, CVL_DEVICE R *to, CVL_CALL(OverlapCall<R>) call,
                         uint item, uint start) {
        Points<R, N> points = read_points<T, R, N>(from, call, item, start);
        uint first = item * call.classes * call.space + start;
        R largest[N], sums[N], all[N], dot[N];
        CVL_UNROLL
        for (int k = 0; k < N; k++) {
            largest[k] = -INFINITY;
            sums[k] = all[k] = dot[k] = R(0);
        }
        CVL_ROLL
        for (uint c = 0; c < call.classes; c++) {
            Row<T, N> x;
            load(from.input + first + c * call.space, x);
            CVL_UNROLL
            for (int k = 0; k < N; k++) {
                largest[k] = at_least(largest[k], R(x.at[k]));
            }
        }
        CVL_ROLL
        for (uint c = 0; c < call.classes; c++) {
            Row<T, N> x;
            R t[N];
            load(from.input + first + c * call.space, x);
            read_targets<T, R, N>(from, call, first + c * call.space, c, points, t);
            R auxiliary = auxiliary_of(from, call, c);
            CVL_UNROLL
            for (int k = 0; k < N; k++) {
                R d = R(x.at[k]) - largest[k];
                R share = mul_add(call.keep, t[k], call.spread) * auxiliary;
                // A class of no share may have probability 0.
                R term = share == R(0) ? share : share * d;
                all[k] += share;
                dot[k] += term;
                sums[k] += exp(d);
            }
        }
        RidingNorms<R, N> norms;
        R sum = R(0);
        CVL_UNROLL
        for (int k = 0; k < N; k++) {
            R w = points.weight[k];
            sum += w != R(0) ? (all[k] * ln(sums[k]) - dot[k]) * w : R(0);
            norms.of[0].at[k] = largest[k];
            norms.of[1].at[k] = R(1) / sums[k];
            norms.of[2].at[k] = all[k];
            norms.of[3].at[k] = R(1);
        }
        norms.store_all(to, call, item, start);
        return sum;
    }
};

// Norms, slopes, and the sum of the values of this thread's pixels. A block has every so manieth pixel of an item.
template <class F, class T, class R>
CVL_FN R riding_norms(CVL_THREAD const OverlapTensors<T, R> &from, CVL_DEVICE R *to, CVL_CALL(OverlapCall<R>) call,
                      Place place) {
    enum { N = Lanes<T>::COUNT };
    uint item = place.block / call.splits, split = place.block % call.splits;
    uint unit = split * place.threads + place.index, step = call.splits * place.threads;
    R sum = R(0);
    if ((call.flags & OVERLAP_IS_VECTOR) != 0) {
        CVL_ROLL
        for (uint pack = unit; pack < call.space / uint(N); pack += step) {
            sum += RidingTerm<F, T, R, N>::eval(from, to, call, item, pack * uint(N));
        }
    } else {
        CVL_ROLL
        for (uint start = unit; start < call.space; start += step) {
            sum += RidingTerm<F, T, R, 1>::eval(from, to, call, item, start);
        }
    }
    return sum;
}

} // namespace cvl

// The entry point of norms with a term of the true class on top, or with Spread.
#define CVL_RIDING_NORMS(LOSS, TERM, NAME, T, R)                                                                       \
    CVL_KERNEL(LOSS##_norms_##NAME, CVL_IN(0, T, input), CVL_IN(1, cvl_u8, target), CVL_IN(2, R, weight),              \
               CVL_IN(3, R, auxiliary), CVL_OUT(4, R, norms), CVL_OUT(5, R, riding),                                   \
               CVL_NUMBERS(6, cvl::OverlapCall<R>, call)) {                                                            \
        CVL_SHARED(R, scratch, cvl::SUM_SCRATCH);                                                                      \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::OverlapTensors<T, R> from = {input, target, weight, 0, auxiliary};                                        \
        R sum = cvl::riding_norms<cvl::TERM<R>, T, R>(from, norms, call, place);                                       \
        sum = cvl::block_sum(sum, scratch, place);                                                                     \
        if (place.index == 0) {                                                                                        \
            riding[place.block] = sum;                                                                                 \
        }                                                                                                              \
    }
