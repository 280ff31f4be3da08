#pragma once
// What a query may use, and how it is stopped. Both are shared by all threads of one query.
#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/result.h"

namespace obelisk {

// Bytes of rows and intermediate values. A query over its budget ends with too_large; it never takes the
// server down.
class Budget {
 public:
  static constexpr uint64_t kDefaultBytes = 1ull << 30;
  explicit Budget(uint64_t bytes_max = kDefaultBytes) : bytes_max_(bytes_max) {}

  Result<void> charge(uint64_t bytes) {
    if (used_.fetch_add(bytes, std::memory_order_relaxed) + bytes > bytes_max_) return over();
    return {};
  }
  void release(uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  uint64_t used_bytes() const { return used_.load(std::memory_order_relaxed); }
  uint64_t bytes_max() const { return bytes_max_; }

 private:
  Error over() const;

  const uint64_t bytes_max_;
  std::atomic<uint64_t> used_{0};
};

// Set by the client going away, checked by loops every few thousand rows; also carries the deadline.
class Cancel {
 public:
  using Clock = std::chrono::steady_clock;
  Cancel() = default;
  explicit Cancel(Clock::time_point deadline) : deadline_(deadline) {}

  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  // Ok, cancelled or timeout.
  Result<void> check() const;

 private:
  std::atomic<bool> cancelled_{false};
  Clock::time_point deadline_ = Clock::time_point::max();
};

}  // namespace obelisk
