#include <fmt/format.h>

#include <limits>

#include "wire/loki_label_text.h"
#include "wire/loki_push.h"
#include "wire/loki_streams.h"
#include "wire/protobuf.h"

namespace obelisk {
namespace {

using protobuf::Reader;

constexpr int64_t kSecondsMax = std::numeric_limits<int64_t>::max() / kNanosPerSecond - 1;

struct NameAndValue {
  std::string_view name, value;
};

NameAndValue read_pair(std::string_view message) {
  NameAndValue pair;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::length_field(1):
        pair.name = protobuf::string_of(reader);
        break;
      case protobuf::length_field(2):
        pair.value = protobuf::string_of(reader);
        break;
      default:
        reader.skip();
    }
  }
  return pair;
}

UnixNanos read_timestamp(std::string_view message) {
  int64_t seconds = 0;
  int32_t nanos = 0;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::varint_field(1):
        seconds = reader.get_int64();
        break;
      case protobuf::varint_field(2):
        nanos = reader.get_int32();
        break;
      default:
        reader.skip();
    }
  }
  if (seconds > kSecondsMax || seconds < -kSecondsMax || nanos < 0 || nanos >= kNanosPerSecond) {
    throw protobuf::Malformed{"a timestamp is out of range"};
  }
  return UnixNanos{seconds * kNanosPerSecond + nanos};
}

void read_entry(std::string_view message, LokiStreamWriter& writer) {
  UnixNanos time;
  std::string_view line;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::length_field(1):
        time = read_timestamp(protobuf::string_of(reader));
        break;
      case protobuf::length_field(2):
        line = protobuf::string_of(reader);
        break;
      default:
        reader.skip();
    }
  }
  writer.add_line(time, line);
  reader = protobuf::reader_of(message);
  while (reader.next()) {
    if (reader.tag_and_type() == protobuf::length_field(3)) {
      NameAndValue pair = read_pair(protobuf::string_of(reader));
      if (!pair.name.empty()) writer.add_metadata(pair.name, pair.value);
    } else {
      reader.skip();
    }
  }
  writer.end_line();
}

void read_stream(std::string_view message, LokiStreamWriter& writer) {
  std::string_view labels;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    if (reader.tag_and_type() == protobuf::length_field(1)) {
      labels = protobuf::string_of(reader);
    } else {
      reader.skip();
    }
  }
  writer.labels().clear();
  Result<void> parsed = parse_loki_label_text(labels, writer.arena(), writer.labels());
  if (!parsed.ok()) throw protobuf::Malformed{parsed.error().to_string()};
  writer.begin_stream();
  reader = protobuf::reader_of(message);
  while (reader.next()) {
    if (reader.tag_and_type() != protobuf::length_field(2)) {
      reader.skip();
    } else if (writer.stream_is_rejected()) {
      reader.skip();
      writer.count_rejected();
    } else {
      read_entry(protobuf::string_of(reader), writer);
    }
  }
}

}  // namespace

Result<DecodedLokiPush> decode_loki_push_protobuf(std::shared_ptr<const std::string> body,
                                                  const LogMapping& mapping) {
  protobuf::Place place;
  DecodedLokiPush result;
  LokiStreamWriter writer(body, mapping);
  OBELISK_CHECK_OK(protobuf::decode_guarded("Loki push", *body, place, [&] {
    Reader reader = protobuf::reader_of(*body);
    while (reader.next()) {
      if (reader.tag_and_type() == protobuf::length_field(1)) {
        std::string_view stream = protobuf::string_of(reader);
        place.enter(stream);
        read_stream(stream, writer);
      } else {
        reader.skip();
      }
    }
    result = writer.finish();
  }));
  return result;
}

}  // namespace obelisk
