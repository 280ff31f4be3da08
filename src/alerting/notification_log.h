#pragma once
// What receivers were last told, on disk: so that a restart neither tells them again what they know nor keeps
// the end of an alert from them. One small file, replaced atomically after every round of notifications:
//
//   notifications.json   {"groups":[{"key":"","last_told":ns,"told":[{"labels":{},"resolved":false}]}]}
//
// A file that cannot be read is set aside as it is (notifications.json.damaged) and counted: receivers are
// then told again, which is better than no notifications at all. Entries older than kRetentionNanos are left
// out. Not thread safe.
#include <map>
#include <string>

#include "base/time.h"
#include "env/disk.h"
#include "model/labels.h"

namespace obelisk::alerting {

struct ToldGroup {
  UnixNanos last_told;
  std::map<Labels, bool> told;  // labels -> was resolved
};

class NotificationLog {
 public:
  static constexpr int64_t kRetentionNanos = 120 * 3600 * kNanosPerSecond;  // Alertmanager's data.retention
  using Groups = std::map<std::string, ToldGroup>;                          // by group key

  // The disk must outlive it.
  explicit NotificationLog(Disk& disk) : disk_(disk) {}

  // What was told before this start. Empty when nothing was.
  Groups load(UnixNanos now);
  Result<void> save(const Groups& groups, UnixNanos now);

 private:
  Disk& disk_;
};

}  // namespace obelisk::alerting
