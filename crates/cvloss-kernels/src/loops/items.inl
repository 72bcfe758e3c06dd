// Entry point between sums of items and a gradient: one block.
#include "items.h"

#define CVL_ITEMS(NAME, T, R)                                                                                          \
    CVL_KERNEL(items_values_##NAME, CVL_IN(0, R, partial), CVL_IN(1, R, counts), CVL_OUT(2, R, values),                \
               CVL_OUT(3, R, factors), CVL_OUT(4, R, value), CVL_NUMBERS(5, cvl::ItemsCall<R>, call)) {                \
        CVL_SHARED(R, scratch, cvl::SUM_SCRATCH);                                                                      \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::item_values<R>(partial, counts, values, factors, value, call, scratch, place);                            \
    }
CVL_FOR_REALS(CVL_ITEMS)
