// TargetSeries::accept_protobuf: a page of MetricFamily messages whose series are mostly known. A counter,
// gauge or untyped metric whose labels are spelled as those of a known series, followed by a value and at
// most a start time and a time of its own, needs nothing but these; all other metrics are collected, each
// with the header of its family, and parsed by the parser of wire/. Headers (name, type, help, unit) are
// compared with those of the last page as a whole. Whatever looks odd goes to the parser with the whole page,
// which knows how to complain.
#include <cstring>
#include <utility>

#include "codec/byte_reader.h"
#include "collect/scrape/target_page.h"

namespace obelisk::scrape {
namespace {

enum Tag : uint8_t {
  kFirstField = 0x0a,  // of a family its name, of a metric a label
  kFamilyHelp = 0x12,
  kFamilyType = 0x18,
  kFamilyMetric = 0x22,
  kFamilyUnit = 0x2a,
  kMetricGauge = 0x12,
  kMetricCounter = 0x1a,
  kMetricUntyped = 0x2a,
  kMetricTime = 0x30,
  kSimpleValue = 0x09,
  kSimpleCreated = 0x1a,
  kSeconds = 0x08,
  kNanos = 0x10,
};

constexpr int64_t kSecondsMax = 9'000'000'000;  // as the parser has it
constexpr int64_t kMillisMax = INT64_MAX / kNanosPerMilli;

// The field that holds the value of a metric, by the family's type; 0: more than a value.
uint8_t value_tag(uint64_t type) {
  switch (type) {
    case 0:
      return kMetricCounter;
    case 1:
      return kMetricGauge;
    case 3:
      return kMetricUntyped;
    default:
      return 0;
  }
}

struct FamilyFields {
  std::string_view name;
  uint64_t type = 0;
  std::string header;  // all fields but the metrics
  bool has_metrics = false;
};

// False: something that is no field of a family.
bool read_fields(std::string_view message, FamilyFields& out) {
  ByteReader reader(message);
  while (reader.left() > 0 && !reader.failed()) {
    size_t begin = reader.offset();
    switch (reader.u8()) {
      case kFirstField:
        out.name = reader.text();
        break;
      case kFamilyHelp:
      case kFamilyUnit:
        reader.text();
        break;
      case kFamilyType:
        out.type = reader.varint();
        break;
      case kFamilyMetric:
        reader.text();
        out.has_metrics = true;
        continue;
      default:
        return false;
    }
    out.header.append(message.substr(begin, reader.offset() - begin));
  }
  return !reader.failed() && !out.name.empty();
}

struct SimpleMetric {
  std::string_view labels;  // from the first's content to the last's, as the parser spells a series
  double value = 0;
  std::optional<UnixNanos> start;
  std::optional<UnixNanos> time;
};

bool read_start(std::string_view message, SimpleMetric& out) {
  ByteReader reader(message);
  uint64_t seconds = 0, nanos = 0;
  if (reader.left() > 0 && static_cast<uint8_t>(reader.rest()[0]) == kSeconds) {
    reader.u8();
    seconds = reader.varint();
  }
  if (reader.left() > 0 && static_cast<uint8_t>(reader.rest()[0]) == kNanos) {
    reader.u8();
    nanos = reader.varint();
  }
  if (!reader.at_end() || seconds > static_cast<uint64_t>(kSecondsMax) ||
      nanos >= static_cast<uint64_t>(kNanosPerSecond))
    return false;
  out.start = UnixNanos{static_cast<int64_t>(seconds) * kNanosPerSecond + static_cast<int64_t>(nanos)};
  return true;
}

// Counter, Gauge and Untyped without an exemplar.
bool read_value(std::string_view message, SimpleMetric& out) {
  ByteReader reader(message);
  if (reader.left() > 0 && static_cast<uint8_t>(reader.rest()[0]) == kSimpleValue) {
    reader.u8();
    out.value = reader.fixed<double>();
  }
  if (reader.left() > 0) {
    if (reader.u8() != kSimpleCreated) return false;
    std::string_view created = reader.text();
    if (reader.failed() || !read_start(created, out)) return false;
  }
  return reader.at_end();
}

// False: not that simple.
bool read_simple(std::string_view message, uint8_t tag, SimpleMetric& out) {
  ByteReader reader(message);
  const char* labels_begin = nullptr;
  const char* labels_end = nullptr;
  uint8_t field = reader.u8();
  for (; field == kFirstField; field = reader.u8()) {
    std::string_view label = reader.text();
    if (reader.failed()) return false;
    if (labels_begin == nullptr) labels_begin = label.data();
    labels_end = label.data() + label.size();
  }
  if (labels_begin != nullptr) out.labels = {labels_begin, static_cast<size_t>(labels_end - labels_begin)};
  if (reader.failed() || field != tag) return false;
  std::string_view value = reader.text();
  if (reader.failed() || !read_value(value, out)) return false;
  if (reader.left() > 0) {
    if (reader.u8() != kMetricTime) return false;
    int64_t millis = static_cast<int64_t>(reader.varint());
    if (millis > kMillisMax || millis < -kMillisMax) return false;
    if (millis != 0) out.time = UnixNanos::from_millis(millis);
  }
  return reader.at_end();
}

// Whether `spelling` is what the parser would call the series: name and labels, each with a zero behind it.
bool is_spelled(std::string_view spelling, std::string_view name, std::string_view labels) {
  return spelling.size() == name.size() + labels.size() + 2 && spelling[name.size()] == '\0' &&
         spelling.back() == '\0' && std::memcmp(spelling.data(), name.data(), name.size()) == 0 &&
         (labels.empty() ||
          std::memcmp(spelling.data() + name.size() + 1, labels.data(), labels.size()) == 0);
}

void append_message(std::string& page, std::string_view first, std::string_view second) {
  append_varint(page, first.size() + second.size());
  page.append(first).append(second);
}

}  // namespace

// The metrics of a family; those that are not known, as fields of one, are appended to `unknown`.
bool TargetSeries::accept_simple_family(std::string_view message, std::string_view name, uint8_t tag,
                                        Page& out, std::string& unknown) {
  ByteReader reader(message);
  std::string scratch;
  while (reader.left() > 0 && !reader.failed()) {
    size_t begin = reader.offset();
    uint8_t field = reader.u8();
    if (field != kFamilyMetric) {
      if (field == kFamilyType) {
        reader.varint();
      } else {
        reader.text();
      }
      continue;
    }
    std::string_view metric = reader.text();
    if (reader.failed()) return false;
    SimpleMetric simple;
    uint32_t text = kNone;
    if (read_simple(metric, tag, simple)) {
      text = out.previous == kNone ? first_text_ : texts_[out.previous].next;
      if (text == kNone || !is_spelled(texts_[text].spelling, name, simple.labels)) {
        scratch.assign(name).append(1, '\0').append(simple.labels).append(1, '\0');
        text = find_text(scratch, kNone);
      }
    }
    if (text == kNone) {
      unknown.append(message.substr(begin, reader.offset() - begin));
      continue;
    }
    follow(text, out);
    if (begin_sample(texts_[text], simple.time, simple.value, out) != nullptr && simple.start)
      out.samples.set_start(simple.start->value);
  }
  return !reader.failed();
}

Result<bool> TargetSeries::accept_protobuf(std::string_view page, Page& out) {
  constexpr ExpositionFormat kFormat = ExpositionFormat::prometheus_protobuf;
  ByteReader reader(page);
  std::string headers;       // of all families, as families without metrics
  std::string unknown_page;  // families of what is left to the parser
  while (reader.left() > 0) {
    std::string_view message = reader.text();
    FamilyFields fields;
    if (reader.failed() || !read_fields(message, fields)) return false;
    append_message(headers, fields.header, {});
    uint8_t tag = value_tag(fields.type);
    if (tag == 0) {
      if (fields.has_metrics) append_message(unknown_page, message, {});
      continue;
    }
    std::string unknown;
    if (!accept_simple_family(message, fields.name, tag, out, unknown)) return false;
    if (!unknown.empty()) append_message(unknown_page, fields.header, unknown);
  }
  if (!unknown_page.empty()) {
    auto parsed = parse_exposition(kFormat, unknown_page, settings_.exposition);
    if (!parsed.ok()) return false;
    OBELISK_CHECK_OK(accept_parsed(*parsed, out));
  }
  bool same_format = std::exchange(comments_format_, kFormat) == kFormat;
  bool is_same = same_format && comments_ == headers;
  comments_ = std::move(headers);
  if (is_same && !metadata_is_due(out.time)) return true;
  auto parsed = parse_exposition(kFormat, comments_, settings_.exposition);
  if (!parsed.ok()) {
    comments_.clear();
    return false;
  }
  add_metadata(*parsed, out.time, out.metadata);
  return true;
}

}  // namespace obelisk::scrape
