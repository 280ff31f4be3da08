#include "query/traceql/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/text.h"
#include "query/traceql/validate.h"

namespace obelisk::traceql {
namespace {

void for_each_filter(const SpansetExpr& expr, const std::function<void(const SpansetExpr&)>& visit) {
  if (expr.kind == SpansetExpr::Kind::filter) return visit(expr);
  if (expr.kind == SpansetExpr::Kind::pipeline) {
    for (const Stage& stage : expr.pipeline->stages) {
      if (stage.spanset) for_each_filter(*stage.spanset, visit);
    }
    return;
  }
  for_each_filter(*expr.left, visit);
  for_each_filter(*expr.right, visit);
}

void for_each_query(const MetricsExpr& metrics, const std::function<void(const MetricsExpr&)>& visit) {
  if (metrics.kind == MetricsExpr::Kind::query) return visit(metrics);
  if (metrics.left) for_each_query(*metrics.left, visit);
  if (metrics.right) for_each_query(*metrics.right, visit);
}

// As it is written: the brackets that to_string() puts around operations are left out where nothing needs
// them.
std::string bare(const FieldExpr& expr) {
  std::string text = expr.to_string();
  bool in_brackets = expr.kind == FieldExpr::Kind::operation && expr.operands.size() > 1;
  return in_brackets ? text.substr(1, text.size() - 2) : text;
}

// Operands joined by &&.
std::string conjunction(const std::vector<const FieldExpr*>& operands) {
  std::vector<std::string> parts;
  for (const FieldExpr* one : operands) {
    bool alternative = one->kind == FieldExpr::Kind::operation && one->op == FieldOp::or_op;
    parts.push_back(alternative && operands.size() > 1 ? one->to_string() : bare(*one));
  }
  return fmt::format("{}", fmt::join(parts, " && "));
}

// The conditions that && joins; itself when nothing is joined.
std::vector<const FieldExpr*> conjuncts_of(const FieldExpr& condition) {
  bool joins = condition.kind == FieldExpr::Kind::operation && condition.op == FieldOp::and_op;
  if (!joins) return {&condition};
  std::vector<const FieldExpr*> all;
  for (const FieldExprPtr& operand : condition.operands) all.push_back(operand.get());
  return all;
}

std::string in_braces(std::string_view condition) {
  return fmt::format("{{ {} }}", condition);
}

class Explainer {
 public:
  Explainer(const QueryContext& context, std::string_view text, TimeRange range)
      : context_(context), text_(text), range_(range) {}

  Result<TraceqlExplanation> run() {
    OBELISK_TRY(Query query, prepare(text_));
    OBELISK_TRY(result_.spans, count("{ }"));
    if (query.pipeline) OBELISK_CHECK_OK(explain(*query.pipeline, text_.size()));
    Result<void> done;
    if (query.metrics) {
      for_each_query(*query.metrics, [&](const MetricsExpr& one) {
        if (done.ok()) done = explain_metrics(one);
      });
    }
    OBELISK_CHECK_OK(done);
    if (query.metrics) OBELISK_CHECK_OK(explain_result());
    return std::move(result_);
  }

 private:
  // Spans that a search finds, each once.
  Result<uint64_t> count(const std::string& search) {
    MetricsOptions options;
    options.range = range_;
    options.instant = true;
    options.holds_end = false;
    options.exemplars_max = 0;
    OBELISK_TRY(MetricsResult counted, evaluate_metrics(context_, search + " | count_over_time()", options));
    if (!counted.statistics.complete) return make_error(ErrorCode::unavailable, counted.statistics.reason);
    return counted.series.empty() ? 0 : static_cast<uint64_t>(counted.series[0].values[0]);
  }

  // The query's text between two places, without the "|" and the blanks at its ends.
  std::string piece(uint64_t begin, uint64_t end) const {
    std::string_view text = trim(text_.substr(begin, end - begin));
    if (text.ends_with('|')) text = trim(text.substr(0, text.size() - 1));
    return std::string(text);
  }

  Result<void> explain_metrics(const MetricsExpr& metrics) {
    OBELISK_CHECK_OK(explain(*metrics.pipeline, metrics.offset));
    const ExplainedPipeline& pipeline = result_.pipelines.back();
    uint64_t left = pipeline.stages.empty() ? 0 : pipeline.stages.back().spans;
    if (!metrics.argument || metrics.argument->attribute.intrinsic != Intrinsic::none || left == 0) return {};
    std::string attribute = metrics.argument->attribute.to_string();
    ExplainedStage stage;
    stage.text = fmt::format("{}({})", metrics_function_name(metrics.function), attribute);
    OBELISK_TRY(stage.spans, count(fmt::format("{} | {{ {} * 0 = 0 }}", pipeline.text, attribute)));
    if (stage.spans == 0)
      say(fmt::format("none of the {} spans has a number in {}, which {} measures", left, attribute,
                      stage.text));
    result_.pipelines.back().stages.push_back(std::move(stage));
    return {};
  }

  // `end`: where the pipeline ends in the text.
  Result<void> explain(const Pipeline& pipeline, uint64_t end) {
    uint64_t begin = pipeline.stages.front().offset;
    ExplainedPipeline explained;
    explained.text = piece(begin, end);
    // A pipeline in parentheses of its own has no text that could be cut between stages: it is one piece.
    bool cut = prepare(explained.text).ok();
    if (!cut) explained.text = std::string(trim(text_));
    uint64_t before = result_.spans;
    for (size_t i = 0; i < pipeline.stages.size(); ++i) {
      uint64_t next = i + 1 < pipeline.stages.size() ? pipeline.stages[i + 1].offset : end;
      const std::string so_far = piece(begin, next);
      bool last = i + 1 == pipeline.stages.size();
      if (!last && (!cut || !prepare(so_far).ok())) continue;
      ExplainedStage stage;
      stage.text = cut ? piece(pipeline.stages[i].offset, next) : explained.text;
      OBELISK_TRY(stage.spans, count(cut ? so_far : explained.text));
      OBELISK_CHECK_OK(explain_filters(pipeline.stages[i], stage));
      if (stage.spans == 0 && before > 0) OBELISK_CHECK_OK(blame(stage, before));
      before = stage.spans;
      explained.stages.push_back(std::move(stage));
    }
    if (result_.spans == 0 && result_.why_empty.empty()) say("no span at all started in the range");
    result_.pipelines.push_back(std::move(explained));
    return {};
  }

  Result<void> explain_filters(const Stage& stage, ExplainedStage& explained) {
    if (!stage.spanset) return {};
    Result<void> done;
    for_each_filter(*stage.spanset, [&](const SpansetExpr& filter) {
      if (done.ok()) done = explain_filter(*filter.filter, explained);
    });
    return done;
  }

  Result<void> explain_filter(const FieldExpr& condition, ExplainedStage& stage) {
    if (++conditions_ > kExplainedConditionsMax) return {};
    const std::vector<const FieldExpr*> conjuncts = conjuncts_of(condition);
    ExplainedFilter filter;
    filter.text = in_braces(conjunction(conjuncts));
    OBELISK_TRY(filter.spans, count(filter.text));
    for (size_t i = 0; conjuncts.size() > 1 && i < conjuncts.size(); ++i) {
      if (++conditions_ > kExplainedConditionsMax) break;
      std::vector<const FieldExpr*> others = conjuncts;
      others.erase(others.begin() + static_cast<ptrdiff_t>(i));
      ExplainedCondition one;
      one.text = bare(*conjuncts[i]);
      OBELISK_TRY(one.alone, count(in_braces(one.text)));
      OBELISK_TRY(one.without, count(in_braces(conjunction(others))));
      filter.conditions.push_back(std::move(one));
    }
    stage.filters.push_back(std::move(filter));
    return {};
  }

  void say(std::string sentence) { result_.why_empty.push_back(std::move(sentence)); }

  // The stage left nothing of `before` spans.
  Result<void> blame(const ExplainedStage& stage, uint64_t before) {
    bool any = false;
    for (const ExplainedFilter& filter : stage.filters) {
      if (filter.spans > 0) continue;
      any = true;
      bool alone = false;
      for (const ExplainedCondition& condition : filter.conditions) {
        if (condition.alone > 0) continue;
        alone = true;
        say(fmt::format("no span of the range fits {}; without it {} spans would fit {}", condition.text,
                        condition.without, filter.text));
      }
      if (filter.conditions.empty()) say(fmt::format("no span of the range fits {}", filter.text));
      if (alone || filter.conditions.empty()) continue;
      for (const ExplainedCondition& condition : filter.conditions) {
        if (condition.without > 0)
          say(fmt::format("{} fits {} spans, but none of the {} that fit the rest of {}", condition.text,
                          condition.alone, condition.without, filter.text));
      }
      if (std::none_of(filter.conditions.begin(), filter.conditions.end(),
                       [](const ExplainedCondition& one) { return one.without > 0; }))
        say(fmt::format("each condition of {} fits spans, but too few of them fit the same span",
                        filter.text));
    }
    if (!any) say(fmt::format("{} leaves none of the {} spans before it", stage.text, before));
    return {};
  }

  // What stands behind the functions: thresholds and arithmetic.
  Result<void> explain_result() {
    if (!result_.why_empty.empty()) return {};
    MetricsOptions options;
    options.range = range_;
    options.instant = true;
    options.exemplars_max = 0;
    OBELISK_TRY(MetricsResult all, evaluate_metrics(context_, text_, options));
    if (all.series.empty())
      say("the functions have values, but a comparison, or arithmetic of series with different labels, "
          "leaves none of them");
    return {};
  }

  const QueryContext& context_;
  const std::string_view text_;
  const TimeRange range_;
  size_t conditions_ = 0;
  TraceqlExplanation result_;
};

}  // namespace

Result<TraceqlExplanation> explain_traceql(const QueryContext& context, std::string_view query,
                                           TimeRange range) {
  return Explainer(context, query, range).run();
}

}  // namespace obelisk::traceql
