#include "wire/prometheus_metric_message.h"

#include "wire/protobuf.h"
#include "wire/protobuf_time.h"

namespace obelisk::prometheus_metric_message {

using protobuf::Reader;

namespace {

Part read_bucket(std::string_view message) {
  Part part;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::varint_field(1):
        if (part.value == 0)
          part.value = static_cast<double>(reader.get_uint64());
        else
          reader.skip();
        break;
      case protobuf::fixed64_field(2):
        part.bound = reader.get_double();
        break;
      case protobuf::length_field(3):
        part.exemplar = protobuf::string_of(reader);
        part.has_exemplar = true;
        break;
      case protobuf::fixed64_field(4):
        if (double count = reader.get_double(); count > 0) part.value = count;
        break;
      default:
        reader.skip();
    }
  }
  return part;
}

Part read_quantile(std::string_view message) {
  Part part;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::fixed64_field(1):
        part.bound = reader.get_double();
        break;
      case protobuf::fixed64_field(2):
        part.value = reader.get_double();
        break;
      default:
        reader.skip();
    }
  }
  return part;
}

}  // namespace

void read_simple(std::string_view message, MetricValue& out) {
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::fixed64_field(1):
        out.value = reader.get_double();
        break;
      case protobuf::length_field(2):
        out.exemplar = protobuf::string_of(reader);
        out.has_exemplar = true;
        break;
      case protobuf::length_field(3):
        out.created = protobuf::timestamp_of(protobuf::string_of(reader));
        break;
      default:
        reader.skip();
    }
  }
}

void read_summary(std::string_view message, MetricValue& out) {
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::varint_field(1):
        out.count = static_cast<double>(reader.get_uint64());
        break;
      case protobuf::fixed64_field(2):
        out.sum = reader.get_double();
        break;
      case protobuf::length_field(3):
        out.parts.push_back(read_quantile(protobuf::string_of(reader)));
        break;
      case protobuf::length_field(4):
        out.created = protobuf::timestamp_of(protobuf::string_of(reader));
        break;
      default:
        reader.skip();
    }
  }
}

void read_histogram(std::string_view message, MetricValue& out) {
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::varint_field(1):
        out.count = static_cast<double>(reader.get_uint64());
        break;
      case protobuf::fixed64_field(2):
        out.sum = reader.get_double();
        break;
      case protobuf::length_field(3):
        out.parts.push_back(read_bucket(protobuf::string_of(reader)));
        break;
      case protobuf::fixed64_field(4):
        out.count_float = reader.get_double();
        break;
      case protobuf::varint_field(5):
        out.native.schema = reader.get_sint32();
        break;
      case protobuf::fixed64_field(6):
        out.native.zero_threshold = reader.get_double();
        break;
      case protobuf::varint_field(7):
        out.native.zero_count = static_cast<double>(reader.get_uint64());
        break;
      case protobuf::fixed64_field(8):
        out.zero_count_float = reader.get_double();
        break;
      case protobuf::length_field(9):
        out.negative.add_span(protobuf::string_of(reader));
        break;
      case protobuf::varint_field(10):
        out.negative.add_delta(reader.get_sint64());
        break;
      case protobuf::length_field(10):
        out.negative.add_deltas(reader.get_packed_sint64());
        break;
      case protobuf::fixed64_field(11):
        out.negative.add_count(reader.get_double());
        break;
      case protobuf::length_field(11):
        out.negative.add_counts(reader.get_packed_double());
        break;
      case protobuf::length_field(12):
        out.positive.add_span(protobuf::string_of(reader));
        break;
      case protobuf::varint_field(13):
        out.positive.add_delta(reader.get_sint64());
        break;
      case protobuf::length_field(13):
        out.positive.add_deltas(reader.get_packed_sint64());
        break;
      case protobuf::fixed64_field(14):
        out.positive.add_count(reader.get_double());
        break;
      case protobuf::length_field(14):
        out.positive.add_counts(reader.get_packed_double());
        break;
      case protobuf::length_field(15):
        out.created = protobuf::timestamp_of(protobuf::string_of(reader));
        break;
      case protobuf::length_field(16):
        out.native_exemplars.push_back(protobuf::string_of(reader));
        break;
      default:
        reader.skip();
    }
  }
  // A float histogram says so by its float counts.
  bool floats = out.count_float > 0 || out.zero_count_float > 0;
  out.kind = floats ? HistogramCounts::floats : HistogramCounts::integers;
  if (floats) {
    out.count = out.count_float;
    out.native.zero_count = out.zero_count_float;
  }
}

}  // namespace obelisk::prometheus_metric_message
