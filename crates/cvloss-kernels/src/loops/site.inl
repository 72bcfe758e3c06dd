// The count of pixels, whatever the formula.
#include "site.h"

#define CVL_SITE_COUNT(NAME, T, R)                                                                                     \
    CVL_KERNEL(site_count_##NAME, CVL_IN(0, cvl_u8, target), CVL_IN(1, R, weight), CVL_IN(2, R, class_weights),        \
               CVL_OUT(3, R, partial), CVL_NUMBERS(4, cvl::SiteCall<R>, call)) {                                       \
        CVL_SHARED(R, scratch, cvl::SUM_SCRATCH);                                                                      \
        cvl::Place place = CVL_PLACE;                                                                                  \
        R sum = cvl::block_sum(cvl::site_count<R>(target, weight, class_weights, call, place), scratch, place);        \
        if (place.index == 0) {                                                                                       \
            partial[place.block] = sum;                                                                                \
        }                                                                                                              \
    }
CVL_FOR_REALS(CVL_SITE_COUNT)
