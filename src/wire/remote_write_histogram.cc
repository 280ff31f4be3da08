#include "wire/remote_write_histogram.h"

#include "wire/native_histogram_parts.h"
#include "wire/protobuf.h"

namespace obelisk {
namespace {

using protobuf::Reader;

void add_bound(std::vector<double>& bounds, double bound) {
  if (bounds.size() > Histogram::kBucketsMax)
    throw protobuf::Malformed{"a native histogram has too many custom bounds"};
  bounds.push_back(bound);
}

}  // namespace

Result<RemoteWriteHistogram> read_remote_write_histogram(std::string_view message) {
  RemoteWriteHistogram result;
  Histogram histogram;
  NativeBucketParts positive, negative;
  HistogramCounts kind = HistogramCounts::floats;
  int64_t hint = 0;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::varint_field(1):
        histogram.count = static_cast<double>(reader.get_uint64());
        kind = HistogramCounts::integers;
        break;
      case protobuf::fixed64_field(2):
        histogram.count = reader.get_double();
        kind = HistogramCounts::floats;
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
        negative.add_span(protobuf::string_of(reader));
        break;
      case protobuf::varint_field(9):
        negative.add_delta(reader.get_sint64());
        break;
      case protobuf::length_field(9):
        negative.add_deltas(reader.get_packed_sint64());
        break;
      case protobuf::fixed64_field(10):
        negative.add_count(reader.get_double());
        break;
      case protobuf::length_field(10):
        negative.add_counts(reader.get_packed_double());
        break;
      case protobuf::length_field(11):
        positive.add_span(protobuf::string_of(reader));
        break;
      case protobuf::varint_field(12):
        positive.add_delta(reader.get_sint64());
        break;
      case protobuf::length_field(12):
        positive.add_deltas(reader.get_packed_sint64());
        break;
      case protobuf::fixed64_field(13):
        positive.add_count(reader.get_double());
        break;
      case protobuf::length_field(13):
        positive.add_counts(reader.get_packed_double());
        break;
      case protobuf::varint_field(14):
        hint = reader.get_enum();
        break;
      case protobuf::varint_field(15):
        result.timestamp_ms = reader.get_int64();
        break;
      case protobuf::fixed64_field(16):
        add_bound(histogram.custom_bounds, reader.get_double());
        break;
      case protobuf::length_field(16): {
        auto packed = reader.get_packed_double();
        for (auto it = packed.begin(); it != packed.end(); ++it) add_bound(histogram.custom_bounds, *it);
        break;
      }
      case protobuf::varint_field(17):
        result.start_timestamp_ms = reader.get_int64();
        break;
      default:
        reader.skip();
    }
  }
  if (hint >= 0 && hint <= 3) histogram.reset_hint = static_cast<CounterResetHint>(hint);
  OBELISK_TRY(result.histogram, assemble_native_histogram(std::move(histogram), kind, positive, negative));
  return result;
}

}  // namespace obelisk
