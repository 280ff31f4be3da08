#include "wire/exposition_protobuf.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "wire/exposition_bounds.h"
#include "wire/native_buckets.h"
#include "wire/prometheus_metric_message.h"
#include "wire/protobuf.h"
#include "wire/protobuf_map.h"
#include "wire/protobuf_time.h"

namespace obelisk {
namespace {

using protobuf::Reader;
using namespace prometheus_metric_message;

constexpr int64_t kMillisMax = std::numeric_limits<int64_t>::max() / kNanosPerMilli;

MetricType type_of(int32_t number) {
  static constexpr MetricType kTypes[] = {MetricType::counter,   MetricType::gauge,
                                          MetricType::summary,   MetricType::unknown,
                                          MetricType::histogram, MetricType::gaugehistogram};
  return number >= 0 && number < 6 ? kTypes[number] : MetricType::unknown;
}

LabelRef read_label_pair(std::string_view message) {
  protobuf::TextPair pair = protobuf::text_pair_of(message);
  LabelRef label{pair.name, pair.value};
  if (label.name.empty()) throw protobuf::Malformed{"a label has no name"};
  if (!is_valid_utf8(label.name) || !is_valid_utf8(label.value))
    throw protobuf::Malformed{
        fmt::format("label \"{}\" is not valid UTF-8", replace_invalid_utf8(label.name))};
  return label;
}

void sort_labels(std::vector<LabelRef>& labels) {
  std::sort(labels.begin(), labels.end());
  for (size_t i = 1; i < labels.size(); ++i) {
    if (labels[i].name == labels[i - 1].name)
      throw protobuf::Malformed{fmt::format("label \"{}\" twice", labels[i].name)};
  }
  std::erase_if(labels, [](const LabelRef& label) { return label.value.empty(); });
}

class ProtobufParser {
 public:
  ProtobufParser(std::string_view page, const ExpositionOptions& options) : page_(page), options_(options) {}

  void parse(protobuf::Place& place) {
    const char* at = page_.data();
    const char* end = at + page_.size();
    while (at != end) {
      place.at = at;
      uint64_t length = protozero::decode_varint(&at, end);
      if (length > static_cast<uint64_t>(end - at)) throw protobuf::Malformed{"unexpected end of the input"};
      std::string_view family(at, length);
      place.enter(family);
      read_family(family, place);
      at += length;
    }
  }

  Exposition take() { return std::move(out_); }

 private:
  void read_family(std::string_view message, protobuf::Place& place) {
    ExpositionFamily family;
    family.has_metadata = true;
    int32_t type = 0;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1):
          family.name = protobuf::string_of(reader);
          break;
        case protobuf::length_field(2):
          family.help = protobuf::string_of(reader);
          break;
        case protobuf::varint_field(3):
          type = reader.get_enum();
          break;
        case protobuf::length_field(5):
          family.unit = protobuf::string_of(reader);
          break;
        default:
          reader.skip();
      }
    }
    if (family.name.empty()) throw protobuf::Malformed{"a metric family has no name"};
    if (!is_valid_utf8(family.name) || !is_valid_utf8(family.help) || !is_valid_utf8(family.unit))
      throw protobuf::Malformed{"the name, help or unit of a metric family is not valid UTF-8"};
    family.type = type_of(type);
    family_ = static_cast<uint32_t>(out_.families.size());
    out_.families.push_back(family);
    reader = protobuf::reader_of(message);
    while (reader.next()) {
      if (reader.tag_and_type() == protobuf::length_field(4)) {
        std::string_view metric = protobuf::string_of(reader);
        place.enter(metric);
        read_metric(metric);
      } else {
        reader.skip();
      }
    }
  }

  void read_metric(std::string_view message) {
    value_.clear();
    labels_.clear();
    label_bytes_ = {};
    empty_labels_.clear();
    time_.reset();
    bool has_value = false;
    MetricType type = out_.families[family_].type;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1): {
          std::string_view label = protobuf::string_of(reader);
          labels_.push_back(read_label_pair(label));
          if (labels_.back().value.empty()) empty_labels_ += fmt::format(",{}=\"\"", labels_.back().name);
          const char* begin = label_bytes_.empty() ? label.data() : label_bytes_.data();
          label_bytes_ = {begin, static_cast<size_t>(label.data() + label.size() - begin)};
          break;
        }
        case protobuf::varint_field(6):
          read_time(reader.get_int64());
          break;
        case protobuf::length_field(2):
        case protobuf::length_field(3):
        case protobuf::length_field(5):
          if (reader.tag() != simple_field(type)) {
            reader.skip();
            break;
          }
          has_value = true;
          read_simple(protobuf::string_of(reader), value_);
          break;
        case protobuf::length_field(4):
          has_value |= type == MetricType::summary;
          read_summary(protobuf::string_of(reader), value_);
          break;
        case protobuf::length_field(7):
          has_value |= type == MetricType::histogram || type == MetricType::gaugehistogram;
          read_histogram(protobuf::string_of(reader), value_);
          break;
        default:
          reader.skip();
      }
    }
    if (!has_value)
      throw protobuf::Malformed{fmt::format("a metric of family \"{}\" has no value of the family's type",
                                            out_.families[family_].name)};
    sort_labels(labels_);
    emit(type);
  }

  static uint32_t simple_field(MetricType type) {
    if (type == MetricType::gauge) return 2;
    if (type == MetricType::counter) return 3;
    return type == MetricType::unknown ? 5 : 0;
  }

  void read_time(int64_t millis) {
    if (millis > kMillisMax || millis < -kMillisMax) throw protobuf::Malformed{"a timestamp is out of range"};
    if (millis != 0) time_ = UnixNanos::from_millis(millis);
  }

  void emit(MetricType type) {
    switch (type) {
      case MetricType::summary:
        emit_count_and_sum();
        for (const Part& part : value_.parts) add({}, "quantile", part.bound).value = part.value;
        return;
      case MetricType::histogram:
      case MetricType::gaugehistogram: {
        bool native = options_.native_histograms && value_.is_native();
        if (!native || (options_.always_classic && !value_.parts.empty())) emit_classic();
        if (native) emit_native(type);
        return;
      }
      default: {
        ExpositionSample& sample = add({}, {}, 0);
        sample.value = value_.value;
        if (value_.has_exemplar) add_exemplar(sample, value_.exemplar);
      }
    }
  }

  void emit_count_and_sum() {
    add("_count", {}, 0).value = value_.count;
    add("_sum", {}, 0).value = value_.sum;
  }

  void emit_classic() {
    emit_count_and_sum();
    bool has_infinity = false;
    for (const Part& part : value_.parts) {
      has_infinity |= part.bound == std::numeric_limits<double>::infinity();
      ExpositionSample& sample = add("_bucket", "le", part.bound);
      sample.value = part.value;
      if (part.has_exemplar) add_exemplar(sample, part.exemplar);
    }
    if (!has_infinity) add("_bucket", "le", std::numeric_limits<double>::infinity()).value = value_.count;
  }

  void emit_native(MetricType type) {
    value_.native.count = value_.count;
    value_.native.sum = value_.sum;
    if (type == MetricType::gaugehistogram) value_.native.reset_hint = CounterResetHint::gauge;
    Result<Histogram> histogram =
        assemble_native_histogram(std::move(value_.native), value_.kind, value_.positive, value_.negative);
    if (!histogram.ok()) throw protobuf::Malformed{histogram.error().message};
    if (histogram->schema == Histogram::kCustomBoundsSchema)
      throw protobuf::Malformed{"a native histogram with custom bounds, which the format cannot hold"};
    limit_resolution(*histogram);
    ExpositionSample& sample = add({}, {}, 0);
    sample.histogram = out_.arena.copy(encode_histogram(*histogram));
    std::vector<std::string_view>& exemplars = value_.native_exemplars;
    if (exemplars.empty()) {
      for (const Part& part : value_.parts) {
        if (part.has_exemplar) exemplars.push_back(part.exemplar);
      }
    }
    size_t first = out_.exemplars.size();
    for (std::string_view exemplar : exemplars) add_exemplar(sample, exemplar, true);
    std::stable_sort(
        out_.exemplars.begin() + static_cast<ptrdiff_t>(first), out_.exemplars.end(),
        [](const ExpositionExemplar& a, const ExpositionExemplar& b) { return *a.time < *b.time; });
  }

  void limit_resolution(Histogram& histogram) {
    constexpr int32_t kSchemaMin = -4;
    if (options_.histogram_factor_min > 1) {
      // Bounds of schema s grow by 2^(2^-s).
      double schema = -std::floor(std::log2(std::log2(options_.histogram_factor_min)));
      auto finest = static_cast<int32_t>(std::clamp(schema, -4.0, 8.0));
      if (histogram.schema > finest) reduce_resolution(histogram, finest);
    }
    auto buckets = [&] { return histogram.positive_counts.size() + histogram.negative_counts.size(); };
    if (options_.histogram_buckets_max == 0) return;
    while (buckets() > options_.histogram_buckets_max) {
      if (histogram.schema <= kSchemaMin)
        throw protobuf::Malformed{fmt::format("a native histogram has {} buckets, the limit is {}", buckets(),
                                              options_.histogram_buckets_max),
                                  ErrorCode::too_large};
      reduce_resolution(histogram, histogram.schema - 1);
    }
  }

  // A sample of the current metric with one more label, or none. The reference is valid until the next call.
  ExpositionSample& add(std::string_view suffix, std::string_view label, double bound) {
    ExpositionSample& sample = out_.samples.emplace_back();
    std::string_view family = out_.families[family_].name;
    std::string_view name = suffix.empty() ? family : concatenate(family, suffix);
    std::string_view bound_value;
    if (!label.empty()) bound_value = out_.arena.copy(bound_text(bound));
    sample.labels = labels_with(name, label, bound_value);
    // Not bytes of the page, but as good a key: the name, its labels as they are spelled, the part.
    sample.series_text = concatenate(name, std::string_view("\0", 1), label_bytes_, std::string_view("\0", 1),
                                     bound_value, empty_labels_);
    sample.time = time_;
    sample.start_time = value_.created;
    sample.family = family_;
    if (out_.arena.allocated_bytes() > kProtobufExpansionMax * page_.size() + (1 << 20)) {
      throw protobuf::Malformed{
          fmt::format("the labels of its series take more than {} times its size", kProtobufExpansionMax),
          ErrorCode::too_large};
    }
    return sample;
  }

  LabelsView labels_with(std::string_view name, std::string_view label, std::string_view bound) {
    LabelRef* copies = out_.arena.allocate_array<LabelRef>(labels_.size() + 2);
    LabelRef extra[2] = {{kMetricNameLabel, name}, {label, bound}};
    size_t extra_count = label.empty() ? 1 : 2;
    size_t count = 0, next = 0;
    for (const LabelRef& own : labels_) {
      while (next < extra_count && extra[next].name < own.name) copies[count++] = extra[next++];
      if (next < extra_count && extra[next].name == own.name)
        throw protobuf::Malformed{fmt::format("label \"{}\" is not a metric's own to have", own.name)};
      copies[count++] = own;
    }
    while (next < extra_count) copies[count++] = extra[next++];
    return {copies, count};
  }

  template <typename... Texts>
  std::string_view concatenate(const Texts&... texts) {
    size_t size = (texts.size() + ...);
    char* begin = out_.arena.allocate(size);
    char* at = begin;
    ((at = std::copy(texts.begin(), texts.end(), at)), ...);
    return {begin, size};
  }

  void add_exemplar(ExpositionSample& sample, std::string_view message, bool needs_time = false) {
    std::vector<LabelRef>& labels = exemplar_labels_;
    labels.clear();
    ExpositionExemplar exemplar;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1):
          labels.push_back(read_label_pair(protobuf::string_of(reader)));
          break;
        case protobuf::fixed64_field(2):
          exemplar.value = reader.get_double();
          break;
        case protobuf::length_field(3):
          exemplar.time = protobuf::timestamp_of(protobuf::string_of(reader));
          break;
        default:
          reader.skip();
      }
    }
    if (needs_time && !exemplar.time) return;
    sort_labels(labels);
    LabelRef* copies = out_.arena.allocate_array<LabelRef>(labels.size());
    std::uninitialized_copy(labels.begin(), labels.end(), copies);
    exemplar.labels = LabelsView(copies, labels.size());
    if (sample.exemplar_count++ == 0) sample.exemplar = static_cast<int32_t>(out_.exemplars.size());
    out_.exemplars.push_back(exemplar);
  }

  const std::string_view page_;
  const ExpositionOptions options_;
  Exposition out_;
  uint32_t family_ = 0;
  // The metric.
  MetricValue value_;
  std::vector<LabelRef> labels_;  // sorted, without name and part
  std::string_view label_bytes_;  // as they are spelled
  std::string empty_labels_;      // those without a value, as text would spell them: ,a="",b=""
  std::optional<UnixNanos> time_;
  std::vector<LabelRef> exemplar_labels_;
};

}  // namespace

Result<Exposition> parse_prometheus_protobuf(std::string_view page, const ExpositionOptions& options) {
  protobuf::Place place;
  ProtobufParser parser(page, options);
  OBELISK_CHECK_OK(
      protobuf::decode_guarded("Prometheus protobuf", page, place, [&] { parser.parse(place); }));
  return parser.take();
}

}  // namespace obelisk
