/* A ggml tensor as a cvl_tensor, without a copy. ggml counts axes from the innermost one, and strides in bytes; this
 * file has a struct with the same two fields, so that ggml need not be installed. */
#include <stdio.h>
#include <string.h>

#include "cvloss.h"

/* The fields of struct ggml_tensor that matter here. */
typedef struct ggml_like {
  int64_t ne[4]; /* elements per axis, innermost first */
  size_t nb[4];  /* bytes from one element to the next */
  void *data;
} ggml_like;

/* Memory for the descriptor's shape and strides. */
typedef struct ggml_view {
  int64_t shape[4], strides[4];
  cvl_tensor tensor;
} ggml_view;

static const cvl_tensor *view_of(ggml_view *view, const ggml_like *t, cvl_dtype dtype) {
  int i, element = dtype.bits / 8;
  memset(&view->tensor, 0, sizeof view->tensor);
  for (i = 0; i < 4; i++) {
    view->shape[i] = t->ne[3 - i];
    view->strides[i] = (int64_t)t->nb[3 - i] / element;
  }
  view->tensor.data = t->data;
  view->tensor.device.type = 1; /* kDLCPU */
  view->tensor.ndim = 4;
  view->tensor.dtype = dtype;
  view->tensor.shape = view->shape;
  view->tensor.strides = view->strides;
  return &view->tensor;
}

int main(void) {
  /* Logits of 2 images, 3 classes, 2 x 2 pixels; the labels as ggml has them, one axis of classes less. */
  float logits[2 * 3 * 2 * 2], slopes[2 * 3 * 2 * 2], value = 0;
  unsigned char labels[2 * 2 * 2] = {0, 1, 2, 0, 1, 1, 2, 2};
  const cvl_dtype f32 = {2, 32, 1}, u8 = {1, 8, 1};
  ggml_like input = {{2, 2, 3, 2}, {4, 8, 16, 48}, NULL}, gradient, target = {{2, 2, 1, 2}, {1, 2, 4, 4}, NULL};
  ggml_view views[3];
  cvl_tensor scalar = {0};
  const cvl_tensor *inputs[2], *grads[2] = {NULL, NULL};
  cvl_eval_args args;
  cvl_loss *loss = NULL;
  cvl_status status;
  int i;

  for (i = 0; i < 24; i++) logits[i] = (float)(i % 5) - 2.0f;
  input.data = logits;
  gradient = input;
  gradient.data = slopes;
  target.data = labels;
  scalar.data = &value;
  scalar.device.type = 1;
  scalar.dtype = f32;

  inputs[0] = view_of(&views[0], &input, f32);
  inputs[1] = view_of(&views[1], &target, u8);
  grads[0] = view_of(&views[2], &gradient, f32);
  cvl_eval_args_init(&args, sizeof args);
  args.inputs = inputs;
  args.grads = grads;
  args.num_inputs = 2;
  args.value = &scalar;
  status = cvl_cross_entropy_new(NULL, &loss);
  if (status == CVL_STATUS_OK) status = cvl_loss_eval(loss, &args);
  cvl_loss_free(loss);
  if (status != CVL_STATUS_OK) {
    fprintf(stderr, "%s: %s\n", cvl_status_name(status), cvl_last_error());
    return 1;
  }
  printf("result loss=%.6f slope=%.6f\n", value, slopes[0]);
  return 0;
}
