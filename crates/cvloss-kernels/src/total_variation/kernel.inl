// Entry points of total variation: variation_sums_T and variation_gradient_T.
#include "math.h"

#define CVL_VARIATION(NAME, T, R)                                                                                      \
    CVL_KERNEL(variation_sums_##NAME, CVL_IN(0, T, input), CVL_IN(1, R, weight), CVL_OUT(2, R, partial),               \
               CVL_NUMBERS(3, cvl::VariationCall<R>, call)) {                                                          \
        CVL_SHARED(R, scratch, cvl::SUM_SCRATCH);                                                                      \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::VariationTensors<T, R> from = {input, weight};                                                            \
        R sum = cvl::block_sum(cvl::variation_sum<T, R>(from, call, place), scratch, place);                           \
        if (place.index == 0) {                                                                                        \
            partial[place.block] = sum;                                                                                \
        }                                                                                                              \
    }                                                                                                                  \
    CVL_KERNEL(variation_gradient_##NAME, CVL_IN(0, T, input), CVL_IN(1, R, weight), CVL_IN(2, R, factors),            \
               CVL_OUT(3, R, gradient), CVL_NUMBERS(4, cvl::VariationCall<R>, call)) {                                 \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::VariationTensors<T, R> from = {input, weight};                                                            \
        cvl::variation_gradient<T, R>(from, factors, gradient, call, place);                                           \
    }
CVL_FOR_TYPES(CVL_VARIATION)
