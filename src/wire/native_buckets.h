#pragma once
// Builds and reduces the bucket lists of native histograms (model/histogram.h). Used by decoders inside wire/
// and by the delta conversion of ingest/.
#include <cstdint>
#include <vector>

#include "model/histogram.h"

namespace obelisk {

// Appends buckets in ascending order of index. A gap of at most kGapFilledMax is filled with empty buckets,
// which cost less than a new span; the same index again adds to its bucket.
class NativeBucketAppender {
 public:
  static constexpr int64_t kGapFilledMax = 2;
  NativeBucketAppender(std::vector<BucketSpan>& spans, std::vector<double>& counts)
      : spans_(spans), counts_(counts) {}
  // `index` fits 32 bits.
  void add(int64_t index, double count);

 private:
  std::vector<BucketSpan>& spans_;
  std::vector<double>& counts_;
  int64_t last_ = 0;
};

// The same histogram with a lower schema: neighbouring buckets are merged. `schema` is not above the
// histogram's.
void reduce_resolution(Histogram& histogram, int32_t schema);

// The buckets of a list with their absolute index, in order.
template <typename Each>
void for_each_bucket(const std::vector<BucketSpan>& spans, const std::vector<double>& counts, Each&& each) {
  int64_t index = 0;
  size_t next = 0;
  for (const BucketSpan& span : spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length && next < counts.size(); ++i) each(index++, counts[next++]);
  }
}

}  // namespace obelisk
