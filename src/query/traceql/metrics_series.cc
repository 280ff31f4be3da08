#include "query/traceql/metrics_series.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "plan/aggregate.h"
#include "query/traceql/field_evaluator.h"

namespace obelisk::traceql {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double apply(FieldOp op, double a, double b) {
  switch (op) {
    case FieldOp::add:
      return a + b;
    case FieldOp::subtract:
      return a - b;
    case FieldOp::multiply:
      return a * b;
    default:
      return b == 0 ? kNone : a / b;
  }
}

void remove_empty(SeriesSet& series) {
  std::erase_if(series, [](const auto& entry) {
    const std::vector<double>& values = entry.second.values;
    return std::all_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
  });
}

// Keeps the `count` largest (smallest) values at each point; equal ones in the order of labels.
void keep_extremes(SeriesSet& series, size_t count, bool largest) {
  std::vector<MetricsSeries*> all;
  for (auto& [labels, one] : series) all.push_back(&one);
  size_t points = all.empty() ? 0 : all[0]->values.size();
  for (size_t point = 0; point < points; ++point) {
    std::vector<MetricsSeries*> present;
    std::copy_if(all.begin(), all.end(), std::back_inserter(present),
                 [&](MetricsSeries* one) { return !std::isnan(one->values[point]); });
    if (present.size() <= count) continue;
    std::stable_sort(present.begin(), present.end(), [&](MetricsSeries* a, MetricsSeries* b) {
      return largest ? a->values[point] > b->values[point] : a->values[point] < b->values[point];
    });
    for (size_t i = count; i < present.size(); ++i) present[i]->values[point] = kNone;
  }
}

SeriesLabels without_name(const SeriesLabels& labels) {
  SeriesLabels rest;
  std::copy_if(labels.begin(), labels.end(), std::back_inserter(rest),
               [](const NamedValue& label) { return label.first != "__name__"; });
  return rest;
}

// By which series are joined, whatever the order of by().
SeriesLabels join_key(const SeriesLabels& labels) {
  SeriesLabels key = without_name(labels);
  std::sort(key.begin(), key.end(), LabelOrder());
  return key;
}

bool is_single_unlabelled(const SeriesSet& series) {
  return series.size() == 1 && without_name(series.begin()->first).empty();
}

}  // namespace

void PowerBuckets::add(size_t point, double value, double weight) {
  std::optional<int> exponent = histogram_exponent(value);
  if (!exponent) return;
  std::vector<double>& counts = counts_[*exponent];
  counts.resize(point_count_);
  counts[point] += weight;
}

void PowerBuckets::add(int exponent, const std::vector<uint64_t>& counts) {
  std::vector<double>& held = counts_[exponent];
  held.resize(point_count_);
  for (size_t point = 0; point < point_count_; ++point) held[point] += static_cast<double>(counts[point]);
}

double PowerBuckets::quantile(size_t point, double q) const {
  BucketCounts buckets;
  for (const auto& [exponent, counts] : counts_) {
    if (counts[point] > 0) buckets.emplace_back(exponent, counts[point]);
  }
  return quantile_of(buckets, q);
}

double PowerBuckets::quantile_of_all(double q) const {
  BucketCounts buckets;
  for (const auto& [exponent, counts] : counts_) {
    double count = std::accumulate(counts.begin(), counts.end(), 0.0);
    if (count > 0) buckets.emplace_back(exponent, count);
  }
  return quantile_of(buckets, q);
}

double PowerBuckets::quantile_of(const BucketCounts& buckets, double q) {
  if (buckets.empty()) return kNone;
  double total = 0;
  for (const auto& [exponent, count] : buckets) total += count;
  double rest = std::max(1.0, std::ceil(q * total));
  std::optional<double> below;  // the exponent of the bound that interpolation starts from
  for (const auto& [exponent, count] : buckets) {
    double from = below.value_or(exponent - 1);
    bool inside = count > rest && exponent > kExponentMin;
    if (inside) return std::exp2(from + (exponent - from) * (rest / count));
    rest -= count;
    if (rest <= 0) return bound_of(exponent);
    if (exponent > kExponentMin) below = exponent;
  }
  return bound_of(buckets.back().first);  // weights that are no whole numbers
}

void apply_stage(const MetricsStage& stage, SeriesSet& series) {
  if (stage.kind == MetricsStage::Kind::threshold) {
    for (auto& [labels, one] : series) {
      for (double& value : one.values) {
        if (!std::isnan(value) &&
            !compare_holds(stage.op, Value::of_float(value), Value::of_float(stage.threshold)))
          value = kNone;
      }
    }
  } else {
    keep_extremes(series, static_cast<size_t>(stage.count), stage.kind == MetricsStage::Kind::topk);
  }
  remove_empty(series);
}

SeriesSet combine(FieldOp op, const SeriesSet& left, const SeriesSet& right) {
  SeriesSet result;
  bool left_for_all = is_single_unlabelled(left);
  bool right_for_all = is_single_unlabelled(right);
  std::map<SeriesLabels, const MetricsSeries*, LabelOrder> right_by_labels;
  for (const auto& [labels, one] : right) right_by_labels.emplace(join_key(labels), &one);
  auto add = [&](const SeriesLabels& labels, const MetricsSeries& a, const MetricsSeries& b) {
    MetricsSeries& sum = result[labels];
    sum.labels = labels;
    sum.values.resize(a.values.size());
    for (size_t i = 0; i < a.values.size(); ++i) sum.values[i] = apply(op, a.values[i], b.values[i]);
    sum.exemplars = a.exemplars.empty() ? b.exemplars : a.exemplars;  // traces behind it, as they measured
  };
  if (left_for_all && !right_for_all) {
    for (const auto& [labels, one] : right) add(without_name(labels), left.begin()->second, one);
    return result;
  }
  for (const auto& [labels, one] : left) {
    SeriesLabels key = without_name(labels);
    auto match = right_by_labels.find(join_key(labels));
    if (right_for_all) {
      add(key, one, right.begin()->second);
    } else if (match != right_by_labels.end()) {
      add(key, one, *match->second);
    }
  }
  return result;
}

SeriesSet combine_with_number(FieldOp op, SeriesSet series, double number, bool number_is_left) {
  auto calculate = [&](double& value) {
    value = number_is_left ? apply(op, number, value) : apply(op, value, number);
  };
  for (auto& [labels, one] : series) {
    std::for_each(one.values.begin(), one.values.end(), calculate);
    for (MetricsExemplar& exemplar : one.exemplars) calculate(exemplar.value);
  }
  return series;
}

}  // namespace obelisk::traceql
