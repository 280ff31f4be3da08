// format_query, status/buildinfo, drilldown-limits, and what is not there.
#include <fmt/format.h>

#include "api/loki/loki_call.h"
#include "api/loki/loki_handlers.h"
#include "api/loki/loki_json.h"
#include "query/logql/format.h"
#include "query/logql/pipeline.h"

namespace obelisk::loki {
namespace {

// The version of Loki whose API this follows: clients choose features by it.
constexpr std::string_view kApiVersion = "3.7.6";

Result<HttpResponse> format_query(LokiCall& call, const PathParameters&) {
  OBELISK_TRY(std::string_view text, query_text_of(call.parameters));
  Result<logql::Query> query = logql::parse_and_check(text);
  JsonWriter out;
  if (!query.ok()) {
    out.begin_object().field("status", "invalid-query").field("error", query.error().message).end_object();
    HttpResponse response = json_response(out.take());
    response.status = 400;
    return response;
  }
  out.begin_object().field("status", "success").field("data", logql::format_query(*query)).end_object();
  return json_response(out.take());
}

Result<HttpResponse> build_info(LokiCall& call, const PathParameters&) {
  JsonWriter out;
  out.begin_object().field("version", kApiVersion).field("revision", call.api.revision);
  out.field("branch", "").field("buildUser", "").field("buildDate", "").field("goVersion", "");
  out.field("server", "obelisk").field("serverVersion", call.api.version).end_object();
  return json_response(out.take());
}

// What Grafana's log pages ask before they offer volumes and patterns.
Result<HttpResponse> drilldown_limits(LokiCall& call, const PathParameters&) {
  const QueryLimits& limits = call.api.limits;
  JsonWriter out;
  out.begin_object().key("limits").begin_object();
  out.field("discover_log_levels", false);
  out.field("max_entries_limit_per_query", limits.log_entries_max);
  out.field("max_query_series", limits.log_series_max);
  out.field("max_query_length", "0s").field("max_query_lookback", "0s").field("max_query_range", "0s");
  out.field("query_timeout", fmt::format("{}s", limits.timeout_nanos / kNanosPerSecond));
  out.field("volume_enabled", true).field("volume_max_series", 5000);
  out.field("metric_aggregation_enabled", false).field("pattern_persistence_enabled", false);
  out.end_object().field("pattern_ingester_enabled", false).field("version", kApiVersion).end_object();
  return json_response(out.take());
}

void patterns(HttpExchangePtr exchange, const PathParameters&) {
  exchange->respond_text(501, "patterns are not supported yet: log patterns are not mined");
}

}  // namespace

void register_status_routes(Router& router, ApiContext& context) {
  add_query_route(router, context, "/loki/api/v1/format_query", format_query);
  router.add("GET", "/loki/api/v1/status/buildinfo", handler_of(context, build_info));
  router.add("GET", "/loki/api/v1/drilldown-limits", handler_of(context, drilldown_limits));
  router.add("GET", "/loki/api/v1/patterns", patterns);
  router.add("POST", "/loki/api/v1/patterns", patterns);
}

}  // namespace obelisk::loki
