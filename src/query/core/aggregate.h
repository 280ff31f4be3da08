#pragma once
// Aggregation over the labels of an instant vector, shared by PromQL and LogQL: grouping by or without labels
// and the operators. Pure functions. Sums are Kahan-Neumaier compensated, as the reference's are. A range
// query that evaluates whole series groups them once (SeriesGroups) and folds every step with AggregateState;
// aggregate() does the same for one step.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/histogram_sum.h"
#include "query/core/sample_vector.h"

namespace obelisk {

enum class AggregateOp : uint8_t {
  sum,
  avg,
  min,
  max,
  count,
  group,
  stddev,
  stdvar,        // one value a group
  quantile,      // parameter: phi
  count_values,  // text parameter: label name
  topk,
  bottomk,  // parameter: k; keep the samples' own labels
};
std::string_view aggregate_op_name(AggregateOp op);

struct Grouping {
  bool without = false;
  std::vector<std::string> labels;
};

// The labels of the group that `labels` belongs to. `without` drops the metric name as well.
Labels group_labels(const Labels& labels, const Grouping& grouping);

// The group of each of many label sets, for evaluations that look at the same series step after step.
struct SeriesGroups {
  std::vector<uint32_t> group_of;  // one a label set: index into `labels`
  std::vector<Labels> labels;      // one a group, in order of first appearance
};
SeriesGroups group_series(std::span<const Labels* const> series, const Grouping& grouping);

// Collects the samples of one group at one step for sum, avg, min, max, count, group, stddev and stdvar.
class AggregateState {
 public:
  // What was met on the way; a bit set.
  enum Note : uint8_t {
    ignored_histogram = 1,      // min, max, stddev and stdvar cannot take it
    mixed_types = 2,            // floats and histograms under sum or avg: the group has no result
    incompatible_schemas = 4,   // exponential and custom buckets under sum or avg: the group has no result
    reconciled_bounds = 8,      // custom buckets with different bounds were brought to their common ones
    reset_hint_collision = 16,  // "reset" and "not reset" histograms were added
  };

  void add(AggregateOp op, double value, const Histogram* histogram);
  // False when the group has no sample. Fills either `value` or `histogram`.
  bool finish(AggregateOp op, double* value, std::shared_ptr<const Histogram>* histogram);
  uint8_t notes() const { return notes_; }

 private:
  void add_float(AggregateOp op, double value);
  void add_histogram(AggregateOp op, const Histogram& histogram);

  double sum_ = 0;  // sum, min, max; for stddev and stdvar the sum of squared distances
  double compensation_ = 0;
  double mean_ = 0;
  double float_count_ = 0;
  double histogram_count_ = 0;
  bool incremental_mean_ = false;  // the plain sum overflowed: keep a running mean instead
  uint8_t notes_ = 0;
  std::unique_ptr<HistogramSum> histograms_;
};

// Positions in `values` of the k largest (topk) or smallest (bottomk), best first, NaN last. Of equal values
// those stay that the reference's heap keeps.
std::vector<uint32_t> select_top(bool largest, size_t k, std::span<const double> values);

// The result is sorted by group labels; topk and bottomk: groups sorted, inside best first (NaN last).
// min/max ignore NaN unless all are NaN. Histograms take part in sum, avg and count; where an operator cannot
// take them they are left out and `ignored_histograms` (may be null) is set. k must be a number that fits
// int64 (code execution otherwise); below 1 the result is empty.
Result<SampleVector> aggregate(AggregateOp op, const Grouping& grouping, double parameter,
                               std::string_view text_parameter, const SampleVector& input,
                               bool* ignored_histograms);

// k of topk and its like: the integer part, refused (code execution) when it is NaN or does not fit int64.
Result<int64_t> count_parameter(double parameter);

// Linear interpolation between the closest ranks, as Prometheus' quantile: NaN for none, -Inf below 0, +Inf
// above 1.
double quantile_of(double phi, std::vector<double> values);

}  // namespace obelisk
