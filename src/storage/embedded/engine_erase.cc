// How the engine erases: an erasure is in the manifest before it is answered, hides its rows from then on,
// and leaves it when no part holds what it takes. The log's segments of that time are removed, not used
// again, as soon as everything in them is in parts.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "plan/expression_codec.h"
#include "storage/embedded/engine_tenant.h"

namespace obelisk {
namespace {

bool reads_only_labels(const Expr& where) {
  std::vector<ColumnId> columns;
  where.collect_columns(columns);
  return std::all_of(columns.begin(), columns.end(),
                     [](const ColumnId& column) { return column.scope == Scope::label; });
}

Error too_many_erasures() {
  return make_error(ErrorCode::overloaded,
                    fmt::format("{} erasures wait for merges to apply them, try again", kErasuresMax));
}

Result<Erasure> erasure_of(const Scan& what) {
  Erasure erasure;
  OBELISK_TRY(erasure.record.where, encode_expression(what.where));
  erasure.where = what.where;
  erasure.record.table = what.table;
  erasure.record.range = what.range;
  return erasure;
}

}  // namespace

Result<EraseReport> Engine::erase(const Scan& what) {
  OBELISK_CHECK_OK(check_erasable(what));
  if (what.table != Table::samples && !is_event_table(what.table)) return Writer::erase(what);
  if (closed_) return make_error(ErrorCode::unavailable, "the store is shutting down");
  if (is_event_table(what.table)) {
    TenantPtr events = find_tenant(what.tenant);
    if (!events) return EraseReport{{published_}, 0, log_->retire()};  // nothing was ever written
    return erase_events(*events, what);
  }
  if (!reads_only_labels(what.where))
    return make_error(ErrorCode::invalid_argument, "samples are erased by labels and time alone");
  TenantPtr tenant = find_tenant(what.tenant);
  if (!tenant) return EraseReport{{published_}, 0, log_->retire()};  // nothing was ever written
  return erase_metrics(*tenant, what);
}

// What is in memory goes to parts first, so that the erasure concerns the parts there are, whole. A merge
// that runs meanwhile does no harm: all it reads is older than the erasure.
Result<EraseReport> Engine::erase_events(TenantStores& tenant, const Scan& what) {
  MutexLock flush_lock(flush_mutex_);
  if (tenant.events->erasure_count() >= kErasuresMax) return too_many_erasures();
  uint64_t through = published_;
  // The first flush may only finish one whose manifest could not be written.
  for (int attempt = 0; attempt < 2 && tenant.events_wait() && tenant.events_flushed < through; ++attempt)
    OBELISK_CHECK_OK(flush_tenant(tenant, Which::events));
  OBELISK_TRY(Erasure erasure, erasure_of(what));
  erasure.record.through_sequence = tenant.events_flushed;
  OBELISK_CHECK_OK(
      commit_erasure(tenant, erasure, [&](const ErasurePtr& active) { tenant.events->activate(active); }));
  return EraseReport{{erasure.record.through_sequence}, erasure.record.id, log_->retire()};
}

// No flush or merge runs meanwhile: one that began before would put rows of both sides into one part.
Result<EraseReport> Engine::erase_metrics(TenantStores& tenant, const Scan& what) {
  MutexLock merge_lock(merge_mutex_);
  MutexLock flush_lock(flush_mutex_);
  if (tenant.metrics->erasure_count() >= kErasuresMax) return too_many_erasures();
  OBELISK_TRY(Erasure erasure, erasure_of(what));
  erasure.record.through_sequence = tenant.metrics->prepare_erase();
  OBELISK_CHECK_OK(commit_erasure(tenant, erasure, [&](const ErasurePtr& active) {
    tenant.metrics->activate(active);
    tenant.tiers->activate(active);
  }));
  return EraseReport{{erasure.record.through_sequence}, erasure.record.id, log_->retire()};
}

// Gives the erasure its number, names it in the manifest and makes it count.
Result<void> Engine::commit_erasure(TenantStores& tenant, Erasure& erasure,
                                    const std::function<void(const ErasurePtr&)>& activate) {
  OBELISK_CHECK_OK(commit_manifest(
      [&](Manifest& manifest) {
        TenantManifest& entry = manifest.tenants[tenant.name];
        erasure.record.id = ++entry.last_erasure_id;
        entry.erasures.push_back(erasure.record);
      },
      [&] { activate(std::make_shared<const Erasure>(erasure)); }));
  MutexLock lock(threads_mutex_);
  merge_wanted_ = true;
  wake_.notify_all();
  return {};
}

// Files that held the rows are gone: parts, and the segments of the log that were there then.
Result<bool> Engine::is_erased(const Tenant& tenant, const EraseReport& report) {
  {
    MutexLock lock(manifest_mutex_);
    auto entry = manifest_.tenants.find(tenant);
    if (entry != manifest_.tenants.end()) {
      for (const ErasureRecord& record : entry->second.erasures) {
        if (record.id == report.id) return false;
      }
    }
  }
  return log_->is_retired(report.log_mark == 0 ? log_of_start_ : report.log_mark);
}

// Parts that nothing waits for any more let go of the log, which then forgets what it held.
Result<void> Engine::release_retired_log() {
  if (log_->is_retired(std::numeric_limits<uint64_t>::max())) return {};
  bool behind = false;
  {
    MutexLock lock(manifest_mutex_);
    behind = manifest_.log_from < releasable(manifest_);
    if (!behind) log_->release(manifest_.log_from, false);
  }
  if (behind) return commit_manifest([](Manifest&) {}, [] {});
  return {};
}

Result<void> Engine::drop_finished_erasures(TenantStores& tenant) {
  if (tenant.metrics->erasure_count() == 0 && tenant.events->erasure_count() == 0) return {};
  std::vector<uint64_t> finished = tenant.metrics->finished_erasures();
  std::erase_if(finished, [&](uint64_t id) { return tenant.tiers->holds_erased(id); });
  std::vector<uint64_t> of_events = tenant.events->finished_erasures();
  finished.insert(finished.end(), of_events.begin(), of_events.end());
  if (finished.empty()) return {};
  return commit_manifest(
      [&](Manifest& manifest) {
        std::erase_if(manifest.tenants[tenant.name].erasures, [&](const ErasureRecord& record) {
          return std::find(finished.begin(), finished.end(), record.id) != finished.end();
        });
      },
      [&] {
        tenant.metrics->forget(finished);
        tenant.events->forget(finished);
        tenant.tiers->forget(finished);
      });
}

}  // namespace obelisk
