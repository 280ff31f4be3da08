#pragma once
// How many active series a tenant, each of its metrics and each of its jobs may have. A sample of a series
// beyond a limit is refused before it costs the store anything; series that are known go on. A series is
// active for one to two windows after its last sample, so that a deploy that renames every pod makes room
// again.
//
// Memory: 9 to 18 bytes an active series (its hash; two that collide count as one), and the names of metrics
// and jobs of active series. Bounded by the limit of a tenant; without one (0) by the senders alone.
// Thread safe.
#include <functional>
#include <map>
#include <string>

#include "base/hash.h"
#include "base/thread_annotations.h"
#include "base/time.h"
#include "ingest/row_limits.h"
#include "model/tenant.h"
#include "plan/batch.h"

// Behind ours: it defines the names of thread_annotations.h where they are missing.
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

namespace obelisk {

class SeriesLimits {
 public:
  explicit SeriesLimits(const IntakeLimits& limits) : limits_(limits) {}

  // Refuses the rows of a batch of samples whose series is new and over a limit. Rows that are refused
  // already make no series.
  void check(const Tenant& tenant, const Batch& batch, UnixNanos now, RefusedRows& refused);
  // Of all tenants, as of their last samples.
  uint64_t active_series() const;

 private:
  struct Count {
    uint64_t active = 0;
    uint64_t in_window = 0;  // of them, seen in the current window
  };
  using Hashes = absl::flat_hash_set<uint64_t>;
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return hash64(text); }
  };
  using Counts = absl::flat_hash_map<std::string, Count, TextHash, std::equal_to<>>;
  struct Series {
    UnixNanos window_begin;
    Hashes current;  // seen in this window
    Hashes before;   // seen in the last one
    uint64_t active = 0;
    Counts by_metric;
    Counts by_job;
  };

  void begin_window(Series& series, UnixNanos now) const;
  // Empty when the series may be, else why not.
  std::string admit(const Tenant& tenant, const Group& group, Series& series) const;

  const IntakeLimits limits_;
  mutable Mutex mutex_;
  std::map<Tenant, Series> tenants_ GUARDED_BY(mutex_);
};

}  // namespace obelisk
