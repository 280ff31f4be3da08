// Jaeger's api_v3 over HTTP: OTLP TracesData inside {"result": ...}, as its gateway gives it.
#include <fmt/format.h>

#include "api/jaeger/jaeger_api.h"
#include "api/jaeger/jaeger_search.h"
#include "base/text.h"
#include "wire/otlp_encode.h"

namespace obelisk {
namespace {

using tempo::TempoCall;

HttpResponse traces_response(const std::vector<std::vector<BatchPtr>>& traces) {
  std::vector<BatchPtr> all;
  for (const std::vector<BatchPtr>& trace : traces) all.insert(all.end(), trace.begin(), trace.end());
  JsonWriter out;
  out.begin_object().key("result").begin_object().key("resourceSpans");
  write_resource_spans_json(out, all, OtlpJsonStyle::otlp);
  out.end_object().end_object();
  return tempo::json_response(out.take());
}

// The gateway takes query.start_time_min in RFC 3339 and query.duration_min as a Go duration.
Result<UnixNanos> time_of(const Parameters& parameters, std::string_view name) {
  std::string_view text = parameters.get_or(name, "");
  std::optional<int64_t> nanos = parse_rfc3339(text);
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
  const Parameters& parameters = call.parameters;
  jaeger::TraceConditions conditions;
  conditions.service = parameters.get_or("query.service_name", "");
  conditions.operation = parameters.get_or("query.operation_name", "");
  if (!parameters.get_or("query.attributes", "").empty())
    return make_error(ErrorCode::unsupported,
                      "unsupported: query.attributes; ask Tempo's API for attributes");
  OBELISK_TRY(conditions.range.begin, time_of(parameters, "query.start_time_min"));
  OBELISK_TRY(conditions.range.end, time_of(parameters, "query.start_time_max"));
  OBELISK_TRY(conditions.duration_min, duration_of(parameters, "query.duration_min"));
  OBELISK_TRY(conditions.duration_max, duration_of(parameters, "query.duration_max"));
  OBELISK_TRY(int64_t limit, tempo::integer_of(parameters, "query.num_traces", 20, 1));
  if (parameters.contains("query.search_depth")) {
    OBELISK_TRY(limit, tempo::integer_of(parameters, "query.search_depth", 20, 1));
  }
  if (limit > jaeger::kTraceLimitMax)
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("more than {} traces asked for", jaeger::kTraceLimitMax));
  conditions.limit = static_cast<uint32_t>(limit);
  OBELISK_TRY(std::vector<std::vector<BatchPtr>> found, jaeger::find_traces(call, conditions));
  return traces_response(found);
}

Result<HttpResponse> trace(TempoCall& call, const PathParameters& path) {
  OBELISK_TRY(std::vector<BatchPtr> spans, jaeger::trace_by_id(call, path.get("id")));
  return traces_response({std::move(spans)});
}

}  // namespace

void register_jaeger_v3_api(Router& router, ApiContext& context) {
  router.add("GET", "/api/v3/services", tempo::handler_of(context, services));
  router.add("GET", "/api/v3/operations", tempo::handler_of(context, operations));
  router.add("GET", "/api/v3/traces", tempo::handler_of(context, traces));
  router.add("GET", "/api/v3/traces/{id}", tempo::handler_of(context, trace));
}

}  // namespace obelisk
