/* Every header twice, in C99 to C17 and as C++. */
#include "cvloss.h"
#include "cvloss.h"
#include "dlpack_like.h"
#include "cvloss_dlpack.h"
#include "cvloss_dlpack.h"

int uses_c_headers(void);
int uses_c_headers(void) {
  DLTensor tensor = {0, {kDLCPU, 0}, 0, {2, 32, 1}, 0, 0, 0};
  const cvl_tensor *same = cvl_from_dl(&tensor);
  return same->dtype.bits == 32 && CVL_VERSION == cvl_version() && CVL_IGNORE_NOTHING < 0;
}
