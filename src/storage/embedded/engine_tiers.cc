// The engine's part in downsampled tiers: calling for work on them, and naming their files in the manifest.
#include <algorithm>
#include <tuple>

#include "base/self_metrics.h"
#include "storage/embedded/engine_tenant.h"

namespace obelisk {

Result<TierReport> Engine::tiers(const Snapshot& at, int64_t after_ms, int64_t until_ms) {
  OBELISK_TRY(const EngineSnapshot* pin, pinned(at));
  if (!pin->tenant) return TierReport();
  return pin->tenant->tiers->report(*pin->tenant->metrics, clock_.now(), after_ms, until_ms);
}

// Names the parts of a change that is written in the manifest.
Result<void> Engine::finish_tiers(TenantStores& tenant) {
  if (!tenant.pending_tiers) return {};
  const TierStore::Change& change = *tenant.pending_tiers;
  OBELISK_CHECK_OK(commit_manifest(
      [&](Manifest& manifest) {
        TenantManifest& entry = manifest.tenants[tenant.name];
        replace_names(entry.tier_parts, change.removed_parts, change.new_parts);
        entry.dirty_days = tenant.tiers->dirty_days_after(change);
      },
      [&] { tenant.tiers->commit(change); }));
  tenant.pending_tiers.reset();
  static Counter& changes =
      counter("obelisk_storage_tier_changes_total", "Writings and removals of parts of downsampled tiers.");
  changes.add();
  return {};
}

Result<void> Engine::work_on_tiers(TenantStores& tenant, bool& worked) {
  OBELISK_CHECK_OK(finish_tiers(tenant));
  OBELISK_TRY(tenant.pending_tiers, tenant.tiers->work(*tenant.metrics, clock_.now()));
  worked |= tenant.pending_tiers.has_value();
  return finish_tiers(tenant);
}

std::vector<StoredPart> Engine::stored_parts(const Tenant& name) const {
  std::vector<StoredPart> stored;
  TenantPtr tenant = find_tenant(name);
  if (!tenant) return stored;
  auto add = [&](const MetricPart& part, const TimeRange& range, int64_t resolution_ms) {
    const PartFooter& footer = part.footer();
    stored.push_back({part.name(), range, footer.series_count, footer.sample_count, footer.block_count,
                      part.file_bytes(), footer.merges(), resolution_ms});
  };
  for (const auto& part : tenant->metrics->parts()) {
    if (part->footer().sample_count > 0)
      add(*part, {{part->footer().min_time}, {part->footer().max_time + 1}}, 0);
  }
  for (const TierPart& part : tenant->tiers->parts()) {
    const TierSpan span = part.name.span();
    add(*part.part, {UnixNanos::from_millis(span.after_ms + 1), UnixNanos::from_millis(span.until_ms + 1)},
        part.name.resolution_ms);
  }
  std::sort(stored.begin(), stored.end(), [](const StoredPart& a, const StoredPart& b) {
    return std::tie(a.range, a.resolution_ms, a.name) < std::tie(b.range, b.resolution_ms, b.name);
  });
  return stored;
}

Result<bool> Engine::downsample() {
  MutexLock lock(merge_mutex_);
  bool worked = false;
  FirstFailure failure;
  for (const TenantPtr& tenant : all_tenants()) {
    failure.note(work_on_tiers(*tenant, worked));
    if (failure.concerns_all()) break;
  }
  OBELISK_CHECK_OK(failure.result());
  return worked;
}

}  // namespace obelisk
