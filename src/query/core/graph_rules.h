#pragma once
// What makes a service graph beyond the pairing of spans (service_edges.h): which spans count and for how
// many, what the sides of a call are called, and by what edges are told apart. The graph that is streamed and
// the one at query time follow one set of rules, so that both are equal on complete data.
//
// GraphHalfReader is bound to a batch, which must outlive it. Not thread safe.
#include <optional>
#include <string>
#include <vector>

#include "model/labels.h"
#include "query/core/service_edges.h"
#include "query/core/span_dimensions.h"
#include "query/core/span_filter.h"
#include "query/core/span_multiplier.h"

namespace obelisk {

struct GraphRules {
  EdgeRules edges = {};
  // Attributes of either side as labels of the edge; where both have one, the server's counts.
  std::vector<std::string> dimensions = {};
  bool client_server_prefix = false;  // both sides' instead, as client_NAME and server_NAME
  bool virtual_node_label = false;    // which side ("client" or "server") is not instrumented
  bool messaging_latency = false;     // from the end of the producer's span to the start of the consumer's
  std::vector<SpanFilterPolicy> filter_policies = {};
  SpanMultiplierOptions multiplier = {};  // of an edge: the larger of its sides'

  // Whether edges have no labels but client, server and connection_type.
  bool names_only() const { return dimensions.empty() && !virtual_node_label; }
  bool counts_multiples() const { return !multiplier.attribute.empty() || multiplier.tracestate; }
  // Every column that reading halves looks at.
  std::vector<ColumnId> columns() const;
};

// One span's half of an edge with what the rules say of it.
struct MeasuredHalf {
  HalfEdge edge;
  double multiplier = 1;
  std::vector<std::string> dimensions = {};  // values in the order of the rules; empty: none
};

class GraphHalfReader {
 public:
  GraphHalfReader(const GraphRules& rules, const Batch& spans);
  // Nothing for spans that are no side of a call, or that do not count. The service may be empty.
  std::optional<MeasuredHalf> read(size_t row) const;
  // The same into a fresh half, of some 200 bytes; false for nothing.
  bool read(size_t row, MeasuredHalf& half) const;

 private:
  const bool filters_;
  HalfEdgeReader edges_;
  SpanFilter filter_;
  SpanMultiplier multiplier_;
  SpanDimensions dimensions_;
};

// For how many calls an edge of these halves (the measured ones, at least one) stands.
double multiplier_of(const MeasuredHalf* client, const MeasuredHalf* server);
// How long a message was on its way, in ns; nothing for other edges, without both sides, and where the clocks
// disagree.
std::optional<int64_t> messaging_nanos(const ServiceEdge& edge);

// Makes the labels of edges; the rules must outlive it.
class EdgeLabels {
 public:
  explicit EdgeLabels(const GraphRules& rules);
  Labels of(const ServiceEdge& edge, const MeasuredHalf* client, const MeasuredHalf* server) const;

 private:
  const GraphRules& rules_;
  std::vector<std::string> shared_, client_, server_;  // labels of the dimensions
};

}  // namespace obelisk
