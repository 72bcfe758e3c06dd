/* Losses on memory of a CUDA device, as a C program has it: the driver is loaded at run time, so that this builds without a
 * toolkit. Run it under compute-sanitizer. */
#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cvloss.h"

/* The part of the driver that is used; its handles are pointers. */
typedef uint64_t device_pointer;
static int (*init)(unsigned), (*device_get)(int *, int), (*retain)(void **, int), (*set_current)(void *);
static int (*stream_create)(void **, unsigned), (*stream_wait)(void *), (*stream_destroy)(void *);
static int (*mem_alloc)(device_pointer *, size_t), (*mem_free)(device_pointer);
static int (*upload)(device_pointer, const void *, size_t, void *), (*download)(void *, device_pointer, size_t, void *);

static void load(void *driver, const char *name, void *place) {
  void *found = dlsym(driver, name);
  if (found == NULL) {
    printf("the driver has no %s\n", name);
    exit(1);
  }
  memcpy(place, &found, sizeof found);
}

static void must(int status, const char *what) {
  if (status != 0) {
    printf("%s: error %d of the driver\n", what, status);
    exit(1);
  }
}

enum { N = 2, C = 3, H = 33, W = 47, PIXELS = N * H * W, ALL = PIXELS * C };
static float logits[ALL], slopes[ALL], found[ALL];
static int64_t classes[PIXELS];
static void *stream;
static int failures = 0;

static device_pointer copy_of(const void *from, size_t bytes) {
  device_pointer to = 0;
  must(mem_alloc(&to, bytes), "cuMemAlloc");
  must(upload(to, from, bytes, stream), "cuMemcpyHtoDAsync");
  return to;
}

static cvl_tensor tensor(const void *data, int32_t device, uint8_t code, uint8_t bits, int32_t ndim,
                         const int64_t *shape) {
  cvl_tensor t;
  memset(&t, 0, sizeof t);
  t.data = (void *)(uintptr_t)data;
  t.device.type = device;
  t.dtype.code = code;
  t.dtype.bits = bits;
  t.dtype.lanes = 1;
  t.ndim = ndim;
  t.shape = shape;
  return t;
}

/* Value and gradient of a loss with class indices, on the device and on the host. */
static void compare(const cvl_loss *loss) {
  static const int64_t shape[4] = {N, C, H, W}, pixels[3] = {N, H, W};
  float value = 0, expected = 0;
  device_pointer of_logits = copy_of(logits, sizeof logits), of_classes = copy_of(classes, sizeof classes);
  device_pointer of_slopes = copy_of(found, sizeof found), of_value = copy_of(&value, sizeof value), work = 0;
  int side, i;
  for (side = 0; side < 2; side++) {
    int on_host = side == 0, where = on_host ? 1 : 2;
    cvl_tensor input = tensor(on_host ? (void *)logits : (void *)(uintptr_t)of_logits, where, 2, 32, 4, shape);
    cvl_tensor target = tensor(on_host ? (void *)classes : (void *)(uintptr_t)of_classes, where, 0, 64, 3, pixels);
    cvl_tensor gradient = tensor(on_host ? (void *)slopes : (void *)(uintptr_t)of_slopes, where, 2, 32, 4, shape);
    cvl_tensor result = tensor(on_host ? (void *)&expected : (void *)(uintptr_t)of_value, where, 2, 32, 0, NULL);
    const cvl_tensor *inputs[2], *grads[2] = {NULL, NULL};
    cvl_eval_args args;
    inputs[0] = &input;
    inputs[1] = &target;
    grads[0] = &gradient;
    cvl_eval_args_init(&args, sizeof args);
    args.inputs = inputs;
    args.grads = grads;
    args.num_inputs = 2;
    args.value = &result;
    args.stream = stream;
    if (!on_host) {
      if (cvl_loss_workspace(loss, &args, &args.workspace_size) != CVL_STATUS_OK) break;
      must(mem_alloc(&work, args.workspace_size), "cuMemAlloc");
      args.workspace = (void *)(uintptr_t)work;
    }
    if (cvl_loss_eval(loss, &args) != CVL_STATUS_OK) break;
  }
  if (side < 2) {
    printf("%s\n", cvl_last_error());
    failures++;
    return;
  }
  must(download(&value, of_value, sizeof value, stream), "cuMemcpyDtoHAsync");
  must(download(found, of_slopes, sizeof found, stream), "cuMemcpyDtoHAsync");
  must(stream_wait(stream), "cuStreamSynchronize");
  if (!(fabsf(value - expected) <= 1e-5f * fabsf(expected))) {
    printf("%s: value %g, expected %g\n", cvl_loss_name(loss), value, expected);
    failures++;
  }
  for (i = 0; i < ALL; i++) {
    if (!(fabsf(found[i] - slopes[i]) <= 1e-5f * fabsf(slopes[i]) + 1e-8f)) {
      printf("%s: slope %g at %d, expected %g\n", cvl_loss_name(loss), found[i], i, slopes[i]);
      failures++;
      break;
    }
  }
  must(mem_free(of_logits), "cuMemFree");
  must(mem_free(of_classes), "cuMemFree");
  must(mem_free(of_slopes), "cuMemFree");
  must(mem_free(of_value), "cuMemFree");
  must(mem_free(work), "cuMemFree");
}

int main(void) {
  void *driver = dlopen("libcuda.so.1", RTLD_NOW), *context;
  cvl_loss *losses[3] = {NULL, NULL, NULL};
  int device, i;
  if (driver == NULL) {
    printf("SKIPPED: there is no CUDA driver\n");
    return 0;
  }
  load(driver, "cuInit", &init);
  load(driver, "cuDeviceGet", &device_get);
  load(driver, "cuDevicePrimaryCtxRetain", &retain);
  load(driver, "cuCtxSetCurrent", &set_current);
  load(driver, "cuStreamCreate", &stream_create);
  load(driver, "cuStreamSynchronize", &stream_wait);
  load(driver, "cuStreamDestroy_v2", &stream_destroy);
  load(driver, "cuMemAlloc_v2", &mem_alloc);
  load(driver, "cuMemFree_v2", &mem_free);
  load(driver, "cuMemcpyHtoDAsync_v2", &upload);
  load(driver, "cuMemcpyDtoHAsync_v2", &download);
  if (init(0) != 0 || device_get(&device, 0) != 0) {
    printf("SKIPPED: there is no CUDA device\n");
    return 0;
  }
  must(retain(&context, device), "cuDevicePrimaryCtxRetain");
  must(set_current(context), "cuCtxSetCurrent");
  must(stream_create(&stream, 1), "cuStreamCreate");
  for (i = 0; i < ALL; i++) logits[i] = (float)((i * 37 + i / 11) % 101) / 25 - 2;
  for (i = 0; i < PIXELS; i++) classes[i] = (i * 7 + i / 5) % C;
  if (cvl_cross_entropy_new(NULL, &losses[0]) != CVL_STATUS_OK || cvl_dice_new(NULL, &losses[1]) != CVL_STATUS_OK ||
      cvl_softmax_focal_new(NULL, &losses[2]) != CVL_STATUS_OK) {
    printf("%s\n", cvl_last_error());
    return 1;
  }
  for (i = 0; i < 3; i++) {
    compare(losses[i]);
    cvl_loss_free(losses[i]);
  }
  must(stream_destroy(stream), "cuStreamDestroy");
  printf("result failures=%d\n", failures);
  return failures != 0;
}
