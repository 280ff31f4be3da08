#pragma once
// What the server has to tell its operators right now: a configuration that failed to load, a store that is
// read-only. Set and cleared by the server, listed by /api/v1/notifications, and pushed to whoever listens on
// /api/v1/notifications/live. Thread safe. Bounded: kListenersMax listeners, as each holds a connection.
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace obelisk {

struct Notification {
  std::string text;
  UnixNanos since;
  bool active = true;
};

class NotificationBoard {
 public:
  static constexpr size_t kListenersMax = 16;  // Prometheus' web.max-notifications-subscribers
  using Listener = std::function<void(const Notification&)>;

  // Nothing happens when it is known already.
  void raise(std::string_view text, UnixNanos now);
  void clear(std::string_view text, UnixNanos now);
  std::vector<Notification> active() const;

  // The listener is told what is active, then every change, each from the thread that makes it; nullopt when
  // there are too many.
  std::optional<uint64_t> listen(Listener listener);
  void leave(uint64_t listener);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Notification, std::less<>> active_;  // by text
  std::map<uint64_t, Listener> listeners_;
  uint64_t next_listener_ = 1;
};

}  // namespace obelisk
