#pragma once
// A histogram that grows with what spans measured: counts by explicit bounds, and by exponential buckets for
// a native histogram. Counts are weights, as a sampled span may stand for several. Not thread safe.
// Bounds: a native part has at most kNativeBucketsMax buckets; beyond that its resolution is halved, down to
// a factor of 65536 a bucket.
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

// Exponential buckets as Prometheus counts them: bucket i of schema s holds (2^((i-1)/2^s), 2^(i/2^s)].
class NativeBuckets {
 public:
  static constexpr size_t kNativeBucketsMax = 100;  // Tempo's
  void observe(double value, double weight);
  void merge(const NativeBuckets& other);
  Histogram to_histogram(double count, double sum) const;

 private:
  static constexpr int32_t kSchemaFirst = 3;  // a factor of 2^(1/8): the finest below Tempo's 1.1
  static constexpr int32_t kSchemaLast = -4;
  void reduce_to(int32_t schema);
  void keep_bounded();

  int32_t schema_ = kSchemaFirst;
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
