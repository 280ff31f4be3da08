#include "api/prometheus/prometheus_api.h"

#include "api/prometheus/handlers.h"

namespace obelisk {

void register_prometheus_api(Router& router, ApiContext& context, PrometheusProviders providers) {
  using namespace prometheus_api;
  providers.promql.points_per_series_max = context.limits.points_per_series_max;
  auto service = std::make_shared<const Service>(Service{context, std::move(providers)});
  auto add = [&](bool post_too, std::string_view path, Handler handler) {
    RouteHandler route = route_handler(service, std::move(handler));
    router.add("GET", path, route);
    if (post_too) router.add("POST", path, std::move(route));
  };
  auto add_raw = [&](std::initializer_list<std::string_view> methods, std::string_view path,
                     RawHandler handler) {
    RouteHandler route = raw_route_handler(service, std::move(handler));
    for (std::string_view method : methods) router.add(method, path, route);
  };
  add(true, "/api/v1/query", handle_query);
  add(true, "/api/v1/query_range", handle_query_range);
  add(true, "/api/v1/query_exemplars", handle_query_exemplars);
  add(true, "/api/v1/format_query", handle_format_query);
  add(true, "/api/v1/parse_query", handle_parse_query);
  add(true, "/api/v1/series", handle_series);
  add(true, "/api/v1/labels", handle_labels);
  add(false, "/api/v1/label/{name}/values", handle_label_values);
  add(false, "/api/v1/metadata", handle_metadata);
  add(false, "/api/v1/rules", handle_rules);
  add(false, "/api/v1/alerts", handle_alerts);
  add(false, "/api/v1/alertmanagers", handle_alertmanagers);
  add(false, "/api/v1/targets", handle_targets);
  add(false, "/api/v1/targets/metadata", handle_target_metadata);
  add(false, "/api/v1/targets/relabel_steps", handle_relabel_steps);
  add(false, "/api/v1/scrape_pools", handle_scrape_pools);
  add(false, "/api/v1/scrape_pools/config", handle_scrape_pool_config);
  add(false, "/api/v1/status/buildinfo", handle_build_info);
  add(false, "/api/v1/status/runtimeinfo", handle_runtime_info);
  add(false, "/api/v1/status/flags", handle_flags);
  add(false, "/api/v1/status/config", handle_configuration);
  add(false, "/api/v1/status/tsdb", handle_tsdb);
  add(false, "/api/v1/status/tsdb/blocks", handle_tsdb_blocks);
  add(false, "/api/v1/status/walreplay", handle_wal_replay);
  add(false, "/api/v1/status/self_metrics", handle_self_metrics);
  add(false, "/api/v1/notifications", handle_notifications);
  add(false, "/api/v1/features", handle_features);
  add_raw({"GET"}, "/api/v1/openapi.yaml", handle_openapi);
  add_raw({"GET", "POST"}, "/api/v1/search/metric_names", handle_search_metric_names);
  add_raw({"GET", "POST"}, "/api/v1/search/label_names", handle_search_label_names);
  add_raw({"GET", "POST"}, "/api/v1/search/label_values", handle_search_label_values);
  add_raw({"PUT", "POST"}, "/api/v1/admin/tsdb/delete_series", handle_delete_series);
  add_raw({"PUT", "POST"}, "/api/v1/admin/tsdb/clean_tombstones", handle_clean_tombstones);
  add_raw({"PUT", "POST"}, "/api/v1/admin/tsdb/snapshot", handle_snapshot);
  router.add("GET", "/api/v1/notifications/live", [service](HttpExchangePtr exchange, const PathParameters&) {
    stream_notifications(service, exchange);
  });
  add(true, "/obelisk/api/v1/explain", handle_explain);
  add(false, "/obelisk/api/v1/cardinality", handle_cardinality);
  router.add("POST", "/api/v1/read", [&context](HttpExchangePtr exchange, const PathParameters&) {
    handle_remote_read(context, exchange);
  });
  router.add("GET", "/federate", [service](HttpExchangePtr exchange, const PathParameters&) {
    handle_federation(*service, exchange);
  });
  RouteHandler not_found = [](HttpExchangePtr exchange, const PathParameters&) {
    exchange->respond(error_response(404, "not_found", "no such endpoint: " + exchange->request().path));
  };
  router.add("GET", "/api/v1/{rest...}", not_found);
  router.add("POST", "/api/v1/{rest...}", not_found);
  router.add("PUT", "/api/v1/{rest...}", not_found);
}

}  // namespace obelisk
