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
    if (node.type() == wanted) return {};
    return error(node, fmt::format("expected type {} in {}, got {}", documented_type(wanted), context,
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
    for (size_t i = 0; i < given; ++i) {
      const Node& argument = *node.children[i];
      if (function.id == FunctionId::info && i == 1) {
        // Its label selectors may all match the empty string.
        if (argument.kind != Node::Kind::selector) {
          return error(argument, "expected label selectors as the second argument to info function, got " +
                                     std::string(documented_type(argument.type())));
        }
        if (!argument.text.empty())
          return error(argument, "expected label selectors only, got vector selector instead");
        continue;
      }
      OBELISK_CHECK_OK(check(argument));
      OBELISK_CHECK_OK(check_range_mode(argument, function));
      OBELISK_CHECK_OK(expect(argument, function.arguments[std::min(i, named - 1)], context));
    }
    return {};
  }

  // Only functions of the change over a range can take its ends into account.
  Result<void> check_range_mode(const Node& argument, const Function& function) const {
    const Node& range = unwrap_parens(argument);
    if (range.kind != Node::Kind::matrix || range.range_mode == RangeMode::plain) return {};
    bool anchored = range.range_mode == RangeMode::anchored;
    switch (function.id) {
      case FunctionId::delta:
      case FunctionId::increase:
      case FunctionId::rate:
        return {};
      case FunctionId::changes:
      case FunctionId::resets:
        if (anchored) return {};
        break;
      default:
        break;
    }
    return error(
        argument,
        anchored ? fmt::format("anchored modifier can only be used with: changes, delta, increase, rate, "
                               "resets - not with {}",
                               function.name)
                 : fmt::format("smoothed modifier can only be used with: delta, increase, rate - not with {}",
                               function.name));
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
    if (node.return_bool && !is_comparison(node.op)) {
      return error(node, "bool modifier can only be used on comparison operators");
    }
    for (const Node* side : {&left, &right}) {
      if (side->type() != ValueType::scalar && side->type() != ValueType::vector) {
        return error(*side, "binary expression must contain only scalar and instant vector types");
      }
    }
    bool vectors = left.type() == ValueType::vector && right.type() == ValueType::vector;
    if (is_comparison(node.op) && !node.return_bool && left.type() == ValueType::scalar &&
        right.type() == ValueType::scalar) {
      return error(node, "comparisons between scalars must use BOOL modifier");
    }
    if (is_set_op(node.op) && !vectors) {
      return error(node, fmt::format("set operator \"{}\" not allowed in binary scalar expression",
                                     binary_op_text(node.op)));
    }
    const VectorMatching& matching = node.matching;
    bool fills = matching.fill_left.has_value() || matching.fill_right.has_value();
    if (!vectors && node.has_matching && !matching.labels.empty()) {
      return error(node, "vector matching only allowed between instant vectors");
    }
    if (!vectors && fills)
      return error(node, "filling in missing series only allowed between instant vectors");
    if (is_set_op(node.op) && node.has_group_modifier) {
      return error(node, fmt::format("no grouping allowed for \"{}\" operation", binary_op_text(node.op)));
    }
    if (is_set_op(node.op) && fills)
      return error(node, "filling in missing series not allowed for set operators");
    if (matching.on) {
      for (const std::string& label : matching.include) {
        if (std::find(matching.labels.begin(), matching.labels.end(), label) != matching.labels.end()) {
          return error(node,
                       fmt::format("label \"{}\" must not occur in ON and GROUP clause at once", label));
        }
      }
    }
    return {};
  }

  std::string_view query_;
};

}  // namespace

Result<void> check_types(const Node& node, std::string_view query) {
  return TypeChecker(query).check(node);
}

}  // namespace obelisk::promql
