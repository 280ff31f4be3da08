#include "wire/remote_write.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/text.h"
#include "wire/protobuf.h"
#include "wire/remote_write_rows.h"

namespace obelisk {
namespace {

using protobuf::Reader;

LabelRef read_label(std::string_view message) {
  LabelRef label;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::length_field(1):
        label.name = protobuf::string_of(reader);
        break;
      case protobuf::length_field(2):
        label.value = protobuf::string_of(reader);
        break;
      default:
        reader.skip();
    }
  }
  return label;
}

bool is_ascii(const char* at, const char* end) {
  uint64_t high = 0;
  for (; end - at >= 8; at += 8) {
    uint64_t word;
    std::memcpy(&word, at, sizeof(word));
    high |= word;
  }
  for (; at != end; ++at) high |= static_cast<unsigned char>(*at);
  return (high & 0x8080808080808080) == 0;
}

// The label fields at the start of a TimeSeries as nearly every sender writes them: all together, sorted,
// none empty, the metric's name among them, all in ASCII with lengths of one byte. Then their bytes are the
// canonical encoding that model/labels.h hashes. Gives where they end, or null for what the general way must
// look at.
const char* read_plain_labels(std::string_view series, std::vector<LabelRef>& labels) {
  const char* at = series.data();
  const char* const end = at + series.size();
  bool has_name = false;
  labels.clear();
  while (end - at > 2 && *at == 0x0a) {
    size_t length = static_cast<unsigned char>(at[1]);
    const char* label_end = at + 2 + length;
    if (length < 6 || length > 127 || label_end > end || at[2] != 0x0a) return nullptr;
    size_t name_length = static_cast<unsigned char>(at[3]);
    if (name_length == 0 || name_length + 5 > length) return nullptr;
    const char* value = at + 4 + name_length;
    size_t value_length = static_cast<unsigned char>(value[1]);
    if (value[0] != 0x12 || value_length != length - name_length - 4) return nullptr;
    LabelRef label{{at + 4, name_length}, {value + 2, value_length}};
    if (!labels.empty() && !(labels.back().name < label.name)) return nullptr;
    has_name |= label.name == kMetricNameLabel;
    labels.push_back(label);
    at = label_end;
  }
  bool more_labels_later = at != end && *at == 0x0a;
  return has_name && !more_labels_later && is_ascii(series.data(), at) ? at : nullptr;
}

class RemoteWriteDecoder {
 public:
  RemoteWriteDecoder(const std::shared_ptr<const std::string>& body, UnixNanos now) : rows_(body, now) {}

  void read_request(std::string_view body, protobuf::Place& place) {
    bool known = false;
    bool second_version = false;
    Reader reader = protobuf::reader_of(body);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1): {
          std::string_view series = protobuf::string_of(reader);
          place.enter(series);
          read_series(series);
          known = true;
          break;
        }
        case protobuf::length_field(3):
          read_metadata(protobuf::string_of(reader));
          known = true;
          break;
        case protobuf::length_field(4):
        case protobuf::length_field(5):
          second_version = true;
          reader.skip();
          break;
        default:
          reader.skip();
      }
      place.enter(body);
    }
    if (second_version && !known)
      throw protobuf::Malformed{"it is a request of remote write 2.0, and its content type says 1.0"};
  }

  DecodedRemoteWrite finish() { return rows_.finish(); }

 private:
  void read_series(std::string_view message) {
    if (const char* rest = read_plain_labels(message, labels_)) {
      std::string_view encoded(message.data(), static_cast<size_t>(rest - message.data()));
      rows_.begin_series(labels_, hash_encoded_labels(encoded));
      message.remove_prefix(encoded.size());
    } else if (!read_labels(message)) {
      return;
    }
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1):
          // A label after the samples: all were looked at by read_labels, else there is none.
          reader.skip();
          break;
        case protobuf::length_field(2):
          read_sample(protobuf::string_of(reader));
          break;
        case protobuf::length_field(3):
          read_exemplar(protobuf::string_of(reader));
          break;
        case protobuf::length_field(4):
          rows_.histogram(protobuf::string_of(reader));
          break;
        default:
          reader.skip();
      }
    }
  }

  // Labels in any form; false when the series was rejected.
  bool read_labels(std::string_view message) {
    labels_.clear();
    size_t values = 0;
    bool valid = true;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      if (reader.tag_and_type() == protobuf::length_field(1)) {
        const LabelRef& label = labels_.emplace_back(read_label(protobuf::string_of(reader)));
        valid = valid && is_valid_utf8(label.name) && is_valid_utf8(label.value);
      } else {
        ++values;
        reader.skip();
      }
    }
    std::string problem = valid ? RemoteWriteRows::check_labels(labels_) : "a label is not valid UTF-8";
    if (!problem.empty()) {
      rows_.reject(std::move(problem), values);
      return false;
    }
    rows_.begin_series(labels_);
    return true;
  }

  void read_sample(std::string_view message) {
    double value = 0;
    int64_t millis = 0;
    // As nearly every sender writes it: value, then time.
    if (message.size() >= 11 && message[0] == 0x09 && message[9] == 0x10) {
      std::memcpy(&value, message.data() + 1, sizeof(value));
      if constexpr (std::endian::native != std::endian::little) {
        uint64_t bits = __builtin_bswap64(std::bit_cast<uint64_t>(value));
        value = std::bit_cast<double>(bits);
      }
      const char* at = message.data() + 10;
      const char* end = message.data() + message.size();
      millis = static_cast<int64_t>(protozero::decode_varint(&at, end));
      if (at == end) return rows_.sample(value, millis);
      value = 0;
      millis = 0;
    }
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::fixed64_field(1):
          value = reader.get_double();
          break;
        case protobuf::varint_field(2):
          millis = reader.get_int64();
          break;
        default:
          reader.skip();
      }
    }
    rows_.sample(value, millis);
  }

  void read_exemplar(std::string_view message) {
    std::vector<LabelRef>& labels = exemplar_labels_;
    labels.clear();
    double value = 0;
    int64_t millis = 0;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1):
          labels.push_back(read_label(protobuf::string_of(reader)));
          break;
        case protobuf::fixed64_field(2):
          value = reader.get_double();
          break;
        case protobuf::varint_field(3):
          millis = reader.get_int64();
          break;
        default:
          reader.skip();
      }
    }
    rows_.exemplar(labels, value, millis);
  }

  void read_metadata(std::string_view message) {
    int32_t type = 0;
    std::string_view family, help, unit;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::varint_field(1):
          type = reader.get_enum();
          break;
        case protobuf::length_field(2):
          family = protobuf::string_of(reader);
          break;
        case protobuf::length_field(4):
          help = protobuf::string_of(reader);
          break;
        case protobuf::length_field(5):
          unit = protobuf::string_of(reader);
          break;
        default:
          reader.skip();
      }
    }
    rows_.metadata(family, remote_write_metric_type(type), help, unit);
  }

  RemoteWriteRows rows_;
  std::vector<LabelRef> labels_, exemplar_labels_;
};

}  // namespace

Result<DecodedRemoteWrite> decode_remote_write(std::shared_ptr<const std::string> body, UnixNanos now) {
  protobuf::Place place;
  DecodedRemoteWrite result;
  RemoteWriteDecoder decoder(body, now);
  OBELISK_CHECK_OK(protobuf::decode_guarded("remote write", *body, place, [&] {
    decoder.read_request(*body, place);
    result = decoder.finish();
  }));
  return result;
}

}  // namespace obelisk
