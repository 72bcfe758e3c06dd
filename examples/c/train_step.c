/* Finds coins in a photograph: a logistic regression over a few local features, trained by gradient descent on
 * Dice + cross-entropy. The trainer knows features and weights, cvloss knows the loss and its gradient.
 *
 *   train_step coins.pgm coins_mask.pgm prediction.pgm [steps]
 */
#include <math.h>

#include "cvloss.h"
#include "pgm.h"

enum { FEATURES = 9 };

/* The mean over a square window, from an integral image. */
static void box_mean(const float *in, int w, int h, int radius, float *out) {
  double *sums = calloc((size_t)(w + 1) * (size_t)(h + 1), sizeof *sums);
  int x, y;
  if (sums == NULL) exit(1);
  for (y = 0; y < h; y++)
    for (x = 0; x < w; x++)
      sums[(y + 1) * (w + 1) + x + 1] = (double)in[y * w + x] + sums[y * (w + 1) + x + 1] +
                                        sums[(y + 1) * (w + 1) + x] - sums[y * (w + 1) + x];
  for (y = 0; y < h; y++)
    for (x = 0; x < w; x++) {
      int x0 = x < radius ? 0 : x - radius, x1 = x + radius + 1 > w ? w : x + radius + 1;
      int y0 = y < radius ? 0 : y - radius, y1 = y + radius + 1 > h ? h : y + radius + 1;
      double sum = sums[y1 * (w + 1) + x1] - sums[y0 * (w + 1) + x1] - sums[y1 * (w + 1) + x0] +
                   sums[y0 * (w + 1) + x0];
      out[y * w + x] = (float)(sum / ((x1 - x0) * (y1 - y0)));
    }
  free(sums);
}

/* Shifts and scales to mean 0 and deviation 1. */
static void standardise(float *v, size_t count) {
  double mean = 0, square = 0;
  size_t i;
  for (i = 0; i < count; i++) mean += v[i];
  mean /= (double)count;
  for (i = 0; i < count; i++) square += (v[i] - mean) * (v[i] - mean);
  for (i = 0; i < count; i++) v[i] = (float)((v[i] - mean) / (sqrt(square / (double)count) + 1e-6));
}

/* One plane per feature: 1, brightness, and at several scales its local mean, contrast and deviation. */
static float *make_features(const picture *photo) {
  static const int radii[] = {2, 6, 24};
  size_t i, count = (size_t)photo->width * (size_t)photo->height;
  float *planes = malloc(FEATURES * count * sizeof *planes), *square = malloc(count * sizeof *square);
  float *grey = planes + count;
  int w = photo->width, h = photo->height, scale, plane = 2;
  if (planes == NULL || square == NULL) exit(1);
  for (i = 0; i < count; i++) {
    planes[i] = 1;
    grey[i] = photo->pixels[i] / 255.0f;
  }
  for (scale = 0; scale < 3; scale++) {
    float *mean = planes + (size_t)plane++ * count, *deviation = planes + (size_t)plane++ * count;
    box_mean(grey, w, h, radii[scale], mean);
    for (i = 0; i < count; i++) square[i] = (grey[i] - mean[i]) * (grey[i] - mean[i]);
    box_mean(square, w, h, radii[scale], deviation);
    for (i = 0; i < count; i++) deviation[i] = sqrtf(deviation[i]);
  }
  /* How much brighter than the surroundings. */
  for (i = 0; i < count; i++) planes[8 * count + i] = grey[i] - planes[6 * count + i];
  for (plane = 1; plane < FEATURES; plane++) standardise(planes + (size_t)plane * count, count);
  free(square);
  return planes;
}

static int failed(const char *what) {
  fprintf(stderr, "%s: %s\n", what, cvl_last_error());
  return 1;
}

int main(int argc, char **argv) {
  picture photo, mask;
  float *features, *logits, *slopes, value = 0, weights[FEATURES] = {0}, momentum[FEATURES] = {0};
  unsigned char *target;
  size_t i, count;
  int steps = argc > 4 ? atoi(argv[4]) : 200, step, k;
  double both = 0, sum = 0;

  if (argc < 4) {
    fprintf(stderr, "usage: %s PHOTO.pgm MASK.pgm PREDICTION.pgm [STEPS]\n", argv[0]);
    return 2;
  }
  photo = read_pgm(argv[1]);
  mask = read_pgm(argv[2]);
  if (photo.pixels == NULL || mask.pixels == NULL || photo.width != mask.width || photo.height != mask.height) {
    fprintf(stderr, "photo and mask must be binary PGM of the same size\n");
    return 2;
  }
  count = (size_t)photo.width * (size_t)photo.height;
  features = make_features(&photo);
  logits = malloc(count * sizeof *logits);
  slopes = malloc(count * sizeof *slopes);
  target = malloc(count);
  if (logits == NULL || slopes == NULL || target == NULL) return 1;
  for (i = 0; i < count; i++) target[i] = mask.pixels[i] > 127;

  /* The loss: Dice + cross-entropy over sigmoids. */
  {
    cvl_region_config region;
    cvl_dice_config dice;
    cvl_dice_ce_config config;
    cvl_loss *loss = NULL;
    const int64_t shape[] = {1, 1, photo.height, photo.width};
    cvl_tensor input = {0}, truth, gradient, scalar = {0};
    const cvl_tensor *inputs[2], *grads[2];
    cvl_eval_args args;

    cvl_region_config_init(&region, sizeof region);
    region.activation = CVL_ACTIVATION_SIGMOID;
    cvl_dice_config_init(&dice, sizeof dice);
    dice.region = &region;
    cvl_dice_ce_config_init(&config, sizeof config);
    config.dice = &dice;
    if (cvl_dice_ce_new(&config, &loss) != CVL_STATUS_OK) return failed("cvl_dice_ce_new");

    /* What it reads and writes: our own arrays. */
    input.data = logits;
    input.device.type = 1; /* kDLCPU */
    input.dtype.code = 2;  /* kDLFloat */
    input.dtype.bits = 32;
    input.dtype.lanes = 1;
    input.ndim = 4;
    input.shape = shape;
    gradient = input;
    gradient.data = slopes;
    truth = input;
    truth.data = target;
    truth.dtype.code = 1; /* kDLUInt */
    truth.dtype.bits = 8;
    scalar = input;
    scalar.data = &value;
    scalar.ndim = 0;
    inputs[0] = &input;
    inputs[1] = &truth;
    grads[0] = &gradient;
    grads[1] = NULL;
    cvl_eval_args_init(&args, sizeof args);
    args.inputs = inputs;
    args.grads = grads;
    args.num_inputs = 2;
    args.value = &scalar;

    for (step = 0; step <= steps; step++) {
      for (i = 0; i < count; i++) {
        float x = 0;
        for (k = 0; k < FEATURES; k++) x += weights[k] * features[(size_t)k * count + i];
        logits[i] = x;
      }
      if (cvl_loss_eval(loss, &args) != CVL_STATUS_OK) return failed("cvl_loss_eval");
      if (step % 20 == 0 || step == steps) printf("step %d loss %.6f\n", step, value);
      for (k = 0; k < FEATURES; k++) {
        double slope = 0;
        for (i = 0; i < count; i++) slope += (double)slopes[i] * features[(size_t)k * count + i];
        momentum[k] = 0.9f * momentum[k] + (float)slope;
        weights[k] -= 0.5f * momentum[k];
      }
    }
    cvl_loss_free(loss);
  }

  for (i = 0; i < count; i++) {
    int is_coin = logits[i] > 0;
    both += is_coin && target[i];
    sum += is_coin + target[i];
    logits[i] = 1.0f / (1.0f + expf(-logits[i]));
  }
  if (!write_pgm(argv[3], photo.width, photo.height, logits)) {
    fprintf(stderr, "cannot write %s\n", argv[3]);
    return 1;
  }
  printf("result loss=%.6f dice=%.3f\n", value, sum > 0 ? 2 * both / sum : 1);
  free(features);
  free(logits);
  free(slopes);
  free(target);
  free(photo.pixels);
  free(mask.pixels);
  return 0;
}
