#include "net/cancel_signal.h"

#include <utility>

namespace obelisk {

void CancelSignal::on_cancel(std::function<void()> callback) {
  {
    MutexLock lock(mutex_);
    if (!cancelled()) {
      callbacks_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

void CancelSignal::fire() {
  std::vector<std::function<void()>> callbacks;
  {
    MutexLock lock(mutex_);
    if (cancelled()) return;
    cancelled_.store(true, std::memory_order_release);
    callbacks.swap(callbacks_);
  }
  for (const std::function<void()>& callback : callbacks) callback();
}

void CancelSignal::disarm() {
  std::vector<std::function<void()>> callbacks;
  MutexLock lock(mutex_);
  callbacks.swap(callbacks_);
}

}  // namespace obelisk
