#include "query/promql/printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "query/core/float_text.h"
#include "query/promql/functions.h"
#include "query/promql/go_string.h"

namespace obelisk::promql {
namespace {

constexpr size_t kLineMax = 100;

bool is_plain_label(std::string_view name) {
  auto alpha = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  if (name.empty() || !alpha(name[0])) return false;
  for (char c : name) {
    if (!alpha(c) && !(c >= '0' && c <= '9')) return false;
  }
  return true;
}

std::string label_text(const std::string& name) {
  return is_plain_label(name) ? name : quote_go_string(name);
}

std::string join_labels(const std::vector<std::string>& labels) {
  std::string out;
  for (const std::string& label : labels) out += (out.empty() ? "" : ", ") + label_text(label);
  return out;
}

std::string duration_text(double seconds) {
  int64_t millis = static_cast<int64_t>(std::round(seconds * 1000));
  bool negative = millis < 0;
  return (negative ? "-" : "") + format_prometheus_duration((negative ? -millis : millis) * 1'000'000);
}

std::string number_text(const Node& node) {
  if (node.number_is_duration) return duration_text(node.number);
  return format_plain_float(node.number);
}

std::string at_suffix(const Node& node) {
  std::string out;
  switch (node.time.at) {
    case TimeModifiers::At::none:
      break;
    case TimeModifiers::At::time:
      out += fmt::format(" @ {:.3f}", static_cast<double>(node.time.at_ms) / 1000);
      break;
    case TimeModifiers::At::start:
      out += " @ start()";
      break;
    case TimeModifiers::At::end:
      out += " @ end()";
      break;
  }
  return out;
}

std::string offset_suffix(const Node& node) {
  const std::optional<DurationExpr>& offset = node.time.offset;
  if (!offset || (offset->is_literal() && offset->seconds == 0)) return "";
  return " offset " + to_string(*offset);
}

std::string time_suffix(const Node& node) {
  return at_suffix(node) + offset_suffix(node);
}

std::string mode_suffix(RangeMode mode) {
  return mode == RangeMode::plain ? "" : mode == RangeMode::anchored ? " anchored" : " smoothed";
}

std::string selector_text(const Node& node) {
  std::vector<std::string> texts;
  for (const Matcher& matcher : node.matchers) {
    bool is_name = matcher.name == kMetricNameLabel && matcher.op == Matcher::Op::equal;
    if (is_name && !node.text.empty() && matcher.value == node.text) continue;
    // Written back as a bare quoted name only when there is no other name matcher to confuse it with.
    texts.push_back(to_string(matcher));
  }
  std::sort(texts.begin(), texts.end());
  std::string inside = fmt::format("{}", fmt::join(texts, ","));
  return node.text + (inside.empty() && !node.text.empty() ? "" : "{" + inside + "}");
}

std::string subquery_suffix(const Node& node) {
  return "[" + to_string(*node.range) + ":" + (node.step ? to_string(*node.step) : "") + "]" +
         time_suffix(node);
}

std::string aggregation_head(const Node& node) {
  std::string out(aggregation_op_text(node.aggregation));
  if (node.without) return out + " without (" + join_labels(node.grouping) + ") ";
  if (!node.grouping.empty()) return out + " by (" + join_labels(node.grouping) + ") ";
  return out;
}

std::string operator_text(const Node& node) {
  std::string out(binary_op_text(node.op));
  if (node.return_bool) out += " bool";
  if (node.has_matching && (node.matching.on || !node.matching.labels.empty() || node.has_group_modifier)) {
    out += fmt::format(" {} ({})", node.matching.on ? "on" : "ignoring", join_labels(node.matching.labels));
    if (node.has_group_modifier) {
      bool left = node.matching.cardinality == MatchCardinality::many_to_one;
      out += fmt::format(" group_{} ({})", left ? "left" : "right", join_labels(node.matching.include));
    }
  }
  const auto& [left, right] = std::pair(node.matching.fill_left, node.matching.fill_right);
  if (left && right && (*left == *right || (std::isnan(*left) && std::isnan(*right)))) {
    out += fmt::format(" fill ({})", format_plain_float(*left));
  } else {
    if (left) out += fmt::format(" fill_left ({})", format_plain_float(*left));
    if (right) out += fmt::format(" fill_right ({})", format_plain_float(*right));
  }
  return out;
}

std::string indent(int level) {
  return std::string(static_cast<size_t>(level) * 2, ' ');
}

// An infinite base of a power is written without its sign: `+Inf ^ 2` would be read as `+(Inf ^ 2)`.
bool is_infinite_base(const Node& power) {
  const Node& base = *power.children[0];
  return power.op == BinaryOp::pow && base.kind == Node::Kind::number && !base.number_is_duration &&
         base.number == INFINITY;
}

std::string pretty_at(const Node& node, int level) {
  std::string line = to_string(node);
  if (line.size() <= kLineMax) return indent(level) + line;
  auto list = [&](size_t from, size_t to) {
    std::string out;
    for (size_t i = from; i < to; ++i)
      out += (i > from ? ",\n" : "") + pretty_at(*node.children[i], level + 1);
    return out;
  };
  std::string close = "\n" + indent(level) + ")";
  switch (node.kind) {
    case Node::Kind::aggregation: {
      std::string parameter = node.children.size() > 1 ? pretty_at(*node.children[1], level + 1) + ",\n" : "";
      return indent(level) + aggregation_head(node) + "(\n" + parameter +
             pretty_at(*node.children[0], level + 1) + close;
    }
    case Node::Kind::call:
      return indent(level) + std::string(node.function->name) + "(\n" + list(0, node.children.size()) + close;
    case Node::Kind::paren:
      return indent(level) + "(\n" + list(0, 1) + close;
    case Node::Kind::binary: {
      std::string left =
          is_infinite_base(node) ? indent(level + 1) + "Inf" : pretty_at(*node.children[0], level + 1);
      return left + "\n" + indent(level) + operator_text(node) + "\n" +
             pretty_at(*node.children[1], level + 1);
    }
    case Node::Kind::subquery:
      return pretty_at(*node.children[0], level) + subquery_suffix(node);
    case Node::Kind::unary: {
      std::string child = pretty_at(*node.children[0], level);
      return indent(level) + std::string(binary_op_text(node.op)) + std::string(trim(child));
    }
    default:
      return indent(level) + line;
  }
}

}  // namespace

std::string to_string(const Matcher& matcher) {
  return label_text(matcher.name) + std::string(matcher_op_text(matcher.op)) + quote_go_string(matcher.value);
}

std::string to_string(const DurationExpr& duration) {
  using Kind = DurationExpr::Kind;
  auto infix = [&](std::string_view op) {
    return to_string(duration.operands[0]) + " " + std::string(op) + " " + to_string(duration.operands[1]);
  };
  auto call = [&](std::string_view name) {
    return std::string(name) + "(" + to_string(duration.operands[0]) + ", " +
           to_string(duration.operands[1]) + ")";
  };
  std::string out;
  switch (duration.kind) {
    case Kind::literal:
      out = duration_text(duration.seconds);
      break;
    case Kind::step:
      out = "step()";
      break;
    case Kind::range:
      out = "range()";
      break;
    case Kind::negate:
      out = "-" + to_string(duration.operands[0]);
      break;
    case Kind::add:
      out = infix("+");
      break;
    case Kind::sub:
      out = infix("-");
      break;
    case Kind::mul:
      out = infix("*");
      break;
    case Kind::div:
      out = infix("/");
      break;
    case Kind::mod:
      out = infix("%");
      break;
    case Kind::pow:
      out = infix("^");
      break;
    case Kind::min_of:
      out = call("min_of");
      break;
    case Kind::max_of:
      out = call("max_of");
      break;
  }
  return duration.parenthesised ? "(" + out + ")" : out;
}

std::string to_string(const Node& node) {
  switch (node.kind) {
    case Node::Kind::number:
      return number_text(node);
    case Node::Kind::string:
      return quote_go_string(node.text);
    case Node::Kind::selector:
      return selector_text(node) + at_suffix(node) + mode_suffix(node.range_mode) + offset_suffix(node);
    case Node::Kind::matrix:
      return selector_text(*node.children[0]) + "[" + to_string(*node.range) + "]" +
             mode_suffix(node.range_mode) + time_suffix(node);
    case Node::Kind::subquery:
      return to_string(*node.children[0]) + subquery_suffix(node);
    case Node::Kind::paren:
      return "(" + to_string(*node.children[0]) + ")";
    case Node::Kind::unary:
      return std::string(binary_op_text(node.op)) + to_string(*node.children[0]);
    case Node::Kind::binary:
      return (is_infinite_base(node) ? "Inf" : to_string(*node.children[0])) + " " + operator_text(node) +
             " " + to_string(*node.children[1]);
    case Node::Kind::aggregation: {
      std::string parameter = node.children.size() > 1 ? to_string(*node.children[1]) + ", " : "";
      return aggregation_head(node) + "(" + parameter + to_string(*node.children[0]) + ")";
    }
    case Node::Kind::call: {
      std::string out(node.function->name);
      out += '(';
      for (size_t i = 0; i < node.children.size(); ++i)
        out += (i > 0 ? ", " : "") + to_string(*node.children[i]);
      return out + ")";
    }
  }
  return "";
}

std::string pretty(const Node& node) {
  return pretty_at(node, 0);
}

}  // namespace obelisk::promql
