#include "rules/alert_restore.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace obelisk::rules {
namespace {

constexpr std::string_view kAlerts = "ALERTS";
constexpr std::string_view kForState = "ALERTS_FOR_STATE";
constexpr std::string_view kStateLabel = "alertstate";

// Labels that every alert of the rule has: those that are no templates.
bool belongs_to(const Labels& labels, const Rule& rule) {
  return std::all_of(rule.labels.begin(), rule.labels.end(), [&](const auto& label) {
    return label.second.find("{{") != std::string::npos || labels.get(label.first) == label.second;
  });
}

Scan alert_scan(const QueryContext& context, const Rule& rule, UnixNanos time) {
  ColumnId name = label_column(kMetricNameLabel);
  Scan scan;
  scan.tenant = context.tenant;
  scan.table = Table::samples;
  scan.range = {time - kOutageMaxNanos, time + 1};
  scan.where = Expr::all_of({Expr::compare(label_column("alertname"), CompareOp::equal, rule.name),
                             Expr::any_of({Expr::compare(name, CompareOp::equal, std::string(kAlerts)),
                                           Expr::compare(name, CompareOp::equal, std::string(kForState))})});
  scan.unit = Unit::series;
  scan.columns = {fixed_column(column::kValue)};
  return scan;
}

struct LastSample {
  int64_t time = 0;
  double value = 0;
};

// The last sample of a group, unless it says that the series has ended.
std::optional<LastSample> last_sample(const Batch& batch, const Group& group) {
  const ColumnData* values = batch.find_fixed(column::kValue);
  if (values == nullptr || group.row_count == 0) return std::nullopt;
  size_t row = group.first_row + group.row_count - 1;
  if (!values->is_present(row) || std::isnan(values->floats[row])) return std::nullopt;
  return LastSample{batch.times()[row], values->floats[row]};
}

}  // namespace

Result<std::vector<StoredAlert>> find_stored_alerts(const QueryContext& context, const Rule& rule,
                                                    UnixNanos time) {
  OBELISK_TRY(
      std::unique_ptr<Cursor> cursor,
      open_scan(context.reader, context.at, alert_scan(context, rule, time), context.budget, context.cancel));
  std::map<Labels, StoredAlert> active;
  std::map<Labels, int64_t> firing;  // when last seen so
  for (;;) {
    OBELISK_TRY(BatchPtr batch, cursor->next());
    if (!batch) break;
    for (const Group& group : batch->groups) {
      std::optional<LastSample> last = last_sample(*batch, group);
      Labels labels(group.labels);
      bool for_state = labels.get(kMetricNameLabel) == kForState;
      bool is_firing = labels.get(kStateLabel) == "firing";
      labels.remove(kMetricNameLabel);
      if (!for_state) labels.remove(kStateLabel);
      if (!last || !belongs_to(labels, rule)) continue;
      if (!for_state) {
        if (is_firing) firing[labels] = last->time;
        continue;
      }
      if (!(std::fabs(last->value) < 9e9)) continue;
      StoredAlert alert{labels, false, {static_cast<int64_t>(last->value) * kNanosPerSecond}, {last->time}};
      active[labels] = std::move(alert);
    }
  }
  std::vector<StoredAlert> found;
  for (auto& [labels, alert] : active) {
    auto fired = firing.find(labels);
    alert.firing = fired != firing.end() && fired->second == alert.last_seen.value;
    found.push_back(std::move(alert));
  }
  return found;
}

Alert restored_alert(const StoredAlert& stored, const Rule& rule, int64_t interval_nanos, UnixNanos time) {
  Alert alert;
  alert.labels = stored.labels;
  alert.active_at = stored.active_at;
  if (stored.firing) {
    alert.phase = AlertPhase::firing;
    alert.fired_at = stored.active_at + rule.for_nanos;
    return alert;
  }
  alert.phase = AlertPhase::pending;
  alert.active_at = alert.active_at + std::max<int64_t>(0, (time - stored.last_seen) - interval_nanos);
  return alert;
}

std::vector<std::pair<Labels, double>> alert_series(const Alert& alert) {
  std::vector<std::pair<Labels, double>> series;
  Labels labels = alert.labels;
  labels.set(kMetricNameLabel, kAlerts);
  labels.set(kStateLabel, alert_phase_name(alert.phase));
  series.emplace_back(labels, 1);
  labels.remove(kStateLabel);
  labels.set(kMetricNameLabel, kForState);
  series.emplace_back(std::move(labels), std::floor(static_cast<double>(alert.active_at.value) / 1e9));
  return series;
}

}  // namespace obelisk::rules
