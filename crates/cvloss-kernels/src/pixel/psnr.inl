// Entry points of the peak signal-to-noise ratio: psnr_sums_T and psnr_gradient_T.
#include "psnr.h"

#define CVL_PSNR(NAME, T, R)                                                                                           \
    CVL_KERNEL(psnr_sums_##NAME, CVL_IN(0, T, input), CVL_IN(1, T, target), CVL_IN(2, R, weight),                      \
               CVL_OUT(3, R, partial), CVL_OUT(4, R, counts), CVL_NUMBERS(5, cvl::PsnrCall<R>, call)) {                \
        CVL_SHARED(R, scratch, cvl::SUM_SCRATCH);                                                                      \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::PsnrTensors<T, R> from = {input, target, weight};                                                         \
        cvl::ErrorSum<R> sum = cvl::psnr_sums<T, R>(from, call, place);                                                \
        sum.error = cvl::block_sum(sum.error, scratch, place);                                                         \
        sum.count = cvl::block_sum(sum.count, scratch, place);                                                         \
        if (place.index == 0) {                                                                                        \
            partial[place.block] = sum.error;                                                                          \
            counts[place.block] = sum.count;                                                                           \
        }                                                                                                              \
    }                                                                                                                  \
    CVL_KERNEL(psnr_gradient_##NAME, CVL_IN(0, T, input), CVL_IN(1, T, target), CVL_IN(2, R, weight),                  \
               CVL_IN(3, R, factors), CVL_OUT(4, R, gradient), CVL_OUT(5, R, target_gradient),                         \
               CVL_NUMBERS(6, cvl::PsnrCall<R>, call)) {                                                               \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::PsnrTensors<T, R> from = {input, target, weight};                                                         \
        cvl::psnr_gradient<T, R>(from, factors, gradient, target_gradient, call, place);                               \
    }
CVL_FOR_TYPES(CVL_PSNR)
