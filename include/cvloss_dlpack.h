/* A DLTensor as a cvl_tensor, checked. Include dlpack.h (or ATen/dlpack.h) before this header. */
#ifndef CVLOSS_DLPACK_H
#define CVLOSS_DLPACK_H

#include "cvloss.h"

#ifdef __cplusplus
#define CVL_STATIC_ASSERT(name, condition) static_assert(condition, #name)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define CVL_STATIC_ASSERT(name, condition) _Static_assert(condition, #name)
#else
#define CVL_STATIC_ASSERT(name, condition) typedef char cvl_assert_##name[(condition) ? 1 : -1]
#endif

#define CVL_SAME_OFFSET(field) (offsetof(cvl_tensor, field) == offsetof(DLTensor, field))

CVL_STATIC_ASSERT(size, sizeof(cvl_tensor) == sizeof(DLTensor));
CVL_STATIC_ASSERT(data, CVL_SAME_OFFSET(data));
CVL_STATIC_ASSERT(device, CVL_SAME_OFFSET(device));
CVL_STATIC_ASSERT(ndim, CVL_SAME_OFFSET(ndim));
CVL_STATIC_ASSERT(dtype, CVL_SAME_OFFSET(dtype));
CVL_STATIC_ASSERT(shape, CVL_SAME_OFFSET(shape));
CVL_STATIC_ASSERT(strides, CVL_SAME_OFFSET(strides));
CVL_STATIC_ASSERT(byte_offset, CVL_SAME_OFFSET(byte_offset));
CVL_STATIC_ASSERT(device_size, sizeof(cvl_device) == sizeof(((DLTensor *)0)->device));
CVL_STATIC_ASSERT(dtype_size, sizeof(cvl_dtype) == sizeof(((DLTensor *)0)->dtype));

#undef CVL_SAME_OFFSET
#undef CVL_STATIC_ASSERT

#ifdef __cplusplus
extern "C" {
#endif

/** The same tensor: nothing is copied, and it lives as long as `tensor`. */
static inline const cvl_tensor *cvl_from_dl(const DLTensor *tensor) {
  return (const cvl_tensor *)(const void *)tensor;
}

#ifdef __cplusplus
}
#endif

#endif /* CVLOSS_DLPACK_H */
