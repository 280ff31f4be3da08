#include <fmt/format.h>
#include <simdjson.h>

#include "base/text.h"
#include "wire/loki_label_text.h"
#include "wire/loki_push.h"
#include "wire/loki_streams.h"
#include "wire/protobuf.h"

namespace obelisk {
namespace {

namespace dom = simdjson::dom;
using protobuf::Malformed;

// Walks the parsed document. Texts are copied into the batch's arena: the document, several times as large as
// the lines, is not kept.
class JsonPushDecoder {
 public:
  explicit JsonPushDecoder(const LogMapping& mapping) : writer_(nullptr, mapping) {}

  // Throws Malformed.
  void read(dom::element root) {
    dom::object object;
    if (root.get(object) != simdjson::SUCCESS) throw Malformed{"expected an object"};
    dom::element streams;
    if (object["streams"].get(streams) != simdjson::SUCCESS) return;  // nothing to store
    for (dom::element stream : array_of(streams, "\"streams\"")) {
      read_stream(object_of(stream, "a stream"));
      ++stream_index_;
    }
  }

  DecodedLokiPush finish() { return writer_.finish(); }

  // "streams[2] entry 17": where the decoder is.
  std::string path() const { return fmt::format("streams[{}] entry {}", stream_index_, entry_index_); }

 private:
  static dom::array array_of(dom::element element, const char* what) {
    dom::array array;
    if (element.get(array) != simdjson::SUCCESS) throw Malformed{fmt::format("{} must be an array", what)};
    return array;
  }

  static dom::object object_of(dom::element element, const char* what) {
    dom::object object;
    if (element.get(object) != simdjson::SUCCESS) throw Malformed{fmt::format("{} must be an object", what)};
    return object;
  }

  static std::string_view text_of(dom::element element, const char* what) {
    std::string_view text;
    if (element.get(text) != simdjson::SUCCESS) throw Malformed{fmt::format("{} must be a string", what)};
    return text;
  }

  static dom::element field_of(dom::object object, const char* name) {
    dom::element found;
    if (object[name].get(found) != simdjson::SUCCESS) throw Malformed{fmt::format("\"{}\" is missing", name)};
    return found;
  }

  std::string_view keep(std::string_view text) { return writer_.arena().copy(text); }

  void read_stream(dom::object stream) {
    writer_.labels().clear();
    entry_index_ = 0;
    dom::element labels;
    if (stream["stream"].get(labels) != simdjson::SUCCESS) return read_old_stream(stream);
    // The labels' texts are copied once more when the group begins; until then the document holds them.
    for (dom::key_value_pair label : object_of(labels, "\"stream\"")) {
      writer_.labels().push_back({label.key, text_of(label.value, "a label value")});
    }
    writer_.begin_stream();
    dom::element values;
    if (stream["values"].get(values) != simdjson::SUCCESS) return;
    for (dom::element entry : array_of(values, "\"values\"")) {
      read_entry(array_of(entry, "an entry"));
      ++entry_index_;
    }
  }

  void read_entry(dom::array entry) {
    if (writer_.stream_is_rejected()) return writer_.count_rejected();
    size_t index = 0;
    UnixNanos time;
    for (dom::element value : entry) {
      switch (index++) {
        case 0:
          time = time_of(value);
          break;
        case 1:
          writer_.add_line(time, keep(text_of(value, "the line")));
          break;
        case 2:
          read_metadata(object_of(value, "structured metadata"));
          break;
        default:
          throw Malformed{"an entry has more than a timestamp, a line and metadata"};
      }
    }
    if (index < 2) throw Malformed{"an entry needs a timestamp and a line"};
    writer_.end_line();
  }

  static UnixNanos time_of(dom::element value) {
    std::string_view text = text_of(value, "the timestamp (nanoseconds since the epoch)");
    std::optional<int64_t> nanos = parse_int64(text);
    if (!nanos) throw Malformed{fmt::format("\"{}\" is no timestamp in nanoseconds", text.substr(0, 64))};
    return UnixNanos{*nanos};
  }

  void read_metadata(dom::object pairs) {
    for (dom::key_value_pair pair : pairs) {
      std::string_view text = text_of(pair.value, "a value of structured metadata");
      if (!pair.key.empty()) writer_.add_metadata(pair.key, keep(text));
    }
  }

  // {"labels":"{...}","entries":[{"ts":"2026-01-02T15:04:05Z","line":"..."}]}
  void read_old_stream(dom::object stream) {
    std::string_view labels = text_of(field_of(stream, "labels"), "\"labels\"");
    Result<void> parsed = parse_loki_label_text(labels, writer_.arena(), writer_.labels());
    if (!parsed.ok()) throw Malformed{parsed.error().to_string()};
    writer_.begin_stream();
    for (dom::element entry : array_of(field_of(stream, "entries"), "\"entries\"")) {
      read_old_entry(object_of(entry, "an entry"));
      ++entry_index_;
    }
  }

  void read_old_entry(dom::object entry) {
    if (writer_.stream_is_rejected()) return writer_.count_rejected();
    std::string_view time = text_of(field_of(entry, "ts"), "\"ts\"");
    std::optional<int64_t> nanos = parse_rfc3339(time);
    if (!nanos) throw Malformed{fmt::format("\"{}\" is no RFC 3339 time", time.substr(0, 64))};
    writer_.add_line(UnixNanos{*nanos}, keep(text_of(field_of(entry, "line"), "\"line\"")));
    writer_.end_line();
  }

  LokiStreamWriter writer_;
  size_t stream_index_ = 0;
  size_t entry_index_ = 0;
};

}  // namespace

Result<DecodedLokiPush> decode_loki_push_json(std::string_view body, const LogMapping& mapping) {
  dom::parser parser;
  dom::element root;
  if (simdjson::error_code code = parser.parse(body.data(), body.size()).get(root);
      code != simdjson::SUCCESS) {
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("Loki push: {}", simdjson::error_message(code)));
  }
  JsonPushDecoder decoder(mapping);
  try {
    decoder.read(root);
    return decoder.finish();
  } catch (const Malformed& problem) {
    return make_error(problem.code, fmt::format("Loki push: {}: {}", decoder.path(), problem.reason));
  }
}

}  // namespace obelisk
