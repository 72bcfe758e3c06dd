/* Losses of feature networks: wrong weights, wrong options, wrong calls; each must be refused, and write nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cvloss.h"

static int failures = 0, count = 0;

static void expect(int line, cvl_status expected, cvl_status got, const char *words) {
  const char *sentence = cvl_last_error();
  count++;
  if (got != expected || (expected == CVL_STATUS_OK) != (sentence[0] == 0) || strstr(sentence, words) == NULL) {
    printf("line %d: %s, expected %s: \"%s\" lacks \"%s\"\n", line, cvl_status_name(got), cvl_status_name(expected),
           sentence, words);
    failures++;
  }
}
#define EXPECT(status, words, call) expect(__LINE__, CVL_STATUS_##status, call, words)

/* SqueezeNet 1.1 as a safetensors file, of numbers that differ from place to place. */
static unsigned char *file;
static size_t file_size, header_size;

static size_t add(char *header, size_t *at, const char *name, const long *shape, int rank, size_t begin) {
  size_t end = begin + sizeof(float);
  int i;
  *at += (size_t)sprintf(header + *at, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", *at > 1 ? "," : "", name);
  for (i = 0; i < rank; i++) {
    *at += (size_t)sprintf(header + *at, "%s%ld", i > 0 ? "," : "", shape[i]);
    end = begin + (end - begin) * (size_t)shape[i];
  }
  *at += (size_t)sprintf(header + *at, "],\"data_offsets\":[%lu,%lu]}", (unsigned long)begin, (unsigned long)end);
  return end;
}

static size_t layer(char *header, size_t *at, const char *key, long outputs, long inputs, long side, size_t begin) {
  char name[64];
  long shape[4];
  sprintf(name, "%s.weight", key);
  shape[0] = outputs, shape[1] = inputs, shape[2] = shape[3] = side;
  begin = add(header, at, name, shape, 4, begin);
  sprintf(name, "%s.bias", key);
  return add(header, at, name, shape, 1, begin);
}

static void make_file(void) {
  static const int modules[8] = {3, 4, 6, 7, 9, 10, 11, 12};
  static const long narrow[8] = {16, 16, 32, 32, 48, 48, 64, 64};
  static char header[16384];
  size_t at = 1, end, length, i;
  long inputs = 64;
  int module;
  char key[64];
  header[0] = '{';
  end = layer(header, &at, "features.0", 64, 3, 3, 0);
  for (module = 0; module < 8; module++) {
    long squeeze = narrow[module];
    sprintf(key, "features.%d.squeeze", modules[module]);
    end = layer(header, &at, key, squeeze, inputs, 1, end);
    sprintf(key, "features.%d.expand1x1", modules[module]);
    end = layer(header, &at, key, 4 * squeeze, squeeze, 1, end);
    sprintf(key, "features.%d.expand3x3", modules[module]);
    end = layer(header, &at, key, 4 * squeeze, squeeze, 3, end);
    inputs = 8 * squeeze;
  }
  header[at++] = '}';
  while (at % 8 != 0) header[at++] = ' ';
  header_size = at;
  length = at;
  file_size = 8 + header_size + end;
  file = calloc(file_size, 1);
  if (file == NULL) exit(1);
  for (i = 0; i < 8; i++, length /= 256) file[i] = (unsigned char)(length % 256);
  memcpy(file + 8, header, header_size);
  for (i = 0; i < end / sizeof(float); i++) {
    float number = (float)((int)(i * 2654435761u % 1000u) - 500) / 5000.0F;
    memcpy(file + 8 + header_size + i * sizeof number, &number, sizeof number);
  }
}

static cvl_weights_config weights(void) {
  cvl_weights_config w;
  cvl_weights_config_init(&w, sizeof w);
  w.bytes = file;
  w.num_bytes = file_size;
  return w;
}

/* LPIPS of SqueezeNet with these weights. */
static cvl_status squeeze(const cvl_weights_config *w, cvl_loss **loss) {
  cvl_lpips_config c;
  cvl_lpips_config_init(&c, sizeof c);
  c.network = CVL_LPIPS_NETWORK_SQUEEZE;
  c.weights = w;
  *loss = (cvl_loss *)1;
  return cvl_lpips_new(&c, loss);
}

static void wrong_weights(void) {
  cvl_loss *loss = NULL;
  cvl_weights_config w;
  char *header;
  EXPECT(NULL_POINTER, "lpips: weights is NULL", cvl_lpips_new(NULL, &loss));
  EXPECT(NULL_POINTER, "dists: weights is NULL", cvl_dists_new(NULL, &loss));
  EXPECT(NULL_POINTER, "perceptual: weights is NULL", cvl_perceptual_new(NULL, &loss));
  EXPECT(NULL_POINTER, "style: weights is NULL", cvl_style_new(NULL, &loss));
  EXPECT(NULL_POINTER, "contextual: weights is NULL", cvl_contextual_new(NULL, &loss));
  EXPECT(NULL_POINTER, "out is NULL", cvl_lpips_new(NULL, NULL));
  cvl_weights_config_init(NULL, sizeof w);
  w = weights();
  w.struct_size = 3;
  EXPECT(INVALID_ARGUMENT, "cvl_weights_config.struct_size is 3", squeeze(&w, &loss));
  if (loss != NULL) failures++;
  w = weights();
  w.bytes = NULL;
  EXPECT(NULL_POINTER, "weights.bytes", squeeze(&w, &loss));
  w = weights();
  w.path = "weights.safetensors";
  EXPECT(INVALID_ARGUMENT, "both path and bytes", squeeze(&w, &loss));
  w.bytes = NULL;
  w.path = "";
  EXPECT(IO, "lpips: weights: ", squeeze(&w, &loss));
  w.path = "no/such/\377file.safetensors";
  EXPECT(IO, "no/such/", squeeze(&w, &loss));
  w = weights();
  w.num_bytes = (size_t)-1;
  EXPECT(INVALID_ARGUMENT, "weights.num_bytes", squeeze(&w, &loss));
  w.num_bytes = 0;
  EXPECT(WEIGHTS, "lpips: weights: the header of the weights in memory has 0 of 8 bytes", squeeze(&w, &loss));
  w.num_bytes = 7;
  EXPECT(WEIGHTS, "the header of the weights in memory has 7 of 8 bytes", squeeze(&w, &loss));
  w.num_bytes = file_size - 1;
  w.name = "shortened.safetensors";
  EXPECT(WEIGHTS, "lpips: weights: shortened.safetensors has ", squeeze(&w, &loss));

  /* A header that promises more than there is, and one that claims a length without end. */
  w = weights();
  file[0]++;
  EXPECT(WEIGHTS, "the weights in memory is no safetensors file: ", squeeze(&w, &loss));
  file[0]--;
  file[7] = 0x7f;
  EXPECT(WEIGHTS, "no safetensors file: its header has ", squeeze(&w, &loss));
  file[7] = 0;
  header = (char *)file + 8;
  strstr(header, "[0,")[1] = '4';
  EXPECT(WEIGHTS, "invalid offset for tensor `features.0.weight`", squeeze(&w, &loss));
  strstr(header, "[4,")[1] = '0';
  *strstr(header, "features.12.squeeze.bias") = 'F';
  EXPECT(WEIGHTS, "tensor features.12.squeeze.bias is missing; squeezenet1_1 needs it", squeeze(&w, &loss));
  *strstr(header, "Features.12.squeeze.bias") = 'f';
  memset(file + file_size - 4, 255, 4);
  EXPECT(WEIGHTS, "features.12.expand3x3.bias holds NaN or infinity", squeeze(&w, &loss));
  memset(file + file_size - 4, 0, 4);
  /* Weights of another network. */
  {
    cvl_lpips_config c;
    cvl_lpips_config_init(&c, sizeof c);
    c.weights = &w;
    EXPECT(WEIGHTS, "features.0.weight has shape [64, 3, 3, 3], expected [64, 3, 11, 11]",
           cvl_lpips_new(&c, &loss));
  }
  EXPECT(OK, "", squeeze(&w, &loss));
  cvl_loss_free(loss);
}

static void wrong_options(void) {
  cvl_loss *loss = NULL;
  cvl_weights_config w = weights();
  static const char *const good[2] = {"relu1", "fire3"}, *const unknown[1] = {"relu9_9"},
                           *const unordered[2] = {"fire3", "relu1"}, *const missing[2] = {"relu1", NULL},
                           *const garbled[1] = {"\377\376"};
  static const double numbers[3] = {1, 2, 3};
#define SPOIL(name, field, wrong, words)                                                                               \
  do {                                                                                                                 \
    cvl_##name##_config c;                                                                                             \
    cvl_##name##_config_init(&c, sizeof c);                                                                            \
    c.weights = &w;                                                                                                    \
    c.field = wrong;                                                                                                   \
    loss = (cvl_loss *)1;                                                                                              \
    EXPECT(INVALID_ARGUMENT, words, cvl_##name##_new(&c, &loss));                                                      \
    if (loss != NULL) failures++;                                                                                      \
  } while (0)
  SPOIL(perceptual, network, 4, "perceptual: network is 4");
  SPOIL(perceptual, metric, 3, "metric is 3");
  SPOIL(perceptual, range, 3, "range is 3");
  SPOIL(perceptual, normalization, 3, "normalization is 3");
  SPOIL(perceptual, reduction, 3, "reduction is 3");
  SPOIL(perceptual, reserved, 1, "reserved is 1");
  SPOIL(perceptual, num_layers, (c.layers = good, c.network = CVL_TRUNK_SQUEEZENET, (size_t)-1), "layers has");
  SPOIL(perceptual, layer_weights,
        (c.layers = good, c.num_layers = 2, c.num_layer_weights = 3, c.network = CVL_TRUNK_SQUEEZENET, numbers),
        "layer_weights is 3 numbers, expected 2");
  SPOIL(perceptual, layers, (c.num_layers = 1, c.network = CVL_TRUNK_SQUEEZENET, unknown), "no features relu9_9");
  SPOIL(perceptual, layers, (c.num_layers = 2, c.network = CVL_TRUNK_SQUEEZENET, unordered), "in the network's order");
  SPOIL(perceptual, layers, (c.num_layers = 1, c.network = CVL_TRUNK_SQUEEZENET, garbled), "not UTF-8");
  /* The default's layers are those of VGG. */
  SPOIL(perceptual, network, CVL_TRUNK_SQUEEZENET, "no features conv5_4, expected one of conv1");
  SPOIL(contextual, bandwidth, (c.layers = good, c.num_layers = 2, c.network = CVL_TRUNK_SQUEEZENET, 0),
        "contextual: bandwidth is 0");
  SPOIL(contextual, network, 4, "network is 4");
  SPOIL(style, network, 9, "style: network is 9");
  SPOIL(style, gram_normalization, 3, "gram_normalization is 3");
  SPOIL(style, metric, 3, "metric is 3");
  SPOIL(style, normalization, 9, "normalization is 9");
  SPOIL(lpips, network, 3, "lpips: network is 3");
  SPOIL(lpips, range, 3, "range is 3");
  SPOIL(lpips, reserved, 7, "reserved is 7");
  SPOIL(dists, range, 3, "dists: range is 3");
  SPOIL(dists, reduction, 3, "reduction is 3");
  {
    cvl_style_config c;
    cvl_style_config_init(&c, sizeof c);
    c.weights = &w;
    c.network = CVL_TRUNK_SQUEEZENET;
    c.num_layers = 2;
    EXPECT(NULL_POINTER, "style: layers is NULL", cvl_style_new(&c, &loss));
    c.layers = missing;
    EXPECT(NULL_POINTER, "style: layers[1] is NULL", cvl_style_new(&c, &loss));
    c.layers = good;
    c.num_layer_weights = 2;
    EXPECT(NULL_POINTER, "style: layer_weights is NULL", cvl_style_new(&c, &loss));
    c.layer_weights = numbers;
    EXPECT(OK, "", cvl_style_new(&c, &loss));
    cvl_loss_free(loss);
  }
}

enum { N = 2, H = 34, W = 37, COUNT = N * 3 * H * W };
static float images[2][COUNT], slopes[2][COUNT], value_data[N];
static int64_t shape[4], other_shape[4];
static cvl_tensor input, target, gradients[2], value;
static const cvl_tensor *inputs[3], *grads[3];
static cvl_eval_args args;

static cvl_tensor tensor(float *data, int32_t ndim, const int64_t *dims) {
  cvl_tensor t;
  memset(&t, 0, sizeof t);
  t.data = data;
  t.device.type = 1;
  t.dtype.code = 2;
  t.dtype.bits = 32;
  t.dtype.lanes = 1;
  t.ndim = ndim;
  t.shape = dims;
  return t;
}

static void reset(void) {
  int i;
  for (i = 0; i < COUNT; i++) {
    images[0][i] = (float)(i % 11) / 11;
    images[1][i] = (float)(i % 7) / 7;
    slopes[0][i] = slopes[1][i] = 77;
  }
  value_data[0] = value_data[1] = 77;
  shape[0] = other_shape[0] = N;
  shape[1] = other_shape[1] = 3;
  shape[2] = other_shape[2] = H;
  shape[3] = other_shape[3] = W;
  input = tensor(images[0], 4, shape);
  target = tensor(images[1], 4, other_shape);
  gradients[0] = tensor(slopes[0], 4, shape);
  gradients[1] = tensor(slopes[1], 4, other_shape);
  value = tensor(value_data, 0, NULL);
  inputs[0] = &input;
  inputs[1] = &target;
  inputs[2] = NULL;
  grads[0] = &gradients[0];
  grads[1] = &gradients[1];
  grads[2] = NULL;
  args.inputs = inputs;
  args.grads = grads;
  args.num_inputs = 3;
  args.value = &value;
}

static cvl_status eval(const cvl_loss *loss) {
  cvl_status status = cvl_loss_eval(loss, &args);
  int i;
  if (status != CVL_STATUS_OK)
    for (i = 0; i < COUNT; i++)
      if (slopes[0][i] != 77 || slopes[1][i] != 77 || value_data[i % N] != 77) {
        printf("a refused call wrote: %s\n", cvl_last_error());
        failures++;
        break;
      }
  reset();
  return status;
}

static void wrong_calls(void) {
  cvl_loss *loss = NULL;
  cvl_weights_config w = weights();
  int i, differs = 0;
  if (squeeze(&w, &loss) != CVL_STATUS_OK) {
    failures++;
    return;
  }
  if (strcmp(cvl_loss_name(loss), "lpips") != 0) failures++;
  /* The bytes may go once the loss is made. */
  memset(file, 255, file_size);
  free(file);
  file = NULL;
  cvl_eval_args_init(&args, sizeof args);
  reset();
  EXPECT(OK, "", cvl_loss_eval(loss, &args));
  if (!(value_data[0] > 0)) failures++;
  for (i = 0; i < COUNT; i++) differs += slopes[0][i] != slopes[1][i] && slopes[0][i] == slopes[0][i];
  if (differs < COUNT / 2) failures++;
  reset();
  args.num_inputs = 2;
  EXPECT(OK, "", eval(loss));
  grads[0] = NULL;
  EXPECT(OK, "", eval(loss));
  args.num_inputs = 1;
  EXPECT(INVALID_ARGUMENT, "lpips: num_inputs is 1, expected 2 to 3: input, target, NULL", eval(loss));
  inputs[2] = &input;
  EXPECT(INVALID_ARGUMENT, "lpips: there is no weight: expected NULL in its place", eval(loss));
  inputs[1] = NULL;
  EXPECT(NULL_POINTER, "target is NULL", eval(loss));
  shape[1] = 1;
  EXPECT(SHAPE, "lpips: input has shape [2, 1, 34, 37], expected (N, 3, H, W)", eval(loss));
  input.ndim = 3;
  EXPECT(SHAPE, "lpips: input has shape [2, 3, 34], expected (N, 3, H, W)", eval(loss));
  input.ndim = 1;
  EXPECT(SHAPE, "lpips: input has shape [2]", eval(loss));
  other_shape[3] = W - 1;
  EXPECT(SHAPE, "lpips: target has shape [2, 3, 34, 36], expected [2, 3, 34, 37]", eval(loss));
  target.dtype.bits = 16;
  EXPECT(DTYPE, "lpips: target has dtype f16", eval(loss));
  input.dtype.code = 1;
  EXPECT(DTYPE, "lpips: input has dtype u32", eval(loss));
  gradients[1].dtype.bits = 64;
  EXPECT(DTYPE, "the gradient of target has dtype f64", eval(loss));
  gradients[1].data = slopes[0];
  EXPECT(ALIASED, "the gradient of input and the gradient of target overlap", eval(loss));
  gradients[0].data = images[1];
  EXPECT(ALIASED, "the gradient of input and target overlap", eval(loss));
  value.ndim = 1;
  value.shape = shape;
  EXPECT(SHAPE, "value has shape [2], expected []", eval(loss));
  input.device.type = 2;
  EXPECT(DEVICE, "lpips: target is in host memory, expected it where the input is, on CUDA device 0", eval(loss));
  /* Smaller than the network takes. */
  shape[2] = shape[3] = other_shape[2] = other_shape[3] = 2;
  EXPECT(INVALID_ARGUMENT, "lpips: input is 2 x 2, expected at least 3 x 3", eval(loss));
  /* An empty batch is nothing. */
  shape[0] = other_shape[0] = 0;
  EXPECT(OK, "", cvl_loss_eval(loss, &args));
  if (value_data[0] != 0) failures++;
  reset();
  shape[2] = other_shape[2] = 0;
  EXPECT(INVALID_ARGUMENT, "expected at least", eval(loss));
  cvl_loss_free(loss);
}

int main(void) {
  cvl_loss *loss = (cvl_loss *)1;
  cvl_status status = cvl_lpips_new(NULL, &loss);
  int perceptual = status != CVL_STATUS_UNSUPPORTED;
  make_file();
  if (loss != NULL) failures++;
  if (perceptual) {
    wrong_weights();
    wrong_options();
    wrong_calls();
  } else {
    cvl_weights_config w = weights();
    EXPECT(UNSUPPORTED, "lpips: this library was built without losses of feature networks", squeeze(&w, &loss));
    EXPECT(UNSUPPORTED, "--features perceptual", cvl_perceptual_new(NULL, &loss));
    EXPECT(UNSUPPORTED, "style: ", cvl_style_new(NULL, &loss));
    EXPECT(UNSUPPORTED, "dists: ", cvl_dists_new(NULL, &loss));
    EXPECT(UNSUPPORTED, "contextual: ", cvl_contextual_new(NULL, &loss));
    EXPECT(NULL_POINTER, "out is NULL", cvl_dists_new(NULL, NULL));
  }
  free(file);
  printf("result perceptual=%d calls=%d failures=%d\n", perceptual, count, failures);
  return failures != 0;
}
