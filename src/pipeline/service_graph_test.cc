// The service graph three ways: streamed from incoming spans, computed from stored ones, and counted by hand
// while the traces are generated. On complete data all three are equal; with late spans and missing parents
// the graph at query time still equals the count.
#include "pipeline/service_graph.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "base/self_metrics.h"
#include "query/core/span_columns.h"
#include "query/traceql/service_graph.h"
#include "storage/memory/memory_store.h"

namespace obelisk {
namespace {

constexpr UnixNanos kStart{1'700'000'000 * kNanosPerSecond};

struct Span {
  TraceId trace;
  uint64_t id = 0;
  uint64_t parent = 0;
  std::string service;
  int64_t kind = kSpanKindServer;
  int64_t millis = 1;
  bool failed = false;
  std::string peer;
  std::string database;
  std::string zone = {};   // attribute of its own
  std::string stage = {};  // of its resource
  double ratio = 0;
  int64_t offset_ms = 0;
};

// The attributes that name peers and databases in `batch_of`.
struct Names {
  std::string peer = "peer.service";
  std::string database = "db.system";
};

Batch batch_of(const std::vector<Span>& spans, const Names& names = {}) {
  BatchBuilder rows(Table::spans);
  auto copy = [&](std::string_view text) { return rows.arena().copy(text); };
  for (const Span& span : spans) {
    rows.add_row(kStart + span.offset_ms * kNanosPerMilli);
    rows.set_trace_id(Scope::fixed, column::kTraceId, span.trace);
    rows.set_int(Scope::fixed, column::kSpanId, static_cast<int64_t>(span.id));
    if (span.parent != 0)
      rows.set_int(Scope::fixed, column::kParentSpanId, static_cast<int64_t>(span.parent));
    rows.set_string(Scope::fixed, column::kName, "call");
    rows.set_int(Scope::fixed, column::kKind, span.kind);
    rows.set_int(Scope::fixed, column::kDuration, span.millis * kNanosPerMilli);
    if (span.failed) rows.set_int(Scope::fixed, column::kStatusCode, kSpanStatusError);
    rows.set_string(Scope::resource, "service.name", copy(span.service));
    if (!span.peer.empty()) rows.set_string(Scope::attribute, names.peer, copy(span.peer));
    if (!span.database.empty()) rows.set_string(Scope::attribute, names.database, copy(span.database));
    if (!span.zone.empty()) rows.set_string(Scope::attribute, "zone", copy(span.zone));
    if (!span.stage.empty()) rows.set_string(Scope::resource, "stage", copy(span.stage));
    if (span.ratio > 0) rows.set_float(Scope::attribute, "ratio", span.ratio);
  }
  return rows.finish();
}

// "client>server type" -> requests, failed.
using Edges = std::map<std::string, std::pair<uint64_t, uint64_t>>;

// Makes traces whose edges are known: a root server called by "user", and calls below it.
class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  void trace(uint8_t number) {
    TraceId id;
    id.bytes[0] = number;
    id.bytes[15] = 7;
    Span root = span(id, 0, service(), kSpanKindServer);
    add("user", root.service, "virtual_node", root.failed);
    spans.push_back(root);
    calls(root, 0);
  }

  // Leaves spans out: what named them as parent stays alone.
  std::vector<Span> spans;
  Edges edges;
  uint64_t lost_clients = 0;
  uint64_t lost_servers = 0;
  bool lose_clients = false;
  bool lose_servers = false;

 private:
  Span span(TraceId trace, uint64_t parent, std::string service, int64_t kind) {
    Span made;
    made.trace = trace;
    made.id = ++last_id_;
    made.parent = parent;
    made.service = std::move(service);
    made.kind = kind;
    made.millis = 1 + static_cast<int64_t>(random_() % 500);
    made.failed = random_() % 5 == 0;
    return made;
  }
  std::string service() { return fmt::format("s{}", random_() % 6); }

  void add(const std::string& client, const std::string& server, const std::string& type, bool failed) {
    auto& counts = edges[fmt::format("{}>{} {}", client, server, type)];
    ++counts.first;
    counts.second += failed ? 1 : 0;
  }

  void calls(const Span& caller, int depth) {
    if (depth > 4) return;
    for (uint64_t i = random_() % 4; i > 0; --i) call(caller, depth);
  }

  void call(const Span& caller, int depth) {
    uint64_t what = random_() % 10;
    bool messaging = what == 0;
    Span client =
        span(caller.trace, caller.id, caller.service, messaging ? kSpanKindProducer : kSpanKindClient);
    if (what == 1) {
      client.database = "postgresql";
      spans.push_back(client);
      return add(client.service, "postgresql", "database", client.failed);
    }
    if (what == 2) {
      client.peer = "stripe";
      spans.push_back(client);
      return add(client.service, "stripe", "virtual_node", client.failed);
    }
    if (what == 3) {  // nothing is known of the other side
      spans.push_back(client);
      return;
    }
    Span server = span(caller.trace, client.id, service(), messaging ? kSpanKindConsumer : kSpanKindServer);
    if (lose_servers && random_() % 3 == 0) {
      ++lost_servers;  // and with it what it called
      spans.push_back(client);
      return;
    }
    bool lost = lose_clients && random_() % 3 == 0;
    if (lost) {
      ++lost_clients;  // a server that names a parent which never comes: no edge
    } else {
      spans.push_back(client);
      add(client.service, server.service, messaging ? "messaging_system" : "",
          client.failed || server.failed);
    }
    spans.push_back(server);
    calls(server, depth + 1);
    if (!messaging || lost) return;
    for (uint64_t more = random_() % 3; more > 0; --more) {  // the message's other consumers
      Span consumer = span(caller.trace, client.id, service(), kSpanKindConsumer);
      spans.push_back(consumer);
      add(client.service, consumer.service, "messaging_system", client.failed || consumer.failed);
    }
  }

  std::mt19937_64 random_;
  uint64_t last_id_ = 0;
};

// What the streamed graph says of every edge: metric{labels} -> value. Of histograms sum and count.
std::map<std::string, double> streamed_series(const std::vector<Span>& spans, const GraphRules& rules,
                                              const Names& names) {
  ManualClock clock(kStart);
  ServiceGraph graph(clock, {.rules = rules});
  Batch batch = batch_of(spans, names);
  if (auto observe = graph.prepare(kDefaultTenant, batch)) observe();
  std::map<std::string, double> series;
  for (const TenantBatches& tenant : graph.collect(kStart + 11 * kNanosPerSecond)) {
    for (const Batch& samples : tenant.batches) {
      const ColumnData* values = samples.find_fixed(column::kValue);
      if (samples.table != Table::samples || values == nullptr) continue;
      for (const Group& group : samples.groups)
        series[Labels(group.labels).to_string()] = values->floats[group.first_row + group.row_count - 1];
    }
  }
  return series;
}

void observe(ServiceGraph& graph, const std::vector<Span>& spans) {
  Batch batch = batch_of(spans);
  if (auto observed = graph.prepare(kDefaultTenant, batch)) observed();
}

// What the graph says at that time: halves that waited longer than ten seconds by then are let go.
Edges collected(ServiceGraph& graph, UnixNanos now) {
  Edges edges;
  for (const TenantBatches& tenant : graph.collect(now)) {
    for (const Batch& samples : tenant.batches) {
      const ColumnData* values = samples.find_fixed(column::kValue);
      for (const Group& group : samples.groups) {
        auto label = [&](std::string_view name) {
          for (const LabelRef& each : group.labels) {
            if (each.name == name) return std::string(each.value);
          }
          return std::string();
        };
        std::string metric = label("__name__");
        bool requests = metric == "traces_service_graph_request_total";
        if (!requests && metric != "traces_service_graph_request_failed_total") continue;
        std::string key = fmt::format("{}>{} {}", label("client"), label("server"), label("connection_type"));
        auto value = static_cast<uint64_t>(values->floats[group.first_row + group.row_count - 1]);
        (requests ? edges[key].first : edges[key].second) = value;
      }
    }
  }
  return edges;
}

// In requests of that many spans.
Edges streamed(const std::vector<Span>& spans, size_t at_once = SIZE_MAX) {
  ManualClock clock(kStart);
  ServiceGraph graph(clock);
  for (size_t first = 0; first < spans.size();) {
    size_t last = first + std::min(at_once, spans.size() - first);
    observe(graph,
            {spans.begin() + static_cast<ptrdiff_t>(first), spans.begin() + static_cast<ptrdiff_t>(last)});
    first = last;
  }
  return collected(graph, kStart + 11 * kNanosPerSecond);
}

uint64_t expired_halves() {
  return static_cast<uint64_t>(
      counter("obelisk_service_graph_expired_edges_total", "Calls of which only one side was seen.").value());
}

traceql::ServiceGraphResult stored(MemoryStore& store, std::string_view query, const GraphRules& rules = {}) {
  Budget budget(1 << 30);
  Cancel cancel;
  QueryContext context{store, kDefaultTenant, store.snapshot(kDefaultTenant).value(), budget, cancel};
  auto result = traceql::service_graph(context, query, {kStart, kStart + 10 * kNanosPerSecond}, rules);
  EXPECT_TRUE(result.ok()) << result.error().to_string();
  return result.ok() ? std::move(*result) : traceql::ServiceGraphResult{};
}

Edges edges_of(const traceql::ServiceGraphResult& graph) {
  Edges edges;
  for (const traceql::GraphEdge& edge : graph.edges)
    edges[fmt::format("{}>{} {}", edge.client, edge.server, edge.type)] = {
        static_cast<uint64_t>(edge.requests), static_cast<uint64_t>(edge.failed)};
  return edges;
}

void write(MemoryStore& store, const std::vector<Span>& spans, const Names& names = {}) {
  WriteRequest request;
  request.batches.push_back(batch_of(spans, names));
  ASSERT_TRUE(append_and_wait(store, std::move(request)).ok());
}

TEST(ServiceGraphs, StreamedStoredAndCountedAreEqual) {
  Generator generator(41);
  for (uint8_t i = 1; i <= 100; ++i) generator.trace(i);
  ASSERT_GT(generator.edges.size(), 30u);
  EXPECT_EQ(streamed(generator.spans), generator.edges);
  MemoryStore store;
  write(store, generator.spans);
  EXPECT_EQ(edges_of(stored(store, "{}")), generator.edges);
}

// Halves that come in one request, in several, in any order, and twice.
TEST(ServiceGraphs, CallsAreTheSameHoweverTheirSpansCome) {
  Generator generator(43);
  for (uint8_t i = 1; i <= 100; ++i) generator.trace(i);
  std::mt19937_64 random(46);
  for (size_t at_once : {size_t{1}, size_t{3}, size_t{50}, SIZE_MAX}) {
    std::shuffle(generator.spans.begin(), generator.spans.end(), random);
    EXPECT_EQ(streamed(generator.spans, at_once), generator.edges) << at_once;
  }
  TraceId trace;
  trace.bytes[3] = 9;
  auto side = [&](uint64_t id, uint64_t parent, const char* service, int64_t kind) {
    Span span;
    span.trace = trace;
    span.id = id;
    span.parent = parent;
    span.service = service;
    span.kind = kind;
    return span;
  };
  Span client = side(5, 1, "shop", kSpanKindClient), server = side(6, 5, "cart", kSpanKindServer);
  const Edges once = {{"shop>cart ", {1, 0}}};
  EXPECT_EQ(streamed({client, client, server}), once);  // a half sent again
  EXPECT_EQ(streamed({server, server, client}, 2), once);
  EXPECT_EQ(streamed({client, client, server, server}, 1), once);
  EXPECT_EQ(streamed({client, client, server}, 1), once);  // one half waits, then both come
  EXPECT_EQ(streamed({server, client, server}, 1), once);
}

// Goal: with every option of the configuration the graph at query time is the streamed one. Method: the same
// generated spans with attributes of their own under several sets of rules; every series of the streamed
// graph is compared with what the edge of the same labels says, and none may be missing on either side.
TEST(ServiceGraphs, StreamedAndStoredAreEqualWithEveryOption) {
  const Names names{"net.peer.name", "db.cluster"};
  Generator generator(44);
  for (uint8_t i = 1; i <= 100; ++i) generator.trace(i);
  std::mt19937_64 random(45);
  for (Span& span : generator.spans) {
    if (random() % 3 != 0) span.zone = fmt::format("z{}", random() % 3);
    if (random() % 2 == 0) span.stage = random() % 4 == 0 ? "test" : "live";
    if (random() % 3 == 0) span.ratio = 0.25;
    if (span.kind == kSpanKindConsumer) span.offset_ms = static_cast<int64_t>(random() % 2000);
  }
  GraphRules base;
  base.edges = {.peer_attributes = {"net.peer.name"}, .database_attributes = {"db.cluster"}};
  std::vector<GraphRules> all(7, base);
  all[1].dimensions = {"zone", "stage"};
  all[2].dimensions = {"zone"};
  all[2].client_server_prefix = true;
  all[3].virtual_node_label = true;
  all[4].multiplier.attribute = "ratio";
  all[5].messaging_latency = true;
  SpanFilterPolicy policy;
  policy.exclude = {*make_span_condition("resource.stage", "test", false)};
  all[6] = {base.edges, {"stage"}, true, true, true, {policy}, {.attribute = "ratio"}};
  MemoryStore store;
  write(store, generator.spans, names);
  for (size_t i = 0; i < all.size(); ++i) {
    SCOPED_TRACE(i);
    std::map<std::string, double> series = streamed_series(generator.spans, all[i], names);
    traceql::ServiceGraphResult graph = stored(store, "{}", all[i]);
    size_t edges = 0, messages = 0;
    for (const auto& [name, value] : series) {
      edges += name.starts_with("traces_service_graph_request_total{") ? 1 : 0;
      messages += name.starts_with("traces_service_graph_request_messaging_system_seconds_count{") ? 1 : 0;
    }
    EXPECT_GT(edges, 30u);
    EXPECT_EQ(graph.edges.size(), edges);
    for (const traceql::GraphEdge& edge : graph.edges) {
      Labels labels = edge.labels;
      labels.set("client", edge.client);
      labels.set("server", edge.server);
      if (!edge.type.empty()) labels.set("connection_type", edge.type);
      auto of = [&](std::string_view metric) {
        auto found = series.find("traces_service_graph_request_" + std::string(metric) + labels.to_string());
        return found == series.end() ? -1 : found->second;
      };
      EXPECT_DOUBLE_EQ(edge.requests, of("total")) << labels.to_string();
      EXPECT_DOUBLE_EQ(edge.failed, std::max(0.0, of("failed_total"))) << labels.to_string();
      EXPECT_TRUE(all[i].messaging_latency || edge.messaging_p99 == 0);
      if (edge.messaging_p99 > 0) {
        EXPECT_GT(of("messaging_system_seconds_count"), 0) << labels.to_string();
        --messages;
      }
    }
    EXPECT_LE(messages, 2u);  // those that took no time at all
  }
}

TEST(ServiceGraphs, ACallWithAMultiplierWeighsMoreInQuantiles) {
  TraceId id;
  id.bytes[15] = 9;
  MemoryStore store;
  GraphRules rules;
  rules.multiplier.attribute = "ratio";
  std::vector<Span> spans;
  for (uint64_t i = 1; i <= 4; ++i) {
    spans.push_back({id, i, 0, "shop", kSpanKindServer, static_cast<int64_t>(10 * i), false, "", ""});
    if (i == 1) spans.back().ratio = 0.1;
  }
  write(store, spans);
  EXPECT_EQ(stored(store, "{}").edges[0].server_p50, 20 * kNanosPerMilli);
  traceql::ServiceGraphResult weighed = stored(store, "{}", rules);
  EXPECT_EQ(weighed.edges[0].server_p50, 10 * kNanosPerMilli);
  EXPECT_EQ(weighed.edges[0].server_p99, 40 * kNanosPerMilli);
  EXPECT_DOUBLE_EQ(weighed.edges[0].requests, 13);
}

TEST(ServiceGraphs, LateSpansAndMissingParents) {
  Generator generator(42);
  generator.lose_clients = true;
  for (uint8_t i = 1; i <= 100; ++i) generator.trace(i);
  ASSERT_GT(generator.lost_clients, 20u);
  // Every span in a request of its own, in any order, and some of them twice.
  std::mt19937_64 random(43);
  std::vector<Span> shuffled = generator.spans;
  std::shuffle(shuffled.begin(), shuffled.end(), random);
  MemoryStore store;
  for (const Span& span : shuffled) write(store, {span});
  for (size_t i = 0; i < shuffled.size(); i += 7) write(store, {shuffled[i]});
  traceql::ServiceGraphResult graph = stored(store, "{}");
  EXPECT_EQ(edges_of(graph), generator.edges);
  EXPECT_GE(graph.unpaired_spans, generator.lost_clients);
  EXPECT_EQ(streamed(shuffled, 1), generator.edges);  // late, but within the time that halves wait
}

// Goal: what the streamed graph lets go is what the one at query time calls unpaired, and neither makes edges
// of it. Method: traces of which a third of the clients, or of the servers, never comes.
TEST(ServiceGraphs, HalvesThatStayAloneExpireAndAreCounted) {
  for (bool lose_servers : {false, true}) {
    Generator generator(47);
    generator.lose_clients = !lose_servers;
    generator.lose_servers = lose_servers;
    for (uint8_t i = 1; i <= 100; ++i) generator.trace(i);
    ASSERT_GT(generator.lost_clients + generator.lost_servers, 20u);
    uint64_t before = expired_halves();
    EXPECT_EQ(streamed(generator.spans, 5), generator.edges);
    MemoryStore store;
    write(store, generator.spans);
    traceql::ServiceGraphResult graph = stored(store, "{}");
    EXPECT_EQ(edges_of(graph), generator.edges);
    EXPECT_EQ(graph.unpaired_spans, expired_halves() - before);
    EXPECT_GE(graph.unpaired_spans, generator.lost_clients + generator.lost_servers);
  }
}

// Goal: spans that come after their other half was let go are the one thing that the streamed graph misses,
// and it says of how many; the graph at query time has them. Method: the server sides of some calls are sent
// a minute late.
TEST(ServiceGraphs, SpansLaterThanTheWaitAreMissedByTheStreamedGraphAlone) {
  Generator generator(48);
  for (uint8_t i = 1; i <= 100; ++i) generator.trace(i);
  std::vector<Span> on_time, late;
  for (const Span& span : generator.spans) {
    bool is_late = span.parent != 0 && span.kind == kSpanKindServer && span.id % 3 == 0;
    (is_late ? late : on_time).push_back(span);
  }
  ASSERT_GT(late.size(), 50u);
  ManualClock clock(kStart);
  ServiceGraph graph(clock);
  uint64_t before = expired_halves();
  observe(graph, on_time);
  clock.advance(60 * kNanosPerSecond);
  Edges punctual = collected(graph, clock.now());
  observe(graph, late);
  clock.advance(60 * kNanosPerSecond);
  Edges all = collected(graph, clock.now());
  EXPECT_EQ(all, punctual);  // no server side alone makes an edge
  MemoryStore store;
  write(store, on_time);
  EXPECT_EQ(edges_of(stored(store, "{}")), punctual);
  write(store, late);
  traceql::ServiceGraphResult whole = stored(store, "{}");
  EXPECT_EQ(edges_of(whole), generator.edges);
  EXPECT_EQ(expired_halves() - before, whole.unpaired_spans + 2 * late.size());
}

// A message that several consumers take is one edge a consumer, in whatever order and pieces the spans come,
// and each counts once however often it is sent.
TEST(ServiceGraphs, AMessageWithSeveralConsumers) {
  TraceId id;
  id.bytes[15] = 3;
  std::vector<Span> spans = {{id, 1, 0, "shop", kSpanKindServer, 300, false, "", ""},
                             {id, 2, 1, "shop", kSpanKindProducer, 2, false, "", ""},
                             {id, 3, 2, "mail", kSpanKindConsumer, 20, false, "", ""},
                             {id, 4, 2, "mail", kSpanKindConsumer, 30, true, "", ""},
                             {id, 5, 2, "stock", kSpanKindConsumer, 10, false, "", ""}};
  const Edges edges = {{"shop>mail messaging_system", {2, 1}},
                       {"shop>stock messaging_system", {1, 0}},
                       {"user>shop virtual_node", {1, 0}}};
  MemoryStore store;
  write(store, spans);
  EXPECT_EQ(edges_of(stored(store, "{}")), edges);
  uint64_t before = expired_halves();
  std::mt19937_64 random(49);
  for (int round = 0; round < 50; ++round) {
    std::vector<Span> sent = spans;
    for (int i = 0; i < round % 4; ++i) sent.push_back(spans[random() % spans.size()]);
    std::shuffle(sent.begin(), sent.end(), random);
    EXPECT_EQ(streamed(sent, 1 + random() % 6), edges) << round;
  }
  EXPECT_EQ(expired_halves(), before);
  // Consumers whose producer never comes expire, each of them.
  EXPECT_EQ(streamed({spans[0], spans[2], spans[3], spans[4]}, 2),
            (Edges{{"user>shop virtual_node", {1, 0}}}));
  EXPECT_EQ(expired_halves() - before, 3u);
}

// Answers in many batches, each made when the one before is gone: as large stores do.
class ManyBatches : public MemoryStore {
 public:
  std::vector<std::unique_ptr<MemoryStore>> stores;

  Result<std::unique_ptr<Cursor>> open(const Plan& plan, Budget& budget, const Cancel& cancel) override {
    return std::unique_ptr<Cursor>(std::make_unique<Chain>(*this, plan.pushed, budget, cancel));
  }

 private:
  class Chain : public Cursor {
   public:
    Chain(ManyBatches& owner, const Scan& scan, Budget& budget, const Cancel& cancel)
        : owner_(owner), scan_(scan), budget_(budget), cancel_(cancel) {}
    Result<BatchPtr> next() override {
      for (;;) {
        if (cursor_ == nullptr) {
          if (at_ == owner_.stores.size()) return BatchPtr();
          MemoryStore& store = *owner_.stores[at_++];
          OBELISK_TRY(Snapshot snapshot, store.snapshot(kDefaultTenant));
          OBELISK_TRY(Plan plan, store.plan(snapshot, scan_));
          OBELISK_TRY(cursor_, store.open(plan, budget_, cancel_));
        }
        OBELISK_TRY(BatchPtr batch, cursor_->next());
        if (batch) return batch;
        cursor_.reset();
      }
    }
    Coverage coverage() const override { return {}; }

   private:
    ManyBatches& owner_;
    Scan scan_;
    Budget& budget_;
    const Cancel& cancel_;
    std::unique_ptr<Cursor> cursor_;
    size_t at_ = 0;
  };
};

TEST(ServiceGraphs, TracesOfManyBatchesAreReadFromTheirOwn) {
  Generator generator(44);
  ManyBatches store;
  for (uint8_t i = 1; i <= 100; ++i) {
    size_t first = generator.spans.size();
    generator.trace(i);
    store.stores.push_back(std::make_unique<MemoryStore>());
    write(*store.stores.back(),
          {generator.spans.begin() + static_cast<ptrdiff_t>(first), generator.spans.end()});
  }
  EXPECT_EQ(edges_of(stored(store, "{}")), generator.edges);
}

TEST(ServiceGraphs, AFilterChoosesTheCalls) {
  TraceId id;
  id.bytes[15] = 1;
  MemoryStore store;
  write(store, {{id, 1, 0, "shop", kSpanKindServer, 300, false, "", ""},
                {id, 2, 1, "shop", kSpanKindClient, 200, false, "", ""},
                {id, 3, 2, "bank", kSpanKindServer, 190, true, "", ""},
                {id, 4, 1, "shop", kSpanKindClient, 20, false, "", ""},
                {id, 5, 4, "mail", kSpanKindServer, 10, false, "", ""}});
  EXPECT_EQ(edges_of(stored(store, "{ status = error }")), (Edges{{"shop>bank ", {1, 1}}}));
  EXPECT_EQ(edges_of(stored(store, "{ resource.service.name = \"mail\" }")), (Edges{{"shop>mail ", {1, 0}}}));
  traceql::ServiceGraphResult slow = stored(store, "{ kind = server && duration > 100ms }");
  EXPECT_EQ(edges_of(slow), (Edges{{"shop>bank ", {1, 1}}, {"user>shop virtual_node", {1, 0}}}));
  EXPECT_EQ(slow.edges[0].server_p99, 190 * kNanosPerMilli);
  EXPECT_EQ(slow.edges[0].client_p50, 200 * kNanosPerMilli);
  EXPECT_EQ(slow.edges[0].slowest_trace, id);
}

}  // namespace
}  // namespace obelisk
