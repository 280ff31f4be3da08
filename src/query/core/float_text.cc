#include "query/core/float_text.h"

#include <charconv>
#include <cmath>
#include <cstdlib>

namespace obelisk {
namespace {

std::string not_finite(double value) {
  if (std::isnan(value)) return "NaN";
  return value > 0 ? "+Inf" : "-Inf";
}

std::string shortest(double value, std::chars_format format) {
  char text[400];  // the largest double has 309 digits, the smallest needs about 330 characters
  auto [end, error] = std::to_chars(text, text + sizeof text, value, format);
  return error == std::errc() ? std::string(text, end) : std::string();
}

}  // namespace

std::string format_plain_float(double value) {
  return std::isfinite(value) ? shortest(value, std::chars_format::fixed) : not_finite(value);
}

std::string format_go_g(double value) {
  if (!std::isfinite(value)) return not_finite(value);
  std::string scientific = shortest(value, std::chars_format::scientific);
  int exponent = std::atoi(scientific.c_str() + scientific.find('e') + 1);
  return exponent < -4 || exponent >= 6 ? scientific : format_plain_float(value);
}

}  // namespace obelisk
