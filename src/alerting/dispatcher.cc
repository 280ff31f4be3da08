#include "alerting/dispatcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/log.h"
#include "base/self_metrics.h"

namespace obelisk::alerting {
namespace {

constexpr UnixNanos kNever{std::numeric_limits<int64_t>::max()};

Counter& sent_total() {
  static Counter& instance = counter("obelisk_notifications_total", "Notifications sent to receivers.");
  return instance;
}
Counter& failed_total() {
  static Counter& instance =
      counter("obelisk_notifications_failed_total", "Attempts to notify a receiver that failed.");
  return instance;
}
Counter& dropped_total() {
  static Counter& instance =
      counter("obelisk_alerts_dropped_total", "Alerts dropped because too many are active.");
  return instance;
}
Counter& clock_steps_total() {
  static Counter& instance =
      counter("obelisk_alerts_clock_steps_total",
              "Times that a group of alerts was due too late because the clock was set back.");
  return instance;
}

Labels group_labels_of(const Route& route, const Labels& labels) {
  if (route.group_by_all) return labels;
  Labels group;
  for (const std::string& name : route.group_by) group.set(name, labels.get(name));
  return group;
}

}  // namespace

Dispatcher::Dispatcher(AlertmanagerConfig config, std::string external_url, const Clock& clock, Sender sender,
                       NotificationLog* log)
    : config_(std::move(config)),
      external_url_(std::move(external_url)),
      clock_(clock),
      sender_(std::move(sender)),
      log_(log) {
  if (log_ != nullptr) restored_ = log_->load(clock_.now());
}

Dispatcher::~Dispatcher() {
  stop();
}

void Dispatcher::start() {
  thread_ = std::thread([this] { run(); });
}

void Dispatcher::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Dispatcher::post(const std::vector<rules::FiredAlert>& alerts) {
  UnixNanos now = clock_.now();
  {
    MutexLock lock(mutex_);
    for (const rules::FiredAlert& alert : alerts) {
      for (const Route* route : matching_routes(config_.route, alert.labels)) {
        Labels labels = group_labels_of(*route, alert.labels);
        std::string key = route->path + ":" + labels.to_string();
        auto it = groups_.find(key);
        if (it == groups_.end()) {
          auto before = restored_.find(key);
          bool was_told = before != restored_.end() && before->second.told.contains(alert.labels);
          if (alert.resolved && !was_told) continue;  // nobody was told that it fires
          Group group = make_group(key, *route, std::move(labels), alert, now);
          it = groups_.emplace(std::move(key), std::move(group)).first;
        }
        Group& group = it->second;
        bool known = group.alerts.contains(alert.labels);
        if (!known && alert.resolved && !group.told.contains(alert.labels)) continue;
        if (!known && ++alert_count_ > kAlertsMax) {
          --alert_count_;
          dropped_total().add();
          continue;
        }
        group.alerts[alert.labels] = alert;
      }
    }
  }
  changed_.notify_all();
}

Dispatcher::Group Dispatcher::make_group(const std::string& key, const Route& route, Labels labels,
                                         const rules::FiredAlert& alert, UnixNanos now) {
  Group group;
  group.route = &route;
  group.labels = std::move(labels);
  bool waited_already = alert.starts_at + route.group_wait_nanos <= now;
  group.next_flush = waited_already ? now : now + route.group_wait_nanos;
  group.tick = group.next_flush;
  if (auto before = restored_.find(key); before != restored_.end()) {
    group.told = std::move(before->second.told);
    group.last_told = before->second.last_told;
    group.ever_told = true;
    restored_.erase(before);
  }
  return group;
}

void Dispatcher::save_log(UnixNanos now) {
  if (log_ == nullptr) return;
  NotificationLog::Groups groups;
  {
    MutexLock lock(mutex_);
    groups = restored_;
    for (const auto& [key, group] : groups_) {
      if (!group.told.empty()) groups[key] = {group.last_told, group.told};
    }
  }
  Result<void> saved = log_->save(groups, now);
  if (!saved.ok()) log_error("alerting", "the log of notifications: " + saved.error().to_string());
}

bool Dispatcher::needs_telling(const Group& group, UnixNanos now) const {
  bool any_firing = false;
  bool new_firing = false;
  bool new_resolved = false;
  for (const auto& [labels, alert] : group.alerts) {
    auto told = group.told.find(labels);
    if (!alert.resolved) {
      any_firing = true;
      new_firing |= told == group.told.end() || told->second;
    } else {
      new_resolved |= told != group.told.end() && !told->second;
    }
  }
  if (new_firing || new_resolved) return true;
  return any_firing && now - group.last_told >= group.route->repeat_interval_nanos;
}

Notification Dispatcher::notification_of(const Group& group) const {
  Notification notification;
  notification.receiver = group.route->receiver;
  notification.group_key = group.route->path + ":" + group.labels.to_string();
  notification.group_labels = group.labels;
  notification.external_url = external_url_;
  for (const auto& [labels, alert] : group.alerts) {
    // What resolved before anybody was told is not news.
    if (alert.resolved && !group.told.contains(labels)) continue;
    notification.alerts.push_back(alert);
  }
  return notification;
}

// A group is due within its waiting times, and was told before now, unless the clock was set back: receivers
// must not wait until the clock has come as far again.
void Dispatcher::mend_times(Group& group, UnixNanos now) {
  const Route& route = *group.route;
  if (group.next_flush - now > std::max(route.group_wait_nanos, route.group_interval_nanos)) {
    group.next_flush = group.tick = now;
    clock_steps_total().add();
  }
  if (group.ever_told && group.last_told > now) group.last_told = now;
}

UnixNanos Dispatcher::flush_due(UnixNanos now) {
  UnixNanos soonest = kNever;
  std::vector<std::string> due;
  {
    MutexLock lock(mutex_);
    for (auto& [key, group] : groups_) {
      mend_times(group, now);
      for (auto& [labels, alert] : group.alerts) {
        if (!alert.resolved && alert.ends_at <= now) alert.resolved = true;  // its sender fell silent
      }
      if (group.next_flush <= now) due.push_back(key);
    }
  }
  bool told_any = false;
  for (const std::string& key : due) {
    Notification notification;
    bool tell = false;
    std::string receiver_name;
    {
      MutexLock lock(mutex_);
      auto it = groups_.find(key);
      if (it == groups_.end()) continue;
      tell = needs_telling(it->second, now);
      notification = notification_of(it->second);
      receiver_name = it->second.route->receiver;
    }
    Result<void> sent;
    if (tell) {
      sent = sender_(*config_.find_receiver(receiver_name), notification);
      (sent.ok() ? sent_total() : failed_total()).add();
    }
    MutexLock lock(mutex_);
    auto it = groups_.find(key);
    if (it == groups_.end()) continue;
    Group& group = it->second;
    if (group.tick <= now) group.tick = now + group.route->group_interval_nanos;
    if (!sent.ok()) {
      log_warning("alerting", fmt::format("receiver {}: {}", receiver_name, sent.error().to_string()));
      // 0.5 s, doubling, at most a minute; never past the group's own tick.
      int64_t pause =
          std::min<int64_t>(kNanosPerSecond / 2 << std::min(group.failures, 7), 60 * kNanosPerSecond);
      ++group.failures;
      group.next_flush = std::min(now + pause, group.tick);
      continue;
    }
    group.failures = 0;
    group.next_flush = group.tick;
    if (tell) {
      told_any = true;
      group.last_told = now;
      group.told.clear();
      for (const rules::FiredAlert& alert : notification.alerts) group.told[alert.labels] = alert.resolved;
    }
    // What is resolved and told (or was never told) is done with.
    for (auto alert = group.alerts.begin(); alert != group.alerts.end();) {
      auto told = group.told.find(alert->first);
      bool done = alert->second.resolved && (told == group.told.end() || told->second);
      if (done) {
        group.told.erase(alert->first);
        alert = group.alerts.erase(alert);
        --alert_count_;
      } else {
        ++alert;
      }
    }
    if (group.alerts.empty()) groups_.erase(it);
  }
  if (told_any) save_log(now);
  MutexLock lock(mutex_);
  for (const auto& [key, group] : groups_) soonest = std::min(soonest, group.next_flush);
  return soonest;
}

void Dispatcher::run() {
  for (;;) {
    UnixNanos now = clock_.now();
    UnixNanos next = flush_due(now);
    MutexLock lock(mutex_);
    if (stopping_) return;
    int64_t wait = next == kNever ? kNanosPerSecond : next - clock_.now();
    if (wait > 0) lock.wait_for(changed_, std::chrono::nanoseconds(std::min<int64_t>(wait, kNanosPerSecond)));
    if (stopping_) return;
  }
}

}  // namespace obelisk::alerting
