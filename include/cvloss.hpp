// cvloss in C++17: handles that free themselves, exceptions, tensors from pointers; one-liners over cvloss.h.
#ifndef CVLOSS_HPP
#define CVLOSS_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <type_traits>

#include "cvloss.h"

namespace cvl {

/// A status that is not CVL_STATUS_OK, with the library's sentence.
class error : public std::runtime_error {
public:
  explicit error(cvl_status status) : std::runtime_error(cvl_last_error()), status_(status) {}
  cvl_status status() const noexcept { return status_; }

private:
  cvl_status status_;
};

/// Throws unless a call succeeded.
inline void check(cvl_status status) {
  if (status != CVL_STATUS_OK) throw error(status);
}

/// The element type of a C++ type; specialise it for a half type of yours.
template <class T> struct dtype_of;
template <> struct dtype_of<float> { static constexpr cvl_dtype value{2, 32, 1}; };
template <> struct dtype_of<double> { static constexpr cvl_dtype value{2, 64, 1}; };
template <> struct dtype_of<std::uint8_t> { static constexpr cvl_dtype value{1, 8, 1}; };
template <> struct dtype_of<bool> { static constexpr cvl_dtype value{6, 8, 1}; };
template <> struct dtype_of<std::uint32_t> { static constexpr cvl_dtype value{1, 32, 1}; };
template <> struct dtype_of<std::int64_t> { static constexpr cvl_dtype value{0, 64, 1}; };

/// A borrowed tensor in host memory: a pointer, a shape, and strides in elements if it is not dense.
class tensor_view {
public:
  /// No tensor: an input left out, or a gradient that is not wanted.
  tensor_view() noexcept = default;

  template <class T>
  tensor_view(T *data, std::initializer_list<std::int64_t> shape, std::initializer_list<std::int64_t> strides = {})
      : tensor_view(const_cast<void *>(static_cast<const void *>(data)), dtype_of<std::remove_const_t<T>>::value,
                    shape, strides) {}

  tensor_view(void *data, cvl_dtype dtype, std::initializer_list<std::int64_t> shape,
              std::initializer_list<std::int64_t> strides = {}) {
    if (shape.size() > 8 || (strides.size() != 0 && strides.size() != shape.size()))
      throw std::invalid_argument("cvl::tensor_view: at most 8 axes, and a stride for each or none");
    std::size_t at = 0;
    for (std::int64_t dim : shape) shape_[at++] = dim;
    at = 0;
    for (std::int64_t stride : strides) strides_[at++] = stride;
    has_strides_ = strides.size() != 0;
    tensor_.data = data;
    tensor_.device = cvl_device{1, 0};
    tensor_.ndim = static_cast<std::int32_t>(shape.size());
    tensor_.dtype = dtype;
    is_given_ = true;
  }

  /// The descriptor, valid as long as this object stays where it is; NULL if there is no tensor.
  const cvl_tensor *get() noexcept {
    tensor_.shape = shape_.data();
    tensor_.strides = has_strides_ ? strides_.data() : nullptr;
    return is_given_ ? &tensor_ : nullptr;
  }

private:
  std::array<std::int64_t, 8> shape_{};
  std::array<std::int64_t, 8> strides_{};
  cvl_tensor tensor_{};
  bool has_strides_ = false;
  bool is_given_ = false;
};

/// Options of a call beside its tensors.
struct call {
  bool accumulate = false;
  double grad_scale = 1.0;
  tensor_view upstream{};
};

/// A loss. Movable; usable from any number of threads at once.
class loss {
public:
  explicit loss(cvl_loss *handle) noexcept : handle_(handle) {}

  /// Value and gradients into the caller's memory. Tensors that are left out (`{}`) are not given, or not wanted.
  void eval(tensor_view input, tensor_view target, tensor_view value, tensor_view gradient = {},
            tensor_view weight = {}, call options = {}, tensor_view target_gradient = {}) const {
    const cvl_tensor *inputs[] = {input.get(), target.get(), weight.get()};
    const cvl_tensor *grads[] = {gradient.get(), target_gradient.get(), nullptr};
    cvl_eval_args args;
    cvl_eval_args_init(&args, sizeof args);
    args.inputs = inputs;
    args.grads = grads;
    args.num_inputs = 3;
    args.flags = options.accumulate ? CVL_EVAL_ACCUMULATE : 0;
    args.value = value.get();
    args.upstream = options.upstream.get();
    args.grad_scale = options.grad_scale;
    check(cvl_loss_eval(handle_.get(), &args));
  }

  /// The value of a loss of float32 (or half) inputs that is a scalar, and its gradient if one is given.
  float operator()(tensor_view input, tensor_view target, tensor_view gradient = {}, tensor_view weight = {}) const {
    float value = 0.0F;
    eval(input, target, tensor_view(&value, {}), gradient, weight);
    return value;
  }

  const char *name() const noexcept { return cvl_loss_name(handle_.get()); }
  const cvl_loss *get() const noexcept { return handle_.get(); }

private:
  struct free_handle {
    void operator()(cvl_loss *handle) const noexcept { cvl_loss_free(handle); }
  };
  std::unique_ptr<cvl_loss, free_handle> handle_;
};

/// A configuration with its defaults.
template <class Config, void (*Init)(Config *, std::size_t)> struct with_defaults : Config {
  with_defaults() { Init(this, sizeof(Config)); }
};

using adversarial_config = with_defaults<cvl_adversarial_config, cvl_adversarial_config_init>;
using boxes_config = with_defaults<cvl_boxes_config, cvl_boxes_config_init>;
using overlap_config = with_defaults<cvl_overlap_config, cvl_overlap_config_init>;
using rotated_boxes_config = with_defaults<cvl_rotated_boxes_config, cvl_rotated_boxes_config_init>;
using similarity_config = with_defaults<cvl_similarity_config, cvl_similarity_config_init>;
using region_config = with_defaults<cvl_region_config, cvl_region_config_init>;
using weights_config = with_defaults<cvl_weights_config, cvl_weights_config_init>;

// One function per loss, of a configuration that may serve several; and one configuration type per loss.
#define CVL_LOSS_OF(name, options)                                                                                     \
  inline loss name(const cvl_##options##_config &config = options##_config{}) {                                        \
    cvl_loss *handle = nullptr;                                                                                        \
    check(cvl_##name##_new(&config, &handle));                                                                         \
    return loss(handle);                                                                                               \
  }
#define CVL_LOSS(name)                                                                                                 \
  using name##_config = with_defaults<cvl_##name##_config, cvl_##name##_config_init>;                                  \
  CVL_LOSS_OF(name, name)

CVL_LOSS(asymmetric)
CVL_LOSS(asymmetric_softmax)
CVL_LOSS(balanced_bce)
CVL_LOSS(balanced_l1)
CVL_LOSS(bce)
CVL_LOSS(bi_tempered)
CVL_LOSS(boundary)
CVL_LOSS(bounded_iou)
CVL_LOSS(charbonnier)
CVL_LOSS(ciou)
CVL_LOSS(cl_dice)
CVL_LOSS(combo)
CVL_LOSS(contextual)
CVL_LOSS(cross_entropy)
CVL_LOSS(dice)
CVL_LOSS(dice_ce)
CVL_LOSS(dice_cl_dice)
CVL_LOSS(dice_focal)
CVL_LOSS(diou)
CVL_LOSS(distance_cross_entropy)
CVL_LOSS(distribution_focal)
CVL_LOSS(dists)
CVL_LOSS(edge)
CVL_LOSS(efficient_iou)
CVL_LOSS(exp_log)
CVL_LOSS(extended_iou)
CVL_LOSS(feature_contextual)
CVL_LOSS(feature_matching)
CVL_LOSS(fft_l1)
CVL_LOSS(focal)
CVL_LOSS(focal_frequency)
CVL_LOSS(focal_tversky)
CVL_LOSS(gaussian_focal)
CVL_LOSS(generalized_wasserstein_dice)
CVL_LOSS(ghm)
CVL_LOSS(ghm_regression)
CVL_LOSS(giou)
CVL_LOSS(gwd)
CVL_LOSS(hausdorff)
CVL_LOSS(hausdorff_erosion)
CVL_LOSS(huber)
CVL_LOSS(iou)
CVL_LOSS(jaccard)
CVL_LOSS(kfiou)
CVL_LOSS(kld)
CVL_LOSS(l1)
CVL_LOSS(l1_ssim)
CVL_LOSS(lecam)
CVL_LOSS(log_cosh)
CVL_LOSS(lovasz_hinge)
CVL_LOSS(lovasz_softmax)
CVL_LOSS(lpips)
CVL_LOSS(mcc)
CVL_LOSS(mpdiou)
CVL_LOSS(ms_ssim)
CVL_LOSS(ms_ssim_l1)
CVL_LOSS(mse)
CVL_LOSS(multi_scale)
CVL_LOSS(nwd)
CVL_LOSS(ohem_cross_entropy)
CVL_LOSS(perceptual)
CVL_LOSS(poly_cross_entropy)
CVL_LOSS(poly_focal)
CVL_LOSS(probiou)
CVL_LOSS(psnr)
CVL_LOSS(quality_focal)
CVL_LOSS(reduced_focal)
CVL_LOSS(robust)
CVL_LOSS(rotated_iou)
CVL_LOSS(seesaw)
CVL_LOSS(siou)
CVL_LOSS(smooth_l1)
CVL_LOSS(soft_f1)
CVL_LOSS(softmax_focal)
CVL_LOSS(ssim)
CVL_LOSS(style)
CVL_LOSS(top_k_cross_entropy)
CVL_LOSS(total_variation)
CVL_LOSS(tversky)
CVL_LOSS(unified_focal)
CVL_LOSS(varifocal)
CVL_LOSS(wing)
CVL_LOSS(wise_iou)
CVL_LOSS_OF(discriminator, adversarial)
CVL_LOSS_OF(generator, adversarial)

#undef CVL_LOSS_OF
#undef CVL_LOSS

} // namespace cvl

#endif // CVLOSS_HPP
