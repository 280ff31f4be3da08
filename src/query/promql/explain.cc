#include "query/promql/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "query/promql/evaluation_trace.h"
#include "query/promql/evaluator.h"
#include "query/promql/parser.h"
#include "query/promql/printer.h"

namespace obelisk {
namespace {

using promql::Matcher;
using promql::Node;
using promql::TracedNode;

constexpr uint64_t kSeriesLookedAt = 1000;  // when a matcher is tried without; more are told as "or more"
constexpr size_t kExamples = 5;

std::string_view kind_name(Node::Kind kind) {
  static constexpr std::string_view kNames[] = {"number", "string",      "selector", "matrix", "subquery",
                                                "call",   "aggregation", "binary",   "unary",  "paren"};
  return kNames[static_cast<int>(kind)];
}

std::string count_text(uint64_t count) {
  std::string_view more = count >= kSeriesLookedAt ? " or more" : "";
  return fmt::format("{}{} series", count, more);
}

// Why a selector found nothing.
class SelectorDoctor {
 public:
  SelectorDoctor(const QueryContext& context, const TracedNode& traced)
      : context_(context),
        traced_(traced),
        matchers_(traced.node->kind == Node::Kind::matrix ? traced.node->children[0]->matchers
                                                          : traced.node->matchers) {}

  Result<std::vector<std::string>> diagnose() const {
    std::vector<std::string> reasons;
    std::string text = promql::to_string(*traced_.node);
    OBELISK_TRY(std::vector<Labels> ever, series(matchers_, false));
    if (!ever.empty()) {
      reasons.push_back(fmt::format("{}: {} match, but none has a sample after {} and up to {}", text,
                                    count_text(ever.size()), format_rfc3339(nanos(traced_.read_after_ms)),
                                    format_rfc3339(nanos(traced_.read_until_ms))));
      return reasons;
    }
    for (size_t i = 0; i < matchers_.size() && matchers_.size() > 1; ++i) {
      std::vector<Matcher> rest = matchers_;
      rest.erase(rest.begin() + static_cast<ptrdiff_t>(i));
      OBELISK_TRY(std::vector<Labels> found, series(rest, true));
      if (!found.empty()) reasons.push_back(without(text, matchers_[i], found));
    }
    if (!reasons.empty()) return reasons;
    return nothing_near(text);
  }

 private:
  static int64_t nanos(int64_t millis) { return UnixNanos::from_millis(millis).value; }

  Result<std::vector<Labels>> series(const std::vector<Matcher>& matchers, bool in_range) const {
    Scan scan;
    scan.tenant = context_.tenant;
    scan.table = Table::samples;
    scan.unit = Unit::series;
    scan.limit = kSeriesLookedAt;
    scan.where = promql::predicate_of(matchers);
    scan.range = {UnixNanos{std::numeric_limits<int64_t>::min()},
                  UnixNanos{std::numeric_limits<int64_t>::max()}};
    if (in_range) {
      scan.range = {UnixNanos::from_millis(traced_.read_after_ms + 1),
                    UnixNanos::from_millis(traced_.read_until_ms + 1)};
    }
    return context_.reader.series(context_.at, scan, context_.cancel);
  }

  static std::string without(const std::string& text, const Matcher& matcher,
                             const std::vector<Labels>& found) {
    std::set<std::string> values;
    for (const Labels& labels : found) {
      values.emplace(labels.get(matcher.name));
      if (values.size() > kExamples) break;
    }
    std::string examples;
    size_t told = 0;
    for (const std::string& value : values) {
      if (told++ == kExamples) {
        examples += ", ...";
        break;
      }
      examples += (examples.empty() ? "" : ", ") + (value.empty() ? "(no such label)" : "\"" + value + "\"");
    }
    return fmt::format("{}: {} without {}; {} is {} there", text, count_text(found.size()),
                       promql::to_string(matcher), matcher.name, examples);
  }

  // No single matcher is to blame.
  Result<std::vector<std::string>> nothing_near(const std::string& text) const {
    for (const Matcher& matcher : matchers_) {
      if (matcher.matches("")) continue;
      OBELISK_TRY(std::vector<Labels> found, series({matcher}, false));
      if (found.empty()) {
        return std::vector<std::string>{
            fmt::format("{}: no series at all has {}", text, promql::to_string(matcher))};
      }
    }
    return std::vector<std::string>{fmt::format(
        "{}: each matcher fits some series, but no series fits more than one less than all", text)};
  }

  const QueryContext& context_;
  const TracedNode& traced_;
  const std::vector<Matcher>& matchers_;
};

bool is_selector(const Node& node) {
  return node.kind == Node::Kind::selector || node.kind == Node::Kind::matrix;
}

// The reasons of the deepest nodes that gave nothing: above them all is empty because they are.
Result<void> collect_reasons(const QueryContext& context, const TracedNode& traced,
                             std::vector<std::string>& reasons) {
  if (!traced.has_result || traced.series > 0) return {};
  size_t before = reasons.size();
  for (const TracedNode& operand : traced.children)
    OBELISK_CHECK_OK(collect_reasons(context, operand, reasons));
  if (reasons.size() > before) return {};
  if (is_selector(*traced.node)) {
    OBELISK_TRY(std::vector<std::string> found, SelectorDoctor(context, traced).diagnose());
    reasons.insert(reasons.end(), found.begin(), found.end());
  } else if (!traced.notes.empty()) {
    for (const std::string& note : traced.notes)
      reasons.push_back(promql::to_string(*traced.node) + ": " + note);
  } else {
    uint64_t given = 0;
    for (const TracedNode& operand : traced.children) given += operand.series;
    reasons.push_back(
        fmt::format("{}: {} came in and none came out", promql::to_string(*traced.node), count_text(given)));
  }
  return {};
}

ExplainedNode explained(const TracedNode& traced) {
  ExplainedNode out;
  out.expression = promql::to_string(*traced.node);
  out.kind = kind_name(traced.node->kind);
  out.seconds = out.own_seconds = traced.seconds;
  out.series_read = traced.series_read;
  out.samples_read = traced.samples_read;
  out.series = traced.series;
  out.points = traced.points;
  out.notes = traced.notes;
  for (const TracedNode& operand : traced.children) {
    out.own_seconds -= operand.seconds;
    out.operands.push_back(explained(operand));
  }
  out.own_seconds = std::max(0.0, out.own_seconds);
  return out;
}

}  // namespace

Result<void> explain_trace(const QueryContext& context, promql::EvaluationTrace& trace,
                           Explanation& explanation) {
  for (const TracedNode& root : trace.take()) {
    OBELISK_CHECK_OK(collect_reasons(context, root, explanation.why_empty));
    explanation.nodes.push_back(explained(root));
  }
  return {};
}

Result<Explanation> explain_query(const PromqlOptions& options, const QueryContext& context,
                                  std::string_view query, UnixNanos start, UnixNanos end,
                                  int64_t step_nanos) {
  promql::ParserOptions parser_options{options.experimental_functions};
  OBELISK_TRY(promql::NodePtr node, promql::parse(query, parser_options));
  PromqlEngine engine(options);
  promql::EvaluationTrace trace;
  Explanation explanation;
  if (step_nanos == 0) {
    OBELISK_TRY(InstantResult result, engine.instant_traced(context, query, *node, start, trace));
    explanation.type = result.type;
    explanation.stats = result.stats;
    explanation.annotations = std::move(result.annotations);
  } else {
    OBELISK_TRY(MatrixResult result,
                engine.range_traced(context, query, *node, start, end, step_nanos, trace));
    explanation.type = PromqlType::matrix;
    explanation.stats = result.stats;
    explanation.annotations = std::move(result.annotations);
  }
  OBELISK_CHECK_OK(explain_trace(context, trace, explanation));
  return explanation;
}

}  // namespace obelisk
