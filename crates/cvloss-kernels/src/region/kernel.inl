// Entry point of region losses, between the sweeps of loops/overlap.inl: one block.
#include "math.h"

#define CVL_REGION(NAME, T, R)                                                                                         \
    CVL_KERNEL(region_scores_##NAME, CVL_IN(0, R, partial), CVL_IN(1, R, class_weights), CVL_IN(2, R, included),       \
               CVL_OUT(3, R, statistics), CVL_OUT(4, R, slopes), CVL_OUT(5, R, values), CVL_OUT(6, R, value),          \
               CVL_NUMBERS(7, cvl::RegionCall<R>, call)) {                                                             \
        CVL_SHARED(R, scratch, cvl::SUM_SCRATCH);                                                                      \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::region_scores<R>(partial, class_weights, included, statistics, slopes, values, value, call, scratch,      \
                              place);                                                                                  \
    }
CVL_FOR_REALS(CVL_REGION)
