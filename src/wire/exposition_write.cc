#include "wire/exposition_write.h"

#include <algorithm>
#include <protozero/pbf_writer.hpp>

#include "wire/exposition_bounds.h"

namespace obelisk {
namespace {

using MessageWriter = protozero::pbf_writer;

constexpr int kUntyped = 3;
constexpr int kHistogram = 4;
constexpr int kGaugeHistogram = 5;

enum class NameKind : uint8_t { metric, label };

bool may_stand(char c, bool first, NameKind kind) {
  bool letter =
      (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (kind == NameKind::metric && c == ':');
  return letter || (!first && c >= '0' && c <= '9');
}

bool is_plain(std::string_view name, NameKind kind) {
  for (size_t i = 0; i < name.size(); ++i) {
    if (!may_stand(name[i], i == 0, kind)) return false;
  }
  return !name.empty();
}

// One '_' a character, not a byte.
std::string with_underscores(std::string_view name, NameKind kind) {
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    bool continues = (static_cast<unsigned char>(name[i]) & 0xC0) == 0x80;
    if (continues) continue;
    out += may_stand(name[i], i == 0, kind) ? name[i] : '_';
  }
  return out;
}

void append_escaped(std::string& out, std::string_view text) {
  for (char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else {
      if (c == '\\' || c == '"') out += '\\';
      out += c;
    }
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

std::string name_text(std::string_view name, NameKind kind, NameEscaping escaping) {
  if (is_plain(name, kind)) return std::string(name);
  return escaping == NameEscaping::underscores ? with_underscores(name, kind) : std::string(name);
}

template <typename Each>
void for_each_label(LabelsView labels, LabelsView extra, Each&& each) {
  for (const LabelRef& label : labels) {
    if (label.name != kMetricNameLabel) each(label);
  }
  for (const LabelRef& label : extra) each(label);
}

void add_spans(MessageWriter& writer, uint32_t field, const std::vector<BucketSpan>& spans) {
  for (const BucketSpan& span : spans) {
    MessageWriter inner(writer, field);
    inner.add_sint32(1, span.offset);
    inner.add_uint32(2, span.length);
  }
}

void add_histogram(MessageWriter& metric, const Histogram& histogram) {
  MessageWriter writer(metric, 7);
  writer.add_double(2, histogram.sum);
  writer.add_double(4, histogram.count);
  writer.add_sint32(5, histogram.schema);
  writer.add_double(6, histogram.zero_threshold);
  writer.add_double(8, histogram.zero_count);
  add_spans(writer, 9, histogram.negative_spans);
  for (double count : histogram.negative_counts) writer.add_double(11, count);
  add_spans(writer, 12, histogram.positive_spans);
  for (double count : histogram.positive_counts) writer.add_double(14, count);
  // A span without buckets tells an empty native histogram from a classic one.
  bool looks_classic = histogram.positive_spans.empty() && histogram.negative_spans.empty() &&
                       histogram.zero_threshold == 0 && histogram.zero_count == 0;
  if (looks_classic) add_spans(writer, 12, {BucketSpan{0, 0}});
}

}  // namespace

void append_text_family(std::string& out, std::string_view name, NameEscaping escaping) {
  std::string text = name_text(name, NameKind::metric, escaping);
  out += "# TYPE ";
  if (is_plain(text, NameKind::metric)) {
    out += text;
  } else {
    append_quoted(out, text);
  }
  out += " untyped\n";
}

void append_text_row(std::string& out, const ExpositionRow& row, LabelsView extra, NameEscaping escaping) {
  std::string name = name_text(label_value(row.labels, kMetricNameLabel), NameKind::metric, escaping);
  bool plain = is_plain(name, NameKind::metric);
  if (plain) out += name;
  char separator = '{';
  if (!plain) {
    out += '{';
    append_quoted(out, name);
    separator = ',';
  }
  for_each_label(row.labels, extra, [&](const LabelRef& label) {
    out += separator;
    separator = ',';
    std::string label_name = name_text(label.name, NameKind::label, escaping);
    if (is_plain(label_name, NameKind::label)) {
      out += label_name;
    } else {
      append_quoted(out, label_name);
    }
    out += '=';
    append_quoted(out, label.value);
  });
  if (separator == ',') out += '}';
  out += ' ';
  out += exposition_value_text(row.value);
  out += ' ';
  out += std::to_string(row.time_ms);
  out += '\n';
}

void append_protobuf_family(std::string& out, std::string_view name, const std::vector<ExpositionRow>& rows,
                            LabelsView extra, NameEscaping escaping) {
  std::string family;
  MessageWriter writer(family);
  const Histogram* first = rows.empty() ? nullptr : rows[0].histogram;
  int histogram_type =
      first != nullptr && first->reset_hint == CounterResetHint::gauge ? kGaugeHistogram : kHistogram;
  writer.add_string(1, name_text(name, NameKind::metric, escaping));
  writer.add_enum(3, first != nullptr ? histogram_type : kUntyped);
  for (const ExpositionRow& row : rows) {
    MessageWriter metric(writer, 4);
    for_each_label(row.labels, extra, [&](const LabelRef& label) {
      MessageWriter pair(metric, 1);
      pair.add_string(1, name_text(label.name, NameKind::label, escaping));
      pair.add_string(2, label.value.data(), label.value.size());
    });
    if (row.histogram != nullptr) {
      add_histogram(metric, *row.histogram);
    } else {
      MessageWriter untyped(metric, 5);
      untyped.add_double(1, row.value);
    }
    metric.add_int64(6, row.time_ms);
  }
  protozero::write_varint(std::back_inserter(out), family.size());
  out += family;
}

}  // namespace obelisk
