#include "wire/remote_write.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "wire/protobuf.h"
#include "wire/protobuf_map.h"
#include "wire/remote_write_rows.h"

namespace obelisk {
namespace {

using protobuf::Reader;

LabelRef read_label(std::string_view message) {
  protobuf::TextPair pair = protobuf::text_pair_of(message);
  return {pair.name, pair.value};
}

bool is_ascii(const char* at, const char* end) {
  uint64_t high = 0;
#if defined(__SSE2__)
  __m128i bytes = _mm_setzero_si128();
  for (; end - at >= 16; at += 16)
    bytes = _mm_or_si128(bytes, _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
  if (_mm_movemask_epi8(bytes) != 0) return false;
#endif
  for (; end - at >= 8; at += 8) {
    uint64_t word;
    std::memcpy(&word, at, sizeof(word));
    high |= word;
  }
  for (; at != end; ++at) high |= static_cast<unsigned char>(*at);
  return (high & 0x8080808080808080) == 0;
}

// A label's name with its first eight bytes as a number, which nearly always tells two names apart.
struct PlainName {
  uint64_t begin = 0;  // big-endian, zeros behind a shorter name
  std::string_view text;

  PlainName() = default;
  // Eight bytes must be readable at the name.
  explicit PlainName(std::string_view name) : text(name) {
    std::memcpy(&begin, name.data(), sizeof(begin));
    if constexpr (std::endian::native == std::endian::little) begin = __builtin_bswap64(begin);
    if (name.size() < sizeof(begin)) begin &= ~uint64_t{0} << (8 * (sizeof(begin) - name.size()));
  }
  bool operator<(const PlainName& other) const {
    return begin != other.begin ? begin < other.begin : text < other.text;
  }
  bool operator==(const PlainName& other) const {
    if (begin != other.begin || text.size() != other.text.size()) return false;
    return text.size() <= sizeof(begin) || text == other.text;
  }
};

constexpr size_t kPlainLabelsMax = 64;

// The label fields at the start of a TimeSeries as nearly every sender writes them: all together, sorted,
// none empty, the metric's name among them, all in ASCII with lengths of one byte, and at least eight bytes
// behind them. Then their bytes are the canonical encoding that model/labels.h hashes.
class PlainLabels {
 public:
  // Gives where they end, or null for what the general way must look at. `labels` has room for
  // kPlainLabelsMax. Names that the series before had in the same place are the very same texts.
  const char* read(std::string_view series, LabelRef* labels, size_t& count);

 private:
  // Of the series read last: its names, of which so many are known to be sorted, and whether the metric's is
  // among them.
  PlainName names_[kPlainLabelsMax];
  size_t known_ = 0;
  size_t metric_name_at_ = kPlainLabelsMax;
};

const char* PlainLabels::read(std::string_view series, LabelRef* labels, size_t& count) {
  static const PlainName kMetricName(kMetricNameLabel);
  const char* at = series.data();
  const char* const end = at + series.size();
  size_t known = known_;
  known_ = 0;  // nothing is, should this series be left to the general way
  count = 0;
  while (end - at > 2 && *at == 0x0a) {
    size_t length = static_cast<unsigned char>(at[1]);
    const char* label_end = at + 2 + length;
    if (length < 6 || length > 127 || end - label_end < 8 || at[2] != 0x0a) return nullptr;
    size_t name_length = static_cast<unsigned char>(at[3]);
    if (name_length == 0 || name_length + 5 > length || count == kPlainLabelsMax) return nullptr;
    const char* value = at + 4 + name_length;
    size_t value_length = static_cast<unsigned char>(value[1]);
    if (value[0] != 0x12 || value_length != length - name_length - 4) return nullptr;
    PlainName name({at + 4, name_length});
    if (count >= known || !(name == names_[count])) {
      known = 0;
      if (count > 0 && !(names_[count - 1] < name)) return nullptr;
      if (metric_name_at_ == count) metric_name_at_ = kPlainLabelsMax;
      if (name == kMetricName) metric_name_at_ = count;
      names_[count] = name;
    }
    new (labels + count) LabelRef{names_[count].text, {value + 2, value_length}};
    ++count;
    at = label_end;
  }
  bool more_labels_later = at != end && *at == 0x0a;
  if (metric_name_at_ >= count || more_labels_later || !is_ascii(series.data(), at)) return nullptr;
  known_ = count;
  return at;
}

class RemoteWriteDecoder {
 public:
  RemoteWriteDecoder(const std::shared_ptr<const std::string>& body, UnixNanos now) : rows_(body, now) {}

  void read_request(std::string_view body, protobuf::Place& place) {
    bool known = false;
    bool second_version = false;
    std::string_view rest = body;
    while (std::optional<std::string_view> series = take_short_series(rest)) {
      place.enter(*series);
      read_series(*series);
      known = true;
    }
    place.enter(body);
    Reader reader = protobuf::reader_of(rest);
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
  // The next TimeSeries where the request goes on with one whose length takes one or two bytes.
  static std::optional<std::string_view> take_short_series(std::string_view& rest) {
    if (rest.size() < 3 || rest[0] != 0x0a) return std::nullopt;
    size_t length = static_cast<unsigned char>(rest[1]);
    size_t begin = 2;
    if (length >= 0x80) {
      size_t high = static_cast<unsigned char>(rest[2]);
      if (high >= 0x80) return std::nullopt;
      length = (length & 0x7f) | high << 7;
      begin = 3;
    }
    if (length > rest.size() - begin) return std::nullopt;
    std::string_view series = rest.substr(begin, length);
    rest.remove_prefix(begin + length);
    return series;
  }

  // The samples at the front that are written as nearly every sender does: value, then time, nothing else.
  void take_plain_samples(std::string_view& message) {
    while (message.size() >= 13 && message[0] == 0x12 && message[2] == 0x09 && message[11] == 0x10) {
      size_t length = static_cast<unsigned char>(message[1]);
      if (length < 11 || length > 20 || length + 2 > message.size()) return;
      double value;
      std::memcpy(&value, message.data() + 3, sizeof(value));
      if constexpr (std::endian::native != std::endian::little)
        value = std::bit_cast<double>(__builtin_bswap64(std::bit_cast<uint64_t>(value)));
      uint64_t millis = 0;
      size_t at = 12;
      for (unsigned shift = 0; at < length + 2; shift += 7) {
        uint64_t byte = static_cast<unsigned char>(message[at++]);
        millis |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
        if (shift == 56) return;  // longer than any time that is taken: the general way
      }
      if (at != length + 2 || static_cast<unsigned char>(message[at - 1]) >= 0x80) return;
      rows_.sample(value, static_cast<int64_t>(millis));
      message.remove_prefix(at);
    }
  }

  void read_series(std::string_view message) {
    LabelRef* labels = rows_.label_room(kPlainLabelsMax);
    size_t count = 0;
    if (const char* rest = plain_labels_.read(message, labels, count)) {
      std::string_view encoded(message.data(), static_cast<size_t>(rest - message.data()));
      rows_.begin_series_in_room(count, hash_encoded_labels(encoded));
      message.remove_prefix(encoded.size());
    } else if (!read_labels(message)) {
      return;
    }
    take_plain_samples(message);
    if (message.empty()) return;
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
  PlainLabels plain_labels_;
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
