#include "wire/remote_write_v2.h"

#include <fmt/format.h>

#include "base/text.h"
#include "wire/protobuf.h"
#include "wire/remote_write_rows.h"

namespace obelisk {
namespace {

using protobuf::Reader;

// What a series says of its family.
struct SeriesMetadata {
  int32_t type = 0;
  uint32_t help = 0;
  uint32_t unit = 0;
};

SeriesMetadata read_metadata_fields(std::string_view message) {
  SeriesMetadata metadata;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::varint_field(1):
        metadata.type = reader.get_enum();
        break;
      case protobuf::varint_field(3):
        metadata.help = reader.get_uint32();
        break;
      case protobuf::varint_field(4):
        metadata.unit = reader.get_uint32();
        break;
      default:
        reader.skip();
    }
  }
  return metadata;
}

std::string_view family_of(std::string_view name, MetricType type) {
  bool has_parts =
      type == MetricType::histogram || type == MetricType::gaugehistogram || type == MetricType::summary;
  if (!has_parts) return name;
  for (std::string_view suffix : {"_bucket", "_sum", "_count"}) {
    if (name.size() > suffix.size() && name.ends_with(suffix))
      return name.substr(0, name.size() - suffix.size());
  }
  return name;
}

class RemoteWriteV2Decoder {
 public:
  RemoteWriteV2Decoder(const std::shared_ptr<const std::string>& body, UnixNanos now) : rows_(body, now) {}

  void read_request(std::string_view body, protobuf::Place& place) {
    read_symbols(body);
    Reader reader = protobuf::reader_of(body);
    while (reader.next()) {
      if (reader.tag_and_type() == protobuf::length_field(5)) {
        std::string_view series = protobuf::string_of(reader);
        place.enter(series);
        read_series(series);
        place.enter(body);
      } else {
        reader.skip();
      }
    }
  }

  DecodedRemoteWrite finish() { return rows_.finish(); }

 private:
  // First, wherever it stands.
  void read_symbols(std::string_view body) {
    bool first_version = false;
    bool has_series = false;
    Reader reader = protobuf::reader_of(body);
    while (reader.next()) {
      if (reader.tag_and_type() == protobuf::length_field(4)) {
        std::string_view symbol = protobuf::string_of(reader);
        symbols_.push_back(symbol);
        is_valid_.push_back(is_valid_utf8(symbol) ? 1 : 0);
        continue;
      }
      first_version |= reader.tag_and_type() == protobuf::length_field(1);
      has_series |= reader.tag_and_type() == protobuf::length_field(5);
      reader.skip();
    }
    if (first_version && symbols_.empty() && !has_series)
      throw protobuf::Malformed{"it is a request of remote write 1.0, and its content type says 2.0"};
    bool usable = symbols_.empty() ? !has_series : symbols_[0].empty();
    if (!usable) throw protobuf::Malformed{"its table of symbols does not begin with the empty string"};
  }

  // Pairs of symbols into `labels`; the reason why they are refused, or nothing.
  template <typename Packed>
  std::string resolve(const Packed& references, std::vector<LabelRef>& labels) {
    bool is_name = true;
    for (auto it = references.begin(); it != references.end(); ++it, is_name = !is_name) {
      uint32_t reference = *it;
      if (reference >= symbols_.size())
        return fmt::format("a label refers to symbol {} of {}", reference, symbols_.size());
      if (is_valid_[reference] == 0) return "a label is not valid UTF-8";
      if (is_name) {
        labels.push_back({symbols_[reference], {}});
      } else {
        labels.back().value = symbols_[reference];
      }
    }
    return is_name ? "" : "a series has an odd number of label references";
  }

  // A series' field 1, packed or one by one.
  std::string read_references(Reader& reader, std::vector<LabelRef>& labels) {
    if (reader.wire_type() == protozero::pbf_wire_type::length_delimited)
      return resolve(reader.get_packed_uint32(), labels);
    loose_references_.push_back(reader.get_uint32());
    return {};
  }

  void read_series(std::string_view message) {
    labels_.clear();
    loose_references_.clear();
    std::string problem;
    std::string_view metadata;
    uint64_t values = 0;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1):
        case protobuf::varint_field(1):
          if (std::string why = read_references(reader, labels_); problem.empty()) problem = std::move(why);
          break;
        case protobuf::length_field(2):
        case protobuf::length_field(3):
        case protobuf::length_field(4):
          ++values;
          reader.skip();
          break;
        case protobuf::length_field(5):
          metadata = protobuf::string_of(reader);
          break;
        default:
          reader.skip();
      }
    }
    if (problem.empty() && !loose_references_.empty()) problem = resolve(loose_references_, labels_);
    if (problem.empty() && !are_plain(labels_)) problem = RemoteWriteRows::check_labels(labels_);
    if (!problem.empty()) return rows_.reject(std::move(problem), values);
    rows_.begin_series(labels_);
    read_values(message);
    read_metadata(metadata);
  }

  // Sorted, with a metric name, none empty.
  static bool are_plain(const std::vector<LabelRef>& labels) {
    bool has_name = false;
    for (size_t i = 0; i < labels.size(); ++i) {
      if (labels[i].name.empty() || labels[i].value.empty()) return false;
      if (i > 0 && !(labels[i - 1].name < labels[i].name)) return false;
      has_name |= labels[i].name == kMetricNameLabel;
    }
    return has_name;
  }

  void read_values(std::string_view message) {
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(2):
          read_sample(protobuf::string_of(reader));
          break;
        case protobuf::length_field(3):
          rows_.histogram(protobuf::string_of(reader));
          break;
        case protobuf::length_field(4):
          read_exemplar(protobuf::string_of(reader));
          break;
        default:
          reader.skip();
      }
    }
  }

  void read_sample(std::string_view message) {
    double value = 0;
    int64_t millis = 0, start_millis = 0;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::fixed64_field(1):
          value = reader.get_double();
          break;
        case protobuf::varint_field(2):
          millis = reader.get_int64();
          break;
        case protobuf::varint_field(3):
          start_millis = reader.get_int64();
          break;
        default:
          reader.skip();
      }
    }
    rows_.sample(value, millis, start_millis);
  }

  void read_exemplar(std::string_view message) {
    exemplar_labels_.clear();
    loose_references_.clear();
    std::string problem;
    double value = 0;
    int64_t millis = 0;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1):
        case protobuf::varint_field(1):
          if (std::string why = read_references(reader, exemplar_labels_); problem.empty())
            problem = std::move(why);
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
    if (problem.empty() && !loose_references_.empty()) problem = resolve(loose_references_, exemplar_labels_);
    if (!problem.empty()) return rows_.reject("exemplar: " + problem);
    rows_.exemplar(exemplar_labels_, value, millis);
  }

  void read_metadata(std::string_view message) {
    if (message.empty()) return;
    SeriesMetadata metadata = read_metadata_fields(message);
    auto usable = [&](uint32_t symbol) { return symbol < symbols_.size() && is_valid_[symbol] != 0; };
    std::string_view help = usable(metadata.help) ? symbols_[metadata.help] : std::string_view();
    std::string_view unit = usable(metadata.unit) ? symbols_[metadata.unit] : std::string_view();
    MetricType type = remote_write_metric_type(metadata.type);
    if (type == MetricType::unknown && help.empty() && unit.empty()) return;
    std::string_view family = family_of(label_value(labels_, kMetricNameLabel), type);
    // Series of one family stand together and say the same.
    if (family == last_family_ && !described_.empty()) return;
    last_family_ = family;
    if (described_.insert(family).second) rows_.metadata(family, type, help, unit);
  }

  RemoteWriteRows rows_;
  std::vector<std::string_view> symbols_;
  std::vector<uint8_t> is_valid_;  // of each symbol: UTF-8
  std::vector<LabelRef> labels_, exemplar_labels_;
  std::vector<uint32_t> loose_references_;  // of a sender that does not pack them
  std::unordered_set<std::string_view> described_;
  std::string_view last_family_;
};

}  // namespace

Result<DecodedRemoteWrite> decode_remote_write_v2(std::shared_ptr<const std::string> body, UnixNanos now) {
  protobuf::Place place;
  DecodedRemoteWrite result;
  RemoteWriteV2Decoder decoder(body, now);
  OBELISK_CHECK_OK(protobuf::decode_guarded("remote write 2.0", *body, place, [&] {
    decoder.read_request(*body, place);
    result = decoder.finish();
  }));
  return result;
}

}  // namespace obelisk
