#include "pipeline/service_graph.h"

#include <fmt/format.h>

#include <list>
#include <map>
#include <optional>

#include "pipeline/span_columns.h"

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

// One span's half of an edge.
struct HalfEdge {
  TraceId trace;
  SpanId client_span;  // of both halves: what pairs them
  SpanId span;         // for the exemplar
  UnixNanos end;
  bool is_client = false;
  bool is_messaging = false;
  bool failed = false;
  bool has_parent = false;
  double seconds = 0;
  std::string service;
  std::string peer;      // what the other side is called, when an attribute says so
  std::string database;  // client only: the database it called
};

Counter& dropped(std::string_view reason) {
  return counter("obelisk_service_graph_dropped_spans_total", "Spans that make no edge of the service graph.",
                 {{"reason", std::string(reason)}});
}

// Looks attributes of spans up by name, as text; columns are found once.
class AttributeColumns {
 public:
  AttributeColumns(const Batch& spans, std::initializer_list<std::string_view> names) {
    for (std::string_view name : names) {
      for (const ColumnData& data : spans.columns) {
        if (data.id.scope == Scope::attribute && data.id.name == name) columns_.push_back({name, &data});
      }
    }
  }

  // The first of the names, in the order they were given, that the row has.
  std::string first_of(size_t row) const {
    for (const auto& [name, data] : columns_) {
      if (!data->is_present(row)) continue;
      std::string text = text_of(*data, row);
      if (!text.empty()) return text;
    }
    return "";
  }
  bool empty() const { return columns_.empty(); }

 private:
  static std::string text_of(const ColumnData& data, size_t row) {
    if (data.type == ColumnType::string) return std::string(data.strings[row]);
    if (data.type == ColumnType::int64) return fmt::format("{}", data.ints[row]);
    return "";
  }
  std::vector<std::pair<std::string_view, const ColumnData*>> columns_;
};

class HalfEdgeReader {
 public:
  explicit HalfEdgeReader(const Batch& spans)
      : columns_(spans),
        peers_(spans, {"peer.service", "db.name", "db.system", "db.system.name"}),
        databases_(spans, {"db.namespace", "db.name", "db.system", "db.system.name"}),
        addresses_(spans, {"peer.service", "server.address"}),
        network_addresses_(spans, {"network.peer.address"}),
        network_ports_(spans, {"network.peer.port"}) {}

  // Nothing for spans that are no side of a call.
  std::optional<HalfEdge> read(size_t row) const {
    int64_t kind = columns_.kind(row);
    bool is_client = kind == kSpanKindClient || kind == kSpanKindProducer;
    if (!is_client && kind != kSpanKindServer && kind != kSpanKindConsumer) return std::nullopt;
    HalfEdge half;
    half.service = columns_.service(row);
    if (half.service.empty()) {
      dropped("no_service_name").add();
      return std::nullopt;
    }
    half.trace = columns_.trace(row);
    half.span = columns_.id(row);
    half.client_span = is_client ? half.span : columns_.parent(row);
    half.end = columns_.end(row);
    half.is_client = is_client;
    half.is_messaging = kind == kSpanKindProducer || kind == kSpanKindConsumer;
    half.failed = columns_.status(row) == kSpanStatusError;
    half.has_parent = !columns_.parent(row).is_none();
    half.seconds = columns_.seconds(row);
    if (!peers_.empty()) half.peer = peers_.first_of(row);
    if (kind == kSpanKindClient && !databases_.empty()) half.database = database_of(row);
    return half;
  }

 private:
  std::string database_of(size_t row) const {
    std::string database = databases_.first_of(row);
    if (database.empty()) return database;
    if (std::string address = addresses_.first_of(row); !address.empty()) return address;
    std::string address = network_addresses_.first_of(row);
    if (address.empty()) return database;
    std::string port = network_ports_.first_of(row);
    return port.empty() ? address : address + ":" + port;
  }

  SpanColumns columns_;
  AttributeColumns peers_;
  AttributeColumns databases_;
  AttributeColumns addresses_;
  AttributeColumns network_addresses_;
  AttributeColumns network_ports_;
};

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
    if (!half.database.empty())
      return count(tenant, half.service, half.database, "database", &half, nullptr, now);
    // A server span without parent has no client span to wait for; its own id keeps it apart from others.
    EdgeKey key{tenant, half.trace, half.client_span.is_none() ? half.span : half.client_span};
    auto found = waiting_.find(key);
    if (found != waiting_.end() && found->second.half.is_client != half.is_client) {
      const HalfEdge other = take(found);
      const HalfEdge& client = half.is_client ? half : other;
      const HalfEdge& server = half.is_client ? other : half;
      std::string_view type = client.is_messaging || server.is_messaging ? "messaging_system" : "";
      return count(tenant, client.service, server.service, type, &client, &server, now);
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
    if (half.is_client && !half.peer.empty())
      return count(tenant, half.service, half.peer, "virtual_node", &half, nullptr, now);
    if (!half.is_client && !half.has_parent) {
      return count(tenant, half.peer.empty() ? "user" : half.peer, half.service, "virtual_node", nullptr,
                   &half, now);
    }
    static Counter& expired =
        counter("obelisk_service_graph_expired_edges_total", "Calls of which only one side was seen.");
    expired.add();
  }

  void count(const Tenant& tenant, std::string_view client, std::string_view server, std::string_view type,
             const HalfEdge* client_half, const HalfEdge* server_half, UnixNanos now) REQUIRES(mutex_) {
    DerivedValues values = series_.zero();
    values.counters[kRequests] = 1;
    bool failed =
        (client_half != nullptr && client_half->failed) || (server_half != nullptr && server_half->failed);
    values.counters[kFailed] = failed ? 1 : 0;
    const HalfEdge& of_server = server_half != nullptr ? *server_half : *client_half;
    const HalfEdge& of_client = client_half != nullptr ? *client_half : *server_half;
    values.histograms[kServerSeconds].observe(
        series_.bounds(), of_server.seconds,
        {of_server.trace, of_server.span, of_server.seconds, of_server.end});
    values.histograms[kClientSeconds].observe(
        series_.bounds(), of_client.seconds,
        {of_client.trace, of_client.span, of_client.seconds, of_client.end});
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
  auto halves = std::make_shared<std::vector<HalfEdge>>();
  for (size_t row = 0; row < spans.row_count; ++row) {
    if (std::optional<HalfEdge> half = reader.read(row)) halves->push_back(std::move(*half));
  }
  if (halves->empty()) return {};
  return [edges = edges_, &clock = clock_, tenant, halves] { edges->add(tenant, *halves, clock.now()); };
}

std::vector<TenantBatches> ServiceGraph::collect(UnixNanos now) {
  return edges_->collect(now);
}

}  // namespace obelisk
