#include "query/traceql/service_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "query/core/service_edges.h"
#include "query/traceql/trace_scan.h"
#include "query/traceql/validate.h"

namespace obelisk::traceql {
namespace {

// Durations of one edge's calls; sorted at the end.
struct EdgeCounts {
  uint64_t failed = 0;
  std::vector<int64_t> server_nanos;
  std::vector<int64_t> client_nanos;
  int64_t slowest = -1;
  TraceId slowest_trace;
};

int64_t nearest_rank(const std::vector<int64_t>& sorted, double quantile) {
  auto rank = static_cast<size_t>(std::ceil(quantile * static_cast<double>(sorted.size())));
  return sorted[std::min(sorted.size(), std::max<size_t>(rank, 1)) - 1];
}

class GraphRun {
 public:
  explicit GraphRun(const QueryContext& context) : context_(context) {}
  ~GraphRun() { context_.budget.release(charged_); }
  GraphRun(const GraphRun&) = delete;
  GraphRun& operator=(const GraphRun&) = delete;

  Result<void> add_trace(const TraceTree& tree, const std::vector<Spanset>& found) {
    if (&tree.batch() != batch_) {
      batch_ = &tree.batch();
      reader_.emplace(*batch_);
    }
    std::vector<uint8_t> wanted(tree.span_count(), 0);
    for (const Spanset& spanset : found) {
      for (uint32_t span : spanset.spans) wanted[span] = 1;
    }
    read_halves(tree);
    for (const Half& half : halves_) {
      if (!half.edge.database.empty()) {
        if (wanted[half.span]) OBELISK_CHECK_OK(count(edge_to_database(half.edge)));
        continue;
      }
      OBELISK_CHECK_OK(half.edge.is_client ? add_client(half, wanted) : add_server(half, wanted));
    }
    return {};
  }

  ServiceGraphResult finish() {
    ServiceGraphResult result;
    std::map<std::string, GraphNode> nodes;
    for (auto& [key, counts] : edges_) {
      GraphEdge edge;
      std::tie(edge.client, edge.server, edge.type) = key;
      edge.requests = counts.server_nanos.size();
      edge.failed = counts.failed;
      std::sort(counts.server_nanos.begin(), counts.server_nanos.end());
      std::sort(counts.client_nanos.begin(), counts.client_nanos.end());
      edge.server_p50 = nearest_rank(counts.server_nanos, 0.5);
      edge.server_p99 = nearest_rank(counts.server_nanos, 0.99);
      edge.client_p50 = nearest_rank(counts.client_nanos, 0.5);
      edge.client_p99 = nearest_rank(counts.client_nanos, 0.99);
      edge.slowest_trace = counts.slowest_trace;
      nodes[edge.client].service = edge.client;
      GraphNode& server = nodes[edge.server];
      server.service = edge.server;
      server.requests += edge.requests;
      server.failed += edge.failed;
      result.edges.push_back(std::move(edge));
    }
    for (auto& [name, node] : nodes) result.nodes.push_back(std::move(node));
    result.unpaired_spans = unpaired_;
    return result;
  }

 private:
  struct Half {
    HalfEdge edge;
    uint32_t span = 0;
    int32_t other = -1;  // index of the half it pairs with
  };

  // Both halves of a call name the client span.
  void read_halves(const TraceTree& tree) {
    halves_.clear();
    by_key_.clear();
    for (uint32_t span = 0; span < tree.span_count(); ++span) {
      std::optional<HalfEdge> half = reader_->read(tree.row(span));
      if (!half || half->service.empty()) continue;
      halves_.push_back({std::move(*half), span, -1});
    }
    for (size_t i = 0; i < halves_.size(); ++i) {
      const HalfEdge& edge = halves_[i].edge;
      if (edge.is_client && edge.database.empty())
        by_key_.emplace(edge.pair_key().value, static_cast<int32_t>(i));
    }
    for (size_t i = 0; i < halves_.size(); ++i) {
      Half& server = halves_[i];
      if (server.edge.is_client || server.edge.client_span.is_none()) continue;
      auto client = by_key_.find(server.edge.pair_key().value);
      if (client == by_key_.end()) continue;
      server.other = client->second;
      Half& other = halves_[static_cast<size_t>(client->second)];
      if (other.other < 0) other.other = static_cast<int32_t>(i);
    }
  }

  // A client span is counted by its servers; alone, by what it names.
  Result<void> add_client(const Half& client, const std::vector<uint8_t>& wanted) {
    if (client.other >= 0 || !wanted[client.span]) return {};
    return count_half(client.edge);
  }

  Result<void> add_server(const Half& server, const std::vector<uint8_t>& wanted) {
    if (server.other < 0) return wanted[server.span] ? count_half(server.edge) : Result<void>();
    const Half& client = halves_[static_cast<size_t>(server.other)];
    if (!wanted[server.span] && !wanted[client.span]) return {};
    return count(edge_of_pair(client.edge, server.edge));
  }

  Result<void> count_half(const HalfEdge& half) {
    std::optional<ServiceEdge> edge = edge_of_half(half);
    if (edge) return count(*edge);
    ++unpaired_;
    return {};
  }

  Result<void> count(const ServiceEdge& edge) {
    auto key = std::tuple(std::string(edge.client), std::string(edge.server), std::string(edge.type));
    auto [found, fresh] = edges_.try_emplace(std::move(key));
    OBELISK_CHECK_OK(charge(fresh ? sizeof(EdgeCounts) + 256 : 2 * sizeof(int64_t)));
    if (edges_.size() > kEdgesMax)
      return make_error(ErrorCode::too_large,
                        fmt::format("the service graph has more than {} edges", kEdgesMax));
    EdgeCounts& counts = found->second;
    counts.failed += edge.failed() ? 1 : 0;
    auto nanos = [](const HalfEdge& half) { return std::llround(half.seconds * 1e9); };
    int64_t of_server = nanos(edge.as_server_saw());
    counts.server_nanos.push_back(of_server);
    counts.client_nanos.push_back(nanos(edge.as_client_saw()));
    if (of_server > counts.slowest) {
      counts.slowest = of_server;
      counts.slowest_trace = edge.as_server_saw().trace;
    }
    return {};
  }

  Result<void> charge(uint64_t bytes) {
    OBELISK_CHECK_OK(context_.budget.charge(bytes));
    charged_ += bytes;
    return {};
  }

  const QueryContext& context_;
  uint64_t charged_ = 0;
  const Batch* batch_ = nullptr;
  std::optional<HalfEdgeReader> reader_;
  std::vector<Half> halves_;                      // of the trace at hand
  std::unordered_map<uint64_t, int32_t> by_key_;  // its client halves
  std::map<std::tuple<std::string, std::string, std::string>, EdgeCounts> edges_;
  uint64_t unpaired_ = 0;
};

}  // namespace

Result<ServiceGraphResult> service_graph(const QueryContext& context, std::string_view text,
                                         TimeRange range) {
  OBELISK_TRY(Query query, prepare(text));
  if (!query.pipeline)
    return make_error(ErrorCode::invalid_argument, "a service graph needs a search, not a metrics query");
  GraphRun run(context);
  TraceScan scan{context, query, *query.pipeline, range, HalfEdgeReader::columns(), {}};
  OBELISK_TRY(ScanStatistics statistics,
              scan_traces(scan, [&](const TraceTree& tree, AttributeReader&, std::vector<Spanset> found) {
                return run.add_trace(tree, found);
              }));
  ServiceGraphResult result = run.finish();
  result.statistics = std::move(statistics);
  return result;
}

}  // namespace obelisk::traceql
