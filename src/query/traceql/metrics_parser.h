#pragma once
// Parses the metrics functions of TraceQL, their second stages and the hints of a query. See parser.h.
#include <functional>

#include "query/traceql/token_stream.h"

namespace obelisk::traceql {

bool is_metrics_function(const Token& token);
// rate() by (a, b) and its like. `parse_filter` reads the spanset filter of compare().
Result<MetricsExprPtr> parse_metrics_function(TokenStream& tokens,
                                              const std::function<Result<SpansetExprPtr>()>& parse_filter);
// topk(n) or bottomk(n), added to the stages.
Result<void> parse_ranking(TokenStream& tokens, MetricsExpr& metrics);
// After "with": (name=value, ...).
Result<std::vector<Hint>> parse_hints(TokenStream& tokens);
// One attribute or more.
Result<std::vector<FieldExprPtr>> parse_attribute_list(TokenStream& tokens);

}  // namespace obelisk::traceql
