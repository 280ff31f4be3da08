#include "api/prometheus/ast_json.h"

#include "base/text.h"
#include "query/core/float_text.h"
#include "query/promql/functions.h"
#include "query/promql/printer.h"

namespace obelisk::prometheus_api {
namespace {

using promql::Node;

void write_names(JsonWriter& json, std::string_view key, const std::vector<std::string>& names) {
  json.key(key).begin_array();
  for (const std::string& name : names) json.value(name);
  json.end_array();
}

// Milliseconds; a duration that depends on the query's step or range is written as an expression beside a 0.
void write_duration(JsonWriter& json, const std::string& key,
                    const std::optional<promql::DurationExpr>& duration) {
  bool literal = duration && duration->is_literal();
  int64_t millis = 0;
  if (literal) {
    if (Result<int64_t> value = duration->evaluate_ms(0, 0, false); value.ok()) millis = *value;
  }
  json.field(key, millis);
  if (duration && !literal) json.field(key + "Expr", promql::to_string(*duration));
}

void write_time_modifiers(JsonWriter& json, const promql::TimeModifiers& time) {
  using At = promql::TimeModifiers::At;
  write_duration(json, "offset", time.offset);
  json.key("timestamp");
  if (time.at == At::time) {
    json.value(time.at_ms);
  } else {
    json.null();
  }
  json.key("startOrEnd");
  if (time.at == At::start || time.at == At::end) {
    json.value(time.at == At::start ? "start" : "end");
  } else {
    json.null();
  }
}

void write_selector(JsonWriter& json, const Node& selector, const Node& modifiers) {
  json.field("name", selector.text).key("matchers").begin_array();
  for (const promql::Matcher& matcher : selector.matchers) {
    json.begin_object().field("name", matcher.name).field("value", matcher.value);
    json.field("type", promql::matcher_op_text(matcher.op)).end_object();
  }
  json.end_array();
  write_time_modifiers(json, modifiers.time);
  json.field("anchored", modifiers.range_mode == promql::RangeMode::anchored);
  json.field("smoothed", modifiers.range_mode == promql::RangeMode::smoothed);
}

void write_matching(JsonWriter& json, const Node& node) {
  static constexpr std::string_view kCards[] = {"one-to-one", "many-to-one", "one-to-many", "many-to-many"};
  json.key("matching");
  bool vectors = node.children[0]->type() == promql::ValueType::vector &&
                 node.children[1]->type() == promql::ValueType::vector;
  if (!vectors) {
    json.null();
    return;
  }
  json.begin_object().field("card", kCards[static_cast<int>(node.matching.cardinality)]);
  write_names(json, "labels", node.matching.labels);
  json.field("on", node.matching.on);
  write_names(json, "include", node.matching.include);
  json.end_object();
}

void write_child(JsonWriter& json, std::string_view key, const Node& child) {
  json.key(key);
  write_ast(json, child);
}

void write_call(JsonWriter& json, const Node& node) {
  json.field("type", "call").key("func").begin_object().field("name", node.function->name);
  json.key("argTypes").begin_array();
  for (promql::ValueType type : node.function->arguments) json.value(promql::type_name(type));
  json.end_array()
      .field("variadic", node.function->variadic)
      .field("returnType", promql::type_name(node.function->returns));
  json.end_object().key("args").begin_array();
  for (const promql::NodePtr& child : node.children) write_ast(json, *child);
  json.end_array();
}

}  // namespace

void write_ast(JsonWriter& json, const Node& node) {
  json.begin_object();
  switch (node.kind) {
    case Node::Kind::number:
      json.field("type", "numberLiteral").field("val", format_plain_float(node.number));
      break;
    case Node::Kind::string:
      json.field("type", "stringLiteral").field("val", node.text);
      break;
    case Node::Kind::selector:
      json.field("type", "vectorSelector");
      write_selector(json, node, node);
      break;
    case Node::Kind::matrix:
      json.field("type", "matrixSelector");
      write_duration(json, "range", node.range);
      write_selector(json, *node.children[0], node);
      break;
    case Node::Kind::subquery:
      json.field("type", "subquery");
      write_child(json, "expr", *node.children[0]);
      write_duration(json, "range", node.range);
      write_duration(json, "step", node.step);
      write_time_modifiers(json, node.time);
      break;
    case Node::Kind::call:
      write_call(json, node);
      break;
    case Node::Kind::aggregation:
      json.field("type", "aggregation").field("op", promql::aggregation_op_text(node.aggregation));
      write_child(json, "expr", *node.children[0]);
      json.key("param");
      if (node.children.size() > 1) {
        write_ast(json, *node.children[1]);
      } else {
        json.null();
      }
      write_names(json, "grouping", node.grouping);
      json.field("without", node.without);
      break;
    case Node::Kind::binary:
      json.field("type", "binaryExpr").field("op", promql::binary_op_text(node.op));
      write_child(json, "lhs", *node.children[0]);
      write_child(json, "rhs", *node.children[1]);
      write_matching(json, node);
      json.field("bool", node.return_bool);
      break;
    case Node::Kind::unary:
      json.field("type", "unaryExpr").field("op", promql::binary_op_text(node.op));
      write_child(json, "expr", *node.children[0]);
      break;
    case Node::Kind::paren:
      json.field("type", "parenExpr");
      write_child(json, "expr", *node.children[0]);
      break;
  }
  // Not in Prometheus' answer: where the node stands in the query, in bytes.
  json.key("position")
      .begin_object()
      .field("start", uint64_t{node.source.begin})
      .field("end", uint64_t{node.source.end})
      .end_object();
  json.end_object();
}

}  // namespace obelisk::prometheus_api
