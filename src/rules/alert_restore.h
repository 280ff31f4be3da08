#pragma once
// What a rule's alerts were before a restart, read back from the series they wrote: ALERTS_FOR_STATE says
// since when an alert is active, ALERTS whether it was firing. So the state needs no file of its own, and
// what is restored is what was durable. Alerts not seen for kOutageMaxNanos, and those that had ended, are
// left.
#include <vector>

#include "query/core/query_context.h"
#include "rules/alert_state.h"
#include "rules/rule_file.h"

namespace obelisk::rules {

inline constexpr int64_t kOutageMaxNanos = 3600 * kNanosPerSecond;  // Prometheus' for-outage-tolerance

struct StoredAlert {
  Labels labels;  // as Alert::labels
  bool firing = false;
  UnixNanos active_at;
  UnixNanos last_seen;
};

Result<std::vector<StoredAlert>> find_stored_alerts(const QueryContext& context, const Rule& rule,
                                                    UnixNanos time);

// The state to go on with at `time`, the first evaluation after the restart. A firing alert fires on. The
// `for` of a pending one does not run while nobody looks: what lies between the last evaluation and this one,
// beyond one interval, is added to its start.
Alert restored_alert(const StoredAlert& stored, const Rule& rule, int64_t interval_nanos, UnixNanos time);

// The series that an active alert writes.
std::vector<std::pair<Labels, double>> alert_series(const Alert& alert);

}  // namespace obelisk::rules
