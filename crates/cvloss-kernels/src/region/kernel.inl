// Entry point of region losses, between the sweeps of loops/overlap.inl: one block.
#include "math.h"

#define CVL_REGION(NAME, T, R)                                                                                         \
    CVL_KERNEL(region_scores_##NAME, CVL_IN(0, R, partial), CVL_IN(1, R, class_weights), CVL_IN(2, R, included),       \
               CVL_IN(3, R, riding), CVL_IN(4, R, counts), CVL_IN(5, R, auxiliary), CVL_OUT(6, R, statistics),         \
               CVL_OUT(7, R, slopes), CVL_OUT(8, R, values), CVL_OUT(9, R, value),                                     \
               CVL_NUMBERS(10, cvl::RegionCall<R>, call)) {                                                            \
        CVL_SHARED(R, scratch, cvl::SUM_SCRATCH);                                                                      \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::RegionTensors<R> to = {partial,    class_weights, included, {riding, counts, auxiliary},                  \
                                    statistics, slopes,        values,   value};                                       \
        cvl::region_scores<R>(to, call, scratch, place);                                                               \
    }
CVL_FOR_REALS(CVL_REGION)
