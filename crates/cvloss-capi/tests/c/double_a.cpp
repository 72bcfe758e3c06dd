// The C++ header in two translation units of one program.
#include <string>
#include <utility>

#include "cvloss.hpp"
#include "cvloss.hpp"
const char *name_in_b();
int main() {
  cvl::loss loss = cvl::focal();
  cvl::loss moved = std::move(loss);
  try {
    cvl::focal_config config;
    config.gamma = -1;
    cvl::focal(config);
    return 1;
  } catch (const cvl::error &error) {
    if (error.status() != CVL_STATUS_INVALID_ARGUMENT) return 2;
  }
  return std::string(moved.name()) == "focal" && std::string(name_in_b()) == "dice" ? 0 : 3;
}
