// Traces by id, whole or in part, and two of them compared.
#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <tuple>

#include "api/request/archive_view.h"
#include "api/tempo/llm_json.h"
#include "api/tempo/tempo_call.h"
#include "api/tempo/tempo_handlers.h"
#include "api/tempo/tempo_json.h"
#include "api/tempo/tempo_protobuf.h"
#include "api/tempo/trace_diff_json.h"
#include "base/text.h"
#include "query/traceql/trace_filter.h"
#include "query/traceql/trace_prune.h"
#include "wire/otlp_encode.h"

namespace obelisk::tempo {
namespace {

Result<std::vector<BatchPtr>> trace_of(const TempoCall& call, std::string_view text) {
  std::optional<TraceId> id = TraceId::from_hex(text);
  if (!id || id->is_none()) {
    return make_error(ErrorCode::invalid_argument,
                      "invalid trace id: 1 to 32 hexadecimal digits, not all zero, are one");
  }
  OBELISK_TRY(const QueryContext context, with_archive(call.query_context()));
  return traceql::fetch_trace(context, *id);
}

Result<std::vector<BatchPtr>> find_trace(const TempoCall& call, const PathParameters& path) {
  OBELISK_TRY(std::vector<BatchPtr> spans, trace_of(call, path.get("id")));
  if (spans.empty()) return make_error(ErrorCode::not_found, "trace not found");
  return spans;
}

// start and end tell Tempo where to look, and change nothing here: a trace is always whole.
Result<void> check_range(const Parameters& parameters) {
  OBELISK_TRY([[maybe_unused]] TimeRange range, seconds_range_of(parameters));
  return {};
}

// Of the trace as it was read, before anything is left out.
uint64_t bytes_of(const std::vector<BatchPtr>& spans) {
  uint64_t bytes = 0;
  for (const BatchPtr& batch : spans) bytes += batch->memory_bytes();
  return bytes;
}

Result<HttpResponse> trace_by_id(TempoCall& call, const PathParameters& path) {
  OBELISK_CHECK_OK(check_range(call.parameters));
  OBELISK_TRY(std::vector<BatchPtr> spans, find_trace(call, path));
  if (wants_protobuf(call)) return protobuf_response(encode_traces_data(spans));
  return json_response(trace_json(spans));
}

Result<bool> switch_of(const Parameters& parameters, std::string_view name) {
  std::string_view text = parameters.get_or(name, "false");
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0" || text.empty()) return false;
  return make_error(ErrorCode::invalid_argument, "invalid " + std::string(name) + ": true or false");
}

Result<int32_t> depth_of(const Parameters& parameters, std::string_view name) {
  OBELISK_TRY(int64_t depth, integer_of(parameters, name, 0, -1));
  return static_cast<int32_t>(std::min<int64_t>(depth, INT32_MAX));
}

Result<traceql::TraceFilter> filter_of(const Parameters& parameters) {
  traceql::TraceFilter filter;
  filter.query = parameters.get_or("q", "");
  OBELISK_TRY(filter.keep_hierarchy, switch_of(parameters, "keep_hierarchy"));
  OBELISK_TRY(filter.match_depth, depth_of(parameters, "match_depth"));
  OBELISK_TRY(filter.ancestor_depth, depth_of(parameters, "ancestor_depth"));
  return filter;
}

// Nothing when the trace is not to be pruned.
Result<std::optional<traceql::TracePruning>> pruning_of(const Parameters& parameters) {
  OBELISK_TRY(bool wanted, switch_of(parameters, "span_pruning"));
  if (!wanted) return std::optional<traceql::TracePruning>();
  traceql::TracePruning pruning;
  std::string_view names = parameters.get_or("span_pruning_group_by", "");
  while (!names.empty()) {
    size_t comma = std::min(names.find(','), names.size());
    std::string_view name = trim(names.substr(0, comma));
    if (!name.empty()) pruning.group_by.emplace_back(name);
    names.remove_prefix(std::min(comma + 1, names.size()));
  }
  if (pruning.group_by.size() > 100)
    return make_error(ErrorCode::invalid_argument, "invalid span_pruning_group_by: at most 100 names");
  OBELISK_TRY(int64_t spans, integer_of(parameters, "span_pruning_min_spans", pruning.min_spans, 2));
  OBELISK_TRY(int64_t depth,
              integer_of(parameters, "span_pruning_max_parent_depth", pruning.max_parent_depth, -1));
  pruning.min_spans = static_cast<uint32_t>(std::min<int64_t>(spans, INT32_MAX));
  pruning.max_parent_depth = static_cast<int32_t>(std::min<int64_t>(depth, INT32_MAX));
  return std::optional(std::move(pruning));
}

// {"base": {"traceId": ...}, "compare": {...}, "format": ...}; start and end of a side change nothing, as a
// trace is compared whole.
struct DiffRequest {
  std::string base, compare;
  DiffFormat format = DiffFormat::patch;
};

Result<DiffRequest> diff_request_of(const std::string& body) {
  simdjson::dom::parser parser;
  simdjson::dom::object root;
  if (parser.parse(body).get(root) != simdjson::SUCCESS)
    return make_error(ErrorCode::invalid_argument, "invalid body: a JSON object with base and compare");
  DiffRequest request;
  for (auto [key, id] : {std::pair("base", &request.base), std::pair("compare", &request.compare)}) {
    std::string_view text;
    if (root[key]["traceId"].get(text) != simdjson::SUCCESS &&
        root[key]["traceID"].get(text) != simdjson::SUCCESS)
      return make_error(ErrorCode::invalid_argument,
                        std::string("invalid ") + key + ": its traceId is missing");
    *id = text;
  }
  std::string_view format;
  if (root["format"].get(format) != simdjson::SUCCESS) return request;
  std::optional<DiffFormat> known = diff_format_of(format);
  if (!known) {
    return make_error(ErrorCode::invalid_argument,
                      "invalid format: trace-patch-v0, trace-summary-v0-native, trace-summary-v0-composed or "
                      "obelisk-tree-v0");
  }
  request.format = *known;
  return request;
}

}  // namespace

Result<HttpResponse> trace_by_id_v2(TempoCall& call, const PathParameters& path) {
  OBELISK_TRY(traceql::TraceFilter filter, filter_of(call.parameters));
  OBELISK_TRY(std::optional<traceql::TracePruning> pruning, pruning_of(call.parameters));
  OBELISK_CHECK_OK(check_range(call.parameters));
  OBELISK_TRY(std::vector<BatchPtr> spans, find_trace(call, path));
  const uint64_t inspected_bytes = bytes_of(spans);
  OBELISK_TRY(spans, traceql::filter_trace(filter, spans));
  if (pruning) spans = traceql::prune_trace(*pruning, spans);
  if (wants_protobuf(call)) return protobuf_response(encode_trace_by_id_response(spans, inspected_bytes));
  if (accepts(call.exchange->request(), kLlmMediaType)) {
    OBELISK_TRY(std::string simplified, llm_trace_json(spans));
    return llm_response(std::move(simplified));
  }
  return json_response(trace_v2_json(spans, inspected_bytes));
}

Result<HttpResponse> diff_of(TempoCall& call, const std::string& base, const std::string& compare,
                             DiffFormat format) {
  std::vector<BatchPtr> sides[2];
  for (auto [name, id, side] :
       {std::tuple("base", &base, &sides[0]), std::tuple("compare", &compare, &sides[1])}) {
    Result<std::vector<BatchPtr>> spans = trace_of(call, *id);
    if (!spans.ok()) return spans.error().with_context(name);
    if (spans->empty()) return make_error(ErrorCode::not_found, std::string(name) + ": trace not found");
    *side = std::move(*spans);
  }
  OBELISK_TRY(traceql::TraceDiff compared, traceql::diff_traces(sides[0], sides[1]));
  return json_response(trace_diff_json(compared, format));
}

namespace {

Result<HttpResponse> diff(TempoCall& call, const PathParameters&) {
  OBELISK_TRY(DiffRequest request, diff_request_of(call.exchange->request().body));
  return diff_of(call, request.base, request.compare, request.format);
}

}  // namespace

void register_trace_routes(Router& router, ApiContext& context) {
  router.add("GET", "/api/traces/{id}", handler_of(context, trace_by_id));
  router.add("GET", "/api/v2/traces/{id}", handler_of(context, trace_by_id_v2));
  router.add("POST", "/api/v2/traces/diff", handler_of(context, diff));
}

}  // namespace obelisk::tempo
