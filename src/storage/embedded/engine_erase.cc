// How the engine erases. Of samples: an erasure is in the manifest before it is answered, and leaves it when
// no file holds what it takes. Of events: at once, by replacing parts.
#include <fmt/format.h>

#include <algorithm>

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

}  // namespace

Result<EraseReport> Engine::erase(const Scan& what) {
  OBELISK_CHECK_OK(check_erasable(what));
  if (what.table != Table::samples && !is_event_table(what.table)) return Writer::erase(what);
  if (closed_) return make_error(ErrorCode::unavailable, "the store is shutting down");
  if (is_event_table(what.table)) {
    TenantPtr events = find_tenant(what.tenant);
    if (!events) return EraseReport{{published_}};  // nothing was ever written
    return erase_events(*events, what);
  }
  if (!reads_only_labels(what.where))
    return make_error(ErrorCode::invalid_argument, "samples are erased by labels and time alone");
  TenantPtr tenant = find_tenant(what.tenant);
  if (!tenant) return EraseReport{{published_}};  // nothing was ever written
  return erase_metrics(*tenant, what);
}

// Events need no entry in the manifest: what is in memory goes to parts, and every part that holds a chosen
// row is replaced by one without it. The rows are gone from the files when this returns, except from those
// that snapshots taken before still hold. Only until the parts are known flushes wait: rewriting them may
// take long, and what is written meanwhile is not concerned.
Result<EraseReport> Engine::erase_events(TenantStores& tenant, const Scan& what) {
  MutexLock merge_lock(merge_mutex_);
  OBELISK_CHECK_OK(finish_merge(tenant));
  uint64_t through = 0;
  std::vector<EventPartPtr> parts;
  {
    MutexLock flush_lock(flush_mutex_);
    through = published_;
    // The first flush may only finish one whose manifest could not be written.
    for (int attempt = 0; attempt < 2 && tenant.events_wait() && tenant.events_flushed < through; ++attempt)
      OBELISK_CHECK_OK(flush_tenant(tenant, Which::events));
    parts = tenant.events->parts_with(what.table, what.range);
  }
  OBELISK_TRY(EventStore::Change change, tenant.events->erase(parts, what.range, what.where));
  if (!change.empty()) {
    tenant.pending_event_merge = std::move(change);
    OBELISK_CHECK_OK(finish_merge(tenant));
  }
  return EraseReport{{through}};
}

// No flush or merge runs meanwhile: one that began before would put rows of both sides into one part.
Result<EraseReport> Engine::erase_metrics(TenantStores& tenant, const Scan& what) {
  MutexLock merge_lock(merge_mutex_);
  MutexLock flush_lock(flush_mutex_);
  if (tenant.metrics->erasure_count() >= kErasuresMax) {
    return make_error(ErrorCode::overloaded,
                      fmt::format("{} erasures wait for merges to apply them, try again", kErasuresMax));
  }
  Erasure erasure;
  OBELISK_TRY(erasure.record.where, encode_expression(what.where));
  erasure.where = what.where;
  erasure.record.table = what.table;
  erasure.record.range = what.range;
  erasure.record.through_sequence = tenant.metrics->prepare_erase();
  OBELISK_CHECK_OK(commit_manifest(
      [&](Manifest& manifest) {
        TenantManifest& entry = manifest.tenants[tenant.name];
        erasure.record.id = ++entry.last_erasure_id;
        entry.erasures.push_back(erasure.record);
      },
      [&] {
        auto active = std::make_shared<const Erasure>(erasure);
        tenant.metrics->activate(active);
        tenant.tiers->activate(active);
      }));
  {
    MutexLock lock(threads_mutex_);
    merge_wanted_ = true;
    wake_.notify_all();
  }
  return EraseReport{{erasure.record.through_sequence}};
}

Result<void> Engine::drop_finished_erasures(TenantStores& tenant) {
  if (tenant.metrics->erasure_count() == 0) return {};
  std::vector<uint64_t> finished = tenant.metrics->finished_erasures();
  std::erase_if(finished, [&](uint64_t id) { return tenant.tiers->holds_erased(id); });
  if (finished.empty()) return {};
  return commit_manifest(
      [&](Manifest& manifest) {
        std::erase_if(manifest.tenants[tenant.name].erasures, [&](const ErasureRecord& record) {
          return record.table == Table::samples &&
                 std::find(finished.begin(), finished.end(), record.id) != finished.end();
        });
      },
      [&] {
        tenant.metrics->forget(finished);
        tenant.tiers->forget(finished);
      });
}

}  // namespace obelisk
