#pragma once
// What both of Jaeger's APIs ask for: services, operations and traces by conditions, put to the TraceQL
// engine.
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "api/jaeger/structured_filter.h"
#include "api/tempo/tempo_call.h"
#include "query/traceql/engine.h"
#include "query/traceql/service_graph.h"

namespace obelisk::jaeger {

struct Operation {
  std::string name;
  std::string kind;  // "server", "" when unknown
};

struct TraceConditions {
  std::string service;
  std::string operation;
  std::vector<std::pair<std::string, std::string>> tags;
  TimeRange range;
  int64_t duration_min = 0;  // ns, 0: none
  int64_t duration_max = 0;
  uint32_t limit = 20;
  std::string filter;  // one more condition in TraceQL, of a structured filter; stands instead of the others
};
inline constexpr int64_t kTraceLimitMax = 1500;  // Jaeger's UI offers no more; every trace is returned whole

// What a list of traces shows of each.
struct TraceSummary {
  TraceId id;
  std::string root_service;  // of the root, without one of the first span
  std::string root_name;
  UnixNanos start;
  UnixNanos end;
  uint64_t spans = 0;
  uint64_t errors = 0;
  uint64_t orphans = 0;  // spans whose parent is not there
  std::map<std::string, traceql::ServiceStats> services;
};

std::string traceql_of(const TraceConditions& conditions);
// A structured filter stands alone: beside other conditions than the range it is refused, as Jaeger does.
Result<void> use_filter(const FilterNode& filter, TraceConditions& conditions);
Result<std::vector<std::string>> services(const tempo::TempoCall& call);
// `kind` "" for all.
Result<std::vector<Operation>> operations(const tempo::TempoCall& call, const std::string& service,
                                          const std::string& kind);
// Whole traces, most recent first.
Result<std::vector<std::vector<BatchPtr>>> find_traces(const tempo::TempoCall& call,
                                                       const TraceConditions& conditions);
TraceSummary summary_of(const std::vector<BatchPtr>& trace);
// Calls between services that started in the range, each two services and kind of call once: the service
// graph without the callers from outside ("user").
Result<std::vector<traceql::GraphEdge>> dependencies(const tempo::TempoCall& call, TimeRange range);
// For how many calls the edge stands, as a whole number.
inline uint64_t calls_of(const traceql::GraphEdge& edge) {
  return static_cast<uint64_t>(std::llround(edge.requests));
}
// endTs and lookback, both in milliseconds, as Jaeger and Zipkin ask for dependencies.
Result<TimeRange> lookback_range_of(const tempo::TempoCall& call, int64_t lookback_default_ms);
Result<TraceId> trace_id_of(std::string_view digits);
// With what was archived of it.
Result<std::vector<BatchPtr>> trace_by_id(const tempo::TempoCall& call, const std::string& id);

}  // namespace obelisk::jaeger
