#pragma once
// Who calls whom, derived from pairs of spans as Tempo's metrics generator does:
//   traces_service_graph_request_total, ..._request_failed_total, ..._request_server_seconds,
//   ..._request_client_seconds, and where they are asked for ..._request_messaging_system_seconds (from the
//   end of the producer's span to the start of the consumer's) and ..._connection_info (1 while there are
//   calls)
// with labels client, server, connection_type (absent, messaging_system, database or virtual_node) and own
// dimensions: attributes of either side (where both have one, the server's counts), or of both apart as
// client_x and server_x.
//
// Rules. A client (or producer) span and the server (or consumer) span that names it as parent make an edge,
// in whatever order they arrive; it failed when either has status error. A message has an edge for each of
// its consumers. A client span with a database attribute is an edge by itself. Half an edge waits for the
// other half for wait_nanos; then
// * a server span without parent came from outside: its client is its peer attribute, or "user";
// * a client span with a peer attribute called something without instrumentation: the server is what it
// names;
// * others are dropped and counted (obelisk_service_graph_expired_edges_total).
// Where only one side was measured its duration stands for both histograms.
// Bounds: half_edges_max waiting halves (more are dropped and counted), and as many producers that are kept
// for the same time for further consumers, of which 128 count; label sets as in derived_series.h. Thread
// safe.
#include "pipeline/derived_metrics_flusher.h"
#include "pipeline/pipeline.h"
#include "query/core/graph_rules.h"

namespace obelisk {

struct ServiceGraphOptions {
  int64_t wait_nanos = 10 * kNanosPerSecond;
  size_t half_edges_max = 10'000;
  DerivedSeries::Options series = {};
  std::vector<double> bounds = {};  // in seconds, ascending; none: 100 ms, doubling, 8 of them
  GraphRules rules = {};
  bool request = true;
  bool latency = true;
  bool connection_info = false;
};

class ServiceGraph : public SpanTap, public TenantMetricsSource {
 public:
  using Options = ServiceGraphOptions;
  explicit ServiceGraph(const Clock& clock);
  ServiceGraph(const Clock& clock, Options options);

  std::function<void()> prepare(const Tenant& tenant, const Batch& spans) override;
  // Also lets what has waited too long go.
  std::vector<TenantBatches> collect(UnixNanos now) override;
  std::vector<TenantBatches> end(const Tenant& tenant, UnixNanos at) override;
  void begin(const Tenant& tenant, UnixNanos not_before) override;

 private:
  class Edges;
  const Clock& clock_;
  const std::shared_ptr<Edges> edges_;  // shared with observations under way
};

}  // namespace obelisk
