// How the engine's parts change: flushes, merges, and the two threads that call for them. Retention and tiers
// have files of their own.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/log.h"
#include "base/self_metrics.h"
#include "storage/embedded/engine_tenant.h"

namespace obelisk {
namespace {

constexpr auto kTick = std::chrono::seconds(1);
// What parts keep for searches goes away after one to two of these without a search: soon enough that an idle
// server is small, late enough that a person who searches finds it again.
constexpr int64_t kReleaseIntervalNanos = 2'500'000'000;
constexpr int64_t kMetricsFlushAgeMinNanos = 60 * kNanosPerSecond;
// While files of the log wait to be removed: what they hold goes to parts soon, in as many parts as that
// makes.
constexpr int64_t kRetiredLogFlushAgeNanos = 10 * kNanosPerSecond;

}  // namespace

Result<void> Engine::commit_manifest(const std::function<void(Manifest&)>& change,
                                     const std::function<void()>& commit) {
  MutexLock lock(manifest_mutex_);
  Manifest next = manifest_;
  change(next);
  next.log_from = std::max(next.log_from, releasable(next));
  // No sequence that a part goes through may be given out again, even when power loss takes the log's
  // unsynced end.
  next.last_sequence = std::max(next.last_sequence, published_.load());
  for (const auto& [name, tenant] : next.tenants) {
    next.last_sequence = std::max({next.last_sequence, tenant.events_through, tenant.metrics_through});
  }
  OBELISK_CHECK_OK(replace_file(disk_, std::string(kManifestFile), encode_manifest(next)));
  manifest_ = std::move(next);
  commit();
  // Only what the manifest on the disk says is not needed.
  log_->release(manifest_.log_from, false);
  return {};
}

// Every request up to here is in the parts of `manifest`, in every store it touches. What is published while
// the tenants are looked at is above the number that was read first.
uint64_t Engine::releasable(const Manifest& manifest) const {
  uint64_t through = published_;
  for (const TenantPtr& tenant : all_tenants()) {
    auto entry = manifest.tenants.find(tenant->name);
    TenantManifest flushed = entry == manifest.tenants.end() ? TenantManifest() : entry->second;
    if (tenant->events_applied > flushed.events_through) through = std::min(through, flushed.events_through);
    if (tenant->metrics_applied > flushed.metrics_through)
      through = std::min(through, flushed.metrics_through);
  }
  return through;
}

// Writes what waits into new parts unless an earlier attempt did, then names them in the manifest.
Result<void> Engine::flush_tenant(TenantStores& tenant, Which which) {
  uint64_t through = published_;
  bool fresh_events = false, fresh_metrics = false;
  if (which != Which::metrics && !tenant.pending_events && tenant.events_wait()) {
    OBELISK_TRY(tenant.pending_events, tenant.events->flush(through));
    fresh_events = true;
  }
  if (which != Which::events && !tenant.pending_metrics && tenant.metrics_wait()) {
    OBELISK_TRY(tenant.pending_metrics, tenant.metrics->flush());
    // Everything up to `through` was applied before the flush began.
    tenant.pending_metrics->through_sequence = std::max(tenant.pending_metrics->through_sequence, through);
    fresh_metrics = true;
  }
  if (!tenant.pending_events && !tenant.pending_metrics) return {};
  if (tenant.pending_metrics && !tenant.pending_outdated_days) {
    OBELISK_TRY(tenant.pending_outdated_days,
                tenant.tiers->days_outdated_by(tenant.metrics->new_part(*tenant.pending_metrics)));
  }
  OBELISK_CHECK_OK(commit_manifest(
      [&](Manifest& manifest) {
        TenantManifest& entry = manifest.tenants[tenant.name];
        if (tenant.pending_events) {
          replace_names(entry.event_parts, {}, tenant.pending_events->new_parts);
          entry.events_through = tenant.pending_events->through_sequence;
        }
        if (tenant.pending_metrics) {
          replace_names(entry.metric_parts, {}, tenant.pending_metrics->new_parts);
          entry.metrics_through = tenant.pending_metrics->through_sequence;
          entry.dirty_days = tenant.tiers->dirty_days_with(*tenant.pending_outdated_days);
        }
      },
      [&] {
        if (tenant.pending_events) {
          tenant.events->commit(*tenant.pending_events);
          tenant.events_flushed = tenant.pending_events->through_sequence;
        }
        if (tenant.pending_metrics) {
          tenant.metrics->commit(*tenant.pending_metrics);
          tenant.metrics_flushed = tenant.pending_metrics->through_sequence;
          tenant.tiers->mark_dirty(*tenant.pending_outdated_days);
        }
      }));
  tenant.pending_events.reset();
  tenant.pending_metrics.reset();
  tenant.pending_outdated_days.reset();
  int64_t now = clock_.now().value;
  if (which != Which::metrics) tenant.events_waiting_since = tenant.events_wait() ? now : 0;
  if (which != Which::events) tenant.metrics_waiting_since = tenant.metrics_wait() ? now : 0;
  static Counter& flushes = counter("obelisk_storage_flushes_total", "Heads written to parts.");
  flushes.add(static_cast<uint64_t>(fresh_events) + static_cast<uint64_t>(fresh_metrics));
  MutexLock lock(threads_mutex_);
  merge_wanted_ = true;
  wake_.notify_all();
  return {};
}

Result<void> Engine::flush() {
  MutexLock lock(flush_mutex_);
  uint64_t goal = published_;
  for (const TenantPtr& tenant : all_tenants()) {
    OBELISK_CHECK_OK(flush_tenant(*tenant, Which::both));
    // The first may only have finished an earlier flush whose manifest could not be written.
    bool behind = (tenant->events_wait() && tenant->events_flushed < goal) ||
                  (tenant->metrics_wait() && tenant->metrics_flushed < goal);
    if (behind) OBELISK_CHECK_OK(flush_tenant(*tenant, Which::both));
  }
  bool behind = false;
  {
    MutexLock manifest_lock(manifest_mutex_);
    behind = manifest_.log_from < published_;
  }
  // Nothing waited, but the manifest does not say yet that the log is not needed.
  if (behind) OBELISK_CHECK_OK(commit_manifest([](Manifest&) {}, [] {}));
  update_gauges();
  return {};
}

// What cannot be read in one store does not keep the other from its work.
Result<void> Engine::merge_tenant(TenantStores& tenant, bool& merged) {
  FirstFailure failure;
  auto take = [&](auto& pending, auto change) {
    failure.note(change);
    if (change.ok()) pending = std::move(*change);
  };
  if (!tenant.pending_event_merge) take(tenant.pending_event_merge, tenant.events->apply_erasures());
  failure.note(drop_finished_erasures(tenant));
  if (!tenant.pending_event_merge && !failure.concerns_all())
    take(tenant.pending_event_merge, tenant.events->merge());
  if (!tenant.pending_metric_merge && !failure.concerns_all())
    take(tenant.pending_metric_merge, tenant.metrics->merge());
  merged |= tenant.pending_event_merge || tenant.pending_metric_merge;
  failure.note(finish_merge(tenant));
  return failure.result();
}

// Names the parts of merges that are written in the manifest.
Result<void> Engine::finish_merge(TenantStores& tenant) {
  if (!tenant.pending_event_merge && !tenant.pending_metric_merge) return {};
  OBELISK_CHECK_OK(commit_manifest(
      [&](Manifest& manifest) {
        TenantManifest& entry = manifest.tenants[tenant.name];
        if (auto& change = tenant.pending_event_merge)
          replace_names(entry.event_parts, change->removed_parts, change->new_parts);
        if (auto& change = tenant.pending_metric_merge)
          replace_names(entry.metric_parts, change->removed_parts, change->new_parts);
        entry.raw_after_ms = std::max(entry.raw_after_ms, tenant.pending_raw_after_ms);
      },
      [&] {
        if (tenant.pending_event_merge) tenant.events->commit(*tenant.pending_event_merge);
        if (tenant.pending_metric_merge) tenant.metrics->commit(*tenant.pending_metric_merge);
        tenant.tiers->raw_dropped(tenant.pending_raw_after_ms);
      }));
  tenant.pending_event_merge.reset();
  tenant.pending_metric_merge.reset();
  tenant.pending_raw_after_ms = std::numeric_limits<int64_t>::min();
  static Counter& merges = counter("obelisk_storage_merges_total", "Merges and removals of parts.");
  merges.add();
  return {};
}

Result<bool> Engine::merge() {
  MutexLock lock(merge_mutex_);
  bool merged = false;
  FirstFailure failure;
  for (const TenantPtr& tenant : all_tenants()) {
    failure.note(merge_tenant(*tenant, merged));
    if (failure.concerns_all()) break;
  }
  failure.note(release_retired_log());
  OBELISK_CHECK_OK(failure.result());
  return merged;
}

// ---- threads ----

void Engine::update_gauges() {
  static Gauge& heads = gauge("obelisk_storage_head_bytes", "Memory of rows that are not in parts yet.");
  static Gauge& parts = gauge("obelisk_storage_event_parts", "Event parts of all tenants.");
  static Gauge& log_bytes =
      gauge("obelisk_wal_bytes", "Size of the write-ahead log's segments that are needed.");
  uint64_t bytes = 0, event_bytes = 0, part_count = 0;
  for (const TenantPtr& tenant : all_tenants()) {
    event_bytes += tenant->events->head_bytes();
    bytes += tenant->events->head_bytes() + tenant->metrics->head_bytes();
    part_count += tenant->events->part_count();
  }
  heads_bytes_ = bytes;
  events_heads_bytes_ = event_bytes;
  heads.set(static_cast<int64_t>(bytes));
  parts.set(static_cast<int64_t>(part_count));
  log_bytes.set(static_cast<int64_t>(log_->segment_bytes_total()));
}

void Engine::flush_due() {
  MutexLock lock(flush_mutex_);
  int64_t now = clock_.now().value;
  // The active segment is always there; what counts is what must be kept because of rows not in parts.
  bool log_full = log_->segment_bytes_total() > options_.log_bytes_max + options_.log_segment_bytes;
  bool heads_full = heads_bytes_ > options_.heads_bytes_max / 2;
  bool log_leaves = !log_->is_retired(std::numeric_limits<uint64_t>::max());
  for (const TenantPtr& tenant : all_tenants()) {
    // A row that arrives while a flush ends may find its time reset.
    if (tenant->events_wait() && tenant->events_waiting_since == 0) tenant->events_waiting_since = now;
    if (tenant->metrics_wait() && tenant->metrics_waiting_since == 0) tenant->metrics_waiting_since = now;
    auto aged = [&](int64_t since, int64_t age) { return since != 0 && now - since >= age; };
    bool events = tenant->pending_events ||
                  aged(tenant->events_waiting_since, options_.events_flush_age_nanos) ||
                  tenant->events->head_bytes() >= options_.events_flush_bytes;
    bool metrics = tenant->pending_metrics ||
                   aged(tenant->metrics_waiting_since, options_.metrics_flush_age_nanos) ||
                   tenant->metrics->head_samples() >= options_.metrics_flush_samples ||
                   // Not again at once where the series alone take that much.
                   (tenant->metrics->head_bytes() >= options_.metrics_flush_bytes &&
                    aged(tenant->metrics_waiting_since, kMetricsFlushAgeMinNanos));
    events = events || (log_leaves && aged(tenant->events_waiting_since, kRetiredLogFlushAgeNanos));
    metrics = metrics || (log_leaves && aged(tenant->metrics_waiting_since, kRetiredLogFlushAgeNanos));
    if (log_full || heads_full) events = metrics = true;
    if (!events && !metrics) continue;
    Result<void> flushed = flush_tenant(*tenant, events && metrics ? Which::both
                                                 : events          ? Which::events
                                                                   : Which::metrics);
    if (!flushed.ok()) {
      // Nothing is lost: the rows stay in the head and in the log, and the next tick tries again.
      counter("obelisk_storage_flush_failures_total", "Flushes that failed and will be tried again.").add();
      log_error("storage", "flush: " + flushed.error().to_string());
    }
  }
  update_gauges();
}

void Engine::run_flushes() {
  int64_t released_at = 0;
  for (;;) {
    {
      MutexLock lock(threads_mutex_);
      if (!stopping_ && !flush_wanted_) lock.wait_for(wake_, kTick);
      if (stopping_) return;
      flush_wanted_ = false;
    }
    flush_due();
    flushed_.notify_all();
    int64_t now = clock_.now().value;
    if (now - released_at < kReleaseIntervalNanos) continue;
    released_at = now;
    for (const TenantPtr& tenant : all_tenants()) tenant->events->release_unused();
  }
}

void Engine::run_maintenance() {
  int64_t retained_at = 0;
  for (const TenantPtr& tenant : all_tenants()) tenant->events->prepare_lookups();
  for (;;) {
    {
      MutexLock lock(threads_mutex_);
      if (!stopping_ && !merge_wanted_) lock.wait_for(wake_, kTick);
      if (stopping_) return;
      merge_wanted_ = false;
    }
    int64_t now = clock_.now().value;
    if (retained_at == 0 || now - retained_at >= 60 * kNanosPerSecond) {
      retained_at = now;
      if (Result<void> retained = apply_retention(); !retained.ok())
        log_error("storage", "retention: " + retained.error().to_string());
    }
    for (bool more = true; more;) {
      {
        MutexLock lock(threads_mutex_);
        if (stopping_) return;
      }
      Result<bool> merged = merge();
      if (!merged.ok()) log_error("storage", "merge: " + merged.error().to_string());
      more = merged.ok() && *merged;
      if (more) continue;
      Result<bool> downsampled = downsample();
      if (!downsampled.ok()) log_error("storage", "tiers: " + downsampled.error().to_string());
      more = downsampled.ok() && *downsampled;
    }
    for (const TenantPtr& tenant : all_tenants()) tenant->events->prepare_lookups();
  }
}

}  // namespace obelisk
