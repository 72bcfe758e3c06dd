// Entry points of the sweeps of loops/overlap.inl with a loss of pixels or elements on top. Over a softmax:
// region_cross_entropy_norms_T, region_spread_norms_T, region_focal_norms_T, region_softmax_gradient_T. Over sigmoids:
// region_LOSS_sums_T and region_LOSS_gradient_T.
#include "../bce/math.h"
#include "../cross_entropy/math.h"
#include "../focal/math.h"
#include "extra.h"

#define CVL_REGION_SIGMOID(LOSS, FORMULA, NAME, T, R)                                                                  \
    CVL_OVERLAP_SUMS(LOSS, FORMULA, NAME, T, R)                                                                        \
    CVL_OVERLAP_GRADIENT(LOSS, rows_gradient, cvl::FORMULA<R>, NAME, T, R)

#define CVL_REGION_EXTRA(NAME, T, R)                                                                                   \
    CVL_RIDING_NORMS(region_cross_entropy, CrossEntropy, NAME, T, R)                                                   \
    CVL_RIDING_NORMS(region_spread, Spread, NAME, T, R)                                                                \
    CVL_RIDING_NORMS(region_focal, SoftmaxFocal, NAME, T, R)                                                           \
    CVL_OVERLAP_GRADIENT(region_softmax, pixels_gradient, 1, NAME, T, R)                                               \
    CVL_REGION_SIGMOID(region_bce, Bce, NAME, T, R)                                                                    \
    CVL_REGION_SIGMOID(region_mixture, Mixture, NAME, T, R)                                                            \
    CVL_REGION_SIGMOID(region_linear, LinearFocal, NAME, T, R)
CVL_FOR_TYPES(CVL_REGION_EXTRA)
