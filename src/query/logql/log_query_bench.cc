// Log queries over 100,000 JSON lines (about 190 bytes each) of 10 streams in the memory store.
//   build/release/log_query_bench
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "query/logql/engine.h"
#include "storage/memory/memory_store.h"

namespace obelisk::logql {
namespace {

constexpr int kLines = 100'000;

MemoryStore& store() {
  static MemoryStore* filled = [] {
    auto* store = new MemoryStore;
    BatchBuilder builder(Table::logs);
    for (int stream = 0; stream < 10; ++stream) {
      Labels labels{{"app", "shop"}, {"pod", fmt::format("pod-{}", stream)}};
      std::vector<LabelRef> view = labels.view();
      builder.begin_group_copy(view);
      for (int i = 0; i < kLines / 10; ++i) {
        builder.add_row({1'700'000'000 * kNanosPerSecond + i * 100'000'000ll});
        builder.set_string(
            Scope::fixed, column::kLine,
            builder.arena().copy(fmt::format(
                R"({{"timestamp":"2026-05-03T06:37:57.{:06}Z","level":"{}","event":"order_created","service":"order-service","quantity":{},"duration_ms":{},"trace_id":"{:032x}","path":"/orders/{}"}})",
                i, i % 20 == 0 ? "error" : "info", i % 9, i % 500, i * 7919, i)));
      }
    }
    WriteRequest request;
    request.batches.push_back(builder.finish());
    if (!append_and_wait(*store, std::move(request)).ok()) std::abort();
    return store;
  }();
  return *filled;
}

void run(benchmark::State& state, const char* query) {
  UnixNanos end{1'700'001'000 * kNanosPerSecond};
  for (auto _ : state) {
    Budget budget(4ull << 30);
    Cancel cancel;
    QueryContext context{store(), kDefaultTenant, *store().snapshot(kDefaultTenant), budget, cancel};
    Result<LogqlResult> result = query_instant(context, query, end, LogqlLimits());
    if (!result.ok() || result->matrix.empty()) state.SkipWithError("no result");
    benchmark::DoNotOptimize(result);
  }
  state.SetItemsProcessed(state.iterations() * kLines);
}

BENCHMARK_CAPTURE(run, count, "sum(count_over_time({app=\"shop\"}[20m]))")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run, filter_count, "sum(count_over_time({app=\"shop\"} |= \"error\" [20m]))")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run, json_count_by_level, "sum by (level) (count_over_time({app=\"shop\"} | json [20m]))")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(
    run, filter_json_count,
    "sum by (level) (count_over_time({app=\"shop\"} |= \"order\" | json | level=\"error\" [20m]))")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run, json_quantile,
                  "quantile_over_time(0.99, {app=\"shop\"} | json | unwrap duration_ms [20m]) by (event)")
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace obelisk::logql
