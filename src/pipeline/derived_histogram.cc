#include "pipeline/derived_histogram.h"

#include <algorithm>
#include <cmath>

namespace obelisk {

int32_t native_schema_of(double factor) {
  constexpr int32_t kCoarsest = -4, kFinest = 8;
  double exponent = std::log2(std::log2(factor));  // of the growth that is wanted: 2^(2^-schema)
  return static_cast<int32_t>(
      std::clamp(-std::floor(exponent), static_cast<double>(kCoarsest), static_cast<double>(kFinest)));
}

void NativeBuckets::observe(double value, double weight) {
  count_ += weight;
  sum_ += value * weight;
  constexpr double kZeroThreshold = 0x1p-128;  // Prometheus' default
  if (value <= kZeroThreshold) {
    zeros_ += weight;
    return;
  }
  auto index = static_cast<int32_t>(std::ceil(std::ldexp(std::log2(value), schema_)));
  counts_[index] += weight;
  keep_bounded();
}

void NativeBuckets::reduce_to(int32_t schema) {
  while (schema_ > schema) {
    std::map<int32_t, double> halved;
    for (const auto& [index, count] : counts_) halved[(index + 1) >> 1] += count;
    counts_ = std::move(halved);
    --schema_;
  }
}

void NativeBuckets::keep_bounded() {
  while (counts_.size() > rules_.buckets_max && schema_ > kSchemaLast) reduce_to(schema_ - 1);
}

void NativeBuckets::merge(const NativeBuckets& other) {
  count_ += other.count_;
  sum_ += other.sum_;
  zeros_ += other.zeros_;
  if (other.schema_ < schema_) reduce_to(other.schema_);
  NativeBuckets added = other;
  added.reduce_to(schema_);
  for (const auto& [index, count] : added.counts_) counts_[index] += count;
  keep_bounded();
}

Histogram NativeBuckets::to_histogram() const {
  Histogram histogram;
  histogram.schema = schema_;
  histogram.zero_threshold = 0x1p-128;
  histogram.zero_count = zeros_;
  histogram.count = count_;
  histogram.sum = sum_;
  int32_t next = 0;
  for (const auto& [index, in_bucket] : counts_) {
    if (histogram.positive_spans.empty()) {
      histogram.positive_spans.push_back({index, 1});
    } else if (index == next) {
      ++histogram.positive_spans.back().length;
    } else {
      histogram.positive_spans.push_back({index - next, 1});
    }
    histogram.positive_counts.push_back(in_bucket);
    next = index + 1;
  }
  return histogram;
}

void DerivedHistogram::observe(const std::vector<double>& bounds, double value, double weight,
                               const DerivedExemplar& exemplar) {
  size_t bucket = 0;  // the first bound that is not below; counted, since a search cannot be predicted
  for (double bound : bounds) bucket += bound < value ? 1 : 0;
  counts[bucket] += weight;
  count += weight;
  sum += value * weight;
  if (has_native) native.observe(value, weight);
  if (!exemplars.empty() && !exemplar.trace_id.is_none() && exemplars[bucket].time <= exemplar.time)
    exemplars[bucket] = exemplar;
}

void DerivedHistogram::merge(const DerivedHistogram& other) {
  sum += other.sum;
  count += other.count;
  if (has_native) native.merge(other.native);
  for (size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  for (size_t i = 0; i < exemplars.size(); ++i) {
    bool newer = !other.exemplars[i].trace_id.is_none() && exemplars[i].time <= other.exemplars[i].time;
    if (newer) exemplars[i] = other.exemplars[i];
  }
}

}  // namespace obelisk
