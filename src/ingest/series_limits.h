#pragma once
// How many active series a tenant, each of its metrics and each of its jobs may have. A sample of a series
// beyond a limit is refused before it costs the store anything; series that are known go on. A series is
// active for one to two windows after its last sample, so that a deploy that renames every pod makes room
// again.
//
// Memory: 14 to 20 bytes an active series (its hash; two that collide count as one), and the names of metrics
// and jobs of active series. Bounded by the limit of a tenant; without one (0) by the senders alone.
// Thread safe.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/thread_annotations.h"
#include "base/time.h"
#include "ingest/row_limits.h"
#include "model/tenant.h"
#include "plan/batch.h"

// Behind ours: it defines the names of thread_annotations.h where they are missing.
#include <absl/container/flat_hash_map.h>

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
  // Hashes in the order in which they came. Senders repeat their series in that order: the one after the one
  // found last is looked at before the table, so that memory is walked through and not jumped about in.
  class Hashes {
   public:
    size_t size() const { return order_.size(); }
    bool is_next(uint64_t hash) const { return next_ < order_.size() && order_[next_] == hash; }
    void skip_next() { ++next_; }
    void prefetch(uint64_t hash) const;
    // Where it is the next one is expected behind it.
    bool find(uint64_t hash);
    bool contains(uint64_t hash) const { return place_of(hash) != kNone; }
    void insert(uint64_t hash);

   private:
    static constexpr uint32_t kNone = UINT32_MAX;
    uint32_t place_of(uint64_t hash) const;
    void grow();

    std::vector<uint64_t> order_;
    std::vector<uint32_t> slots_;  // places in order_; open addressing, a power of two, at most 3/4 full
    size_t next_ = 0;
  };
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return hash64(text); }
  };
  using Counts = absl::flat_hash_map<std::string, Count, TextHash, std::equal_to<>>;
  struct Series {
    const SeriesBounds* bounds = nullptr;
    bool has_own_bounds = false;  // limits.tenants
    UnixNanos window_begin;
    Hashes current;  // seen in this window
    Hashes before;   // seen in the last one
    uint64_t active = 0;
    Counts by_metric;
    Counts by_job;
  };

  Series first_of(const Tenant& tenant, UnixNanos now) const;
  void begin_window(Series& series, UnixNanos now) const;
  // Empty when the series may be, else why not.
  std::string admit(const Tenant& tenant, const Group& group, Series& series) const;

  const IntakeLimits limits_;
  mutable Mutex mutex_;
  std::map<Tenant, Series> tenants_ GUARDED_BY(mutex_);
};

}  // namespace obelisk
