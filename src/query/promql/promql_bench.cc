// How long a range query takes: 4,000 series of 140 samples, 100 steps, the query of the reference's
// published figure. `range_query` runs on the brute-force memory store, whose scan is nearly all of it;
// `evaluation` on batches read before; `on_engine` on the embedded engine, head and parts. How many series:
// OBELISK_BENCH_SERIES (default 4,000, so that this also runs quickly as a test).
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>

#include "env/fault_disk.h"
#include "query/promql/engine.h"
#include "storage/embedded/engine.h"
#include "storage/memory/memory_store.h"

namespace obelisk {
namespace {

constexpr int64_t kStepMs = 15'000;
constexpr size_t kSamples = 140;

void fill(Writer& store, size_t instances) {
  std::vector<Labels> series;
  for (size_t instance = 0; instance < instances; ++instance) {
    for (int path = 0; path < 10; ++path) {
      for (int code = 0; code < 4; ++code) {
        series.push_back(Labels{{"__name__", "app_requests_total"},
                                {"instance", fmt::format("host-{}:9100", instance)},
                                {"job", fmt::format("job-{}", instance % 4)},
                                {"path", fmt::format("/api/v1/{}", path)},
                                {"code", fmt::format("{}00", code + 2)}});
      }
    }
  }
  BatchBuilder builder(Table::samples);
  for (size_t i = 0; i < series.size(); ++i) {
    std::vector<LabelRef> view = series[i].view();
    builder.begin_group_copy(view);
    for (size_t sample = 0; sample < kSamples; ++sample) {
      builder.add_row(UnixNanos::from_millis(static_cast<int64_t>(sample) * kStepMs));
      builder.set_float(Scope::fixed, column::kValue, static_cast<double>(sample * (i % 50)));
    }
  }
  WriteRequest request;
  request.batches.push_back(builder.finish());
  if (!append_and_wait(store, std::move(request)).ok()) std::abort();
}

// Reads the store once and hands the same batches out again and again: what is left is the evaluation.
class ReadyReader : public Reader {
 public:
  explicit ReadyReader(MemoryStore& store) : store_(store) {
    Budget budget;
    Scan scan;
    scan.table = Table::samples;
    scan.unit = Unit::series;
    scan.columns = {fixed_column(column::kValue)};
    auto cursor = open_scan(store, *store.snapshot(kDefaultTenant), scan, budget, cancel_);
    for (;;) {
      BatchPtr batch = *(*cursor)->next();
      if (!batch) break;
      batches_.push_back(std::move(batch));
    }
  }

  Result<Snapshot> snapshot(const Tenant& tenant) override { return store_.snapshot(tenant); }
  Result<Plan> plan(const Snapshot& at, const Scan& scan) override { return store_.plan(at, scan); }
  Result<std::unique_ptr<Cursor>> open(const Plan&, Budget&, const Cancel&) override {
    return std::unique_ptr<Cursor>(std::make_unique<ReadyCursor>(batches_));
  }
  Result<std::vector<Labels>> series(const Snapshot& at, const Scan& scan, const Cancel& cancel) override {
    return store_.series(at, scan, cancel);
  }
  Result<std::vector<ColumnInfo>> columns(const Snapshot& at, const Scan& scan) override {
    return store_.columns(at, scan);
  }
  Result<std::vector<ValueCount>> values(const Snapshot& at, const Scan& scan, const ColumnId& column,
                                         uint64_t limit, const Cancel& cancel) override {
    return store_.values(at, scan, column, limit, cancel);
  }

 private:
  class ReadyCursor : public Cursor {
   public:
    explicit ReadyCursor(const std::vector<BatchPtr>& batches) : batches_(batches) {}
    Result<BatchPtr> next() override { return at_ < batches_.size() ? batches_[at_++] : BatchPtr(); }
    Coverage coverage() const override { return {}; }

   private:
    const std::vector<BatchPtr>& batches_;
    size_t at_ = 0;
  };

  MemoryStore& store_;
  Cancel cancel_;
  std::vector<BatchPtr> batches_;
};

void evaluation(benchmark::State& state, const char* query) {
  MemoryStore store;
  fill(store, 100);
  ReadyReader reader(store);
  Cancel cancel;
  PromqlEngine engine;
  for (auto _ : state) {
    Budget budget;
    QueryContext context{reader, kDefaultTenant, *reader.snapshot(kDefaultTenant), budget, cancel};
    auto result = engine.range(context, query, UnixNanos::from_millis(600'000),
                               UnixNanos::from_millis(600'000 + 99 * kStepMs), kStepMs * kNanosPerMilli);
    if (!result.ok()) state.SkipWithError(result.error().message.c_str());
    benchmark::DoNotOptimize(result);
  }
}
BENCHMARK_CAPTURE(evaluation, sum_by_job_rate, "sum by (job) (rate(app_requests_total[5m]))")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(evaluation, selector, "app_requests_total")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(evaluation, vector_join, "app_requests_total / app_requests_total")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(evaluation, quantile, "quantile by (job) (0.9, app_requests_total)")
    ->Unit(benchmark::kMillisecond);

void range_query(benchmark::State& state, const char* query) {
  MemoryStore store;
  fill(store, 100);
  Cancel cancel;
  PromqlEngine engine;
  for (auto _ : state) {
    Budget budget;
    QueryContext context{store, kDefaultTenant, *store.snapshot(kDefaultTenant), budget, cancel};
    auto result = engine.range(context, query, UnixNanos::from_millis(600'000),
                               UnixNanos::from_millis(600'000 + 99 * kStepMs), kStepMs * kNanosPerMilli);
    if (!result.ok()) state.SkipWithError(result.error().message.c_str());
    benchmark::DoNotOptimize(result);
  }
}
BENCHMARK_CAPTURE(range_query, sum_by_job_rate, "sum by (job) (rate(app_requests_total[5m]))")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(range_query, selector, "app_requests_total")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(range_query, vector_join, "app_requests_total / app_requests_total")
    ->Unit(benchmark::kMillisecond);

// The store's share of the above: what a scan of the same rows costs.
void scan_only(benchmark::State& state) {
  MemoryStore store;
  fill(store, 100);
  Cancel cancel;
  Scan scan;
  scan.table = Table::samples;
  scan.unit = Unit::series;
  scan.columns = {fixed_column(column::kValue)};
  scan.where = Expr::compare(label_column("__name__"), CompareOp::equal, std::string("app_requests_total"));
  for (auto _ : state) {
    Budget budget;
    auto cursor = open_scan(store, *store.snapshot(kDefaultTenant), scan, budget, cancel);
    benchmark::DoNotOptimize((*cursor)->next());
  }
}
BENCHMARK(scan_only)->Unit(benchmark::kMillisecond);

size_t engine_series() {
  const char* text = std::getenv("OBELISK_BENCH_SERIES");
  return text != nullptr ? static_cast<size_t>(std::strtoull(text, nullptr, 10)) : 4000;
}

enum class Where { head, parts };

void on_engine(benchmark::State& state, const char* query, Where where, bool instant) {
  FaultDisk disk;
  ManualClock clock{UnixNanos::from_millis(kSamples * kStepMs)};
  EngineOptions options;
  options.disk = &disk;
  options.clock = &clock;
  options.background = false;
  auto engine = std::move(*Engine::open(options));
  fill(*engine, engine_series() / 40);
  if (where == Where::parts && !engine->flush().ok()) std::abort();
  Cancel cancel;
  PromqlEngine promql;
  for (auto _ : state) {
    Budget budget;
    QueryContext context{*engine, kDefaultTenant, *engine->snapshot(kDefaultTenant), budget, cancel};
    if (instant) {
      auto result = promql.instant(context, query, UnixNanos::from_millis((kSamples - 1) * kStepMs));
      if (!result.ok()) state.SkipWithError(result.error().message.c_str());
      benchmark::DoNotOptimize(result);
    } else {
      auto result = promql.range(context, query, UnixNanos::from_millis(600'000),
                                 UnixNanos::from_millis(600'000 + 99 * kStepMs), kStepMs * kNanosPerMilli);
      if (!result.ok()) state.SkipWithError(result.error().message.c_str());
      benchmark::DoNotOptimize(result);
    }
  }
}
BENCHMARK_CAPTURE(on_engine, count_head, "count({__name__=~\"app_.*\"})", Where::head, true)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(on_engine, count_parts, "count({__name__=~\"app_.*\"})", Where::parts, true)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(on_engine, sum_by_job_rate_head, "sum by (job) (rate(app_requests_total[5m]))", Where::head,
                  false)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(on_engine, sum_by_job_rate_parts, "sum by (job) (rate(app_requests_total[5m]))",
                  Where::parts, false)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace obelisk
