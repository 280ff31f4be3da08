// Jaeger's gRPC query services: jaeger.api_v2.QueryService, jaeger.api_v3.QueryService, and
// jaeger.api_v2.SamplingManager.
#include <algorithm>

#include "api/jaeger/jaeger_api.h"
#include "api/jaeger/jaeger_messages.h"
#include "api/jaeger/jaeger_search.h"
#include "api/jaeger/sampling_strategies.h"
#include "api/tempo/grpc_query.h"
#include "query/traceql/trace_rows.h"
#include "wire/foreign/encode_jaeger_protobuf.h"
#include "wire/otlp_encode.h"

namespace obelisk {
namespace {

using jaeger::FindRequest;
using tempo::GrpcMethod;
using tempo::TempoCall;
using Messages = std::vector<std::string>;
using Trace = std::vector<BatchPtr>;

constexpr int64_t kLookbackNanos = 2 * 86400 * kNanosPerSecond;  // of a search that names no start
constexpr size_t kRowsPerMessage = 2000;                         // of OTLP; usually some 1 MiB

Result<TraceId> trace_id_of_bytes(std::string_view bytes) {
  std::optional<TraceId> id = TraceId::from_bytes(bytes);
  if (!id) return make_error(ErrorCode::invalid_argument, "a trace id is 16 bytes");
  return *id;
}

// Digits of v3, bytes of v2.
Result<Trace> trace_of(const TempoCall& call, std::string_view message, bool digits) {
  OBELISK_TRY(jaeger::TraceRequest request, jaeger::decode_trace_request(message));
  if (digits) return jaeger::trace_by_id(call, request.trace_id);
  OBELISK_TRY(TraceId id, trace_id_of_bytes(request.trace_id));
  return jaeger::trace_by_id(call, id.to_hex());
}

// About what a row takes in a message.
size_t bytes_of(const Batch& batch, size_t row) {
  size_t bytes = 0;
  for (const ColumnData& data : batch.columns) {
    if (data.is_present(row))
      bytes += data.id.name.size() + (data.strings.empty() ? 8 : data.strings[row].size());
  }
  return bytes;
}

void add_as_otlp(const BatchPtr& batch, Messages& messages) {
  std::vector<traceql::RowPlace> rows;
  size_t bytes = 0;
  for (size_t row = 0; row < batch->row_count; ++row) {
    rows.emplace_back(0, static_cast<uint32_t>(row));
    bytes += bytes_of(*batch, row);
    bool is_last = row + 1 == batch->row_count;
    if (!is_last && bytes < tempo::kGrpcMessageBytes && rows.size() < kRowsPerMessage) continue;
    BatchPtr piece = is_last && rows.size() == batch->row_count ? batch : traceql::rows_of({batch}, rows);
    messages.push_back(encode_traces_data(std::span(&piece, 1)));
    rows.clear();
    bytes = 0;
  }
}

Messages as_otlp(const std::vector<Trace>& traces) {
  Messages messages;
  for (const Trace& trace : traces) {
    for (const BatchPtr& batch : trace) add_as_otlp(batch, messages);
  }
  return messages;
}

Messages as_jaeger(const std::vector<Trace>& traces) {
  Messages messages;
  for (const Trace& trace : traces) {
    for (std::string& chunk : encode_jaeger_chunks(trace, tempo::kGrpcMessageBytes))
      messages.push_back(std::move(chunk));
  }
  return messages;
}

Result<jaeger::TraceConditions> conditions_of(const TempoCall& call, FindRequest request, bool needs_range) {
  if (needs_range && (!request.start || !request.end))
    return make_error(ErrorCode::invalid_argument, "start_time_min and start_time_max are needed");
  jaeger::TraceConditions conditions = std::move(request.conditions);
  if (request.filter) {
    OBELISK_TRY(jaeger::FilterNode filter, jaeger::filter_of_protobuf(*request.filter));
    OBELISK_CHECK_OK(jaeger::use_filter(filter, conditions));
  }
  // Clients of v2 send an empty time for none, which is 0.
  bool has_end = request.end && request.end->value > 0, has_start = request.start && request.start->value > 0;
  conditions.range.end = has_end ? *request.end : call.api.clock.now();
  conditions.range.begin = has_start ? *request.start : conditions.range.end - kLookbackNanos;
  if (conditions.range.end <= conditions.range.begin)
    return make_error(ErrorCode::invalid_argument, "start_time_min must lie before start_time_max");
  if (request.limit > jaeger::kTraceLimitMax)
    return make_error(ErrorCode::invalid_argument, "search_depth is above 1500");
  if (request.limit > 0) conditions.limit = static_cast<uint32_t>(request.limit);
  return conditions;
}

Result<std::vector<Trace>> find(const TempoCall& call, std::string_view message, bool needs_range) {
  OBELISK_TRY(FindRequest request, jaeger::decode_find_request(message));
  OBELISK_TRY(jaeger::TraceConditions conditions, conditions_of(call, std::move(request), needs_range));
  return jaeger::find_traces(call, conditions);
}

Result<Messages> summaries(const TempoCall& call, std::string_view message) {
  OBELISK_TRY(std::vector<Trace> traces, find(call, message, true));
  std::vector<jaeger::TraceSummary> found;
  for (const Trace& trace : traces) found.push_back(jaeger::summary_of(trace));
  return jaeger::encode_summaries(found, tempo::kGrpcMessageBytes);
}

Result<Messages> services(const TempoCall& call, std::string_view) {
  OBELISK_TRY(std::vector<std::string> names, jaeger::services(call));
  return Messages{jaeger::encode_services(names)};
}

Result<std::vector<jaeger::Operation>> operations(const TempoCall& call, std::string_view message) {
  OBELISK_TRY(jaeger::OperationsRequest request, jaeger::decode_operations_request(message));
  if (request.service.empty()) return make_error(ErrorCode::invalid_argument, "service is missing");
  return jaeger::operations(call, request.service, request.kind);
}

Result<Messages> dependencies(const TempoCall& call, std::string_view message) {
  OBELISK_TRY(jaeger::DependenciesRequest request, jaeger::decode_dependencies_request(message));
  if (!request.start || !request.end || *request.start >= *request.end)
    return make_error(ErrorCode::invalid_argument, "start_time and, after it, end_time are needed");
  OBELISK_TRY(std::vector<traceql::GraphEdge> edges,
              jaeger::dependencies(call, {*request.start, *request.end}));
  return Messages{jaeger::encode_dependencies(edges)};
}

// A method whose answer is one list of traces as `encode` writes them.
template <typename Find, typename Encode>
GrpcMethod traces_method(Find find_them, Encode encode) {
  return [=](const TempoCall& call, std::string_view message) -> Result<Messages> {
    OBELISK_TRY(std::vector<Trace> traces, find_them(call, message));
    return encode(traces);
  };
}

}  // namespace

void register_jaeger_grpc(GrpcRouter& router, ApiContext& context, jaeger::TraceArchive& archive) {
  auto one_trace = [](bool digits) {
    return [digits](const TempoCall& call, std::string_view message) -> Result<std::vector<Trace>> {
      OBELISK_TRY(Trace trace, trace_of(call, message, digits));
      return std::vector<Trace>{std::move(trace)};
    };
  };
  auto search = [](bool needs_range) {
    return [needs_range](const TempoCall& call, std::string_view message) {
      return find(call, message, needs_range);
    };
  };
  auto add = [&](const std::string& name, GrpcMethod method) {
    router.add("/jaeger." + name, tempo::grpc_handler_of(context, std::move(method)));
  };
  add("api_v2.QueryService/GetTrace", traces_method(one_trace(false), as_jaeger));
  add("api_v2.QueryService/FindTraces", traces_method(search(false), as_jaeger));
  add("api_v3.QueryService/GetTrace", traces_method(one_trace(true), as_otlp));
  add("api_v3.QueryService/FindTraces", traces_method(search(true), as_otlp));
  add("api_v3.QueryService/FindTraceSummaries", summaries);
  for (const std::string version : {"api_v2", "api_v3"}) {
    add(version + ".QueryService/GetServices", services);
    add(version + ".QueryService/GetDependencies", dependencies);
  }
  add("api_v2.QueryService/GetOperations",
      [](const TempoCall& call, std::string_view message) -> Result<Messages> {
        OBELISK_TRY(std::vector<jaeger::Operation> found, operations(call, message));
        return Messages{jaeger::encode_operations_v2(found)};
      });
  add("api_v3.QueryService/GetOperations",
      [](const TempoCall& call, std::string_view message) -> Result<Messages> {
        OBELISK_TRY(std::vector<jaeger::Operation> found, operations(call, message));
        return Messages{jaeger::encode_operations_v3(found)};
      });
  add("api_v3.Capabilities/GetCapabilities", [](const TempoCall&, std::string_view) -> Result<Messages> {
    return Messages{jaeger::encode_capabilities()};
  });
  // ArchiveTraceRequest {1 trace_id}; start_time and end_time say where to look, which is not needed.
  add("api_v2.QueryService/ArchiveTrace",
      [&archive](const TempoCall& call, std::string_view message) -> Result<Messages> {
        OBELISK_TRY(jaeger::TraceRequest request, jaeger::decode_trace_request(message));
        OBELISK_TRY(TraceId id, trace_id_of_bytes(request.trace_id));
        OBELISK_TRY([[maybe_unused]] uint64_t spans, archive.add(call.query_context(), id));
        return Messages{""};
      });
}

void register_jaeger_sampling(Router& router, GrpcRouter& grpc_router,
                              std::shared_ptr<const SamplingStrategies> strategies) {
  auto answer = [strategies](HttpExchangePtr exchange, const PathParameters&) {
    Result<Parameters> parameters = parameters_of(exchange->request());
    if (!parameters.ok()) return exchange->respond_text(400, parameters.error().message);
    std::string service(parameters->get_or("service", ""));
    if (service.empty()) return exchange->respond_text(400, "'service' parameter must be provided once");
    exchange->respond(tempo::json_response(sampling_strategy_json(strategies->of(service))));
  };
  router.add("GET", "/sampling", answer);
  router.add("GET", "/api/sampling", answer);
  grpc_router.add("/jaeger.api_v2.SamplingManager/GetSamplingStrategy", [strategies](GrpcCallPtr call) {
    if (call->request().messages.size() != 1)
      return call->finish_with(
          make_error(ErrorCode::invalid_argument, "the method takes exactly one message"));
    Result<std::string> service = jaeger::decode_sampling_request(call->request().messages[0]);
    if (!service.ok()) return call->finish_with(service.error());
    call->finish_with(sampling_strategy_protobuf(strategies->of(*service)));
  });
}

}  // namespace obelisk
