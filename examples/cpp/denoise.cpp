// Removes noise by gradient descent on pixels: cvloss says how far the picture is from the clean one, and which way
// each pixel should go.
//
//   denoise clean.pgm result.pgm [steps]
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <vector>

#include "cvloss.hpp"

extern "C" {
#include "../c/pgm.h"
}

namespace {

// The loss between two pictures whose pixels go from 0 to 1.
cvl::loss picture_loss() {
  cvl::ssim_config config;
  config.data_range = 1.0;
  return cvl::ssim(config);
}

// Noise from -1 to 1, the same on every machine.
float noise(std::uint32_t &state) {
  state = state * 1664525U + 1013904223U;
  return static_cast<float>(state >> 8) / 8388608.0F - 1.0F;
}

int run(const char *in, const char *out, int steps) {
  picture photo = read_pgm(in);
  if (photo.pixels == nullptr) {
    std::fprintf(stderr, "%s is no binary PGM\n", in);
    return 2;
  }
  const std::int64_t width = photo.width, height = photo.height;
  const std::vector<unsigned char> bytes(photo.pixels, photo.pixels + width * height);
  std::free(photo.pixels);

  std::vector<float> clean(bytes.size()), noisy(bytes.size()), slopes(bytes.size()), speed(bytes.size());
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < clean.size(); i++) {
    clean[i] = static_cast<float>(bytes[i]) / 255.0F;
    noisy[i] = clean[i] + 0.4F * noise(state);
  }

  const cvl::loss loss = picture_loss();
  const cvl::tensor_view input(noisy.data(), {1, 1, height, width});
  const cvl::tensor_view target(clean.data(), {1, 1, height, width});
  const cvl::tensor_view gradient(slopes.data(), {1, 1, height, width});
  float value = 0.0F;
  for (int step = 0; step <= steps; step++) {
    value = loss(input, target, gradient);
    if (step % 20 == 0 || step == steps) std::printf("step %d loss %.6f\n", step, static_cast<double>(value));
    // Momentum carries over the flat parts. The gradient of a mean is small: each pixel is one of many.
    for (std::size_t i = 0; i < noisy.size(); i++) {
      speed[i] = 0.9F * speed[i] + slopes[i] * static_cast<float>(noisy.size());
      noisy[i] -= 0.001F * speed[i];
    }
  }
  if (write_pgm(out, photo.width, photo.height, noisy.data()) == 0) {
    std::fprintf(stderr, "cannot write %s\n", out);
    return 1;
  }
  std::printf("result %s=%.6f\n", loss.name(), static_cast<double>(value));
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s CLEAN.pgm RESULT.pgm [STEPS]\n", argv[0]);
    return 2;
  }
  try {
    return run(argv[1], argv[2], argc > 3 ? std::atoi(argv[3]) : 100);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
