#include "pipeline/service_graph.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <bit>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "model/trace_id_order.h"

namespace obelisk {
namespace {

enum CounterIndex : size_t { kRequests, kFailed, kConnections };
enum HistogramIndex : size_t { kServerSeconds, kClientSeconds, kMessagingSeconds };

// 100 ms, doubling, 8 of them: Tempo's.
std::vector<double> bounds_of(const ServiceGraphOptions& options) {
  if (!options.bounds.empty()) return options.bounds;
  std::vector<double> bounds;
  for (double bound = 0.1; bounds.size() < 8; bound *= 2) bounds.push_back(bound);
  return bounds;
}

Counter& dropped(std::string_view reason) {
  return counter("obelisk_service_graph_dropped_spans_total", "Spans that make no edge of the service graph.",
                 {{"reason", std::string(reason)}});
}

struct EdgeKey {
  uint32_t tenant = 0;  // its number
  TraceId trace;
  SpanId client_span;
  bool operator==(const EdgeKey&) const = default;
};

struct EdgeKeyHash {
  size_t operator()(const EdgeKey& key) const {
    uint64_t hash =
        (std::hash<TraceId>()(key.trace) ^ key.client_span.value ^ key.tenant) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 32;
  }
};

// The halves of one request, and which of them make a call together: most calls come whole, and then neither
// half has to wait for the other among those of all requests.
struct RequestHalves {
  static constexpr uint32_t kNone = UINT32_MAX;
  enum class Role : uint8_t { alone, first, second, repeated };
  struct Half {
    MeasuredHalf measured;
    Role role = Role::alone;
    uint32_t first = kNone;  // of a second: the one that came before it
  };

  explicit RequestHalves(size_t rows) { halves.reserve(std::min<size_t>(rows, 4096)); }
  void pair_up();

  std::vector<Half> halves;
};

void RequestHalves::pair_up() {
  // Number and one of the half that came last of each pair; 0: free.
  std::vector<uint32_t> slots(std::bit_ceil(halves.size() * 2 + 1));
  for (uint32_t number = 0; number < halves.size(); ++number) {
    Half& half = halves[number];
    const HalfEdge& edge = half.measured.edge;
    if (!edge.database.empty() || edge.is_messaging) continue;  // a message may have several consumers
    SpanId span = edge.pair_key();
    size_t at = EdgeKeyHash()({0, edge.trace, span}) & (slots.size() - 1);
    auto is_other = [&](const HalfEdge& other) {
      return other.pair_key() != span || !same_trace(other.trace, edge.trace);
    };
    while (slots[at] != 0 && is_other(halves[slots[at] - 1].measured.edge))
      at = (at + 1) & (slots.size() - 1);
    uint32_t before = slots[at] == 0 ? kNone : slots[at] - 1;
    bool waits = before != kNone && halves[before].role == Role::alone;
    if (waits && halves[before].measured.edge.is_client == edge.is_client) {
      half.role = Role::repeated;  // a sender's retry
      continue;
    }
    slots[at] = number + 1;
    if (!waits) continue;
    half.role = Role::second;
    half.first = before;
    halves[before].role = Role::first;
  }
}

std::vector<DerivedFamily> counters_of(const ServiceGraphOptions& options) {
  return {{"traces_service_graph_request_total", "Requests between two services.", options.request},
          {"traces_service_graph_request_failed_total", "Requests between two services that failed.",
           options.request},
          {"traces_service_graph_connection_info", "Two services of which one calls the other.",
           options.connection_info, true}};
}

std::vector<DerivedFamily> histograms_of(const ServiceGraphOptions& options) {
  return {{"traces_service_graph_request_server_seconds", "Duration of requests as the server saw it.",
           options.latency},
          {"traces_service_graph_request_client_seconds", "Duration of requests as the client saw it.",
           options.latency},
          {"traces_service_graph_request_messaging_system_seconds",
           "How long messages were on their way between two services.", options.rules.messaging_latency}};
}

}  // namespace

// The halves that wait, and the series of the edges that are complete.
class ServiceGraph::Edges {
 public:
  explicit Edges(const Options& options)
      : options_(options),
        series_("service_graph", counters_of(options), histograms_of(options), bounds_of(options),
                options.series),
        labels_(options_.rules) {}

  // Halves wait in vain when a tenant's settings end their set.
  ~Edges() {
    if (!waiting_.empty()) dropped("settings_changed").add(waiting_.size());
  }

  const Options& options() const { return options_; }

  void add(const Tenant& tenant, const RequestHalves& request, UnixNanos now) {
    MutexLock lock(mutex_);
    uint32_t number = number_of(tenant);
    for (const RequestHalves::Half& half : request.halves) {
      if (half.role == RequestHalves::Role::alone) add_half(number, half.measured, now);
      if (half.role == RequestHalves::Role::second)
        add_pair(number, request.halves[half.first].measured, half.measured, now);
    }
  }

  std::vector<TenantBatches> collect(UnixNanos now) {
    {
      MutexLock lock(mutex_);
      expire(now);
    }
    return series_.collect(now);
  }

  std::vector<TenantBatches> end(const Tenant& tenant, UnixNanos at) { return series_.end(tenant, at); }

  void begin(const Tenant& tenant, UnixNanos not_before) { series_.begin(tenant, not_before); }

 private:
  struct Waiting {
    MeasuredHalf half;
    UnixNanos since;
    uint64_t number = 0;             // of the half, as they came
    std::vector<MeasuredHalf> more;  // the other consumers of the message whose producer is waited for
  };
  // A producer of which a consumer has come: others may follow as long as halves wait.
  struct Producer {
    MeasuredHalf half;
    UnixNanos since;
    std::vector<SpanId> consumers;  // those that were counted, so that a retry is not
  };
  // Most look-ups find nothing, which this tells without looking at entries.
  using WaitingMap = absl::flat_hash_map<EdgeKey, std::unique_ptr<Waiting>, EdgeKeyHash>;
  struct Queued {
    EdgeKey key;
    uint64_t number = 0;
  };

  MeasuredHalf take(WaitingMap::iterator waiting) REQUIRES(mutex_) {
    MeasuredHalf half = std::move(waiting->second->half);
    waiting_.erase(waiting);
    return half;
  }

  WaitingMap::iterator find_waiting(const Queued& queued) REQUIRES(mutex_) {
    auto found = waiting_.find(queued.key);
    return found != waiting_.end() && found->second->number == queued.number ? found : waiting_.end();
  }

  // Tenants are few (storage bounds them); their names are not repeated with every half.
  uint32_t number_of(const Tenant& tenant) REQUIRES(mutex_) {
    auto [it, fresh] = tenant_numbers_.try_emplace(tenant, static_cast<uint32_t>(tenants_.size()));
    if (fresh) tenants_.push_back(tenant);
    return it->second;
  }

  // Both halves of a call, unless one of them has come before and waits.
  void add_pair(uint32_t tenant, const MeasuredHalf& first, const MeasuredHalf& second, UnixNanos now)
      REQUIRES(mutex_) {
    if (waiting_.contains(EdgeKey{tenant, first.edge.trace, first.edge.pair_key()})) {
      add_half(tenant, first, now);
      return add_half(tenant, second, now);
    }
    count_pair(tenant, first, second, now);
  }

  void count_pair(uint32_t tenant, const MeasuredHalf& one, const MeasuredHalf& other, UnixNanos now)
      REQUIRES(mutex_) {
    const MeasuredHalf& client = one.edge.is_client ? one : other;
    const MeasuredHalf& server = one.edge.is_client ? other : one;
    count(tenant, edge_of_pair(client.edge, server.edge), &client, &server, now);
  }

  void add_half(uint32_t tenant, const MeasuredHalf& half, UnixNanos now) REQUIRES(mutex_) {
    if (!half.edge.database.empty()) return count(tenant, edge_to_database(half.edge), &half, nullptr, now);
    EdgeKey key{tenant, half.edge.trace, half.edge.pair_key()};
    if (half.edge.is_messaging && add_to_producer(key, half, now)) return;
    auto found = waiting_.find(key);
    if (found != waiting_.end() && found->second->half.edge.is_client != half.edge.is_client)
      return count_call(key, half, found, now);
    if (found != waiting_.end()) return add_consumer(*found->second, half);
    if (waiting_.size() >= options_.half_edges_max) expire(now);
    if (waiting_.size() >= options_.half_edges_max) return too_many_.add();
    order_.push_back({key, ++halves_});
    waiting_.emplace(key, std::make_unique<Waiting>(Waiting{half, now, halves_, {}}));
    // Most halves are paired at once, and stay in the queue until they get to its front.
    if (order_.size() > 2 * options_.half_edges_max + 64) drop_paired();
  }

  void drop_paired() REQUIRES(mutex_) {
    auto is_paired = [&](const Queued& queued)
                         REQUIRES(mutex_) { return find_waiting(queued) == waiting_.end(); };
    std::erase_if(order_, is_paired);
  }

  // A half whose other half, or halves, waited.
  void count_call(const EdgeKey& key, const MeasuredHalf& half, WaitingMap::iterator waiting, UnixNanos now)
      REQUIRES(mutex_) {
    std::vector<MeasuredHalf> more = std::move(waiting->second->more);
    MeasuredHalf other = take(waiting);
    count_pair(key.tenant, half, other, now);
    for (const MeasuredHalf& consumer : more) count_pair(key.tenant, half, consumer, now);
    const MeasuredHalf& client = half.edge.is_client ? half : other;
    if (!client.edge.is_messaging) return;
    if (producers_.size() >= options_.half_edges_max) forget_oldest_producer();
    auto producer = std::make_unique<Producer>(Producer{client, now, {}});
    producer->consumers.push_back((half.edge.is_client ? other : half).edge.span);
    for (const MeasuredHalf& consumer : more) producer->consumers.push_back(consumer.edge.span);
    if (producers_.emplace(key, std::move(producer)).second) producer_order_.push_back(key);
  }

  // The same half again, a sender's retry, unless it is one more consumer of a message.
  void add_consumer(Waiting& waiting, const MeasuredHalf& half) REQUIRES(mutex_) {
    auto is_same = [&](const MeasuredHalf& other) { return other.edge.span == half.edge.span; };
    if (half.edge.is_client || !half.edge.is_messaging || is_same(waiting.half)) return;
    if (std::any_of(waiting.more.begin(), waiting.more.end(), is_same)) return;
    if (waiting.more.size() + 1 >= kConsumersMax) return too_many_.add();
    waiting.more.push_back(half);
  }

  // True when the message's producer is known, with a consumer; then this half is one more, or a retry.
  bool add_to_producer(const EdgeKey& key, const MeasuredHalf& half, UnixNanos now) REQUIRES(mutex_) {
    auto found = producers_.find(key);
    if (found == producers_.end()) return false;
    Producer& producer = *found->second;
    std::vector<SpanId>& counted = producer.consumers;
    bool known =
        half.edge.is_client || std::find(counted.begin(), counted.end(), half.edge.span) != counted.end();
    if (known) return true;
    if (counted.size() >= kConsumersMax) {
      too_many_.add();
      return true;
    }
    counted.push_back(half.edge.span);
    count_pair(key.tenant, producer.half, half, now);
    return true;
  }

  void forget_oldest_producer() REQUIRES(mutex_) {
    producers_.erase(producer_order_.front());
    producer_order_.pop_front();
  }

  void expire(UnixNanos now) REQUIRES(mutex_) {
    while (!producer_order_.empty() &&
           now - producers_.find(producer_order_.front())->second->since >= options_.wait_nanos)
      forget_oldest_producer();
    for (; !order_.empty(); order_.pop_front()) {
      auto oldest = find_waiting(order_.front());
      if (oldest == waiting_.end()) continue;
      if (now - oldest->second->since < options_.wait_nanos) return;
      uint32_t tenant = oldest->first.tenant;
      std::vector<MeasuredHalf> more = std::move(oldest->second->more);
      settle(tenant, take(oldest), now);
      for (const MeasuredHalf& consumer : more) settle(tenant, consumer, now);
    }
  }

  // A half whose other half never came.
  void settle(uint32_t tenant, const MeasuredHalf& half, UnixNanos now) REQUIRES(mutex_) {
    if (std::optional<ServiceEdge> edge = edge_of_half(half.edge)) {
      bool is_client = half.edge.is_client;
      return count(tenant, *edge, is_client ? &half : nullptr, is_client ? nullptr : &half, now);
    }
    static Counter& expired =
        counter("obelisk_service_graph_expired_edges_total", "Calls of which only one side was seen.");
    expired.add();
  }

  // `client` and `server`: the halves that were measured, at least one.
  void count(uint32_t tenant, const ServiceEdge& edge, const MeasuredHalf* client, const MeasuredHalf* server,
             UnixNanos now) REQUIRES(mutex_) {
    double weight = multiplier_of(client, server);
    auto labels = [&] { return labels_.of(edge, client, server); };
    if (options_.rules.names_only()) {
      key_.assign(edge.client);
      key_.append(1, '\0').append(edge.server).append(1, '\0').append(edge.type);
    } else {
      key_ = labels().to_string();
    }
    // By reference: what it captures would be allocated for every edge.
    series_.update(tenants_[tenant], key_, std::ref(labels), now, [&](DerivedValues& values) {
      values.counters[kRequests] += weight;
      values.counters[kFailed] += edge.failed() ? weight : 0;
      values.counters[kConnections] = 1;
      auto observe = [&](HistogramIndex index, const HalfEdge& half, double seconds) {
        values.histograms[index].observe(series_.bounds(), seconds, weight,
                                         {half.trace, half.span, seconds, half.end});
      };
      observe(kServerSeconds, edge.as_server_saw(), edge.as_server_saw().seconds);
      observe(kClientSeconds, edge.as_client_saw(), edge.as_client_saw().seconds);
      if (!options_.rules.messaging_latency) return;
      if (std::optional<int64_t> nanos = messaging_nanos(edge))
        observe(kMessagingSeconds, server->edge, static_cast<double>(*nanos) / 1e9);
    });
  }

  static constexpr size_t kConsumersMax = 128;  // of one message: 1 KiB of span ids a producer at most
  const Options options_;
  DerivedSeries series_;
  const EdgeLabels labels_;
  Counter& too_many_ = dropped("too_many_half_edges");
  Mutex mutex_;
  WaitingMap waiting_ GUARDED_BY(mutex_);
  // Those of waiting_ in order of arrival, and some that were paired since.
  std::deque<Queued> order_ GUARDED_BY(mutex_);
  uint64_t halves_ GUARDED_BY(mutex_) = 0;
  // Producers with a consumer, as many as halves may wait, and in order of arrival. All of them are in both.
  absl::flat_hash_map<EdgeKey, std::unique_ptr<Producer>, EdgeKeyHash> producers_ GUARDED_BY(mutex_);
  std::deque<EdgeKey> producer_order_ GUARDED_BY(mutex_);
  std::map<Tenant, uint32_t> tenant_numbers_ GUARDED_BY(mutex_);
  std::vector<Tenant> tenants_ GUARDED_BY(mutex_);
  std::string key_ GUARDED_BY(mutex_);
};

ServiceGraph::ServiceGraph(const Clock& clock) : ServiceGraph(clock, Options{}) {}
ServiceGraph::ServiceGraph(const Clock& clock, Options options)
    : clock_(clock), edges_(std::make_shared<Edges>(options)) {}

std::function<void()> ServiceGraph::prepare(const Tenant& tenant, const Batch& spans) {
  GraphHalfReader reader(edges_->options().rules, spans);
  uint64_t nameless = 0;
  auto request = std::make_shared<RequestHalves>(spans.row_count);
  for (size_t row = 0; row < spans.row_count; ++row) {
    MeasuredHalf& half = request->halves.emplace_back().measured;
    bool is_half = reader.read(row, half);
    if (is_half && !half.edge.service.empty()) continue;
    nameless += is_half;
    request->halves.pop_back();
  }
  if (nameless > 0) dropped("no_service_name").add(nameless);
  if (request->halves.empty()) return {};
  request->pair_up();
  return [edges = edges_, &clock = clock_, tenant, request] { edges->add(tenant, *request, clock.now()); };
}

std::vector<TenantBatches> ServiceGraph::collect(UnixNanos now) {
  return edges_->collect(now);
}

std::vector<TenantBatches> ServiceGraph::end(const Tenant& tenant, UnixNanos at) {
  return edges_->end(tenant, at);
}

void ServiceGraph::begin(const Tenant& tenant, UnixNanos not_before) {
  edges_->begin(tenant, not_before);
}

}  // namespace obelisk
