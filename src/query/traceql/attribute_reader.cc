#include "query/traceql/attribute_reader.h"

namespace obelisk::traceql {
namespace {

constexpr std::string_view kServiceName = "service.name";

Scope column_scope(AttributeScope scope) {
  switch (scope) {
    case AttributeScope::resource:
      return Scope::resource;
    case AttributeScope::instrumentation:
      return Scope::instrumentation;
    case AttributeScope::event:
      return Scope::event;
    case AttributeScope::link:
      return Scope::link;
    default:
      return Scope::attribute;
  }
}

void add_matching(const Batch& batch, Scope scope, std::string_view name,
                  std::vector<const ColumnData*>& out) {
  for (const ColumnData& data : batch.columns) {
    if (data.id.scope == scope && data.id.name == name) out.push_back(&data);
  }
}

}  // namespace

bool is_trace_level(const Attribute& attribute) {
  switch (attribute.intrinsic) {
    case Intrinsic::trace_duration:
    case Intrinsic::root_name:
    case Intrinsic::root_service:
      return true;
    default:
      return needs_links(attribute);
  }
}

bool needs_measures(Intrinsic intrinsic) {
  return intrinsic == Intrinsic::self_time || intrinsic == Intrinsic::on_critical_path;
}

bool needs_links(const Attribute& attribute) {
  if (attribute.of_parent) return true;
  switch (attribute.intrinsic) {
    case Intrinsic::self_time:
    case Intrinsic::on_critical_path:
    case Intrinsic::child_count:
    case Intrinsic::nested_set_left:
    case Intrinsic::nested_set_right:
    case Intrinsic::nested_set_parent:
      return true;
    default:
      return false;
  }
}

std::string_view fixed_column_of(Intrinsic intrinsic) {
  switch (intrinsic) {
    case Intrinsic::duration:
      return column::kDuration;
    case Intrinsic::name:
      return column::kName;
    case Intrinsic::status:
      return column::kStatusCode;
    case Intrinsic::status_message:
      return column::kStatusMessage;
    case Intrinsic::kind:
      return column::kKind;
    case Intrinsic::span_id:
      return column::kSpanId;
    case Intrinsic::parent_id:
    case Intrinsic::parent:
      return column::kParentSpanId;
    case Intrinsic::trace_id:
      return column::kTraceId;
    case Intrinsic::trace_state:
      return column::kTraceState;
    case Intrinsic::instrumentation_name:
      return column::kScopeName;
    case Intrinsic::instrumentation_version:
      return column::kScopeVersion;
    case Intrinsic::event_name:
      return column::kEventNames;
    case Intrinsic::event_time_since_start:
      return column::kEventTimes;
    case Intrinsic::link_trace_id:
      return column::kLinkTraceIds;
    case Intrinsic::link_span_id:
      return column::kLinkSpanIds;
    default:
      return {};
  }
}

void add_columns(const Attribute& attribute, std::vector<ColumnId>& columns) {
  if (attribute.intrinsic == Intrinsic::root_name) columns.push_back(fixed_column(column::kName));
  if (attribute.intrinsic == Intrinsic::root_service)
    columns.push_back({Scope::resource, std::string(kServiceName)});
  if (attribute.intrinsic != Intrinsic::none) {
    std::string_view name = fixed_column_of(attribute.intrinsic);
    if (!name.empty()) columns.push_back(fixed_column(name));
    return;
  }
  columns.push_back({column_scope(attribute.scope), attribute.name});
  if (attribute.scope == AttributeScope::any) columns.push_back({Scope::resource, attribute.name});
}

int64_t int_at(const ColumnData* data, uint32_t row) {
  return data == nullptr || !data->is_present(row) ? 0 : data->ints[row];
}

std::string_view text_at(const ColumnData* data, uint32_t row) {
  return data == nullptr || !data->is_present(row) ? std::string_view() : data->strings[row];
}

void AttributeReader::bind(const Batch& batch) {
  ++bound_batches_;
  batch_ = &batch;
  tree_ = nullptr;
  columns_.assign(attributes_.size(), {});
  for (size_t slot = 0; slot < attributes_.size(); ++slot) {
    const Attribute& attribute = attributes_[slot];
    if (attribute.intrinsic != Intrinsic::none) {
      std::string_view name = fixed_column_of(attribute.intrinsic);
      if (!name.empty()) add_matching(batch, Scope::fixed, name, columns_[slot]);
    } else {
      add_matching(batch, column_scope(attribute.scope), attribute.name, columns_[slot]);
      if (attribute.scope == AttributeScope::any)
        add_matching(batch, Scope::resource, attribute.name, columns_[slot]);
    }
  }
  root_name_ = batch.find_fixed(column::kName);
  service_names_.clear();
  add_matching(batch, Scope::resource, kServiceName, service_names_);
}

void AttributeReader::clear_scratch() {
  lists_.clear();
  texts_.clear();
}

Value AttributeReader::keep_text(std::string text) {
  texts_.push_back(std::move(text));
  return Value::of_string(texts_.back());
}

Value AttributeReader::value_of_list(std::vector<Value> values) {
  if (values.empty()) return {};
  if (values.size() == 1) return values[0];
  lists_.push_back(std::move(values));
  Value value;
  value.type = ValueType::list;
  value.list = &lists_.back();
  return value;
}

// An array in an array, as several events with one each make it, counts as its elements.
void AttributeReader::add_elements(const AnyValueView& view, std::vector<Value>& values) {
  switch (view.type) {
    case ColumnType::boolean:
      return values.push_back(Value::of_boolean(view.integer != 0));
    case ColumnType::int64:
      return values.push_back(Value::of_integer(view.integer));
    case ColumnType::float64:
      return values.push_back(Value::of_float(view.number));
    case ColumnType::any:
      break;
    default:
      return values.push_back(Value::of_string(view.text));
  }
  if (view.text.empty()) return;  // without a value
  auto elements = read_any_array(view.text);
  if (!elements) return values.push_back(keep_text(any_value_to_json(view.text)));
  for (const AnyValueView& element : *elements) {
    if (element.type != ColumnType::any)
      add_elements(element, values);
    else if (!element.text.empty())
      values.push_back(keep_text(any_value_to_json(element.text)));
  }
}

Value AttributeReader::read_durations(const std::vector<const ColumnData*>& columns, uint32_t row) {
  Value value = read_columns(columns, row);
  if (value.type == ValueType::integer) return Value::of_duration(value.integer);
  if (value.type == ValueType::list) {
    for (Value& element : lists_.back()) element = Value::of_duration(element.integer);
  }
  return value;
}

Value AttributeReader::read_columns(const std::vector<const ColumnData*>& columns, uint32_t row) {
  for (const ColumnData* data : columns) {
    if (!data->is_present(row)) continue;
    switch (data->type) {
      case ColumnType::boolean:
        return Value::of_boolean(data->ints[row] != 0);
      case ColumnType::int64:
        return Value::of_integer(data->ints[row]);
      case ColumnType::float64:
        return Value::of_float(data->floats[row]);
      case ColumnType::string:
      case ColumnType::bytes:
        return Value::of_string(data->strings[row]);
      case ColumnType::trace_id:
        return keep_text(data->trace_ids[row].to_hex());
      case ColumnType::any:
        break;
    }
    if (data->strings[row].empty()) continue;  // an attribute without a value
    auto elements = read_any_array(data->strings[row]);
    if (!elements) return keep_text(any_value_to_json(data->strings[row]));
    std::vector<Value> values;
    for (const AnyValueView& element : *elements) add_elements(element, values);
    if (values.empty()) continue;  // nor has an empty array one
    return value_of_list(std::move(values));
  }
  return {};
}

Value AttributeReader::read_trace_level(Intrinsic intrinsic, uint32_t span) {
  OBELISK_ASSERT(tree_ != nullptr);
  uint32_t root = tree_->root();
  switch (intrinsic) {
    case Intrinsic::trace_duration:
      return Value::of_duration(tree_->duration());
    case Intrinsic::root_name:
      return root == kNoSpan ? Value::of_string("") : Value::of_string(text_at(root_name_, tree_->row(root)));
    case Intrinsic::root_service: {
      if (root == kNoSpan) return Value::of_string(kRootNotReceived);
      Value service = read_columns(service_names_, tree_->row(root));
      return service.type == ValueType::string ? service : Value::of_string("");
    }
    case Intrinsic::child_count:
      return Value::of_integer(tree_->child_count(span));
    case Intrinsic::self_time:
      return Value::of_duration(tree_->self_time(span));
    case Intrinsic::on_critical_path:
      return Value::of_boolean(tree_->on_critical_path(span));
    case Intrinsic::nested_set_left:
      return Value::of_integer(tree_->nested_set(span).left);
    case Intrinsic::nested_set_right:
      return Value::of_integer(tree_->nested_set(span).right);
    case Intrinsic::nested_set_parent:
      return Value::of_integer(tree_->nested_set(span).parent);
    default:
      return {};
  }
}

Value AttributeReader::read_intrinsic(const Attribute& attribute,
                                      const std::vector<const ColumnData*>& columns, uint32_t row,
                                      uint32_t span) {
  const ColumnData* data = columns.empty() ? nullptr : columns[0];
  switch (attribute.intrinsic) {
    case Intrinsic::duration:
      return Value::of_duration(int_at(data, row));
    case Intrinsic::status:
      return Value::of_status(int_at(data, row));
    case Intrinsic::kind:
      return Value::of_kind(int_at(data, row));
    case Intrinsic::name:
    case Intrinsic::status_message:
    case Intrinsic::trace_state:
    case Intrinsic::instrumentation_name:
    case Intrinsic::instrumentation_version:
      return Value::of_string(text_at(data, row));
    case Intrinsic::span_id:
      return keep_text(SpanId{static_cast<uint64_t>(int_at(data, row))}.to_hex());
    case Intrinsic::parent_id: {
      SpanId parent{static_cast<uint64_t>(int_at(data, row))};
      return parent.is_none() ? Value::of_string("") : keep_text(parent.to_hex());
    }
    case Intrinsic::parent:  // true, or nil where the span names no parent
      return int_at(data, row) == 0 ? Value() : Value::of_boolean(true);
    case Intrinsic::trace_id:
      return data == nullptr ? Value() : keep_text(data->trace_ids[row].to_hex());
    case Intrinsic::event_name:
    case Intrinsic::link_trace_id:
    case Intrinsic::link_span_id:
      return read_columns(columns, row);
    case Intrinsic::event_time_since_start:
      return read_durations(columns, row);
    default:
      return read_trace_level(attribute.intrinsic, span);
  }
}

Value AttributeReader::read(size_t slot, uint32_t row, uint32_t span) {
  const Attribute& attribute = attributes_[slot];
  if (attribute.of_parent) {  // the same of the parent span; nil where that is not in the trace
    OBELISK_ASSERT(tree_ != nullptr && span != kNoSpan);
    span = tree_->parent(span);
    if (span == kNoSpan) return {};
    row = tree_->row(span);
  }
  const std::vector<const ColumnData*>& columns = columns_[slot];
  if (attribute.intrinsic != Intrinsic::none) return read_intrinsic(attribute, columns, row, span);
  return read_columns(columns, row);
}

}  // namespace obelisk::traceql
