// query and query_range.
#include <chrono>

#include "api/loki/loki_call.h"
#include "api/loki/loki_handlers.h"
#include "api/loki/loki_json.h"

namespace obelisk::loki {
namespace {

constexpr int64_t kHour = 3600 * kNanosPerSecond;

bool wants_categories(const HttpRequest& request) {
  return header_has_token(request.header("x-loki-response-encoding-flags"), "categorize-labels");
}

// Loki can answer in Parquet; we cannot, and say so instead of sending what the client does not read.
Result<void> check_accept(const HttpRequest& request) {
  std::string_view accept = request.header("accept");
  if (accept.find("application/vnd.apache.parquet") == std::string_view::npos ||
      accept.find("json") != std::string_view::npos || accept.find("*/*") != std::string_view::npos)
    return {};
  return make_error(ErrorCode::unsupported,
                    "answers in application/vnd.apache.parquet are not supported: accept application/json");
}

logql::LogqlLimits limits_of(const LokiCall& call) {
  return {call.limits.series_max, call.api.limits.points_per_series_max};
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Result<HttpResponse> query_range(LokiCall& call, const PathParameters&) {
  auto started = std::chrono::steady_clock::now();
  OBELISK_CHECK_OK(check_accept(call.exchange->request()));
  OBELISK_TRY(std::string_view query, query_text_of(call.parameters));
  logql::RangeRequest request;
  request.now = call.api.clock.now();
  OBELISK_TRY(TimeRange range, range_of(call, kHour));
  request.start = range.begin;
  request.end = range.end;
  OBELISK_TRY(request.step_nanos, step_of(call.parameters, range));
  OBELISK_TRY(request.interval_nanos, duration_of(call.parameters, "interval", 0));
  if (request.interval_nanos < 0) return make_error(ErrorCode::invalid_argument, "interval must be >= 0");
  OBELISK_TRY(request.limit, entry_limit_of(call));
  OBELISK_TRY(request.direction, direction_of(call.parameters));
  request.categorise = wants_categories(call.exchange->request());
  QueryContext context = call.query_context();
  OBELISK_TRY(logql::LogqlResult result, logql::query_range(context, query, request, limits_of(call)));
  bool categorised = request.categorise && result.type == logql::LogqlResult::Type::streams;
  return json_response(query_answer(result, categorised, seconds_since(started)));
}

Result<HttpResponse> query_instant(LokiCall& call, const PathParameters&) {
  auto started = std::chrono::steady_clock::now();
  OBELISK_CHECK_OK(check_accept(call.exchange->request()));
  OBELISK_TRY(std::string_view query, query_text_of(call.parameters));
  OBELISK_TRY(UnixNanos time, time_of(call.parameters, "time", call.api.clock.now()));
  OBELISK_CHECK_OK(within_lookback(call, time, time));
  // Checked although only log queries have entries, and those are refused here.
  OBELISK_TRY(uint64_t limit, entry_limit_of(call));
  OBELISK_TRY(logql::Direction direction, direction_of(call.parameters));
  (void)limit;
  (void)direction;
  QueryContext context = call.query_context();
  OBELISK_TRY(logql::LogqlResult result, logql::query_instant(context, query, time, limits_of(call)));
  return json_response(query_answer(result, false, seconds_since(started)));
}

}  // namespace

void register_query_routes(Router& router, ApiContext& context) {
  add_query_route(router, context, "/loki/api/v1/query", query_instant);
  add_query_route(router, context, "/loki/api/v1/query_range", query_range);
}

}  // namespace obelisk::loki
