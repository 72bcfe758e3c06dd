// Entry points of focal losses: focal_mixture_fused_T, focal_linear_fused_T, and of softmaxes softmax_focal_fused_T.
#include "math.h"

#define CVL_FOCAL(NAME, T, R)                                                                                          \
    CVL_POINTWISE(focal_mixture, Mixture, NAME, T, R)                                                                  \
    CVL_POINTWISE(focal_linear, LinearFocal, NAME, T, R)                                                               \
    CVL_SITE(softmax_focal, SoftmaxFocal, NAME, T, R)
CVL_FOR_TYPES(CVL_FOCAL)
