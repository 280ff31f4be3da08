#pragma once
// About how many different things were seen, in one KiB: HyperLogLog with 1,024 registers of hashes of 64
// bits, whose standard error is 3.25 %; small numbers are counted by the registers that are still empty. Two
// estimates of the same window merge into one of both. A plain value; not thread safe.
#include <array>
#include <cstdint>

namespace obelisk {

class DistinctEstimate {
 public:
  // `hash` must be well mixed, as hash64() is.
  void add(uint64_t hash);
  void merge(const DistinctEstimate& other);
  double value() const;

 private:
  static constexpr int kIndexBits = 10;
  std::array<uint8_t, 1 << kIndexBits> registers_{};  // the longest run of leading zeros, and one
};

}  // namespace obelisk
