// Entry points of the second stage of sums: one block each.
#include "reduce.h"

#define CVL_REDUCE(NAME, T, R)                                                                                         \
    CVL_KERNEL(reduce_factor_##NAME, CVL_IN(0, R, partial), CVL_OUT(1, R, factor),                                     \
               CVL_NUMBERS(2, cvl::FactorCall<R>, call)) {                                                             \
        CVL_SHARED(R, scratch, cvl::SUM_SCRATCH);                                                                      \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::factor<R>(partial, factor, call, scratch, place);                                                         \
    }                                                                                                                  \
    CVL_KERNEL(reduce_total_##NAME, CVL_IN(0, R, partial), CVL_IN(1, R, factor), CVL_OUT(2, R, value),                 \
               CVL_NUMBERS(3, cvl::TotalCall, call)) {                                                                 \
        CVL_SHARED(R, scratch, cvl::SUM_SCRATCH);                                                                      \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::total<R>(partial, factor, value, call, scratch, place);                                                   \
    }
CVL_FOR_REALS(CVL_REDUCE)
