/* Descriptors and arguments at random: no call may read or write outside of the memory that it was given, crash, or
 * answer a refused call without a sentence. The seed is fixed.
 *
 *   fuzz [rounds]
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cvloss.h"

enum { TENSORS = 7, BYTES = 4096 };

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint32_t draw(uint32_t below) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)(state >> 16) % below;
}

static int64_t number(void) {
  static const int64_t odd[] = {-1, INT64_MIN, INT64_MAX, INT64_MAX / 4, (int64_t)1 << 62, (int64_t)1 << 33};
  if (draw(40) == 0) return odd[draw(sizeof odd / sizeof *odd)];
  return draw(3) == 0 ? 1 : (int64_t)draw(7);
}

/* The bytes from data on that a tensor with these fields spans; 0 if it has no elements or must be refused. */
static long double span(const cvl_tensor *t) {
  long double last = 0, product = 1, most = 9.3e18L; /* above INT64_MAX */
  int i;
  if (t->ndim < 0 || t->ndim > 8 || t->shape == NULL) return 0;
  for (i = t->ndim - 1; i >= 0; i--) {
    int64_t dim = t->shape[i];
    long double stride = t->strides != NULL ? (long double)t->strides[i] : product;
    if (dim <= 0 || (dim > 1 && stride < 0)) return 0;
    product *= (long double)dim;
    if (dim > 1) last += ((long double)dim - 1) * stride;
  }
  if (product > most || last > most || t->byte_offset > INT64_MAX) return 0;
  return (last + 1) * (t->dtype.bits / 8) + (long double)t->byte_offset;
}

int main(int argc, char **argv) {
  static const cvl_dtype dtypes[] = {{2, 32, 1}, {2, 64, 1}, {2, 16, 1}, {4, 16, 1}, {1, 8, 1},
                                     {6, 8, 1},  {1, 32, 1}, {0, 64, 1}, {0, 32, 1}, {2, 32, 4}};
  long round, rounds = argc > 1 ? atol(argv[1]) : 20000, done = 0, refused = 0, lied = 0;
  cvl_loss *losses[40];
  unsigned char *memory[TENSORS], *before[TENSORS];
  int64_t shapes[TENSORS][8], strides[TENSORS][8];
  int i, k, count = 0;

  for (i = 0; i < 3; i++) {
    cvl_bce_config bce;
    cvl_cross_entropy_config ce;
    cvl_region_config region;
    cvl_dice_ce_config dice_ce;
    cvl_dice_config dice;
    cvl_boxes_config boxes;
    cvl_giou_config giou;
    cvl_distribution_focal_config bins;
    cvl_adversarial_config game;
    cvl_feature_matching_config features;
    cvl_total_variation_config variation;
    cvl_edge_config edge;
    cvl_focal_frequency_config frequency;
    cvl_bce_config_init(&bce, sizeof bce);
    cvl_cross_entropy_config_init(&ce, sizeof ce);
    cvl_region_config_init(&region, sizeof region);
    cvl_dice_config_init(&dice, sizeof dice);
    cvl_dice_ce_config_init(&dice_ce, sizeof dice_ce);
    cvl_boxes_config_init(&boxes, sizeof boxes);
    cvl_giou_config_init(&giou, sizeof giou);
    cvl_distribution_focal_config_init(&bins, sizeof bins);
    cvl_adversarial_config_init(&game, sizeof game);
    cvl_feature_matching_config_init(&features, sizeof features);
    cvl_total_variation_config_init(&variation, sizeof variation);
    cvl_edge_config_init(&edge, sizeof edge);
    cvl_focal_frequency_config_init(&frequency, sizeof frequency);
    giou.boxes = &boxes;
    boxes.reduction = bins.reduction = game.reduction = features.reduction = (uint32_t)i;
    variation.reduction = edge.reduction = frequency.reduction = (uint32_t)i;
    bce.reduction = ce.reduction = region.reduction = (uint32_t)i;
    region.activation = i == 1 ? CVL_ACTIVATION_SIGMOID : CVL_ACTIVATION_SOFTMAX;
    region.pooling = i == 0 ? CVL_POOLING_BATCH : CVL_POOLING_IMAGE;
    dice.region = &region;
    dice_ce.dice = &dice;
    if (cvl_bce_new(&bce, &losses[count++]) != CVL_STATUS_OK ||
        cvl_cross_entropy_new(&ce, &losses[count++]) != CVL_STATUS_OK ||
        cvl_dice_ce_new(&dice_ce, &losses[count++]) != CVL_STATUS_OK ||
        cvl_giou_new(&giou, &losses[count++]) != CVL_STATUS_OK ||
        cvl_distribution_focal_new(&bins, &losses[count++]) != CVL_STATUS_OK ||
        cvl_discriminator_new(&game, &losses[count++]) != CVL_STATUS_OK ||
        cvl_generator_new(&game, &losses[count++]) != CVL_STATUS_OK ||
        cvl_feature_matching_new(&features, &losses[count++]) != CVL_STATUS_OK ||
        cvl_total_variation_new(&variation, &losses[count++]) != CVL_STATUS_OK ||
        cvl_edge_new(&edge, &losses[count++]) != CVL_STATUS_OK ||
        cvl_focal_frequency_new(&frequency, &losses[count++]) != CVL_STATUS_OK)
      return 1;
  }
  /* Exactly as much memory as is allowed, so that a sanitizer or valgrind sees a byte too many. */
  for (i = 0; i < TENSORS; i++) {
    memory[i] = malloc(BYTES);
    before[i] = malloc(BYTES);
    if (memory[i] == NULL || before[i] == NULL) return 1;
    for (k = 0; k < BYTES; k++) memory[i][k] = 0;
  }

  for (round = 0; round < rounds; round++) {
    cvl_tensor tensors[TENSORS];
    const cvl_tensor *inputs[3], *grads[3];
    cvl_eval_args args;
    cvl_status status;
    const cvl_loss *loss = losses[draw((uint32_t)count)];
    int64_t base[8];
    int32_t rank = (int32_t)draw(5) + (draw(8) == 0 ? 0 : 1);
    cvl_dtype dtype = dtypes[draw(10) == 0 ? draw(10) : draw(4)];
    int out_of_memory = 0;

    for (k = 0; k < 8; k++) base[k] = number();
    for (i = 0; i < TENSORS; i++) {
      cvl_tensor *t = &tensors[i];
      memset(t, 0, sizeof *t);
      t->data = draw(30) == 0 ? NULL : memory[draw(25) == 0 ? draw(TENSORS) : (uint32_t)i];
      t->device.type = draw(40) == 0 ? (int32_t)draw(20) - 2 : 1;
      t->ndim = draw(25) == 0 ? (int32_t)draw(12) - 2 : rank;
      t->dtype = i == 1 && draw(2) == 0 ? dtypes[4 + draw(4)] : dtype;
      if (i == 4 || i == 5) t->dtype = dtypes[dtype.bits == 64];
      if (draw(25) == 0) t->dtype = dtypes[draw(10)];
      t->shape = draw(60) == 0 ? NULL : shapes[i];
      t->strides = draw(3) == 0 ? strides[i] : NULL;
      t->byte_offset = draw(10) == 0 ? draw(64) : draw(80) == 0 ? UINT64_MAX - draw(99) : 0;
      for (k = 0; k < 8; k++) {
        shapes[i][k] = draw(40) == 0 ? number() : base[k];
        strides[i][k] = number();
      }
      /* Half of all strides are those of a channels-last tensor, which are allowed. */
      if (draw(2) == 0 && t->ndim > 2 && t->ndim <= 8) {
        int64_t step = shapes[i][1];
        strides[i][1] = 1;
        for (k = t->ndim - 1; k >= 0; k--) {
          if (k == 1) continue;
          strides[i][k] = step;
          if (shapes[i][k] > 0 && shapes[i][k] < 1000 && step > 0 && step < 100000) step *= shapes[i][k];
        }
      }
      if (i == 1 && draw(2) == 0 && t->ndim > 1 && t->ndim <= 8) shapes[1][1] = 1;
      if ((i == 4 || i == 5) && draw(2) == 0) t->ndim = 0;
    }
    for (i = 0; i < TENSORS; i++) {
      if (span(&tensors[i]) > BYTES) out_of_memory = 1;
    }
    if (out_of_memory) {
      lied++; /* A descriptor of more memory than there is: no library can know. */
      continue;
    }
    for (i = 0; i < TENSORS; i++) memcpy(before[i], memory[i], BYTES);
    for (i = 0; i < 3; i++) {
      inputs[i] = draw(12) == 0 ? NULL : &tensors[i];
      grads[i] = NULL;
    }
    grads[0] = draw(4) == 0 ? NULL : &tensors[3];
    if (draw(3) == 0) grads[1] = &tensors[6];
    cvl_eval_args_init(&args, sizeof args);
    args.inputs = inputs;
    args.grads = draw(10) == 0 ? NULL : grads;
    args.num_inputs = draw(20) == 0 ? draw(6) : 2 + draw(2);
    if (args.num_inputs > 3) args.inputs = NULL;
    args.flags = draw(30) == 0 ? draw(8) : draw(2);
    args.value = draw(4) == 0 ? NULL : &tensors[4];
    args.upstream = draw(2) == 0 ? NULL : &tensors[5];
    status = cvl_loss_eval(loss, &args);
    if (status == CVL_STATUS_OK) {
      done++;
    } else {
      refused++;
      if (cvl_last_error()[0] == 0 || status == CVL_STATUS_PANIC || status == CVL_STATUS_NO_MEMORY) {
        printf("round %ld: %s: %s\n", round, cvl_status_name(status), cvl_last_error());
        return 1;
      }
      for (i = 0; i < TENSORS; i++)
        if (memcmp(before[i], memory[i], BYTES) != 0) {
          printf("round %ld: refused, but it wrote: %s\n", round, cvl_last_error());
          return 1;
        }
    }
    /* Accumulated numbers must stay small, and class indices below the number of classes now and then. */
    for (i = 0; i < TENSORS; i++) memset(memory[i], 0, BYTES);
  }
  for (i = 0; i < count; i++) cvl_loss_free(losses[i]);
  for (i = 0; i < TENSORS; i++) {
    free(memory[i]);
    free(before[i]);
  }
  printf("result done=%ld refused=%ld lied=%ld\n", done, refused, lied);
  return done < rounds / 100;
}
