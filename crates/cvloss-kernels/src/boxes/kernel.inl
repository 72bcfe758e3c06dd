// Entry points of losses of axis-aligned boxes: NAME_fused_T.
#include "math.h"

#define CVL_BOX_LOSSES(NAME, T, R)                                                                                     \
    CVL_BOXES(iou, Iou, NAME, T, R)                                                                                    \
    CVL_BOXES(giou, Giou, NAME, T, R)                                                                                  \
    CVL_BOXES(diou, Diou, NAME, T, R)                                                                                  \
    CVL_BOXES(ciou, Ciou, NAME, T, R)                                                                                  \
    CVL_BOXES(efficient_iou, Efficient, NAME, T, R)                                                                    \
    CVL_BOXES(siou, Siou, NAME, T, R)                                                                                  \
    CVL_BOXES(mpdiou, Mpdiou, NAME, T, R)                                                                              \
    CVL_BOXES(wise_iou, Wise, NAME, T, R)                                                                              \
    CVL_BOXES(extended_iou, Extended, NAME, T, R)                                                                      \
    CVL_BOXES(nwd, Nwd, NAME, T, R)                                                                                    \
    CVL_BOXES(bounded_iou, Bounded, NAME, T, R)
CVL_FOR_TYPES(CVL_BOX_LOSSES)
