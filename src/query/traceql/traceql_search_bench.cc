// Searches over 100 k spans (10 k traces of ten spans) in the memory store, which reads every row: what is
// measured is evaluation plus a store without any index.
//   build/release/traceql_search_bench
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "query/traceql/engine.h"
#include "query/traceql/test_traces.h"
#include "storage/memory/memory_store.h"

namespace obelisk::traceql {
namespace {

constexpr size_t kTraces = 10'000;

std::vector<TestSpan> make_trace(uint64_t number) {
  std::vector<TestSpan> spans;
  for (uint64_t i = 0; i < 10; ++i) {
    TestSpan span;
    for (size_t byte = 0; byte < 8; ++byte)
      span.trace.bytes[15 - byte] = static_cast<uint8_t>(number >> (8 * byte));
    span.trace.bytes[0] = 1;
    span.id = number * 10 + i + 1;
    span.parent = i == 0 ? 0 : number * 10 + i / 2 + 1;
    span.service = i % 3 == 0 ? "shop" : "stock";
    span.name = fmt::format("operation-{}", i);
    span.start = static_cast<int64_t>(number * 1'000'000 + i * 1000);
    span.duration = static_cast<int64_t>((number * 7919 + i * 104729) % 500) * kNanosPerMilli;
    span.kind = static_cast<int64_t>(i % 6);
    span.attributes.push_back(
        {Scope::attribute, "http.status_code", {ColumnType::int64, number % 50 == 0 ? 500 : 200, 0, ""}});
    spans.push_back(std::move(span));
  }
  return spans;
}

MemoryStore& store() {
  static MemoryStore& filled = *[] {
    auto* fresh = new MemoryStore;
    for (size_t number = 0; number < kTraces; number += 100) {
      std::vector<TestSpan> spans;
      for (size_t i = 0; i < 100; ++i) {
        for (TestSpan& span : make_trace(number + i)) spans.push_back(std::move(span));
      }
      WriteRequest request;
      request.batches.push_back(test_batch(spans));
      OBELISK_ASSERT(append_and_wait(*fresh, std::move(request)).ok());
    }
    return fresh;
  }();
  return filled;
}

void run_search(benchmark::State& state, const char* query) {
  MemoryStore& filled = store();
  for (auto _ : state) {
    Budget budget;
    Cancel cancel;
    QueryContext context{filled, kDefaultTenant, *filled.snapshot(kDefaultTenant), budget, cancel};
    Result<SearchResult> result = search(context, query, {});
    OBELISK_ASSERT(result.ok() && !result->traces.empty());
    benchmark::DoNotOptimize(result->traces.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kTraces) * 10);
}

void search_name_and_duration(benchmark::State& state) {
  run_search(state, "{ name = \"operation-4\" && duration > 250ms }");
}
void search_descendants(benchmark::State& state) {
  run_search(state, "{ name = \"operation-1\" } >> { span.http.status_code = 500 && kind = client }");
}
void search_unpushable(benchmark::State& state) {
  run_search(state, "{ span.http.status_code % 7 = 3 && duration * 2 > 900ms }");
}

void metrics_rate(benchmark::State& state) {
  MemoryStore& filled = store();
  for (auto _ : state) {
    Budget budget;
    Cancel cancel;
    QueryContext context{filled, kDefaultTenant, *filled.snapshot(kDefaultTenant), budget, cancel};
    MetricsOptions options;
    options.range = {{kTestEpoch}, {kTestEpoch + 10 * kNanosPerSecond}};
    options.step = kNanosPerSecond;
    Result<MetricsResult> result =
        evaluate_metrics(context, "{} | rate() by (resource.service.name)", options);
    OBELISK_ASSERT(result.ok() && result->series.size() == 2);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kTraces) * 10);
}

BENCHMARK(search_name_and_duration)->Unit(benchmark::kMillisecond);
BENCHMARK(search_descendants)->Unit(benchmark::kMillisecond);
BENCHMARK(search_unpushable)->Unit(benchmark::kMillisecond);
BENCHMARK(metrics_rate)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace obelisk::traceql
