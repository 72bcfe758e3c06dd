/* For hostile.c: wrong options of every loss. */
#ifndef HOSTILE_OPTIONS_H
#define HOSTILE_OPTIONS_H
#include <limits.h>
#include <math.h>
#include <string.h>

#include "cvloss.h"
#include "hostile_call.h"

static void configurations(void) {
  cvl_loss *loss = (cvl_loss *)1;
  cvl_focal_config focal;
  cvl_region_config region;
  cvl_dice_config dice;
  cvl_softmax_focal_config softmax;
  double weights[4] = {1, 2, 3, 0};
  unsigned char newer[sizeof(cvl_focal_config) + 8];

  EXPECT(NULL_POINTER, "out", cvl_focal_new(NULL, NULL));
  cvl_focal_config_init(NULL, sizeof focal);
  SAYS("cvl_focal_config is NULL");
  cvl_focal_config_init(&focal, 3);
  SAYS("struct_size is 3");
  cvl_focal_config_init(&focal, (size_t)-1);
  SAYS("struct_size is");
  memset(&focal, 0, sizeof focal);
  EXPECT(INVALID_ARGUMENT, "struct_size is 0", cvl_focal_new(&focal, &loss));
  if (loss != NULL) failures++;
  focal.struct_size = sizeof focal - 1;
  EXPECT(INVALID_ARGUMENT, "cvl_focal_config_init first", cvl_focal_new(&focal, &loss));
  focal.struct_size = (size_t)-1;
  EXPECT(INVALID_ARGUMENT, "struct_size", cvl_focal_new(&focal, &loss));

  /* A caller that was built for a larger struct. */
  cvl_focal_config_init((cvl_focal_config *)(void *)newer, sizeof newer);
  EXPECT(OK, "", cvl_focal_new((const cvl_focal_config *)(const void *)newer, &loss));
  cvl_loss_free(loss);
  newer[sizeof newer - 1] = 1;
  EXPECT(INVALID_ARGUMENT, "newer cvloss", cvl_focal_new((const cvl_focal_config *)(const void *)newer, &loss));

#define SPOIL(config, field, wrong, words, create)                                                                     \
  do {                                                                                                                 \
    cvl_##config##_config c;                                                                                           \
    cvl_##config##_config_init(&c, sizeof c);                                                                          \
    c.field = wrong;                                                                                                   \
    loss = (cvl_loss *)1;                                                                                              \
    EXPECT(INVALID_ARGUMENT, words, create(&c, &loss));                                                                \
    if (loss != NULL) failures++;                                                                                      \
  } while (0)
  SPOIL(focal, gamma, -1, "focal: gamma is -1", cvl_focal_new);
  SPOIL(focal, alpha, 2, "focal: alpha is 2", cvl_focal_new);
  SPOIL(focal, has_alpha, 2, "has_alpha is 2", cvl_focal_new);
  SPOIL(focal, soft_targets, 9, "soft_targets is 9", cvl_focal_new);
  SPOIL(focal, normalizer, UINT_MAX, "normalizer", cvl_focal_new);
  SPOIL(focal, reduction, 3, "reduction is 3", cvl_focal_new);
  SPOIL(bce, label_smoothing, 1.5, "bce: label_smoothing", cvl_bce_new);
  SPOIL(bce, reduction, 7, "reduction is 7", cvl_bce_new);
  SPOIL(cross_entropy, label_smoothing, -0.1, "cross_entropy: label_smoothing", cvl_cross_entropy_new);
  SPOIL(cross_entropy, normalizer, 3, "normalizer is 3", cvl_cross_entropy_new);
  SPOIL(softmax_focal, gamma, -2, "softmax_focal: gamma", cvl_softmax_focal_new);
  SPOIL(softmax_focal, class_alpha, 4, "class_alpha is 4", cvl_softmax_focal_new);
  SPOIL(softmax_focal, class_alpha, CVL_CLASS_ALPHA_PER_CLASS, "class_weights is empty", cvl_softmax_focal_new);
  SPOIL(softmax_focal, reserved, 1, "reserved is 1", cvl_softmax_focal_new);
  SPOIL(dice, form, 3, "dice: form is 3", cvl_dice_new);
  SPOIL(dice, transform, 6, "transform is 6", cvl_dice_new);
  SPOIL(dice, volume_weight, 3, "volume_weight is 3", cvl_dice_new);
  SPOIL(jaccard, transform, 99, "jaccard: transform", cvl_jaccard_new);
  SPOIL(tversky, alpha, -1, "tversky: alpha", cvl_tversky_new);
  SPOIL(tversky, beta, -1, "tversky: beta", cvl_tversky_new);
  SPOIL(focal_tversky, gamma, -1, "focal_tversky: gamma", cvl_focal_tversky_new);
  SPOIL(focal_tversky, power, 2, "power is 2", cvl_focal_tversky_new);
  SPOIL(dice_ce, label_smoothing, 2, "dice_ce: label_smoothing", cvl_dice_ce_new);
  SPOIL(dice_focal, gamma, -1, "dice_focal: gamma", cvl_dice_focal_new);
  SPOIL(combo, beta, 2, "combo: beta", cvl_combo_new);

  SPOIL(asymmetric, clip, 1, "asymmetric: clip is 1", cvl_asymmetric_new);
  SPOIL(asymmetric, focus, 2, "focus is 2", cvl_asymmetric_new);
  SPOIL(asymmetric_softmax, label_smoothing, 2, "asymmetric_softmax: label_smoothing is 2", cvl_asymmetric_softmax_new);
  SPOIL(balanced_bce, balance, 2, "balanced_bce: balance is 2", cvl_balanced_bce_new);
  SPOIL(balanced_bce, reserved, 1, "reserved is 1", cvl_balanced_bce_new);
  SPOIL(poly_focal, epsilon, NAN, "poly_focal: epsilon is NaN", cvl_poly_focal_new);
  SPOIL(poly_focal, alpha, (c.has_alpha = 1, 2), "alpha is 2", cvl_poly_focal_new);
  SPOIL(reduced_focal, threshold, 1, "reduced_focal: threshold is 1", cvl_reduced_focal_new);
  SPOIL(reduced_focal, scale, 2, "scale is 2", cvl_reduced_focal_new);
  SPOIL(quality_focal, beta, 0.5, "quality_focal: beta is 0.5", cvl_quality_focal_new);
  SPOIL(varifocal, gamma, -1, "varifocal: gamma is -1", cvl_varifocal_new);
  SPOIL(varifocal, positives, 2, "positives is 2", cvl_varifocal_new);
  SPOIL(gaussian_focal, alpha, -1, "gaussian_focal: alpha is -1", cvl_gaussian_focal_new);
  SPOIL(ghm, bins, 0, "ghm: bins is 0", cvl_ghm_new);
  SPOIL(ghm, densities, (c.num_densities = 3, weights), "densities is 3 numbers, expected 10", cvl_ghm_new);
  SPOIL(ghm_regression, mu, 0, "ghm_regression: mu is 0", cvl_ghm_regression_new);
  SPOIL(bi_tempered, t2, 0, "bi_tempered: t2 is 0", cvl_bi_tempered_new);
  SPOIL(bi_tempered, t2, 0.5, "t1 is 0.8, expected at most t2", cvl_bi_tempered_new);
  SPOIL(seesaw, eps, 0, "seesaw: eps is 0", cvl_seesaw_new);
  SPOIL(poly_cross_entropy, epsilon, NAN, "poly_cross_entropy: epsilon is NaN", cvl_poly_cross_entropy_new);
  SPOIL(ohem_cross_entropy, threshold, 0, "ohem_cross_entropy: threshold is 0", cvl_ohem_cross_entropy_new);
  SPOIL(ohem_cross_entropy, mean, 2, "mean is 2", cvl_ohem_cross_entropy_new);
  SPOIL(top_k_cross_entropy, share, 2, "top_k_cross_entropy: share is 2", cvl_top_k_cross_entropy_new);
  SPOIL(mcc, counts, -1, "mcc: counts is -1", cvl_mcc_new);
  SPOIL(soft_f1, sides, 2, "soft_f1: sides is 2", cvl_soft_f1_new);
  SPOIL(unified_focal, delta, 2, "unified_focal: delta is 2", cvl_unified_focal_new);
  SPOIL(unified_focal, form, 2, "form is 2", cvl_unified_focal_new);
  SPOIL(exp_log, gamma_ce, 0, "exp_log: gamma_ce is 0", cvl_exp_log_new);
  SPOIL(generalized_wasserstein_dice, weighting, 2, "weighting is 2", cvl_generalized_wasserstein_dice_new);
  SPOIL(generalized_wasserstein_dice, distances, (c.num_distances = 3, weights), "distances is 3 numbers",
        cvl_generalized_wasserstein_dice_new);
  cvl_loss *inner = NULL;
  const size_t no_cell = 0;
  EXPECT(OK, "", cvl_l1_new(NULL, &inner));
  SPOIL(multi_scale, uneven, (c.loss = inner, 3), "multi_scale: uneven is 3", cvl_multi_scale_new);
  SPOIL(multi_scale, pooling, (c.loss = inner, 2), "pooling is 2", cvl_multi_scale_new);
  SPOIL(multi_scale, scale_weights, (c.loss = inner, 3), "weights is Listed([]), expected 3", cvl_multi_scale_new);
  SPOIL(multi_scale, num_factors, (c.loss = inner, c.factors = &no_cell, 1), "factors is 0", cvl_multi_scale_new);
  EXPECT(NULL_POINTER, "loss", cvl_multi_scale_new(NULL, &loss));
  cvl_loss_free(inner);
  SPOIL(lovasz_softmax, classes, 3, "lovasz_softmax: classes is 3", cvl_lovasz_softmax_new);
  SPOIL(lovasz_hinge, pooling, 2, "lovasz_hinge: pooling is 2", cvl_lovasz_hinge_new);
  SPOIL(boundary, target, 2, "boundary: target is 2", cvl_boundary_new);
  SPOIL(boundary, spacing, (c.num_spacing = 4, weights), "boundary: spacing", cvl_boundary_new);
  SPOIL(distance_cross_entropy, sigma, 0, "distance_cross_entropy: sigma is 0", cvl_distance_cross_entropy_new);
  SPOIL(distance_cross_entropy, weighting, 2, "weighting is 2", cvl_distance_cross_entropy_new);
  SPOIL(hausdorff_erosion, erosions, 0, "hausdorff_erosion: erosions is 0", cvl_hausdorff_erosion_new);
  SPOIL(hausdorff, alpha, -1, "hausdorff: alpha is -1", cvl_hausdorff_new);
  SPOIL(hausdorff, transform, 2, "transform is 2", cvl_hausdorff_new);
  SPOIL(cl_dice, smooth_nr, -1, "cl_dice: smooth_nr is -1", cvl_cl_dice_new);
  SPOIL(cl_dice, classes, 3, "classes is 3", cvl_cl_dice_new);
  SPOIL(dice_cl_dice, alpha, 2, "dice_cl_dice: alpha is 2", cvl_dice_cl_dice_new);

  SPOIL(l1, reduction, 3, "l1: reduction", cvl_l1_new);
  SPOIL(mse, normalizer, 3, "mse: normalizer", cvl_mse_new);
  SPOIL(log_cosh, reduction, 3, "log_cosh: reduction", cvl_log_cosh_new);
  SPOIL(huber, delta, 0, "huber: delta is 0", cvl_huber_new);
  SPOIL(smooth_l1, beta, -1, "smooth_l1: beta is -1", cvl_smooth_l1_new);
  SPOIL(charbonnier, eps, -1, "charbonnier: eps is -1", cvl_charbonnier_new);
  SPOIL(charbonnier, form, 2, "form is 2", cvl_charbonnier_new);
  SPOIL(robust, scale, 0, "robust: scale is 0", cvl_robust_new);
  SPOIL(robust, shape, 4, "shape is 4", cvl_robust_new);
  SPOIL(wing, width, -1, "wing: width is -1", cvl_wing_new);
  SPOIL(psnr, pooling, 2, "psnr: pooling is 2", cvl_psnr_new);
  SPOIL(ssim, form, 0, "ssim: data_range is NaN", cvl_ssim_new);
  SPOIL(ssim, channels, (c.data_range = 1, 2), "channels is 2", cvl_ssim_new);
  SPOIL(l1_ssim, data_range, 0, "l1_ssim: data_range is 0", cvl_l1_ssim_new);
  SPOIL(ms_ssim, odd, (c.data_range = 1, 4), "odd is 4", cvl_ms_ssim_new);
  SPOIL(ms_ssim_l1, alpha, (c.data_range = 1, 2), "alpha is 2", cvl_ms_ssim_l1_new);
  SPOIL(edge, filter, 4, "edge: filter is 4", cvl_edge_new);
  SPOIL(edge, border, 4, "border is 4", cvl_edge_new);
  SPOIL(edge, eps, (c.penalty = CVL_EDGE_PENALTY_CHARBONNIER, 0), "edge: eps is 0", cvl_edge_new);
  SPOIL(fft_l1, norm, 2, "fft_l1: norm is 2", cvl_fft_l1_new);
  SPOIL(focal_frequency, alpha, -1, "focal_frequency: alpha is -1", cvl_focal_frequency_new);
  SPOIL(focal_frequency, patch_factor, 0, "patch_factor is 0", cvl_focal_frequency_new);
  SPOIL(focal_frequency, reduction, (c.peak = CVL_SPECTRUM_PEAK_BATCH, CVL_REDUCTION_NONE), "no values per image",
        cvl_focal_frequency_new);
  SPOIL(total_variation, eps, -1, "total_variation: eps is -1", cvl_total_variation_new);
  SPOIL(total_variation, norm, 4, "norm is 4", cvl_total_variation_new);

  SPOIL(iou, form, 3, "iou: form is 3", cvl_iou_new);
  SPOIL(efficient_iou, gamma, -1, "efficient_iou: gamma is -1", cvl_efficient_iou_new);
  SPOIL(efficient_iou, focus_slope, 2, "focus_slope is 2", cvl_efficient_iou_new);
  SPOIL(extended_iou, smooth_point, 0, "extended_iou: smooth_point is 0", cvl_extended_iou_new);
  SPOIL(siou, theta, 0, "siou: theta is 0", cvl_siou_new);
  SPOIL(siou, sign, 2, "sign is 2", cvl_siou_new);
  SPOIL(mpdiou, image_width, 0, "mpdiou: image width is 0", cvl_mpdiou_new);
  SPOIL(nwd, constant, -1, "nwd: constant is -1", cvl_nwd_new);
  SPOIL(bounded_iou, beta, 0, "bounded_iou: beta is 0", cvl_bounded_iou_new);
  SPOIL(wise_iou, mean, 0, "wise_iou: mean is 0", cvl_wise_iou_new);
  SPOIL(wise_iou, version, 3, "version is 3", cvl_wise_iou_new);
  SPOIL(wise_iou, alpha, (c.version = CVL_WISE_VERSION_V3, 1), "alpha is 1", cvl_wise_iou_new);
  SPOIL(rotated_iou, form, 3, "rotated_iou: form is 3", cvl_rotated_iou_new);
  SPOIL(gwd, tau, 0.5, "gwd: tau is 0.5", cvl_gwd_new);
  SPOIL(gwd, normalize, 2, "normalize is 2", cvl_gwd_new);
  SPOIL(kld, divergence, 4, "kld: divergence is 4", cvl_kld_new);
  SPOIL(kld, alpha, 0, "alpha is 0", cvl_kld_new);
  SPOIL(kfiou, beta, 0, "kfiou: beta is 0", cvl_kfiou_new);
  SPOIL(balanced_l1, alpha, 0, "balanced_l1: alpha is 0", cvl_balanced_l1_new);
  SPOIL(balanced_l1, gamma, 100, "at most 69", cvl_balanced_l1_new);
  SPOIL(distribution_focal, margin, 1, "distribution_focal: margin is 1", cvl_distribution_focal_new);
  SPOIL(distribution_focal, denominator, 3, "denominator is 3", cvl_distribution_focal_new);
#define SPOIL_PART(name, shared, part, field, wrong, words)                                                            \
  do {                                                                                                                 \
    cvl_##name##_config c;                                                                                             \
    cvl_##shared##_config s;                                                                                           \
    cvl_##name##_config_init(&c, sizeof c);                                                                            \
    cvl_##shared##_config_init(&s, sizeof s);                                                                          \
    c.part = &s;                                                                                                       \
    s.field = wrong;                                                                                                   \
    EXPECT(INVALID_ARGUMENT, words, cvl_##name##_new(&c, &loss));                                                      \
  } while (0)
  SPOIL_PART(giou, boxes, boxes, struct_size, 8, "cvl_boxes_config.struct_size is 8");
  SPOIL_PART(giou, boxes, boxes, format, 3, "giou: format is 3");
  SPOIL_PART(diou, boxes, boxes, eps, 0, "diou: eps is 0");
  SPOIL_PART(ciou, boxes, boxes, reduction, 3, "ciou: reduction is 3");
  SPOIL_PART(iou, boxes, boxes, reserved, 1, "reserved is 1");
  SPOIL_PART(iou, boxes, boxes, avg_factor, (s.denominator = CVL_DENOMINATOR_AVG_FACTOR, 0), "iou: ");
  SPOIL_PART(giou, overlap, overlap, alpha, 0, "giou: alpha is 0");
  SPOIL_PART(ciou, overlap, overlap, inner, -1, "ciou: inner is -1");
  SPOIL_PART(diou, overlap, overlap, focaler_low, 1, "diou: focaler is 1..1");
  SPOIL_PART(diou, overlap, overlap, struct_size, 0, "cvl_overlap_config.struct_size is 0");
  SPOIL_PART(probiou, rotated_boxes, boxes, eps, 2, "probiou: eps is 2");
  SPOIL_PART(probiou, rotated_boxes, boxes, denominator, 3, "denominator is 3");

  SPOIL(adversarial, form, 5, "discriminator: form is 5", cvl_discriminator_new);
  SPOIL(adversarial, pairing, 3, "generator: pairing is 3", cvl_generator_new);
  SPOIL(adversarial, label_real, (c.label_real = 2, 2), "discriminator: ", cvl_discriminator_new);
  SPOIL(adversarial, factor, (c.form = CVL_GAN_FORM_LEAST_SQUARES, 0), "generator: ", cvl_generator_new);
  SPOIL(adversarial, reduction, (c.pairing = CVL_PAIRING_AVERAGE, CVL_REDUCTION_NONE), "ties all logits",
        cvl_generator_new);
  SPOIL(adversarial, struct_size, 7, "cvl_adversarial_config.struct_size is 7", cvl_discriminator_new);
  SPOIL(lecam, form, 2, "lecam: form is 2", cvl_lecam_new);
  SPOIL(lecam, real_mean, NAN, "real_mean is NaN", cvl_lecam_new);
  SPOIL(feature_contextual, bandwidth, -1, "feature_contextual: bandwidth is -1", cvl_feature_contextual_new);
  SPOIL(feature_contextual, reserved, 1, "reserved is 1", cvl_feature_contextual_new);
  SPOIL(feature_matching, distance, 2, "feature_matching: distance is 2", cvl_feature_matching_new);
  SPOIL(feature_matching, reduction, (c.pooling = CVL_FEATURE_POOLING_BATCH_MEANS, CVL_REDUCTION_NONE),
        "ties all items", cvl_feature_matching_new);
  {
    cvl_similarity_config similarity;
    cvl_ssim_config ssim;
    size_t even = 10;
    cvl_similarity_config_init(&similarity, sizeof similarity);
    cvl_ssim_config_init(&ssim, sizeof ssim);
    ssim.data_range = 1;
    ssim.similarity = &similarity;
    similarity.window_sizes = &even;
    similarity.num_window_sizes = 1;
    EXPECT(INVALID_ARGUMENT, "window.size", cvl_ssim_new(&ssim, &loss));
    similarity.num_window_sizes = 0;
    similarity.border = 4;
    EXPECT(INVALID_ARGUMENT, "border is 4", cvl_ssim_new(&ssim, &loss));
    similarity.border = 0;
    similarity.struct_size = 1;
    EXPECT(INVALID_ARGUMENT, "cvl_similarity_config.struct_size is 1", cvl_ssim_new(&ssim, &loss));
  }

  /* Lists. */
  cvl_focal_config_init(&focal, sizeof focal);
  focal.num_pos_weight = 3;
  EXPECT(NULL_POINTER, "pos_weight is NULL", cvl_focal_new(&focal, &loss));
  focal.pos_weight = weights;
  focal.num_pos_weight = (size_t)-1;
  EXPECT(INVALID_ARGUMENT, "pos_weight has", cvl_focal_new(&focal, &loss));
  cvl_softmax_focal_config_init(&softmax, sizeof softmax);
  softmax.class_alpha = CVL_CLASS_ALPHA_UNIFORM;
  softmax.alpha = 3;
  EXPECT(INVALID_ARGUMENT, "alpha is 3", cvl_softmax_focal_new(&softmax, &loss));

#define SPOIL_REGION(field, wrong, words)                                                                              \
  do {                                                                                                                 \
    cvl_region_config_init(&region, sizeof region);                                                                    \
    cvl_dice_config_init(&dice, sizeof dice);                                                                          \
    dice.region = &region;                                                                                             \
    region.field = wrong;                                                                                              \
    EXPECT(INVALID_ARGUMENT, words, cvl_dice_new(&dice, &loss));                                                       \
  } while (0)
  SPOIL_REGION(struct_size, 5, "cvl_region_config.struct_size is 5");
  SPOIL_REGION(activation, 3, "activation is 3");
  SPOIL_REGION(pooling, 2, "pooling is 2");
  SPOIL_REGION(average, 3, "average is 3");
  SPOIL_REGION(volume_weight, 3, "volume_weight is 3");
  SPOIL_REGION(intersection, 2, "intersection is 2");
  SPOIL_REGION(absent, 3, "absent is 3");
  SPOIL_REGION(classes, 3, "classes is 3");
  SPOIL_REGION(class_average, 2, "class_average is 2");
  SPOIL_REGION(reduction, 3, "reduction is 3");
  SPOIL_REGION(smooth_floor, -1, "smooth.floor is -1");
  SPOIL_REGION(reserved, 8, "reserved is 8");
}
#endif
