#pragma once
// A one-way switch that says "nobody waits for this answer any more": the client went away, its deadline
// passed, or the server is closing. Thread safe. A callback runs at most once: on the thread that fires (an
// io thread: it must not block), or at once, on the caller's thread, when the signal has fired already.
#include <atomic>
#include <functional>
#include <vector>

#include "base/thread_annotations.h"

namespace obelisk {

class CancelSignal {
 public:
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }
  void on_cancel(std::function<void()> callback);
  // Runs the callbacks the first time; afterwards does nothing.
  void fire();
  // Forgets the callbacks without running them: the answer has been given.
  void disarm();

 private:
  std::atomic<bool> cancelled_{false};
  Mutex mutex_;
  std::vector<std::function<void()>> callbacks_ GUARDED_BY(mutex_);
};

}  // namespace obelisk
