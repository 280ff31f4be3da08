// What the server says of itself: its own metrics, what a start replayed, the blocks it keeps, what it can
// do, what it has to tell, and the description of this API.
#include <fmt/format.h>

#include "api/prometheus/handlers.h"
#include "api/prometheus/openapi_document.h"
#include "api/prometheus/self_metrics_json.h"
#include "api/request/response.h"
#include "base/self_metrics.h"
#include "base/text.h"
#include "query/promql/functions.h"

namespace obelisk::prometheus_api {
namespace {

void write_notification(JsonWriter& json, const Notification& notification) {
  json.begin_object()
      .field("text", notification.text)
      .field("date", format_rfc3339(notification.since.value))
      .field("active", notification.active)
      .end_object();
}

using Features = std::vector<std::pair<std::string, bool>>;

void write_features(JsonWriter& json, std::string_view category, const Features& features) {
  json.key(category).begin_object();
  for (const auto& [name, enabled] : features) json.field(name, enabled);
  json.end_object();
}

Features functions_of(const PromqlOptions& options) {
  Features features;
  for (const promql::Function& function : promql::all_functions()) {
    bool needs_starts = function.id == promql::FunctionId::start_timestamp;
    features.emplace_back(function.name, (!function.experimental || options.experimental_functions) &&
                                             (!needs_starts || options.use_start_timestamps));
  }
  return features;
}

Features operators() {
  Features features;
  for (const char* name : {"!=",
                           "%",
                           "*",
                           "+",
                           "-",
                           "/",
                           "<",
                           "</",
                           "<=",
                           "==",
                           ">",
                           ">/",
                           ">=",
                           "@",
                           "^",
                           "and",
                           "atan2",
                           "or",
                           "unless",
                           "sum",
                           "avg",
                           "min",
                           "max",
                           "count",
                           "group",
                           "stddev",
                           "stdvar",
                           "topk",
                           "bottomk",
                           "quantile",
                           "count_values",
                           "limitk",
                           "limit_ratio"}) {
    features.emplace_back(name, true);
  }
  return features;
}

}  // namespace

Result<Answer> handle_wal_replay(ApiCall& call, const PathParameters&) {
  // The log is replayed before the first request is answered: what there was is done.
  const auto& provider = call.service.providers.replayed_requests;
  uint64_t replayed = provider ? provider() : 0;
  JsonWriter json;
  json.begin_object().field("min", 0).field("max", replayed).field("current", replayed).end_object();
  return Answer{json.take(), {}, {}};
}

Result<Answer> handle_self_metrics(ApiCall& call, const PathParameters&) {
  std::shared_ptr<const Regex> names;
  if (std::string_view pattern = call.parameters.get_or("metric_name_pattern", ""); !pattern.empty()) {
    Result<std::shared_ptr<const Regex>> compiled = Regex::compile(pattern, Regex::Mode::anchored);
    if (!compiled.ok()) return invalid_parameter("metric_name_pattern", compiled.error().message);
    names = std::move(*compiled);
  }
  JsonWriter json;
  write_self_metrics(json, render_self_metrics(), names.get());
  return Answer{json.take(), {}, {}};
}

// A tier's resolution stands among the hints of its compaction: the shape has no other place for it.
Result<Answer> handle_tsdb_blocks(ApiCall& call, const PathParameters&) {
  const auto& provider = call.service.providers.blocks;
  if (!provider) return make_error(ErrorCode::unsupported, "unsupported: this store lists no blocks");
  OBELISK_TRY(Tenant tenant, tenant_of(call.service.context, call.exchange->request()));
  JsonWriter json;
  json.begin_object().key("blocks").begin_array();
  for (const StoredBlock& block : provider(tenant)) {
    json.begin_object().field("ulid", block.name);
    json.field("minTime", block.range.begin.to_millis()).field("maxTime", block.range.end.to_millis());
    json.key("stats").begin_object().field("numSamples", block.samples).field("numSeries", block.series);
    json.field("numChunks", block.chunks).end_object();
    json.key("compaction").begin_object().field("level", block.level);
    if (block.resolution_ms != 0) {
      json.key("hints").begin_array();
      json.value("downsampled to " + format_prometheus_duration(block.resolution_ms * kNanosPerMilli));
      json.end_array();
    }
    json.end_object();
    json.field("version", 1).end_object();
  }
  json.end_array().end_object();
  return Answer{json.take(), {}, {}};
}

Result<Answer> handle_notifications(ApiCall& call, const PathParameters&) {
  JsonWriter json;
  json.begin_array();
  if (const auto& board = call.service.providers.notifications) {
    for (const Notification& notification : board->active()) write_notification(json, notification);
  }
  json.end_array();
  return Answer{json.take(), {}, {}};
}

void stream_notifications(const std::shared_ptr<const Service>& service, const HttpExchangePtr& exchange) {
  std::shared_ptr<NotificationBoard> board = service->providers.notifications;
  if (!board) {
    exchange->respond(error_response(503, "unavailable", "this server keeps no notifications"));
    return;
  }
  // Events may come before the head is out: they wait in `pending` until it is.
  struct Stream {
    std::mutex mutex;
    bool begun = false;
    std::vector<std::string> pending;
  };
  auto stream = std::make_shared<Stream>();
  std::weak_ptr<HttpExchange> weak = exchange;
  std::optional<uint64_t> listener = board->listen([stream, weak](const Notification& notification) {
    JsonWriter json;
    write_notification(json, notification);
    std::string event = "data: " + json.take() + "\n\n";
    std::lock_guard lock(stream->mutex);
    if (!stream->begun) {
      stream->pending.push_back(std::move(event));
    } else if (HttpExchangePtr open = weak.lock()) {
      open->write(std::move(event));
    }
  });
  if (!listener) {
    HttpResponse full;
    full.status = 204;  // as Prometheus says "too many listeners": the browser does not try again
    exchange->respond(std::move(full));
    return;
  }
  exchange->begin(200, {{"content-type", "text/event-stream"}, {"cache-control", "no-cache"}});
  {
    std::lock_guard lock(stream->mutex);
    stream->begun = true;
    for (std::string& event : stream->pending) exchange->write(std::move(event));
    stream->pending.clear();
  }
  // The exchange lives until the client goes.
  exchange->on_cancel([board, listener, keep = exchange]() mutable {
    board->leave(*listener);
    keep.reset();
  });
}

Result<Answer> handle_features(ApiCall& call, const PathParameters&) {
  const PrometheusProviders& providers = call.service.providers;
  const PromqlOptions& options = providers.promql;
  JsonWriter json;
  json.begin_object();
  write_features(json, "api",
                 {{"admin", providers.admin.enabled},
                  {"exclude_alerts", true},
                  {"label_values_match", true},
                  {"lifecycle", true},
                  {"otlp_write_receiver", true},
                  {"query_stats", true},
                  {"query_warnings", true},
                  {"remote_write_receiver", true},
                  {"search", true},
                  {"explain", true},
                  {"time_range_labels", true},
                  {"time_range_series", true}});
  write_features(json, "promql",
                 {{"anchored", true},
                  {"at_modifier", true},
                  {"bool", true},
                  {"by", true},
                  {"delayed_name_removal", options.delayed_name_removal},
                  {"duration_expr", true},
                  {"experimental_functions", options.experimental_functions},
                  {"fill", true},
                  {"fill_left", true},
                  {"fill_right", true},
                  {"group_left", true},
                  {"group_right", true},
                  {"ignoring", true},
                  {"negative_offset", true},
                  {"offset", true},
                  {"on", true},
                  {"per_query_lookback_delta", true},
                  {"per_step_stats", false},
                  {"smoothed", true},
                  {"start_timestamps", options.use_start_timestamps},
                  {"subqueries", true},
                  {"type_and_unit_labels", false},
                  {"without", true}});
  write_features(json, "promql_functions", functions_of(options));
  write_features(json, "promql_operators", operators());
  write_features(json, "rules", {{"keep_firing_for", true}, {"query_offset", true}});
  write_features(json, "tsdb",
                 {{"exemplar_storage", true}, {"native_histograms", true}, {"out_of_order", true}});
  json.end_object();
  return Answer{json.take(), {}, {}};
}

Result<HttpResponse> handle_openapi(ApiCall&, const PathParameters&) {
  return typed_response("application/yaml", openapi_document(api_routes()));
}

}  // namespace obelisk::prometheus_api
