// A cv::Mat as a tensor, without a copy: channels last, rows of H x W x C. This file has a struct with the same fields,
// so that OpenCV need not be installed; with OpenCV, pass a cv::Mat.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <vector>

#include "cvloss.hpp"

namespace {

// The members of cv::Mat that matter here.
struct mat_like {
  int rows, cols;
  unsigned char *data;
  std::size_t step; // bytes from one row to the next
  int channels_;
  int channels() const { return channels_; }
};

// (1, C, H, W). Rows must follow each other without a gap (Mat::isContinuous): the library refuses other views.
template <class T, class Mat> cvl::tensor_view view_of(const Mat &mat) {
  const std::int64_t h = mat.rows, w = mat.cols, c = mat.channels();
  const auto row = static_cast<std::int64_t>(mat.step / sizeof(T));
  return cvl::tensor_view(reinterpret_cast<T *>(mat.data), {1, c, h, w}, {h * row, 1, row, c});
}

} // namespace

int main() {
  constexpr int rows = 5, cols = 7, channels = 3;
  std::vector<float> logits(rows * cols * channels), slopes(logits.size());
  std::vector<std::uint8_t> labels(rows * cols);
  for (std::size_t i = 0; i < logits.size(); i++) logits[i] = static_cast<float>(i % 7) / 3.0F - 1.0F;
  for (std::size_t i = 0; i < labels.size(); i++) labels[i] = static_cast<std::uint8_t>(i % channels);
  const auto mat = [](void *data, int count, std::size_t element) {
    return mat_like{rows, cols, static_cast<unsigned char *>(data), cols * element * static_cast<std::size_t>(count),
                    count};
  };
  try {
    const cvl::tensor_view input = view_of<float>(mat(logits.data(), channels, sizeof(float)));
    const cvl::tensor_view gradient = view_of<float>(mat(slopes.data(), channels, sizeof(float)));
    const cvl::tensor_view target = view_of<std::uint8_t>(mat(labels.data(), 1, 1));
    const float value = cvl::cross_entropy()(input, target, gradient);
    std::printf("result loss=%.6f slope=%.6f\n", static_cast<double>(value), static_cast<double>(slopes[0]));

    // A region of interest has gaps between its rows, and is refused with a sentence.
    mat_like part = mat(logits.data(), channels, sizeof(float));
    part.cols = cols - 2;
    mat_like part_labels = mat(labels.data(), 1, 1);
    part_labels.cols = cols - 2;
    try {
      cvl::cross_entropy()(view_of<float>(part), view_of<std::uint8_t>(part_labels));
      return 1;
    } catch (const cvl::error &error) {
      std::printf("refused %s: %s\n", cvl_status_name(error.status()), error.what());
    }
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
