// Entry points of conversions: convert_indices_T, convert_widen_T, convert_narrow_T.
#include "convert.h"

#define CVL_CONVERT(NAME, T, R)                                                                                        \
    CVL_KERNEL(convert_indices_##NAME, CVL_IN(0, cvl_u8, from), CVL_OUT(1, T, to),                                     \
               CVL_NUMBERS(2, cvl::IndicesCall, call)) {                                                               \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::indices<T, R>(from, to, call, place);                                                                     \
    }                                                                                                                  \
    CVL_KERNEL(convert_widen_##NAME, CVL_IN(0, T, from), CVL_OUT(1, R, to), CVL_NUMBERS(2, cvl::WidenCall, call)) {    \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::widen<T, R>(from, to, call, place);                                                                       \
    }                                                                                                                  \
    CVL_KERNEL(convert_narrow_##NAME, CVL_IN(0, R, slopes), CVL_IN(1, R, factors), CVL_OUT(2, T, to),                  \
               CVL_NUMBERS(3, cvl::NarrowCall, call)) {                                                                \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::narrow<T, R>(slopes, factors, to, call, place);                                                           \
    }
CVL_FOR_TYPES(CVL_CONVERT)
