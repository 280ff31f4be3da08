// Jaeger's api_v3 over HTTP: OTLP TracesData inside {"result": ...}, as its gateway gives it; errors as
// {"error": {"grpcCode", "httpCode", "message", "httpStatus"}}.
#include <fmt/format.h>
#include <simdjson.h>

#include "api/jaeger/jaeger_api.h"
#include "api/jaeger/jaeger_search.h"
#include "base/text.h"
#include "net/grpc_framing.h"
#include "wire/otlp_encode.h"

namespace obelisk {
namespace {

using tempo::TempoCall;
using Answer = Result<HttpResponse> (*)(TempoCall&, const PathParameters&);
using Trace = std::vector<BatchPtr>;

HttpResponse failed(const Error& error) {
  int status = error.code == ErrorCode::unsupported ? 501 : http_status_of(error.code);
  JsonWriter out;
  out.begin_object().key("error").begin_object();
  out.field("grpcCode", static_cast<int>(grpc_status_of(error.code))).field("httpCode", status);
  out.field("message", error.message).field("httpStatus", error_code_name(error.code));
  out.end_object().end_object();
  HttpResponse response = tempo::json_response(out.take());
  response.status = status;
  return response;
}

// Fields have two spellings: "query.startTimeMin" of protobuf's JSON, which Jaeger's UI sends, and
// "query.start_time_min" of older clients, by which they are read here.
std::string old_name_of(std::string_view name) {
  std::string old;
  for (char c : name) {
    bool is_upper = c >= 'A' && c <= 'Z';
    if (is_upper) old += '_';
    old += is_upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return old;
}

// Where a field came in both spellings, the new one is first and so goes before.
Parameters with_names_of_old(const Parameters& parameters) {
  Parameters named;
  for (bool is_new : {true, false}) {
    for (const auto& [name, value] : parameters.entries()) {
      std::string old = old_name_of(name);
      if ((old != name) == is_new && !value.empty()) named.add(std::move(old), value);
    }
  }
  return named;
}

RouteHandler route_of(const ApiContext& context, Answer answer) {
  return tempo::handler_of(context,
                           [answer](TempoCall& call, const PathParameters& path) -> Result<HttpResponse> {
                             call.parameters = with_names_of_old(call.parameters);
                             Result<HttpResponse> result = answer(call, path);
                             return result.ok() ? std::move(*result) : failed(result.error());
                           });
}

HttpResponse traces_response(const std::vector<Trace>& traces) {
  std::vector<BatchPtr> all;
  for (const Trace& trace : traces) all.insert(all.end(), trace.begin(), trace.end());
  JsonWriter out;
  out.begin_object().key("result").begin_object().key("resourceSpans");
  write_resource_spans_json(out, all, OtlpJsonStyle::otlp);
  out.end_object().end_object();
  return tempo::json_response(out.take());
}

Result<UnixNanos> time_of(const Parameters& parameters, std::string_view name) {
  std::optional<int64_t> nanos = parse_rfc3339(parameters.get_or(name, ""));
  if (!nanos)
    return make_error(ErrorCode::invalid_argument, fmt::format("{}: a time in RFC 3339 is needed", name));
  return UnixNanos{*nanos};
}

Result<int64_t> duration_of(const Parameters& parameters, std::string_view name) {
  std::string_view text = parameters.get_or(name, "");
  if (text.empty()) return int64_t{0};
  Result<int64_t> nanos = parse_go_duration(text);
  if (nanos.ok() && *nanos >= 0) return nanos;
  return make_error(ErrorCode::invalid_argument, fmt::format("{}: a duration such as 1.2s", name));
}

// {"http.status_code": "500"}
Result<void> read_attributes(simdjson::dom::element element, jaeger::TraceConditions& conditions) {
  simdjson::dom::object object;
  if (element.get(object) != simdjson::SUCCESS)
    return make_error(ErrorCode::invalid_argument, "attributes: a JSON object of texts expected");
  for (simdjson::dom::key_value_pair attribute : object) {
    std::string_view value;
    if (attribute.value.get(value) != simdjson::SUCCESS) {
      return make_error(ErrorCode::invalid_argument,
                        fmt::format("attributes: the value of \"{}\" must be a text", attribute.key));
    }
    conditions.tags.emplace_back(attribute.key, value);
  }
  return {};
}

// The body of a POST, {"query": {"service_name": ..., "attributes": {...}}}, put among the parameters as a
// GET has them.
Result<void> add_body(const std::string& body, Parameters& parameters) {
  simdjson::dom::parser parser;
  simdjson::dom::object query;
  if (parser.parse(body)["query"].get(query) != simdjson::SUCCESS)
    return make_error(ErrorCode::invalid_argument, "a JSON body with a query is expected");
  for (simdjson::dom::key_value_pair field : query) {
    std::string name = "query." + old_name_of(field.key);
    std::string_view text;
    parameters.add(
        name, field.value.get(text) == simdjson::SUCCESS ? std::string(text) : simdjson::minify(field.value));
  }
  return {};
}

Result<jaeger::TraceConditions> conditions_of(TempoCall& call) {
  if (call.exchange->request().method == "POST")
    OBELISK_CHECK_OK(add_body(call.exchange->request().body, call.parameters));
  const Parameters& parameters = call.parameters;
  jaeger::TraceConditions conditions;
  conditions.service = parameters.get_or("query.service_name", "");
  conditions.operation = parameters.get_or("query.operation_name", "");
  if (std::string_view text = parameters.get_or("query.attributes", ""); !text.empty()) {
    simdjson::dom::parser parser;
    simdjson::dom::element element;
    if (parser.parse(text.data(), text.size()).get(element) != simdjson::SUCCESS)
      return make_error(ErrorCode::invalid_argument, "query.attributes: a JSON object of texts expected");
    OBELISK_CHECK_OK(read_attributes(element, conditions));
  }
  OBELISK_TRY(conditions.range.begin, time_of(parameters, "query.start_time_min"));
  OBELISK_TRY(conditions.range.end, time_of(parameters, "query.start_time_max"));
  if (conditions.range.end <= conditions.range.begin)
    return make_error(ErrorCode::invalid_argument,
                      "query.start_time_min must lie before query.start_time_max");
  OBELISK_TRY(conditions.duration_min, duration_of(parameters, "query.duration_min"));
  OBELISK_TRY(conditions.duration_max, duration_of(parameters, "query.duration_max"));
  for (std::string_view name :
       {"query.pagination", "query.pagination.page_size", "query.pagination.page_token"}) {
    if (parameters.contains(name))
      return make_error(ErrorCode::unsupported,
                        "query.pagination: searches are answered whole, not by pages");
  }
  if (std::string_view text = parameters.get_or("query.filter", ""); !text.empty()) {
    OBELISK_TRY(jaeger::FilterNode filter, jaeger::filter_of_json(text));
    OBELISK_CHECK_OK(jaeger::use_filter(filter, conditions));
  }
  OBELISK_TRY(int64_t limit, tempo::integer_of(parameters, "query.num_traces", 20, 1));
  if (parameters.contains("query.search_depth")) {
    OBELISK_TRY(limit, tempo::integer_of(parameters, "query.search_depth", 20, 1));
  }
  if (limit > jaeger::kTraceLimitMax)
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("more than {} traces asked for", jaeger::kTraceLimitMax));
  conditions.limit = static_cast<uint32_t>(limit);
  return conditions;
}

Result<HttpResponse> services(TempoCall& call, const PathParameters&) {
  OBELISK_TRY(std::vector<std::string> names, jaeger::services(call));
  JsonWriter out;
  out.begin_object().key("services").begin_array();
  for (const std::string& name : names) out.value(name);
  out.end_array().end_object();
  return tempo::json_response(out.take());
}

Result<HttpResponse> operations(TempoCall& call, const PathParameters&) {
  std::string service(call.parameters.get_or("service", ""));
  if (service.empty()) return make_error(ErrorCode::invalid_argument, "parameter service is missing");
  OBELISK_TRY(std::vector<jaeger::Operation> found,
              jaeger::operations(call, service, std::string(call.parameters.get_or("span_kind", ""))));
  JsonWriter out;
  out.begin_object().key("operations").begin_array();
  for (const jaeger::Operation& operation : found)
    out.begin_object().field("name", operation.name).field("spanKind", operation.kind).end_object();
  out.end_array().end_object();
  return tempo::json_response(out.take());
}

Result<HttpResponse> traces(TempoCall& call, const PathParameters&) {
  OBELISK_TRY(jaeger::TraceConditions conditions, conditions_of(call));
  OBELISK_TRY(std::vector<Trace> found, jaeger::find_traces(call, conditions));
  return traces_response(found);
}

void write_summary(JsonWriter& out, const jaeger::TraceSummary& summary) {
  out.begin_object().field("traceId", summary.id.to_hex());
  out.field("rootServiceName", summary.root_service).field("rootOperationName", summary.root_name);
  out.field("minStartTimeUnixNano", std::to_string(summary.start.value));
  out.field("maxEndTimeUnixNano", std::to_string(summary.end.value));
  out.field("spanCount", summary.spans).field("errorSpanCount", summary.errors);
  out.field("orphanSpanCount", summary.orphans).key("services").begin_array();
  for (const auto& [name, stats] : summary.services) {
    out.begin_object().field("name", name).field("spanCount", stats.span_count);
    out.field("errorSpanCount", stats.error_count).end_object();
  }
  out.end_array().end_object();
}

// How Jaeger's clients learn which searches are served.
Result<HttpResponse> capabilities(TempoCall&, const PathParameters&) {
  JsonWriter out;
  out.begin_object().key("search").begin_object();
  out.field("withoutServiceName", true).field("sameSpanConjunction", true);
  out.key("filter").begin_object();
  out.key("levels").begin_array();
  for (std::string_view level : jaeger::kFilterLevels) out.value(level);
  out.end_array().key("operators").begin_array();
  for (std::string_view op : jaeger::kFilterOperators) out.value(op);
  out.end_array().end_object().end_object().end_object();
  return tempo::json_response(out.take());
}

Result<HttpResponse> summaries(TempoCall& call, const PathParameters&) {
  OBELISK_TRY(jaeger::TraceConditions conditions, conditions_of(call));
  OBELISK_TRY(std::vector<Trace> found, jaeger::find_traces(call, conditions));
  JsonWriter out;
  out.begin_object().key("summaries").begin_array();  // in no envelope, other than traces
  for (const Trace& trace : found) write_summary(out, jaeger::summary_of(trace));
  out.end_array().end_object();
  return tempo::json_response(out.take());
}

Result<HttpResponse> trace(TempoCall& call, const PathParameters& path) {
  OBELISK_TRY(Trace spans, jaeger::trace_by_id(call, path.get("id")));
  return traces_response({std::move(spans)});
}

Result<HttpResponse> dependencies(TempoCall& call, const PathParameters&) {
  TimeRange range;
  OBELISK_TRY(range.begin, time_of(call.parameters, "start_time"));
  OBELISK_TRY(range.end, time_of(call.parameters, "end_time"));
  if (range.end <= range.begin)
    return make_error(ErrorCode::invalid_argument, "start_time must lie before end_time");
  OBELISK_TRY(std::vector<traceql::GraphEdge> edges, jaeger::dependencies(call, range));
  JsonWriter out;
  out.begin_object().key("dependencies").begin_array();
  for (const traceql::GraphEdge& edge : edges) {
    out.begin_object().field("parent", edge.client).field("child", edge.server);
    out.field("callCount", std::to_string(jaeger::calls_of(edge))).end_object();
  }
  out.end_array().end_object();
  return tempo::json_response(out.take());
}

}  // namespace

void register_jaeger_v3_api(Router& router, ApiContext& context) {
  auto add = [&](const char* method, const std::string& path, Answer answer) {
    router.add(method, "/api/v3/" + path, route_of(context, answer));
  };
  add("GET", "services", services);
  add("GET", "operations", operations);
  add("GET", "traces/{id}", trace);
  add("GET", "dependencies", dependencies);
  add("GET", "capabilities", capabilities);
  for (const char* method : {"GET", "POST"}) {
    add(method, "traces", traces);
    add(method, "trace-summaries", summaries);
  }
}

}  // namespace obelisk
