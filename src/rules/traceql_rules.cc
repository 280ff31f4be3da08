#include "rules/traceql_rules.h"

#include <fmt/format.h>

#include <cmath>

#include "query/traceql/engine.h"
#include "query/traceql/validate.h"

namespace obelisk::rules {
namespace {

// Rules are limited by their group's limit; this bounds one that groups by something unique.
constexpr uint32_t kSeriesMax = 100'000;

// Parse errors say where by themselves.
Error with_place(const Error& error) {
  if (error.code == ErrorCode::parse_error || !error.position) return error;
  Error placed = error;
  placed.message += fmt::format(" (line {}, column {})", error.position->line, error.position->column);
  return placed;
}

bool has_compare(const traceql::MetricsExpr& expr) {
  if (expr.kind == traceql::MetricsExpr::Kind::query)
    return expr.function == traceql::MetricsFunction::compare;
  if (expr.kind == traceql::MetricsExpr::Kind::number) return false;
  return has_compare(*expr.left) || has_compare(*expr.right);
}

std::string label_name(std::string_view name) {
  std::string label(name);
  for (char& c : label) {
    bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!allowed) c = '_';
  }
  if (!label.empty() && label[0] >= '0' && label[0] <= '9') label.insert(0, "_");
  return label;
}

Result<Labels> labels_of(const traceql::MetricsSeries& series) {
  Labels labels;
  for (const auto& [name, value] : series.labels) {
    if (name == kMetricNameLabel) continue;
    std::string label = label_name(name);
    if (labels.has(label)) {
      return make_error(ErrorCode::execution,
                        fmt::format("two attributes of by() are both the label {} (of {})", label, name));
    }
    labels.set(label, value_text(value.view()));
  }
  return labels;
}

class TraceqlEvaluator : public RuleEvaluator {
 public:
  Result<void> check(std::string_view expression) const override {
    Result<traceql::Query> query = traceql::prepare(expression);
    if (!query.ok()) return with_place(query.error());
    if (!query->metrics) {
      return make_error(ErrorCode::invalid_argument,
                        "a rule's expression is a metrics query, such as { status = error } | rate() > 5");
    }
    if (has_compare(*query->metrics)) {
      return make_error(ErrorCode::invalid_argument,
                        "compare() describes a selection; it gives nothing to record or to alert on");
    }
    return {};
  }

  Result<RuleVector> evaluate(const QueryContext& context, std::string_view expression,
                              const RuleInstant& instant) const override {
    traceql::MetricsOptions options;
    options.range = {instant.time - instant.window_nanos, instant.time};
    options.instant = true;
    options.holds_end = false;  // the next window's
    options.exemplars_max = 1;
    options.series_max = kSeriesMax;
    OBELISK_TRY(traceql::MetricsResult result, traceql::evaluate_metrics(context, expression, options));
    if (result.partial) return make_error(ErrorCode::execution, "incomplete: " + result.message);
    RuleVector vector;
    for (const traceql::MetricsSeries& series : result.series) {
      if (std::isnan(series.values[0])) continue;
      OBELISK_TRY(Labels labels, labels_of(series));
      if (!series.exemplars.empty()) {
        const traceql::MetricsExemplar& exemplar = series.exemplars[0];
        vector.exemplars.push_back({vector.samples.size(), exemplar.trace_id, exemplar.value, exemplar.time});
      }
      vector.samples.push_back({std::move(labels), series.values[0], nullptr, false});
    }
    return vector;
  }
};

}  // namespace

const RuleEvaluator& traceql_rule_evaluator() {
  static const TraceqlEvaluator kEvaluator;
  return kEvaluator;
}

}  // namespace obelisk::rules
