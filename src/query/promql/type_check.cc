// The rules of which type may stand where, with Prometheus' messages.
#include <fmt/format.h>

#include <algorithm>

#include "query/promql/functions.h"
#include "query/promql/lexer.h"
#include "query/promql/parser.h"

namespace obelisk::promql {
namespace {

class TypeChecker {
 public:
  explicit TypeChecker(std::string_view query) : query_(query) {}

  Result<void> check(const Node& node) {
    switch (node.kind) {
      case Node::Kind::number:
      case Node::Kind::string:
        return {};
      case Node::Kind::selector:
        return check_selector(node);
      case Node::Kind::matrix:
        return check(*node.children[0]);
      case Node::Kind::subquery: {
        OBELISK_CHECK_OK(check(*node.children[0]));
        ValueType type = node.children[0]->type();
        if (type == ValueType::vector) return {};
        return error(
            node, fmt::format("subquery is only allowed on instant vector, got {} instead", type_name(type)));
      }
      case Node::Kind::paren:
        return check(*node.children[0]);
      case Node::Kind::unary: {
        OBELISK_CHECK_OK(check(*node.children[0]));
        ValueType type = node.children[0]->type();
        if (type == ValueType::scalar || type == ValueType::vector) return {};
        return error(
            node,
            fmt::format(
                "unary expression only allowed on expressions of type scalar or instant vector, got \"{}\"",
                documented_type(type)));
      }
      case Node::Kind::aggregation:
        return check_aggregation(node);
      case Node::Kind::call:
        return check_call(node);
      case Node::Kind::binary:
        return check_binary(node);
    }
    return {};
  }

 private:
  Error error(const Node& node, std::string message) const {
    return parse_error(query_, node.source.begin, std::move(message));
  }

  Result<void> expect(const Node& node, ValueType wanted, std::string_view context) const {
    return expect_at(node, node, wanted, context);
  }

  Result<void> expect_at(const Node& place, const Node& node, ValueType wanted,
                         std::string_view context) const {
    if (node.type() == wanted) return {};
    return error(place, fmt::format("expected type {} in {}, got {}", documented_type(wanted), context,
                                    documented_type(node.type())));
  }

  Result<void> check_selector(const Node& node) const {
    bool selective = std::any_of(node.matchers.begin(), node.matchers.end(),
                                 [](const Matcher& m) { return !m.matches(""); });
    if (selective) return {};
    return error(node, "vector selector must contain at least one non-empty matcher");
  }

  Result<void> check_aggregation(const Node& node) {
    OBELISK_CHECK_OK(check(*node.children[0]));
    OBELISK_CHECK_OK(expect(*node.children[0], ValueType::vector, "aggregation expression"));
    if (node.children.size() < 2) return {};
    OBELISK_CHECK_OK(check(*node.children[1]));
    ValueType wanted =
        node.aggregation == AggregationOp::count_values ? ValueType::string : ValueType::scalar;
    return expect(*node.children[1], wanted, "aggregation parameter");
  }

  Result<void> check_call(const Node& node) {
    const Function& function = *node.function;
    size_t given = node.children.size();
    size_t named = function.arguments.size();
    if (function.variadic == 0) {
      if (given != named) return error(node, count_message("expected", named, function, given));
    } else {
      size_t least = named - 1;
      if (given < least) return error(node, count_message("expected at least", least, function, given));
      size_t most = least + static_cast<size_t>(std::max(function.variadic, 0));
      if (function.variadic > 0 && given > most)
        return error(node, count_message("expected at most", most, function, given));
    }
    std::string context = fmt::format("call to function \"{}\"", function.name);
    if (function.id == FunctionId::info && given > 1)
      OBELISK_CHECK_OK(check_info_selector(node, *node.children[1], context));
    for (size_t i = 0; i < given; ++i) {
      const Node& argument = *node.children[i];
      if (function.id == FunctionId::info && i == 1) continue;
      OBELISK_CHECK_OK(check(argument));
      OBELISK_CHECK_OK(expect(argument, function.arguments[std::min(i, named - 1)], context));
    }
    return {};
  }

  // What info() takes labels from: matchers only, which may all match the empty string.
  Result<void> check_info_selector(const Node& call, const Node& argument, std::string_view context) const {
    if (argument.type() != ValueType::vector) return expect_at(call, argument, ValueType::vector, context);
    if (argument.kind != Node::Kind::selector) return error(argument, "expected label selectors only");
    if (!argument.text.empty())
      return error(argument, "expected label selectors only, got vector selector instead");
    return {};
  }

  static std::string count_message(std::string_view expected, size_t count, const Function& function,
                                   size_t given) {
    return fmt::format("{} {} argument(s) in call to \"{}\", got {}", expected, count, function.name, given);
  }

  Result<void> check_binary(const Node& node) {
    const Node& left = *node.children[0];
    const Node& right = *node.children[1];
    OBELISK_CHECK_OK(check(left));
    OBELISK_CHECK_OK(check(right));
    bool vectors = left.type() == ValueType::vector && right.type() == ValueType::vector;
    OBELISK_CHECK_OK(check_operator(node, left, right));
    for (const Node* side : {&left, &right}) {
      if (side->type() != ValueType::scalar && side->type() != ValueType::vector) {
        return error(*side, "binary expression must contain only scalar and instant vector types");
      }
    }
    const VectorMatching& matching = node.matching;
    bool fills = matching.fill_left.has_value() || matching.fill_right.has_value();
    if (!vectors && node.has_matching && !matching.labels.empty()) {
      return error(node, "vector matching only allowed between instant vectors");
    }
    if (!vectors && fills)
      return error(node, "filling in missing series only allowed between instant vectors");
    if (vectors && is_set_op(node.op) && node.has_group_modifier) {
      return error(node, fmt::format("no grouping allowed for \"{}\" operation", binary_op_text(node.op)));
    }
    if (vectors && is_set_op(node.op) && fills)
      return error(node, "filling in missing series not allowed for set operators");
    if (!vectors && is_set_op(node.op)) {
      return error(node, fmt::format("set operator \"{}\" not allowed in binary scalar expression",
                                     binary_op_text(node.op)));
    }
    return {};
  }

  // What is wrong with the operator is told at the operator.
  Result<void> check_operator(const Node& node, const Node& left, const Node& right) const {
    auto at_operator = [&](std::string message) {
      uint32_t at = left.source.end;
      while (at < query_.size() && is_blank(query_[at])) ++at;
      return parse_error(query_, at, std::move(message));
    };
    if (node.return_bool && !is_comparison(node.op))
      return at_operator("bool modifier can only be used on comparison operators");
    bool scalars = left.type() == ValueType::scalar && right.type() == ValueType::scalar;
    if (is_comparison(node.op) && !node.return_bool && scalars)
      return at_operator("comparisons between scalars must use BOOL modifier");
    if (!node.matching.on) return {};
    const std::vector<std::string>& labels = node.matching.labels;
    for (const std::string& label : labels) {
      const std::vector<std::string>& include = node.matching.include;
      if (std::find(include.begin(), include.end(), label) != include.end())
        return at_operator(fmt::format("label \"{}\" must not occur in ON and GROUP clause at once", label));
    }
    return {};
  }

  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

  std::string_view query_;
};

}  // namespace

Result<void> check_types(const Node& node, std::string_view query) {
  return TypeChecker(query).check(node);
}

}  // namespace obelisk::promql
