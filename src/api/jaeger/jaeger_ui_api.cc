// The JSON API of Jaeger's UI: everything in {"data", "total", "limit", "offset", "errors"}.
#include <fmt/format.h>
#include <simdjson.h>

#include "api/jaeger/jaeger_api.h"
#include "api/jaeger/jaeger_search.h"
#include "api/jaeger/service_metrics.h"
#include "base/text.h"
#include "query/traceql/trace_rows.h"
#include "wire/foreign/encode_traces.h"
#include "wire/otlp_json.h"
#include "wire/otlp_traces.h"

namespace obelisk {
namespace {

using tempo::TempoCall;

constexpr int64_t kNanosPerMicro = 1000;
constexpr int64_t kLimitDefault = 100;  // Jaeger's; its UI always says how many it wants
constexpr int64_t kLookbackNanos = 2 * 86400 * kNanosPerSecond;  // of a search that names no start

HttpResponse enveloped(const std::string& data, uint64_t total) {
  return tempo::json_response(
      fmt::format(R"({{"data":{},"total":{},"limit":0,"offset":0,"errors":null}})", data, total));
}

// With a list of errors beside the data: [] says null, as Jaeger does.
HttpResponse enveloped_with(const std::string& data, uint64_t total, const std::string& errors) {
  return tempo::json_response(
      fmt::format(R"({{"data":{},"total":{},"limit":0,"offset":0,"errors":{}}})", data, total, errors));
}

HttpResponse failed(const Error& error) {
  int status = http_status_of(error.code);
  JsonWriter out;
  out.begin_object().key("data").null().field("total", 0).field("limit", 0).field("offset", 0);
  out.key("errors").begin_array().begin_object().field("code", status).field("msg", error.to_string());
  out.end_object().end_array().end_object();
  HttpResponse response = tempo::json_response(out.take());
  response.status = status;
  return response;
}

using Answer = tempo::TempoHandler;

RouteHandler route_of(const ApiContext& context, Answer answer) {
  return tempo::handler_of(
      context,
      [answer = std::move(answer)](TempoCall& call, const PathParameters& path) -> Result<HttpResponse> {
        Result<HttpResponse> result = answer(call, path);
        return result.ok() ? std::move(*result) : failed(result.error());
      });
}

Result<HttpResponse> services(TempoCall& call, const PathParameters&) {
  OBELISK_TRY(std::vector<std::string> names, jaeger::services(call));
  JsonWriter out;
  out.begin_array();
  for (const std::string& name : names) out.value(name);
  out.end_array();
  return enveloped(out.take(), names.size());
}

Result<HttpResponse> operation_names(TempoCall& call, const PathParameters& path) {
  OBELISK_TRY(std::vector<jaeger::Operation> found, jaeger::operations(call, path.get("service"), ""));
  JsonWriter out;
  out.begin_array();
  uint64_t count = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    if (i > 0 && found[i].name == found[i - 1].name) continue;
    out.value(found[i].name);
    ++count;
  }
  out.end_array();
  return enveloped(out.take(), count);
}

Result<HttpResponse> operations(TempoCall& call, const PathParameters&) {
  std::string service(call.parameters.get_or("service", ""));
  if (service.empty()) return make_error(ErrorCode::invalid_argument, "parameter service is missing");
  OBELISK_TRY(std::vector<jaeger::Operation> found,
              jaeger::operations(call, service, std::string(call.parameters.get_or("spanKind", ""))));
  JsonWriter out;
  out.begin_array();
  for (const jaeger::Operation& operation : found)
    out.begin_object().field("name", operation.name).field("spanKind", operation.kind).end_object();
  out.end_array();
  return enveloped(out.take(), found.size());
}

Result<int64_t> duration_of(const Parameters& parameters, std::string_view name) {
  std::string_view text = parameters.get_or(name, "");
  if (text.empty()) return int64_t{0};
  Result<int64_t> nanos = parse_go_duration(text);
  if (nanos.ok() && *nanos >= 0) return nanos;
  return make_error(
      ErrorCode::invalid_argument,
      fmt::format("{}: a duration such as 1.2s or 100ms, not \"{}\"", name, text.substr(0, 64)));
}

Result<UnixNanos> micros_of(const Parameters& parameters, std::string_view name, UnixNanos fallback) {
  std::string_view text = parameters.get_or(name, "");
  if (text.empty()) return fallback;
  std::optional<int64_t> micros = parse_int64(text);
  int64_t nanos = 0;
  if (!micros || __builtin_mul_overflow(*micros, kNanosPerMicro, &nanos))
    return make_error(ErrorCode::invalid_argument, fmt::format("{}: microseconds since the epoch", name));
  return UnixNanos{nanos};
}

// tags={"http.status_code":"500"} and tag=http.status_code:500, any number of them.
Result<void> read_tags(const Parameters& parameters, jaeger::TraceConditions& conditions) {
  for (std::string_view tag : parameters.get_all("tag")) {
    size_t colon = tag.find(':');
    if (colon == std::string_view::npos || colon == 0)
      return make_error(ErrorCode::invalid_argument, "tag: name:value expected");
    conditions.tags.emplace_back(tag.substr(0, colon), tag.substr(colon + 1));
  }
  std::string_view text = parameters.get_or("tags", "");
  if (text.empty()) return {};
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(text.data(), text.size()).get(object) != simdjson::SUCCESS)
    return make_error(ErrorCode::invalid_argument, "tags: a JSON object of texts expected");
  for (simdjson::dom::key_value_pair tag : object) {
    std::string_view value;
    if (tag.value.get(value) != simdjson::SUCCESS)
      return make_error(ErrorCode::invalid_argument,
                        fmt::format("tags: the value of \"{}\" must be a text", tag.key));
    conditions.tags.emplace_back(tag.key, value);
  }
  return {};
}

Result<jaeger::TraceConditions> conditions_of(const TempoCall& call) {
  const Parameters& parameters = call.parameters;
  jaeger::TraceConditions conditions;
  conditions.service = parameters.get_or("service", "");
  if (conditions.service.empty())
    return make_error(ErrorCode::invalid_argument, "parameter 'service' is required");
  conditions.operation = parameters.get_or("operation", "");
  OBELISK_CHECK_OK(read_tags(parameters, conditions));
  UnixNanos now = call.api.clock.now();
  OBELISK_TRY(conditions.range.end, micros_of(parameters, "end", now));
  OBELISK_TRY(conditions.range.begin, micros_of(parameters, "start", conditions.range.end - kLookbackNanos));
  if (conditions.range.end <= conditions.range.begin)
    return make_error(ErrorCode::invalid_argument, "start must lie before end");
  OBELISK_TRY(conditions.duration_min, duration_of(parameters, "minDuration"));
  OBELISK_TRY(conditions.duration_max, duration_of(parameters, "maxDuration"));
  if (conditions.duration_max != 0 && conditions.duration_max < conditions.duration_min)
    return make_error(ErrorCode::invalid_argument, "'maxDuration' should be greater than 'minDuration'");
  OBELISK_TRY(int64_t limit, tempo::integer_of(parameters, "limit", kLimitDefault, 1));
  if (limit > jaeger::kTraceLimitMax)
    return make_error(ErrorCode::invalid_argument, fmt::format("limit is above {}", jaeger::kTraceLimitMax));
  conditions.limit = static_cast<uint32_t>(limit);
  return conditions;
}

// `missing`: ids that were asked for and are not there.
HttpResponse traces_response(const std::vector<std::vector<BatchPtr>>& traces,
                             const std::vector<TraceId>& missing = {}) {
  JsonWriter out;
  out.begin_array();
  for (const std::vector<BatchPtr>& trace : traces) write_jaeger_trace(out, trace);
  out.end_array();
  if (missing.empty()) return enveloped(out.take(), traces.size());
  JsonWriter errors;
  errors.begin_array();
  for (const TraceId& id : missing) {
    errors.begin_object().field("code", 404).field("msg", "trace not found");
    errors.field("traceID", id.to_hex()).end_object();
  }
  errors.end_array();
  return enveloped_with(out.take(), traces.size(), errors.take());
}

Result<HttpResponse> traces(TempoCall& call, const PathParameters&) {
  std::vector<std::vector<BatchPtr>> found;
  std::vector<TraceId> missing;
  std::vector<std::string_view> ids = call.parameters.get_all("traceID");
  if (ids.size() > jaeger::kTraceLimitMax)
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("more than {} trace ids", jaeger::kTraceLimitMax));
  for (std::string_view id : ids) {
    Result<std::vector<BatchPtr>> trace = jaeger::trace_by_id(call, std::string(id));
    if (!trace.ok() && trace.error().code != ErrorCode::not_found) return trace.error();
    if (trace.ok()) {
      found.push_back(std::move(*trace));
    } else {
      missing.push_back(*jaeger::trace_id_of(id));
    }
  }
  if (ids.empty()) {
    OBELISK_TRY(jaeger::TraceConditions conditions, conditions_of(call));
    OBELISK_TRY(found, jaeger::find_traces(call, conditions));
  }
  return traces_response(found, missing);
}

// What the UI asks when a user opens a file of OTLP JSON: the same traces as it reads them. Nothing is
// stored.
Result<HttpResponse> transform(TempoCall& call, const PathParameters&) {
  OBELISK_TRY(std::shared_ptr<const std::string> body,
              otlp_json_to_protobuf(OtlpSignal::traces, call.exchange->request().body));
  OBELISK_TRY(DecodedTraces decoded, decode_otlp_traces(body));
  std::vector<BatchPtr> batches;
  std::map<TraceId, std::vector<traceql::RowPlace>> rows;
  for (Batch& batch : decoded.batches) {
    const ColumnData* ids = batch.find_fixed(column::kTraceId);
    for (uint32_t row = 0; row < batch.row_count; ++row)
      rows[ids == nullptr ? TraceId{} : ids->trace_ids[row]].emplace_back(batches.size(), row);
    batches.push_back(std::make_shared<const Batch>(std::move(batch)));
  }
  std::vector<std::vector<BatchPtr>> traces;
  for (const auto& [id, places] : rows) traces.push_back({traceql::rows_of(batches, places)});
  return traces_response(traces);
}

Result<HttpResponse> trace(TempoCall& call, const PathParameters& path) {
  OBELISK_TRY(std::vector<BatchPtr> spans, jaeger::trace_by_id(call, path.get("id")));
  return traces_response({std::move(spans)});
}

Result<HttpResponse> dependencies(TempoCall& call, const PathParameters&) {
  constexpr int64_t kLookbackMillis = 86'400'000;
  OBELISK_TRY(TimeRange range, jaeger::lookback_range_of(call, kLookbackMillis));
  OBELISK_TRY(std::vector<traceql::GraphEdge> edges, jaeger::dependencies(call, range));
  if (std::string_view service = call.parameters.get_or("service", ""); !service.empty()) {
    std::erase_if(edges, [&](const traceql::GraphEdge& edge) {
      return edge.client != service && edge.server != service;
    });
  }
  JsonWriter out;
  out.begin_array();
  for (const traceql::GraphEdge& edge : edges) {
    out.begin_object().field("parent", edge.client).field("child", edge.server);
    out.field("callCount", jaeger::calls_of(edge)).end_object();
  }
  out.end_array();
  return enveloped(out.take(), edges.size());
}

Answer metrics(jaeger::ServiceMetric metric) {
  return [metric](TempoCall& call, const PathParameters&) -> Result<HttpResponse> {
    OBELISK_TRY(std::string family, jaeger::service_metrics_json(call, metric));
    return tempo::json_response(std::move(family));
  };
}

// The smallest step that may be asked for, in milliseconds.
Result<HttpResponse> smallest_step(TempoCall&, const PathParameters&) {
  return enveloped("1", 0);
}

// The UI's button. The answer is an empty list, as Jaeger's.
Result<HttpResponse> archive_trace(jaeger::TraceArchive& archive, const TempoCall& call,
                                   const PathParameters& path) {
  OBELISK_TRY(TraceId id, jaeger::trace_id_of(path.get("id")));
  if (call.exchange->request().method == "DELETE") {
    OBELISK_CHECK_OK(archive.remove(call.query_context(), id));
  } else {
    OBELISK_TRY([[maybe_unused]] uint64_t spans, archive.add(call.query_context(), id));
  }
  return enveloped("[]", 0);
}

}  // namespace

void register_jaeger_ui_api(Router& router, ApiContext& context, jaeger::TraceArchive& archive,
                            const std::string& prefix) {
  auto add = [&](const std::string& path, Answer answer) {
    router.add("GET", prefix + "/api/" + path, route_of(context, answer));
  };
  add("services", services);
  add("services/{service}/operations", operation_names);
  add("operations", operations);
  add("traces", traces);
  add("traces/{id}", trace);
  add("dependencies", dependencies);
  add("metrics/latencies", metrics(jaeger::ServiceMetric::latencies));
  add("metrics/calls", metrics(jaeger::ServiceMetric::calls));
  add("metrics/errors", metrics(jaeger::ServiceMetric::errors));
  add("metrics/minstep", smallest_step);
  router.add("POST", prefix + "/api/transform", route_of(context, transform));
  for (const char* method : {"POST", "DELETE"}) {
    router.add(method, prefix + "/api/archive/{id}",
               route_of(context, [&archive](TempoCall& call, const PathParameters& path) {
                 return archive_trace(archive, call, path);
               }));
  }
}

}  // namespace obelisk
