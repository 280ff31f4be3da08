#include "query/logql/metadata_columns.h"

#include <charconv>

#include "model/ids.h"
#include "query/logql/json_walk.h"
#include "wire/any_value.h"

namespace obelisk::logql {
namespace {

struct FixedField {
  std::string_view column;
  std::string_view label;
};

constexpr FixedField kRecordFields[] = {
    {column::kTraceId, "trace_id"},
    {column::kSpanId, "span_id"},
    {column::kSeverityNumber, "severity_number"},
    {column::kSeverityText, "severity_text"},
    {column::kFlags, "flags"},
    {column::kObservedTime, "observed_timestamp"},
    {column::kEventName, "event_name"},
    {column::kScopeName, "scope_name"},
    {column::kScopeVersion, "scope_version"},
    {column::kDroppedAttributesCount, "dropped_attributes_count"},
};

constexpr int kFlattenDepthMax = 16;  // of nested maps; deeper ones stay JSON

// The members of a JSON object as labels `name_member`.
void flatten(RowLabels& labels, const std::string& name, std::string_view json, int depth) {
  JsonCursor cursor(json);
  if (depth >= kFlattenDepthMax || !cursor.enter_object()) {
    labels.add_metadata(labels.text().keep(name), labels.text().keep(json));
    return;
  }
  std::string_view raw_key;
  std::string buffer;
  while (cursor.next_key(raw_key)) {
    std::string member = name + "_" + metadata_name(unescape_json(raw_key, buffer).value_or(raw_key));
    JsonToken token;
    if (!cursor.value(token)) return;
    if (token.kind == JsonKind::object) {
      flatten(labels, member, token.raw, depth + 1);
      continue;
    }
    std::string_view value =
        token.kind == JsonKind::text ? unescape_json(token.raw, buffer).value_or(token.raw) : token.raw;
    if (token.kind == JsonKind::null) value = {};
    labels.add_metadata(labels.text().keep(member), labels.text().keep(value));
  }
}

std::string_view integer_text(int64_t value, RowText& text) {
  char buffer[24];
  auto [end, code] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return text.keep({buffer, static_cast<size_t>(end - buffer)});
}

}  // namespace

std::string metadata_name(std::string_view column_name) {
  std::string name;
  if (!column_name.empty() && column_name[0] >= '0' && column_name[0] <= '9') name = "key_";
  for (char c : column_name) {
    bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    // Of a character in several bytes only the first leaves its mark.
    if ((static_cast<unsigned char>(c) & 0xC0) == 0x80) continue;
    name += allowed ? c : '_';
  }
  return name;
}

std::string metadata_name_of(const ColumnId& id) {
  if (id.scope == Scope::attribute || id.scope == Scope::resource || id.scope == Scope::instrumentation) {
    return metadata_name(id.name);
  }
  for (const FixedField& field : kRecordFields) {
    if (id.scope == Scope::fixed && id.name == field.column) return std::string(field.label);
  }
  return {};
}

bool wants_metadata(const LabelDemand& demand, std::string_view name) {
  return demand.everything || demand.names.contains(name) ||
         demand.names.contains(std::string(name) + "_extracted");
}

MetadataColumns::MetadataColumns(const Batch& batch, const LabelDemand& demand) {
  origin_ = batch.find_fixed(column::kOrigin);
  for (const ColumnData& data : batch.columns) {
    Column column;
    column.name = metadata_name_of(data.id);
    if (column.name.empty()) continue;
    column.otlp_only = data.id.scope != Scope::attribute;
    column.skips_zero = data.id.scope == Scope::fixed;
    if (column.otlp_only && origin_ == nullptr) continue;
    // A map's members have names of their own.
    bool may_flatten = data.type == ColumnType::any;
    if (!may_flatten && !wants_metadata(demand, column.name)) continue;
    column.data = &data;
    columns_.push_back(std::move(column));
  }
}

void MetadataColumns::add_value(RowLabels& labels, const Column& column, size_t row) const {
  const ColumnData& data = *column.data;
  RowText& text = labels.text();
  switch (data.type) {
    case ColumnType::string:
      if (column.skips_zero && data.strings[row].empty()) return;
      labels.add_metadata(column.name, data.strings[row]);
      return;
    case ColumnType::boolean:
      labels.add_metadata(column.name, data.ints[row] != 0 ? "true" : "false");
      return;
    case ColumnType::int64:
      if (column.skips_zero && data.ints[row] == 0) return;
      if (data.id.scope == Scope::fixed && data.id.name == column::kSpanId) {
        labels.add_metadata(column.name, text.keep(SpanId{static_cast<uint64_t>(data.ints[row])}.to_hex()));
      } else {
        labels.add_metadata(column.name, integer_text(data.ints[row], text));
      }
      return;
    case ColumnType::trace_id:
      if (data.trace_ids[row].is_none()) return;
      labels.add_metadata(column.name, text.keep(data.trace_ids[row].to_hex()));
      return;
    case ColumnType::float64: {
      AnyValueView value;
      value.type = ColumnType::float64;
      value.number = data.floats[row];
      labels.add_metadata(column.name, text.keep(any_value_to_text(value)));
      return;
    }
    case ColumnType::bytes: {
      AnyValueView value;
      value.type = ColumnType::bytes;
      value.text = data.strings[row];
      labels.add_metadata(column.name, text.keep(any_value_to_text(value)));
      return;
    }
    case ColumnType::any: {
      std::string json = any_value_to_json(data.strings[row]);
      flatten(labels, column.name, json, 0);
      return;
    }
  }
}

void MetadataColumns::add_to(RowLabels& labels, size_t row) const {
  bool otlp = origin_ != nullptr && origin_->is_present(row) && origin_->ints[row] == 1;
  for (const Column& column : columns_) {
    if (!column.data->is_present(row) || (column.otlp_only && !otlp)) continue;
    // A resource attribute that names the stream is no metadata.
    if (column.data->id.scope == Scope::resource && !label_value(labels.stream(), column.name).empty())
      continue;
    add_value(labels, column, row);
  }
}

}  // namespace obelisk::logql
