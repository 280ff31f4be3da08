// The service graph three ways: streamed from incoming spans, computed from stored ones, and counted by hand
// while the traces are generated. On complete data all three are equal; with late spans and missing parents
// the graph at query time still equals the count.
#include "pipeline/service_graph.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

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
};

Batch batch_of(const std::vector<Span>& spans) {
  BatchBuilder rows(Table::spans);
  auto copy = [&](std::string_view text) { return rows.arena().copy(text); };
  for (const Span& span : spans) {
    rows.add_row(kStart);
    rows.set_trace_id(Scope::fixed, column::kTraceId, span.trace);
    rows.set_int(Scope::fixed, column::kSpanId, static_cast<int64_t>(span.id));
    if (span.parent != 0)
      rows.set_int(Scope::fixed, column::kParentSpanId, static_cast<int64_t>(span.parent));
    rows.set_string(Scope::fixed, column::kName, "call");
    rows.set_int(Scope::fixed, column::kKind, span.kind);
    rows.set_int(Scope::fixed, column::kDuration, span.millis * kNanosPerMilli);
    if (span.failed) rows.set_int(Scope::fixed, column::kStatusCode, kSpanStatusError);
    rows.set_string(Scope::resource, "service.name", copy(span.service));
    if (!span.peer.empty()) rows.set_string(Scope::attribute, "peer.service", copy(span.peer));
    if (!span.database.empty()) rows.set_string(Scope::attribute, "db.system", copy(span.database));
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
  bool lose_clients = false;

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
  }

  std::mt19937_64 random_;
  uint64_t last_id_ = 0;
};

Edges streamed(const std::vector<Span>& spans) {
  ManualClock clock(kStart);
  ServiceGraph graph(clock);
  Batch batch = batch_of(spans);
  if (auto observe = graph.prepare(kDefaultTenant, batch)) observe();
  Edges edges;
  for (const TenantBatches& tenant : graph.collect(kStart + 11 * kNanosPerSecond)) {
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

traceql::ServiceGraphResult stored(MemoryStore& store, std::string_view query) {
  Budget budget(1 << 30);
  Cancel cancel;
  QueryContext context{store, kDefaultTenant, store.snapshot(kDefaultTenant).value(), budget, cancel};
  auto result = traceql::service_graph(context, query, {kStart, kStart + kNanosPerSecond});
  EXPECT_TRUE(result.ok()) << result.error().to_string();
  return result.ok() ? std::move(*result) : traceql::ServiceGraphResult{};
}

Edges edges_of(const traceql::ServiceGraphResult& graph) {
  Edges edges;
  for (const traceql::GraphEdge& edge : graph.edges)
    edges[fmt::format("{}>{} {}", edge.client, edge.server, edge.type)] = {edge.requests, edge.failed};
  return edges;
}

void write(MemoryStore& store, const std::vector<Span>& spans) {
  WriteRequest request;
  request.batches.push_back(batch_of(spans));
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
