#pragma once
// Turns delta samples (column::kTemporality) into cumulative ones, which is what PromQL's rate and increase
// expect: each series' deltas are added up, and start_time is when the adding began. Rules: a point not later
// than the one before it is refused (it may be a repetition, and must not count twice); so a request that was
// added up but not stored, and is sent again, does not count twice either, and its amounts arrive with the
// next point. A stale marker ends the series' sum. A histogram whose zero threshold or custom bounds change
// begins anew; of two resolutions the lower stays. Bounds: kSeriesMax series are tracked; when they are all
// in use (a point in the last kIdleNanos), points of further series are refused. A series that is not
// tracked, after a start or because others took its place, goes on from its newest stored sample of the last
// kResumeNanos, where a store is given (resume_from); it begins at zero where there is none or the store
// cannot be read. Thread safe; blocks on that store.
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/thread_annotations.h"
#include "base/time.h"
#include "ingest/stored_sums.h"
#include "model/histogram.h"
#include "model/labels.h"
#include "model/tenant.h"
#include "plan/batch.h"

namespace obelisk {

class DeltaToCumulative {
 public:
  static constexpr size_t kSeriesMax = 100'000;
  static constexpr int64_t kIdleNanos = 300 * kNanosPerSecond;
  static constexpr int64_t kResumeNanos = 3600 * kNanosPerSecond;

  enum class Refusal : uint8_t { none, not_later, too_many_series, bad_histogram };

  explicit DeltaToCumulative(size_t series_max = kSeriesMax) : series_max_(series_max) {}

  // Before the first convert().
  void resume_from(std::unique_ptr<const StoredSums> stored) { stored_ = std::move(stored); }
  // Changes values and start times in place and removes column::kTemporality. Gives one entry a row: why it
  // was refused.
  std::vector<Refusal> convert(const Tenant& tenant, Batch& batch, UnixNanos now);
  size_t series_count() const;

 private:
  struct Key {
    Tenant tenant;
    Labels labels;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const {
      return key.labels.hash() ^ std::hash<std::string>()(key.tenant);
    }
  };
  struct Sum {
    int64_t start_time = 0;
    int64_t last_time = 0;
    UnixNanos seen;  // by our clock
    double value = 0;
    Histogram histogram;
  };

  void resume(const Tenant& tenant, const Batch& batch, UnixNanos now) EXCLUDES(mutex_);
  Refusal add(const Key& key, Batch& batch, size_t row, UnixNanos now) REQUIRES(mutex_);
  Sum* find_or_add(const Key& key, UnixNanos now) REQUIRES(mutex_);

  const size_t series_max_;
  std::unique_ptr<const StoredSums> stored_;
  mutable Mutex mutex_;
  std::unordered_map<Key, Sum, KeyHash> sums_ GUARDED_BY(mutex_);
  UnixNanos swept_ GUARDED_BY(mutex_);
};

}  // namespace obelisk
