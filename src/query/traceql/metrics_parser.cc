#include "query/traceql/metrics_parser.h"

#include "query/traceql/field_parser.h"

namespace obelisk::traceql {
namespace {

constexpr MetricsFunction kFunctions[] = {MetricsFunction::rate,
                                          MetricsFunction::count_over_time,
                                          MetricsFunction::min_over_time,
                                          MetricsFunction::max_over_time,
                                          MetricsFunction::avg_over_time,
                                          MetricsFunction::sum_over_time,
                                          MetricsFunction::quantile_over_time,
                                          MetricsFunction::histogram_over_time,
                                          MetricsFunction::compare};

std::optional<MetricsFunction> function_of(std::string_view word) {
  for (MetricsFunction function : kFunctions) {
    if (word == metrics_function_name(function)) return function;
  }
  return std::nullopt;
}

Result<int64_t> parse_integer(TokenStream& tokens, std::string_view what) {
  if (!tokens.is(TokenKind::integer)) return tokens.unexpected(what);
  return tokens.take().integer;
}

Result<void> parse_quantiles(TokenStream& tokens, MetricsExpr& metrics) {
  do {
    OBELISK_CHECK_OK(tokens.expect(TokenKind::comma, "\",\" and a quantile"));
    if (!tokens.is(TokenKind::integer) && !tokens.is(TokenKind::floating))
      return tokens.unexpected("a quantile");
    const Token& token = tokens.take();
    metrics.quantiles.push_back(token.kind == TokenKind::integer ? static_cast<double>(token.integer)
                                                                 : token.number);
  } while (tokens.is(TokenKind::comma));
  return {};
}

// compare({filter}[, top[, start, end]])
Result<void> parse_compare(TokenStream& tokens, MetricsExpr& metrics,
                           const std::function<Result<SpansetExprPtr>()>& parse_filter) {
  OBELISK_TRY(metrics.selection, parse_filter());
  if (!tokens.accept(TokenKind::comma)) return {};
  OBELISK_TRY(metrics.top, parse_integer(tokens, "a number of values"));
  if (!tokens.accept(TokenKind::comma)) return {};
  OBELISK_TRY(int64_t start, parse_integer(tokens, "a start in nanoseconds"));
  OBELISK_CHECK_OK(tokens.expect(TokenKind::comma, "\",\" and an end in nanoseconds"));
  OBELISK_TRY(int64_t end, parse_integer(tokens, "an end in nanoseconds"));
  metrics.selection_range = TimeRange{{start}, {end}};
  return {};
}

}  // namespace

bool is_metrics_function(const Token& token) {
  return token.kind == TokenKind::word && function_of(token.text);
}

Result<std::vector<FieldExprPtr>> parse_attribute_list(TokenStream& tokens) {
  std::vector<FieldExprPtr> attributes;
  do {
    OBELISK_TRY(FieldExprPtr attribute, parse_attribute(tokens));
    attributes.push_back(std::move(attribute));
  } while (tokens.accept(TokenKind::comma));
  return attributes;
}

Result<MetricsExprPtr> parse_metrics_function(TokenStream& tokens,
                                              const std::function<Result<SpansetExprPtr>()>& parse_filter) {
  auto metrics = std::make_unique<MetricsExpr>();
  metrics->offset = tokens.peek().offset;
  metrics->function = *function_of(tokens.take().text);
  OBELISK_CHECK_OK(tokens.expect(TokenKind::open_paren, "\"(\""));
  switch (metrics->function) {
    case MetricsFunction::rate:
    case MetricsFunction::count_over_time:
      break;
    case MetricsFunction::compare:
      OBELISK_CHECK_OK(parse_compare(tokens, *metrics, parse_filter));
      break;
    default: {
      OBELISK_TRY(metrics->argument, parse_attribute(tokens));
    }
  }
  if (metrics->function == MetricsFunction::quantile_over_time)
    OBELISK_CHECK_OK(parse_quantiles(tokens, *metrics));
  OBELISK_CHECK_OK(tokens.expect(TokenKind::close_paren, "\")\""));
  if (metrics->function != MetricsFunction::compare && tokens.accept_word("by")) {
    OBELISK_CHECK_OK(tokens.expect(TokenKind::open_paren, "\"(\""));
    OBELISK_TRY(metrics->by, parse_attribute_list(tokens));
    OBELISK_CHECK_OK(tokens.expect(TokenKind::close_paren, "\")\""));
  }
  return metrics;
}

Result<void> parse_ranking(TokenStream& tokens, MetricsExpr& metrics) {
  MetricsStage stage;
  stage.offset = tokens.peek().offset;
  if (!tokens.is_word("topk") && !tokens.is_word("bottomk")) return tokens.unexpected("topk or bottomk");
  stage.kind = tokens.take().text == "topk" ? MetricsStage::Kind::topk : MetricsStage::Kind::bottomk;
  OBELISK_CHECK_OK(tokens.expect(TokenKind::open_paren, "\"(\""));
  OBELISK_TRY(stage.count, parse_integer(tokens, "a number of series"));
  OBELISK_CHECK_OK(tokens.expect(TokenKind::close_paren, "\")\""));
  metrics.stages.push_back(stage);
  return {};
}

Result<std::vector<Hint>> parse_hints(TokenStream& tokens) {
  std::vector<Hint> hints;
  OBELISK_CHECK_OK(tokens.expect(TokenKind::open_paren, "\"(\""));
  do {
    if (!tokens.is(TokenKind::word)) return tokens.unexpected("the name of a hint");
    Hint hint;
    hint.name = tokens.take().text;
    OBELISK_CHECK_OK(tokens.expect(TokenKind::equal, "\"=\""));
    std::optional<StoredValue> value = accept_literal(tokens);
    if (!value) return tokens.unexpected("a value");
    hint.value = std::move(*value);
    hints.push_back(std::move(hint));
  } while (tokens.accept(TokenKind::comma));
  OBELISK_CHECK_OK(tokens.expect(TokenKind::close_paren, "\")\""));
  return hints;
}

}  // namespace obelisk::traceql
