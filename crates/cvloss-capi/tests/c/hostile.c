/* Wrong calls of every function: each must return its status, say a sentence, and write nothing. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cvloss.h"
#include "hostile_call.h"
#include "hostile_options.h"

static void calls(const cvl_loss *focal, const cvl_loss *per_element) {
  size_t bytes = 0;
  int64_t dims[8];
  int32_t ndim = 0;
  int i;

  EXPECT(NULL_POINTER, "loss is NULL", cvl_loss_eval(NULL, &args));
  EXPECT(NULL_POINTER, "args is NULL", cvl_loss_eval(focal, NULL));
  EXPECT(NULL_POINTER, "loss is NULL", cvl_loss_workspace(NULL, &args, &bytes));
  EXPECT(NULL_POINTER, "out_bytes is NULL", cvl_loss_workspace(focal, &args, NULL));
  EXPECT(NULL_POINTER, "loss is NULL", cvl_loss_value_shape(NULL, &args, dims, &ndim));
  EXPECT(NULL_POINTER, "shape is NULL", cvl_loss_value_shape(focal, &args, NULL, &ndim));
  EXPECT(NULL_POINTER, "ndim is NULL", cvl_loss_value_shape(focal, &args, dims, NULL));
  EXPECT(OK, "", cvl_loss_workspace(focal, &args, &bytes));
  EXPECT(OK, "", cvl_loss_value_shape(per_element, &args, dims, &ndim));
  if (ndim != 4 || dims[3] != W) failures++;
  cvl_eval_args_init(NULL, sizeof args);
  SAYS("cvl_eval_args is NULL");

  EXPECT(OK, "", eval(focal));
  args.struct_size = 8;
  EXPECT(INVALID_ARGUMENT, "struct_size is 8", eval(focal));
  args.struct_size = 100000;
  EXPECT(INVALID_ARGUMENT, "struct_size is 100000", eval(focal));
  args.flags = 6;
  EXPECT(INVALID_ARGUMENT, "flags is 0x6", eval(focal));
  args.num_inputs = 1;
  EXPECT(INVALID_ARGUMENT, "num_inputs is 1", eval(focal));
  args.num_inputs = 4;
  EXPECT(INVALID_ARGUMENT, "num_inputs is 4", eval(focal));
  args.inputs = NULL;
  EXPECT(NULL_POINTER, "inputs is NULL", eval(focal));
  inputs[0] = NULL;
  EXPECT(NULL_POINTER, "input is NULL", eval(focal));
  inputs[1] = NULL;
  EXPECT(NULL_POINTER, "target is NULL", eval(focal));
  inputs[2] = NULL;
  EXPECT(OK, "", eval(focal));
  args.num_inputs = 2;
  EXPECT(OK, "", eval(focal));
  args.grads = NULL;
  args.value = NULL;
  EXPECT(OK, "", eval(focal));

  /* Shapes. */
  input.ndim = -1;
  EXPECT(SHAPE, "input has -1 axes", eval(focal));
  input.ndim = 9;
  EXPECT(SHAPE, "input has 9 axes", eval(focal));
  input.ndim = INT_MIN;
  EXPECT(SHAPE, "axes", eval(focal));
  input.shape = NULL;
  EXPECT(NULL_POINTER, "input.shape is NULL", eval(focal));
  shape[1] = -3;
  EXPECT(SHAPE, "holds -3", eval(focal));
  shape[1] = INT64_MIN;
  EXPECT(SHAPE, "input.shape holds", eval(focal));
  shape[0] = shape[1] = shape[2] = INT64_MAX;
  EXPECT(SHAPE, "too large to address", eval(focal));
  shape[0] = INT64_MAX / 16;
  EXPECT(SHAPE, "too large to address", eval(focal));
  shape[0] = 0;
  shape[1] = shape[2] = INT64_MAX;
  EXPECT(SHAPE, "too large to address", eval(focal));
  target_shape[3] = W - 1;
  EXPECT(SHAPE, "target has shape [2, 3, 4, 4], expected [2, 3, 4, 5]", eval(focal));
  target.ndim = 3;
  EXPECT(SHAPE, "target has shape", eval(focal));
  grad_shape[0] = 1;
  EXPECT(SHAPE, "gradient of input has shape [1, 3, 4, 5]", eval(focal));
  value.ndim = 4;
  value.shape = value_shape;
  EXPECT(SHAPE, "value has shape", eval(focal));
  EXPECT(SHAPE, "value has shape [], expected [2, 3, 4, 5]", eval(per_element));
  weight.ndim = 1;
  value_shape[0] = 4;
  weight.shape = value_shape;
  EXPECT(SHAPE, "weight has shape [4], expected one that broadcasts", eval(focal));
  args.upstream = &upstream;
  upstream.ndim = 4;
  upstream.shape = value_shape;
  EXPECT(SHAPE, "upstream has shape", eval(focal));

  /* Element types. */
  input.dtype.lanes = 2;
  EXPECT(DTYPE, "2 lanes", eval(focal));
  input.dtype.bits = 8;
  EXPECT(DTYPE, "dtype code 2, 8 bits", eval(focal));
  input.dtype.code = 255;
  EXPECT(DTYPE, "dtype code 255", eval(focal));
  input.dtype.code = 1;
  EXPECT(DTYPE, "input has dtype u32", eval(focal));
  target.dtype.code = 2;
  target.dtype.bits = 16;
  EXPECT(DTYPE, "target has dtype f16, expected u8, bool, u32, i64 or the input's f32", eval(focal));
  weight.dtype.code = 1;
  EXPECT(DTYPE, "weight has dtype u32", eval(focal));
  gradient.dtype.code = 1;
  EXPECT(DTYPE, "gradient of input has dtype u32", eval(focal));
  value.dtype.bits = 64;
  EXPECT(DTYPE, "value has dtype f64, expected f32", eval(focal));

  /* Devices and memory. */
  input.device.type = 2;
  EXPECT(DEVICE, "target is in host memory, expected it where the input is, on CUDA device 0", eval(focal));
  input.device.id = -1;
  input.device.type = 2;
  EXPECT(DEVICE, "input is on CUDA device -1", eval(focal));
  target.device.type = 2;
  EXPECT(DEVICE, "target is on CUDA device 0, expected it where the input is, in host memory", eval(focal));
  upstream.device.type = 2;
  args.upstream = &upstream;
  EXPECT(DEVICE, "upstream is on CUDA device 0", eval(focal));
  input.device.type = 8;
  EXPECT(DEVICE, "target is in host memory, expected it where the input is, in a Metal buffer", eval(focal));
  input.device.type = target.device.type = weight.device.type = gradient.device.type = value.device.type = 8;
  EXPECT(UNSUPPORTED, "this library was built without the feature `metal`", eval(focal));
  input.device.type = 7;
  EXPECT(DEVICE, "input is on device type 7", eval(focal));
  gradient.device.type = INT_MAX;
  EXPECT(DEVICE, "gradient of input is on device type", eval(focal));
  input.data = NULL;
  EXPECT(NULL_POINTER, "input.data is NULL", eval(focal));
  gradient.data = NULL;
  EXPECT(NULL_POINTER, "gradient of input.data is NULL", eval(focal));
  input.byte_offset = 2;
  EXPECT(LAYOUT, "not aligned", eval(focal));
  gradient.data = (char *)slopes + 1;
  EXPECT(LAYOUT, "not aligned", eval(focal));
  input.byte_offset = UINT64_MAX;
  EXPECT(SHAPE, "too large to address", eval(focal));
  input.byte_offset = UINT64_MAX - (uintptr_t)input_data - 15;
  EXPECT(SHAPE, "too large to address", eval(focal));
  input.byte_offset = (uint64_t)1 << 63;
  EXPECT(SHAPE, "too large to address", eval(focal));

  /* Strides. */
  for (i = 0; i < 4; i++) strides[i] = grad_strides[i] = 1;
  input.strides = strides;
  strides[0] = -60;
  EXPECT(LAYOUT, "input.strides holds -60", eval(focal));
  input.strides = strides;
  strides[0] = INT64_MAX;
  EXPECT(SHAPE, "too large to address", eval(focal));
  strides[0] = 60, strides[1] = 20, strides[2] = 6, strides[3] = 1;
  input.strides = strides;
  shape[0] = target_shape[0] = grad_shape[0] = 1;
  shape[1] = target_shape[1] = grad_shape[1] = 1;
  args.num_inputs = 2;
  EXPECT(LAYOUT, "must be walked with one stride", eval(focal));
  gradient.strides = grad_strides;
  EXPECT(LAYOUT, "gradient of input of shape [2, 3, 4, 5] has strides [1, 1, 1, 1]", eval(focal));
  grad_strides[0] = 0, grad_strides[1] = 20, grad_strides[2] = 5;
  gradient.strides = grad_strides;
  EXPECT(LAYOUT, "two elements share memory", eval(focal));

  /* Overlaps. */
  gradient.data = input_data;
  EXPECT(ALIASED, "gradient of input and input overlap", eval(focal));
  gradient.data = weight_data;
  EXPECT(ALIASED, "gradient of input and weight overlap", eval(focal));
  value.data = input_data + 3;
  EXPECT(ALIASED, "value and input overlap", eval(focal));
  value.data = slopes + COUNT - 1;
  EXPECT(ALIASED, "gradient of input and value overlap", eval(focal));
  args.upstream = &upstream;
  upstream.data = slopes;
  EXPECT(ALIASED, "gradient of input and upstream overlap", eval(focal));
  value.data = slopes + COUNT;
  EXPECT(OK, "", cvl_loss_eval(focal, &args));
  reset();

  /* Gradients that do not exist. */
  grads[1] = &gradient;
  EXPECT(INVALID_ARGUMENT, "no gradient with respect to target", eval(focal));
  grads[2] = &gradient;
  EXPECT(INVALID_ARGUMENT, "no gradient with respect to weight", eval(focal));

  /* Work memory. */
  {
    static double work[COUNT];
    value.ndim = upstream.ndim = 4;
    value.shape = upstream.shape = value_shape;
    args.upstream = &upstream;
    args.flags = CVL_EVAL_ACCUMULATE;
    EXPECT(OK, "", cvl_loss_workspace(per_element, &args, &bytes));
    if (bytes != COUNT * sizeof(float)) failures++;
    args.workspace = work;
    args.workspace_size = bytes - 1;
    EXPECT(INVALID_ARGUMENT, "workspace_size is 479, expected at least 480", eval(per_element));
    value.ndim = upstream.ndim = 4;
    value.shape = upstream.shape = value_shape;
    args.upstream = &upstream;
    args.flags = CVL_EVAL_ACCUMULATE;
    args.workspace = (char *)work + 4;
    args.workspace_size = sizeof work;
    EXPECT(LAYOUT, "workspace is at", eval(per_element));
    value.ndim = upstream.ndim = 4;
    value.shape = upstream.shape = value_shape;
    args.upstream = &upstream;
    args.flags = CVL_EVAL_ACCUMULATE;
    args.workspace = input_data;
    args.workspace_size = sizeof input_data;
    if ((uintptr_t)input_data % 8 == 0) EXPECT(ALIASED, "workspace and input overlap", eval(per_element));
    reset();
  }

  /* Empty tensors may have no memory. */
  shape[0] = target_shape[0] = grad_shape[0] = 0;
  input.data = target.data = gradient.data = NULL;
  args.num_inputs = 2;
  EXPECT(OK, "", cvl_loss_eval(focal, &args));
  if (value_data[0] != 0) failures++;
  reset();
}

static void classes(void) {
  cvl_loss *loss = NULL;
  cvl_cross_entropy_config config;
  double weights[2] = {1, 2};
  target_shape[1] = 1;
  EXPECT(OK, "", cvl_cross_entropy_new(NULL, &loss));
  args.num_inputs = 2;
  target_data[7] = 3;
  EXPECT(INVALID_ARGUMENT, "cross_entropy: target holds class 3, expected 0..3", eval(loss));
  input.ndim = 1;
  EXPECT(SHAPE, "expected (N, C, *)", eval(loss));
  shape[1] = 1;
  EXPECT(SHAPE, "at least 2 classes", eval(loss));
  cvl_loss_free(loss);

  /* The list may go once the loss is made. */
  cvl_cross_entropy_config_init(&config, sizeof config);
  {
    double *list = malloc(sizeof weights);
    if (list == NULL) exit(1);
    memcpy(list, weights, sizeof weights);
    config.class_weights = list;
    config.num_class_weights = 2;
    EXPECT(OK, "", cvl_cross_entropy_new(&config, &loss));
    memset(list, 255, sizeof weights);
    free(list);
  }
  target_shape[1] = 1;
  args.num_inputs = 2;
  EXPECT(INVALID_ARGUMENT, "class_weights is 2 numbers, expected 3", eval(loss));
  cvl_loss_free(loss);
}

/* Losses of one tensor, of boxes, of bins, of logits. */
static void other_inputs(void) {
  cvl_loss *loss = NULL;
  static double real_slopes[COUNT];

  EXPECT(OK, "", cvl_total_variation_new(NULL, &loss));
  EXPECT(INVALID_ARGUMENT, "total_variation: there is no target: expected NULL in its place", eval(loss));
  inputs[1] = NULL;
  EXPECT(OK, "", eval(loss));
  args.num_inputs = 1;
  EXPECT(OK, "", eval(loss));
  args.num_inputs = 0;
  EXPECT(INVALID_ARGUMENT, "num_inputs is 0, expected 1 to 3: input, NULL, weight", eval(loss));
  inputs[1] = NULL;
  grads[1] = &gradient;
  EXPECT(INVALID_ARGUMENT, "no gradient with respect to target", eval(loss));
  inputs[1] = NULL;
  input.ndim = 2;
  EXPECT(SHAPE, "total_variation: input has shape [2, 3], expected (N, C, L) to (N, C, D, H, W)", eval(loss));
  cvl_loss_free(loss);

  EXPECT(OK, "", cvl_giou_new(NULL, &loss));
  EXPECT(SHAPE, "giou: input has shape [2, 3, 4, 5], expected (", eval(loss));
  input.ndim = 0;
  EXPECT(SHAPE, "giou: input has shape []", eval(loss));
  cvl_loss_free(loss);
  EXPECT(OK, "", cvl_rotated_iou_new(NULL, &loss));
  target.dtype.code = 2, target.dtype.bits = 32;
  target.data = weight_data;
  EXPECT(SHAPE, "rotated_iou: weight has shape [2, 3, 4, 5], expected [2, 3, 4] or [2, 3, 4, 1]", eval(loss));
  EXPECT(DTYPE, "rotated_iou: target has dtype u8, expected the input's f32", eval(loss));
  cvl_loss_free(loss);

  EXPECT(OK, "", cvl_distribution_focal_new(NULL, &loss));
  args.num_inputs = 2;
  EXPECT(DTYPE, "distribution_focal: target has dtype u8", eval(loss));
  target.dtype.code = 2, target.dtype.bits = 32;
  target.data = weight_data;
  args.num_inputs = 2;
  EXPECT(SHAPE, "target has shape [2, 3, 4, 5], expected [2, 4, 5] or [2, 1, 4, 5]", eval(loss));
  shape[1] = grad_shape[1] = 1;
  target_shape[1] = 1;
  target.dtype.code = 2, target.dtype.bits = 32;
  target.data = weight_data;
  args.num_inputs = 2;
  EXPECT(SHAPE, "with at least 2 classes", eval(loss));
  cvl_loss_free(loss);

  EXPECT(OK, "", cvl_edge_new(NULL, &loss));
  input.ndim = 3;
  EXPECT(SHAPE, "edge: input has shape [2, 3, 4], expected (N, C, H, W)", eval(loss));
  cvl_loss_free(loss);

  /* A generator that compares with nothing needs no real logits; one that compares does. */
  EXPECT(OK, "", cvl_generator_new(NULL, &loss));
  inputs[1] = NULL;
  EXPECT(OK, "", eval(loss));
  EXPECT(DTYPE, "generator: real has dtype u8", eval(loss));
  cvl_loss_free(loss);
  {
    cvl_adversarial_config config;
    cvl_adversarial_config_init(&config, sizeof config);
    config.pairing = CVL_PAIRING_AVERAGE;
    EXPECT(OK, "", cvl_generator_new(&config, &loss));
  }
  inputs[1] = NULL;
  EXPECT(NULL_POINTER, "generator: real is NULL", eval(loss));
  cvl_loss_free(loss);
  EXPECT(OK, "", cvl_discriminator_new(NULL, &loss));
  inputs[1] = NULL;
  EXPECT(NULL_POINTER, "discriminator: fake is NULL", eval(loss));
  target.dtype.code = 2, target.dtype.bits = 32;
  target.data = real_slopes;
  grads[1] = &gradient;
  EXPECT(ALIASED, "the gradient of real and the gradient of fake overlap", eval(loss));
  cvl_loss_free(loss);

  /* Features have no class indices. */
  EXPECT(OK, "", cvl_feature_matching_new(NULL, &loss));
  args.num_inputs = 2;
  EXPECT(DTYPE, "feature_matching: real has dtype u8, expected the input's f32", eval(loss));
  cvl_loss_free(loss);
}

int main(void) {
  cvl_loss *focal = NULL, *per_element = NULL;
  cvl_focal_config config;
  int32_t status;
  if (strcmp(cvl_last_error(), "") != 0) failures++;
  for (status = -3; status < 30; status++)
    if (strlen(cvl_status_name(status)) < 2) failures++;
  if (cvl_status_name(INT_MIN)[0] == 0 || cvl_loss_name(NULL)[0] != 0 || cvl_version() != CVL_VERSION) failures++;

  configurations();
  cvl_eval_args_init(&fresh, sizeof fresh);
  cvl_focal_config_init(&config, sizeof config);
  EXPECT(OK, "", cvl_focal_new(&config, &focal));
  config.reduction = CVL_REDUCTION_NONE;
  EXPECT(OK, "", cvl_focal_new(&config, &per_element));
  reset();
  calls(focal, per_element);
  classes();
  other_inputs();
  cvl_loss_free(focal);
  cvl_loss_free(per_element);
  cvl_loss_free(NULL);
  printf("result calls=%d failures=%d\n", count, failures);
  return failures != 0;
}
