#include "query/logql/format.h"

#include <fmt/format.h>

#include <cmath>

#include "base/text.h"
#include "base/time.h"
#include "query/core/go_printf.h"
#include "query/logql/literals.h"

namespace obelisk::logql {
namespace {

constexpr size_t kLineMax = 100;

// A string literal: raw where that is easier to read.
std::string quoted(std::string_view text) {
  bool raw = (text.find('\\') != std::string_view::npos || text.find('"') != std::string_view::npos) &&
             text.find_first_of("`\r\n") == std::string_view::npos;
  return raw ? fmt::format("`{}`", text) : go_quote(text);
}

std::string number_text(double value) {
  if (std::isnan(value)) return "(0 / 0)";
  // Literals cannot be infinite, but what is folded from them can.
  if (std::isinf(value)) return value > 0 ? "(1e308 * 10)" : "(-1e308 * 10)";
  return fmt::format("{}", value);
}

std::string matcher_text(const Matcher& matcher) {
  return fmt::format("{}{}{}", matcher.name, match_op_text(matcher.op), quoted(matcher.value));
}

std::string filter_text(const LabelFilter& filter) {
  switch (filter.kind) {
    case LabelFilter::Kind::all_of:
    case LabelFilter::Kind::any_of: {
      std::string_view word = filter.kind == LabelFilter::Kind::all_of ? "and" : "or";
      return fmt::format("( {} {} {} )", filter_text(filter.children[0]), word,
                         filter_text(filter.children[1]));
    }
    case LabelFilter::Kind::text:
      return matcher_text(filter.matcher);
    case LabelFilter::Kind::ip:
      return fmt::format("{}{}ip({})", filter.matcher.name, match_op_text(filter.matcher.op),
                         quoted(filter.matcher.value));
    default:
      break;
  }
  std::string_view sign = filter.double_equal ? "==" : compare_sign_text(filter.sign);
  return fmt::format("{}{}{}", filter.name, sign, filter.literal);
}

std::string line_filter_text(const LineFilter& filter) {
  std::string out(line_filter_op_text(filter.op));
  std::string_view joint = " ";
  for (const LineOperand& operand : filter.operands) {
    out += joint;
    out += operand.ip ? fmt::format("ip({})", quoted(operand.text)) : quoted(operand.text);
    joint = " or ";
  }
  return out;
}

std::string assignments_text(const Stage& stage) {
  std::string out;
  for (const LabelAssignment& assignment : stage.assignments) {
    out += out.empty() ? " " : ", ";
    out += assignment.name;
    bool format = stage.kind == Stage::Kind::label_format;
    if (!format && assignment.value == assignment.name) continue;
    out += '=';
    out += format && !assignment.is_template ? assignment.value : quoted(assignment.value);
  }
  return out;
}

std::string selectors_text(const Stage& stage) {
  std::string out;
  for (const LabelSelector& selector : stage.selectors) {
    out += out.empty() ? " " : ", ";
    out += selector.has_value ? matcher_text(selector.matcher) : selector.matcher.name;
  }
  return out;
}

// 5m, 1h30m; below a millisecond in Go's form.
std::string duration_text(int64_t nanos) {
  return nanos % kNanosPerMilli == 0 ? format_prometheus_duration(nanos) : format_go_duration(nanos);
}

std::string stage_text(const Stage& stage) {
  switch (stage.kind) {
    case Stage::Kind::line_filter:
      return line_filter_text(stage.line_filter);
    case Stage::Kind::label_filter: {
      std::string text = filter_text(stage.label_filter);
      if (text.starts_with("( "))
        text = text.substr(2, text.size() - 4);  // the outermost parentheses say nothing
      return "| " + text;
    }
    case Stage::Kind::json:
      return "| json" + assignments_text(stage);
    case Stage::Kind::logfmt:
      return fmt::format("| logfmt{}{}{}", stage.strict ? " --strict" : "",
                         stage.keep_empty ? " --keep-empty" : "", assignments_text(stage));
    case Stage::Kind::regexp:
      return "| regexp " + quoted(stage.text);
    case Stage::Kind::pattern:
      return "| pattern " + quoted(stage.text);
    case Stage::Kind::unpack:
      return "| unpack";
    case Stage::Kind::line_format:
      return "| line_format " + quoted(stage.text);
    case Stage::Kind::label_format:
      return "| label_format" + assignments_text(stage);
    case Stage::Kind::decolorize:
      return "| decolorize";
    case Stage::Kind::drop:
      return "| drop" + selectors_text(stage);
    case Stage::Kind::keep:
      return "| keep" + selectors_text(stage);
    case Stage::Kind::new_pattern:
      return fmt::format("| new_pattern since {}{}", duration_text(stage.since_nanos),
                         stage.for_nanos == 0 ? "" : " for " + duration_text(stage.for_nanos));
  }
  return "";
}

std::string unwrap_text(const Unwrap& unwrap) {
  static constexpr std::string_view kNames[] = {"", "bytes", "duration", "duration_seconds"};
  std::string out = "| unwrap ";
  out += unwrap.conversion == Conversion::none
             ? unwrap.label
             : fmt::format("{}({})", kNames[static_cast<int>(unwrap.conversion)], unwrap.label);
  for (const LabelFilter& filter : unwrap.filters) out += " | " + filter_text(filter);
  return out;
}

std::string list_text(const std::vector<std::string>& names) {
  std::string out = "(";
  for (const std::string& name : names) out += (out.size() > 1 ? ", " : "") + name;
  return out + ")";
}

std::string grouping_text(const Grouping& grouping) {
  return (grouping.without ? "without " : "by ") + list_text(grouping.labels);
}

std::string range_text(const LogRange& range) {
  std::string out = fmt::format("[{}]", duration_text(range.range_nanos));
  if (range.offset_nanos != 0) out += " offset " + duration_text(range.offset_nanos);
  return out;
}

// Writes in lines of limited length; `one_line` never breaks.
class Writer {
 public:
  explicit Writer(bool one_line) : one_line_(one_line) {}

  std::string query(const Query& query, size_t level) const {
    if (!one_line_) {
      std::string flat = Writer(true).query(query, 0);
      if (flat.size() + level * 2 <= kLineMax) return indent(level) + flat;
    }
    switch (query.kind) {
      case Query::Kind::log:
        return selector(query.selector, "", level);
      case Query::Kind::literal:
        return indent(level) + number_text(query.number);
      case Query::Kind::vector:
        return fmt::format("{}vector({})", indent(level), number_text(query.number));
      case Query::Kind::range_aggregation:
        return range_aggregation(query, level);
      case Query::Kind::vector_aggregation:
        return vector_aggregation(query, level);
      case Query::Kind::label_replace:
        return label_replace(query, level);
      case Query::Kind::binary:
        return binary(query, level);
    }
    return "";
  }

 private:
  std::string indent(size_t level) const { return one_line_ ? "" : std::string(level * 2, ' '); }
  std::string_view line_end() const { return one_line_ ? "" : "\n"; }

  std::string selector(const LogSelector& selector, const std::string& tail, size_t level) const {
    std::string out = indent(level) + to_string(selector.matchers);
    auto piece = [&](const std::string& text) { out += (one_line_ ? " " : "\n" + indent(level + 1)) + text; };
    for (const Stage& stage : selector.stages) piece(stage_text(stage));
    if (!tail.empty()) piece(tail);
    return out;
  }

  std::string range_aggregation(const Query& query, size_t level) const {
    std::string tail;
    if (query.range.unwrap) tail = unwrap_text(*query.range.unwrap) + " ";
    tail += range_text(query.range);
    std::string out = indent(level) + std::string(range_op_name(query.range_op)) + "(";
    if (query.parameter) out += number_text(*query.parameter) + ",";
    if (query.parameter && one_line_) out += " ";
    out += line_end();
    out += selector(query.range.selector, tail, level + 1);
    out += line_end();
    out += indent(level) + ")";
    if (query.grouping) out += " " + grouping_text(*query.grouping);
    return out;
  }

  std::string vector_aggregation(const Query& query, size_t level) const {
    std::string out = indent(level) + std::string(vector_op_name(query.vector_op));
    if (query.grouping) out += " " + grouping_text(*query.grouping) + " ";
    out += "(";
    if (query.parameter) out += number_text(*query.parameter) + ",";
    if (query.parameter && one_line_) out += " ";
    out += line_end();
    out += this->query(query.children[0], level + 1);
    out += line_end();
    return out + indent(level) + ")";
  }

  std::string label_replace(const Query& query, size_t level) const {
    const LabelReplace& replace = query.label_replace;
    std::string out = indent(level) + "label_replace(";
    out += line_end();
    out += this->query(query.children[0], level + 1);
    for (const std::string* part :
         {&replace.destination, &replace.replacement, &replace.source, &replace.pattern}) {
      out += one_line_ ? ", " : ",\n" + indent(level + 1);
      out += quoted(*part);
    }
    out += line_end();
    return out + indent(level) + ")";
  }

  std::string binary(const Query& query, size_t level) const {
    std::string op(binary_op_text(query.binary_op));
    if (query.returns_bool) op += " bool";
    if (query.has_matching) {
      op += (query.matching.on ? " on " : " ignoring ") + list_text(query.matching.labels);
      if (query.matching.cardinality == MatchCardinality::many_to_one)
        op += " group_left " + list_text(query.matching.include);
      if (query.matching.cardinality == MatchCardinality::one_to_many)
        op += " group_right " + list_text(query.matching.include);
    }
    if (one_line_)
      return fmt::format("({} {} {})", this->query(query.children[0], 0), op,
                         this->query(query.children[1], 0));
    return fmt::format("{0}(\n{1}\n{0}  {2}\n{3}\n{0})", indent(level),
                       this->query(query.children[0], level + 1), op,
                       this->query(query.children[1], level + 1));
  }

  bool one_line_;
};

}  // namespace

std::string to_string(const std::vector<Matcher>& matchers) {
  std::string out = "{";
  for (const Matcher& matcher : matchers) out += (out.size() > 1 ? ", " : "") + matcher_text(matcher);
  return out + "}";
}

std::string to_string(const Query& query) {
  return Writer(true).query(query, 0);
}

std::string format_query(const Query& query) {
  return Writer(false).query(query, 0);
}

}  // namespace obelisk::logql
