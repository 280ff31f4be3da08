// Traces by id.
#include "api/tempo/tempo_call.h"
#include "api/tempo/tempo_handlers.h"
#include "api/tempo/tempo_json.h"
#include "api/tempo/tempo_protobuf.h"
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
       {"q", "keep_hierarchy", "match_depth", "ancestor_depth", "span_pruning", "span_pruning_group_by",
        "span_pruning_min_spans", "span_pruning_max_parent_depth"}) {
    if (call.parameters.get_or(name, "").empty()) continue;
    return make_error(ErrorCode::unsupported,
                      "unsupported: parameter " + std::string(name) + " of a trace by id");
  }
  if (accepts(call.exchange->request(), "application/vnd.grafana.llm")) {
    return make_error(ErrorCode::unsupported, "unsupported: media type application/vnd.grafana.llm");
  }
  return {};
}

Result<HttpResponse> trace_by_id_v2(TempoCall& call, const PathParameters& path) {
  OBELISK_CHECK_OK(refuse_unsupported(call));
  OBELISK_TRY(std::vector<BatchPtr> spans, find_trace(call, path));
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
