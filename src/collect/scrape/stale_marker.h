#pragma once
// The value that says "this series has ended": a NaN known by its bits, the same as Prometheus'.
#include <bit>
#include <cstdint>

namespace obelisk::scrape {

inline double stale_marker() {
  return std::bit_cast<double>(uint64_t{0x7ff0000000000002});
}
inline bool is_stale_marker(double value) {
  return std::bit_cast<uint64_t>(value) == 0x7ff0000000000002;
}

}  // namespace obelisk::scrape
