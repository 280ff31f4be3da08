#include "rules/alert_state.h"

namespace obelisk::rules {

std::string_view alert_phase_name(AlertPhase phase) {
  static constexpr std::string_view kNames[] = {"pending", "firing", "inactive"};
  return kNames[static_cast<int>(phase)];
}

void AlertStates::update(UnixNanos time, std::vector<Alert> current) {
  std::map<Labels, bool> holds;
  for (Alert& element : current) {
    holds[element.labels] = true;
    auto [it, is_new] = alerts_.try_emplace(element.labels);
    Alert& alert = it->second;
    if (is_new || alert.phase == AlertPhase::inactive) {
      alert = std::move(element);
      alert.phase = AlertPhase::pending;
      alert.active_at = time;
    } else {
      alert.annotations = std::move(element.annotations);
      alert.value = element.value;
    }
    alert.keep_firing_since = {};
  }
  for (auto it = alerts_.begin(); it != alerts_.end();) {
    Alert& alert = it->second;
    if (!holds.contains(it->first)) {
      if (alert.phase == AlertPhase::pending) {
        it = alerts_.erase(it);
        continue;
      }
      if (alert.phase == AlertPhase::inactive) {
        if (time - alert.resolved_at > kResolvedRetentionNanos) {
          it = alerts_.erase(it);
          continue;
        }
      } else {
        if (alert.keep_firing_since.value == 0) alert.keep_firing_since = time;
        bool kept = keep_firing_for_nanos_ > 0 && time - alert.keep_firing_since < keep_firing_for_nanos_;
        if (!kept) {
          alert.phase = AlertPhase::inactive;
          alert.resolved_at = time;
        }
      }
    }
    if (alert.phase == AlertPhase::pending && time - alert.active_at >= for_nanos_) {
      alert.phase = AlertPhase::firing;
      alert.fired_at = time;
    }
    ++it;
  }
}

std::vector<Alert> AlertStates::active() const {
  std::vector<Alert> result;
  for (const auto& [labels, alert] : alerts_) {
    if (alert.phase != AlertPhase::inactive) result.push_back(alert);
  }
  return result;
}

}  // namespace obelisk::rules
