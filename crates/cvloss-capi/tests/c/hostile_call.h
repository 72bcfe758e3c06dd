/* For hostile.c: what a refusal must be, and a call of focal loss that is right. */
#ifndef HOSTILE_CALL_H
#define HOSTILE_CALL_H
#include <stdio.h>
#include <string.h>

#include "cvloss.h"

static int failures = 0, count = 0;

static void expect(const char *file, int line, cvl_status expected, cvl_status got, const char *words) {
  const char *sentence = cvl_last_error();
  count++;
  if (got != expected || (expected == CVL_STATUS_OK) != (sentence[0] == 0) || strstr(sentence, words) == NULL) {
    printf("%s, line %d: %s, expected %s: \"%s\" lacks \"%s\"\n", file, line, cvl_status_name(got), cvl_status_name(expected),
           sentence, words);
    failures++;
  }
}
#define EXPECT(status, words, call) expect(__FILE__, __LINE__, CVL_STATUS_##status, call, words)

static void expect_sentence(const char *file, int line, const char *words) {
  count++;
  if (strstr(cvl_last_error(), words) == NULL) {
    printf("%s, line %d: \"%s\" lacks \"%s\"\n", file, line, cvl_last_error(), words);
    failures++;
  }
}
#define SAYS(words) expect_sentence(__FILE__, __LINE__, words)

/* A call of focal loss that is right: each test spoils one thing. */
enum { N = 2, C = 3, H = 4, W = 5, COUNT = N * C * H * W };
static float input_data[COUNT], weight_data[COUNT], slopes[COUNT + 1], value_data[COUNT];
static unsigned char target_data[COUNT];
static int64_t shape[8], strides[8], target_shape[8], grad_shape[8], grad_strides[8], value_shape[8];
static cvl_tensor input, target, weight, gradient, value, upstream;
static const cvl_tensor *inputs[3], *grads[3];
static cvl_eval_args args, fresh; /* fresh: as cvl_eval_args_init leaves it */

static cvl_tensor tensor(void *data, uint8_t code, uint8_t bits, int32_t ndim, const int64_t *dims) {
  cvl_tensor t;
  memset(&t, 0, sizeof t);
  t.data = data;
  t.device.type = 1;
  t.dtype.code = code;
  t.dtype.bits = bits;
  t.dtype.lanes = 1;
  t.ndim = ndim;
  t.shape = dims;
  return t;
}

static void reset(void) {
  static const int64_t dims[4] = {N, C, H, W};
  int i;
  for (i = 0; i < COUNT; i++) {
    input_data[i] = (float)(i % 7) - 3;
    weight_data[i] = 1;
    target_data[i] = i % 3 == 0;
    slopes[i] = 77;
    value_data[i] = 77;
  }
  slopes[COUNT] = 77;
  for (i = 0; i < 4; i++) shape[i] = target_shape[i] = grad_shape[i] = value_shape[i] = dims[i];
  input = tensor(input_data, 2, 32, 4, shape);
  target = tensor(target_data, 1, 8, 4, target_shape);
  weight = tensor(weight_data, 2, 32, 4, shape);
  gradient = tensor(slopes, 2, 32, 4, grad_shape);
  value = tensor(value_data, 2, 32, 0, NULL);
  upstream = tensor(weight_data, 2, 32, 0, NULL);
  inputs[0] = &input;
  inputs[1] = &target;
  inputs[2] = &weight;
  grads[0] = &gradient;
  grads[1] = grads[2] = NULL;
  args = fresh; /* no call, so that the last sentence stays */
  args.inputs = inputs;
  args.grads = grads;
  args.num_inputs = 3;
  args.value = &value;
}

/* Evaluates, sees that a refused call wrote nothing, and starts anew. */
static cvl_status eval(const cvl_loss *loss) {
  cvl_status status = cvl_loss_eval(loss, &args);
  int i;
  if (status != CVL_STATUS_OK) {
    for (i = 0; i <= COUNT; i++)
      if (slopes[i] != 77 || (i < COUNT && value_data[i] != 77)) {
        printf("a refused call wrote: %s\n", cvl_last_error());
        failures++;
        break;
      }
  }
  reset();
  return status;
}
#endif
