#include "query/traceql/metrics_pushdown.h"

#include <algorithm>

#include "query/traceql/attribute_reader.h"

namespace obelisk::traceql {
namespace {

// The columns an attribute is read from, in order; empty when it is not read from columns alone.
std::vector<ColumnId> key_columns(const Attribute& attribute, const ArrayColumns& arrays) {
  switch (attribute.intrinsic) {
    case Intrinsic::none:
    case Intrinsic::name:
    case Intrinsic::status:
    case Intrinsic::status_message:
    case Intrinsic::kind:
    case Intrinsic::instrumentation_name:
    case Intrinsic::instrumentation_version:
    case Intrinsic::event_name:
      break;
    default:
      return {};
  }
  if (attribute.of_parent) return {};
  std::vector<ColumnId> columns;
  add_columns(attribute, columns);
  // Arrays are texts to a store, and an empty one is no value.
  if (std::any_of(columns.begin(), columns.end(), [&](auto& id) { return arrays.contains(id); })) return {};
  return columns;
}

std::vector<ColumnId> value_columns(const Attribute& attribute, const ArrayColumns& arrays) {
  if (attribute.intrinsic == Intrinsic::duration && !attribute.of_parent)
    return {fixed_column(column::kDuration)};
  return attribute.intrinsic == Intrinsic::none ? key_columns(attribute, arrays) : std::vector<ColumnId>();
}

}  // namespace

std::optional<Aggregate> lower_aggregate(const MetricsExpr& expr, const PointGrid& grid,
                                         const ArrayColumns& arrays, uint32_t exemplars_max) {
  Aggregate aggregate;
  for (const FieldExprPtr& by : expr.by) {
    std::vector<ColumnId> columns = key_columns(by->attribute, arrays);
    if (columns.empty()) return std::nullopt;
    aggregate.by.push_back(std::move(columns));
  }
  if (expr.argument) {
    aggregate.value = value_columns(expr.argument->attribute, arrays);
    if (aggregate.value.empty()) return std::nullopt;
  }
  switch (expr.function) {
    case MetricsFunction::rate:
    case MetricsFunction::count_over_time:
      break;
    case MetricsFunction::min_over_time:
      aggregate.minimum = true;
      aggregate.exemplar = Aggregate::Exemplar::smallest;
      break;
    case MetricsFunction::max_over_time:
      aggregate.maximum = true;
      aggregate.exemplar = Aggregate::Exemplar::largest;
      break;
    case MetricsFunction::avg_over_time:
    case MetricsFunction::sum_over_time:
      aggregate.sum = true;
      break;
    case MetricsFunction::quantile_over_time:
    case MetricsFunction::histogram_over_time:
      aggregate.histogram = true;
      aggregate.exemplar = Aggregate::Exemplar::largest;
      break;
    case MetricsFunction::compare:
      return std::nullopt;
  }
  aggregate.step = grid.step;
  aggregate.step_count = grid.count;
  aggregate.distinct_spans = true;
  aggregate.exemplar_slots = static_cast<uint32_t>(std::min<size_t>(exemplars_max, grid.count));
  return aggregate;
}

StoredValue value_of_key(const Attribute& attribute, const AggregateKeyPart& part) {
  const auto* integer = std::get_if<int64_t>(&part.value);
  if (attribute.intrinsic == Intrinsic::kind) return StoredValue(Value::of_kind(integer ? *integer : 0));
  if (attribute.intrinsic == Intrinsic::status) return StoredValue(Value::of_status(integer ? *integer : 0));
  if (part.is_absent()) {
    // Fixed text columns are empty where they are absent.
    bool is_nil = attribute.intrinsic == Intrinsic::none || attribute.intrinsic == Intrinsic::event_name;
    return is_nil ? StoredValue() : StoredValue::of_string("");
  }
  if (integer != nullptr) return StoredValue(Value::of_integer(*integer));
  if (auto* flag = std::get_if<bool>(&part.value)) return StoredValue(Value::of_boolean(*flag));
  if (auto* number = std::get_if<double>(&part.value)) return StoredValue(Value::of_float(*number));
  if (part.type == ColumnType::trace_id)
    return StoredValue::of_string(TraceId::from_bytes(std::get<std::string>(part.value))->to_hex());
  return StoredValue::of_string(std::get<std::string>(part.value));
}

}  // namespace obelisk::traceql
