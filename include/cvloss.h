/* cvloss: computer-vision losses, value and gradients in one call, on the caller's memory.
 *
 * Every function that can fail returns a cvl_status; cvl_last_error() says in a sentence why this
 * thread's last call failed. Pointers must be NULL or valid: NULL is refused with a status where it
 * is not allowed. Structs begin with struct_size; call their _init function first. Tensors are
 * borrowed for the call only. A cvl_loss is immutable and may be used by any number of threads at
 * once; free it with cvl_loss_free. Conventions in full: docs/c-abi.md.
 *
 * Generated from crates/cvloss-capi by cbindgen. Do not edit. */


#ifndef CVLOSS_H
#define CVLOSS_H

#include <stddef.h>
#include <stdint.h>

/** The version of this header. */
#define CVL_VERSION_MAJOR 0
#define CVL_VERSION_MINOR 1
#define CVL_VERSION_PATCH 0
/** As cvl_version() of the library. */
#define CVL_VERSION ((CVL_VERSION_MAJOR << 16) | (CVL_VERSION_MINOR << 8) | CVL_VERSION_PATCH)

#if defined(__cplusplus) && __cplusplus >= 201703L
#define CVL_NODISCARD [[nodiscard]]
#elif defined(__GNUC__) || defined(__clang__)
#define CVL_NODISCARD __attribute__((warn_unused_result))
#else
#define CVL_NODISCARD
#endif

/**
 * In `cvl_eval_args.flags`: add to the gradients instead of overwriting them.
 */
#define CVL_EVAL_ACCUMULATE 1

/**
 * No point has this index: as `ignore_index`, it ignores nothing.
 */
#define CVL_IGNORE_NOTHING INT64_MIN

/**
 * What came of a call. Returned, never received; new codes are appended.
 */
typedef enum cvl_status {
  /**
   * Done.
   */
  CVL_STATUS_OK = 0,
  /**
   * A pointer that must not be NULL is.
   */
  CVL_STATUS_NULL_POINTER,
  /**
   * An option, a flag, a count or a class index is out of range, or a struct is from a newer library.
   */
  CVL_STATUS_INVALID_ARGUMENT,
  /**
   * A shape does not fit, or is too large to address.
   */
  CVL_STATUS_SHAPE,
  /**
   * An element type is not one of those allowed.
   */
  CVL_STATUS_DTYPE,
  /**
   * Strides that no kernel walks, or memory that is not aligned to its elements.
   */
  CVL_STATUS_LAYOUT,
  /**
   * A kind of device that this library does not know, or tensors on several devices.
   */
  CVL_STATUS_DEVICE,
  /**
   * An output overlaps an input or another output.
   */
  CVL_STATUS_ALIASED,
  /**
   * Memory that the call needed could not be had.
   */
  CVL_STATUS_NO_MEMORY,
  /**
   * A device or its driver failed.
   */
  CVL_STATUS_BACKEND,
  /**
   * A file could not be read.
   */
  CVL_STATUS_IO,
  /**
   * Weights are missing or not what they should be.
   */
  CVL_STATUS_WEIGHTS,
  /**
   * A defect of this library: a panic was caught. Outputs are unspecified.
   */
  CVL_STATUS_PANIC,
  /**
   * This library was built without what the call needs, or has no kernel for it on the tensors' device.
   */
  CVL_STATUS_UNSUPPORTED,
} cvl_status;

/**
 * How the values of independent items become the result.
 */
typedef enum cvl_reduction {
  /**
   * The mean over items, as the loss documents its denominator.
   */
  CVL_REDUCTION_MEAN = 0,
  /**
   * The sum over items.
   */
  CVL_REDUCTION_SUM,
  /**
   * One value per item.
   */
  CVL_REDUCTION_NONE,
} cvl_reduction;

/**
 * What CVL_REDUCTION_MEAN divides by. Ignored points never count.
 */
typedef enum cvl_normalizer {
  /**
   * The number of points.
   */
  CVL_NORMALIZER_ELEMENTS = 0,
  /**
   * The sum of the weights of the points, class weight times weight map.
   */
  CVL_NORMALIZER_WEIGHTS,
  /**
   * The number of points with a positive target, at least 1.
   */
  CVL_NORMALIZER_POSITIVES,
} cvl_normalizer;

/**
 * What sigmoid focal loss means where a target lies between 0 and 1.
 */
typedef enum cvl_soft_targets {
  /**
   * `p_t = p t + (1 - p)(1 - t)`, once, in a cross-entropy with soft targets: torchvision, fvcore.
   */
  CVL_SOFT_TARGETS_MIXTURE = 0,
  /**
   * The loss of a positive times `t` plus the loss of a negative times `1 - t`: kornia.
   */
  CVL_SOFT_TARGETS_LINEAR,
} cvl_soft_targets;

/**
 * The weight of each class in a softmax focal loss.
 */
typedef enum cvl_class_alpha {
  /**
   * 1 for all.
   */
  CVL_CLASS_ALPHA_NONE = 0,
  /**
   * `alpha` for all: mmcv.
   */
  CVL_CLASS_ALPHA_UNIFORM,
  /**
   * `1 - alpha` for class 0, `alpha` for the others: kornia, MONAI.
   */
  CVL_CLASS_ALPHA_BACKGROUND,
  /**
   * `class_weights`.
   */
  CVL_CLASS_ALPHA_PER_CLASS,
} cvl_class_alpha;

/**
 * How the input becomes probabilities.
 */
typedef enum cvl_activation {
  /**
   * Over the classes of each point: multiclass.
   */
  CVL_ACTIVATION_SOFTMAX = 0,
  /**
   * Of each channel by itself: binary and multilabel.
   */
  CVL_ACTIVATION_SIGMOID,
  /**
   * The input holds probabilities.
   */
  CVL_ACTIVATION_IDENTITY,
} cvl_activation;

/**
 * What one item's sums run over.
 */
typedef enum cvl_pooling {
  /**
   * Each image by itself: kornia, MONAI.
   */
  CVL_POOLING_IMAGE = 0,
  /**
   * All images together, as one: segmentation_models_pytorch, nnU-Net's batch Dice.
   */
  CVL_POOLING_BATCH,
} cvl_pooling;

/**
 * How the classes of an item are put together.
 */
typedef enum cvl_average {
  /**
   * One loss per class, then their average.
   */
  CVL_AVERAGE_MACRO = 0,
  /**
   * One loss of the sums over classes, class weights inside.
   */
  CVL_AVERAGE_MICRO,
  /**
   * As CVL_AVERAGE_MICRO, each class also weighted by its volume: generalized Dice.
   */
  CVL_AVERAGE_GENERALIZED,
} cvl_average;

/**
 * The weight of a class of volume T in generalized Dice.
 */
typedef enum cvl_volume_weight {
  /**
   * 1/T^2.
   */
  CVL_VOLUME_WEIGHT_SQUARE = 0,
  /**
   * 1/T.
   */
  CVL_VOLUME_WEIGHT_SIMPLE,
  /**
   * 1.
   */
  CVL_VOLUME_WEIGHT_UNIFORM,
} cvl_volume_weight;

/**
 * What the intersection of a soft prediction with a target is.
 */
typedef enum cvl_intersection {
  /**
   * `sum p t`.
   */
  CVL_INTERSECTION_PRODUCT = 0,
  /**
   * `sum min(p, t)`: segmentation_models_pytorch, and MONAI's `soft_label`.
   */
  CVL_INTERSECTION_MINIMUM,
} cvl_intersection;

/**
 * What a class without target points in an item does.
 */
typedef enum cvl_absent {
  /**
   * It counts, with the loss that smoothing gives it: MONAI.
   */
  CVL_ABSENT_COUNT = 0,
  /**
   * It leaves the average: kornia.
   */
  CVL_ABSENT_SKIP,
  /**
   * It has loss 0 and stays in the average: segmentation_models_pytorch.
   */
  CVL_ABSENT_ZERO,
} cvl_absent;

/**
 * Which classes count.
 */
typedef enum cvl_classes {
  /**
   * All.
   */
  CVL_CLASSES_ALL = 0,
  /**
   * All but class 0, unless it is the only one.
   */
  CVL_CLASSES_FOREGROUND,
  /**
   * Those of `listed_classes`.
   */
  CVL_CLASSES_LISTED,
} cvl_classes;

/**
 * What the weighted sum over classes is divided by.
 */
typedef enum cvl_class_average {
  /**
   * The number of classes that count: MONAI.
   */
  CVL_CLASS_AVERAGE_COUNT = 0,
  /**
   * The sum of their weights: segmentation_models_pytorch.
   */
  CVL_CLASS_AVERAGE_WEIGHTS,
} cvl_class_average;

/**
 * From a score `s` to a loss.
 */
typedef enum cvl_transform {
  /**
   * `1 - s`.
   */
  CVL_TRANSFORM_LINEAR = 0,
  /**
   * `-ln max(s, 1e-7)`.
   */
  CVL_TRANSFORM_LOG,
  /**
   * `ln cosh (1 - s)`.
   */
  CVL_TRANSFORM_LOG_COSH,
  /**
   * `-s`.
   */
  CVL_TRANSFORM_NEGATIVE,
  /**
   * `(1 - s)^gamma`.
   */
  CVL_TRANSFORM_POWER,
  /**
   * `(-ln max(s, 1e-7))^gamma`.
   */
  CVL_TRANSFORM_LOG_POWER,
} cvl_transform;

/**
 * What Dice's sums are of.
 */
typedef enum cvl_dice_form {
  /**
   * Probabilities.
   */
  CVL_DICE_FORM_PLAIN = 0,
  /**
   * Their squares in P and T: V-Net, MONAI's `squared_pred`.
   */
  CVL_DICE_FORM_SQUARED,
  /**
   * One score of all classes, each weighted by its volume; the average over classes has no effect.
   */
  CVL_DICE_FORM_GENERALIZED,
} cvl_dice_form;

/**
 * Where focal Tversky loss takes its power.
 */
typedef enum cvl_focal_power {
  /**
   * Of each class's loss, before the average: the paper.
   */
  CVL_FOCAL_POWER_PER_CLASS = 0,
  /**
   * Of the average: segmentation_models_pytorch.
   */
  CVL_FOCAL_POWER_AFTER_MEAN,
} cvl_focal_power;

/**
 * Whether a weight made of the prediction has a slope.
 */
typedef enum cvl_focus_slope {
  /**
   * It does: the derivative of the formula.
   */
  CVL_FOCUS_SLOPE_INCLUDED = 0,
  /**
   * It does not: the weight is a constant, timm's `disable_torch_grad_focal_loss`.
   */
  CVL_FOCUS_SLOPE_IGNORED,
} cvl_focus_slope;

/**
 * What the share of positives is taken over.
 */
typedef enum cvl_balance {
  /**
   * The whole batch: pytorch-toolbelt.
   */
  CVL_BALANCE_BATCH = 0,
  /**
   * Each item of axis 0 by itself, all channels: HED's training, one image at a time.
   */
  CVL_BALANCE_IMAGE,
} cvl_balance;

/**
 * What reduced focal loss divides `1 - p_t` by, once it damps.
 */
typedef enum cvl_reduced_scale {
  /**
   * The threshold: the paper, segmentation_models_pytorch. The loss jumps there unless the threshold is 0.5.
   */
  CVL_REDUCED_SCALE_THRESHOLD = 0,
  /**
   * One less the threshold, so that the loss is continuous: pytorch-toolbelt.
   */
  CVL_REDUCED_SCALE_CONTINUOUS,
} cvl_reduced_scale;

/**
 * What the mean of selected points divides by.
 */
typedef enum cvl_mined_mean {
  /**
   * Their number: nnU-Net.
   */
  CVL_MINED_MEAN_SELECTED = 0,
  /**
   * The number of all points that are not ignored: mmsegmentation.
   */
  CVL_MINED_MEAN_ALL,
} cvl_mined_mean;

/**
 * Which sides have an F1 score.
 */
typedef enum cvl_f1_sides {
  /**
   * Positives, and negatives by themselves: the mean of both.
   */
  CVL_F1_SIDES_BOTH = 0,
  /**
   * Positives: pytorch-toolbelt.
   */
  CVL_F1_SIDES_POSITIVES,
} cvl_f1_sides;

/**
 * Whether unified focal loss treats foreground and background alike.
 */
typedef enum cvl_unified_form {
  /**
   * It damps the background's points, and enhances the foreground's regions: MONAI.
   */
  CVL_UNIFIED_FORM_ASYMMETRIC = 0,
  /**
   * It does both to all classes.
   */
  CVL_UNIFIED_FORM_SYMMETRIC,
} cvl_unified_form;

/**
 * Which classes have a Lovasz loss.
 */
typedef enum cvl_lovasz_classes {
  /**
   * Those that the image, or the batch, has points of: the paper, segmentation_models_pytorch.
   */
  CVL_LOVASZ_CLASSES_PRESENT = 0,
  /**
   * All, kornia. The loss of an absent class is its largest error.
   */
  CVL_LOVASZ_CLASSES_ALL,
  /**
   * Those of `listed_classes`.
   */
  CVL_LOVASZ_CLASSES_LISTED,
} cvl_lovasz_classes;

/**
 * What the target of a boundary loss is.
 */
typedef enum cvl_boundary_target {
  /**
   * Classes, whose signed distances are computed.
   */
  CVL_BOUNDARY_TARGET_MASK = 0,
  /**
   * Signed distances (N, C, *), negative inside, in the input's type, as a data loader may compute once.
   */
  CVL_BOUNDARY_TARGET_DISTANCES,
} cvl_boundary_target;

/**
 * How a point weighs by distances.
 */
typedef enum cvl_distance_weighting {
  /**
   * More between objects that nearly touch: U-Net.
   */
  CVL_DISTANCE_WEIGHTING_BORDER = 0,
  /**
   * More near other classes: Caliva et al.
   */
  CVL_DISTANCE_WEIGHTING_PENALTY,
} cvl_distance_weighting;

/**
 * From a Hausdorff loss to the result.
 */
typedef enum cvl_hausdorff_transform {
  /**
   * As it is.
   */
  CVL_HAUSDORFF_TRANSFORM_LINEAR = 0,
  /**
   * `ln(1 + L)`, MONAI's `LogHausdorffDTLoss`; of the reduced loss, or of each image's.
   */
  CVL_HAUSDORFF_TRANSFORM_LOG,
} cvl_hausdorff_transform;

/**
 * What a positive weighs in varifocal loss.
 */
typedef enum cvl_positive_weight {
  /**
   * Its quality: mmdetection's `iou_weighted=True`, ultralytics.
   */
  CVL_POSITIVE_WEIGHT_QUALITY = 0,
  /**
   * 1.
   */
  CVL_POSITIVE_WEIGHT_ONE,
} cvl_positive_weight;

/**
 * Whether `eps` is squared under the root of Charbonnier loss.
 */
typedef enum cvl_charbonnier_eps {
  /**
   * `sqrt(d^2 + eps^2)`: the paper.
   */
  CVL_CHARBONNIER_EPS_SQUARED = 0,
  /**
   * `sqrt(d^2 + eps)`: BasicSR, pyiqa.
   */
  CVL_CHARBONNIER_EPS_PLAIN,
} cvl_charbonnier_eps;

/**
 * How soon large differences stop to count in the general robust loss.
 */
typedef enum cvl_robust_shape {
  /**
   * By `alpha`.
   */
  CVL_ROBUST_SHAPE_ALPHA = 0,
  /**
   * `ln(z^2/2 + 1)`.
   */
  CVL_ROBUST_SHAPE_CAUCHY,
  /**
   * `2 z^2 / (z^2 + 4)`.
   */
  CVL_ROBUST_SHAPE_GEMAN_MC_CLURE,
  /**
   * `1 - exp(-z^2/2)`.
   */
  CVL_ROBUST_SHAPE_WELSCH,
} cvl_robust_shape;

/**
 * Over what PSNR averages the squared error before the logarithm.
 */
typedef enum cvl_psnr_pooling {
  /**
   * Over each image: piq.
   */
  CVL_PSNR_POOLING_IMAGE = 0,
  /**
   * Over the whole batch: kornia.
   */
  CVL_PSNR_POOLING_BATCH,
} cvl_psnr_pooling;

/**
 * What a window sees beyond the border of an image, and where windows have their centres.
 */
typedef enum cvl_border {
  /**
   * Nothing: only windows that lie inside the image count.
   */
  CVL_BORDER_VALID = 0,
  /**
   * The image mirrored at its outermost pixels, which are not repeated.
   */
  CVL_BORDER_REFLECT,
  /**
   * The outermost pixels, repeated.
   */
  CVL_BORDER_REPLICATE,
  /**
   * Zeros.
   */
  CVL_BORDER_ZERO,
} cvl_border;

/**
 * The weights of the pixels in a window.
 */
typedef enum cvl_taps {
  /**
   * A Gaussian.
   */
  CVL_TAPS_GAUSSIAN = 0,
  /**
   * All equal.
   */
  CVL_TAPS_UNIFORM,
} cvl_taps;

/**
 * What happens to variances that rounding has made negative.
 */
typedef enum cvl_variance {
  /**
   * They become 0, and so does their slope.
   */
  CVL_VARIANCE_CLAMPED = 0,
  /**
   * Nothing.
   */
  CVL_VARIANCE_PLAIN,
} cvl_variance;

/**
 * What variances and covariances divide by.
 */
typedef enum cvl_covariance {
  /**
   * The sum of the window's weights.
   */
  CVL_COVARIANCE_POPULATION = 0,
  /**
   * One less than the number of its pixels, as for a sample.
   */
  CVL_COVARIANCE_SAMPLE,
} cvl_covariance;

/**
 * What a similarity `s` becomes.
 */
typedef enum cvl_ssim_form {
  /**
   * `1 - s`, from 0 to 2.
   */
  CVL_SSIM_FORM_WHOLE = 0,
  /**
   * `(1 - s)/2`, from 0 to 1: kornia.
   */
  CVL_SSIM_FORM_HALF,
} cvl_ssim_form;

/**
 * What an independent item of a loss of images is.
 */
typedef enum cvl_channels {
  /**
   * An image: the mean over its channels.
   */
  CVL_CHANNELS_AVERAGE = 0,
  /**
   * Each channel of each image by itself.
   */
  CVL_CHANNELS_SEPARATE,
} cvl_channels;

/**
 * What becomes of odd sizes when a picture is halved.
 */
typedef enum cvl_odd_pooling {
  /**
   * The last pixel is dropped: torchmetrics.
   */
  CVL_ODD_POOLING_DROP = 0,
  /**
   * The last pixel stands for itself: piqa.
   */
  CVL_ODD_POOLING_KEEP_LAST,
  /**
   * The first pixel stands for itself: piq, where all axes are odd.
   */
  CVL_ODD_POOLING_KEEP_FIRST,
  /**
   * The first pixel is averaged with a zero: pytorch_msssim.
   */
  CVL_ODD_POOLING_ZERO_FIRST,
} cvl_odd_pooling;

/**
 * What becomes of negative similarities before their power is taken.
 */
typedef enum cvl_negative_contrast {
  /**
   * 0, with slope 0.
   */
  CVL_NEGATIVE_CONTRAST_CLAMP = 0,
  /**
   * `(v + 1)/2` for every `v`.
   */
  CVL_NEGATIVE_CONTRAST_SHIFT,
} cvl_negative_contrast;

/**
 * What the product over levels is of.
 */
typedef enum cvl_channel_product {
  /**
   * Each channel by itself.
   */
  CVL_CHANNEL_PRODUCT_CHANNEL = 0,
  /**
   * Each image: means over channels before the product.
   */
  CVL_CHANNEL_PRODUCT_IMAGE,
} cvl_channel_product;

/**
 * What to do with images that are too small for the last levels.
 */
typedef enum cvl_small_image {
  /**
   * An error that says the least size.
   */
  CVL_SMALL_IMAGE_REFUSE = 0,
  /**
   * Fewer levels; the weights of those that are left grow to the same sum.
   */
  CVL_SMALL_IMAGE_FEWER_LEVELS,
} cvl_small_image;

/**
 * The four numbers of a box.
 */
typedef enum cvl_box_format {
  /**
   * Left, top, right, bottom.
   */
  CVL_BOX_FORMAT_XYXY = 0,
  /**
   * Left, top, width, height.
   */
  CVL_BOX_FORMAT_XYWH,
  /**
   * Centre, width, height.
   */
  CVL_BOX_FORMAT_CXCYWH,
} cvl_box_format;

/**
 * What the mean over pairs of boxes, or over points, divides by. 0 gives value 0 and gradient 0.
 */
typedef enum cvl_denominator {
  /**
   * Their number: torchvision.
   */
  CVL_DENOMINATOR_ITEMS = 0,
  /**
   * The sum of their weights.
   */
  CVL_DENOMINATOR_WEIGHTS,
  /**
   * A given number: the avg_factor of mmdetection.
   */
  CVL_DENOMINATOR_AVG_FACTOR,
} cvl_denominator;

/**
 * What becomes of an intersection over union.
 */
typedef enum cvl_iou_form {
  /**
   * `1 - IoU`.
   */
  CVL_IOU_FORM_LINEAR = 0,
  /**
   * `-ln IoU`, of an IoU of at least `eps`.
   */
  CVL_IOU_FORM_LOG,
  /**
   * `1 - IoU^2`.
   */
  CVL_IOU_FORM_SQUARE,
} cvl_iou_form;

/**
 * Whether a factor that grows with the IoU has a slope.
 */
typedef enum cvl_weight_slope {
  /**
   * It does: the derivative of the formula.
   */
  CVL_WEIGHT_SLOPE_THROUGH = 0,
  /**
   * It does not: a weight of the pair.
   */
  CVL_WEIGHT_SLOPE_CONSTANT,
} cvl_weight_slope;

/**
 * What becomes of the IoU of fused Gaussians.
 */
typedef enum cvl_kfiou_form {
  /**
   * `1 - KFIoU`: `none` of mmrotate.
   */
  CVL_KFIOU_FORM_LINEAR = 0,
  /**
   * `-ln(KFIoU + eps)`.
   */
  CVL_KFIOU_FORM_LOG,
  /**
   * `exp(1 - KFIoU) - 1`.
   */
  CVL_KFIOU_FORM_EXP,
} cvl_kfiou_form;

/**
 * Which divergence of two Gaussians.
 */
typedef enum cvl_divergence {
  /**
   * Of the target from the prediction: `kld` of mmrotate.
   */
  CVL_DIVERGENCE_FORWARD = 0,
  /**
   * The mean of both directions: `jd`.
   */
  CVL_DIVERGENCE_JEFFREYS,
  /**
   * The larger of both directions: `kld_symmax`.
   */
  CVL_DIVERGENCE_LARGEST,
  /**
   * The smaller: `kld_symmin`.
   */
  CVL_DIVERGENCE_SMALLEST,
} cvl_divergence;

/**
 * A function of the distance of two Gaussians.
 */
typedef enum cvl_distance_scale {
  /**
   * The distance itself.
   */
  CVL_DISTANCE_SCALE_LINEAR = 0,
  /**
   * Its root, of at least 1e-7.
   */
  CVL_DISTANCE_SCALE_SQRT,
  /**
   * `ln(1 + D)`.
   */
  CVL_DISTANCE_SCALE_LOG1P,
} cvl_distance_scale;

/**
 * The sign of SCYLLA-IoU's distance cost.
 */
typedef enum cvl_siou_sign {
  /**
   * The cost grows with the distance: the paper, mmdetection with `neg_gamma=True`.
   */
  CVL_SIOU_SIGN_PAPER = 0,
  /**
   * It falls with the distance, and the loss is clamped to [0, 2]: the default of mmdetection.
   */
  CVL_SIOU_SIGN_MM_DETECTION,
} cvl_siou_sign;

/**
 * How much a pair counts in Wise-IoU.
 */
typedef enum cvl_wise_version {
  /**
   * `r = 1`: all pairs the same.
   */
  CVL_WISE_VERSION_V1 = 0,
  /**
   * `r = b^gamma`: hard pairs more.
   */
  CVL_WISE_VERSION_V2,
  /**
   * `r = b/(delta alpha^(b - delta))`: neither easy pairs nor outliers.
   */
  CVL_WISE_VERSION_V3,
} cvl_wise_version;

/**
 * What finds edges.
 */
typedef enum cvl_edge_filter {
  /**
   * `[-1 0 1] x [1 2 1]` along both axes.
   */
  CVL_EDGE_FILTER_SOBEL = 0,
  /**
   * `[-1 0 1] x [3 10 3]` along both axes.
   */
  CVL_EDGE_FILTER_SCHARR,
  /**
   * The sum of the four neighbours less four times the pixel.
   */
  CVL_EDGE_FILTER_LAPLACIAN4,
  /**
   * The sum of the eight neighbours less eight times the pixel.
   */
  CVL_EDGE_FILTER_LAPLACIAN8,
} cvl_edge_filter;

/**
 * Whether coefficients are divided by the sum of their absolute values.
 */
typedef enum cvl_edge_scale {
  /**
   * They are, as by default in kornia.
   */
  CVL_EDGE_SCALE_UNIT = 0,
  /**
   * They are not.
   */
  CVL_EDGE_SCALE_INTEGER,
} cvl_edge_scale;

/**
 * What a response costs.
 */
typedef enum cvl_edge_penalty {
  /**
   * `|r|`
   */
  CVL_EDGE_PENALTY_ABSOLUTE = 0,
  /**
   * `r^2`
   */
  CVL_EDGE_PENALTY_SQUARE,
  /**
   * `sqrt(r^2 + eps^2)`
   */
  CVL_EDGE_PENALTY_CHARBONNIER,
} cvl_edge_penalty;

/**
 * What a filter sees beyond the border.
 */
typedef enum cvl_edge_border {
  /**
   * The nearest pixel, as `kornia.filters.sobel`.
   */
  CVL_EDGE_BORDER_REPLICATE = 0,
  /**
   * The pixel on the other side of the outermost one, as `kornia.filters.laplacian`.
   */
  CVL_EDGE_BORDER_REFLECT,
  /**
   * 0.
   */
  CVL_EDGE_BORDER_ZERO,
  /**
   * Nothing: no response where the filter leaves the image.
   */
  CVL_EDGE_BORDER_VALID,
} cvl_edge_border;

/**
 * What of a coefficient is compared.
 */
typedef enum cvl_fft_form {
  /**
   * `|Re| + |Im|`, the mean over both.
   */
  CVL_FFT_FORM_PARTS = 0,
  /**
   * `|F|`, the mean over coefficients.
   */
  CVL_FFT_FORM_MAGNITUDE,
} cvl_fft_form;

/**
 * The factor of a transform.
 */
typedef enum cvl_fft_norm {
  /**
   * 1, as `torch.fft.fft2` by default.
   */
  CVL_FFT_NORM_BACKWARD = 0,
  /**
   * `1/sqrt(H W)`.
   */
  CVL_FFT_NORM_ORTHO,
} cvl_fft_norm;

/**
 * What a coefficient weighs, by its own error.
 */
typedef enum cvl_spectrum_weight {
  /**
   * `|F|^alpha`
   */
  CVL_SPECTRUM_WEIGHT_POWER = 0,
  /**
   * `ln(|F|^alpha + 1)`, the log_matrix of the paper.
   */
  CVL_SPECTRUM_WEIGHT_LOG,
} cvl_spectrum_weight;

/**
 * Over what the weights of a spectrum are divided by their largest.
 */
typedef enum cvl_spectrum_peak {
  /**
   * Each patch of each channel.
   */
  CVL_SPECTRUM_PEAK_PATCH = 0,
  /**
   * The whole batch, the batch_matrix of the paper; not with CVL_REDUCTION_NONE.
   */
  CVL_SPECTRUM_PEAK_BATCH,
} cvl_spectrum_peak;

/**
 * Whose spectra are compared.
 */
typedef enum cvl_spectrum_pooling {
  /**
   * Each image's.
   */
  CVL_SPECTRUM_POOLING_IMAGE = 0,
  /**
   * The mean over the batch, the ave_spectrum of the paper; the value is a scalar.
   */
  CVL_SPECTRUM_POOLING_BATCH,
} cvl_spectrum_pooling;

/**
 * How differences to neighbours become a number.
 */
typedef enum cvl_variation_norm {
  /**
   * `sum |d|`.
   */
  CVL_VARIATION_NORM_ANISOTROPIC = 0,
  /**
   * `sum sqrt(d_w^2 + d_h^2 + d_d^2)` over pixels.
   */
  CVL_VARIATION_NORM_ISOTROPIC,
  /**
   * `sum d^2`.
   */
  CVL_VARIATION_NORM_SQUARED,
  /**
   * `sqrt(sum d^2)` over the whole image.
   */
  CVL_VARIATION_NORM_ROOT,
} cvl_variation_norm;

/**
 * What the sum over an image is divided by.
 */
typedef enum cvl_variation_scale {
  /**
   * Nothing.
   */
  CVL_VARIATION_SCALE_TOTAL = 0,
  /**
   * Along each axis, by the number of its differences; isotropic: by the number of pixels.
   */
  CVL_VARIATION_SCALE_DIFFERENCES,
} cvl_variation_scale;

/**
 * How far two features are apart.
 */
typedef enum cvl_feature_distance {
  /**
   * `|f - r|`
   */
  CVL_FEATURE_DISTANCE_ABSOLUTE = 0,
  /**
   * `(f - r)^2`
   */
  CVL_FEATURE_DISTANCE_SQUARED,
} cvl_feature_distance;

/**
 * Which features are compared.
 */
typedef enum cvl_feature_pooling {
  /**
   * Those of each pair of items: pix2pixHD.
   */
  CVL_FEATURE_POOLING_ITEMS = 0,
  /**
   * Their means over the batch: the paper; not with CVL_REDUCTION_NONE.
   */
  CVL_FEATURE_POOLING_BATCH_MEANS,
} cvl_feature_pooling;

/**
 * The function behind an adversarial loss.
 */
typedef enum cvl_gan_form {
  /**
   * Cross-entropy, which the generator maximises: its gradient vanishes where the discriminator is sure.
   */
  CVL_GAN_FORM_MINIMAX = 0,
  /**
   * Cross-entropy on both sides, each with its own labels.
   */
  CVL_GAN_FORM_NON_SATURATING,
  /**
   * `factor (x - label)^2`.
   */
  CVL_GAN_FORM_LEAST_SQUARES,
  /**
   * The logits themselves.
   */
  CVL_GAN_FORM_WASSERSTEIN,
  /**
   * `max(0, 1 -+ x)`; the generator takes the logits themselves, unless the loss is relativistic.
   */
  CVL_GAN_FORM_HINGE,
} cvl_gan_form;

/**
 * What a logit is compared with.
 */
typedef enum cvl_pairing {
  /**
   * With nothing.
   */
  CVL_PAIRING_STANDARD = 0,
  /**
   * With the logit at its place on the other side: RpGAN.
   */
  CVL_PAIRING_PAIRED,
  /**
   * With the mean of the other side: RaGAN; not with CVL_REDUCTION_NONE.
   */
  CVL_PAIRING_AVERAGE,
} cvl_pairing;

/**
 * Which distances of LeCam regularisation count.
 */
typedef enum cvl_lecam_form {
  /**
   * Only those on the side that the discriminator tends to: the authors' code.
   */
  CVL_LECAM_FORM_RECTIFIED = 0,
  /**
   * All: the formula of the paper.
   */
  CVL_LECAM_FORM_SQUARED,
} cvl_lecam_form;

/**
 * A network of torchvision, of which losses use the convolution layers.
 */
typedef enum cvl_trunk {
  /**
   * `torchvision.models.vgg16`. Features: conv1_1, relu1_1, pool1 … relu5_3, pool5.
   */
  CVL_TRUNK_VGG16 = 0,
  /**
   * `torchvision.models.vgg19`. Features: conv1_1, relu1_1, pool1 … relu5_4, pool5.
   */
  CVL_TRUNK_VGG19,
  /**
   * `torchvision.models.alexnet`. Features: conv1, relu1 … relu5, pool1, pool2, pool5.
   */
  CVL_TRUNK_ALEXNET,
  /**
   * `torchvision.models.squeezenet1_1`. Features: conv1, relu1, pool1, fire2 … fire9, pool3, pool5.
   */
  CVL_TRUNK_SQUEEZENET,
} cvl_trunk;

/**
 * What the numbers of an image mean.
 */
typedef enum cvl_input_range {
  /**
   * 0 to 1, as torchvision and piq take images.
   */
  CVL_INPUT_RANGE_ZERO_ONE = 0,
  /**
   * -1 to 1, as `lpips` takes images.
   */
  CVL_INPUT_RANGE_MINUS_ONE_ONE,
  /**
   * 0 to 255.
   */
  CVL_INPUT_RANGE_BYTES,
} cvl_input_range;

/**
 * How images in 0 to 1 are normalised before a network.
 */
typedef enum cvl_image_normalization {
  /**
   * By ImageNet's mean and deviation, as the networks were trained.
   */
  CVL_IMAGE_NORMALIZATION_IMAGENET = 0,
  /**
   * Not at all.
   */
  CVL_IMAGE_NORMALIZATION_NONE,
  /**
   * By the constants of `lpips`, which are ImageNet's, rounded.
   */
  CVL_IMAGE_NORMALIZATION_LPIPS,
} cvl_image_normalization;

/**
 * How features of a layer are compared; `C H W` is their number.
 */
typedef enum cvl_feature_metric {
  /**
   * `sum |x - t| / (C H W)`.
   */
  CVL_FEATURE_METRIC_L1 = 0,
  /**
   * `sqrt(sum (x - t)^2 / (C H W))`; slope 0 where both are equal.
   */
  CVL_FEATURE_METRIC_L2,
  /**
   * `sum (x - t)^2 / (C H W)`.
   */
  CVL_FEATURE_METRIC_SQUARED_L2,
} cvl_feature_metric;

/**
 * What a Gram matrix of C channels and M pixels is divided by.
 */
typedef enum cvl_gram_normalization {
  /**
   * Nothing.
   */
  CVL_GRAM_NORMALIZATION_NONE = 0,
  /**
   * `C M`.
   */
  CVL_GRAM_NORMALIZATION_CHW,
  /**
   * `2 C M`, so that CVL_GRAM_METRIC_SQUARED_SUM gives what Gatys et al. have.
   */
  CVL_GRAM_NORMALIZATION_GATYS,
} cvl_gram_normalization;

/**
 * How Gram matrices of C x C numbers are compared.
 */
typedef enum cvl_gram_metric {
  /**
   * The sum of squared differences.
   */
  CVL_GRAM_METRIC_SQUARED_SUM = 0,
  /**
   * The same over `C^2`.
   */
  CVL_GRAM_METRIC_SQUARED_MEAN,
  /**
   * The sum of absolute differences over `C^2`.
   */
  CVL_GRAM_METRIC_ABSOLUTE_MEAN,
} cvl_gram_metric;

/**
 * The network of LPIPS.
 */
typedef enum cvl_lpips_network {
  /**
   * AlexNet: the authors' advice for comparing images.
   */
  CVL_LPIPS_NETWORK_ALEX = 0,
  /**
   * VGG16: the authors' advice for optimisation.
   */
  CVL_LPIPS_NETWORK_VGG,
  /**
   * SqueezeNet 1.1: the smallest.
   */
  CVL_LPIPS_NETWORK_SQUEEZE,
} cvl_lpips_network;

/**
 * How generalised Wasserstein Dice weighs classes.
 */
typedef enum cvl_wasserstein_weighting {
  /**
   * Hits of class 0 do not count, errors of all classes do.
   */
  CVL_WASSERSTEIN_WEIGHTING_FOREGROUND = 0,
  /**
   * A class counts by one over one more than its points.
   */
  CVL_WASSERSTEIN_WEIGHTING_VOLUME,
} cvl_wasserstein_weighting;

/**
 * The weight of each scale of `cvl_multi_scale_new`.
 */
typedef enum cvl_scale_weights {
  /**
   * 1, 1/2, 1/4, ..., at least 1/16.
   */
  CVL_SCALE_WEIGHTS_HALVING = 0,
  /**
   * 1 for all.
   */
  CVL_SCALE_WEIGHTS_SAME,
  /**
   * 1 for the first, 1/2 for the others.
   */
  CVL_SCALE_WEIGHTS_HALF,
  /**
   * `weights`.
   */
  CVL_SCALE_WEIGHTS_LISTED,
} cvl_scale_weights;

/**
 * What becomes of an axis that cells do not divide.
 */
typedef enum cvl_uneven_scale {
  /**
   * It is an error.
   */
  CVL_UNEVEN_SCALE_REFUSE = 0,
  /**
   * What is left at its end is dropped.
   */
  CVL_UNEVEN_SCALE_DROP_REST,
  /**
   * What is left at its end is a smaller cell.
   */
  CVL_UNEVEN_SCALE_SMALL_CELL,
} cvl_uneven_scale;

/**
 * How soft targets, images and weight maps are brought to a scale.
 */
typedef enum cvl_scale_pooling {
  /**
   * The mean of each cell.
   */
  CVL_SCALE_POOLING_AVERAGE = 0,
  /**
   * The point in the middle of each cell.
   */
  CVL_SCALE_POOLING_NEAREST,
} cvl_scale_pooling;

/**
 * A loss: its configuration and constants. Immutable; usable from any number of threads at once.
 */
typedef struct cvl_loss cvl_loss;

/**
 * Options of feature matching.
 */
typedef struct cvl_feature_matching_config {
  /**
   * Set by `cvl_feature_matching_config_init`.
   */
  size_t struct_size;
  /**
   * A `cvl_feature_distance`. Default CVL_FEATURE_DISTANCE_ABSOLUTE.
   */
  uint32_t distance;
  /**
   * A `cvl_feature_pooling`. Default CVL_FEATURE_POOLING_ITEMS.
   */
  uint32_t pooling;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_feature_matching_config;

/**
 * Options of an adversarial loss: the same struct makes the discriminator's loss and the generator's.
 */
typedef struct cvl_adversarial_config {
  /**
   * Set by `cvl_adversarial_config_init`.
   */
  size_t struct_size;
  /**
   * Of CVL_GAN_FORM_LEAST_SQUARES, above 0. Default 0.5.
   */
  double factor;
  /**
   * What cross-entropy and least squares draw real logits to; 0.9 is one-sided label smoothing. Default 1.
   */
  double label_real;
  /**
   * And fake logits, for the discriminator. Default 0.
   */
  double label_fake;
  /**
   * And fake logits, for the generator. Default 1.
   */
  double label_generator;
  /**
   * A `cvl_gan_form`. Default CVL_GAN_FORM_NON_SATURATING.
   */
  uint32_t form;
  /**
   * A `cvl_pairing`. Default CVL_PAIRING_STANDARD.
   */
  uint32_t pairing;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_adversarial_config;

/**
 * Options of LeCam regularisation.
 */
typedef struct cvl_lecam_config {
  /**
   * Set by `cvl_lecam_config_init`.
   */
  size_t struct_size;
  /**
   * The running mean of real logits: state of yours. Make a new handle with both means for each step (that is
   * cheap), and update them yourself: `0.99 mean + 0.01 (mean of the step's logits)` in the authors' code. Default
   * 0.
   */
  double real_mean;
  /**
   * The running mean of fake logits. Default 0.
   */
  double fake_mean;
  /**
   * A `cvl_lecam_form`. Default CVL_LECAM_FORM_RECTIFIED.
   */
  uint32_t form;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_lecam_config;

/**
 * Options of balanced L1.
 */
typedef struct cvl_balanced_l1_config {
  /**
   * Set by `cvl_balanced_l1_config_init`.
   */
  size_t struct_size;
  /**
   * Lower: steeper slopes of small differences. Above 0. Default 0.5.
   */
  double alpha;
  /**
   * The slope of large differences, above 0, at most 69 times `alpha`. Default 1.5.
   */
  double gamma;
  /**
   * Where large differences begin, above 0. Default 1.
   */
  double beta;
  /**
   * A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_balanced_l1_config;

/**
 * What all losses of axis-aligned boxes share.
 */
typedef struct cvl_boxes_config {
  /**
   * Set by `cvl_boxes_config_init`.
   */
  size_t struct_size;
  /**
   * Added to what is divided by, in 1e-30..=1. Default 1e-7.
   */
  double eps;
  /**
   * Above 0; what CVL_DENOMINATOR_AVG_FACTOR divides by. Default 1.
   */
  double avg_factor;
  /**
   * A `cvl_box_format`. Default CVL_BOX_FORMAT_XYXY.
   */
  uint32_t format;
  /**
   * A `cvl_denominator`. Default CVL_DENOMINATOR_ITEMS.
   */
  uint32_t denominator;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_boxes_config;

/**
 * Options of bounded IoU.
 */
typedef struct cvl_bounded_iou_config {
  /**
   * Set by `cvl_bounded_iou_config_init`.
   */
  size_t struct_size;
  /**
   * Format, denominator and reduction; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_boxes_config *boxes;
  /**
   * Below it, a term is quadratic; above 0. Default 0.2.
   */
  double beta;
} cvl_bounded_iou_config;

/**
 * Changes of the overlap term and of the penalties of a loss of boxes.
 *
 * `L = 1 - m^alpha + sum_k P_k^alpha`, `m = clamp((IoU_inner - low)/(high - low), 0, 1)`.
 */
typedef struct cvl_overlap_config {
  /**
   * Set by `cvl_overlap_config_init`.
   */
  size_t struct_size;
  /**
   * Alpha-IoU: the power of the IoU and of each penalty, above 0. Default 1.
   */
  double alpha;
  /**
   * Inner-IoU: scale of the boxes whose IoU counts, above 0. Default 1.
   */
  double inner;
  /**
   * Focaler-IoU: the IoU that counts as 0. Default 0.
   */
  double focaler_low;
  /**
   * Focaler-IoU: the IoU that counts as 1, above `focaler_low`. Default 1.
   */
  double focaler_high;
} cvl_overlap_config;

/**
 * Options of complete IoU.
 */
typedef struct cvl_ciou_config {
  /**
   * Set by `cvl_ciou_config_init`.
   */
  size_t struct_size;
  /**
   * Format, denominator and reduction; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_boxes_config *boxes;
  /**
   * Combinators; copied by the constructor. NULL for none.
   */
  const struct cvl_overlap_config *overlap;
} cvl_ciou_config;

/**
 * Options of distance IoU.
 */
typedef struct cvl_diou_config {
  /**
   * Set by `cvl_diou_config_init`.
   */
  size_t struct_size;
  /**
   * Format, denominator and reduction; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_boxes_config *boxes;
  /**
   * Combinators; copied by the constructor. NULL for none.
   */
  const struct cvl_overlap_config *overlap;
} cvl_diou_config;

/**
 * Options of distribution focal loss.
 */
typedef struct cvl_distribution_focal_config {
  /**
   * Set by `cvl_distribution_focal_config_init`.
   */
  size_t struct_size;
  /**
   * How far below the last bin targets are clamped, in [0, 1). Default 0; ultralytics: 0.01.
   */
  double margin;
  /**
   * Above 0; what CVL_DENOMINATOR_AVG_FACTOR divides by. Default 1.
   */
  double avg_factor;
  /**
   * A `cvl_denominator`. Default CVL_DENOMINATOR_ITEMS.
   */
  uint32_t denominator;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_distribution_focal_config;

/**
 * Options of efficient IoU.
 */
typedef struct cvl_efficient_iou_config {
  /**
   * Set by `cvl_efficient_iou_config_init`.
   */
  size_t struct_size;
  /**
   * Format, denominator and reduction; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_boxes_config *boxes;
  /**
   * Combinators; copied by the constructor. NULL for none.
   */
  const struct cvl_overlap_config *overlap;
  /**
   * Power of the focus, at least 0; Focal-EIoU above 0. Default 0.
   */
  double gamma;
  /**
   * A `cvl_weight_slope`. Default CVL_WEIGHT_SLOPE_THROUGH.
   */
  uint32_t focus_slope;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_efficient_iou_config;

/**
 * Options of extended IoU.
 */
typedef struct cvl_extended_iou_config {
  /**
   * Set by `cvl_extended_iou_config_init`.
   */
  size_t struct_size;
  /**
   * Format, denominator and reduction; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_boxes_config *boxes;
  /**
   * `s`, below which the loss is quadratic; above 0. Default 0.1.
   */
  double smooth_point;
} cvl_extended_iou_config;

/**
 * Options of Gaussian focal loss.
 */
typedef struct cvl_gaussian_focal_config {
  /**
   * Set by `cvl_gaussian_focal_config_init`.
   */
  size_t struct_size;
  /**
   * The power of the probability, at least 0. Default 2.
   */
  double alpha;
  /**
   * The power of the distance from a peak, at least 0. Default 4.
   */
  double gamma;
  /**
   * Elements with this target have value 0 and leave the mean's denominator. Default NaN, which no target equals.
   */
  double ignore_index;
  /**
   * A `cvl_normalizer`; CVL_NORMALIZER_POSITIVES counts peaks. Default CVL_NORMALIZER_POSITIVES.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_gaussian_focal_config;

/**
 * Options of gradient harmonised loss.
 */
typedef struct cvl_ghm_config {
  /**
   * Set by `cvl_ghm_config_init`.
   */
  size_t struct_size;
  /**
   * The density of each bin, as running means over steps that you keep; a bin with 0 has its number of this call.
   * Copied by `cvl_ghm_new`. NULL for the numbers of this call.
   */
  const double *densities;
  /**
   * How many numbers `densities` has.
   */
  size_t num_densities;
  /**
   * How many bins, 1 to 65536. Default 10.
   */
  size_t bins;
  /**
   * Elements with this target do not count. Default NaN, which no target equals.
   */
  double ignore_index;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_ghm_config;

/**
 * Options of gradient harmonised regression loss.
 */
typedef struct cvl_ghm_regression_config {
  /**
   * Set by `cvl_ghm_regression_config_init`.
   */
  size_t struct_size;
  /**
   * The density of each bin, as running means over steps that you keep; a bin with 0 has its number of this call.
   * Copied by `cvl_ghm_regression_new`. NULL for the numbers of this call.
   */
  const double *densities;
  /**
   * How many numbers `densities` has.
   */
  size_t num_densities;
  /**
   * How many bins, 1 to 65536. Default 10.
   */
  size_t bins;
  /**
   * Above 0: differences below it count little. Default 0.02.
   */
  double mu;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_ghm_regression_config;

/**
 * Options of generalised IoU.
 */
typedef struct cvl_giou_config {
  /**
   * Set by `cvl_giou_config_init`.
   */
  size_t struct_size;
  /**
   * Format, denominator and reduction; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_boxes_config *boxes;
  /**
   * Combinators; copied by the constructor. NULL for none.
   */
  const struct cvl_overlap_config *overlap;
} cvl_giou_config;

/**
 * What all losses of rotated boxes share.
 */
typedef struct cvl_rotated_boxes_config {
  /**
   * Set by `cvl_rotated_boxes_config_init`.
   */
  size_t struct_size;
  /**
   * Added to what is divided by, in 1e-30..=1. Default 1e-7.
   */
  double eps;
  /**
   * Above 0; what CVL_DENOMINATOR_AVG_FACTOR divides by. Default 1.
   */
  double avg_factor;
  /**
   * A `cvl_denominator`. Default CVL_DENOMINATOR_ITEMS.
   */
  uint32_t denominator;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_rotated_boxes_config;

/**
 * Options of the Gaussian Wasserstein distance.
 */
typedef struct cvl_gwd_config {
  /**
   * Set by `cvl_gwd_config_init`.
   */
  size_t struct_size;
  /**
   * Denominator and reduction; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_rotated_boxes_config *boxes;
  /**
   * 0, or at least 1: then the loss is `1 - 1/(tau + f)`. Default 0.
   */
  double tau;
  /**
   * Weight of shape against centre, above 0. Default 1.
   */
  double alpha;
  /**
   * A `cvl_distance_scale`. Default CVL_DISTANCE_SCALE_LOG1P.
   */
  uint32_t scale;
  /**
   * 1: the distance is divided by twice the size of the boxes. Default 1.
   */
  uint32_t normalize;
} cvl_gwd_config;

/**
 * Options of intersection over union.
 */
typedef struct cvl_iou_config {
  /**
   * Set by `cvl_iou_config_init`.
   */
  size_t struct_size;
  /**
   * Format, denominator and reduction; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_boxes_config *boxes;
  /**
   * Combinators; copied by the constructor. NULL for none.
   */
  const struct cvl_overlap_config *overlap;
  /**
   * A `cvl_iou_form`. Default CVL_IOU_FORM_LINEAR.
   */
  uint32_t form;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_iou_config;

/**
 * Options of Kalman-filter IoU.
 */
typedef struct cvl_kfiou_config {
  /**
   * Set by `cvl_kfiou_config_init`.
   */
  size_t struct_size;
  /**
   * Denominator and reduction; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_rotated_boxes_config *boxes;
  /**
   * Where the smooth L1 becomes linear, above 0. Default 1/9.
   */
  double beta;
  /**
   * A `cvl_kfiou_form`. Default CVL_KFIOU_FORM_LINEAR.
   */
  uint32_t form;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_kfiou_config;

/**
 * Options of the Kullback-Leibler divergence.
 */
typedef struct cvl_kld_config {
  /**
   * Set by `cvl_kld_config_init`.
   */
  size_t struct_size;
  /**
   * Denominator and reduction; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_rotated_boxes_config *boxes;
  /**
   * 0, or at least 1: then the loss is `1 - 1/(tau + f)`. Default 0.
   */
  double tau;
  /**
   * Weight of shape against centre, above 0. Default 1.
   */
  double alpha;
  /**
   * A `cvl_divergence`. Default CVL_DIVERGENCE_FORWARD.
   */
  uint32_t divergence;
  /**
   * 1: the root is taken, of at least 1e-7. Default 1.
   */
  uint32_t root;
  /**
   * A `cvl_distance_scale`. Default CVL_DISTANCE_SCALE_LOG1P.
   */
  uint32_t scale;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_kld_config;

/**
 * Options of minimum points distance IoU.
 */
typedef struct cvl_mpdiou_config {
  /**
   * Set by `cvl_mpdiou_config_init`.
   */
  size_t struct_size;
  /**
   * Format, denominator and reduction; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_boxes_config *boxes;
  /**
   * Combinators; copied by the constructor. NULL for none.
   */
  const struct cvl_overlap_config *overlap;
  /**
   * `W`, of the image in the units of the boxes, above 0. Default 640.
   */
  double image_width;
  /**
   * `H`. Default 640.
   */
  double image_height;
} cvl_mpdiou_config;

/**
 * Options of the normalised Gaussian Wasserstein distance.
 */
typedef struct cvl_nwd_config {
  /**
   * Set by `cvl_nwd_config_init`.
   */
  size_t struct_size;
  /**
   * Format, denominator and reduction; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_boxes_config *boxes;
  /**
   * `C`, a typical size of the boxes, in their units, above 0. Default 12.8.
   */
  double constant;
} cvl_nwd_config;

/**
 * Options of probabilistic IoU.
 */
typedef struct cvl_probiou_config {
  /**
   * Set by `cvl_probiou_config_init`.
   */
  size_t struct_size;
  /**
   * Denominator and reduction; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_rotated_boxes_config *boxes;
} cvl_probiou_config;

/**
 * Options of quality focal loss.
 */
typedef struct cvl_quality_focal_config {
  /**
   * Set by `cvl_quality_focal_config_init`.
   */
  size_t struct_size;
  /**
   * The power of the distance, at least 1. Default 2.
   */
  double beta;
  /**
   * Elements with this target have value 0 and leave the mean's denominator. Default NaN, which no target equals.
   */
  double ignore_index;
  /**
   * A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_quality_focal_config;

/**
 * Options of the exact IoU of rotated boxes.
 */
typedef struct cvl_rotated_iou_config {
  /**
   * Set by `cvl_rotated_iou_config_init`.
   */
  size_t struct_size;
  /**
   * Denominator and reduction; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_rotated_boxes_config *boxes;
  /**
   * A `cvl_iou_form`. Default CVL_IOU_FORM_LINEAR.
   */
  uint32_t form;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_rotated_iou_config;

/**
 * Options of SCYLLA-IoU.
 */
typedef struct cvl_siou_config {
  /**
   * Set by `cvl_siou_config_init`.
   */
  size_t struct_size;
  /**
   * Format, denominator and reduction; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_boxes_config *boxes;
  /**
   * Combinators; copied by the constructor. NULL for none.
   */
  const struct cvl_overlap_config *overlap;
  /**
   * Power of the shape cost, above 0. Default 4.
   */
  double theta;
  /**
   * A `cvl_siou_sign`. Default CVL_SIOU_SIGN_PAPER.
   */
  uint32_t sign;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_siou_config;

/**
 * Options of varifocal loss.
 */
typedef struct cvl_varifocal_config {
  /**
   * Set by `cvl_varifocal_config_init`.
   */
  size_t struct_size;
  /**
   * The factor of negatives, at least 0. Default 0.75.
   */
  double alpha;
  /**
   * The power of a negative's probability, at least 0. Default 2.
   */
  double gamma;
  /**
   * Elements with this target have value 0 and leave the mean's denominator. Default NaN, which no target equals.
   */
  double ignore_index;
  /**
   * A `cvl_positive_weight`. Default CVL_POSITIVE_WEIGHT_QUALITY.
   */
  uint32_t positives;
  /**
   * A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_varifocal_config;

/**
 * Options of Wise-IoU.
 */
typedef struct cvl_wise_iou_config {
  /**
   * Set by `cvl_wise_iou_config_init`.
   */
  size_t struct_size;
  /**
   * Format, denominator and reduction; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_boxes_config *boxes;
  /**
   * Combinators; copied by the constructor. NULL for none.
   */
  const struct cvl_overlap_config *overlap;
  /**
   * The running mean of `1 - IoU` over the training, above 0: state of yours. Make a new handle with it for each
   * step (that is cheap), and afterwards move it towards the value of `cvl_iou_new` for the step's boxes. Default 1.
   */
  double mean;
  /**
   * Power of `b` in version 2, at least 0. Default 0.5.
   */
  double gamma;
  /**
   * Of version 3, above 1. Default 1.7.
   */
  double alpha;
  /**
   * Of version 3, above 0. Default 2.7.
   */
  double delta;
  /**
   * A `cvl_wise_version`. Default CVL_WISE_VERSION_V1.
   */
  uint32_t version;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_wise_iou_config;

/**
 * Where memory lies: DLPack's DLDevice.
 */
typedef struct cvl_device {
  /**
   * DLPack's DLDeviceType: kDLCPU = 1, kDLCUDAHost = 3 and kDLROCMHost = 11 are memory of the host, kDLCUDA = 2 that of
   * an NVIDIA GPU, for a library that was built with the feature `cuda`, kDLMetal = 8 a buffer of an Apple GPU, for one
   * with the feature `metal`.
   */
  int32_t type;
  /**
   * Which one of several.
   */
  int32_t id;
} cvl_device;

/**
 * What elements are: DLPack's DLDataType.
 */
typedef struct cvl_dtype {
  /**
   * DLPack's DLDataTypeCode: kDLInt = 0, kDLUInt = 1, kDLFloat = 2, kDLBfloat = 4, kDLBool = 6.
   */
  uint8_t code;
  /**
   * Bits of an element.
   */
  uint8_t bits;
  /**
   * 1.
   */
  uint16_t lanes;
} cvl_dtype;

/**
 * A borrowed tensor. Bit for bit DLPack's DLTensor; `cvloss_dlpack.h` has the checked cast.
 *
 * Element types: float32, float64, float16, bfloat16; for class indices and binary targets also uint8, uint32, int64
 * and bool. Strides may be anything that is not negative and lets the kernels walk items, channels and space with one
 * stride each: dense, channels last, slices along items and channels. Other layouts are refused, never copied. On a GPU
 * tensors are dense, last axis fastest; weights may have strides of 0.
 */
typedef struct cvl_tensor {
  /**
   * The memory, with Metal an `id<MTLBuffer>`; NULL if there are no elements.
   */
  void *data;
  /**
   * Where it lies.
   */
  struct cvl_device device;
  /**
   * How many axes, at most 8.
   */
  int32_t ndim;
  /**
   * What elements are.
   */
  struct cvl_dtype dtype;
  /**
   * `ndim` lengths.
   */
  const int64_t *shape;
  /**
   * `ndim` strides counted in elements, or NULL for dense, last axis fastest.
   */
  const int64_t *strides;
  /**
   * Bytes from the beginning of the memory to the first element.
   */
  uint64_t byte_offset;
} cvl_tensor;

/**
 * What a call reads and where its results go. Initialise it with `cvl_eval_args_init`.
 */
typedef struct cvl_eval_args {
  /**
   * Set by `cvl_eval_args_init`.
   */
  size_t struct_size;
  /**
   * `num_inputs` tensors in the order that `cvl_NAME_new` documents; an optional one may be NULL or left out at the end.
   */
  const struct cvl_tensor *const *inputs;
  /**
   * NULL, or `num_inputs` tensors; a NULL entry is a gradient that is not wanted. A gradient has its input's shape and
   * element type, or float32 for half inputs.
   */
  const struct cvl_tensor *const *grads;
  /**
   * How many inputs.
   */
  uint32_t num_inputs;
  /**
   * 0 or CVL_EVAL_ACCUMULATE.
   */
  uint32_t flags;
  /**
   * Where the value goes; NULL if it is not wanted. A scalar, or one number per item with CVL_REDUCTION_NONE, of
   * float32, or float64 for float64 inputs.
   */
  const struct cvl_tensor *value;
  /**
   * The gradient with respect to the value, in its shape and element type; NULL for ones.
   */
  const struct cvl_tensor *upstream;
  /**
   * Multiplies gradients, not the value: the loss's weight, or a loss scale. Default 1.
   */
  double grad_scale;
  /**
   * The stream of a device: a CUstream or cudaStream_t, NULL for the default stream; an `id<MTLCommandQueue>`. Ignored for
   * host memory.
   */
  void *stream;
  /**
   * Work memory of `cvl_loss_workspace` bytes where the tensors are, aligned to 8, on a CUDA device to 256; with Metal an
   * `id<MTLBuffer>`. NULL if the library is to allocate.
   */
  void *workspace;
  /**
   * Bytes of `workspace`.
   */
  size_t workspace_size;
} cvl_eval_args;

/**
 * Options of Charbonnier loss.
 */
typedef struct cvl_charbonnier_config {
  /**
   * Set by `cvl_charbonnier_config_init`.
   */
  size_t struct_size;
  /**
   * Above 0. Default 1e-3.
   */
  double eps;
  /**
   * A `cvl_charbonnier_eps`. Default CVL_CHARBONNIER_EPS_SQUARED.
   */
  uint32_t form;
  /**
   * A `cvl_normalizer`; CVL_NORMALIZER_WEIGHTS makes a mask leave the mean. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_charbonnier_config;

/**
 * Options of edge loss.
 */
typedef struct cvl_edge_config {
  /**
   * Set by `cvl_edge_config_init`.
   */
  size_t struct_size;
  /**
   * Of CVL_EDGE_PENALTY_CHARBONNIER, above 0. Default 1e-3.
   */
  double eps;
  /**
   * A `cvl_edge_filter`. Default CVL_EDGE_FILTER_SOBEL.
   */
  uint32_t filter;
  /**
   * A `cvl_edge_scale`. Default CVL_EDGE_SCALE_UNIT.
   */
  uint32_t scale;
  /**
   * A `cvl_edge_penalty`. Default CVL_EDGE_PENALTY_ABSOLUTE.
   */
  uint32_t penalty;
  /**
   * A `cvl_edge_border`. Default CVL_EDGE_BORDER_REPLICATE.
   */
  uint32_t border;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_edge_config;

/**
 * Options of the L1 of Fourier coefficients.
 */
typedef struct cvl_fft_l1_config {
  /**
   * Set by `cvl_fft_l1_config_init`.
   */
  size_t struct_size;
  /**
   * A `cvl_fft_form`. Default CVL_FFT_FORM_PARTS.
   */
  uint32_t form;
  /**
   * A `cvl_fft_norm`. Default CVL_FFT_NORM_BACKWARD.
   */
  uint32_t norm;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_fft_l1_config;

/**
 * Options of focal frequency loss.
 */
typedef struct cvl_focal_frequency_config {
  /**
   * Set by `cvl_focal_frequency_config_init`.
   */
  size_t struct_size;
  /**
   * How much large errors count more, at least 0. Default 1.
   */
  double alpha;
  /**
   * Each side is cut into this many patches, which must divide it. Default 1.
   */
  size_t patch_factor;
  /**
   * A `cvl_spectrum_weight`. Default CVL_SPECTRUM_WEIGHT_POWER.
   */
  uint32_t weighting;
  /**
   * A `cvl_spectrum_peak`. Default CVL_SPECTRUM_PEAK_PATCH.
   */
  uint32_t peak;
  /**
   * A `cvl_spectrum_pooling`. Default CVL_SPECTRUM_POOLING_IMAGE.
   */
  uint32_t pooling;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_focal_frequency_config;

/**
 * Options of Huber loss.
 */
typedef struct cvl_huber_config {
  /**
   * Set by `cvl_huber_config_init`.
   */
  size_t struct_size;
  /**
   * Above 0. Default 1.
   */
  double delta;
  /**
   * A `cvl_normalizer`; CVL_NORMALIZER_WEIGHTS makes a mask leave the mean. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_huber_config;

/**
 * Options of L1 loss.
 */
typedef struct cvl_l1_config {
  /**
   * Set by `cvl_l1_config_init`.
   */
  size_t struct_size;
  /**
   * A `cvl_normalizer`; CVL_NORMALIZER_WEIGHTS makes a mask leave the mean. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_l1_config;

/**
 * How two images are compared in windows.
 */
typedef struct cvl_similarity_config {
  /**
   * Set by `cvl_similarity_config_init`.
   */
  size_t struct_size;
  /**
   * Constant of the luminance term, at least 0. Default 0.01.
   */
  double k1;
  /**
   * Constant of the contrast term, at least 0. Default 0.03.
   */
  double k2;
  /**
   * Pixels across a window, odd, up to 33: one number, or one per axis; copied with the struct. NULL for 11.
   */
  const size_t *window_sizes;
  /**
   * How many numbers `window_sizes` has.
   */
  size_t num_window_sizes;
  /**
   * The Gaussian's standard deviation in pixels: one number, or one per axis; copied with the struct. NULL for 1.5.
   */
  const double *sigmas;
  /**
   * How many numbers `sigmas` has.
   */
  size_t num_sigmas;
  /**
   * A `cvl_taps`. Default CVL_TAPS_GAUSSIAN.
   */
  uint32_t taps;
  /**
   * A `cvl_border`. Default CVL_BORDER_VALID.
   */
  uint32_t border;
  /**
   * A `cvl_variance`. Default CVL_VARIANCE_CLAMPED.
   */
  uint32_t variance;
  /**
   * A `cvl_covariance`. Default CVL_COVARIANCE_POPULATION.
   */
  uint32_t covariance;
} cvl_similarity_config;

/**
 * Options of L1 plus structural similarity.
 */
typedef struct cvl_l1_ssim_config {
  /**
   * Set by `cvl_l1_ssim_config_init`.
   */
  size_t struct_size;
  /**
   * The largest value that pixels may have less the smallest: 1, 2 or 255. It has no default, and must be set.
   */
  double data_range;
  /**
   * Window, border and constants; copied by the constructor. NULL for the defaults with zeros around the image.
   */
  const struct cvl_similarity_config *similarity;
  /**
   * The factor of the mean absolute difference. Default 0.8.
   */
  double lambda_l1;
  /**
   * The factor of `1 - s`. Default 0.2.
   */
  double lambda_ssim;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_l1_ssim_config;

/**
 * Options of log-cosh loss.
 */
typedef struct cvl_log_cosh_config {
  /**
   * Set by `cvl_log_cosh_config_init`.
   */
  size_t struct_size;
  /**
   * A `cvl_normalizer`; CVL_NORMALIZER_WEIGHTS makes a mask leave the mean. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_log_cosh_config;

/**
 * Options of structural similarity over a pyramid.
 */
typedef struct cvl_ms_ssim_config {
  /**
   * Set by `cvl_ms_ssim_config_init`.
   */
  size_t struct_size;
  /**
   * The largest value that pixels may have less the smallest: 1, 2 or 255. It has no default, and must be set.
   */
  double data_range;
  /**
   * Window, border and constants; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_similarity_config *similarity;
  /**
   * The power of each level, from the full size down; copied by the constructor. NULL for the paper's five.
   */
  const double *weights;
  /**
   * How many numbers `weights` has.
   */
  size_t num_weights;
  /**
   * A `cvl_odd_pooling`. Default CVL_ODD_POOLING_DROP.
   */
  uint32_t odd;
  /**
   * A `cvl_negative_contrast`. Default CVL_NEGATIVE_CONTRAST_CLAMP.
   */
  uint32_t negative;
  /**
   * A `cvl_channel_product`. Default CVL_CHANNEL_PRODUCT_CHANNEL.
   */
  uint32_t product;
  /**
   * A `cvl_small_image`. Default CVL_SMALL_IMAGE_REFUSE.
   */
  uint32_t small;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_ms_ssim_config;

/**
 * Options of structural similarity in several windows plus L1.
 */
typedef struct cvl_ms_ssim_l1_config {
  /**
   * Set by `cvl_ms_ssim_l1_config_init`.
   */
  size_t struct_size;
  /**
   * The largest value that pixels may have less the smallest: 1, 2 or 255. It has no default, and must be set.
   */
  double data_range;
  /**
   * Constant of the luminance term, at least 0. Default 0.01.
   */
  double k1;
  /**
   * Constant of the contrast term, at least 0. Default 0.03.
   */
  double k2;
  /**
   * The standard deviation of each window, up to 8, the widest last; copied by the constructor. NULL for 0.5, 1, 2, 4, 8.
   */
  const double *sigmas;
  /**
   * How many numbers `sigmas` has.
   */
  size_t num_sigmas;
  /**
   * Pixels across all windows, odd, up to 33. Default 33.
   */
  size_t size;
  /**
   * The share of structural similarity, in [0, 1]. Default 0.025.
   */
  double alpha;
  /**
   * Multiplies the loss. Default 200.
   */
  double scale;
  /**
   * A `cvl_border`. Default CVL_BORDER_ZERO.
   */
  uint32_t border;
  /**
   * A `cvl_variance`. Default CVL_VARIANCE_CLAMPED.
   */
  uint32_t variance;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_ms_ssim_l1_config;

/**
 * Options of squared loss.
 */
typedef struct cvl_mse_config {
  /**
   * Set by `cvl_mse_config_init`.
   */
  size_t struct_size;
  /**
   * A `cvl_normalizer`; CVL_NORMALIZER_WEIGHTS makes a mask leave the mean. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_mse_config;

/**
 * Options of the negative peak signal-to-noise ratio.
 */
typedef struct cvl_psnr_config {
  /**
   * Set by `cvl_psnr_config_init`.
   */
  size_t struct_size;
  /**
   * The largest value of a pixel less the smallest. Default 1.
   */
  double data_range;
  /**
   * Added to the mean squared error over the squared range, at least 0. Default 1e-8.
   */
  double eps;
  /**
   * A `cvl_psnr_pooling`. Default CVL_PSNR_POOLING_IMAGE.
   */
  uint32_t pooling;
  /**
   * A `cvl_normalizer`; CVL_NORMALIZER_WEIGHTS makes a mask leave the mean. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_psnr_config;

/**
 * Options of the general robust loss.
 */
typedef struct cvl_robust_config {
  /**
   * Set by `cvl_robust_config_init`.
   */
  size_t struct_size;
  /**
   * The shape of CVL_ROBUST_SHAPE_ALPHA: 2 is a parabola, 1 pseudo-Huber. Default 1.
   */
  double alpha;
  /**
   * The size of differences at which the parabola ends, above 0. Default 1.
   */
  double scale;
  /**
   * A `cvl_robust_shape`. Default CVL_ROBUST_SHAPE_ALPHA.
   */
  uint32_t shape;
  /**
   * A `cvl_normalizer`; CVL_NORMALIZER_WEIGHTS makes a mask leave the mean. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_robust_config;

/**
 * Options of smooth L1 loss.
 */
typedef struct cvl_smooth_l1_config {
  /**
   * Set by `cvl_smooth_l1_config_init`.
   */
  size_t struct_size;
  /**
   * At least 0. Default 1.
   */
  double beta;
  /**
   * A `cvl_normalizer`; CVL_NORMALIZER_WEIGHTS makes a mask leave the mean. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_smooth_l1_config;

/**
 * Options of structural similarity.
 */
typedef struct cvl_ssim_config {
  /**
   * Set by `cvl_ssim_config_init`.
   */
  size_t struct_size;
  /**
   * The largest value that pixels may have less the smallest: 1, 2 or 255. It has no default, and must be set.
   */
  double data_range;
  /**
   * Window, border and constants; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_similarity_config *similarity;
  /**
   * A `cvl_ssim_form`. Default CVL_SSIM_FORM_WHOLE.
   */
  uint32_t form;
  /**
   * A `cvl_channels`. Default CVL_CHANNELS_AVERAGE.
   */
  uint32_t channels;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_ssim_config;

/**
 * Options of total variation.
 */
typedef struct cvl_total_variation_config {
  /**
   * Set by `cvl_total_variation_config_init`.
   */
  size_t struct_size;
  /**
   * Smooths CVL_VARIATION_NORM_ISOTROPIC near 0, at least 0. Default 0.
   */
  double eps;
  /**
   * A `cvl_variation_norm`. Default CVL_VARIATION_NORM_ANISOTROPIC.
   */
  uint32_t norm;
  /**
   * A `cvl_variation_scale`. Default CVL_VARIATION_SCALE_DIFFERENCES.
   */
  uint32_t scale;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_total_variation_config;

/**
 * Options of wing loss.
 */
typedef struct cvl_wing_config {
  /**
   * Set by `cvl_wing_config_init`.
   */
  size_t struct_size;
  /**
   * `w`, above 0, where the logarithm ends. Default 5.
   */
  double width;
  /**
   * `e`, above 0. Default 0.5.
   */
  double curvature;
  /**
   * A `cvl_normalizer`; CVL_NORMALIZER_WEIGHTS makes a mask leave the mean. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_wing_config;

/**
 * The weights of a frozen network: the name of a safetensors file, or the bytes of one.
 *
 * Tensors have torchvision's names (`features.0.weight` …) and are checked: there, in torchvision's shape, of floats,
 * and finite. Others in the same file are left aside. Which network they are of, the loss says.
 */
typedef struct cvl_weights_config {
  /**
   * Set by `cvl_weights_config_init`.
   */
  size_t struct_size;
  /**
   * The file's name, ending in NUL, in UTF-8 but on Unix, where it may be any bytes; NULL if `bytes` is given.
   */
  const char *path;
  /**
   * A whole file in memory, read by the constructor alone; NULL if `path` is given.
   */
  const void *bytes;
  /**
   * How many `bytes` there are.
   */
  size_t num_bytes;
  /**
   * What errors call `bytes`, ending in NUL; NULL for "the weights in memory".
   */
  const char *name;
} cvl_weights_config;

/**
 * Options of a perceptual loss. The defaults are ESRGAN's; `docs/perceptual.md` lists other presets.
 */
typedef struct cvl_perceptual_config {
  /**
   * Set by `cvl_perceptual_config_init`.
   */
  size_t struct_size;
  /**
   * The network's weights; must be given, and may go once the loss is made.
   */
  const struct cvl_weights_config *weights;
  /**
   * Names of features, ending in NUL, in the network's order; copied. NULL: conv5_4, before the ReLU.
   */
  const char *const *layers;
  /**
   * How many names `layers` has.
   */
  size_t num_layers;
  /**
   * The factor of each layer's distance; copied. NULL: all 1.
   */
  const double *layer_weights;
  /**
   * How many numbers `layer_weights` has.
   */
  size_t num_layer_weights;
  /**
   * About how many bytes a call may use at a time; images are done one after the other where they take more. Default
   * 1 GiB.
   */
  size_t memory;
  /**
   * A `cvl_trunk`. Default CVL_TRUNK_VGG19.
   */
  uint32_t network;
  /**
   * A `cvl_feature_metric`. Default CVL_FEATURE_METRIC_L1.
   */
  uint32_t metric;
  /**
   * A `cvl_input_range`. Default CVL_INPUT_RANGE_ZERO_ONE.
   */
  uint32_t range;
  /**
   * A `cvl_image_normalization`. Default CVL_IMAGE_NORMALIZATION_IMAGENET.
   */
  uint32_t normalization;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_perceptual_config;

/**
 * Options of a contextual loss.
 */
typedef struct cvl_contextual_config {
  /**
   * Set by `cvl_contextual_config_init`.
   */
  size_t struct_size;
  /**
   * The network's weights; must be given, and may go once the loss is made.
   */
  const struct cvl_weights_config *weights;
  /**
   * Names of features, ending in NUL, in the network's order; copied. NULL: relu3_4.
   */
  const char *const *layers;
  /**
   * How many names `layers` has.
   */
  size_t num_layers;
  /**
   * The factor of each layer's distance; copied. NULL: all 1.
   */
  const double *layer_weights;
  /**
   * How many numbers `layer_weights` has.
   */
  size_t num_layer_weights;
  /**
   * About how many bytes the network may use at a time. Default 1 GiB.
   */
  size_t memory;
  /**
   * The bandwidth, above 0. Default 0.5.
   */
  double bandwidth;
  /**
   * A `cvl_trunk`. Default CVL_TRUNK_VGG19.
   */
  uint32_t network;
  /**
   * A `cvl_input_range`. Default CVL_INPUT_RANGE_ZERO_ONE.
   */
  uint32_t range;
  /**
   * A `cvl_image_normalization`. Default CVL_IMAGE_NORMALIZATION_IMAGENET.
   */
  uint32_t normalization;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_contextual_config;

/**
 * Options of DISTS.
 */
typedef struct cvl_dists_config {
  /**
   * Set by `cvl_dists_config_init`.
   */
  size_t struct_size;
  /**
   * The weights of VGG16; must be given, and may go once the loss is made. The learned heads are in the library.
   */
  const struct cvl_weights_config *weights;
  /**
   * About how many bytes a call may use at a time. Default 1 GiB.
   */
  size_t memory;
  /**
   * A `cvl_input_range`. Default CVL_INPUT_RANGE_ZERO_ONE.
   */
  uint32_t range;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_dists_config;

/**
 * Options of a contextual loss of features.
 */
typedef struct cvl_feature_contextual_config {
  /**
   * Set by `cvl_feature_contextual_config_init`.
   */
  size_t struct_size;
  /**
   * The bandwidth, above 0. Default 0.5.
   */
  double bandwidth;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_feature_contextual_config;

/**
 * Options of LPIPS.
 */
typedef struct cvl_lpips_config {
  /**
   * Set by `cvl_lpips_config_init`.
   */
  size_t struct_size;
  /**
   * The network's weights; must be given, and may go once the loss is made. The learned heads are in the library.
   */
  const struct cvl_weights_config *weights;
  /**
   * About how many bytes a call may use at a time. Default 1 GiB.
   */
  size_t memory;
  /**
   * A `cvl_lpips_network`. Default CVL_LPIPS_NETWORK_ALEX.
   */
  uint32_t network;
  /**
   * A `cvl_input_range`. Default CVL_INPUT_RANGE_ZERO_ONE, which is not `lpips`'s: there it is -1 to 1.
   */
  uint32_t range;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_lpips_config;

/**
 * Options of a style loss. The defaults are those of Johnson et al.
 */
typedef struct cvl_style_config {
  /**
   * Set by `cvl_style_config_init`.
   */
  size_t struct_size;
  /**
   * The network's weights; must be given, and may go once the loss is made.
   */
  const struct cvl_weights_config *weights;
  /**
   * Names of features, ending in NUL, in the network's order; copied. NULL: relu1_2, relu2_2, relu3_3, relu4_3.
   */
  const char *const *layers;
  /**
   * How many names `layers` has.
   */
  size_t num_layers;
  /**
   * The factor of each layer's distance; copied. NULL: all 1.
   */
  const double *layer_weights;
  /**
   * How many numbers `layer_weights` has.
   */
  size_t num_layer_weights;
  /**
   * About how many bytes a call may use at a time. Default 1 GiB.
   */
  size_t memory;
  /**
   * A `cvl_trunk`. Default CVL_TRUNK_VGG16.
   */
  uint32_t network;
  /**
   * A `cvl_gram_normalization`. Default CVL_GRAM_NORMALIZATION_CHW.
   */
  uint32_t gram_normalization;
  /**
   * A `cvl_gram_metric`. Default CVL_GRAM_METRIC_SQUARED_SUM.
   */
  uint32_t metric;
  /**
   * A `cvl_input_range`. Default CVL_INPUT_RANGE_ZERO_ONE.
   */
  uint32_t range;
  /**
   * A `cvl_image_normalization`. Default CVL_IMAGE_NORMALIZATION_IMAGENET.
   */
  uint32_t normalization;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_style_config;

/**
 * Options of asymmetric loss.
 */
typedef struct cvl_asymmetric_config {
  /**
   * Set by `cvl_asymmetric_config_init`.
   */
  size_t struct_size;
  /**
   * How much easy positives are damped, at least 0. Default 1.
   */
  double gamma_positive;
  /**
   * How much easy negatives are damped, at least 0. Default 4.
   */
  double gamma_negative;
  /**
   * A negative's probability counts as less by this, in [0, 1). Default 0.05.
   */
  double clip;
  /**
   * Elements with this target have value 0 and leave the mean's denominator. Default NaN, which no target equals.
   */
  double ignore_index;
  /**
   * A `cvl_focus_slope`. Default CVL_FOCUS_SLOPE_INCLUDED.
   */
  uint32_t focus;
  /**
   * A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_asymmetric_config;

/**
 * Options of asymmetric loss over a softmax.
 */
typedef struct cvl_asymmetric_softmax_config {
  /**
   * Set by `cvl_asymmetric_softmax_config_init`.
   */
  size_t struct_size;
  /**
   * One weight per class, copied by `cvl_asymmetric_softmax_new`. NULL for 1.
   */
  const double *class_weights;
  /**
   * How many numbers `class_weights` has.
   */
  size_t num_class_weights;
  /**
   * Power of the true class, at least 0. Default 1.
   */
  double gamma_positive;
  /**
   * Power of the other classes, at least 0. Default 4.
   */
  double gamma_negative;
  /**
   * Share of the target that is spread over all classes, in [0, 1]. Default 0.1.
   */
  double label_smoothing;
  /**
   * Points with this index have value 0 and leave the mean's denominator. Default -100.
   */
  int64_t ignore_index;
  /**
   * A `cvl_normalizer`. Default CVL_NORMALIZER_WEIGHTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_asymmetric_softmax_config;

/**
 * Options of class-balanced binary cross-entropy.
 */
typedef struct cvl_balanced_bce_config {
  /**
   * Set by `cvl_balanced_bce_config_init`.
   */
  size_t struct_size;
  /**
   * Elements with this target have value 0 and leave the mean's denominator. Default NaN, which no target equals.
   */
  double ignore_index;
  /**
   * A `cvl_balance`. Default CVL_BALANCE_BATCH.
   */
  uint32_t balance;
  /**
   * A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_balanced_bce_config;

/**
 * Options of binary cross-entropy.
 */
typedef struct cvl_bce_config {
  /**
   * Set by `cvl_bce_config_init`.
   */
  size_t struct_size;
  /**
   * Weight of positives: one number, or one per channel (axis 1); copied by `cvl_bce_new`. NULL for 1.
   */
  const double *pos_weight;
  /**
   * How many numbers `pos_weight` has.
   */
  size_t num_pos_weight;
  /**
   * Targets move this far towards their opposite, in [0, 1]. Default 0.
   */
  double label_smoothing;
  /**
   * Elements with this target have value 0 and leave the mean's denominator. Default NaN, which no target equals.
   */
  double ignore_index;
  /**
   * A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_bce_config;

/**
 * Options of bi-tempered logistic loss.
 */
typedef struct cvl_bi_tempered_config {
  /**
   * Set by `cvl_bi_tempered_config_init`.
   */
  size_t struct_size;
  /**
   * One weight per class, copied by `cvl_bi_tempered_new`. NULL for 1.
   */
  const double *class_weights;
  /**
   * How many numbers `class_weights` has.
   */
  size_t num_class_weights;
  /**
   * Temperature of the logarithm, in [0, 1] and not above `t2`. Default 0.8.
   */
  double t1;
  /**
   * Temperature of the softmax, above 0 and at most 10. Default 1.2.
   */
  double t2;
  /**
   * Share of the target that is spread over all classes, in [0, 1]. Default 0.
   */
  double label_smoothing;
  /**
   * Points with this index have value 0 and leave the mean's denominator. Default -100.
   */
  int64_t ignore_index;
  /**
   * A `cvl_normalizer`. Default CVL_NORMALIZER_WEIGHTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_bi_tempered_config;

/**
 * Options of centreline Dice.
 */
typedef struct cvl_cl_dice_config {
  /**
   * Set by `cvl_cl_dice_config_init`.
   */
  size_t struct_size;
  /**
   * Class indices, copied by `cvl_cl_dice_new`; only read for CVL_CLASSES_LISTED.
   */
  const size_t *listed_classes;
  /**
   * How many numbers `listed_classes` has.
   */
  size_t num_listed_classes;
  /**
   * How many erosions the skeleton goes through: half the width of what is to become a line. Default 3.
   */
  size_t iterations;
  /**
   * Added to the numerators, at least 0. Default 1.
   */
  double smooth_nr;
  /**
   * Added to the denominators, at least 0. Default 1.
   */
  double smooth_dr;
  /**
   * Added to the denominator of the harmonic mean, at least 0. Default 1e-4.
   */
  double smooth;
  /**
   * Points with this index do not count. Default -100.
   */
  int64_t ignore_index;
  /**
   * A `cvl_activation`. Default CVL_ACTIVATION_SOFTMAX.
   */
  uint32_t activation;
  /**
   * A `cvl_classes`. Default CVL_CLASSES_ALL.
   */
  uint32_t classes;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_cl_dice_config;

/**
 * Options of Dice and centreline Dice.
 */
typedef struct cvl_dice_cl_dice_config {
  /**
   * Set by `cvl_dice_cl_dice_config_init`.
   */
  size_t struct_size;
  /**
   * Centreline Dice, and what Dice shares with it; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_cl_dice_config *cl_dice;
  /**
   * The share of centreline Dice, in [0, 1]. Default 0.5.
   */
  double alpha;
} cvl_dice_cl_dice_config;

/**
 * Options that Dice, Jaccard, Tversky and their relatives share.
 *
 * Inputs of all of them: (N, C, *), logits unless the activation is CVL_ACTIVATION_IDENTITY; class indices (N, *) or
 * (N, 1, *) as uint8, bool, uint32, int64, or one-hot or soft targets (N, C, *) in the input's type (with one channel,
 * index 1 is the foreground, and axis 1 may be left out); optionally a mask or weights (N, *) or (N, 1, *). Value: [],
 * or (N) with CVL_REDUCTION_NONE unless the batch is pooled.
 */
typedef struct cvl_region_config {
  /**
   * Set by `cvl_region_config_init`.
   */
  size_t struct_size;
  /**
   * One weight per class, copied with the struct. NULL for 1.
   */
  const double *class_weights;
  /**
   * How many numbers `class_weights` has.
   */
  size_t num_class_weights;
  /**
   * Class indices, copied with the struct; only read for CVL_CLASSES_LISTED.
   */
  const size_t *listed_classes;
  /**
   * How many numbers `listed_classes` has.
   */
  size_t num_listed_classes;
  /**
   * Added to the score's numerator. Default 1e-5.
   */
  double smooth_numerator;
  /**
   * Added to the score's denominator. Default 1e-5.
   */
  double smooth_denominator;
  /**
   * The denominator is at least this. Default 0.
   */
  double smooth_floor;
  /**
   * Points with this index leave all sums. Default -100.
   */
  int64_t ignore_index;
  /**
   * A `cvl_activation`. Default CVL_ACTIVATION_SOFTMAX.
   */
  uint32_t activation;
  /**
   * A `cvl_pooling`. Default CVL_POOLING_IMAGE.
   */
  uint32_t pooling;
  /**
   * A `cvl_average`. Default CVL_AVERAGE_MACRO.
   */
  uint32_t average;
  /**
   * A `cvl_volume_weight`; only read for CVL_AVERAGE_GENERALIZED. Default CVL_VOLUME_WEIGHT_SQUARE.
   */
  uint32_t volume_weight;
  /**
   * A `cvl_intersection`. Default CVL_INTERSECTION_PRODUCT.
   */
  uint32_t intersection;
  /**
   * A `cvl_absent`. Default CVL_ABSENT_COUNT.
   */
  uint32_t absent;
  /**
   * A `cvl_classes`. Default CVL_CLASSES_ALL.
   */
  uint32_t classes;
  /**
   * A `cvl_class_average`. Default CVL_CLASS_AVERAGE_COUNT.
   */
  uint32_t class_average;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_region_config;

/**
 * Options of Dice loss.
 */
typedef struct cvl_dice_config {
  /**
   * Set by `cvl_dice_config_init`.
   */
  size_t struct_size;
  /**
   * Sums, classes, policies; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_region_config *region;
  /**
   * The power; only read for CVL_TRANSFORM_POWER and CVL_TRANSFORM_LOG_POWER. Default 1.
   */
  double gamma;
  /**
   * A `cvl_dice_form`. Default CVL_DICE_FORM_PLAIN.
   */
  uint32_t form;
  /**
   * A `cvl_volume_weight`; only read for CVL_DICE_FORM_GENERALIZED. Default CVL_VOLUME_WEIGHT_SQUARE.
   */
  uint32_t volume_weight;
  /**
   * A `cvl_transform`. Default CVL_TRANSFORM_LINEAR.
   */
  uint32_t transform;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_dice_config;

/**
 * Options of Dice loss plus cross-entropy.
 */
typedef struct cvl_dice_ce_config {
  /**
   * Set by `cvl_dice_ce_config_init`.
   */
  size_t struct_size;
  /**
   * The Dice loss; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_dice_config *dice;
  /**
   * Class weights of cross-entropy, or weights of positives with sigmoids; copied by the constructor. NULL for 1.
   */
  const double *class_weights;
  /**
   * How many numbers `class_weights` has.
   */
  size_t num_class_weights;
  /**
   * The factor of Dice. Default 1.
   */
  double lambda_dice;
  /**
   * The factor of cross-entropy. Default 1.
   */
  double lambda_ce;
  /**
   * Label smoothing of cross-entropy, in [0, 1]. Default 0.
   */
  double label_smoothing;
} cvl_dice_ce_config;

/**
 * Options of Dice loss plus focal loss.
 */
typedef struct cvl_dice_focal_config {
  /**
   * Set by `cvl_dice_focal_config_init`.
   */
  size_t struct_size;
  /**
   * The Dice loss; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_dice_config *dice;
  /**
   * The factor of Dice. Default 1.
   */
  double lambda_dice;
  /**
   * The factor of focal loss. Default 1.
   */
  double lambda_focal;
  /**
   * Focusing parameter, at least 0. Default 2.
   */
  double gamma;
  /**
   * Weight of positives in [0, 1], or with a softmax of all classes but 0; only read if `has_alpha`. Default 0.25.
   */
  double alpha;
  /**
   * 1, or 0 to weigh all with 1. Default 0.
   */
  uint32_t has_alpha;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_dice_focal_config;

/**
 * Options of combo loss.
 */
typedef struct cvl_combo_config {
  /**
   * Set by `cvl_combo_config_init`.
   */
  size_t struct_size;
  /**
   * Share of cross-entropy. Default 0.5.
   */
  double alpha;
  /**
   * Weight of positives in cross-entropy, in [0, 1]. Default 0.5.
   */
  double beta;
  /**
   * Added to the Dice score's numerator. Default 1.
   */
  double smooth_numerator;
  /**
   * Added to the Dice score's denominator. Default 1.
   */
  double smooth_denominator;
  /**
   * The denominator is at least this. Default 0.
   */
  double smooth_floor;
  /**
   * Points with this index are left out. Default -100.
   */
  int64_t ignore_index;
} cvl_combo_config;

/**
 * Options of cross-entropy.
 */
typedef struct cvl_cross_entropy_config {
  /**
   * Set by `cvl_cross_entropy_config_init`.
   */
  size_t struct_size;
  /**
   * One weight per class, copied by `cvl_cross_entropy_new`. NULL for 1.
   */
  const double *class_weights;
  /**
   * How many numbers `class_weights` has.
   */
  size_t num_class_weights;
  /**
   * Share of the target that is spread over all classes, in [0, 1]. Default 0.
   */
  double label_smoothing;
  /**
   * Points with this index have value 0 and leave the mean's denominator. Default -100.
   */
  int64_t ignore_index;
  /**
   * A `cvl_normalizer`. Default CVL_NORMALIZER_WEIGHTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_cross_entropy_config;

/**
 * Options of boundary loss.
 */
typedef struct cvl_boundary_config {
  /**
   * Set by `cvl_boundary_config_init`.
   */
  size_t struct_size;
  /**
   * Class indices, copied by `cvl_boundary_new`; only read for CVL_CLASSES_LISTED.
   */
  const size_t *listed_classes;
  /**
   * How many numbers `listed_classes` has.
   */
  size_t num_listed_classes;
  /**
   * The distance of neighbours along each axis of space, copied by `cvl_boundary_new`. NULL for 1.
   */
  const double *spacing;
  /**
   * How many numbers `spacing` has.
   */
  size_t num_spacing;
  /**
   * Points with this index do not count. Default -100.
   */
  int64_t ignore_index;
  /**
   * A `cvl_activation`. Default CVL_ACTIVATION_SOFTMAX.
   */
  uint32_t activation;
  /**
   * A `cvl_boundary_target`. Default CVL_BOUNDARY_TARGET_MASK.
   */
  uint32_t target;
  /**
   * A `cvl_classes`. Default CVL_CLASSES_ALL.
   */
  uint32_t classes;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_boundary_config;

/**
 * Options of Hausdorff loss.
 */
typedef struct cvl_hausdorff_config {
  /**
   * Set by `cvl_hausdorff_config_init`.
   */
  size_t struct_size;
  /**
   * Class indices, copied by `cvl_hausdorff_new`; only read for CVL_CLASSES_LISTED.
   */
  const size_t *listed_classes;
  /**
   * How many numbers `listed_classes` has.
   */
  size_t num_listed_classes;
  /**
   * The distance of neighbours along each axis of space, copied by `cvl_hausdorff_new`. NULL for 1.
   */
  const double *spacing;
  /**
   * How many numbers `spacing` has.
   */
  size_t num_spacing;
  /**
   * How much large distances count, at least 0. Default 2.
   */
  double alpha;
  /**
   * Points with this index do not count. Default -100.
   */
  int64_t ignore_index;
  /**
   * A `cvl_activation`. Default CVL_ACTIVATION_SOFTMAX.
   */
  uint32_t activation;
  /**
   * A `cvl_hausdorff_transform`. Default CVL_HAUSDORFF_TRANSFORM_LINEAR.
   */
  uint32_t transform;
  /**
   * A `cvl_classes`. Default CVL_CLASSES_FOREGROUND.
   */
  uint32_t classes;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_hausdorff_config;

/**
 * Options of cross-entropy weighted by distances.
 */
typedef struct cvl_distance_cross_entropy_config {
  /**
   * Set by `cvl_distance_cross_entropy_config_init`.
   */
  size_t struct_size;
  /**
   * One weight per class, copied by `cvl_distance_cross_entropy_new`. NULL for 1.
   */
  const double *class_weights;
  /**
   * How many numbers `class_weights` has.
   */
  size_t num_class_weights;
  /**
   * The distance of neighbours along each axis of space, copied by `cvl_distance_cross_entropy_new`. NULL for 1.
   */
  const double *spacing;
  /**
   * How many numbers `spacing` has.
   */
  size_t num_spacing;
  /**
   * The most that a border adds, at least 0. Only read for CVL_DISTANCE_WEIGHTING_BORDER. Default 10.
   */
  double w0;
  /**
   * How far a border reaches, above 0. Only read for CVL_DISTANCE_WEIGHTING_BORDER. Default 5.
   */
  double sigma;
  /**
   * Points with this index have value 0 and leave the mean's denominator. Default -100.
   */
  int64_t ignore_index;
  /**
   * A `cvl_distance_weighting`. Default CVL_DISTANCE_WEIGHTING_BORDER.
   */
  uint32_t weighting;
  /**
   * A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_distance_cross_entropy_config;

/**
 * Options of exponential logarithmic loss.
 */
typedef struct cvl_exp_log_config {
  /**
   * Set by `cvl_exp_log_config_init`.
   */
  size_t struct_size;
  /**
   * Sums, classes, policies of the Dice term; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_region_config *region;
  /**
   * One weight per class in the cross-entropy term, copied by the constructor. NULL for 1.
   */
  const double *class_weights;
  /**
   * How many numbers `class_weights` has.
   */
  size_t num_class_weights;
  /**
   * The factor of the Dice term, at least 0. Default 0.8.
   */
  double lambda_dice;
  /**
   * The factor of the cross-entropy term, at least 0. Default 0.2.
   */
  double lambda_ce;
  /**
   * The power of the Dice term, above 0. Default 0.3.
   */
  double gamma_dice;
  /**
   * The power of the cross-entropy term, above 0. Default 0.3.
   */
  double gamma_ce;
} cvl_exp_log_config;

/**
 * Options of sigmoid focal loss.
 */
typedef struct cvl_focal_config {
  /**
   * Set by `cvl_focal_config_init`.
   */
  size_t struct_size;
  /**
   * Weight of positives on top: one number, or one per channel (axis 1); copied by `cvl_focal_new`. NULL for 1.
   */
  const double *pos_weight;
  /**
   * How many numbers `pos_weight` has.
   */
  size_t num_pos_weight;
  /**
   * Weight of positives in [0, 1]; negatives have `1 - alpha`. Default 0.25.
   */
  double alpha;
  /**
   * Focusing parameter, at least 0. Default 2.
   */
  double gamma;
  /**
   * Elements with this target have value 0 and leave the mean's denominator. Default NaN, which no target equals.
   */
  double ignore_index;
  /**
   * 1, or 0 to weigh positives and negatives with 1. Default 1.
   */
  uint32_t has_alpha;
  /**
   * A `cvl_soft_targets`. Default CVL_SOFT_TARGETS_MIXTURE.
   */
  uint32_t soft_targets;
  /**
   * A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_focal_config;

/**
 * Options of generalised Wasserstein Dice.
 */
typedef struct cvl_generalized_wasserstein_dice_config {
  /**
   * Set by `cvl_generalized_wasserstein_dice_config_init`.
   */
  size_t struct_size;
  /**
   * The distance of each true class from each predicted one, one row of numbers for each true class, copied by
   * `cvl_generalized_wasserstein_dice_new`. NULL for 1 between any two.
   */
  const double *distances;
  /**
   * How many numbers `distances` has: the square of the number of classes.
   */
  size_t num_distances;
  /**
   * Added to the numerator, at least 0. Default 1e-5.
   */
  double smooth_nr;
  /**
   * Added to the denominator, at least 0. Default 1e-5.
   */
  double smooth_dr;
  /**
   * Points with this index leave all sums. Default -100.
   */
  int64_t ignore_index;
  /**
   * A `cvl_wasserstein_weighting`. Default CVL_WASSERSTEIN_WEIGHTING_FOREGROUND.
   */
  uint32_t weighting;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_generalized_wasserstein_dice_config;

/**
 * Options of Hausdorff loss by erosion.
 */
typedef struct cvl_hausdorff_erosion_config {
  /**
   * Set by `cvl_hausdorff_erosion_config_init`.
   */
  size_t struct_size;
  /**
   * Class indices, copied by `cvl_hausdorff_erosion_new`; only read for CVL_CLASSES_LISTED.
   */
  const size_t *listed_classes;
  /**
   * How many numbers `listed_classes` has.
   */
  size_t num_listed_classes;
  /**
   * How often errors are eroded, 1 to 1000. Default 10.
   */
  size_t erosions;
  /**
   * What is left after `k` erosions counts `k^alpha`; at least 0. Default 2.
   */
  double alpha;
  /**
   * Points with this index do not count. Default -100.
   */
  int64_t ignore_index;
  /**
   * A `cvl_activation`. Default CVL_ACTIVATION_SOFTMAX.
   */
  uint32_t activation;
  /**
   * A `cvl_classes`. Default CVL_CLASSES_ALL.
   */
  uint32_t classes;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_hausdorff_erosion_config;

/**
 * Options of Jaccard loss.
 */
typedef struct cvl_jaccard_config {
  /**
   * Set by `cvl_jaccard_config_init`.
   */
  size_t struct_size;
  /**
   * Sums, classes, policies; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_region_config *region;
  /**
   * The power; only read for CVL_TRANSFORM_POWER and CVL_TRANSFORM_LOG_POWER. Default 1.
   */
  double gamma;
  /**
   * A `cvl_transform`. Default CVL_TRANSFORM_LINEAR.
   */
  uint32_t transform;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_jaccard_config;

/**
 * Options of Lovasz softmax.
 */
typedef struct cvl_lovasz_softmax_config {
  /**
   * Set by `cvl_lovasz_softmax_config_init`.
   */
  size_t struct_size;
  /**
   * Class indices, copied by `cvl_lovasz_softmax_new`; only read for CVL_LOVASZ_CLASSES_LISTED.
   */
  const size_t *listed_classes;
  /**
   * How many numbers `listed_classes` has.
   */
  size_t num_listed_classes;
  /**
   * Points with this index do not count. Default -100.
   */
  int64_t ignore_index;
  /**
   * A `cvl_activation`. Default CVL_ACTIVATION_SOFTMAX.
   */
  uint32_t activation;
  /**
   * A `cvl_lovasz_classes`. Default CVL_LOVASZ_CLASSES_PRESENT.
   */
  uint32_t classes;
  /**
   * A `cvl_pooling`. What is sorted together. Default CVL_POOLING_IMAGE.
   */
  uint32_t pooling;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_lovasz_softmax_config;

/**
 * Options of Lovasz hinge.
 */
typedef struct cvl_lovasz_hinge_config {
  /**
   * Set by `cvl_lovasz_hinge_config_init`.
   */
  size_t struct_size;
  /**
   * Class indices, copied by `cvl_lovasz_hinge_new`; only read for CVL_LOVASZ_CLASSES_LISTED.
   */
  const size_t *listed_classes;
  /**
   * How many numbers `listed_classes` has.
   */
  size_t num_listed_classes;
  /**
   * Points with this index do not count. Default -100.
   */
  int64_t ignore_index;
  /**
   * A `cvl_lovasz_classes`. Default CVL_LOVASZ_CLASSES_ALL.
   */
  uint32_t classes;
  /**
   * A `cvl_pooling`. What is sorted together. Default CVL_POOLING_IMAGE.
   */
  uint32_t pooling;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_lovasz_hinge_config;

/**
 * Options of the loss of Matthews's correlation.
 */
typedef struct cvl_mcc_config {
  /**
   * Set by `cvl_mcc_config_init`.
   */
  size_t struct_size;
  /**
   * Sums, classes, policies; copied by the constructor, and read as it is. NULL for the defaults with smoothing 0
   * and 1e-5.
   */
  const struct cvl_region_config *region;
  /**
   * Added to each of the four counts, at least 0. Default 0.
   */
  double counts;
} cvl_mcc_config;

/**
 * Options of cross-entropy of hard points.
 */
typedef struct cvl_ohem_cross_entropy_config {
  /**
   * Set by `cvl_ohem_cross_entropy_config_init`.
   */
  size_t struct_size;
  /**
   * One weight per class, copied by `cvl_ohem_cross_entropy_new`. NULL for 1.
   */
  const double *class_weights;
  /**
   * How many numbers `class_weights` has.
   */
  size_t num_class_weights;
  /**
   * The least number of points per image, of the batch together. Default 100000.
   */
  size_t min_kept;
  /**
   * The probability below which a point is hard, above 0 and at most 1. Default 0.7.
   */
  double threshold;
  /**
   * Points with this index have value 0 and are not selected. Default -100.
   */
  int64_t ignore_index;
  /**
   * A `cvl_mined_mean`. What the mean divides by. Default CVL_MINED_MEAN_SELECTED.
   */
  uint32_t mean;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_ohem_cross_entropy_config;

/**
 * Options of cross-entropy of the hardest share of points.
 */
typedef struct cvl_top_k_cross_entropy_config {
  /**
   * Set by `cvl_top_k_cross_entropy_config_init`.
   */
  size_t struct_size;
  /**
   * One weight per class, copied by `cvl_top_k_cross_entropy_new`. NULL for 1.
   */
  const double *class_weights;
  /**
   * How many numbers `class_weights` has.
   */
  size_t num_class_weights;
  /**
   * The share of points, in [0, 1], rounded down, but one at least. Default 0.1.
   */
  double share;
  /**
   * Points with this index have value 0 and are not selected. Default -100.
   */
  int64_t ignore_index;
  /**
   * A `cvl_mined_mean`. What the mean divides by. Default CVL_MINED_MEAN_SELECTED.
   */
  uint32_t mean;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_top_k_cross_entropy_config;

/**
 * Options of a loss at several scales.
 */
typedef struct cvl_multi_scale_config {
  /**
   * Set by `cvl_multi_scale_config_init`.
   */
  size_t struct_size;
  /**
   * The loss of each scale, which must reduce its values. It stays yours, and may be freed once the handle is there.
   */
  const struct cvl_loss *loss;
  /**
   * The length of each scale's cells, at least 1, copied by `cvl_multi_scale_new`. NULL for 1, 2, 4.
   */
  const size_t *factors;
  /**
   * How many numbers `factors` has.
   */
  size_t num_factors;
  /**
   * The weight of each scale, copied by `cvl_multi_scale_new`; only read for CVL_SCALE_WEIGHTS_LISTED.
   */
  const double *weights;
  /**
   * How many numbers `weights` has.
   */
  size_t num_weights;
  /**
   * A `cvl_scale_weights`. Default CVL_SCALE_WEIGHTS_HALVING.
   */
  uint32_t scale_weights;
  /**
   * A `cvl_uneven_scale`. Default CVL_UNEVEN_SCALE_REFUSE.
   */
  uint32_t uneven;
  /**
   * A `cvl_scale_pooling`. Default CVL_SCALE_POOLING_AVERAGE.
   */
  uint32_t pooling;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_multi_scale_config;

/**
 * Options of poly-1 cross-entropy.
 */
typedef struct cvl_poly_cross_entropy_config {
  /**
   * Set by `cvl_poly_cross_entropy_config_init`.
   */
  size_t struct_size;
  /**
   * One weight per class, copied by `cvl_poly_cross_entropy_new`. NULL for 1.
   */
  const double *class_weights;
  /**
   * How many numbers `class_weights` has.
   */
  size_t num_class_weights;
  /**
   * The factor of the first polynomial term, finite. Default 2.
   */
  double epsilon;
  /**
   * Points with this index have value 0 and leave the mean's denominator. Default -100.
   */
  int64_t ignore_index;
  /**
   * A `cvl_normalizer`. Default CVL_NORMALIZER_WEIGHTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_poly_cross_entropy_config;

/**
 * Options of poly-1 focal loss.
 */
typedef struct cvl_poly_focal_config {
  /**
   * Set by `cvl_poly_focal_config_init`.
   */
  size_t struct_size;
  /**
   * The factor of the first polynomial term, finite. Default 2.
   */
  double epsilon;
  /**
   * Weight of positives in [0, 1]; negatives have `1 - alpha`; only read if `has_alpha`. Default 0.25.
   */
  double alpha;
  /**
   * Focusing parameter, at least 0; 0 is poly-1 binary cross-entropy. Default 0.
   */
  double gamma;
  /**
   * Elements with this target have value 0 and leave the mean's denominator. Default NaN, which no target equals.
   */
  double ignore_index;
  /**
   * 1, or 0 to weigh positives and negatives with 1. Default 0.
   */
  uint32_t has_alpha;
  /**
   * A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_poly_focal_config;

/**
 * Options of reduced focal loss.
 */
typedef struct cvl_reduced_focal_config {
  /**
   * Set by `cvl_reduced_focal_config_init`.
   */
  size_t struct_size;
  /**
   * Weight of positives in [0, 1]; negatives have `1 - alpha`; only read if `has_alpha`. Default 0.25.
   */
  double alpha;
  /**
   * Focusing parameter, at least 0. Default 2.
   */
  double gamma;
  /**
   * Elements with `p_t` below this are not damped; between 0 and 1. Default 0.5.
   */
  double threshold;
  /**
   * Elements with this target have value 0 and leave the mean's denominator. Default NaN, which no target equals.
   */
  double ignore_index;
  /**
   * 1, or 0 to weigh positives and negatives with 1. Default 1.
   */
  uint32_t has_alpha;
  /**
   * A `cvl_reduced_scale`. Default CVL_REDUCED_SCALE_THRESHOLD.
   */
  uint32_t scale;
  /**
   * A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_reduced_focal_config;

/**
 * Options of seesaw loss.
 */
typedef struct cvl_seesaw_config {
  /**
   * Set by `cvl_seesaw_config_init`.
   */
  size_t struct_size;
  /**
   * One weight per class, copied by `cvl_seesaw_new`. NULL for 1.
   */
  const double *class_weights;
  /**
   * How many numbers `class_weights` has.
   */
  size_t num_class_weights;
  /**
   * How many points of each class were seen so far, which you keep; copied by `cvl_seesaw_new`. NULL for no
   * mitigation.
   */
  const double *counts;
  /**
   * How many numbers `counts` has.
   */
  size_t num_counts;
  /**
   * Power of the mitigation, at least 0. Default 0.8.
   */
  double p;
  /**
   * Power of the compensation, at least 0. Default 2.
   */
  double q;
  /**
   * The least probability that the compensation divides by, above 0 and at most 1. Default 0.01.
   */
  double eps;
  /**
   * Points with this index have value 0 and leave the mean's denominator. Default -100.
   */
  int64_t ignore_index;
  /**
   * A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
} cvl_seesaw_config;

/**
 * Options of soft F1 loss.
 */
typedef struct cvl_soft_f1_config {
  /**
   * Set by `cvl_soft_f1_config_init`.
   */
  size_t struct_size;
  /**
   * Sums, classes, policies; copied by the constructor, and read as it is. NULL for the defaults with the batch
   * pooled and smoothing 0 and 1e-6.
   */
  const struct cvl_region_config *region;
  /**
   * A `cvl_f1_sides`. Default CVL_F1_SIDES_BOTH.
   */
  uint32_t sides;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_soft_f1_config;

/**
 * Options of softmax focal loss.
 */
typedef struct cvl_softmax_focal_config {
  /**
   * Set by `cvl_softmax_focal_config_init`.
   */
  size_t struct_size;
  /**
   * One weight per class, copied by `cvl_softmax_focal_new`; needed by, and only read for, CVL_CLASS_ALPHA_PER_CLASS.
   */
  const double *class_weights;
  /**
   * How many numbers `class_weights` has.
   */
  size_t num_class_weights;
  /**
   * In [0, 1]; only read for CVL_CLASS_ALPHA_UNIFORM and CVL_CLASS_ALPHA_BACKGROUND. Default 0.25.
   */
  double alpha;
  /**
   * Focusing parameter, at least 0. Default 2.
   */
  double gamma;
  /**
   * Points with this index have value 0 and leave the mean's denominator. Default -100.
   */
  int64_t ignore_index;
  /**
   * A `cvl_class_alpha`. Default CVL_CLASS_ALPHA_NONE.
   */
  uint32_t class_alpha;
  /**
   * A `cvl_normalizer`; CVL_NORMALIZER_POSITIVES counts points of any class but 0. Default CVL_NORMALIZER_ELEMENTS.
   */
  uint32_t normalizer;
  /**
   * A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
   */
  uint32_t reduction;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_softmax_focal_config;

/**
 * Options of Tversky loss.
 */
typedef struct cvl_tversky_config {
  /**
   * Set by `cvl_tversky_config_init`.
   */
  size_t struct_size;
  /**
   * Sums, classes, policies; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_region_config *region;
  /**
   * Weight of false positives, at least 0. Default 0.5.
   */
  double alpha;
  /**
   * Weight of false negatives, at least 0. Default 0.5.
   */
  double beta;
  /**
   * The power; only read for CVL_TRANSFORM_POWER and CVL_TRANSFORM_LOG_POWER. Default 1.
   */
  double gamma;
  /**
   * A `cvl_transform`. Default CVL_TRANSFORM_LINEAR.
   */
  uint32_t transform;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_tversky_config;

/**
 * Options of focal Tversky loss.
 */
typedef struct cvl_focal_tversky_config {
  /**
   * Set by `cvl_focal_tversky_config_init`.
   */
  size_t struct_size;
  /**
   * Sums, classes, policies; copied by the constructor. NULL for the defaults.
   */
  const struct cvl_region_config *region;
  /**
   * Weight of false positives, at least 0. Default 0.3.
   */
  double alpha;
  /**
   * Weight of false negatives, at least 0. Default 0.7.
   */
  double beta;
  /**
   * The exponent, at least 0. Default 0.75.
   */
  double gamma;
  /**
   * A `cvl_focal_power`. Default CVL_FOCAL_POWER_PER_CLASS.
   */
  uint32_t power;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_focal_tversky_config;

/**
 * Options of unified focal loss.
 */
typedef struct cvl_unified_focal_config {
  /**
   * Set by `cvl_unified_focal_config_init`.
   */
  size_t struct_size;
  /**
   * Sums, classes, policies; copied by the constructor, and read as it is. NULL for the defaults with smoothing
   * 1e-7.
   */
  const struct cvl_region_config *region;
  /**
   * The weight of the cross-entropy, in [0, 1]. Default 0.5.
   */
  double weight;
  /**
   * The weight of misses and of foreground points, in [0, 1]. Default 0.7.
   */
  double delta;
  /**
   * In [0, 1]. Default 0.5.
   */
  double gamma;
  /**
   * A `cvl_unified_form`. Default CVL_UNIFIED_FORM_ASYMMETRIC.
   */
  uint32_t form;
  /**
   * 0.
   */
  uint32_t reserved;
} cvl_unified_focal_config;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_feature_matching_config_init(struct cvl_feature_matching_config *config,
                                      size_t struct_size);

/**
 * Feature matching: a generator's loss that makes features of fake items like those of real ones. NULL `config`:
 * defaults.
 *
 * `L = mean |f - r|`, or of means over the batch.
 *
 * Inputs: features (N, C, *) of fake items; of real items, of the same shape and type; optionally weights (N, *) or
 * (N, 1, *). Both features have a gradient. Value: [], or the features' shape. Layers: one call each into one sum.
 */
CVL_NODISCARD
enum cvl_status cvl_feature_matching_new(const struct cvl_feature_matching_config *config,
                                         struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_adversarial_config_init(struct cvl_adversarial_config *config, size_t struct_size);

/**
 * The discriminator's side of an adversarial game. NULL `config`: defaults.
 *
 * `L = mean f(real) + mean g(fake)`, or of differences by `pairing`.
 *
 * Inputs: logits of real items; logits of fake items, of the same shape and type; optionally weights that broadcast to
 * that shape. Both logits have a gradient. Value: [], or the same shape: one per pair.
 */
CVL_NODISCARD
enum cvl_status cvl_discriminator_new(const struct cvl_adversarial_config *config,
                                      struct cvl_loss **out);

/**
 * The generator's side of an adversarial game. NULL `config`: defaults.
 *
 * Inputs: logits of fake items; logits of real items, of the same shape and type, or NULL with CVL_PAIRING_STANDARD,
 * which does not compare; optionally weights that broadcast to that shape. Both logits have a gradient: do not ask for
 * that of the real ones where they are constants. Value: [], or the same shape.
 */
CVL_NODISCARD
enum cvl_status cvl_generator_new(const struct cvl_adversarial_config *config,
                                  struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_lecam_config_init(struct cvl_lecam_config *config, size_t struct_size);

/**
 * LeCam regularisation: holds the discriminator's logits near the running mean of the other side. NULL `config`:
 * defaults.
 *
 * `L = max(0, r - fake_mean)^2 + max(0, real_mean - f)^2`.
 *
 * Inputs and value: as `cvl_discriminator_new`.
 */
CVL_NODISCARD
enum cvl_status cvl_lecam_new(const struct cvl_lecam_config *config,
                              struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_balanced_l1_config_init(struct cvl_balanced_l1_config *config, size_t struct_size);

/**
 * Balanced L1 of box offsets: like a smooth L1, with steeper slopes for small differences. NULL `config`: defaults.
 *
 * `L = a/b (b d + 1) ln(b d/beta + 1) - a d` below `beta`, else `g d + g/b - a beta`, with `d = |x - t|`, `b =
 * exp(g/a) - 1`.
 *
 * Inputs: two tensors of the same shape and type, and optionally weights that broadcast to that shape. The first has a
 * gradient. Value: [], or the same shape. Agrees with `BalancedL1Loss` of mmdetection.
 */
CVL_NODISCARD
enum cvl_status cvl_balanced_l1_new(const struct cvl_balanced_l1_config *config,
                                    struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_bounded_iou_config_init(struct cvl_bounded_iou_config *config, size_t struct_size);

/**
 * Bounded IoU: how far each of four numbers alone could leave the IoU from 1. NULL `config`: defaults.
 *
 * `L = sum smooth(1 - r)` over x, y, w and h; smooth is quadratic below `beta`.
 *
 * Inputs and value: as `cvl_iou_new`. Four times `BoundedIoULoss` of mmdetection, which has a mean over the terms.
 */
CVL_NODISCARD
enum cvl_status cvl_bounded_iou_new(const struct cvl_bounded_iou_config *config,
                                    struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_boxes_config_init(struct cvl_boxes_config *config, size_t struct_size);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_overlap_config_init(struct cvl_overlap_config *config, size_t struct_size);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_ciou_config_init(struct cvl_ciou_config *config, size_t struct_size);

/**
 * Complete IoU: distance, and proportions. NULL `config`: defaults.
 *
 * `L = 1 - IoU + rho^2/(c^2 + eps) + a v`, `v = 4/pi^2 (atan w_t/h_t - atan w/h)^2`, `a = v/(1 - IoU + v + eps)` a
 * constant.
 *
 * Inputs and value: as `cvl_iou_new`. Agrees with `torchvision.ops.complete_box_iou_loss`.
 */
CVL_NODISCARD
enum cvl_status cvl_ciou_new(const struct cvl_ciou_config *config,
                             struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_diou_config_init(struct cvl_diou_config *config, size_t struct_size);

/**
 * Distance IoU. NULL `config`: defaults.
 *
 * `L = 1 - IoU + rho^2/(c^2 + eps)`, `rho` the distance of the centres, `c` the diagonal of the smallest box around
 * both.
 *
 * Inputs and value: as `cvl_iou_new`. Agrees with `torchvision.ops.distance_box_iou_loss`.
 */
CVL_NODISCARD
enum cvl_status cvl_diou_new(const struct cvl_diou_config *config,
                             struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_distribution_focal_config_init(struct cvl_distribution_focal_config *config,
                                        size_t struct_size);

/**
 * Distribution focal loss: a side of a box as a distribution over bins, whose truth lies between two of them. NULL
 * `config`: defaults.
 *
 * `L = -(ceil y - y) ln p_floor(y) - (y - floor y) ln p_ceil(y)`.
 *
 * Inputs: logits (N, C, *) of C bins, at least 2; where the truth lies, (N, *) or (N, 1, *) in the logits' type, 0 at
 * the first bin and C - 1 at the last; optionally weights (N, *) or (N, 1, *). Both logits and truth have a gradient.
 * Value: [], or (N, *). Agrees with `DistributionFocalLoss` of mmdetection.
 */
CVL_NODISCARD
enum cvl_status cvl_distribution_focal_new(const struct cvl_distribution_focal_config *config,
                                           struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_efficient_iou_config_init(struct cvl_efficient_iou_config *config, size_t struct_size);

/**
 * Efficient IoU, one of two losses called EIoU; the other is `cvl_extended_iou_new`. NULL `config`: defaults.
 *
 * `L = IoU^gamma (1 - IoU + rho^2/(c^2 + eps) + (w - w_t)^2/(c_w^2 + eps) + (h - h_t)^2/(c_h^2 + eps))`.
 *
 * Inputs and value: as `cvl_iou_new`.
 */
CVL_NODISCARD
enum cvl_status cvl_efficient_iou_new(const struct cvl_efficient_iou_config *config,
                                      struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_extended_iou_config_init(struct cvl_extended_iou_config *config, size_t struct_size);

/**
 * Extended IoU, one of two losses called EIoU; the other is `cvl_efficient_iou_new`. NULL `config`: defaults.
 *
 * `L = l^2/(2 s)` below `s`, else `l - s/2`, with `l = 1 - I'/(U' + eps)`, `I'` negative for boxes apart.
 *
 * Inputs and value: as `cvl_iou_new`. Agrees with `EIoULoss` of mmdetection.
 */
CVL_NODISCARD
enum cvl_status cvl_extended_iou_new(const struct cvl_extended_iou_config *config,
                                     struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_gaussian_focal_config_init(struct cvl_gaussian_focal_config *config, size_t struct_size);

/**
 * Gaussian focal loss over sigmoids, for heat maps of centres or corners. NULL `config`: defaults.
 *
 * `L = -(1 - p)^alpha ln p` at peaks, where `t = 1`; `-(1 - t)^gamma p^alpha ln(1 - p)` elsewhere.
 *
 * Inputs and value: as `cvl_bce_new`. Agrees with `GaussianFocalLoss` of mmdetection, of probabilities there.
 */
CVL_NODISCARD
enum cvl_status cvl_gaussian_focal_new(const struct cvl_gaussian_focal_config *config,
                                       struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_ghm_config_init(struct cvl_ghm_config *config, size_t struct_size);

/**
 * Gradient harmonised loss over sigmoids: elements that are as hard as very many others weigh less. NULL `config`:
 * defaults.
 *
 * `L = sum_i w_b(i) CE(x_i, t_i) / n`, `w_b = n / (density_b M)`.
 *
 * `|p - t|` puts an element into one of equal bins, `M` of which hold any; `n` elements are neither ignored nor of
 * weight 0.
 *
 * Inputs and value: as `cvl_bce_new`. Agrees with `GHMC` of mmdetection.
 */
CVL_NODISCARD
enum cvl_status cvl_ghm_new(const struct cvl_ghm_config *config,
                            struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_ghm_regression_config_init(struct cvl_ghm_regression_config *config, size_t struct_size);

/**
 * Gradient harmonised regression loss: elements that are as far off as very many others weigh less. NULL `config`:
 * defaults.
 *
 * `L = sum_i w_b(i) (sqrt(d_i^2 + mu^2) - mu) / n`, `w_b = n / (density_b M)`, `d` input less target.
 *
 * `|d| / sqrt(d^2 + mu^2)` puts an element into one of equal bins, `M` of which hold any; `n` elements have a weight
 * other than 0.
 *
 * Inputs and value: as `cvl_balanced_l1_new`. Agrees with `GHMR` of mmdetection.
 */
CVL_NODISCARD
enum cvl_status cvl_ghm_regression_new(const struct cvl_ghm_regression_config *config,
                                       struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_giou_config_init(struct cvl_giou_config *config, size_t struct_size);

/**
 * Generalised IoU: boxes that do not overlap are pulled together. NULL `config`: defaults.
 *
 * `L = 1 - IoU + (C - U)/(C + eps)`, `C` the area of the smallest box around both.
 *
 * Inputs and value: as `cvl_iou_new`. Agrees with `torchvision.ops.generalized_box_iou_loss`.
 */
CVL_NODISCARD
enum cvl_status cvl_giou_new(const struct cvl_giou_config *config,
                             struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_gwd_config_init(struct cvl_gwd_config *config, size_t struct_size);

/**
 * Gaussian Wasserstein distance of rotated boxes. NULL `config`: defaults.
 *
 * `D^2 = |d|^2 + alpha^2 tr(S + S_t - 2 (S^1/2 S_t S^1/2)^1/2)`, `L = f(D)`; sizes are clamped to 1e-7..=1e7.
 *
 * Inputs and value: as `cvl_rotated_iou_new`. Agrees with `GDLoss("gwd")` of mmrotate.
 */
CVL_NODISCARD
enum cvl_status cvl_gwd_new(const struct cvl_gwd_config *config,
                            struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_iou_config_init(struct cvl_iou_config *config, size_t struct_size);

/**
 * Intersection over union of two boxes, as a loss. NULL `config`: defaults.
 *
 * `L = 1 - IoU`, `IoU = I/(U + eps)`; or by `form`.
 *
 * Inputs: boxes (..., 4) of the same shape and type, and optionally weights (...) or (..., 1). Both boxes have a
 * gradient. Value: [], or (...). Agrees with `IoULoss` of mmdetection.
 */
CVL_NODISCARD
enum cvl_status cvl_iou_new(const struct cvl_iou_config *config,
                            struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_kfiou_config_init(struct cvl_kfiou_config *config, size_t struct_size);

/**
 * Kalman-filter IoU of rotated boxes: the overlap of Gaussians, and a smooth L1 of the centres. NULL `config`:
 * defaults.
 *
 * `L = sum smooth(|d|) + 1 - KFIoU`, or by `form`; at least 0. Sizes are clamped to 1e-7..=1e7.
 *
 * Inputs and value: as `cvl_rotated_iou_new`. Agrees with `KFLoss` of mmrotate.
 */
CVL_NODISCARD
enum cvl_status cvl_kfiou_new(const struct cvl_kfiou_config *config,
                              struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_kld_config_init(struct cvl_kld_config *config, size_t struct_size);

/**
 * Kullback-Leibler divergence of rotated boxes as Gaussians. NULL `config`: defaults.
 *
 * `D = d' S^-1 d/(2 alpha^2) + tr(S^-1 S_t)/2 + ln(det S/det S_t)/2 - 1`, `L = f(sqrt D)`; sizes are clamped to
 * 1e-7..=1e7.
 *
 * Inputs and value: as `cvl_rotated_iou_new`. Agrees with `GDLoss("kld")` of mmrotate.
 */
CVL_NODISCARD
enum cvl_status cvl_kld_new(const struct cvl_kld_config *config,
                            struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_mpdiou_config_init(struct cvl_mpdiou_config *config, size_t struct_size);

/**
 * Minimum points distance IoU. NULL `config`: defaults.
 *
 * `L = 1 - IoU + (d_1^2 + d_2^2)/(W^2 + H^2)`, `d` the distances of the low corners and of the high corners.
 *
 * Inputs and value: as `cvl_iou_new`.
 */
CVL_NODISCARD
enum cvl_status cvl_mpdiou_new(const struct cvl_mpdiou_config *config,
                               struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_nwd_config_init(struct cvl_nwd_config *config, size_t struct_size);

/**
 * Normalised Gaussian Wasserstein distance, for tiny objects. NULL `config`: defaults.
 *
 * `L = 1 - exp(-W/C)`, `W^2 = (x - x_t)^2 + (y - y_t)^2 + ((w - w_t)^2 + (h - h_t)^2)/4`.
 *
 * Inputs and value: as `cvl_iou_new`.
 */
CVL_NODISCARD
enum cvl_status cvl_nwd_new(const struct cvl_nwd_config *config,
                            struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_probiou_config_init(struct cvl_probiou_config *config, size_t struct_size);

/**
 * Probabilistic IoU of rotated boxes: the Hellinger distance of Gaussians. NULL `config`: defaults.
 *
 * `L = sqrt(1 - exp(-B) + eps)`, `B` the Bhattacharyya distance in eps..=100; sizes are clamped to 1e-7..=1e7.
 *
 * Inputs and value: as `cvl_rotated_iou_new`. Agrees with `1 - probiou(a, b)` of ultralytics.
 */
CVL_NODISCARD
enum cvl_status cvl_probiou_new(const struct cvl_probiou_config *config,
                                struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_quality_focal_config_init(struct cvl_quality_focal_config *config, size_t struct_size);

/**
 * Quality focal loss over sigmoids, for scores that are to be the quality of a box. NULL `config`: defaults.
 *
 * `L = |p - t|^beta CE(x, t)`.
 *
 * Inputs and value: as `cvl_bce_new`. The target is the quality at the true class and 0 elsewhere.
 */
CVL_NODISCARD
enum cvl_status cvl_quality_focal_new(const struct cvl_quality_focal_config *config,
                                      struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_rotated_boxes_config_init(struct cvl_rotated_boxes_config *config, size_t struct_size);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_rotated_iou_config_init(struct cvl_rotated_iou_config *config, size_t struct_size);

/**
 * Exact intersection over union of rotated boxes. NULL `config`: defaults.
 *
 * `L = 1 - IoU`, `IoU = I/(U + eps)`; or by `form`.
 *
 * Inputs: boxes (..., 5) of the same shape and type, each centre, width, height and an angle in radians that turns the
 * width from the x axis towards the y axis; optionally weights (...) or (..., 1). Both boxes have a gradient. Value:
 * [], or (...). Agrees with `RotatedIoULoss` of mmrotate.
 */
CVL_NODISCARD
enum cvl_status cvl_rotated_iou_new(const struct cvl_rotated_iou_config *config,
                                    struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_siou_config_init(struct cvl_siou_config *config, size_t struct_size);

/**
 * SCYLLA-IoU: distance that knows the angle, and shape. NULL `config`: defaults.
 *
 * `L = 1 - IoU + (D + S)/2` with a cost `D` of distance and angle and a cost `S` of shape.
 *
 * Inputs and value: as `cvl_iou_new`. Agrees with `SIoULoss(neg_gamma=True)` of mmdetection.
 */
CVL_NODISCARD
enum cvl_status cvl_siou_new(const struct cvl_siou_config *config,
                             struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_varifocal_config_init(struct cvl_varifocal_config *config, size_t struct_size);

/**
 * Varifocal loss over sigmoids: positives weigh their quality, negatives are damped. NULL `config`: defaults.
 *
 * `L = t CE(x, t)` where `t > 0`, `alpha p^gamma CE(x, 0)` where `t = 0`.
 *
 * Inputs and value: as `cvl_bce_new`. The target is the quality at the true class and 0 elsewhere. Agrees with
 * `VarifocalLoss` of mmdetection.
 */
CVL_NODISCARD
enum cvl_status cvl_varifocal_new(const struct cvl_varifocal_config *config,
                                  struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_wise_iou_config_init(struct cvl_wise_iou_config *config, size_t struct_size);

/**
 * Wise-IoU: distance as a factor, and a focus by how hard a pair is against all others. NULL `config`: defaults.
 *
 * `L = r exp(rho^2/(c^2 + eps)) (1 - IoU)`, `b = (1 - IoU)/mean`; `c`, `b` and `r` have no slope.
 *
 * Inputs and value: as `cvl_iou_new`.
 */
CVL_NODISCARD
enum cvl_status cvl_wise_iou_new(const struct cvl_wise_iou_config *config,
                                 struct cvl_loss **out);

/**
 * Writes the defaults: no tensors, `grad_scale` 1. `struct_size` is `sizeof *args`.
 */
void cvl_eval_args_init(struct cvl_eval_args *args, size_t struct_size);

/**
 * The value and the wanted gradients, in one pass where the loss allows. Nothing is written if arguments are refused. On
 * a device the work is queued on `stream`, and nothing waits for it.
 */
CVL_NODISCARD
enum cvl_status cvl_loss_eval(const struct cvl_loss *loss,
                              const struct cvl_eval_args *args);

/**
 * How much work memory the same call needs; 0 in host memory unless it accumulates gradients with an upstream gradient
 * per item. No device is touched.
 */
CVL_NODISCARD
enum cvl_status cvl_loss_workspace(const struct cvl_loss *loss,
                                   const struct cvl_eval_args *args,
                                   size_t *out_bytes);

/**
 * The shape of the value of a call with these inputs: `shape` has room for 8 numbers, of which `*ndim` are written.
 *
 * Only `inputs` and `num_inputs` of `args` are read.
 */
CVL_NODISCARD
enum cvl_status cvl_loss_value_shape(const struct cvl_loss *loss,
                                     const struct cvl_eval_args *args,
                                     int64_t *shape,
                                     int32_t *ndim);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_charbonnier_config_init(struct cvl_charbonnier_config *config, size_t struct_size);

/**
 * Charbonnier loss. NULL `config`: defaults.
 *
 * `L = sqrt(d^2 + eps^2)`, or with `eps` plain.
 *
 * Inputs: two tensors of the same shape and type, and optionally weights that broadcast to that shape. Both have a gradient. Value: [], or the same shape.
 */
CVL_NODISCARD
enum cvl_status cvl_charbonnier_new(const struct cvl_charbonnier_config *config,
                                    struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_edge_config_init(struct cvl_edge_config *config, size_t struct_size);

/**
 * Edge loss: what an edge filter makes of the difference of two images. NULL `config`: defaults.
 *
 * `L` is the mean of `rho(K * (x - t))`, summed over the filters `K`.
 *
 * Inputs: two images (N, C, H, W) of the same shape and type, and optionally weights that broadcast to that shape.
 * Both have a gradient. Value: [], or (N).
 */
CVL_NODISCARD
enum cvl_status cvl_edge_new(const struct cvl_edge_config *config,
                             struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_fft_l1_config_init(struct cvl_fft_l1_config *config, size_t struct_size);

/**
 * L1 of Fourier coefficients of the difference of two images. NULL `config`: defaults.
 *
 * `L` is the mean of `|F(w (x - t))|` over coefficients. Weights multiply the difference.
 *
 * Inputs: two images (N, C, H, W) of the same shape and type, and optionally weights that broadcast to that shape.
 * Both have a gradient. Value: [], or (N).
 */
CVL_NODISCARD
enum cvl_status cvl_fft_l1_new(const struct cvl_fft_l1_config *config,
                               struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_focal_frequency_config_init(struct cvl_focal_frequency_config *config, size_t struct_size);

/**
 * Focal frequency loss: squared errors of coefficients, weighed by the errors. NULL `config`: defaults.
 *
 * `L` is the mean of `w |F|^2`, `F` the unitary transform of the difference, `w = |F|^alpha` over its largest, a
 * constant.
 *
 * Inputs: two images (N, C, H, W) of the same shape and type, and optionally weights that broadcast to that shape.
 * Both have a gradient. Value: [], or (N).
 */
CVL_NODISCARD
enum cvl_status cvl_focal_frequency_new(const struct cvl_focal_frequency_config *config,
                                        struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_huber_config_init(struct cvl_huber_config *config, size_t struct_size);

/**
 * Huber loss. NULL `config`: defaults.
 *
 * `L = d^2/2` up to `|d| = delta`, `delta (|d| - delta/2)` beyond.
 *
 * Inputs: two tensors of the same shape and type, and optionally weights that broadcast to that shape. Both have a gradient. Value: [], or the same shape.
 */
CVL_NODISCARD
enum cvl_status cvl_huber_new(const struct cvl_huber_config *config,
                              struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_l1_config_init(struct cvl_l1_config *config, size_t struct_size);

/**
 * Mean absolute error. NULL `config`: defaults.
 *
 * `L = |d|` with `d = x - t`.
 *
 * Inputs: two tensors of the same shape and type, and optionally weights that broadcast to that shape. Both have a gradient. Value: [], or the same shape.
 */
CVL_NODISCARD
enum cvl_status cvl_l1_new(const struct cvl_l1_config *config,
                           struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_l1_ssim_config_init(struct cvl_l1_ssim_config *config, size_t struct_size);

/**
 * L1 plus structural similarity in one sweep, as Gaussian splatting trains. `config` must have a data range.
 *
 * Inputs: two images (N, C, *) of the same shape and type with 1 to 3 axes of space, and optionally weights (N, *) or (N, 1, *). Both have a gradient. Value: [], or (N).
 */
CVL_NODISCARD
enum cvl_status cvl_l1_ssim_new(const struct cvl_l1_ssim_config *config,
                                struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_log_cosh_config_init(struct cvl_log_cosh_config *config, size_t struct_size);

/**
 * Log-cosh loss. NULL `config`: defaults.
 *
 * `L = ln cosh d` with `d = x - t`.
 *
 * Inputs: two tensors of the same shape and type, and optionally weights that broadcast to that shape. Both have a gradient. Value: [], or the same shape.
 */
CVL_NODISCARD
enum cvl_status cvl_log_cosh_new(const struct cvl_log_cosh_config *config,
                                 struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_ms_ssim_config_init(struct cvl_ms_ssim_config *config, size_t struct_size);

/**
 * Structural similarity over a pyramid of sizes, as a loss. `config` must have a data range.
 *
 * Inputs: two images (N, C, *) of the same shape and type with 1 to 3 axes of space, and optionally weights (N, *) or (N, 1, *). Both have a gradient. Value: [], or (N). Agrees with `1 - pytorch_msssim.ms_ssim`.
 */
CVL_NODISCARD
enum cvl_status cvl_ms_ssim_new(const struct cvl_ms_ssim_config *config,
                                struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_ms_ssim_l1_config_init(struct cvl_ms_ssim_l1_config *config, size_t struct_size);

/**
 * Structural similarity in several windows plus L1, without a pyramid. `config` must have a data range.
 *
 * Inputs: two images (N, C, *) of the same shape and type with 1 to 3 axes of space, and optionally weights (N, *) or (N, 1, *). Both have a gradient. Value: [], or (N). Agrees with `kornia.losses.MS_SSIMLoss`.
 */
CVL_NODISCARD
enum cvl_status cvl_ms_ssim_l1_new(const struct cvl_ms_ssim_l1_config *config,
                                   struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_mse_config_init(struct cvl_mse_config *config, size_t struct_size);

/**
 * Mean squared error. NULL `config`: defaults.
 *
 * `L = d^2` with `d = x - t`.
 *
 * Inputs: two tensors of the same shape and type, and optionally weights that broadcast to that shape. Both have a gradient. Value: [], or the same shape.
 */
CVL_NODISCARD
enum cvl_status cvl_mse_new(const struct cvl_mse_config *config,
                            struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_psnr_config_init(struct cvl_psnr_config *config, size_t struct_size);

/**
 * The negative peak signal-to-noise ratio in decibels. NULL `config`: defaults.
 *
 * Inputs: two images (N, C, *) of the same shape and type, and optionally weights that broadcast to it. Both have a gradient. Value: [], or (N) unless the batch is pooled.
 */
CVL_NODISCARD
enum cvl_status cvl_psnr_new(const struct cvl_psnr_config *config,
                             struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_robust_config_init(struct cvl_robust_config *config, size_t struct_size);

/**
 * General robust loss of Barron. NULL `config`: defaults.
 *
 * `L = |a - 2|/a ((z^2/|a - 2| + 1)^(a/2) - 1)` with `z = d/scale` and `a` from `shape`.
 *
 * Inputs: two tensors of the same shape and type, and optionally weights that broadcast to that shape. Both have a gradient. Value: [], or the same shape.
 */
CVL_NODISCARD
enum cvl_status cvl_robust_new(const struct cvl_robust_config *config,
                               struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_similarity_config_init(struct cvl_similarity_config *config, size_t struct_size);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_smooth_l1_config_init(struct cvl_smooth_l1_config *config, size_t struct_size);

/**
 * Smooth L1 loss. NULL `config`: defaults.
 *
 * Huber loss over `beta`; `|d|` for `beta = 0`.
 *
 * Inputs: two tensors of the same shape and type, and optionally weights that broadcast to that shape. Both have a gradient. Value: [], or the same shape.
 */
CVL_NODISCARD
enum cvl_status cvl_smooth_l1_new(const struct cvl_smooth_l1_config *config,
                                  struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_ssim_config_init(struct cvl_ssim_config *config, size_t struct_size);

/**
 * Structural similarity of two images, as a loss. `config` must have a data range.
 *
 * `s = (2 m_x m_y + C1)(2 v_xy + C2) / ((m_x^2 + m_y^2 + C1)(v_x + v_y + C2))` of windows; `L` is the mean of `1 - s`.
 *
 * Inputs: two images (N, C, *) of the same shape and type with 1 to 3 axes of space, and optionally weights (N, *) or (N, 1, *). Both have a gradient. Value: [], or (N), or (N, C) with separate channels. Agrees with `1 - pytorch_msssim.ssim`.
 */
CVL_NODISCARD
enum cvl_status cvl_ssim_new(const struct cvl_ssim_config *config,
                             struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_total_variation_config_init(struct cvl_total_variation_config *config, size_t struct_size);

/**
 * Total variation of an image or a volume: differences to the next pixel along each axis. NULL `config`: defaults.
 *
 * `L = sum |d|`, or by `norm`, over differences `d`.
 *
 * Inputs: an image (N, C, *) with 1 to 3 axes of space; NULL, for there is no target; optionally weights that
 * broadcast to the image's shape. With no weights, one input is enough. Value: [], or (N).
 */
CVL_NODISCARD
enum cvl_status cvl_total_variation_new(const struct cvl_total_variation_config *config,
                                        struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_wing_config_init(struct cvl_wing_config *config, size_t struct_size);

/**
 * Wing loss. NULL `config`: defaults.
 *
 * `L = w ln(1 + |d|/e)` up to `|d| = w`, then a line.
 *
 * Inputs: two tensors of the same shape and type, and optionally weights that broadcast to that shape. Both have a gradient. Value: [], or the same shape.
 */
CVL_NODISCARD
enum cvl_status cvl_wing_new(const struct cvl_wing_config *config,
                             struct cvl_loss **out);

/**
 * The loss's name, such as "focal"; "" for NULL. Valid as long as the library is loaded.
 */
CVL_NODISCARD const char *cvl_loss_name(const struct cvl_loss *loss);

/**
 * Frees a loss. NULL is fine. No call with it may be running, and none may follow.
 */
void cvl_loss_free(struct cvl_loss *loss);

/**
 * Writes the defaults, without weights. `struct_size` is `sizeof *config`.
 */
void cvl_perceptual_config_init(struct cvl_perceptual_config *config, size_t struct_size);

/**
 * A perceptual (content) loss: the distance of two images' features. `config` must have weights.
 *
 * The first call in float32 (or half) and the first in float64 prepare the weights, which takes eight times their
 * memory. A library that was built without the feature `perceptual` returns CVL_STATUS_UNSUPPORTED.
 *
 * Inputs: two images (N, 3, H, W) of the same type; no weight. Both have a gradient. Value: [], or (N) with
 * CVL_REDUCTION_NONE. Agrees with `piq.ContentLoss` and BasicSR's `PerceptualLoss`.
 */
CVL_NODISCARD
enum cvl_status cvl_perceptual_new(const struct cvl_perceptual_config *config,
                                   struct cvl_loss **out);

/**
 * Writes the defaults, without weights. `struct_size` is `sizeof *config`.
 */
void cvl_contextual_config_init(struct cvl_contextual_config *config, size_t struct_size);

/**
 * A contextual loss: how well the target's features are found in the input, wherever they are. `config` must have
 * weights.
 *
 * Inputs, value and weights as `cvl_perceptual_new`. The formula is that of Mechrez et al., with cosine distances.
 */
CVL_NODISCARD
enum cvl_status cvl_contextual_new(const struct cvl_contextual_config *config,
                                   struct cvl_loss **out);

/**
 * Writes the defaults, without weights. `struct_size` is `sizeof *config`.
 */
void cvl_dists_config_init(struct cvl_dists_config *config, size_t struct_size);

/**
 * Deep image structure and texture similarity (DISTS), as a loss: 0 for equal images. `config` must have weights.
 *
 * Inputs, value and weights as `cvl_perceptual_new`. Agrees with `DISTS_pytorch.DISTS`.
 */
CVL_NODISCARD
enum cvl_status cvl_dists_new(const struct cvl_dists_config *config,
                              struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_feature_contextual_config_init(struct cvl_feature_contextual_config *config,
                                        size_t struct_size);

/**
 * The contextual loss of features that are given, of any network, in any library. NULL `config`: defaults.
 *
 * Inputs: features (N, C, *) of input and target with 1 to 3 axes of space, of the same shape and type; no weight. Both
 * have a gradient. Value: [], or (N) with CVL_REDUCTION_NONE.
 */
CVL_NODISCARD
enum cvl_status cvl_feature_contextual_new(const struct cvl_feature_contextual_config *config,
                                           struct cvl_loss **out);

/**
 * Writes the defaults, without weights. `struct_size` is `sizeof *config`.
 */
void cvl_lpips_config_init(struct cvl_lpips_config *config, size_t struct_size);

/**
 * Learned perceptual image patch similarity (LPIPS), version 0.1. `config` must have weights.
 *
 * Inputs, value and weights as `cvl_perceptual_new`. Agrees with `lpips.LPIPS(version="0.1")`.
 */
CVL_NODISCARD
enum cvl_status cvl_lpips_new(const struct cvl_lpips_config *config,
                              struct cvl_loss **out);

/**
 * Writes the defaults: no weights. `struct_size` is `sizeof *config`.
 */
void cvl_weights_config_init(struct cvl_weights_config *config, size_t struct_size);

/**
 * Writes the defaults, without weights. `struct_size` is `sizeof *config`.
 */
void cvl_style_config_init(struct cvl_style_config *config, size_t struct_size);

/**
 * A style loss: the distance of Gram matrices of two images' features. `config` must have weights.
 *
 * Inputs, value and weights as `cvl_perceptual_new`. Agrees with `piq.StyleLoss` and the papers of Gatys and Johnson.
 */
CVL_NODISCARD
enum cvl_status cvl_style_new(const struct cvl_style_config *config,
                              struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_asymmetric_config_init(struct cvl_asymmetric_config *config, size_t struct_size);

/**
 * Asymmetric loss over sigmoids, for images of many labels. NULL `config`: defaults.
 *
 * `L = t q^gamma_positive (-ln p) + (1 - t) r^gamma_negative (-ln(1 - r))`, `q = 1 - p`, `r = max(p - clip, 0)`.
 *
 * Inputs and value: as `cvl_bce_new`. Agrees with timm's `AsymmetricLossMultiLabel` (a sum there).
 */
CVL_NODISCARD
enum cvl_status cvl_asymmetric_new(const struct cvl_asymmetric_config *config,
                                   struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_asymmetric_softmax_config_init(struct cvl_asymmetric_softmax_config *config,
                                        size_t struct_size);

/**
 * Asymmetric loss over a softmax: a true class that is sure is damped, and so are the others where they are not. NULL
 * `config`: defaults.
 *
 * `L = -w_y (a (1 - p_y)^gamma_positive ln p_y + b sum_{c != y} p_c^gamma_negative ln p_c)`, `b` the label smoothing
 * over the number of classes, `a` the rest of the target.
 *
 * Inputs: logits (N, C, *), C at least 2; class indices (N, *) or (N, 1, *) as uint8, uint32, int64; optionally
 * weights (N, *) or (N, 1, *). Value: [], or (N, *). Agrees with `AsymmetricLossSingleLabel` of timm.
 */
CVL_NODISCARD
enum cvl_status cvl_asymmetric_softmax_new(const struct cvl_asymmetric_softmax_config *config,
                                           struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_balanced_bce_config_init(struct cvl_balanced_bce_config *config, size_t struct_size);

/**
 * Binary cross-entropy of logits whose positives and negatives weigh the same together. NULL `config`: defaults.
 *
 * `L = (1 - s) t softplus(-x) + s (1 - t) softplus(x)`, `s` being the share of positives.
 *
 * Inputs and value: as `cvl_bce_new`.
 */
CVL_NODISCARD
enum cvl_status cvl_balanced_bce_new(const struct cvl_balanced_bce_config *config,
                                     struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_bce_config_init(struct cvl_bce_config *config, size_t struct_size);

/**
 * Binary cross-entropy of logits, for binary and multilabel prediction. NULL `config`: defaults.
 *
 * `L = a t softplus(-x) + (1 - t) softplus(x)`, with `a` from `pos_weight`.
 *
 * Inputs: logits of any shape, channels on axis 1; targets of the same shape, in the logits' type or 0 and 1 as uint8,
 * bool, uint32, int64; optionally weights that broadcast to that shape. Value: [], or the logits' shape.
 */
CVL_NODISCARD
enum cvl_status cvl_bce_new(const struct cvl_bce_config *config,
                            struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_bi_tempered_config_init(struct cvl_bi_tempered_config *config, size_t struct_size);

/**
 * Bi-tempered logistic loss, for labels that may be wrong: a softmax with heavy tails, and a bounded logarithm. NULL
 * `config`: defaults.
 *
 * `L = sum_c t_c (log_t1 t_c - log_t1 p_c) - (t_c^(2-t1) - p_c^(2-t1)) / (2 - t1)`, `p = exp_t2(x - lambda)` with sum
 * 1.
 *
 * Inputs: as `cvl_cross_entropy_new`, which this is for temperatures of 1 and class indices. Value: [], or (N, *).
 * Agrees with `bi_tempered_logistic_loss` of Google, after enough iterations.
 */
CVL_NODISCARD
enum cvl_status cvl_bi_tempered_new(const struct cvl_bi_tempered_config *config,
                                    struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_cl_dice_config_init(struct cvl_cl_dice_config *config, size_t struct_size);

/**
 * Centreline Dice: how much of each soft skeleton lies inside the other mask. NULL `config`: defaults.
 *
 * `L = 1 - 2ab / (a + b + smooth)`, `a = (sum S_p t + smooth_nr) / (sum S_p + smooth_dr)`, `b` of `S_t` and `p`.
 *
 * Inputs: (N, C, *) with one to three axes of space, logits unless the activation is CVL_ACTIVATION_IDENTITY; class
 * indices (N, *) or (N, 1, *) as uint8, bool, uint32, int64, or one-hot or soft targets (N, C, *) in the input's type
 * (with one channel, index 1 is the foreground); optionally weights (N, *) or (N, 1, *). Value: [], or (N) with
 * CVL_REDUCTION_NONE. Agrees with MONAI's `SoftclDiceLoss`.
 */
CVL_NODISCARD
enum cvl_status cvl_cl_dice_new(const struct cvl_cl_dice_config *config,
                                struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_dice_cl_dice_config_init(struct cvl_dice_cl_dice_config *config, size_t struct_size);

/**
 * Dice and centreline Dice: `(1 - alpha) Dice + alpha clDice`. NULL `config`: defaults.
 *
 * Dice is the mean over classes of each image by itself, smoothed by `smooth_nr` and `smooth_dr`.
 *
 * Inputs and value: as `cvl_cl_dice_new`. Agrees with MONAI's `SoftDiceclDiceLoss`.
 */
CVL_NODISCARD
enum cvl_status cvl_dice_cl_dice_new(const struct cvl_dice_cl_dice_config *config,
                                     struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_dice_ce_config_init(struct cvl_dice_ce_config *config, size_t struct_size);

/**
 * Dice loss plus cross-entropy, of a softmax or of sigmoids. NULL `config`: defaults.
 *
 * Inputs and value: `cvl_region_config`; the input holds logits. Agrees with MONAI's `DiceCELoss`.
 */
CVL_NODISCARD
enum cvl_status cvl_dice_ce_new(const struct cvl_dice_ce_config *config,
                                struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_dice_focal_config_init(struct cvl_dice_focal_config *config, size_t struct_size);

/**
 * Dice loss plus focal loss, of a softmax (which needs class indices) or of sigmoids. NULL `config`: defaults.
 *
 * Inputs and value: `cvl_region_config`; the input holds logits.
 */
CVL_NODISCARD
enum cvl_status cvl_dice_focal_new(const struct cvl_dice_focal_config *config,
                                   struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_combo_config_init(struct cvl_combo_config *config, size_t struct_size);

/**
 * Combo loss of Taghanaki et al., of sigmoids, over the whole batch. NULL `config`: defaults.
 *
 * `L = alpha mean(-beta t ln p - (1 - beta)(1 - t) ln(1 - p)) - (1 - alpha) Dice`; at best `-(1 - alpha)`.
 *
 * Inputs: `cvl_region_config`; the input holds logits. Value: [].
 */
CVL_NODISCARD
enum cvl_status cvl_combo_new(const struct cvl_combo_config *config,
                              struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_cross_entropy_config_init(struct cvl_cross_entropy_config *config, size_t struct_size);

/**
 * Cross-entropy of a softmax over classes, at each point. NULL `config`: defaults.
 *
 * `L = -sum_c w_c t'_c ln p_c`, with `t' = (1 - s) t + s/C` and `s` the label smoothing.
 *
 * Inputs: logits (N, C, *), C at least 2; class indices (N, *) or (N, 1, *) as uint8, uint32, int64, or distributions
 * (N, C, *) in the logits' type; optionally weights (N, *) or (N, 1, *). Value: [], or (N, *). Agrees with
 * `torch.nn.functional.cross_entropy`.
 */
CVL_NODISCARD
enum cvl_status cvl_cross_entropy_new(const struct cvl_cross_entropy_config *config,
                                      struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_dice_config_init(struct cvl_dice_config *config, size_t struct_size);

/**
 * Dice loss, one minus twice the overlap over the sizes. NULL `config`: defaults.
 *
 * `L = 1 - (2I + smooth_n) / (P + T + smooth_d)`, `I = sum p t`, `P = sum p`, `T = sum t`.
 *
 * Inputs and value: `cvl_region_config`.
 */
CVL_NODISCARD
enum cvl_status cvl_dice_new(const struct cvl_dice_config *config,
                             struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_boundary_config_init(struct cvl_boundary_config *config, size_t struct_size);

/**
 * Boundary loss: probabilities times the signed distance to the target's surface. NULL `config`: defaults.
 *
 * `L = mean p phi`, `phi = d` outside and `-(d - 1)` inside; over points, then classes, then images.
 *
 * Inputs: (N, C, *) with one to three axes of space, logits unless the activation is CVL_ACTIVATION_IDENTITY; class
 * indices (N, *) or (N, 1, *) as uint8, bool, uint32, int64, or zeros and ones (N, C, *) in the input's type (with one
 * channel, index 1 is the foreground); optionally weights (N, *) or (N, 1, *). Value: [], or (N) with
 * CVL_REDUCTION_NONE. Agrees with MONAI's `BoundaryLoss`.
 */
CVL_NODISCARD
enum cvl_status cvl_boundary_new(const struct cvl_boundary_config *config,
                                 struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_hausdorff_config_init(struct cvl_hausdorff_config *config, size_t struct_size);

/**
 * Hausdorff loss by distance transforms: squared errors times distances to both surfaces. NULL `config`: defaults.
 *
 * `L = mean (p - t)^2 (D_p^alpha + D_t^alpha)`; distances count as constants.
 *
 * Inputs and value: as `cvl_boundary_new`, of classes. Agrees with MONAI's `HausdorffDTLoss`.
 */
CVL_NODISCARD
enum cvl_status cvl_hausdorff_new(const struct cvl_hausdorff_config *config,
                                  struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_distance_cross_entropy_config_init(struct cvl_distance_cross_entropy_config *config,
                                            size_t struct_size);

/**
 * Cross-entropy whose points weigh by their distances to surfaces in the target. NULL `config`: defaults.
 *
 * `L = -w ln p_y`. CVL_DISTANCE_WEIGHTING_BORDER: `w = w_y`, and in the background
 * `w0 exp(-(d1 + d2)^2 / (2 sigma^2))` more, `d1` and `d2` being the distances to the nearest two connected regions of
 * other classes (U-Net). CVL_DISTANCE_WEIGHTING_PENALTY: `w = w_y (1 + (D - d) / (D - least))`, `d` being the distance
 * to the nearest point of another class, `D` and `least` its extremes in the class and image.
 *
 * Inputs: logits (N, C, *), C at least 2, with one to three axes of space; class indices (N, *) or (N, 1, *) as uint8,
 * uint32, int64; optionally weights (N, *) or (N, 1, *). Value: [], or (N, *).
 */
CVL_NODISCARD
enum cvl_status cvl_distance_cross_entropy_new(const struct cvl_distance_cross_entropy_config *config,
                                               struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_exp_log_config_init(struct cvl_exp_log_config *config, size_t struct_size);

/**
 * Exponential logarithmic loss: powers of the logarithms of Dice's score and of the probability, of a softmax. NULL
 * `config`: defaults.
 *
 * `L = lambda_dice mean_c (-ln s_c)^gamma_dice + lambda_ce mean(w_y (-ln p_y)^gamma_ce)`, `s` Dice's score.
 *
 * Inputs and value: `cvl_region_config`; the input holds logits, the target class indices.
 */
CVL_NODISCARD
enum cvl_status cvl_exp_log_new(const struct cvl_exp_log_config *config,
                                struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_focal_config_init(struct cvl_focal_config *config, size_t struct_size);

/**
 * Focal loss over sigmoids, for dense binary or multilabel prediction. NULL `config`: defaults.
 *
 * `L = alpha_t (1 - p_t)^gamma CE(x, t)`.
 *
 * Inputs and value: as `cvl_bce_new`. Agrees with `torchvision.ops.sigmoid_focal_loss` (mean).
 */
CVL_NODISCARD
enum cvl_status cvl_focal_new(const struct cvl_focal_config *config,
                              struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_generalized_wasserstein_dice_config_init(struct cvl_generalized_wasserstein_dice_config *config,
                                                  size_t struct_size);

/**
 * Generalised Wasserstein Dice over a softmax: mistaking a class for a near one costs less than for a far one. NULL
 * `config`: defaults.
 *
 * `L = 1 - (2 sum a_y (1 - W) + smooth_nr) / (D + smooth_dr)`, `W = sum_c M_yc p_c`, `M` the distances over their
 * largest.
 *
 * By foreground, `a` is 0 of class 0 and 1 of others, `D = 2 sum a_y (1 - W) + sum W`; by volume, `a` is one over one
 * more than the class's points, `D = sum a_y (2 - W)`.
 *
 * Inputs: logits (N, C, *), C at least 2; class indices (N, *) or (N, 1, *) as uint8, uint32, int64; optionally
 * weights (N, *) or (N, 1, *). Value: [], or (N). Agrees with MONAI's `GeneralizedWassersteinDiceLoss`.
 */
CVL_NODISCARD
enum cvl_status cvl_generalized_wasserstein_dice_new(const struct cvl_generalized_wasserstein_dice_config *config,
                                                     struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_hausdorff_erosion_config_init(struct cvl_hausdorff_erosion_config *config,
                                       size_t struct_size);

/**
 * Hausdorff loss by erosion: squared errors count by how often they can be eroded. NULL `config`: defaults.
 *
 * `L = mean sum_k k^alpha B_k`, `B_0 = (p - t)^2`, `B_k = n(max(cross(B_(k-1)) - 1/2, 0))`: `cross` is the mean of a
 * point and its face neighbours, and `n` scales each class of each image to 0 to 1.
 *
 * Inputs and value: as `cvl_boundary_new`, of classes. Agrees with kornia's `HausdorffERLoss` of probabilities.
 */
CVL_NODISCARD
enum cvl_status cvl_hausdorff_erosion_new(const struct cvl_hausdorff_erosion_config *config,
                                          struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_jaccard_config_init(struct cvl_jaccard_config *config, size_t struct_size);

/**
 * Jaccard loss, also called soft IoU loss. NULL `config`: defaults.
 *
 * `L = 1 - (I + smooth_n) / (P + T - I + smooth_d)`.
 *
 * Inputs and value: `cvl_region_config`.
 */
CVL_NODISCARD
enum cvl_status cvl_jaccard_new(const struct cvl_jaccard_config *config,
                                struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_lovasz_softmax_config_init(struct cvl_lovasz_softmax_config *config, size_t struct_size);

/**
 * Lovasz softmax: the convex extension of the Jaccard loss to probabilities, mean over classes. NULL `config`:
 * defaults.
 *
 * `L = mean_c sum_i e_i dJ_i`, `e = |t - p|` sorted, largest first, `dJ` what the Jaccard loss grows by with each.
 *
 * Inputs: (N, C, *), logits unless the activation is CVL_ACTIVATION_IDENTITY; class indices (N, *) or (N, 1, *) as
 * uint8, bool, uint32, int64, or zeros and ones (N, C, *) in the input's type (with one channel, index 1 is the
 * foreground); optionally weights (N, *) or (N, 1, *). Value: [], or (N) with CVL_REDUCTION_NONE unless the batch is
 * pooled. Agrees with `kornia.losses.lovasz_softmax_loss` and segmentation_models_pytorch's `LovaszLoss`.
 */
CVL_NODISCARD
enum cvl_status cvl_lovasz_softmax_new(const struct cvl_lovasz_softmax_config *config,
                                       struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_lovasz_hinge_config_init(struct cvl_lovasz_hinge_config *config, size_t struct_size);

/**
 * Lovasz hinge: the convex extension of the Jaccard loss to logits of binary masks. NULL `config`: defaults.
 *
 * As `cvl_lovasz_softmax_new`, of `e = max(1 - s x, 0)`, `s` being 1 inside and -1 outside; the input holds logits.
 */
CVL_NODISCARD
enum cvl_status cvl_lovasz_hinge_new(const struct cvl_lovasz_hinge_config *config,
                                     struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_mcc_config_init(struct cvl_mcc_config *config, size_t struct_size);

/**
 * Loss of Matthews's correlation coefficient, which looks at true negatives too. NULL `config`: defaults.
 *
 * `L = 1 - (I W - P T + smooth_n) / sqrt(P T (W - P)(W - T) + smooth_d)`, `W` the number or weight of points.
 *
 * Inputs and value: `cvl_region_config`, whose floor has no effect. Agrees with MONAI's `MCCLoss`.
 */
CVL_NODISCARD
enum cvl_status cvl_mcc_new(const struct cvl_mcc_config *config,
                            struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_ohem_cross_entropy_config_init(struct cvl_ohem_cross_entropy_config *config,
                                        size_t struct_size);

/**
 * Cross-entropy of hard points alone: online hard example mining. NULL `config`: defaults.
 *
 * `L = mean of -w_y ln p_y` over points with `p_y < threshold`, and the hardest of the others up to `min_kept` per
 * image.
 *
 * Inputs: logits (N, C, *), C at least 2; class indices (N, *) or (N, 1, *) as uint8, uint32, int64; optionally
 * weights (N, *) or (N, 1, *). Value: [], or (N, *).
 */
CVL_NODISCARD
enum cvl_status cvl_ohem_cross_entropy_new(const struct cvl_ohem_cross_entropy_config *config,
                                           struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_top_k_cross_entropy_config_init(struct cvl_top_k_cross_entropy_config *config,
                                         size_t struct_size);

/**
 * Cross-entropy of the hardest share of all points of the batch: top-k. NULL `config`: defaults.
 *
 * `L = mean of -w_y ln p_y` over the share of points with the least `p_y`.
 *
 * Inputs: logits (N, C, *), C at least 2; class indices (N, *) or (N, 1, *) as uint8, uint32, int64; optionally
 * weights (N, *) or (N, 1, *). Value: [], or (N, *). Agrees with nnU-Net's `TopKLoss`.
 */
CVL_NODISCARD
enum cvl_status cvl_top_k_cross_entropy_new(const struct cvl_top_k_cross_entropy_config *config,
                                            struct cvl_loss **out);

/**
 * Writes the defaults; `loss` is for you to set. `struct_size` is `sizeof *config`.
 */
void cvl_multi_scale_config_init(struct cvl_multi_scale_config *config, size_t struct_size);

/**
 * One loss at several scales of one prediction and its target: a weighted sum.
 *
 * A scale is the length of the cells, along every axis of space, that become a point. Inputs are averaged over cells;
 * class indices are those in the middle of their cells, and so are soft targets, images and weight maps with
 * CVL_SCALE_POOLING_NEAREST. The gradient is that of all scales together.
 *
 * Inputs: those of the loss, (N, C, *) with one to three axes of space. Value: [].
 */
CVL_NODISCARD
enum cvl_status cvl_multi_scale_new(const struct cvl_multi_scale_config *config,
                                    struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_poly_cross_entropy_config_init(struct cvl_poly_cross_entropy_config *config,
                                        size_t struct_size);

/**
 * Poly-1 cross-entropy: cross-entropy plus the first term of its polynomial. NULL `config`: defaults.
 *
 * `L = w_y (-ln p_y + epsilon (1 - p_y))`.
 *
 * Inputs: logits (N, C, *), C at least 2; class indices (N, *) or (N, 1, *) as uint8, uint32, int64; optionally
 * weights (N, *) or (N, 1, *). Value: [], or (N, *).
 */
CVL_NODISCARD
enum cvl_status cvl_poly_cross_entropy_new(const struct cvl_poly_cross_entropy_config *config,
                                           struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_poly_focal_config_init(struct cvl_poly_focal_config *config, size_t struct_size);

/**
 * Poly-1 focal loss over sigmoids. NULL `config`: defaults.
 *
 * `L = alpha_t (m^gamma CE(x, t) + epsilon m^(gamma + 1))`, `m = 1 - p_t`.
 *
 * Inputs and value: as `cvl_bce_new`.
 */
CVL_NODISCARD
enum cvl_status cvl_poly_focal_new(const struct cvl_poly_focal_config *config,
                                   struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_reduced_focal_config_init(struct cvl_reduced_focal_config *config, size_t struct_size);

/**
 * Reduced focal loss over sigmoids: focal loss that leaves hard elements their whole loss. NULL `config`: defaults.
 *
 * `L = alpha_t CE(x, t)` where `p_t < threshold`, `alpha_t ((1 - p_t) / scale)^gamma CE(x, t)` elsewhere.
 *
 * Inputs and value: as `cvl_bce_new`.
 */
CVL_NODISCARD
enum cvl_status cvl_reduced_focal_new(const struct cvl_reduced_focal_config *config,
                                      struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_region_config_init(struct cvl_region_config *config, size_t struct_size);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_seesaw_config_init(struct cvl_seesaw_config *config, size_t struct_size);

/**
 * Seesaw loss, for a few frequent classes and many rare ones: cross-entropy whose other classes' exponentials are
 * damped by how rare they are, and raised by how wrong they are. NULL `config`: defaults.
 *
 * `L = -w_y ln (e^(x_y) / sum_c S_yc e^(x_c))`, `S_yc = min(N_c / N_y, 1)^p max(s_c / max(s_y, eps), 1)^q`,
 * `S_yy = 1`, `s = softmax(x)`, `N` the counts. `S` counts as constant.
 *
 * Inputs: logits (N, C, *), C at least 2; class indices (N, *) or (N, 1, *) as uint8, uint32, int64; optionally
 * weights (N, *) or (N, 1, *). Value: [], or (N, *). Agrees with mmdetection's `SeesawLoss`, less its objectness.
 */
CVL_NODISCARD
enum cvl_status cvl_seesaw_new(const struct cvl_seesaw_config *config,
                               struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_soft_f1_config_init(struct cvl_soft_f1_config *config, size_t struct_size);

/**
 * Soft F1 loss: one less the F1 score of probabilities. NULL `config`: defaults.
 *
 * `L = 1 - (2I + smooth_n) / (P + T + smooth_d)`, or the mean of that and the same of `1 - p` and `1 - t`.
 *
 * Inputs and value: `cvl_region_config`.
 */
CVL_NODISCARD
enum cvl_status cvl_soft_f1_new(const struct cvl_soft_f1_config *config,
                                struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_softmax_focal_config_init(struct cvl_softmax_focal_config *config, size_t struct_size);

/**
 * Focal loss over a softmax, for multiclass prediction. NULL `config`: defaults.
 *
 * `L = -alpha_y (1 - p_y)^gamma ln p_y`.
 *
 * Inputs: logits (N, C, *), C at least 2; class indices (N, *) or (N, 1, *) as uint8, uint32, int64; optionally weights
 * (N, *) or (N, 1, *). Value: [], or (N, *). Agrees with `kornia.losses.focal_loss`, whose mean divides by C too.
 */
CVL_NODISCARD
enum cvl_status cvl_softmax_focal_new(const struct cvl_softmax_focal_config *config,
                                      struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_tversky_config_init(struct cvl_tversky_config *config, size_t struct_size);

/**
 * Tversky loss: Dice with separate weights for false positives and false negatives. NULL `config`: defaults.
 *
 * `L = 1 - (I + smooth_n) / (I + alpha (P - I) + beta (T - I) + smooth_d)`.
 *
 * Inputs and value: `cvl_region_config`.
 */
CVL_NODISCARD
enum cvl_status cvl_tversky_new(const struct cvl_tversky_config *config,
                                struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_focal_tversky_config_init(struct cvl_focal_tversky_config *config, size_t struct_size);

/**
 * Focal Tversky loss: a power of the Tversky loss, per class or of the average. NULL `config`: defaults.
 *
 * `L = mean_c (1 - TI_c)^gamma` or `(mean_c (1 - TI_c))^gamma`.
 *
 * Inputs and value: `cvl_region_config`.
 */
CVL_NODISCARD
enum cvl_status cvl_focal_tversky_new(const struct cvl_focal_tversky_config *config,
                                      struct cvl_loss **out);

/**
 * Writes the defaults. `struct_size` is `sizeof *config`.
 */
void cvl_unified_focal_config_init(struct cvl_unified_focal_config *config, size_t struct_size);

/**
 * Unified focal loss: focal cross-entropy and focal Tversky loss with the same parameters, of a softmax. NULL
 * `config`: defaults.
 *
 * `L = weight mean(alpha_y F_y (-ln p_y)) + (1 - weight) mean_c (1 - TI_c)^(g_c)`, `alpha = 1 - delta` for class 0,
 * else `delta`.
 *
 * Asymmetric: `F = (1 - p_y)^gamma`, `g = 1` for class 0; `F = 1`, `g = 1 - gamma` for others. Symmetric: the former
 * `F` and the latter `g` for all.
 *
 * Inputs and value: `cvl_region_config`; the input holds logits, the target class indices. Agrees with MONAI's
 * `AsymmetricUnifiedFocalLoss`.
 */
CVL_NODISCARD
enum cvl_status cvl_unified_focal_new(const struct cvl_unified_focal_config *config,
                                      struct cvl_loss **out);

/**
 * Why this thread's last call failed; "" if it did not. Valid until this thread's next call.
 */
CVL_NODISCARD const char *cvl_last_error(void);

/**
 * A status as a word, such as "SHAPE". Any number is safe.
 */
CVL_NODISCARD const char *cvl_status_name(int32_t status);

/**
 * The library's version as `(major << 16) | (minor << 8) | patch`; compare with `CVL_VERSION` of the header.
 */
CVL_NODISCARD
uint32_t cvl_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* CVLOSS_H */
