#include <fmt/format.h>

#include "wire/loki_label_text.h"
#include "wire/loki_push.h"
#include "wire/loki_streams.h"
#include "wire/protobuf.h"
#include "wire/protobuf_map.h"
#include "wire/protobuf_time.h"

namespace obelisk {
namespace {

using protobuf::Reader;

// Walks the messages once. What repeats inside one is collected first, since of labels, time and line the
// last one counts; the vectors serve all messages.
class PushReader {
 public:
  explicit PushReader(LokiStreamWriter& writer) : writer_(writer) {}

  void read_stream(std::string_view message) {
    std::string_view labels;
    entries_.clear();
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1):
          labels = protobuf::string_of(reader);
          break;
        case protobuf::length_field(2):
          entries_.push_back(protobuf::string_of(reader));
          break;
        default:
          reader.skip();
      }
    }
    writer_.labels().clear();
    Result<void> parsed = parse_loki_label_text(labels, writer_.arena(), writer_.labels());
    if (!parsed.ok()) throw protobuf::Malformed{parsed.error().to_string()};
    writer_.begin_stream();
    for (std::string_view entry : entries_) {
      if (writer_.stream_is_rejected()) {
        writer_.count_rejected();
      } else {
        read_entry(entry);
      }
    }
  }

 private:
  void read_entry(std::string_view message) {
    UnixNanos time;
    std::string_view line;
    metadata_.clear();
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1):
          time = protobuf::timestamp_of(protobuf::string_of(reader));
          break;
        case protobuf::length_field(2):
          line = protobuf::string_of(reader);
          break;
        case protobuf::length_field(3):
          metadata_.push_back(protobuf::string_of(reader));
          break;
        default:
          reader.skip();
      }
    }
    writer_.add_line(time, line);
    for (std::string_view message_of_pair : metadata_) {
      protobuf::TextPair pair = protobuf::text_pair_of(message_of_pair);
      if (!pair.name.empty()) writer_.add_metadata(pair.name, pair.value);
    }
    writer_.end_line();
  }

  LokiStreamWriter& writer_;
  std::vector<std::string_view> entries_;   // of the stream
  std::vector<std::string_view> metadata_;  // of the entry
};

}  // namespace

Result<DecodedLokiPush> decode_loki_push_protobuf(std::string_view body, std::shared_ptr<const void> owner,
                                                  const LogMapping& mapping) {
  protobuf::Place place;
  DecodedLokiPush result;
  LokiStreamWriter writer(std::move(owner), mapping);
  PushReader streams(writer);
  OBELISK_CHECK_OK(protobuf::decode_guarded("Loki push", body, place, [&] {
    Reader reader = protobuf::reader_of(body);
    while (reader.next()) {
      if (reader.tag_and_type() == protobuf::length_field(1)) {
        std::string_view stream = protobuf::string_of(reader);
        place.enter(stream);
        streams.read_stream(stream);
      } else {
        reader.skip();
      }
    }
    result = writer.finish();
  }));
  return result;
}

}  // namespace obelisk
