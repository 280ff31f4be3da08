// format_query, status/buildinfo, drilldown-limits, config/tenant/v1/limits.
#include <fmt/format.h>

#include "api/loki/loki_call.h"
#include "api/loki/loki_handlers.h"
#include "api/loki/loki_json.h"
#include "query/logql/format.h"
#include "query/logql/literals.h"
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

// The limits that apply to the tenant, under the names of Loki's configuration.
Result<HttpResponse> tenant_limits(LokiCall& call, const PathParameters&) {
  const LogQueryLimits& limits = call.limits;
  HttpResponse response = text_response(
      200,
      fmt::format("max_entries_limit_per_query: {}\nmax_query_series: {}\nmax_query_length: {}\n"
                  "max_query_lookback: {}\nmax_query_bytes_read: {}\nmax_query_lines_read: {}\n"
                  "query_timeout: {}s\nmax_query_bytes_in_memory: {}\nmax_concurrent_tail_requests: {}\n",
                  limits.entries_max, limits.series_max, logql::format_go_duration(limits.length_nanos_max),
                  logql::format_go_duration(limits.lookback_nanos_max), limits.bytes_read_max,
                  limits.lines_read_max, call.api.limits.timeout_nanos / kNanosPerSecond,
                  call.api.limits.memory_bytes_max, TailService::kTailsPerTenantMax));
  response.headers.clear();
  response.headers.emplace_back("content-type", "application/yaml; charset=UTF-8");
  return response;
}

// What Grafana's log pages ask before they offer volumes and patterns.
Result<HttpResponse> drilldown_limits(LokiCall& call, const PathParameters&) {
  const LogQueryLimits& limits = call.limits;
  JsonWriter out;
  out.begin_object().key("limits").begin_object();
  out.field("discover_log_levels", call.api.discovers_log_levels);
  out.field("discover_service_name", call.api.log_mapping->discover_service_name);
  out.field("max_entries_limit_per_query", limits.entries_max);
  out.field("max_query_series", limits.series_max);
  out.field("max_query_bytes_read", limits.bytes_read_max);
  out.field("max_query_length", logql::format_go_duration(limits.length_nanos_max));
  out.field("max_query_lookback", logql::format_go_duration(limits.lookback_nanos_max))
      .field("max_query_range", "0s");
  out.field("query_timeout", fmt::format("{}s", call.api.limits.timeout_nanos / kNanosPerSecond));
  out.field("volume_enabled", true).field("volume_max_series", 5000);
  out.field("metric_aggregation_enabled", false).field("pattern_persistence_enabled", false);
  out.end_object().field("pattern_ingester_enabled", true).field("version", kApiVersion).end_object();
  return json_response(out.take());
}

}  // namespace

void register_status_routes(Router& router, ApiContext& context) {
  add_query_route(router, context, "/loki/api/v1/format_query", format_query);
  router.add("GET", "/loki/api/v1/status/buildinfo", handler_of(context, build_info));
  for (std::string_view path : {"/config/tenant/v1/limits", "/loki/api/v1/config/tenant/v1/limits"})
    router.add("GET", path, handler_of(context, tenant_limits));
  router.add("GET", "/loki/api/v1/drilldown-limits", handler_of(context, drilldown_limits));
}

}  // namespace obelisk::loki
