#include "wire/native_histogram_parts.h"

#include <fmt/format.h>

#include <cmath>

#include "wire/native_buckets.h"

namespace obelisk {
namespace {

using protobuf::Reader;

// What Prometheus takes: those above kSchemaMax are reduced to it, those below -4, which no client makes, are
// kept.
constexpr int32_t kSchemaIncomingMin = -9;
constexpr int32_t kSchemaMax = 8;
constexpr int32_t kSchemaIncomingMax = 52;

// Integer histograms write each bucket as the difference to the one before.
void make_absolute(NativeBucketParts& buckets) {
  int64_t count = 0;
  for (int64_t delta : buckets.deltas) {
    count = static_cast<int64_t>(static_cast<uint64_t>(count) + static_cast<uint64_t>(delta));
    buckets.counts.push_back(static_cast<double>(count));
  }
}

std::string problem_of(const NativeBucketParts& buckets, bool is_first_absolute) {
  uint64_t total = 0;
  int64_t index = 0;
  for (size_t i = 0; i < buckets.spans.size(); ++i) {
    const BucketSpan& span = buckets.spans[i];
    total += span.length;
    index += static_cast<int64_t>(span.offset) + span.length;
    bool may_be_negative = i == 0 && is_first_absolute;
    if (span.offset < 0 && !may_be_negative) return "a span overlaps the one before it";
    if (index > INT32_MAX) return "a bucket has an index that does not fit 32 bits";
  }
  if (total != buckets.counts.size())
    return fmt::format("{} buckets for spans of {}", buckets.counts.size(), total);
  for (double count : buckets.counts) {
    if (!(count >= 0)) return "a bucket has a count that is no number of at least 0";
  }
  return {};
}

// The index after the last bucket.
int64_t end_index(const std::vector<BucketSpan>& spans) {
  int64_t index = 0;
  for (const BucketSpan& span : spans) index += static_cast<int64_t>(span.offset) + span.length;
  return index;
}

std::string problem_of_custom(const Histogram& histogram, const NativeBucketParts& positive,
                              const NativeBucketParts& negative) {
  if (!negative.spans.empty() || !negative.counts.empty()) return "custom bounds and negative buckets";
  if (histogram.zero_count != 0 || histogram.zero_threshold != 0) return "custom bounds and a zero bucket";
  const std::vector<double>& bounds = histogram.custom_bounds;
  for (size_t i = 0; i < bounds.size(); ++i) {
    if (!std::isfinite(bounds[i])) return "a custom bound is not a finite number";
    if (i > 0 && bounds[i] <= bounds[i - 1]) return "custom bounds are not in ascending order";
  }
  if (end_index(positive.spans) > static_cast<int64_t>(bounds.size()) + 1) {
    return fmt::format("{} custom bounds are too few for its buckets", bounds.size());
  }
  return {};
}

double sum_of(const std::vector<double>& counts) {
  double sum = 0;
  for (double count : counts) sum += count;
  return sum;
}

// Counts up to 2^53 are exact; beyond, sums may differ by rounding.
constexpr double kExactMax = 9007199254740992.0;

std::string problem_of_count(const Histogram& histogram, HistogramCounts kind,
                             const NativeBucketParts& positive, const NativeBucketParts& negative) {
  if (!(histogram.count >= 0) || !(histogram.zero_count >= 0)) return "a count is no number of at least 0";
  if (kind == HistogramCounts::floats || histogram.count > kExactMax) return {};
  double observed = sum_of(positive.counts) + sum_of(negative.counts) + histogram.zero_count;
  bool fits = std::isnan(histogram.sum) ? histogram.count >= observed : histogram.count == observed;
  if (fits) return {};
  return fmt::format("its count is {}, its buckets hold {} observations", histogram.count, observed);
}

}  // namespace

void NativeBucketParts::add_span(std::string_view message) {
  if (spans.size() >= Histogram::kBucketsMax)
    throw protobuf::Malformed{"a native histogram has too many spans"};
  BucketSpan& span = spans.emplace_back();
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::varint_field(1):
        span.offset = reader.get_sint32();
        break;
      case protobuf::varint_field(2):
        span.length = reader.get_uint32();
        break;
      default:
        reader.skip();
    }
  }
}

void NativeBucketParts::add_delta(int64_t delta) {
  if (deltas.size() > Histogram::kBucketsMax)
    throw protobuf::Malformed{"a native histogram has too many buckets"};
  deltas.push_back(delta);
}

void NativeBucketParts::add_count(double count) {
  if (counts.size() > Histogram::kBucketsMax)
    throw protobuf::Malformed{"a native histogram has too many buckets"};
  counts.push_back(count);
}

void NativeBucketParts::clear() {
  spans.clear();
  deltas.clear();
  counts.clear();
}

Result<Histogram> assemble_native_histogram(Histogram histogram, HistogramCounts kind,
                                            NativeBucketParts& positive, NativeBucketParts& negative) {
  auto wrong = [](std::string why) {
    return make_error(ErrorCode::invalid_argument, "native histogram: " + std::move(why));
  };
  make_absolute(positive);
  make_absolute(negative);
  bool custom = histogram.schema == Histogram::kCustomBoundsSchema;
  if (!custom && (histogram.schema < kSchemaIncomingMin || histogram.schema > kSchemaIncomingMax)) {
    return wrong(fmt::format("unknown schema {}", histogram.schema));
  }
  std::string problem = problem_of(positive, !custom);
  if (problem.empty()) problem = problem_of(negative, true);
  if (problem.empty() && custom) problem = problem_of_custom(histogram, positive, negative);
  if (problem.empty()) problem = problem_of_count(histogram, kind, positive, negative);
  if (!problem.empty()) return wrong(std::move(problem));
  if (!custom) histogram.custom_bounds.clear();
  histogram.positive_spans = std::move(positive.spans);
  histogram.positive_counts = std::move(positive.counts);
  histogram.negative_spans = std::move(negative.spans);
  histogram.negative_counts = std::move(negative.counts);
  if (!custom && histogram.schema > kSchemaMax) reduce_resolution(histogram, kSchemaMax);
  return histogram;
}

}  // namespace obelisk
