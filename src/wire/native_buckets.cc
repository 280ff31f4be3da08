#include "wire/native_buckets.h"

#include <algorithm>

#include "base/assert.h"

namespace obelisk {
namespace {

void reduce(std::vector<BucketSpan>& spans, std::vector<double>& counts, int32_t by) {
  std::vector<BucketSpan> reduced_spans;
  std::vector<double> reduced_counts;
  NativeBucketAppender appender(reduced_spans, reduced_counts);
  // Bucket j covers (b^(j-1), b^j]: its upper bound b^j lies in the coarser bucket ceil(j / 2^by).
  for_each_bucket(spans, counts,
                  [&](int64_t index, double count) { appender.add(((index - 1) >> by) + 1, count); });
  spans = std::move(reduced_spans);
  counts = std::move(reduced_counts);
}

}  // namespace

void NativeBucketAppender::add(int64_t index, double count) {
  if (!spans_.empty() && index == last_) {
    counts_.back() += count;
    return;
  }
  int64_t gap = spans_.empty() ? index : index - last_ - 1;
  if (spans_.empty() || gap > kGapFilledMax) {
    spans_.push_back({static_cast<int32_t>(gap), 0});
  } else {
    counts_.resize(counts_.size() + static_cast<size_t>(gap), 0.0);
    spans_.back().length += static_cast<uint32_t>(gap);
  }
  counts_.push_back(count);
  ++spans_.back().length;
  last_ = index;
}

void reduce_resolution(Histogram& histogram, int32_t schema) {
  OBELISK_ASSERT(schema <= histogram.schema && histogram.schema != Histogram::kCustomBoundsSchema);
  int32_t by = std::min(histogram.schema - schema, 62);
  if (by == 0) return;
  reduce(histogram.positive_spans, histogram.positive_counts, by);
  reduce(histogram.negative_spans, histogram.negative_counts, by);
  histogram.schema = schema;
}

}  // namespace obelisk
