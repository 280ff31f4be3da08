#include "wire/elastic_bulk.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <array>
#include <cmath>

#include "base/text.h"
#include "wire/loki_labels.h"
#include "wire/otlp_logs.h"
#include "wire/prometheus_names.h"
#include "wire/protobuf.h"
#include "wire/row_batches.h"

namespace obelisk {
namespace {

namespace dom = simdjson::dom;

constexpr std::array<std::string_view, 3> kTimeFields{"@timestamp", "timestamp", "time"};
constexpr std::array<std::string_view, 5> kLineFields{"message", "msg", "log", "body", "event.original"};
constexpr std::string_view kDefaultIndex = "logs";

struct Field {
  std::string name;
  dom::element value;
};

template <size_t N>
const Field* first_of(const std::vector<Field>& fields, const std::array<std::string_view, N>& names,
                      bool (*fits)(dom::element)) {
  for (std::string_view name : names) {
    for (const Field& field : fields) {
      if (field.name == name && fits(field.value)) return &field;
    }
  }
  return nullptr;
}

// Milliseconds as a number or as digits, or RFC 3339.
std::optional<UnixNanos> time_of(dom::element value) {
  constexpr double kMillisMax = 9.2e12;
  std::string_view text;
  double millis = 0;
  if (value.get(text) == simdjson::SUCCESS) {
    if (std::optional<int64_t> nanos = parse_rfc3339(text)) return UnixNanos{*nanos};
    std::optional<double> number = parse_float(text);
    if (!number) return std::nullopt;
    millis = *number;
  } else if (value.get(millis) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  if (!(millis > -kMillisMax && millis < kMillisMax)) return std::nullopt;
  // Split, so that the fraction is not lost in 2^53 nanoseconds.
  double whole = std::floor(millis);
  return UnixNanos{static_cast<int64_t>(whole) * kNanosPerMilli + std::llround((millis - whole) * 1e6)};
}

class BulkDecoder {
 public:
  BulkDecoder(std::string_view path_index, UnixNanos now, const LogMapping& mapping)
      : path_index_(path_index), now_(now), mapping_(mapping), batches_(Table::logs, nullptr) {}

  // Throws protobuf::Malformed.
  void read(std::string_view body) {
    while (!body.empty()) {
      std::string_view line = take_line(body);
      if (line.empty()) continue;
      if (result_.items.size() == kBulkItemsMax)
        throw protobuf::Malformed{fmt::format("more than {} items", kBulkItemsMax), ErrorCode::too_large};
      BulkItem item = action_of(line);
      if (item.action == "delete") {  // has no document
        item.error = "this is an append-only store of logs: delete is not supported";
      } else {
        std::string_view document = take_line(body);
        if (item.action == "update")
          item.error = "this is an append-only store of logs: update is not supported";
        else
          add_document(document, item);
      }
      result_.failed_items += !item.error.empty();
      result_.items.push_back(std::move(item));
    }
  }

  DecodedBulk finish() {
    result_.batches = batches_.finish();
    return std::move(result_);
  }

  size_t line_number() const { return line_number_; }

 private:
  std::string_view take_line(std::string_view& body) {
    ++line_number_;
    size_t end = std::min(body.find('\n'), body.size());
    std::string_view line = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    return trim(line);
  }

  BulkItem action_of(std::string_view line) {
    dom::object outer;
    if (parser_.parse(line.data(), line.size()).get(outer) != simdjson::SUCCESS)
      throw protobuf::Malformed{"Malformed action/metadata line: expected an object"};
    for (dom::key_value_pair pair : outer) {
      BulkItem item;
      for (std::string_view known : {"create", "index", "update", "delete"}) {
        if (pair.key == known) item.action = known;
      }
      dom::object details;
      if (item.action.empty() || pair.value.get(details) != simdjson::SUCCESS)
        throw protobuf::Malformed{
            "Malformed action/metadata line: expected one of [create, delete, index, update]"};
      std::string_view text;
      item.index = details["_index"].get(text) == simdjson::SUCCESS && !text.empty() ? std::string(text)
                   : !path_index_.empty() ? std::string(path_index_)
                                          : std::string(kDefaultIndex);
      if (details["_id"].get(text) == simdjson::SUCCESS) item.id = text;
      return item;
    }
    throw protobuf::Malformed{"Malformed action/metadata line: it names no action"};
  }

  void add_document(std::string_view text, BulkItem& item) {
    if (text.empty()) {
      item.error = "failed to parse: the action has no document";
      return;
    }
    dom::object document;
    simdjson::error_code code = parser_.parse(text.data(), text.size()).get(document);
    if (code != simdjson::SUCCESS) {
      item.error = fmt::format("failed to parse: {}", simdjson::error_message(code));
      return;
    }
    fields_.clear();
    if (!flatten(document, "", 0)) {
      item.error =
          fmt::format("failed to parse: more than {} fields or {} levels", kBulkFieldsMax, kBulkDepthMax);
      return;
    }
    const Field* time =
        first_of(fields_, kTimeFields, [](dom::element value) { return time_of(value).has_value(); });
    if (time == nullptr && first_of(fields_, std::array{kTimeFields[0]}, [](dom::element) { return true; })) {
      item.error = "failed to parse field [@timestamp]: neither RFC 3339 nor a number of milliseconds";
      return;
    }
    const Field* line = first_of(fields_, kLineFields, [](dom::element value) { return value.is_string(); });
    add_row(text, item, time, line);
  }

  // False when over a bound.
  bool flatten(dom::object object, const std::string& prefix, int depth) {
    if (depth == kBulkDepthMax) return false;
    for (dom::key_value_pair pair : object) {
      std::string name = prefix.empty() ? std::string(pair.key) : fmt::format("{}.{}", prefix, pair.key);
      dom::object inner;
      if (pair.value.get(inner) == simdjson::SUCCESS) {
        if (!flatten(inner, name, depth + 1)) return false;
      } else {
        if (fields_.size() == kBulkFieldsMax) return false;
        fields_.push_back({std::move(name), pair.value});
      }
    }
    return true;
  }

  void add_row(std::string_view text, const BulkItem& item, const Field* time, const Field* line) {
    BatchBuilder& rows = batches_.rows();
    begin_stream(item, rows);
    rows.add_row(time == nullptr ? now_ : *time_of(time->value));
    std::string_view body = text;
    if (line != nullptr) body = line->value.get_string().value_unsafe();
    rows.set_string(Scope::fixed, column::kLine, rows.arena().copy(body));
    rows.set_int(Scope::fixed, column::kOrigin, kLogOriginLoki);
    for (const Field& field : fields_) {
      if (&field == time || &field == line ||
          mapping_.resource_action(field.name) != LogAttributeAction::structured_metadata)
        continue;
      add_metadata(field, rows);
    }
    if (batches_.must_cut()) batches_.cut();
  }

  // Rows of one stream that follow each other share a group.
  void begin_stream(const BulkItem& item, BatchBuilder& rows) {
    std::vector<LabelRef> labels{{"index", item.index}};
    std::vector<std::string> texts;
    texts.reserve(fields_.size());
    for (const Field& field : fields_) {
      if (mapping_.resource_action(field.name) != LogAttributeAction::index_label || field.value.is_array() ||
          field.value.is_null())
        continue;
      texts.push_back(text_of(field.value));
      std::string_view known = stream_label_of(field.name);
      labels.push_back(
          {known.empty() ? prometheus_label_name(field.name, rows.arena()) : known, texts.back()});
    }
    normalize_labels(labels);
    if (mapping_.discover_service_name) discover_service_name(labels);
    rows.begin_group_copy(labels);
  }

  static std::string text_of(dom::element value) {
    std::string_view text;
    return value.get(text) == simdjson::SUCCESS ? std::string(text) : simdjson::minify(value);
  }

  static void add_metadata(const Field& field, BatchBuilder& rows) {
    if (field.value.is_null() || field.name.empty()) return;
    std::string_view name = rows.arena().copy(field.name);
    std::string_view text;
    int64_t integer = 0;
    double number = 0;
    bool flag = false;
    if (field.value.get(text) == simdjson::SUCCESS)
      rows.set_string(Scope::attribute, name, rows.arena().copy(text));
    else if (field.value.get(integer) == simdjson::SUCCESS)
      rows.set_int(Scope::attribute, name, integer);
    else if (field.value.get(number) == simdjson::SUCCESS)
      rows.set_float(Scope::attribute, name, number);
    else if (field.value.get(flag) == simdjson::SUCCESS)
      rows.set_int(Scope::attribute, name, flag ? 1 : 0, ColumnType::boolean);
    else
      rows.set_string(Scope::attribute, name, rows.arena().copy(simdjson::minify(field.value)));
  }

  const std::string_view path_index_;
  const UnixNanos now_;
  const LogMapping& mapping_;
  RowBatches batches_;
  DecodedBulk result_;
  dom::parser parser_;
  std::vector<Field> fields_;  // of the document at hand
  size_t line_number_ = 0;
};

}  // namespace

Result<DecodedBulk> decode_elastic_bulk(std::string_view body, std::string_view path_index, UnixNanos now,
                                        const LogMapping& mapping) {
  BulkDecoder decoder(path_index, now, mapping);
  try {
    decoder.read(body);
    return decoder.finish();
  } catch (const protobuf::Malformed& problem) {
    return make_error(problem.code, fmt::format("bulk line {}: {}", decoder.line_number(), problem.reason));
  }
}

}  // namespace obelisk
