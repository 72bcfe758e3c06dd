// Entry point of numbers: one block.
#include "numbers.h"

#define CVL_NUMBERS_OF(NAME, T, R)                                                                                     \
    CVL_KERNEL(numbers_##NAME, CVL_OUT(0, R, to), CVL_NUMBERS(1, cvl::NumbersCall<R>, call)) {                         \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::numbers<R>(to, call, place);                                                                              \
    }
CVL_FOR_REALS(CVL_NUMBERS_OF)
