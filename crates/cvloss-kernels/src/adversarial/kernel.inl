// Entry points of adversarial losses: adversarial_alone_fused_T, adversarial_opposed_fused_T, adversarial_two_fused_T.
#include "math.h"

#define CVL_ADVERSARIAL(NAME, T, R)                                                                                    \
    CVL_POINTWISE(adversarial_alone, Alone, NAME, T, R)                                                                \
    CVL_POINTWISE(adversarial_opposed, Opposed, NAME, T, R)                                                            \
    CVL_POINTWISE(adversarial_two, Two, NAME, T, R)
CVL_FOR_TYPES(CVL_ADVERSARIAL)
