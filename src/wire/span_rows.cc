#include "wire/span_rows.h"

#include <algorithm>
#include <bit>
#include <unordered_map>

namespace obelisk {
namespace {

void append_number(std::string& key, uint64_t number) {
  key.append(reinterpret_cast<const char*>(&number), 8);
}

void append_text(std::string& key, std::string_view text) {
  append_number(key, text.size());
  key += text;
}

// Equal bytes exactly when names, types and values are equal.
void append_attributes(std::string& key, const std::vector<AttributeView>& attributes) {
  for (const AttributeView& attribute : attributes) {
    append_text(key, attribute.key);
    key += static_cast<char>(attribute.value.type);
    append_number(key, static_cast<uint64_t>(attribute.value.integer));
    append_number(key, std::bit_cast<uint64_t>(attribute.value.number));
    append_text(key, attribute.value.text);
  }
}

std::string resource_key(const SpanRow& row) {
  std::string key;
  append_attributes(key, row.attributes(Scope::resource));
  return key;
}

std::string scope_key(const SpanRow& row) {
  std::string key;
  append_text(key, row.text(column::kScopeName));
  append_text(key, row.text(column::kScopeVersion));
  append_attributes(key, row.attributes(Scope::instrumentation));
  return key;
}

}  // namespace

AnyValueView value_at(const ColumnData& data, size_t row) {
  AnyValueView value;
  value.type = data.type;
  switch (data.type) {
    case ColumnType::boolean:
    case ColumnType::int64:
      value.integer = data.ints[row];
      break;
    case ColumnType::float64:
      value.number = data.floats[row];
      break;
    case ColumnType::string:
    case ColumnType::bytes:
    case ColumnType::any:
      value.text = data.strings[row];
      break;
    case ColumnType::trace_id:
      value.type = ColumnType::bytes;
      value.text = data.trace_ids[row].view();
      break;
  }
  return value;
}

int64_t SpanRow::integer(std::string_view name) const {
  const ColumnData* data = batch->find_fixed(name);
  return data != nullptr && data->is_present(row) && row < data->ints.size() ? data->ints[row] : 0;
}

std::string_view SpanRow::text(std::string_view name) const {
  const ColumnData* data = batch->find_fixed(name);
  return data != nullptr && data->is_present(row) && row < data->strings.size() ? data->strings[row] : "";
}

TraceId SpanRow::trace_id() const {
  const ColumnData* data = batch->find_fixed(column::kTraceId);
  return data != nullptr && data->is_present(row) ? data->trace_ids.at(row) : TraceId{};
}

std::vector<AttributeView> SpanRow::attributes(Scope scope) const {
  std::vector<AttributeView> found;
  for (const ColumnData& data : batch->columns) {
    if (data.id.scope == scope && data.is_present(row)) found.push_back({data.id.name, value_at(data, row)});
  }
  std::sort(found.begin(), found.end(), [](const AttributeView& a, const AttributeView& b) {
    return a.key != b.key ? a.key < b.key : a.value.type < b.value.type;
  });
  return found;
}

std::vector<ResourceGroup> group_spans(std::span<const BatchPtr> batches) {
  std::vector<ResourceGroup> groups;
  std::unordered_map<std::string, size_t> resources;
  std::vector<std::unordered_map<std::string, size_t>> scopes;  // one map a group
  for (const BatchPtr& batch : batches) {
    for (size_t row = 0; row < batch->row_count; ++row) {
      SpanRow span{batch.get(), row};
      size_t group = resources.try_emplace(resource_key(span), groups.size()).first->second;
      if (group == groups.size()) {
        groups.emplace_back();
        scopes.emplace_back();
      }
      std::vector<ScopeGroup>& of_group = groups[group].scopes;
      size_t scope = scopes[group].try_emplace(scope_key(span), of_group.size()).first->second;
      if (scope == of_group.size()) of_group.emplace_back();
      of_group[scope].spans.push_back(span);
    }
  }
  return groups;
}

}  // namespace obelisk
