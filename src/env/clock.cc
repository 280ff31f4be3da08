#include "env/clock.h"

#include <chrono>

namespace obelisk {

UnixNanos SystemClock::now() const {
  auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count()};
}

}  // namespace obelisk
