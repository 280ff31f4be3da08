#include "query/core/trace_state.h"

#include <algorithm>
#include <cstdint>

#include "base/text.h"

namespace obelisk {
namespace {

constexpr size_t kThresholdDigits = 14;  // 56 bits, trailing zeros left out

// The value of `key` in "a=1,b=2" or "a:1;b:2"; empty when it is not there.
std::string_view value_in(std::string_view list, char separator, std::string_view key, char between) {
  while (!list.empty()) {
    size_t end = std::min(list.find(separator), list.size());
    std::string_view member = trim(list.substr(0, end));
    if (member.size() > key.size() && member.starts_with(key) && member[key.size()] == between)
      return member.substr(key.size() + 1);
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return {};
}

}  // namespace

std::optional<double> multiplier_of_tracestate(std::string_view tracestate) {
  std::string_view digits = value_in(value_in(tracestate, ',', "ot", '='), ';', "th", ':');
  if (digits.empty() || digits.size() > kThresholdDigits) return std::nullopt;
  uint64_t threshold = 0;
  for (size_t i = 0; i < kThresholdDigits; ++i) {
    char c = i < digits.size() ? digits[i] : '0';
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return std::nullopt;
    threshold = threshold << 4 | static_cast<uint64_t>(digit);
  }
  constexpr uint64_t kAll = uint64_t{1} << 56;
  return static_cast<double>(kAll) / static_cast<double>(kAll - threshold);
}

}  // namespace obelisk
