// Between what memory holds and what is computed in, where a caller's tensors have another type than kernels take.
#pragma once
#include "labels.h"
#include "pointwise.h"

namespace cvl {

struct IndicesCall {
    uint elements;
    // The type of indices in memory.
    uint type;
};

// Class indices as numbers: the targets of a loss of elements.
template <class T, class R>
CVL_FN void indices(CVL_DEVICE const cvl_u8 *from, CVL_DEVICE T *to, CVL_CALL(IndicesCall) call, Place place) {
    for (uint i = place.first(); i < call.elements; i += place.all()) {
        to[i] = T(R(load_label(from, i, call.type)));
    }
}

struct WidenCall {
    uint elements;
};

// Weights of halves.
template <class T, class R>
CVL_FN void widen(CVL_DEVICE const T *from, CVL_DEVICE R *to, CVL_CALL(WidenCall) call, Place place) {
    for (uint i = place.first(); i < call.elements; i += place.all()) {
        to[i] = R(from[i]);
    }
}

enum {
    // Without it, what is stored is 0.
    HAS_SLOPES = 1,
    HAS_FACTORS = 2,
    // Adds to what is there.
    ADD_SLOPES = 4,
};

struct NarrowCall {
    uint elements, channels, space, flags;
    // Of the factors.
    Strides factors;
};

// Gradients in their tensor's type, times a factor per item: the chain rule.
template <class T, class R>
CVL_FN void narrow(CVL_DEVICE const R *slopes, CVL_DEVICE const R *factors, CVL_DEVICE T *to, CVL_CALL(NarrowCall) call,
                   Place place) {
    for (uint i = place.first(); i < call.elements; i += place.all()) {
        R slope = (call.flags & HAS_SLOPES) != 0 ? slopes[i] : R(0);
        if ((call.flags & HAS_FACTORS) != 0) {
            slope *= factors[strided(call.factors, i, call.channels, call.space)];
        }
        R before = (call.flags & ADD_SLOPES) != 0 ? R(to[i]) : R(0);
        to[i] = T(before + slope);
    }
}

} // namespace cvl
