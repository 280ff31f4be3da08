#pragma once
// Groups alerts by route, and decides when a group is to be told to its receiver: Alertmanager's timing.
//
// * a new group waits group_wait (not at all when its oldest alert is older than that), then flushes;
// * afterwards it flushes every group_interval;
// * a flush notifies when something new fires, when something resolved, or when repeat_interval has passed
// since the
//   last notification; a group that never notified of firing alerts does not notify of their end;
// * a group without alerts is forgotten.
// A notification that fails is tried again with growing pauses until the next tick of its group, then anew.
// What receivers were told is kept on disk (notification_log.h) when a log is given: after a restart a group
// goes on where it was. Without one a firing group notifies again.
//
// Dispatcher is thread safe. One thread flushes; sending happens on it, one group after the other, bounded by
// the sender's timeouts.
#include <condition_variable>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "alerting/alertmanager_config.h"
#include "alerting/notification.h"
#include "alerting/notification_log.h"
#include "base/thread_annotations.h"
#include "env/clock.h"

namespace obelisk::alerting {

// Delivers to all integrations of a receiver. An error is retried. `include_resolved` is decided per
// integration.
using Sender = std::function<Result<void>(const Receiver& receiver, const Notification& notification)>;

class Dispatcher {
 public:
  // Most groups and alerts kept; beyond it new ones are dropped and counted.
  static constexpr size_t kAlertsMax = 100'000;

  // `log` may be null, and must outlive the dispatcher.
  Dispatcher(AlertmanagerConfig config, std::string external_url, const Clock& clock, Sender sender,
             NotificationLog* log = nullptr);
  ~Dispatcher();

  void start();
  void stop();
  // Takes alerts as the rules send them: repeatedly while they fire, and when they resolve.
  void post(const std::vector<rules::FiredAlert>& alerts);
  // Flushes the groups that are due at `now`; returns when the next one is (max when none). For the thread
  // and tests.
  UnixNanos flush_due(UnixNanos now);

  const AlertmanagerConfig& config() const { return config_; }

 private:
  struct Group {
    const Route* route = nullptr;
    Labels labels;
    std::map<Labels, rules::FiredAlert> alerts;
    UnixNanos next_flush;
    // What the receiver was last told.
    std::map<Labels, bool> told;  // labels -> was resolved
    UnixNanos last_told;
    bool ever_told = false;
    int failures = 0;  // in a row
    UnixNanos tick;    // the next regular flush; retries come before it
  };

  void run();
  static void mend_times(Group& group, UnixNanos now);
  // A new group, with what was told of it before a restart.
  Group make_group(const std::string& key, const Route& route, Labels labels, const rules::FiredAlert& alert,
                   UnixNanos now) REQUIRES(mutex_);
  void save_log(UnixNanos now) EXCLUDES(mutex_);
  bool needs_telling(const Group& group, UnixNanos now) const;
  Notification notification_of(const Group& group) const;

  const AlertmanagerConfig config_;
  const std::string external_url_;
  const Clock& clock_;
  const Sender sender_;
  NotificationLog* const log_;

  Mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Group> groups_ GUARDED_BY(mutex_);  // by group key
  NotificationLog::Groups restored_ GUARDED_BY(mutex_);  // of before a restart, until their groups are back
  size_t alert_count_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace obelisk::alerting
