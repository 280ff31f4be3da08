// What one sample of a steady page costs: parsing, and becoming a row.
//   target_series_bench --benchmark_min_time=1
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "collect/scrape/target_series.h"

namespace obelisk::scrape {
namespace {

std::string make_page(int64_t series_count) {
  std::string page = "# TYPE http_requests_total counter\n";
  for (int64_t i = 0; i < series_count; ++i)
    page += fmt::format(
        "http_requests_total{{method=\"GET\",path=\"/api/v1/items/{}\",status=\"{}\",pod=\"shop-7d9f-{}\"}} "
        "{}\n",
        i, 200 + i % 5, i % 17, i * 31);
  return page;
}

void parse_page(benchmark::State& state) {
  std::string page = make_page(state.range(0));
  for (auto _ : state) {
    auto exposition = parse_exposition(ExpositionFormat::prometheus_text, page);
    benchmark::DoNotOptimize(exposition.ok());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(parse_page)->Arg(10'000);

void accept_page(benchmark::State& state) {
  std::string page = make_page(state.range(0));
  TargetSeries series(Labels{{"job", "shop"}, {"instance", "shop-1:8080"}});
  int64_t seconds = 0;
  for (auto _ : state) {
    ScrapeReport report;
    auto batches = series.accept_page(ExpositionFormat::prometheus_text, page,
                                      UnixNanos{++seconds * kNanosPerSecond}, report);
    if (!batches.ok()) return state.SkipWithError("the page does not parse");
    benchmark::DoNotOptimize(batches->data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(accept_page)->Arg(10'000)->Arg(100'000);

void accept_openmetrics_page(benchmark::State& state) {
  std::string page = make_page(state.range(0)) + "# EOF\n";
  TargetSeries series(Labels{{"job", "shop"}, {"instance", "shop-1:8080"}});
  int64_t seconds = 0;
  for (auto _ : state) {
    ScrapeReport report;
    auto batches = series.accept_page(ExpositionFormat::openmetrics_text, page,
                                      UnixNanos{++seconds * kNanosPerSecond}, report);
    if (!batches.ok()) return state.SkipWithError("the page does not parse");
    benchmark::DoNotOptimize(batches->data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(accept_openmetrics_page)->Arg(10'000);

}  // namespace
}  // namespace obelisk::scrape
