#pragma once
// The messages of Jaeger's gRPC APIs (packages jaeger.api_v2 and jaeger.api_v3) that this server reads and
// writes; both versions number their fields alike where they have the same. Decoders refuse malformed bytes
// (invalid_argument) and skip unknown fields. Pure functions.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/jaeger/jaeger_search.h"

namespace obelisk::jaeger {

// GetTraceRequest: 16 bytes in v2, hexadecimal digits in v3.
struct TraceRequest {
  std::string trace_id;  // as it came
  bool raw_traces = false;
};
Result<TraceRequest> decode_trace_request(std::string_view message);

// FindTracesRequest and FindTraceSummariesRequest {1 query}.
struct FindRequest {
  TraceConditions conditions;  // without a range
  std::optional<UnixNanos> start, end;
  int64_t limit = 0;                  // 0: not given
  std::optional<std::string> filter;  // v3's structured filter, a Call (structured_filter.h)
};
Result<FindRequest> decode_find_request(std::string_view message);

struct OperationsRequest {
  std::string service;
  std::string kind;
};
Result<OperationsRequest> decode_operations_request(std::string_view message);

// GetDependenciesRequest {1 start_time, 2 end_time}.
struct DependenciesRequest {
  std::optional<UnixNanos> start, end;
};
Result<DependenciesRequest> decode_dependencies_request(std::string_view message);

Result<std::string> decode_sampling_request(std::string_view message);  // the service's name

std::string encode_services(const std::vector<std::string>& names);
std::string encode_operations_v2(const std::vector<Operation>& operations);
std::string encode_operations_v3(const std::vector<Operation>& operations);
// Both versions: {1 repeated {1 parent, 2 child, 3 call_count}}.
std::string encode_dependencies(const std::vector<traceql::GraphEdge>& edges);
// GetCapabilitiesResponse {1 search {1 without_service_name, 2 same_span_conjunction, 3 filter {1 levels,
// 2 operators}}}.
std::string encode_capabilities();
// FindTraceSummariesResponse {1 repeated TraceSummary}, of about `bytes_max` bytes each.
std::vector<std::string> encode_summaries(const std::vector<TraceSummary>& summaries, size_t bytes_max);

}  // namespace obelisk::jaeger
