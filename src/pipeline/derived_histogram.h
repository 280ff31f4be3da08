#pragma once
// A histogram that grows with what spans measured: counts by explicit bounds, and by exponential buckets for
// a native histogram. Counts are weights, as a sampled span may stand for several. Not thread safe.
// Bounds: a native part has at most NativeHistogramRules::buckets_max buckets; beyond that its resolution is
// halved, down to a factor of 65536 a bucket. It comes back only when the part begins anew.
#include <map>
#include <vector>

#include "base/time.h"
#include "model/histogram.h"
#include "model/ids.h"

namespace obelisk {

struct DerivedExemplar {
  TraceId trace_id;
  SpanId span_id;
  double value = 0;
  UnixNanos time;
};

struct NativeHistogramRules {
  double factor = 1.1;            // as it was asked for: Tempo's
  int32_t schema = 3;             // native_schema_of(factor): a factor of 2^(1/8)
  size_t buckets_max = 100;       // Tempo's
  int64_t reset_after_nanos = 0;  // a part that has lost resolution begins anew at this age; 0: never
  bool operator==(const NativeHistogramRules&) const = default;
};
// The finest schema whose buckets grow by no more than `factor` (above 1), within what Prometheus knows.
int32_t native_schema_of(double factor);

// Exponential buckets as Prometheus counts them: bucket i of schema s holds (2^((i-1)/2^s), 2^(i/2^s)].
class NativeBuckets {
 public:
  explicit NativeBuckets(NativeHistogramRules rules = {}) : rules_(rules), schema_(rules.schema) {}
  void observe(double value, double weight);
  void merge(const NativeBuckets& other);
  Histogram to_histogram() const;
  // Whether resolution was given up for the bound.
  bool is_reduced() const { return schema_ < rules_.schema; }

 private:
  static constexpr int32_t kSchemaLast = -4;
  void reduce_to(int32_t schema);
  void keep_bounded();

  NativeHistogramRules rules_;
  int32_t schema_;
  double count_ = 0;
  double sum_ = 0;
  double zeros_ = 0;
  std::map<int32_t, double> counts_;
};

struct DerivedHistogram {
  std::vector<double> counts;              // one a bound and one above the last
  std::vector<DerivedExemplar> exemplars;  // of each bucket the latest since the last collection, none: no
                                           // trace id; empty when they are not wanted
  NativeBuckets native;
  bool has_native = false;
  double sum = 0;
  double count = 0;

  void observe(const std::vector<double>& bounds, double value, double weight,
               const DerivedExemplar& exemplar);
  void merge(const DerivedHistogram& other);
};

}  // namespace obelisk
