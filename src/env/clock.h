#pragma once
// Time as a seam: the system's clock in the server, a hand-moved one in tests. Thread safe.
#include <atomic>

#include "base/time.h"

namespace obelisk {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual UnixNanos now() const = 0;
};

class SystemClock : public Clock {
 public:
  UnixNanos now() const override;
};

class ManualClock : public Clock {
 public:
  explicit ManualClock(UnixNanos start) : now_(start.value) {}
  UnixNanos now() const override { return {now_.load()}; }
  void set(UnixNanos time) { now_ = time.value; }
  void advance(int64_t nanos) { now_ += nanos; }

 private:
  std::atomic<int64_t> now_;
};

}  // namespace obelisk
