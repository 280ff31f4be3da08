#include "query/logql/selector_scan.h"

#include "plan/regex.h"
#include "query/logql/lexer.h"
#include "query/logql/line_pattern.h"
#include "query/logql/line_regex.h"
#include "query/logql/metadata_columns.h"
#include "query/logql/regex_error.h"

namespace obelisk::logql {
namespace {

Expr negated_if(bool negate, Expr expr) {
  return negate ? Expr::not_of(std::move(expr)) : expr;
}

// The filter as a predicate on the line. `exact`: nothing is left to do for the stage.
Result<Expr> line_expression(const LineFilter& filter, bool& exact) {
  exact = true;
  ColumnId line = fixed_column(column::kLine);
  bool negative = filter.op == LineFilterOp::not_contains || filter.op == LineFilterOp::not_regex ||
                  filter.op == LineFilterOp::not_pattern;
  std::vector<Expr> operands;
  for (const LineOperand& operand : filter.operands) {
    if (operand.ip) {
      exact = false;
      return Expr();
    }
    if (filter.op == LineFilterOp::pattern || filter.op == LineFilterOp::not_pattern) {
      exact = false;
      if (negative) return Expr();
      OBELISK_TRY(LinePattern pattern, LinePattern::for_filter(operand.text));
      std::string_view literal = pattern.longest_literal();
      if (literal.empty()) return Expr();
      operands.push_back(Expr::contains(line, std::string(literal)));
    } else if (operand.text.empty()) {
      // Alone it matches every line, beside others it is left out; negated it is the stage's to drop them
      // all.
      if (!negative) continue;
      exact = false;
      return Expr();
    } else if (filter.op == LineFilterOp::regex || filter.op == LineFilterOp::not_regex) {
      OBELISK_TRY(std::shared_ptr<const Regex> regex, compile_line_regex(operand.text));
      // Literals are looked for without the pattern's automaton, and decided by templates more often.
      for (const std::string& literal : regex->literals()) operands.push_back(Expr::contains(line, literal));
      if (regex->literals().empty()) operands.push_back(Expr::matches(line, std::move(regex)));
    } else {
      operands.push_back(Expr::contains(line, operand.text));
    }
  }
  if (operands.empty()) return Expr();
  return negated_if(negative, Expr::any_of(std::move(operands)));
}

// One filter as a condition on the columns that can give its label. Always true when nothing can be said.
class FilterCondition {
 public:
  explicit FilterCondition(const std::vector<ColumnInfo>& columns) : columns_(columns) {}

  // Which parsers may have taken the label out of the line.
  enum class Parsed : uint8_t { no, by_logfmt, somehow };

  Expr of(const LabelFilter& filter, Parsed parsed) const {
    if (filter.kind == LabelFilter::Kind::all_of) {
      return Expr::all_of({of(filter.children[0], parsed), of(filter.children[1], parsed)});
    }
    if (filter.kind == LabelFilter::Kind::any_of) {
      Expr left = of(filter.children[0], parsed), right = of(filter.children[1], parsed);
      if (left.is_always() || right.is_always()) return Expr();
      return Expr::any_of({std::move(left), std::move(right)});
    }
    bool helps = says_something(filter) && (parsed == Parsed::no || is_plain(filter.matcher.value));
    return helps ? equality(filter.matcher.name, filter.matcher.value, parsed) : Expr();
  }

  static bool says_something(const LabelFilter& filter) {
    if (!filter.children.empty())
      return says_something(filter.children[0]) || says_something(filter.children[1]);
    return filter.kind == LabelFilter::Kind::text && filter.matcher.op == MatchOp::equal &&
           !filter.matcher.value.empty() && !filter.matcher.name.ends_with("_extracted") &&
           !filter.matcher.name.starts_with("__");
  }

 private:
  // A parser gives such a value only if it stands in the line like that, or an escape does: objects and
  // arrays that are written anew have other characters.
  static bool is_plain(std::string_view value) {
    return std::all_of(value.begin(), value.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
             c == '-' || c == '.' || c == '/' || c == '@';
    });
  }

  Expr equality(const std::string& name, const std::string& value, Parsed parsed) const {
    const ColumnId line = fixed_column(column::kLine);
    std::vector<Expr> sources{Expr::compare(label_column(name), CompareOp::equal, value)};
    if (parsed == Parsed::by_logfmt && name.find('_') == std::string::npos) {
      // The key stands in the line as it is, since sanitising only makes underscores.
      sources.push_back(Expr::contains(line, name + "=" + value));
      sources.push_back(Expr::contains(line, name + "=\"" + value + "\""));
    } else if (parsed != Parsed::no) {
      sources.push_back(Expr::contains(line, value));
    }
    if (parsed != Parsed::no) sources.push_back(Expr::contains(line, "\\"));
    for (const ColumnInfo& info : columns_) {
      // The members of a map have names of their own, which begin with the map's.
      bool same = metadata_name_of(info.id) == name;
      if (info.type == ColumnType::any && !metadata_name_of(info.id).empty()) {
        if (same || name.starts_with(metadata_name_of(info.id) + "_"))
          sources.push_back(Expr::exists(info.id));
      } else if (!same) {
        continue;
      } else if (info.type == ColumnType::string) {
        sources.push_back(Expr::compare(info.id, CompareOp::equal, value));
      } else if (info.type == ColumnType::trace_id) {
        std::optional<TraceId> id = value.size() == 32 ? TraceId::from_hex(value) : std::nullopt;
        if (id)
          sources.push_back(Expr::in_trace_ids(info.id, std::make_shared<const TraceIdSet>(TraceIdSet{*id})));
      } else {
        sources.push_back(Expr::exists(info.id));  // its text is only known row by row
      }
    }
    return Expr::any_of(std::move(sources));
  }

  const std::vector<ColumnInfo>& columns_;
};

// Stages after which a label may also be a piece of the line.
bool parses_line(Stage::Kind kind) {
  switch (kind) {
    case Stage::Kind::json:
    case Stage::Kind::logfmt:
    case Stage::Kind::regexp:
    case Stage::Kind::pattern:
      return true;
    default:
      return false;
  }
}

// Stages after which a label may be anything.
bool makes_labels(Stage::Kind kind) {
  return kind == Stage::Kind::unpack || kind == Stage::Kind::label_format || changes_line(kind);
}

}  // namespace

Result<Expr> metadata_filter(QueryContext& context, const LogSelector& selector, TimeRange range) {
  using Parsed = FilterCondition::Parsed;
  struct Filter {
    const LabelFilter* filter;
    Parsed parsed;
  };
  std::vector<Filter> filters;
  Parsed parsed = Parsed::no;
  for (const Stage& stage : selector.stages) {
    if (makes_labels(stage.kind)) break;
    if (parses_line(stage.kind)) {
      bool plain = stage.kind == Stage::Kind::logfmt && stage.assignments.empty();
      parsed = plain && parsed != Parsed::somehow ? Parsed::by_logfmt : Parsed::somehow;
    }
    if (stage.kind == Stage::Kind::label_filter && FilterCondition::says_something(stage.label_filter)) {
      filters.push_back({&stage.label_filter, parsed});
    }
  }
  if (filters.empty()) return Expr();
  Scan scan;
  scan.tenant = context.tenant;
  scan.table = Table::logs;
  scan.range = range;
  OBELISK_TRY(std::vector<ColumnInfo> columns, context.reader.columns(context.at, scan));
  std::vector<Expr> conditions;
  for (const Filter& filter : filters)
    conditions.push_back(FilterCondition(columns).of(*filter.filter, filter.parsed));
  return Expr::all_of(std::move(conditions));
}

Result<Expr> matchers_expression(const std::vector<Matcher>& matchers) {
  std::vector<Expr> parts;
  for (const Matcher& matcher : matchers) {
    ColumnId label = label_column(matcher.name);
    switch (matcher.op) {
      case MatchOp::equal:
        parts.push_back(Expr::compare(label, CompareOp::equal, matcher.value));
        break;
      case MatchOp::not_equal:
        parts.push_back(Expr::compare(label, CompareOp::not_equal, matcher.value));
        break;
      case MatchOp::regex:
      case MatchOp::not_regex: {
        Result<std::shared_ptr<const Regex>> regex = Regex::compile(matcher.value, Regex::Mode::anchored);
        if (!regex.ok()) return parse_error(regex_error_text(matcher.value, regex.error()));
        parts.push_back(negated_if(matcher.op == MatchOp::not_regex, Expr::matches(label, *regex)));
        break;
      }
    }
  }
  return Expr::all_of(std::move(parts));
}

Result<LoweredSelector> lower_selector(const LogSelector& selector) {
  LoweredSelector lowered;
  lowered.applied.assign(selector.stages.size(), false);
  OBELISK_TRY(Expr streams, matchers_expression(selector.matchers));
  std::vector<Expr> parts{std::move(streams)};
  for (size_t i = 0; i < selector.stages.size(); ++i) {
    const Stage& stage = selector.stages[i];
    if (changes_line(stage.kind)) break;
    if (stage.kind != Stage::Kind::line_filter) continue;
    bool exact = false;
    OBELISK_TRY(Expr part, line_expression(stage.line_filter, exact));
    parts.push_back(std::move(part));
    lowered.applied[i] = exact;
  }
  lowered.where = Expr::all_of(std::move(parts));
  return lowered;
}

Result<Scan> log_scan(QueryContext& context, Expr where, TimeRange range, const LabelDemand& demand,
                      bool reads_line) {
  Scan scan;
  scan.tenant = context.tenant;
  scan.table = Table::logs;
  scan.range = range;
  scan.where = std::move(where);
  if (demand.everything) {
    scan.all_columns = true;
    return scan;
  }
  scan.columns.push_back(fixed_column(column::kOrigin));
  if (reads_line) scan.columns.push_back(fixed_column(column::kLine));
  if (demand.names.empty()) return scan;
  OBELISK_TRY(std::vector<ColumnInfo> known, context.reader.columns(context.at, scan));
  for (const ColumnInfo& info : known) {
    std::string name = metadata_name_of(info.id);
    if (!name.empty() && (info.type == ColumnType::any || wants_metadata(demand, name)))
      scan.columns.push_back(info.id);
  }
  return scan;
}

}  // namespace obelisk::logql
