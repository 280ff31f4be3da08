#include "wire/otlp_points.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "wire/native_buckets.h"
#include "wire/otlp_envelope.h"

namespace obelisk {
namespace {

using protobuf::Reader;

// What Prometheus takes for the zero bucket's half width when the sender names none.
constexpr double kDefaultZeroThreshold = 1e-128;
constexpr int32_t kSchemaMax = 8;
constexpr int32_t kSchemaMin = -4;

void add_attribute(std::vector<AttributeView>& attributes, Reader& reader) {
  if (attributes.size() >= kOtlpAttributesMax) {
    throw protobuf::Malformed{fmt::format("a data point has more than {} attributes", kOtlpAttributesMax)};
  }
  attributes.push_back(decode_attribute(protobuf::string_of(reader)));
}

void add_exemplar(std::vector<OtlpExemplar>& exemplars, std::string_view message) {
  OtlpExemplar& exemplar = exemplars.emplace_back();
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::fixed64_field(2):
        exemplar.time = reader.get_fixed64();
        break;
      case protobuf::fixed64_field(3):
        exemplar.value = reader.get_double();
        break;
      case protobuf::length_field(4):
        exemplar.span_id = protobuf::string_of(reader);
        break;
      case protobuf::length_field(5):
        exemplar.trace_id = protobuf::string_of(reader);
        break;
      case protobuf::fixed64_field(6):
        exemplar.value = static_cast<double>(reader.get_sfixed64());
        break;
      case protobuf::length_field(7):
        add_attribute(exemplar.attributes, reader);
        break;
      default:
        reader.skip();
    }
  }
}

template <typename Value, typename Packed>
void append_packed(std::vector<Value>& values, const Packed& packed) {
  for (auto it = packed.begin(); it != packed.end(); ++it) values.push_back(*it);
}

void read_buckets(std::string_view message, OtlpBuckets& buckets) {
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::varint_field(1):
        buckets.offset = reader.get_sint32();
        break;
      case protobuf::varint_field(2):
        buckets.counts.push_back(reader.get_uint64());
        break;
      case protobuf::length_field(2):
        append_packed(buckets.counts, reader.get_packed_uint64());
        break;
      default:
        reader.skip();
    }
  }
}

bool convert_buckets(const OtlpBuckets& buckets, int32_t reduction, std::vector<BucketSpan>& spans,
                     std::vector<double>& counts) {
  NativeBucketAppender appender(spans, counts);
  for (size_t i = 0; i < buckets.counts.size(); ++i) {
    if (buckets.counts[i] == 0) continue;
    int64_t index = ((static_cast<int64_t>(buckets.offset) + static_cast<int64_t>(i)) >> reduction) + 1;
    if (index > INT32_MAX || index < INT32_MIN || counts.size() > Histogram::kBucketsMax) return false;
    appender.add(index, static_cast<double>(buckets.counts[i]));
  }
  return true;
}

}  // namespace

void read_point(std::string_view message, OtlpNumberPoint& point) {
  point.start_time = point.time = 0;
  point.value.reset();
  point.flags = 0;
  point.attributes.clear();
  point.exemplars.clear();
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::fixed64_field(2):
        point.start_time = reader.get_fixed64();
        break;
      case protobuf::fixed64_field(3):
        point.time = reader.get_fixed64();
        break;
      case protobuf::fixed64_field(4):
        point.value = reader.get_double();
        break;
      case protobuf::length_field(5):
        add_exemplar(point.exemplars, protobuf::string_of(reader));
        break;
      case protobuf::fixed64_field(6):
        point.value = static_cast<double>(reader.get_sfixed64());
        break;
      case protobuf::length_field(7):
        add_attribute(point.attributes, reader);
        break;
      case protobuf::varint_field(8):
        point.flags = reader.get_uint32();
        break;
      default:
        reader.skip();
    }
  }
}

void read_point(std::string_view message, OtlpHistogramPoint& point) {
  point.start_time = point.time = point.count = 0;
  point.sum.reset();
  point.flags = 0;
  point.bucket_counts.clear();
  point.bounds.clear();
  point.attributes.clear();
  point.exemplars.clear();
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::fixed64_field(2):
        point.start_time = reader.get_fixed64();
        break;
      case protobuf::fixed64_field(3):
        point.time = reader.get_fixed64();
        break;
      case protobuf::fixed64_field(4):
        point.count = reader.get_fixed64();
        break;
      case protobuf::fixed64_field(5):
        point.sum = reader.get_double();
        break;
      case protobuf::fixed64_field(6):
        point.bucket_counts.push_back(reader.get_fixed64());
        break;
      case protobuf::length_field(6):
        append_packed(point.bucket_counts, reader.get_packed_fixed64());
        break;
      case protobuf::fixed64_field(7):
        point.bounds.push_back(reader.get_double());
        break;
      case protobuf::length_field(7):
        append_packed(point.bounds, reader.get_packed_double());
        break;
      case protobuf::length_field(8):
        add_exemplar(point.exemplars, protobuf::string_of(reader));
        break;
      case protobuf::length_field(9):
        add_attribute(point.attributes, reader);
        break;
      case protobuf::varint_field(10):
        point.flags = reader.get_uint32();
        break;
      default:
        reader.skip();
    }
  }
}

void read_point(std::string_view message, OtlpExponentialPoint& point) {
  point = OtlpExponentialPoint{};
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::length_field(1):
        add_attribute(point.attributes, reader);
        break;
      case protobuf::fixed64_field(2):
        point.start_time = reader.get_fixed64();
        break;
      case protobuf::fixed64_field(3):
        point.time = reader.get_fixed64();
        break;
      case protobuf::fixed64_field(4):
        point.count = reader.get_fixed64();
        break;
      case protobuf::fixed64_field(5):
        point.sum = reader.get_double();
        break;
      case protobuf::varint_field(6):
        point.scale = reader.get_sint32();
        break;
      case protobuf::fixed64_field(7):
        point.zero_count = reader.get_fixed64();
        break;
      case protobuf::length_field(8):
        read_buckets(protobuf::string_of(reader), point.positive);
        break;
      case protobuf::length_field(9):
        read_buckets(protobuf::string_of(reader), point.negative);
        break;
      case protobuf::varint_field(10):
        point.flags = reader.get_uint32();
        break;
      case protobuf::length_field(11):
        add_exemplar(point.exemplars, protobuf::string_of(reader));
        break;
      case protobuf::fixed64_field(14):
        point.zero_threshold = reader.get_double();
        break;
      default:
        reader.skip();
    }
  }
}

void read_point(std::string_view message, OtlpSummaryPoint& point) {
  point = OtlpSummaryPoint{};
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::fixed64_field(2):
        point.start_time = reader.get_fixed64();
        break;
      case protobuf::fixed64_field(3):
        point.time = reader.get_fixed64();
        break;
      case protobuf::fixed64_field(4):
        point.count = reader.get_fixed64();
        break;
      case protobuf::fixed64_field(5):
        point.sum = reader.get_double();
        break;
      case protobuf::length_field(6): {
        OtlpSummaryPoint::Quantile quantile;
        Reader inner = reader.get_message();
        while (inner.next()) {
          switch (inner.tag_and_type()) {
            case protobuf::fixed64_field(1):
              quantile.quantile = inner.get_double();
              break;
            case protobuf::fixed64_field(2):
              quantile.value = inner.get_double();
              break;
            default:
              inner.skip();
          }
        }
        point.quantiles.push_back(quantile);
        break;
      }
      case protobuf::length_field(7):
        add_attribute(point.attributes, reader);
        break;
      case protobuf::varint_field(8):
        point.flags = reader.get_uint32();
        break;
      default:
        reader.skip();
    }
  }
}

Result<Histogram> native_histogram_of(const OtlpExponentialPoint& point) {
  if (point.scale < kSchemaMin) {
    return make_error(
        ErrorCode::unsupported,
        fmt::format("an exponential histogram has scale {}; the lowest is {}", point.scale, kSchemaMin));
  }
  Histogram histogram;
  histogram.schema = std::min(point.scale, kSchemaMax);
  // Beyond 31 all indices of one sign are one bucket; shifting further would be undefined.
  int32_t reduction = std::min(point.scale - histogram.schema, 62);
  histogram.zero_threshold = point.zero_threshold > 0 ? point.zero_threshold : kDefaultZeroThreshold;
  histogram.zero_count = static_cast<double>(point.zero_count);
  histogram.count = static_cast<double>(point.count);
  histogram.sum = point.sum.value_or(0);
  if (!convert_buckets(point.positive, reduction, histogram.positive_spans, histogram.positive_counts) ||
      !convert_buckets(point.negative, reduction, histogram.negative_spans, histogram.negative_counts) ||
      histogram.positive_counts.size() + histogram.negative_counts.size() > Histogram::kBucketsMax) {
    return make_error(ErrorCode::too_large, fmt::format("an exponential histogram has more than {} buckets",
                                                        Histogram::kBucketsMax));
  }
  return histogram;
}

Result<Histogram> custom_bounds_histogram_of(const OtlpHistogramPoint& point) {
  auto refuse = [](std::string why) {
    return make_error(ErrorCode::invalid_argument, "a histogram's " + std::move(why));
  };
  for (size_t i = 0; i < point.bounds.size(); ++i) {
    if (!std::isfinite(point.bounds[i])) return refuse("bounds are not all finite");
    if (i > 0 && point.bounds[i] <= point.bounds[i - 1]) return refuse("bounds are not in ascending order");
  }
  if (point.bucket_counts.size() > Histogram::kBucketsMax)
    return make_error(ErrorCode::too_large,
                      fmt::format("a histogram has more than {} buckets", Histogram::kBucketsMax));
  Histogram histogram;
  histogram.schema = Histogram::kCustomBoundsSchema;
  histogram.custom_bounds = point.bounds;
  histogram.count = static_cast<double>(point.count);
  histogram.sum = point.sum.value_or(0);
  NativeBucketAppender appender(histogram.positive_spans, histogram.positive_counts);
  for (size_t i = 0; i < point.bucket_counts.size(); ++i) {
    if (point.bucket_counts[i] > 0)
      appender.add(static_cast<int64_t>(i), static_cast<double>(point.bucket_counts[i]));
  }
  return histogram;
}

}  // namespace obelisk
