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

// The shortest digits that read back as the value, then zeros: to_chars would tell a large integer exactly.
std::string plain(double value) {
  if (std::fabs(value) < 1e15) return shortest(value, std::chars_format::fixed);
  std::string text = shortest(value, std::chars_format::scientific);
  size_t mark = text.find('e');
  int exponent = std::atoi(text.c_str() + mark + 1);
  size_t sign = text[0] == '-' ? 1 : 0;
  std::string digits = text.substr(sign, mark - sign);
  if (digits.size() > 1) digits.erase(1, 1);  // the point
  size_t wanted = static_cast<size_t>(exponent) + 1;
  if (digits.size() > wanted) {
    digits.insert(wanted, 1, '.');
  } else {
    digits.append(wanted - digits.size(), '0');
  }
  return text.substr(0, sign) + digits;
}

}  // namespace

std::string format_plain_float(double value) {
  return std::isfinite(value) ? plain(value) : not_finite(value);
}

std::string format_go_g(double value) {
  if (!std::isfinite(value)) return not_finite(value);
  std::string scientific = shortest(value, std::chars_format::scientific);
  int exponent = std::atoi(scientific.c_str() + scientific.find('e') + 1);
  return exponent < -4 || exponent >= 6 ? scientific : format_plain_float(value);
}

}  // namespace obelisk
