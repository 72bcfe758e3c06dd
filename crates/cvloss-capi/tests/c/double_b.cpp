#include "cvloss.hpp"
const char *name_in_b();
const char *name_in_b() {
  cvl::loss dice = cvl::dice();
  return dice.name();
}
