// The count of elements, whatever the formula.
#include "pointwise.h"

#define CVL_POINTWISE_COUNT(NAME, T, R)                                                                                \
    CVL_KERNEL(pointwise_count_##NAME, CVL_IN(0, T, target), CVL_IN(1, R, weight), CVL_OUT(2, R, partial),             \
               CVL_NUMBERS(3, cvl::PointwiseCall<R>, call)) {                                                          \
        CVL_SHARED(R, scratch, cvl::SUM_SCRATCH);                                                                      \
        cvl::Place place = CVL_PLACE;                                                                                  \
        R sum = cvl::block_sum(cvl::pointwise_count<T, R>(target, weight, call, place), scratch, place);               \
        if (place.index == 0) {                                                                                       \
            partial[place.block] = sum;                                                                                \
        }                                                                                                              \
    }
CVL_FOR_TYPES(CVL_POINTWISE_COUNT)
