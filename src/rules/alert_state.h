#pragma once
// The state machine of one alerting rule: inactive -> pending -> firing -> (kept firing) -> resolved.
// Times are those of evaluations, not of the wall clock, so that a test drives it by hand. Not thread safe:
// owned by the group's evaluation. An alert is identified by its labels; annotations and value are those of
// its last evaluation with a result.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "model/labels.h"

namespace obelisk::rules {

enum class AlertPhase : uint8_t { pending, firing, inactive };
std::string_view alert_phase_name(AlertPhase phase);

struct Alert {
  Labels labels;  // with alertname and the rule's labels
  std::map<std::string, std::string> annotations;
  AlertPhase phase = AlertPhase::pending;
  double value = 0;
  UnixNanos active_at;
  UnixNanos fired_at;
  UnixNanos resolved_at;        // set when phase is inactive
  UnixNanos keep_firing_since;  // 0: the condition holds
};

class AlertStates {
 public:
  // How long a resolved alert is still reported, so that a restarted receiver learns of it (Prometheus'
  // value).
  static constexpr int64_t kResolvedRetentionNanos = 15 * 60 * kNanosPerSecond;

  AlertStates(int64_t for_nanos, int64_t keep_firing_for_nanos)
      : for_nanos_(for_nanos), keep_firing_for_nanos_(keep_firing_for_nanos) {}

  // Takes the elements the expression has at `time` (labels, annotations and value set; unique labels).
  void update(UnixNanos time, std::vector<Alert> current);
  // An alert of before a restart, pending or firing; the next update goes on from it.
  void restore(Alert alert) { alerts_[alert.labels] = std::move(alert); }
  // Pending, firing and recently resolved alerts.
  const std::map<Labels, Alert>& alerts() const { return alerts_; }
  std::vector<Alert> active() const;  // pending and firing

 private:
  int64_t for_nanos_;
  int64_t keep_firing_for_nanos_;
  std::map<Labels, Alert> alerts_;
};

}  // namespace obelisk::rules
