#pragma once
// Large whole numbers in messages, as the reference servers write them. Pure.
#include <cstdint>
#include <string>

namespace obelisk {

// 11000 -> "11,000"
inline std::string with_thousands(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

}  // namespace obelisk
