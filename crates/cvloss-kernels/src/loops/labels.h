// Class indices of any integer type. See labels.rs.
#pragma once
#include "portable.h"

namespace cvl {

// The type of indices in memory.
enum { LABELS_U8 = 0, LABELS_U32 = 1, LABELS_I64 = 2 };

// What stands for an ignored point, and for an index that is no class: its loss is NaN, and nothing is read by it.
enum { IGNORED = -1, OUTSIDE = -2 };

struct LabelCall {
    uint type;
    uint classes;
    // The index that is ignored, in two halves.
    uint has_ignore, ignore_low, ignore_high;
};

CVL_FN cvl_i64 load_label(CVL_DEVICE const cvl_u8 *labels, uint i, uint type) {
    if (type == LABELS_U8) {
        return cvl_i64(labels[i]);
    }
    if (type == LABELS_U32) {
        return cvl_i64(((CVL_DEVICE const uint *)labels)[i]);
    }
    return ((CVL_DEVICE const cvl_i64 *)labels)[i];
}

CVL_FN int read_label(CVL_DEVICE const cvl_u8 *labels, uint i, CVL_CALL(LabelCall) call) {
    cvl_i64 label = load_label(labels, i, call.type);
    cvl_i64 ignore = cvl_i64(call.ignore_low) | (cvl_i64(int(call.ignore_high)) << 32);
    if (call.has_ignore != 0 && label == ignore) {
        return IGNORED;
    }
    return label >= 0 && label < cvl_i64(call.classes) ? int(label) : int(OUTSIDE);
}

} // namespace cvl
