#include "rules/rule_language.h"

#include <fmt/format.h>

#include "query/logql/engine.h"
#include "query/logql/pipeline.h"
#include "query/promql/engine.h"
#include "query/promql/parser.h"
#include "rules/traceql_rules.h"

namespace obelisk::rules {
namespace {

class PromqlEvaluator : public RuleEvaluator {
 public:
  Result<void> check(std::string_view expression) const override {
    Result<PromqlType> type = PromqlEngine().check(expression);
    if (!type.ok()) return make_error(type.error().code, promql::parse_error_text(type.error()));
    if (*type == PromqlType::vector || *type == PromqlType::scalar) return {};
    return make_error(ErrorCode::invalid_argument, "a rule's expression gives a vector or a scalar");
  }

  Result<RuleVector> evaluate(const QueryContext& context, std::string_view expression,
                              const RuleInstant& instant) const override {
    OBELISK_TRY(InstantResult result, PromqlEngine().instant(context, expression, instant.time));
    if (result.type == PromqlType::vector) return RuleVector{std::move(result.vector), {}};
    if (result.type == PromqlType::scalar) return RuleVector{{{Labels(), result.scalar, nullptr, false}}, {}};
    return make_error(ErrorCode::execution,
                      fmt::format("the expression gives a {}, not a vector", promql_type_name(result.type)));
  }
};

class LogqlEvaluator : public RuleEvaluator {
 public:
  Result<void> check(std::string_view expression) const override {
    OBELISK_TRY(logql::Query query, logql::parse_and_check(expression));
    if (!query.is_log()) return {};
    return make_error(ErrorCode::invalid_argument,
                      "a rule's expression is a metric query, such as count_over_time({...}[5m]) > 0");
  }

  Result<RuleVector> evaluate(const QueryContext& context, std::string_view expression,
                              const RuleInstant& instant) const override {
    QueryContext own = context;
    OBELISK_TRY(logql::LogqlResult result, logql::query_instant(own, expression, instant.time, kLimits));
    // Rows that could not be read would make an alert resolve, or fire, for nothing.
    if (!result.statistics.complete)
      return make_error(ErrorCode::execution, "incomplete: " + result.statistics.incomplete_reason);
    SampleVector samples;
    if (result.type == logql::LogqlResult::Type::scalar)
      samples.push_back({Labels(), result.scalar, nullptr, false});
    for (logql::MatrixSeries& series : result.matrix) {
      if (!series.present[0]) continue;
      std::vector<Label> labels(series.labels.begin(), series.labels.end());
      samples.push_back({Labels(std::move(labels)), series.values[0], nullptr, false});  // empty labels go
    }
    return RuleVector{std::move(samples), {}};
  }

 private:
  // Rules are limited by their group's limit; this bounds one that selects everything.
  static constexpr logql::LogqlLimits kLimits{100'000, 1};
};

}  // namespace

std::string_view rule_language_name(RuleLanguage language) {
  switch (language) {
    case RuleLanguage::promql:
      return "promql";
    case RuleLanguage::logql:
      return "logql";
    case RuleLanguage::traceql:
      return "traceql";
  }
  return "";
}

const RuleEvaluator& rule_evaluator(RuleLanguage language) {
  static const PromqlEvaluator kPromql;
  static const LogqlEvaluator kLogql;
  if (language == RuleLanguage::logql) return kLogql;
  if (language == RuleLanguage::traceql) return traceql_rule_evaluator();
  return kPromql;
}

}  // namespace obelisk::rules
