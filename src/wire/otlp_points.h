#pragma once
// OTLP's data points, decoded one by one. Used by otlp_metrics.cc inside protobuf::decode_guarded.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/histogram.h"
#include "wire/otlp_series.h"

namespace obelisk {

inline constexpr uint32_t kNoRecordedValueFlag = 1;

struct OtlpNumberPoint {
  uint64_t start_time = 0, time = 0;
  std::optional<double> value;
  uint32_t flags = 0;
  std::vector<AttributeView> attributes;
  std::vector<OtlpExemplar> exemplars;
};

struct OtlpHistogramPoint {
  uint64_t start_time = 0, time = 0;
  uint64_t count = 0;
  std::optional<double> sum;
  uint32_t flags = 0;
  std::vector<uint64_t> bucket_counts;
  std::vector<double> bounds;
  std::vector<AttributeView> attributes;
  std::vector<OtlpExemplar> exemplars;
};

struct OtlpBuckets {
  int32_t offset = 0;
  std::vector<uint64_t> counts;
};

struct OtlpExponentialPoint {
  uint64_t start_time = 0, time = 0;
  uint64_t count = 0, zero_count = 0;
  std::optional<double> sum;
  int32_t scale = 0;
  double zero_threshold = 0;
  uint32_t flags = 0;
  OtlpBuckets positive, negative;
  std::vector<AttributeView> attributes;
  std::vector<OtlpExemplar> exemplars;
};

struct OtlpSummaryPoint {
  struct Quantile {
    double quantile = 0;
    double value = 0;
  };
  uint64_t start_time = 0, time = 0;
  uint64_t count = 0;
  double sum = 0;
  uint32_t flags = 0;
  std::vector<Quantile> quantiles;
  std::vector<AttributeView> attributes;
};

// Each replaces what `point` held; its vectors keep their capacity.
void read_point(std::string_view message, OtlpNumberPoint& point);
void read_point(std::string_view message, OtlpHistogramPoint& point);
void read_point(std::string_view message, OtlpExponentialPoint& point);
void read_point(std::string_view message, OtlpSummaryPoint& point);

// OTLP's bucket i of scale s covers (b^i, b^(i+1)] with b = 2^(2^-s); a native histogram's bucket j of schema
// s covers (b^(j-1), b^j]. Refuses scales below -4 and counts that do not add up to Histogram::kBucketsMax
// buckets.
Result<Histogram> native_histogram_of(const OtlpExponentialPoint& point);

// Explicit bounds as a native histogram with custom bounds. Refuses bounds that do not ascend or are not
// finite. The counts match the bounds, or both are empty.
Result<Histogram> custom_bounds_histogram_of(const OtlpHistogramPoint& point);

}  // namespace obelisk
