#pragma once
// Cumulative counters and histograms that are derived from other telemetry, kept by tenant and label set, and
// turned into samples, exemplars and metadata to be written like received ones. A label set has one value for
// each family (traces_spanmetrics_calls_total and its siblings share theirs).
// * The first samples of a series are zeros a moment before its first values, so that rate() sees the first
// increase.
// * A label set without news for stale_after_nanos ends with staleness markers and is forgotten.
// * At most label_sets_max label sets are kept over all tenants; what is new beyond that is counted under the
// one label
//   metric_overflow="true" of its tenant, and in obelisk_derived_series_overflow_total.
// Thread safe.
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/self_metrics.h"
#include "base/thread_annotations.h"
#include "model/ids.h"
#include "model/labels.h"
#include "model/tenant.h"
#include "plan/batch.h"

namespace obelisk {

struct DerivedFamily {
  std::string name;  // traces_spanmetrics_calls_total; of a histogram without _bucket
  std::string help;
};

struct DerivedExemplar {
  TraceId trace_id;
  SpanId span_id;
  double value = 0;
  UnixNanos time;
};

struct DerivedHistogram {
  std::vector<uint64_t> counts;  // one a bound and one above the last
  std::vector<DerivedExemplar>
      exemplars;  // of each bucket the latest since the last collection; none: no trace id
  double sum = 0;
  uint64_t count = 0;

  void observe(const std::vector<double>& bounds, double value, const DerivedExemplar& exemplar);
  void merge(const DerivedHistogram& other);
};

// Values of one label set: totals in the table, and increments on the way to it.
struct DerivedValues {
  std::vector<double> counters;
  std::vector<DerivedHistogram> histograms;
  void merge(const DerivedValues& other);
};

struct TenantBatches {
  Tenant tenant;
  std::vector<Batch> batches;
};

class DerivedSeries {
 public:
  struct Options {
    size_t label_sets_max = 10'000;
    int64_t stale_after_nanos = 15 * 60 * kNanosPerSecond;  // Tempo's metrics generator forgets after as long
  };
  DerivedSeries(std::string source, std::vector<DerivedFamily> counters,
                std::vector<DerivedFamily> histograms, std::vector<double> bounds, Options options);

  const std::vector<double>& bounds() const { return bounds_; }
  DerivedValues zero() const;
  // Adds `increment` to the label set that `key` names within the tenant. `make_labels` is asked when the key
  // is new.
  void add(const Tenant& tenant, std::string_view key, const std::function<Labels()>& make_labels,
           const DerivedValues& increment, UnixNanos now);
  // What there is to write now. Times are cut to milliseconds.
  std::vector<TenantBatches> collect(UnixNanos now);
  size_t label_set_count() const;

 private:
  struct Row {
    Labels labels;
    DerivedValues values;
    UnixNanos created;
    UnixNanos changed;
    bool is_new = true;
  };
  using TenantRows = std::unordered_map<std::string, Row>;
  class Writer;

  Row& row_of(const Tenant& tenant, std::string_view key, const std::function<Labels()>& make_labels,
              UnixNanos now) REQUIRES(mutex_);
  Batch metadata(UnixNanos now) const;

  const std::string source_;
  const std::vector<DerivedFamily> counters_;
  const std::vector<DerivedFamily> histograms_;
  const std::vector<double> bounds_;
  const Options options_;
  Counter& overflows_;
  mutable Mutex mutex_;
  std::map<Tenant, TenantRows> tenants_ GUARDED_BY(mutex_);
  size_t label_sets_ GUARDED_BY(mutex_) = 0;
};

}  // namespace obelisk
