#include "ingest/series_limits.h"

#include <fmt/format.h>

#include <optional>

#include "base/self_metrics.h"

namespace obelisk {
namespace {

constexpr std::string_view kJobLabel = "job";
constexpr size_t kAhead = 16;

// What has how many series under which key of the configuration.
struct Breach {
  std::string_view of;
  std::string_view value;
  uint64_t limit = 0;
  std::string key;
};

std::string text_of(const Breach& breach, const Group& group) {
  return fmt::format(
      "series_limit exceeded: {} \"{}\" has {} active series, limit {} (limits.{}); refused: {}", breach.of,
      breach.value.substr(0, 100), breach.limit, breach.limit, breach.key,
      Labels(group.labels).to_string().substr(0, 300));
}

Gauge& active_gauge() {
  static Gauge& metric =
      gauge("obelisk_intake_active_series", "Series with samples lately, as limits count them.");
  return metric;
}
Counter& refused_series(const char* limit) {
  return counter("obelisk_intake_series_refused_total", "Times that a new series was refused by a limit.",
                 {{"limit", limit}});
}

}  // namespace

void SeriesLimits::Hashes::prefetch(uint64_t hash) const {
  if (!slots_.empty()) __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
}

uint32_t SeriesLimits::Hashes::place_of(uint64_t hash) const {
  if (slots_.empty()) return kNone;
  for (size_t at = hash & (slots_.size() - 1); slots_[at] != kNone; at = (at + 1) & (slots_.size() - 1)) {
    if (order_[slots_[at]] == hash) return slots_[at];
  }
  return kNone;
}

bool SeriesLimits::Hashes::find(uint64_t hash) {
  uint32_t place = place_of(hash);
  if (place == kNone) return false;
  next_ = place + 1;
  return true;
}

void SeriesLimits::Hashes::insert(uint64_t hash) {
  if (place_of(hash) != kNone) return;
  if ((order_.size() + 1) * 4 > slots_.size() * 3) grow();
  size_t at = hash & (slots_.size() - 1);
  while (slots_[at] != kNone) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = static_cast<uint32_t>(order_.size());
  order_.push_back(hash);
  next_ = order_.size();
}

void SeriesLimits::Hashes::grow() {
  slots_.assign(slots_.empty() ? 64 : slots_.size() * 2, kNone);
  for (uint32_t place = 0; place < order_.size(); ++place) {
    size_t at = order_[place] & (slots_.size() - 1);
    while (slots_[at] != kNone) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = place;
  }
}

SeriesLimits::Series SeriesLimits::first_of(const Tenant& tenant, UnixNanos now) const {
  Series series;
  auto own = limits_.tenant_series.find(tenant);
  series.has_own_bounds = own != limits_.tenant_series.end();
  series.bounds = series.has_own_bounds ? &own->second : &limits_.series;
  series.window_begin = now;
  return series;
}

void SeriesLimits::begin_window(Series& series, UnixNanos now) const {
  bool idle = now.value - series.window_begin.value >= 2 * limits_.series_window_nanos;
  series.window_begin = now;
  std::swap(series.before, series.current);
  series.current = Hashes();
  if (idle) series.before = Hashes();
  series.active = series.before.size();
  for (Counts* counts : {&series.by_metric, &series.by_job}) {
    for (auto it = counts->begin(); it != counts->end();) {
      it->second.active = idle ? 0 : it->second.in_window;
      it->second.in_window = 0;
      auto at = it++;
      if (at->second.active == 0) counts->erase(at);
    }
  }
}

std::string SeriesLimits::admit(const Tenant& tenant, const Group& group, Series& series) const {
  std::string_view metric = label_value(group.labels, kMetricNameLabel);
  std::string_view job = label_value(group.labels, kJobLabel);
  bool was_active = series.before.contains(group.labels_hash);
  if (!was_active) {
    const SeriesBounds& bounds = *series.bounds;
    std::string prefix = series.has_own_bounds ? "tenants." + tenant + "." : "";
    if (bounds.per_tenant_max != 0 && series.active >= bounds.per_tenant_max) {
      static Counter& refusals = refused_series("tenant");
      refusals.add();
      return text_of({"tenant", tenant, bounds.per_tenant_max, prefix + "series_per_tenant"}, group);
    }
    // Nothing where there is room.
    auto breach = [&](const char* of, const Counts& counts, std::string_view value, uint64_t limit,
                      const std::map<std::string, uint64_t, std::less<>>& own) -> std::optional<Breach> {
      auto found = counts.find(value);
      if (found == counts.end()) return std::nullopt;
      auto differs = own.find(value);
      if (differs != own.end()) limit = differs->second;
      if (limit == 0 || found->second.active < limit) return std::nullopt;
      std::string key = differs != own.end() ? fmt::format("{}s.{}", of, value.substr(0, 100))
                                             : fmt::format("series_per_{}", of);
      return Breach{of, value, limit, prefix + key};
    };
    if (auto found = breach("metric", series.by_metric, metric, bounds.per_metric_max, bounds.of_metric)) {
      static Counter& refusals = refused_series("metric");
      refusals.add();
      return text_of(*found, group);
    }
    if (auto found = breach("job", series.by_job, job, bounds.per_job_max, bounds.of_job)) {
      static Counter& refusals = refused_series("job");
      refusals.add();
      return text_of(*found, group);
    }
    ++series.active;
  }
  series.current.insert(group.labels_hash);
  for (auto [counts, value] : {std::pair(&series.by_metric, metric), std::pair(&series.by_job, job)}) {
    auto found = counts->find(value);
    if (found == counts->end()) found = counts->try_emplace(std::string(value)).first;
    Count& count = found->second;
    ++count.in_window;
    count.active += was_active ? 0 : 1;
  }
  return {};
}

void SeriesLimits::check(const Tenant& tenant, const Batch& batch, UnixNanos now, RefusedRows& refused) {
  MutexLock lock(mutex_);
  auto entry = tenants_.find(tenant);
  if (entry == tenants_.end()) entry = tenants_.emplace(tenant, first_of(tenant, now)).first;
  Series& series = entry->second;
  uint64_t active_before = series.active;
  if (now.value - series.window_begin.value >= limits_.series_window_nanos) begin_window(series, now);
  const std::vector<Group>& groups = batch.groups;
  size_t looked_ahead = 0;  // groups before this one have been fetched
  for (size_t i = 0; i < groups.size(); ++i) {
    const Group& group = groups[i];
    if (series.current.is_next(group.labels_hash)) {
      series.current.skip_next();
      continue;
    }
    if (i >= looked_ahead) {
      looked_ahead = std::min(i + kAhead, groups.size());
      for (size_t ahead = i; ahead < looked_ahead; ++ahead)
        series.current.prefetch(groups[ahead].labels_hash);
    }
    if (series.current.find(group.labels_hash)) continue;
    bool is_refused = !refused.by_row.empty() && refused.by_row[group.first_row] != RowRefusal::none;
    if (is_refused || group.row_count == 0) continue;
    std::string problem = admit(tenant, group, series);
    if (problem.empty()) continue;
    for (uint32_t row = group.first_row; row < group.first_row + group.row_count; ++row)
      refused.refuse(row, batch.row_count, RowRefusal::series_limit, problem);
  }
  active_gauge().add(static_cast<int64_t>(series.active) - static_cast<int64_t>(active_before));
}

uint64_t SeriesLimits::active_series() const {
  MutexLock lock(mutex_);
  uint64_t active = 0;
  for (const auto& [tenant, series] : tenants_) active += series.active;
  return active;
}

}  // namespace obelisk
