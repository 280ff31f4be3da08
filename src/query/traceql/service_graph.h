#pragma once
// Who calls whom, from stored spans: exact for any TraceQL filter and any window, by the rules of
// query/core/graph_rules.h, which the streamed graph follows too: on complete data both are equal. An edge
// counts when the filter finds one of its spans; both spans must be in the trace, the found one inside the
// window. Late spans and pieces of traces are whole here, since traces are read whole. Bounds: kEdgesMax
// edges (an answer with more is refused), the caller's budget and cancellation.
#include <string>
#include <vector>

#include "query/core/graph_rules.h"
#include "query/traceql/engine.h"

namespace obelisk::traceql {

inline constexpr size_t kEdgesMax = 100'000;

struct GraphEdge {
  std::string client;
  std::string server;
  std::string type;  // "", "messaging_system", "database", "virtual_node"
  Labels labels;     // beyond these: dimensions and virtual_node, as the rules ask for them
  // Calls; with a multiplier in the rules for how many the sampled ones stand.
  double requests = 0;
  double failed = 0;
  // Of the durations as the server and as the client saw them, in ns: exact, by nearest rank (a call with a
  // multiplier counts so often).
  int64_t server_p50 = 0, server_p99 = 0, client_p50 = 0, client_p99 = 0;
  // How long messages were on their way; 0 unless the rules ask for it.
  int64_t messaging_p50 = 0, messaging_p99 = 0;
  TraceId slowest_trace;
};

struct GraphNode {
  std::string service;
  double requests = 0;  // calls that it served
  double failed = 0;
};

struct ServiceGraphResult {
  std::vector<GraphEdge> edges;  // by client, server, type, labels
  std::vector<GraphNode> nodes;  // by service
  uint64_t unpaired_spans = 0;   // sides of calls that made no edge
  ScanStatistics statistics;
};

// `query` is a search (no metrics): "{}" for everything.
Result<ServiceGraphResult> service_graph(const QueryContext& context, std::string_view query, TimeRange range,
                                         const GraphRules& rules = {});

}  // namespace obelisk::traceql
