#pragma once
// What the engine keeps for one tenant. See engine.h for the threads.
#include <atomic>

#include "storage/embedded/engine.h"

namespace obelisk {

struct Engine::TenantStores {
  Tenant name;
  std::unique_ptr<EventStore> events;
  std::unique_ptr<MetricStore> metrics;

  // Sequences: what was applied to a store last, and what its parts hold.
  std::atomic<uint64_t> events_applied = 0;
  std::atomic<uint64_t> events_flushed = 0;
  std::atomic<uint64_t> metrics_applied = 0;
  std::atomic<uint64_t> metrics_flushed = 0;
  // When the oldest row that is not in a part arrived; 0: none waits.
  std::atomic<int64_t> events_waiting_since = 0;
  std::atomic<int64_t> metrics_waiting_since = 0;

  // Changes whose files are written and whose manifest is not: of the flush thread and of the maintenance
  // thread.
  std::optional<EventStore::Change> pending_events;
  std::optional<MetricStore::Flush> pending_metrics;
  std::optional<EventStore::Change> pending_event_merge;
  std::optional<MetricStore::Flush> pending_metric_merge;

  bool events_wait() const { return events_applied > events_flushed; }
  bool metrics_wait() const { return metrics_applied > metrics_flushed; }
};

// A moment of one tenant. Keeps its event parts; samples are read as they are when the cursor is opened.
struct Engine::EngineSnapshot {
  TenantPtr tenant;  // null: nothing was ever written
  EventViewPtr events;
};

}  // namespace obelisk
