#include "query/traceql/ast.h"

#include <fmt/format.h>

#include <limits>

#include "base/json_writer.h"

namespace obelisk::traceql {
namespace {

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

// As it can be read again: what value_text() shows of a number may be another kind of number, or none.
std::string literal_text(const StoredValue& literal) {
  if (literal.type == ValueType::string) return quoted(literal.text);
  bool least = literal.type == ValueType::integer && literal.integer == std::numeric_limits<int64_t>::min();
  if (least) return "minInt";
  std::string text = value_text(literal.view());
  bool whole =
      literal.type == ValueType::floating && text.find_first_not_of("-0123456789") == std::string::npos;
  return whole ? text + ".0" : text;
}

std::string quoted_if_needed(const std::string& name) {
  bool number = name.find_first_not_of("0123456789") == std::string::npos;  // .5 would be one half
  if (!number && name.find_first_of(" \t\r\n\v\f{}()=~!<>&|^,\"\\") == std::string::npos) return name;
  std::string out = "\"";
  for (char c : name) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

const std::vector<IntrinsicInfo>& intrinsics() {
  static const std::vector<IntrinsicInfo> kAll = {
      {"duration", Intrinsic::duration, ValueType::duration},
      {"span:duration", Intrinsic::duration, ValueType::duration},
      {"name", Intrinsic::name, ValueType::string},
      {"span:name", Intrinsic::name, ValueType::string},
      {"status", Intrinsic::status, ValueType::status},
      {"span:status", Intrinsic::status, ValueType::status},
      {"statusMessage", Intrinsic::status_message, ValueType::string},
      {"span:statusMessage", Intrinsic::status_message, ValueType::string},
      {"kind", Intrinsic::kind, ValueType::kind},
      {"span:kind", Intrinsic::kind, ValueType::kind},
      {"parent", Intrinsic::parent, ValueType::boolean},
      {"span:childCount", Intrinsic::child_count, ValueType::integer},
      {"span:selfTime", Intrinsic::self_time, ValueType::duration},
      {"span:onCriticalPath", Intrinsic::on_critical_path, ValueType::boolean},
      {"span:id", Intrinsic::span_id, ValueType::string},
      {"span:parentID", Intrinsic::parent_id, ValueType::string},
      {"traceDuration", Intrinsic::trace_duration, ValueType::duration},
      {"trace:duration", Intrinsic::trace_duration, ValueType::duration},
      {"rootName", Intrinsic::root_name, ValueType::string},
      {"trace:rootName", Intrinsic::root_name, ValueType::string},
      {"rootServiceName", Intrinsic::root_service, ValueType::string},
      {"trace:rootService", Intrinsic::root_service, ValueType::string},
      {"trace:id", Intrinsic::trace_id, ValueType::string},
      {"nestedSetLeft", Intrinsic::nested_set_left, ValueType::integer},
      {"nestedSetRight", Intrinsic::nested_set_right, ValueType::integer},
      {"nestedSetParent", Intrinsic::nested_set_parent, ValueType::integer},
      {"event:name", Intrinsic::event_name, ValueType::string},
      {"event:timeSinceStart", Intrinsic::event_time_since_start, ValueType::duration},
      {"link:traceID", Intrinsic::link_trace_id, ValueType::string},
      {"link:spanID", Intrinsic::link_span_id, ValueType::string},
      {"instrumentation:name", Intrinsic::instrumentation_name, ValueType::string},
      {"instrumentation:version", Intrinsic::instrumentation_version, ValueType::string},
  };
  return kAll;
}

std::optional<IntrinsicInfo> find_intrinsic(std::string_view word) {
  for (const IntrinsicInfo& info : intrinsics()) {
    if (info.word == word) return info;
  }
  return std::nullopt;
}

std::string Attribute::to_string() const {
  if (intrinsic != Intrinsic::none) return (of_parent ? "parent." : "") + name;
  static constexpr std::string_view kPrefixes[] = {"",      "span", "resource",
                                                   "event", "link", "instrumentation"};
  std::string_view prefix = kPrefixes[static_cast<int>(scope)];
  std::string text = of_parent ? "parent" : "";
  if (!prefix.empty()) text += (text.empty() ? "" : ".") + std::string(prefix);
  return text + "." + quoted_if_needed(name);
}

bool Attribute::is_same(const Attribute& other) const {
  if (intrinsic != other.intrinsic || of_parent != other.of_parent) return false;
  return intrinsic != Intrinsic::none || (scope == other.scope && name == other.name);
}

std::string_view field_op_text(FieldOp op) {
  static constexpr std::string_view kTexts[] = {"+",  "-", "*",  "/",  "%",  "^",  "=",  "!=", "<",
                                                "<=", ">", ">=", "=~", "!~", "&&", "||", "-",  "!"};
  return kTexts[static_cast<int>(op)];
}

bool is_arithmetic(FieldOp op) {
  return op <= FieldOp::power;
}
bool is_comparison(FieldOp op) {
  return op >= FieldOp::equal && op <= FieldOp::greater_equal;
}

std::string FieldExpr::to_string() const {
  if (kind == Kind::literal) return literal_text(literal);
  if (kind == Kind::attribute) return attribute.to_string();
  if (operands.size() == 1) return std::string(field_op_text(op)) + operands[0]->to_string();
  std::string text = "(";
  for (const FieldExprPtr& operand : operands) {
    if (text.size() > 1) text += fmt::format(" {} ", field_op_text(op));
    text += operand->to_string();
  }
  return text + ")";
}

bool ScalarExpr::has_aggregate() const {
  if (kind == Kind::operation) return left->has_aggregate() || right->has_aggregate();
  return kind == Kind::aggregate || kind == Kind::pipeline;
}

std::string ScalarExpr::to_string() const {
  static constexpr std::string_view kNames[] = {"count", "min", "max", "avg", "sum"};
  switch (kind) {
    case Kind::literal:
      return literal_text(literal);
    case Kind::operation:
      return fmt::format("{} {} {}", left->to_string(), field_op_text(op), right->to_string());
    case Kind::aggregate:
    case Kind::pipeline:
      break;
  }
  return fmt::format("{}({})", kNames[static_cast<int>(function)], argument ? argument->to_string() : "");
}

std::string_view metrics_function_name(MetricsFunction function) {
  static constexpr std::string_view kNames[] = {
      "rate",          "count_over_time",    "min_over_time",       "max_over_time", "avg_over_time",
      "sum_over_time", "quantile_over_time", "histogram_over_time", "compare"};
  return kNames[static_cast<int>(function)];
}

}  // namespace obelisk::traceql
