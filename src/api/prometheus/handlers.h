#pragma once
// The handlers by the file they are in; prometheus_api.cc gives each its path.
#include "api/prometheus/api_call.h"
#include "base/json_writer.h"
#include "query/promql/explain.h"

namespace obelisk::prometheus_api {

// query_handlers.cc
Result<Answer> handle_query(ApiCall& call, const PathParameters& path);
Result<Answer> handle_query_range(ApiCall& call, const PathParameters& path);
Result<Answer> handle_query_exemplars(ApiCall& call, const PathParameters& path);
Result<Answer> handle_format_query(ApiCall& call, const PathParameters& path);
Result<Answer> handle_parse_query(ApiCall& call, const PathParameters& path);

// series_handlers.cc
Result<Answer> handle_series(ApiCall& call, const PathParameters& path);
Result<Answer> handle_labels(ApiCall& call, const PathParameters& path);
Result<Answer> handle_label_values(ApiCall& call, const PathParameters& path);
Result<Answer> handle_metadata(ApiCall& call, const PathParameters& path);

// search_handlers.cc: lines of JSON
Result<HttpResponse> handle_search_metric_names(ApiCall& call, const PathParameters& path);
Result<HttpResponse> handle_search_label_names(ApiCall& call, const PathParameters& path);
Result<HttpResponse> handle_search_label_values(ApiCall& call, const PathParameters& path);

// admin_handlers.cc
Result<HttpResponse> handle_delete_series(ApiCall& call, const PathParameters& path);
Result<HttpResponse> handle_clean_tombstones(ApiCall& call, const PathParameters& path);
Result<HttpResponse> handle_snapshot(ApiCall& call, const PathParameters& path);

// server_handlers.cc
Result<Answer> handle_wal_replay(ApiCall& call, const PathParameters& path);
Result<Answer> handle_self_metrics(ApiCall& call, const PathParameters& path);
Result<Answer> handle_tsdb_blocks(ApiCall& call, const PathParameters& path);
Result<Answer> handle_notifications(ApiCall& call, const PathParameters& path);
Result<Answer> handle_features(ApiCall& call, const PathParameters& path);
Result<HttpResponse> handle_openapi(ApiCall& call, const PathParameters& path);
void stream_notifications(const std::shared_ptr<const Service>& service, const HttpExchangePtr& exchange);

// explain_handlers.cc
// The members whyEmpty and nodes of an open object.
void write_explanation(JsonWriter& json, const Explanation& explanation);
Result<Answer> handle_explain(ApiCall& call, const PathParameters& path);
Result<Answer> handle_cardinality(ApiCall& call, const PathParameters& path);

// rule_handlers.cc
Result<Answer> handle_rules(ApiCall& call, const PathParameters& path);
Result<Answer> handle_alerts(ApiCall& call, const PathParameters& path);
Result<Answer> handle_alertmanagers(ApiCall& call, const PathParameters& path);

// target_handlers.cc
Result<Answer> handle_targets(ApiCall& call, const PathParameters& path);
Result<Answer> handle_scrape_pools(ApiCall& call, const PathParameters& path);
Result<Answer> handle_scrape_pool_config(ApiCall& call, const PathParameters& path);
Result<Answer> handle_target_metadata(ApiCall& call, const PathParameters& path);
Result<Answer> handle_relabel_steps(ApiCall& call, const PathParameters& path);

// remote_read_handler.cc: answers by itself, in protobuf.
void handle_remote_read(ApiContext& context, const HttpExchangePtr& exchange);

// federation_handler.cc: answers by itself, in an exposition format.
void handle_federation(const Service& service, const HttpExchangePtr& exchange);

// status_handlers.cc
Result<Answer> handle_build_info(ApiCall& call, const PathParameters& path);
Result<Answer> handle_runtime_info(ApiCall& call, const PathParameters& path);
Result<Answer> handle_flags(ApiCall& call, const PathParameters& path);
Result<Answer> handle_configuration(ApiCall& call, const PathParameters& path);
Result<Answer> handle_tsdb(ApiCall& call, const PathParameters& path);

}  // namespace obelisk::prometheus_api
