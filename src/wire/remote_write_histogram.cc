#include "wire/remote_write_histogram.h"

#include <fmt/format.h>

#include "wire/native_buckets.h"
#include "wire/protobuf.h"

namespace obelisk {
namespace {

using protobuf::Reader;

constexpr int32_t kSchemaMin = -4;
constexpr int32_t kSchemaMax = 8;
constexpr int32_t kSchemaIncomingMax = 52;  // reduced to kSchemaMax

struct Buckets {
  std::vector<BucketSpan> spans;
  std::vector<int64_t> deltas;
  std::vector<double> counts;
};

void add_span(std::vector<BucketSpan>& spans, std::string_view message) {
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

template <typename Value, typename Packed>
void append(std::vector<Value>& values, const Packed& packed) {
  for (auto it = packed.begin(); it != packed.end(); ++it) {
    if (values.size() > Histogram::kBucketsMax)
      throw protobuf::Malformed{"a native histogram has too many buckets"};
    values.push_back(*it);
  }
}

// Integer histograms write each bucket as the difference to the one before.
void make_absolute(Buckets& buckets) {
  int64_t count = 0;
  for (int64_t delta : buckets.deltas) {
    count = static_cast<int64_t>(static_cast<uint64_t>(count) + static_cast<uint64_t>(delta));
    buckets.counts.push_back(static_cast<double>(count));
  }
}

std::string problem_of(const Buckets& buckets, bool is_first_absolute) {
  uint64_t total = 0;
  for (size_t i = 0; i < buckets.spans.size(); ++i) {
    total += buckets.spans[i].length;
    bool may_be_negative = i == 0 && is_first_absolute;
    if (buckets.spans[i].offset < 0 && !may_be_negative) return "a span overlaps the one before it";
  }
  if (total != buckets.counts.size())
    return fmt::format("{} buckets for spans of {}", buckets.counts.size(), total);
  for (double count : buckets.counts) {
    if (count < 0) return "a bucket has a negative count";
  }
  return {};
}

}  // namespace

Result<RemoteWriteHistogram> read_remote_write_histogram(std::string_view message) {
  RemoteWriteHistogram result;
  Histogram& histogram = result.histogram;
  Buckets positive, negative;
  int64_t hint = 0;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::varint_field(1):
        histogram.count = static_cast<double>(reader.get_uint64());
        break;
      case protobuf::fixed64_field(2):
        histogram.count = reader.get_double();
        break;
      case protobuf::fixed64_field(3):
        histogram.sum = reader.get_double();
        break;
      case protobuf::varint_field(4):
        histogram.schema = reader.get_sint32();
        break;
      case protobuf::fixed64_field(5):
        histogram.zero_threshold = reader.get_double();
        break;
      case protobuf::varint_field(6):
        histogram.zero_count = static_cast<double>(reader.get_uint64());
        break;
      case protobuf::fixed64_field(7):
        histogram.zero_count = reader.get_double();
        break;
      case protobuf::length_field(8):
        add_span(negative.spans, protobuf::string_of(reader));
        break;
      case protobuf::varint_field(9):
        negative.deltas.push_back(reader.get_sint64());
        break;
      case protobuf::length_field(9):
        append(negative.deltas, reader.get_packed_sint64());
        break;
      case protobuf::fixed64_field(10):
        negative.counts.push_back(reader.get_double());
        break;
      case protobuf::length_field(10):
        append(negative.counts, reader.get_packed_double());
        break;
      case protobuf::length_field(11):
        add_span(positive.spans, protobuf::string_of(reader));
        break;
      case protobuf::varint_field(12):
        positive.deltas.push_back(reader.get_sint64());
        break;
      case protobuf::length_field(12):
        append(positive.deltas, reader.get_packed_sint64());
        break;
      case protobuf::fixed64_field(13):
        positive.counts.push_back(reader.get_double());
        break;
      case protobuf::length_field(13):
        append(positive.counts, reader.get_packed_double());
        break;
      case protobuf::varint_field(14):
        hint = reader.get_enum();
        break;
      case protobuf::varint_field(15):
        result.timestamp_ms = reader.get_int64();
        break;
      case protobuf::fixed64_field(16):
        histogram.custom_bounds.push_back(reader.get_double());
        break;
      case protobuf::length_field(16):
        append(histogram.custom_bounds, reader.get_packed_double());
        break;
      default:
        reader.skip();
    }
  }
  make_absolute(positive);
  make_absolute(negative);
  auto wrong = [](std::string why) {
    return make_error(ErrorCode::invalid_argument, "native histogram: " + std::move(why));
  };
  bool custom = histogram.schema == Histogram::kCustomBoundsSchema;
  if (!custom && (histogram.schema < kSchemaMin || histogram.schema > kSchemaIncomingMax)) {
    return wrong(fmt::format("unknown schema {}", histogram.schema));
  }
  if (std::string problem = problem_of(positive, !custom); !problem.empty()) return wrong(std::move(problem));
  if (std::string problem = problem_of(negative, true); !problem.empty()) return wrong(std::move(problem));
  histogram.positive_spans = std::move(positive.spans);
  histogram.positive_counts = std::move(positive.counts);
  histogram.negative_spans = std::move(negative.spans);
  histogram.negative_counts = std::move(negative.counts);
  if (hint >= 0 && hint <= 3) histogram.reset_hint = static_cast<CounterResetHint>(hint);
  if (!custom && histogram.schema > kSchemaMax) reduce_resolution(histogram, kSchemaMax);
  return result;
}

}  // namespace obelisk
