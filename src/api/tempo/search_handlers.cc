// Search over HTTP.
#include "api/tempo/search_request.h"
#include "api/tempo/tempo_call.h"
#include "api/tempo/tempo_handlers.h"
#include "api/tempo/tempo_json.h"
#include "api/tempo/tempo_protobuf.h"
#include "base/text.h"

namespace obelisk::tempo {
namespace {

Result<int64_t> duration_of(const Parameters& parameters, std::string_view name) {
  std::string_view text = parameters.get_or(name, "");
  if (text.empty()) return int64_t{0};
  Result<int64_t> nanos = parse_go_duration(text);
  if (!nanos.ok() || *nanos <= 0) {
    return make_error(ErrorCode::invalid_argument,
                      "invalid " + std::string(name) + ": expected a duration such as 250ms");
  }
  return *nanos;
}

// Beyond Tempo: order=duration gives the slowest traces of the whole range.
Result<traceql::SearchOrder> order_of(const Parameters& parameters) {
  std::string_view text = parameters.get_or("order", "time");
  if (text == "time" || text.empty()) return traceql::SearchOrder::most_recent;
  if (text == "duration") return traceql::SearchOrder::slowest;
  return make_error(ErrorCode::invalid_argument, "invalid order: time or duration");
}

}  // namespace

Result<HttpResponse> found_traces(TempoCall& call, const PathParameters&) {
  const Parameters& parameters = call.parameters;
  TagSearch tags;
  OBELISK_TRY(tags.tags, parse_tags(parameters.get_or("tags", "")));
  OBELISK_TRY(tags.duration_min, duration_of(parameters, "minDuration"));
  OBELISK_TRY(tags.duration_max, duration_of(parameters, "maxDuration"));
  OBELISK_TRY(std::string query, search_query_of(parameters.get_or("q", ""), tags));
  OBELISK_TRY(int64_t limit, integer_of(parameters, "limit", kSearchLimitDefault, 1));
  OBELISK_TRY(int64_t spans, integer_of(parameters, "spss", kSpansPerSpansetDefault, 0));
  OBELISK_TRY(TimeRange range, seconds_range_of(parameters));
  OBELISK_TRY(traceql::SearchOptions options, search_options_of(limit, spans, range));
  OBELISK_TRY(options.order, order_of(parameters));
  OBELISK_TRY(traceql::SearchResult result, traceql::search(call.query_context(), query, options));
  if (wants_protobuf(call)) return protobuf_response(encode_search_responses(result, SIZE_MAX)[0]);
  return json_response(search_json(result));
}

void register_search_routes(Router& router, ApiContext& context) {
  router.add("GET", "/api/search", handler_of(context, found_traces));
}

}  // namespace obelisk::tempo
