// Entry points of binary cross-entropy: bce_fused_T.
#include "math.h"

#define CVL_BCE(NAME, T, R) CVL_POINTWISE(bce, Bce, NAME, T, R)
CVL_FOR_TYPES(CVL_BCE)
