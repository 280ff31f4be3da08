#pragma once
// One wake-up for several messages to the same thread. While a thread holds a WakeBatch, what it would wake
// other threads for is left to the end of the scope: who is woken at the first of several messages handles it
// and sleeps again before the next one is there. For scopes that do not wait for anything. Thread safe: a
// scope concerns its own thread only; scopes do not nest.
#include <functional>
#include <vector>

namespace obelisk {

class WakeBatch {
 public:
  WakeBatch();
  ~WakeBatch();  // wakes
  WakeBatch(const WakeBatch&) = delete;
  WakeBatch& operator=(const WakeBatch&) = delete;

  // Whether this thread holds a scope.
  static bool active();
  // Runs `wake` at the end of this thread's scope, which must be active.
  static void defer(std::function<void()> wake);

 private:
  std::vector<std::function<void()>> wakes_;
};

}  // namespace obelisk
