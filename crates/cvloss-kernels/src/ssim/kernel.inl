// Entry points of structural similarity: ssim_windows_T, ssim_gradient_T, ssim_value_R.
#include "math.h"

#define CVL_SSIM(NAME, T, R) CVL_WINDOW(ssim, Dissimilarity, NAME, T, R)
CVL_FOR_TYPES(CVL_SSIM)
#define CVL_SSIM_VALUE(NAME, T, R) CVL_WINDOW_VALUE(ssim, NAME, R)
CVL_FOR_REALS(CVL_SSIM_VALUE)
