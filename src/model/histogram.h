#pragma once
// Native histograms (Prometheus "Native Histograms" specification): exponential schemas -4..8 and custom
// bounds (-53). Counts are absolute and floating point, for integer histograms too (exact up to 2^53), so
// that one arithmetic serves rate, sum and quantile. The byte form (encode/decode) is what stores and logs
// keep: little-endian, see docs/formats/histogram.md.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace obelisk {

struct BucketSpan {
  int32_t offset = 0;   // gap to the previous span; for the first span the absolute index of its first bucket
  uint32_t length = 0;  // consecutive buckets
  bool operator==(const BucketSpan&) const = default;
};

enum class CounterResetHint : uint8_t { unknown = 0, yes = 1, no = 2, gauge = 3 };

struct Histogram {
  static constexpr int32_t kCustomBoundsSchema = -53;
  // More buckets than this are refused when decoding: an exponential histogram of an SDK has at most 160.
  static constexpr size_t kBucketsMax = 65536;

  int32_t schema = 0;
  CounterResetHint reset_hint = CounterResetHint::unknown;
  double zero_threshold = 0;
  double zero_count = 0;
  double count = 0;
  double sum = 0;
  std::vector<BucketSpan> positive_spans;
  std::vector<BucketSpan> negative_spans;
  std::vector<double> positive_counts;  // one per bucket of positive_spans, in order
  std::vector<double> negative_counts;
  std::vector<double> custom_bounds;  // upper bounds, schema -53 only

  bool operator==(const Histogram&) const = default;
};

std::string encode_histogram(const Histogram& histogram);
// Refuses counts that do not match the spans, more than kBucketsMax buckets, and trailing bytes.
Result<Histogram> decode_histogram(std::string_view bytes);

// Prometheus' staleness marker: this NaN, and no other, ends a series.
inline constexpr uint64_t kStaleMarkerBits = 0x7ff0000000000002;
double stale_marker();
bool is_stale_marker(double value);

}  // namespace obelisk
