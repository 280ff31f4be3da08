#pragma once
// A native histogram as Prometheus' protobuf messages spell it (remote write 1.0 and 2.0, the exposition
// format): spans, and per bucket either the difference to the bucket before (integer histograms) or the count
// (float histograms). Collected field by field, then checked and made one Histogram with absolute counts.
// Used by decoders inside protobuf::decode_guarded. Bound: Histogram::kBucketsMax spans and buckets.
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/histogram.h"
#include "wire/protobuf.h"

namespace obelisk {

struct NativeBucketParts {
  std::vector<BucketSpan> spans;
  std::vector<int64_t> deltas;
  std::vector<double> counts;

  // One BucketSpan message.
  void add_span(std::string_view message);
  void add_delta(int64_t delta);
  void add_count(double count);
  template <typename Packed>
  void add_deltas(const Packed& packed) {
    for (auto it = packed.begin(); it != packed.end(); ++it) add_delta(*it);
  }
  template <typename Packed>
  void add_counts(const Packed& packed) {
    for (auto it = packed.begin(); it != packed.end(); ++it) add_count(*it);
  }
  void clear();
};

enum class HistogramCounts : uint8_t { integers, floats };

// Checks what Prometheus checks before it stores a histogram: known schema, spans that do not overlap and fit
// the buckets, no negative count, for integers a count that is the sum of the buckets (at least that, when
// the sum of observations is NaN), custom bounds in ascending order without a zero bucket or negative
// buckets. Schemas above 8 are reduced to 8. invalid_argument otherwise. `histogram` has everything but the
// buckets.
Result<Histogram> assemble_native_histogram(Histogram histogram, HistogramCounts kind,
                                            NativeBucketParts& positive, NativeBucketParts& negative);

}  // namespace obelisk
