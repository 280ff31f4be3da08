// How the engine drops old data: by age, each signal and tier of each tenant by its own, and by size, oldest
// first. Parts go whole.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/self_metrics.h"
#include "base/text.h"
#include "model/archive_tenant.h"
#include "storage/embedded/engine_tenant.h"

namespace obelisk {
namespace {

// Samples wait this much longer for tiers that cannot be written (a full disk, a damaged part).
constexpr int64_t kWaitForTiersNanos = 2 * 86'400 * kNanosPerSecond;

// What retention by size can drop.
struct Droppable {
  int64_t end_nanos = 0;  // nothing in it is from then or later
  uint64_t bytes = 0;
};

// Everything that ends by the answer goes, so that the rest fits; INT64_MIN: all fits.
int64_t dropped_until(std::vector<Droppable> parts, uint64_t bytes_max) {
  uint64_t bytes = 0;
  for (const Droppable& part : parts) bytes += part.bytes;
  std::sort(parts.begin(), parts.end(),
            [](const Droppable& a, const Droppable& b) { return a.end_nanos < b.end_nanos; });
  int64_t until = std::numeric_limits<int64_t>::min();
  for (const Droppable& part : parts) {
    // What ends with the last one goes with it.
    if (bytes <= bytes_max && part.end_nanos > until) break;
    bytes -= part.bytes;
    until = part.end_nanos;
  }
  return until;
}

uint64_t bytes_until(const std::vector<Droppable>& parts, int64_t until) {
  uint64_t bytes = 0;
  for (const Droppable& part : parts) bytes += part.end_nanos <= until ? part.bytes : 0;
  return bytes;
}

}  // namespace

const Retention& Engine::retention_of(const Tenant& tenant) const {
  static const Retention kForEver;
  if (is_archive(tenant)) return kForEver;
  auto own = options_.tenant_retention.find(tenant);
  return own == options_.tenant_retention.end() ? options_.retention : own->second;
}

// A removal is a merge into nothing: it uses the same slots, so that it is finished before the next of its
// kind begins.
Result<void> Engine::drop_events(TenantStores& tenant, Table table, UnixNanos keep_from) {
  OBELISK_TRY(EventStore::Change change, tenant.events->apply_retention(table, keep_from));
  if (change.empty()) return {};
  tenant.pending_event_merge = std::move(change);
  return finish_merge(tenant);
}

// What goes is told to the tiers: of its time they say all that is left.
Result<void> Engine::drop_metrics(TenantStores& tenant, UnixNanos keep_from) {
  std::map<std::string, int64_t> ends;
  for (const auto& part : tenant.metrics->parts()) ends[part->name()] = part->footer().max_time;
  OBELISK_TRY(MetricStore::Flush change, tenant.metrics->apply_retention(keep_from));
  if (change.change_id == 0) return {};
  for (const std::string& name : change.removed_parts) {
    tenant.pending_raw_after_ms = std::max(tenant.pending_raw_after_ms, UnixNanos{ends.at(name)}.to_millis());
  }
  tenant.pending_metric_merge = std::move(change);
  return finish_merge(tenant);
}

Result<void> Engine::drop_tiers(TenantStores& tenant, UnixNanos dropped_until) {
  OBELISK_CHECK_OK(finish_tiers(tenant));
  OBELISK_TRY(tenant.pending_tiers, tenant.tiers->apply_retention(retention_now_, dropped_until));
  return finish_tiers(tenant);
}

Result<void> Engine::retain_tenant(TenantStores& tenant) {
  OBELISK_CHECK_OK(finish_merge(tenant));
  const Retention& retention = retention_of(tenant.name);
  const UnixNanos now = retention_now_;
  struct Rule {
    Table table;
    int64_t retention_nanos;
  };
  for (const Rule& rule :
       {Rule{Table::logs, retention.logs_nanos}, Rule{Table::spans, retention.traces_nanos},
        Rule{Table::exemplars, retention.metrics_nanos}}) {
    if (rule.retention_nanos > 0)
      OBELISK_CHECK_OK(drop_events(tenant, rule.table, {now.value - rule.retention_nanos}));
  }
  if (retention.metrics_nanos > 0) {
    int64_t keep_from = now.value - retention.metrics_nanos;
    std::optional<int64_t> needed = tenant.tiers->raw_needed_after_ms(*tenant.metrics, now);
    if (needed && UnixNanos::from_millis(*needed).value < keep_from)
      keep_from = std::max(UnixNanos::from_millis(*needed).value, keep_from - kWaitForTiersNanos);
    OBELISK_CHECK_OK(drop_metrics(tenant, {keep_from}));
  }
  return drop_tiers(tenant, {std::numeric_limits<int64_t>::min()});
}

// Over all tenants; with `all_signals` logs, traces and exemplars too.
Result<void> Engine::retain_by_size(uint64_t bytes_max, bool all_signals) {
  if (bytes_max == 0) return {};
  std::vector<Droppable> parts;
  for (const TenantPtr& tenant : all_tenants()) {
    if (is_archive(tenant->name)) continue;
    for (const MetricStore::PartSize& part : tenant->metrics->part_sizes())
      parts.push_back({part.max_time + 1, part.bytes});
    for (const TierPart& part : tenant->tiers->parts())
      parts.push_back({UnixNanos::from_millis(part.name.span().until_ms).value, part.part->file_bytes()});
    if (!all_signals) continue;
    for (const EventStore::PartSize& part : tenant->events->part_sizes())
      parts.push_back({part.end_nanos, part.bytes});
  }
  int64_t until = dropped_until(parts, bytes_max);
  if (until == std::numeric_limits<int64_t>::min()) return {};
  uint64_t bytes = bytes_until(parts, until);
  std::string_view signals = all_signals ? "metrics, logs and traces" : "metrics";
  log_info("storage", fmt::format("retention by size: dropping {} of {} that end by {}, {} bytes are allowed",
                                  bytes, signals, format_rfc3339(until), bytes_max));
  for (const TenantPtr& tenant : all_tenants()) {
    if (is_archive(tenant->name)) continue;
    OBELISK_CHECK_OK(finish_merge(*tenant));
    if (all_signals) {
      for (Table table : {Table::logs, Table::spans, Table::exemplars})
        OBELISK_CHECK_OK(drop_events(*tenant, table, {until}));
    }
    OBELISK_CHECK_OK(drop_metrics(*tenant, {until}));
    OBELISK_CHECK_OK(drop_tiers(*tenant, {until}));
  }
  static Counter& dropped = counter("obelisk_storage_dropped_by_size_bytes_total",
                                    "Bytes of parts that were dropped because there were too many.");
  dropped.add(bytes);
  return {};
}

Result<void> Engine::apply_retention() {
  MutexLock lock(merge_mutex_);
  retention_now_ = retention_clock_.now();
  for (const TenantPtr& tenant : all_tenants()) OBELISK_CHECK_OK(retain_tenant(*tenant));
  OBELISK_CHECK_OK(retain_by_size(options_.metrics_retention_bytes, false));
  return retain_by_size(options_.retention_bytes, true);
}

}  // namespace obelisk
