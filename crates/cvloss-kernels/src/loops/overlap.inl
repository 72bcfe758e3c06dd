// Entry points of sums over regions and of the gradient from their slopes.
#include "overlap.h"

#define CVL_OVERLAP_COUNT(NAME, T, R)                                                                                  \
    CVL_KERNEL(overlap_count_##NAME, CVL_IN(0, cvl_u8, target), CVL_IN(1, R, weight), CVL_OUT(2, R, partial),          \
               CVL_NUMBERS(3, cvl::OverlapCall<R>, call)) {                                                            \
        CVL_SHARED(R, scratch, cvl::SUM_SCRATCH);                                                                      \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::overlap_count<R>(target, weight, partial, call, scratch, place);                                          \
    }
CVL_FOR_REALS(CVL_OVERLAP_COUNT)

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
    CVL_OVERLAP_SUMS(overlap, NoExtra, NAME, T, R)                                                                     \
    CVL_OVERLAP_GRADIENT(overlap, overlap_gradient, cvl::NoExtra<R>, NAME, T, R)
CVL_FOR_TYPES(CVL_OVERLAP)
