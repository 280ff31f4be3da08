#pragma once
// Cumulative counters and histograms that are derived from other telemetry, kept by tenant and label set, and
// turned into samples, exemplars and metadata to be written like received ones. A label set has one value for
// each family (traces_spanmetrics_calls_total and its siblings share theirs).
// * The first samples of a series are zeros a moment before its first values, so that rate() sees the first
// increase.
// * A tenant's rows may end at a moment, and its series go on by other sets of rows (end(), begin()): what is
//   written of a series by several sets stands in the order of the sets.
// * A label set without news for stale_after_nanos ends with staleness markers and is forgotten.
// * At most label_sets_max label sets are kept over all tenants; what is new beyond that is counted under the
//   one label metric_overflow="true" of its tenant, and in obelisk_derived_series_overflow_total.
// * How many label sets a tenant would have without these limits is estimated
// (obelisk_derived_series_demand_estimate,
//   within about 3 %): those that are kept, and what was refused in the last one to two stale_after_nanos. Of
//   the first kDemandTenantsMax tenants that send.
// * With values_per_label_max, a label of a tenant has at most so many values; others become
//   __cardinality_overflow__, counted in obelisk_derived_series_capped_label_values_total.
// Thread safe.
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/distinct_estimate.h"
#include "base/hash.h"
#include "base/self_metrics.h"
#include "base/thread_annotations.h"
#include "model/labels.h"
#include "model/tenant.h"
#include "pipeline/derived_histogram.h"
#include "plan/batch.h"

namespace obelisk {

struct DerivedFamily {
  std::string name;  // traces_spanmetrics_calls_total; of a histogram without _bucket
  std::string help;
  bool enabled = true;    // false: kept, not written
  bool is_gauge = false;  // has the value of its last increment, and no zero before
};

enum class DerivedHistogramForm : uint8_t { classic, native, both };

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
  static constexpr size_t kDemandTenantsMax = 1000;

  struct Options {
    size_t label_sets_max = 10'000;
    int64_t stale_after_nanos = 15 * 60 * kNanosPerSecond;  // Tempo's metrics generator forgets after as long
    size_t values_per_label_max = 0;                        // 0: any number
    DerivedHistogramForm histograms = DerivedHistogramForm::classic;
    bool exemplars = true;
    NativeHistogramRules native = {};
    std::string exemplar_label = "traceID";  // of an exemplar, with the id of its trace
  };
  DerivedSeries(std::string source, std::vector<DerivedFamily> counters,
                std::vector<DerivedFamily> histograms, std::vector<double> bounds, Options options);

  const std::vector<double>& bounds() const { return bounds_; }
  DerivedValues zero() const;
  // Adds `increment` to the label set that `key` names within the tenant. `make_labels` is asked when the key
  // is new.
  void add(const Tenant& tenant, std::string_view key, const std::function<Labels()>& make_labels,
           const DerivedValues& increment, UnixNanos now);
  // The same where the values are changed in place; gauges are to be set.
  template <typename Change>
  void update(const Tenant& tenant, std::string_view key, const std::function<Labels()>& make_labels,
              UnixNanos now, Change&& change) {
    MutexLock lock(mutex_);
    Row& row = row_of(tenant, key, make_labels, now);
    change(row.values);
    row.changed = now;
  }
  // What there is to write now. Times are cut to milliseconds.
  std::vector<TenantBatches> collect(UnixNanos now);
  // What there is of one tenant, as of that moment; it is forgotten.
  std::vector<TenantBatches> end(const Tenant& tenant, UnixNanos at);
  // Nothing of the tenant is written at an earlier time: another set of rows has written its series before.
  void begin(const Tenant& tenant, UnixNanos not_before);
  size_t label_set_count() const;

 private:
  struct Row {
    Labels labels;
    DerivedValues values;
    UnixNanos created;
    UnixNanos changed;
    UnixNanos native_since;  // the start of the native histograms
    bool is_new = true;
  };
  struct KeyHash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const { return hash64(key); }
  };
  // Label sets that a limit kept out, in this window and the one before.
  struct Refused {
    DistinctEstimate current, previous;
    UnixNanos since;
  };
  struct TenantRows {
    std::unordered_map<std::string, Row, KeyHash, std::equal_to<>> rows;
    // How many rows have each value of each label; kept only where values are limited.
    std::map<std::string, std::map<std::string, size_t, std::less<>>, std::less<>> label_values;
    std::unique_ptr<Refused> refused;  // null while nothing was
  };
  class Writer;

  Row& row_of(const Tenant& tenant, std::string_view key, const std::function<Labels()>& make_labels,
              UnixNanos now) REQUIRES(mutex_);
  Row& insert(TenantRows& tenant, const std::string& key, Labels labels, UnixNanos now) REQUIRES(mutex_);
  // Replaces values that are beyond the limit; true when there were any.
  bool cap_values(const TenantRows& tenant, Labels& labels) const;
  static void count_values(TenantRows& tenant, const Labels& labels);
  static void forget_values(TenantRows& tenant, const Labels& labels);
  void note_refused(TenantRows& tenant, std::string_view key, UnixNanos now) const;
  void show_demand(const Tenant& tenant, const TenantRows& rows) REQUIRES(mutex_);
  Batch metadata(UnixNanos now) const;
  TenantBatches collect_tenant(const Tenant& tenant, TenantRows& rows, UnixNanos now, bool ends)
      REQUIRES(mutex_);
  bool collect_row(Row& row, Writer& writer, UnixNanos now) const;
  UnixNanos begin_of(const Tenant& tenant) const REQUIRES(mutex_);

  const std::string source_;
  const std::vector<DerivedFamily> counters_;
  const std::vector<DerivedFamily> histograms_;
  const std::vector<double> bounds_;
  const Options options_;
  Counter& overflows_;
  Counter& capped_values_;
  Gauge& label_sets_gauge_;
  mutable Mutex mutex_;
  std::map<Tenant, TenantRows> tenants_ GUARDED_BY(mutex_);
  size_t label_sets_ GUARDED_BY(mutex_) = 0;
  std::map<Tenant, Gauge*> demand_ GUARDED_BY(mutex_);
  std::map<Tenant, UnixNanos, std::less<>> begins_ GUARDED_BY(mutex_);
};

}  // namespace obelisk
