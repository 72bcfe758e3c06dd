// Entry points of cross-entropy: of class indices cross_entropy_fused_T, of distributions cross_entropy_soft_fused_T.
#include "math.h"

#define CVL_CROSS_ENTROPY(NAME, T, R)                                                                                  \
    CVL_SITE(cross_entropy, CrossEntropy, NAME, T, R)                                                                  \
    CVL_SITE(cross_entropy_soft, NoTerm, NAME, T, R)
CVL_FOR_TYPES(CVL_CROSS_ENTROPY)
