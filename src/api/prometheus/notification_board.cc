#include "api/prometheus/notification_board.h"

namespace obelisk {

void NotificationBoard::raise(std::string_view text, UnixNanos now) {
  std::lock_guard lock(mutex_);
  auto [place, is_new] = active_.try_emplace(std::string(text), Notification{std::string(text), now, true});
  if (!is_new) return;
  for (const auto& [id, listener] : listeners_) listener(place->second);
}

void NotificationBoard::clear(std::string_view text, UnixNanos now) {
  std::lock_guard lock(mutex_);
  auto found = active_.find(text);
  if (found == active_.end()) return;
  Notification gone{found->first, now, false};
  active_.erase(found);
  for (const auto& [id, listener] : listeners_) listener(gone);
}

std::vector<Notification> NotificationBoard::active() const {
  std::lock_guard lock(mutex_);
  std::vector<Notification> all;
  for (const auto& [text, notification] : active_) all.push_back(notification);
  return all;
}

std::optional<uint64_t> NotificationBoard::listen(Listener listener) {
  std::lock_guard lock(mutex_);
  if (listeners_.size() >= kListenersMax) return std::nullopt;
  for (const auto& [text, notification] : active_) listener(notification);
  listeners_.emplace(next_listener_, std::move(listener));
  return next_listener_++;
}

void NotificationBoard::leave(uint64_t listener) {
  std::lock_guard lock(mutex_);
  listeners_.erase(listener);
}

}  // namespace obelisk
