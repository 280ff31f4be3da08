#include "pipeline/service_graph.h"

#include <list>
#include <map>
#include <optional>

#include "query/core/service_edges.h"

namespace obelisk {
namespace {

enum CounterIndex : size_t { kRequests, kFailed };
enum HistogramIndex : size_t { kServerSeconds, kClientSeconds };

// 100 ms, doubling, 8 of them: Tempo's.
std::vector<double> latency_bounds() {
  std::vector<double> bounds;
  for (double bound = 0.1; bounds.size() < 8; bound *= 2) bounds.push_back(bound);
  return bounds;
}

Counter& dropped(std::string_view reason) {
  return counter("obelisk_service_graph_dropped_spans_total", "Spans that make no edge of the service graph.",
                 {{"reason", std::string(reason)}});
}

struct EdgeKey {
  Tenant tenant;
  TraceId trace;
  SpanId client_span;
  auto operator<=>(const EdgeKey&) const = default;
};

}  // namespace

// The halves that wait, and the series of the edges that are complete.
class ServiceGraph::Edges {
 public:
  explicit Edges(const Options& options)
      : options_(options),
        series_(
            "service_graph",
            {{"traces_service_graph_request_total", "Requests between two services."},
             {"traces_service_graph_request_failed_total", "Requests between two services that failed."}},
            {{"traces_service_graph_request_server_seconds", "Duration of requests as the server saw it."},
             {"traces_service_graph_request_client_seconds", "Duration of requests as the client saw it."}},
            latency_bounds(), options.series) {}

  void add(const Tenant& tenant, const std::vector<HalfEdge>& halves, UnixNanos now) {
    MutexLock lock(mutex_);
    for (const HalfEdge& half : halves) add_half(tenant, half, now);
  }

  std::vector<TenantBatches> collect(UnixNanos now) {
    {
      MutexLock lock(mutex_);
      expire(now);
    }
    return series_.collect(now);
  }

 private:
  struct Waiting {
    HalfEdge half;
    UnixNanos since;
    std::list<EdgeKey>::iterator place;  // in order_
  };
  using WaitingMap = std::map<EdgeKey, Waiting>;

  HalfEdge take(WaitingMap::iterator waiting) REQUIRES(mutex_) {
    HalfEdge half = std::move(waiting->second.half);
    order_.erase(waiting->second.place);
    waiting_.erase(waiting);
    return half;
  }

  void add_half(const Tenant& tenant, const HalfEdge& half, UnixNanos now) REQUIRES(mutex_) {
    if (!half.database.empty()) return count(tenant, edge_to_database(half), now);
    EdgeKey key{tenant, half.trace, half.pair_key()};
    auto found = waiting_.find(key);
    if (found != waiting_.end() && found->second.half.is_client != half.is_client) {
      const HalfEdge other = take(found);
      const HalfEdge& client = half.is_client ? half : other;
      const HalfEdge& server = half.is_client ? other : half;
      return count(tenant, edge_of_pair(client, server), now);
    }
    if (found != waiting_.end()) return;  // the same half again: a sender's retry
    if (waiting_.size() >= options_.half_edges_max) expire(now);
    if (waiting_.size() >= options_.half_edges_max) return dropped("too_many_half_edges").add();
    auto place = order_.insert(order_.end(), key);
    waiting_.emplace(std::move(key), Waiting{half, now, place});
  }

  void expire(UnixNanos now) REQUIRES(mutex_) {
    while (!order_.empty()) {
      auto oldest = waiting_.find(order_.front());
      if (now - oldest->second.since < options_.wait_nanos) return;
      Tenant tenant = oldest->first.tenant;
      settle(tenant, take(oldest), now);
    }
  }

  // A half whose other half never came.
  void settle(const Tenant& tenant, const HalfEdge& half, UnixNanos now) REQUIRES(mutex_) {
    if (std::optional<ServiceEdge> edge = edge_of_half(half)) return count(tenant, *edge, now);
    static Counter& expired =
        counter("obelisk_service_graph_expired_edges_total", "Calls of which only one side was seen.");
    expired.add();
  }

  void count(const Tenant& tenant, const ServiceEdge& edge, UnixNanos now) REQUIRES(mutex_) {
    DerivedValues values = series_.zero();
    values.counters[kRequests] = 1;
    values.counters[kFailed] = edge.failed() ? 1 : 0;
    const HalfEdge& of_server = edge.as_server_saw();
    const HalfEdge& of_client = edge.as_client_saw();
    values.histograms[kServerSeconds].observe(
        series_.bounds(), of_server.seconds,
        {of_server.trace, of_server.span, of_server.seconds, of_server.end});
    values.histograms[kClientSeconds].observe(
        series_.bounds(), of_client.seconds,
        {of_client.trace, of_client.span, of_client.seconds, of_client.end});
    const auto& [client, server, type] = std::tie(edge.client, edge.server, edge.type);
    key_.assign(client);
    key_.append(1, '\0').append(server).append(1, '\0').append(type);
    series_.add(
        tenant, key_,
        [&] {
          return Labels{{"client", client}, {"server", server}, {"connection_type", type}};
        },
        values, now);
  }

  const Options options_;
  DerivedSeries series_;
  Mutex mutex_;
  WaitingMap waiting_ GUARDED_BY(mutex_);
  std::list<EdgeKey> order_ GUARDED_BY(mutex_);  // those of waiting_ in order of arrival
  std::string key_ GUARDED_BY(mutex_);
};

ServiceGraph::ServiceGraph(const Clock& clock) : ServiceGraph(clock, Options{}) {}
ServiceGraph::ServiceGraph(const Clock& clock, Options options)
    : clock_(clock), edges_(std::make_shared<Edges>(options)) {}

std::function<void()> ServiceGraph::prepare(const Tenant& tenant, const Batch& spans) {
  HalfEdgeReader reader(spans);
  uint64_t nameless = 0;
  auto halves = std::make_shared<std::vector<HalfEdge>>();
  for (size_t row = 0; row < spans.row_count; ++row) {
    std::optional<HalfEdge> half = reader.read(row);
    if (!half) continue;
    if (half->service.empty()) {
      ++nameless;
    } else {
      halves->push_back(std::move(*half));
    }
  }
  if (nameless > 0) dropped("no_service_name").add(nameless);
  if (halves->empty()) return {};
  return [edges = edges_, &clock = clock_, tenant, halves] { edges->add(tenant, *halves, clock.now()); };
}

std::vector<TenantBatches> ServiceGraph::collect(UnixNanos now) {
  return edges_->collect(now);
}

}  // namespace obelisk
