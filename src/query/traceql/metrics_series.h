#pragma once
// What a metrics query computes with: series over a fixed row of points, and the buckets of its histograms.
// Plain data and pure functions.
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "plan/aggregate.h"
#include "query/traceql/ast.h"
#include "query/traceql/engine.h"
#include "query/traceql/value_order.h"

namespace obelisk::traceql {

// The points of a query. Point i covers spans that start in (begin + i * step, begin + (i + 1) * step], the
// first one also those at `begin`.
struct PointGrid {
  int64_t begin = 0;
  int64_t step = 1;
  size_t count = 0;

  // The point of a time, or count when it is outside.
  size_t point_of(int64_t time) const {
    if (time <= begin) return time == begin ? 0 : count;
    auto index = static_cast<size_t>((time - begin - 1) / step);
    return index < count ? index : count;
  }
  int64_t end() const { return begin + static_cast<int64_t>(count) * step; }  // of the last point, in it
};

using SeriesLabels = std::vector<NamedValue>;  // in the order of by(); compared as they are
using SeriesSet = std::map<SeriesLabels, MetricsSeries, LabelOrder>;

// Counts by powers of two: bucket e holds values in (2^(e-1), 2^e]. Exponents are cut to -64..64; the lowest
// bucket is that of 0. Negative values and NaN are left out.
class PowerBuckets {
 public:
  static constexpr int kExponentMin = AggregateStates::kExponentMin;
  // The largest value of a bucket.
  static double bound_of(int exponent) { return exponent == kExponentMin ? 0 : std::exp2(exponent); }
  explicit PowerBuckets(size_t point_count) : point_count_(point_count) {}

  void add(size_t point, double value, double weight = 1);
  // Counts of every point for one exponent.
  void add(int exponent, const std::vector<uint64_t>& counts);
  // Bytes held, for budgets.
  size_t memory_bytes() const { return counts_.size() * point_count_ * sizeof(double); }
  // As Tempo computes it: the upper bound of the bucket in which the rank is the last, else exponentially
  // interpolated from the upper bound of the next lower bucket that has values. Between 0 and a bucket
  // nothing can be interpolated: that one counts from half its bound. NaN where nothing was counted.
  double quantile(size_t point, double q) const;
  // Of the values of all points.
  double quantile_of_all(double q) const;
  const std::map<int, std::vector<double>>& counts() const { return counts_; }

 private:
  using BucketCounts = std::vector<std::pair<int, double>>;  // exponent and count, rising, none empty
  static double quantile_of(const BucketCounts& buckets, double q);

  size_t point_count_;
  std::map<int, std::vector<double>> counts_;  // exponent -> count at every point
};

// The second stages: topk and bottomk at each point, and thresholds. Series without a point left are removed.
void apply_stage(const MetricsStage& stage, SeriesSet& series);
// left op right, series joined by labels (the function's name does not count); a side with a single series
// without labels goes with all of the other.
SeriesSet combine(FieldOp op, const SeriesSet& left, const SeriesSet& right);
SeriesSet combine_with_number(FieldOp op, SeriesSet series, double number, bool number_is_left);

}  // namespace obelisk::traceql
