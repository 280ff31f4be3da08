// What sets some spans apart: GET /obelisk/api/v1/trace-comparison?q={}&selection={ status = error
// }&start=&end=
#include <fmt/format.h>

#include "api/obelisk/obelisk_handlers.h"
#include "api/obelisk/own_answer.h"
#include "api/obelisk/past_window.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "query/traceql/attribute_comparison.h"

namespace obelisk {
namespace {

constexpr int64_t kLimitDefault = 100;
constexpr int64_t kLimitMax = 100'000;

std::string comparison_json(const traceql::AttributeComparison& comparison) {
  JsonWriter out;
  out.begin_object().field("selectedSpans", std::to_string(comparison.selected));
  out.field("otherSpans", std::to_string(comparison.others));
  out.field("comparedValues", std::to_string(comparison.compared)).key("values").begin_array();
  for (const traceql::ComparedValue& value : comparison.values) {
    out.begin_object().field("attribute", value.attribute).field("type", value.type);
    out.field("value", value.value).field("selected", std::to_string(value.selected));
    out.field("others", std::to_string(value.others)).field("effect", value.effect);
    out.field("significant", value.significant).end_object();
  }
  out.end_array().end_object();
  return out.take();
}

Result<std::string> answer(const ApiContext& context, const HttpExchangePtr& exchange) {
  OBELISK_TRY(Parameters parameters, parameters_of(exchange->request()));
  OBELISK_TRY(TimeRange range, past_window_of(parameters, context.clock.now()));
  std::string_view selection = parameters.get_or("selection", "");
  if (selection.empty()) {
    return make_error(
        ErrorCode::invalid_argument,
        "the parameter selection is missing: the spans to compare with the others, such as { status "
        "= error }");
  }
  std::string_view text = parameters.get_or("limit", "");
  int64_t limit = text.empty() ? kLimitDefault : parse_int64(text).value_or(0);
  if (limit < 1 || limit > kLimitMax) {
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("invalid limit: a number from 1 to {} is one", kLimitMax));
  }
  OBELISK_TRY(std::shared_ptr<QueryRun> run, begin_query(context, exchange));
  QueryContext query{context.reader, run->tenant, run->at, run->budget, run->cancel};
  OBELISK_TRY(traceql::AttributeComparison comparison,
              traceql::compare_attributes(query, parameters.get_or("q", "{}"), selection, range,
                                          static_cast<uint64_t>(limit)));
  return comparison_json(comparison);
}

}  // namespace

void register_trace_comparison(Router& router, ApiContext& context) {
  router.add("GET", "/obelisk/api/v1/trace-comparison",
             [&context](HttpExchangePtr exchange, const PathParameters&) {
               respond_own(exchange, answer(context, exchange));
             });
}

}  // namespace obelisk
