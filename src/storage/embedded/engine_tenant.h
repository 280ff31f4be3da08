#pragma once
// What the engine keeps for one tenant. See engine.h for the threads.
#include <algorithm>
#include <atomic>

#include "storage/embedded/engine.h"

namespace obelisk {

struct Engine::TenantStores {
  Tenant name;
  std::unique_ptr<EventStore> events;
  std::unique_ptr<MetricStore> metrics;
  std::unique_ptr<TierStore> tiers;

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
  std::optional<TierStore::Change> pending_tiers;
  // Of pending_metric_merge when it is a removal: samples up to here go.
  int64_t pending_raw_after_ms = std::numeric_limits<int64_t>::min();
  // Of pending_metrics: days whose tiers it outdates.
  std::optional<std::vector<int64_t>> pending_outdated_days;

  bool events_wait() const { return events_applied > events_flushed; }
  bool metrics_wait() const { return metrics_applied > metrics_flushed; }
};

// Of a manifest's list of files.
inline void replace_names(std::vector<std::string>& names, const std::vector<std::string>& removed,
                          const std::vector<std::string>& added) {
  std::erase_if(names, [&](const std::string& name) {
    return std::find(removed.begin(), removed.end(), name) != removed.end();
  });
  names.insert(names.end(), added.begin(), added.end());
}

// Of work on several stores, of which what one cannot read or write keeps no other from its own: the failure
// that came first.
class FirstFailure {
 public:
  template <typename T>
  void note(const Result<T>& done) {
    if (done.ok()) return;
    is_full_ |= done.error().code == ErrorCode::no_space;
    if (!error_) error_ = done.error();
  }
  // A disk that is full is so for all.
  bool concerns_all() const { return is_full_; }
  Result<void> result() const { return error_ ? Result<void>(*error_) : Result<void>(); }

 private:
  std::optional<Error> error_;
  bool is_full_ = false;
};

// A moment of one tenant. Keeps its event parts; samples are read as they are when the cursor is opened.
struct Engine::EngineSnapshot {
  TenantPtr tenant;  // null: nothing was ever written
  EventViewPtr events;
};

}  // namespace obelisk
