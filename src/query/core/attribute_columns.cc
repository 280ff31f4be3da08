#include "query/core/attribute_columns.h"

#include <fmt/format.h>

#include "base/text.h"
#include "wire/any_value.h"

namespace obelisk {
namespace {

bool append_text(const ColumnData& data, size_t row, std::string& out) {
  size_t before = out.size();
  switch (data.type) {
    case ColumnType::string:
      out += data.strings[row];
      break;
    case ColumnType::int64:
      fmt::format_to(std::back_inserter(out), "{}", data.ints[row]);
      break;
    case ColumnType::boolean:
      out += data.ints[row] != 0 ? "true" : "false";
      break;
    case ColumnType::float64:
      out += format_sample_value(data.floats[row]);
      break;
    case ColumnType::any:
      if (!data.strings[row].empty()) out += any_value_to_json(data.strings[row]);
      break;
    default:
      break;  // bytes and ids are no text
  }
  return out.size() > before;
}

}  // namespace

AttributeColumns::AttributeColumns(const Batch& spans, std::span<const std::string> names, Where where) {
  std::vector<Scope> scopes;
  if (where == Where::resource || where == Where::resource_then_span) scopes.push_back(Scope::resource);
  if (where != Where::resource) scopes.push_back(Scope::attribute);
  if (where == Where::span_then_resource) scopes.push_back(Scope::resource);
  for (const std::string& name : names) {
    for (Scope scope : scopes) {
      for (const ColumnData& data : spans.columns) {
        if (data.id.scope == scope && data.id.name == name) columns_.push_back(&data);
      }
    }
  }
}

bool AttributeColumns::append_first_of(size_t row, std::string& out) const {
  for (const ColumnData* data : columns_) {
    if (data->is_present(row) && append_text(*data, row, out)) return true;
  }
  return false;
}

std::string AttributeColumns::first_of(size_t row) const {
  std::string text;
  append_first_of(row, text);
  return text;
}

std::optional<double> AttributeColumns::first_number_of(size_t row) const {
  for (const ColumnData* data : columns_) {
    if (!data->is_present(row)) continue;
    if (data->type == ColumnType::float64) return data->floats[row];
    if (data->type == ColumnType::int64) return static_cast<double>(data->ints[row]);
  }
  return std::nullopt;
}

}  // namespace obelisk
