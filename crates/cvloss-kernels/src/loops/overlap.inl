// Entry points of sums over regions and of the gradient from their slopes.
#include "overlap.h"

#define CVL_OVERLAP(NAME, T, R)                                                                                        \
    CVL_KERNEL(overlap_norms_##NAME, CVL_IN(0, T, input), CVL_OUT(1, R, norms),                                        \
               CVL_NUMBERS(2, cvl::OverlapCall<R>, call)) {                                                            \
        cvl::Place place = CVL_PLACE;                                                                                  \
        uint all = call.items * call.space;                                                                            \
        if ((call.flags & cvl::OVERLAP_IS_VECTOR) != 0) {                                                              \
            const uint lanes = cvl::Lanes<T>::COUNT;                                                                   \
            for (uint pack = place.first(); pack < all / lanes; pack += place.all()) {                                 \
                cvl::overlap_norms<T, R, cvl::Lanes<T>::COUNT>(input, norms, call, pack * lanes);                      \
            }                                                                                                          \
        } else {                                                                                                       \
            for (uint pixel = place.first(); pixel < all; pixel += place.all()) {                                      \
                cvl::overlap_norms<T, R, 1>(input, norms, call, pixel);                                                \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    CVL_KERNEL(overlap_sums_##NAME, CVL_IN(0, T, input), CVL_IN(1, cvl_u8, target), CVL_IN(2, R, weight),              \
               CVL_IN(3, R, norms), CVL_OUT(4, R, partial), CVL_NUMBERS(5, cvl::OverlapCall<R>, call)) {               \
        CVL_SHARED(R, scratch, cvl::SUM_SCRATCH);                                                                      \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::OverlapTensors<T, R> from = {input, target, weight, norms};                                               \
        cvl::overlap_sums<T, R>(from, partial, call, scratch, place);                                                  \
    }                                                                                                                  \
    CVL_KERNEL(overlap_gradient_##NAME, CVL_IN(0, T, input), CVL_IN(1, cvl_u8, target), CVL_IN(2, R, weight),          \
               CVL_IN(3, R, norms), CVL_IN(4, R, slopes), CVL_OUT(5, R, gradient),                                     \
               CVL_NUMBERS(6, cvl::OverlapCall<R>, call)) {                                                            \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::OverlapTensors<T, R> from = {input, target, weight, norms};                                               \
        if ((call.flags & cvl::OVERLAP_IS_VECTOR) != 0) {                                                              \
            cvl::overlap_gradient_of<T, R, cvl::Lanes<T>::COUNT>(from, slopes, gradient, call, place);                 \
        } else {                                                                                                       \
            cvl::overlap_gradient_of<T, R, 1>(from, slopes, gradient, call, place);                                    \
        }                                                                                                              \
    }
CVL_FOR_TYPES(CVL_OVERLAP)
