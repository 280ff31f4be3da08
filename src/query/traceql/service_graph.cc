#include "query/traceql/service_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "query/traceql/trace_scan.h"
#include "query/traceql/validate.h"

namespace obelisk::traceql {
namespace {

// Durations of calls, each with how many it stands for; sorted when asked.
class Durations {
 public:
  void add(int64_t nanos, double weight) { calls_.emplace_back(nanos, weight); }
  double weight() const {
    double sum = 0;
    for (const auto& [nanos, weight] : calls_) sum += weight;
    return sum;
  }
  // By nearest rank; 0 without calls.
  std::pair<int64_t, int64_t> p50_and_p99() {
    if (calls_.empty()) return {0, 0};
    std::sort(calls_.begin(), calls_.end());
    return {nearest_rank(0.5), nearest_rank(0.99)};
  }

 private:
  int64_t nearest_rank(double quantile) const {
    // Sums of ratios such as 1/0.3 are not exact: a rank is not missed by their last bits.
    double rank = quantile * weight() * (1 - 1e-12), seen = 0;
    for (const auto& [nanos, weight] : calls_) {
      seen += weight;
      if (seen >= rank) return nanos;
    }
    return calls_.back().first;
  }
  std::vector<std::pair<int64_t, double>> calls_;
};

struct EdgeCounts {
  GraphEdge edge;  // its names; requests and failed as they come
  Durations server, client, messaging;
  int64_t slowest = -1;
};

class GraphRun {
 public:
  GraphRun(const QueryContext& context, const GraphRules& rules)
      : context_(context), rules_(rules), labels_(rules) {}
  ~GraphRun() { context_.budget.release(charged_); }
  GraphRun(const GraphRun&) = delete;
  GraphRun& operator=(const GraphRun&) = delete;

  // `batch` is the number of the tree's batch.
  Result<void> add_trace(const TraceTree& tree, uint64_t batch, const std::vector<Spanset>& found) {
    if (batch != batch_) {
      batch_ = batch;
      reader_.emplace(rules_, tree.batch());
    }
    std::vector<uint8_t> wanted(tree.span_count(), 0);
    for (const Spanset& spanset : found) {
      for (uint32_t span : spanset.spans) wanted[span] = 1;
    }
    read_halves(tree);
    for (const Half& half : halves_) {
      if (!half.half.edge.database.empty()) {
        if (wanted[half.span]) OBELISK_CHECK_OK(count(edge_to_database(half.half.edge), &half.half, nullptr));
        continue;
      }
      OBELISK_CHECK_OK(half.half.edge.is_client ? add_client(half, wanted) : add_server(half, wanted));
    }
    return {};
  }

  ServiceGraphResult finish() {
    ServiceGraphResult result;
    std::map<std::string, GraphNode> nodes;
    for (auto& [key, counts] : edges_) {
      GraphEdge& edge = counts.edge;
      std::tie(edge.server_p50, edge.server_p99) = counts.server.p50_and_p99();
      std::tie(edge.client_p50, edge.client_p99) = counts.client.p50_and_p99();
      std::tie(edge.messaging_p50, edge.messaging_p99) = counts.messaging.p50_and_p99();
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
    MeasuredHalf half;
    uint32_t span = 0;
    int32_t other = -1;  // index of the half it pairs with
  };

  // Both halves of a call name the client span.
  void read_halves(const TraceTree& tree) {
    halves_.clear();
    by_key_.clear();
    for (uint32_t span = 0; span < tree.span_count(); ++span) {
      std::optional<MeasuredHalf> half = reader_->read(tree.row(span));
      if (!half || half->edge.service.empty()) continue;
      halves_.push_back({std::move(*half), span, -1});
    }
    for (size_t i = 0; i < halves_.size(); ++i) {
      const HalfEdge& edge = halves_[i].half.edge;
      if (edge.is_client && edge.database.empty())
        by_key_.emplace(edge.pair_key().value, static_cast<int32_t>(i));
    }
    for (size_t i = 0; i < halves_.size(); ++i) {
      Half& server = halves_[i];
      const HalfEdge& edge = server.half.edge;
      if (edge.is_client || edge.client_span.is_none()) continue;
      auto client = by_key_.find(edge.pair_key().value);
      if (client == by_key_.end()) continue;
      server.other = client->second;
      Half& other = halves_[static_cast<size_t>(client->second)];
      if (other.other < 0) other.other = static_cast<int32_t>(i);
    }
  }

  // A client span is counted by its servers; alone, by what it names.
  Result<void> add_client(const Half& client, const std::vector<uint8_t>& wanted) {
    if (client.other >= 0 || !wanted[client.span]) return {};
    return count_half(client.half);
  }

  Result<void> add_server(const Half& server, const std::vector<uint8_t>& wanted) {
    if (server.other < 0) return wanted[server.span] ? count_half(server.half) : Result<void>();
    const Half& client = halves_[static_cast<size_t>(server.other)];
    if (!wanted[server.span] && !wanted[client.span]) return {};
    return count(edge_of_pair(client.half.edge, server.half.edge), &client.half, &server.half);
  }

  Result<void> count_half(const MeasuredHalf& half) {
    std::optional<ServiceEdge> edge = edge_of_half(half.edge);
    if (edge) return half.edge.is_client ? count(*edge, &half, nullptr) : count(*edge, nullptr, &half);
    ++unpaired_;
    return {};
  }

  Result<EdgeCounts*> counts_of(const ServiceEdge& edge, const MeasuredHalf* client,
                                const MeasuredHalf* server) {
    Labels labels;
    key_.assign(edge.client);
    key_.append(1, '\0').append(edge.server).append(1, '\0').append(edge.type);
    if (!rules_.names_only()) {
      labels = labels_.of(edge, client, server);
      key_.append(1, '\0').append(labels.to_string());
    }
    auto [found, fresh] = edges_.try_emplace(key_);
    OBELISK_CHECK_OK(
        charge(fresh ? sizeof(EdgeCounts) + 256 + key_.size() : 2 * sizeof(std::pair<int64_t, double>)));
    if (!fresh) return &found->second;
    if (edges_.size() > kEdgesMax)
      return make_error(ErrorCode::too_large,
                        fmt::format("the service graph has more than {} edges", kEdgesMax));
    GraphEdge& made = found->second.edge;
    made.client = edge.client;
    made.server = edge.server;
    made.type = edge.type;
    for (const auto& [name, value] : labels) {
      if (name != "client" && name != "server" && name != "connection_type") made.labels.set(name, value);
    }
    return &found->second;
  }

  // `client` and `server`: the halves that were measured, at least one.
  Result<void> count(const ServiceEdge& edge, const MeasuredHalf* client, const MeasuredHalf* server) {
    OBELISK_TRY(EdgeCounts * counts, counts_of(edge, client, server));
    const double weight = multiplier_of(client, server);
    counts->edge.requests += weight;
    counts->edge.failed += edge.failed() ? weight : 0;
    auto nanos = [](const HalfEdge& half) { return std::llround(half.seconds * 1e9); };
    int64_t of_server = nanos(edge.as_server_saw());
    counts->server.add(of_server, weight);
    counts->client.add(nanos(edge.as_client_saw()), weight);
    if (std::optional<int64_t> on_the_way = rules_.messaging_latency ? messaging_nanos(edge) : std::nullopt)
      counts->messaging.add(*on_the_way, weight);
    if (of_server > counts->slowest) {
      counts->slowest = of_server;
      counts->edge.slowest_trace = edge.as_server_saw().trace;
    }
    return {};
  }

  Result<void> charge(uint64_t bytes) {
    OBELISK_CHECK_OK(context_.budget.charge(bytes));
    charged_ += bytes;
    return {};
  }

  const QueryContext& context_;
  const GraphRules& rules_;
  const EdgeLabels labels_;
  uint64_t charged_ = 0;
  uint64_t batch_ = 0;
  std::optional<GraphHalfReader> reader_;
  std::vector<Half> halves_;                      // of the trace at hand
  std::unordered_map<uint64_t, int32_t> by_key_;  // its client halves
  std::string key_;
  std::map<std::string, EdgeCounts, std::less<>> edges_;  // by names and labels, ended by NULs
  uint64_t unpaired_ = 0;
};

}  // namespace

Result<ServiceGraphResult> service_graph(const QueryContext& context, std::string_view text, TimeRange range,
                                         const GraphRules& rules) {
  OBELISK_TRY(Query query, prepare(text));
  if (!query.pipeline)
    return make_error(ErrorCode::invalid_argument, "a service graph needs a search, not a metrics query");
  GraphRun run(context, rules);
  TraceScan scan{context, query, *query.pipeline, range, rules.columns(), {}};
  OBELISK_TRY(ScanStatistics statistics, scan_traces(scan, [&](const TraceTree& tree, AttributeReader& reader,
                                                               std::vector<Spanset> found) {
                return run.add_trace(tree, reader.bound_batches(), found);
              }));
  ServiceGraphResult result = run.finish();
  result.statistics = std::move(statistics);
  return result;
}

}  // namespace obelisk::traceql
