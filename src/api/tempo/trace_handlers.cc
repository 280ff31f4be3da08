// Traces by id.
#include <algorithm>
#include <cstdint>

#include "api/tempo/tempo_call.h"
#include "api/tempo/tempo_handlers.h"
#include "api/tempo/tempo_json.h"
#include "api/tempo/tempo_protobuf.h"
#include "query/traceql/trace_filter.h"
#include "wire/otlp_encode.h"

namespace obelisk::tempo {
namespace {

Result<std::vector<BatchPtr>> find_trace(TempoCall& call, const PathParameters& path) {
  std::optional<TraceId> id = TraceId::from_hex(path.get("id"));
  if (!id || id->is_none()) {
    return make_error(ErrorCode::invalid_argument,
                      "invalid trace id: 1 to 32 hexadecimal digits, not all zero, are one");
  }
  OBELISK_TRY(std::vector<BatchPtr> spans, traceql::fetch_trace(call.query_context(), *id));
  if (spans.empty()) return make_error(ErrorCode::not_found, "trace not found");
  return spans;
}

Result<HttpResponse> trace_by_id(TempoCall& call, const PathParameters& path) {
  OBELISK_TRY(std::vector<BatchPtr> spans, find_trace(call, path));
  if (accepts(call.exchange->request(), "application/protobuf"))
    return protobuf_response(encode_traces_data(spans));
  return json_response(trace_json(spans));
}

// Parameters that would change the answer; ignoring them would give a wrong one.
Result<void> refuse_unsupported(const TempoCall& call) {
  for (std::string_view name :
       {"span_pruning", "span_pruning_group_by", "span_pruning_min_spans", "span_pruning_max_parent_depth"}) {
    if (call.parameters.get_or(name, "").empty()) continue;
    return make_error(ErrorCode::unsupported,
                      "unsupported: parameter " + std::string(name) + " of a trace by id");
  }
  if (accepts(call.exchange->request(), "application/vnd.grafana.llm")) {
    return make_error(ErrorCode::unsupported, "unsupported: media type application/vnd.grafana.llm");
  }
  return {};
}

Result<int32_t> depth_of(const Parameters& parameters, std::string_view name) {
  OBELISK_TRY(int64_t depth, integer_of(parameters, name, 0, -1));
  return static_cast<int32_t>(std::min<int64_t>(depth, INT32_MAX));
}

Result<traceql::TraceFilter> filter_of(const Parameters& parameters) {
  traceql::TraceFilter filter;
  filter.query = parameters.get_or("q", "");
  std::string_view keep = parameters.get_or("keep_hierarchy", "false");
  if (keep != "true" && keep != "false" && keep != "1" && keep != "0")
    return make_error(ErrorCode::invalid_argument, "invalid keep_hierarchy: true or false");
  filter.keep_hierarchy = keep == "true" || keep == "1";
  OBELISK_TRY(filter.match_depth, depth_of(parameters, "match_depth"));
  OBELISK_TRY(filter.ancestor_depth, depth_of(parameters, "ancestor_depth"));
  return filter;
}

Result<HttpResponse> trace_by_id_v2(TempoCall& call, const PathParameters& path) {
  OBELISK_CHECK_OK(refuse_unsupported(call));
  OBELISK_TRY(traceql::TraceFilter filter, filter_of(call.parameters));
  OBELISK_TRY(std::vector<BatchPtr> spans, find_trace(call, path));
  OBELISK_TRY(spans, traceql::filter_trace(filter, spans));
  if (accepts(call.exchange->request(), "application/protobuf"))
    return protobuf_response(encode_trace_by_id_response(spans));
  return json_response(trace_v2_json(spans));
}

}  // namespace

void register_trace_routes(Router& router, ApiContext& context) {
  router.add("GET", "/api/traces/{id}", handler_of(context, trace_by_id));
  router.add("GET", "/api/v2/traces/{id}", handler_of(context, trace_by_id_v2));
}

}  // namespace obelisk::tempo
