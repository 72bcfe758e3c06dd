// Entry points of losses of single differences: NAME_fused_T.
#include "math.h"

#define CVL_PIXEL(NAME, T, R)                                                                                          \
    CVL_POINTWISE(l1, L1, NAME, T, R)                                                                                  \
    CVL_POINTWISE(l2, L2, NAME, T, R)                                                                                  \
    CVL_POINTWISE(huber, Huber, NAME, T, R)                                                                            \
    CVL_POINTWISE(charbonnier, Charbonnier, NAME, T, R)                                                                \
    CVL_POINTWISE(general, General, NAME, T, R)                                                                        \
    CVL_POINTWISE(quadratic, Quadratic, NAME, T, R)                                                                    \
    CVL_POINTWISE(pseudo_huber, PseudoHuber, NAME, T, R)                                                               \
    CVL_POINTWISE(cauchy, Cauchy, NAME, T, R)                                                                          \
    CVL_POINTWISE(geman_mcclure, GemanMcClure, NAME, T, R)                                                             \
    CVL_POINTWISE(welsch, Welsch, NAME, T, R)                                                                          \
    CVL_POINTWISE(log_cosh, LogCosh, NAME, T, R)                                                                       \
    CVL_POINTWISE(wing, Wing, NAME, T, R)
CVL_FOR_TYPES(CVL_PIXEL)
