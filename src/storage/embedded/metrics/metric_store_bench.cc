// Goal: what a sample and a series cost: time to append, memory in the head, bytes on disk, time to read. The
// data is a mix of 40 % counters, 12 % slow counters, 20 % two-decimal gauges, 8 % full-precision noise and
// 20 % constants with five labels a series, written as remote write does: a request of 5,000 series, one
// sample each, every 15 s. Small by default, since it runs as a test; OBELISK_BENCH_SERIES=100000 for figures
// worth quoting.
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <random>

#include "storage/embedded/metrics/metric_store.h"

namespace obelisk {
namespace {

constexpr int kSteps = 120;
constexpr size_t kSeriesPerRequest = 5000;
constexpr int64_t kStart = 1'714'718'277'000'000'000;

uint32_t series_count() {
  const char* given = std::getenv("OBELISK_BENCH_SERIES");
  return given != nullptr ? static_cast<uint32_t>(std::strtoul(given, nullptr, 10)) : 1000;
}

double thread_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

size_t resident_bytes() {
  std::ifstream status("/proc/self/statm");
  size_t total = 0;
  size_t resident = 0;
  status >> total >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// 25 metrics: 10 counters, 3 slow counters, 5 gauges, 2 noisy, 5 constants; 10 paths, 4 codes, the rest
// instances.
class Mix {
 public:
  explicit Mix(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      uint32_t metric = i / 40 % 25;
      kinds_.push_back("cccccccccssscgggggffkkkkk"[metric]);
      static constexpr const char* kCodes[] = {"200", "404", "500", "503"};
      char name[40];
      std::snprintf(name, sizeof name, "app_metric_%u_total", metric);
      char instance[40];
      std::snprintf(instance, sizeof instance, "host-%03u:9100", i / 1000);
      labels_.push_back(Labels{{"__name__", name},
                               {"code", kCodes[i % 4]},
                               {"instance", instance},
                               {"job", std::string("job") + static_cast<char>('a' + i / 1000 % 4)},
                               {"path", "/api/v1/resource" + std::to_string(i / 4 % 10)}});
      values_.push_back(std::floor(uniform() * (kinds_.back() == 'g' || kinds_.back() == 'f' ? 100 : 1e6)));
      if (kinds_.back() == 'k') values_.back() = metric;
    }
  }

  std::vector<BatchPtr> step(int64_t time) {
    for (size_t i = 0; i < values_.size(); ++i) advance(kinds_[i], values_[i]);
    std::vector<BatchPtr> requests;
    for (size_t begin = 0; begin < values_.size(); begin += kSeriesPerRequest) {
      BatchBuilder builder(Table::samples);
      for (size_t i = begin; i < std::min(begin + kSeriesPerRequest, values_.size()); ++i) {
        std::vector<LabelRef> view = labels_[i].view();
        builder.begin_group_copy(view);
        builder.add_row({time});
        builder.set_float(Scope::fixed, column::kValue, values_[i]);
      }
      requests.push_back(std::make_shared<const Batch>(builder.finish()));
    }
    return requests;
  }

 private:
  double uniform() { return static_cast<double>(random_() >> 11) * 0x1.0p-53; }
  void advance(char kind, double& value) {
    if (kind == 'c') value += std::floor(uniform() * 50);
    if (kind == 's' && uniform() < 0.05) value += 1;
    if (kind == 'g') value = std::round((value + uniform() - 0.5) * 100) / 100;
    if (kind == 'f') value += std::normal_distribution<double>()(random_);
  }

  std::mt19937_64 random_{42};
  std::string kinds_;
  std::vector<Labels> labels_;
  std::vector<double> values_;
};

struct Directory {
  Directory() {
    char pattern[] = "/tmp/obelisk-bench-XXXXXX";
    path = mkdtemp(pattern);
    disk = *open_posix_disk(path);
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string path;
  std::unique_ptr<Disk> disk;
};

std::unique_ptr<MetricStore> open_store(Directory& directory) {
  return *MetricStore::open(*directory.disk, "metrics", {}, {});
}

void fill(MetricStore& store, int steps) {
  Mix mix(series_count());
  uint64_t sequence = 0;
  for (int step = 0; step < steps; ++step) {
    for (const BatchPtr& batch : mix.step(kStart + step * 15 * kNanosPerSecond))
      store.apply(batch, ++sequence);
  }
}

// Appending alone is timed; making the batches is not.
void append(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    Directory directory;
    auto store = open_store(directory);
    Mix mix(series_count());
    uint64_t sequence = 0;
    double seconds = 0;
    double first_step = 0;
    size_t before = resident_bytes();
    state.ResumeTiming();
    for (int step = 0; step < kSteps; ++step) {
      state.PauseTiming();
      auto batches = mix.step(kStart + step * 15 * kNanosPerSecond);
      state.ResumeTiming();
      double begin = thread_cpu_seconds();
      for (const BatchPtr& batch : batches) store->apply(batch, ++sequence);
      double took = thread_cpu_seconds() - begin;
      if (step == 0) first_step = took;
      seconds += took;
    }
    state.PauseTiming();
    double samples = static_cast<double>(series_count()) * kSteps;
    state.counters["cpu_us_per_sample"] = seconds / samples * 1e6;
    state.counters["cpu_us_per_new_series"] = first_step / series_count() * 1e6;
    state.counters["head_bytes_per_series"] = static_cast<double>(store->head_bytes()) / series_count();
    malloc_trim(0);  // the batches that were written and dropped are no part of it
    state.counters["rss_bytes_per_series"] =
        (static_cast<double>(resident_bytes()) - static_cast<double>(before)) / series_count();
    state.ResumeTiming();
  }
}

void flush(benchmark::State& state) {
  Directory directory;
  auto store = open_store(directory);
  fill(*store, kSteps);
  for (auto _ : state) {
    auto change = store->flush();
    state.PauseTiming();
    store->commit(*change);
    MetricStore::Statistics now = store->statistics();
    state.counters["bytes_per_sample"] =
        static_cast<double>(now.part_bytes) / static_cast<double>(now.part_samples);
    auto part = MetricPart::open(*directory.disk, "metrics", change->new_parts[0]);
    uint64_t data = 0;
    for (const PageReference& page : (*part)->directory().data_pages) data += page.length;
    uint64_t times = 0;
    for (const auto& page : (*part)->directory().time_pages) times += page.page.length;
    state.counters["value_bytes_per_sample"] =
        static_cast<double>(data) / static_cast<double>(now.part_samples);
    state.counters["time_bytes_per_sample"] =
        static_cast<double>(times) / static_cast<double>(now.part_samples);
    state.counters["index_bytes_per_series"] =
        static_cast<double>(now.part_bytes - data - times) / series_count();
    store = open_store(directory);
    fill(*store, kSteps);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * series_count() * kSteps);
}

uint64_t scan_rows(MetricStore& store, const Expr& where, TimeRange range = {}) {
  Scan scan;
  scan.table = Table::samples;
  scan.unit = Unit::series;
  scan.all_columns = true;
  scan.where = where;
  scan.range = range;
  Budget budget(1ull << 40);
  Cancel cancel;
  auto cursor = store.open(0, scan, budget, cancel);
  uint64_t rows = 0;
  while (BatchPtr batch = *(*cursor)->next()) rows += batch->row_count;
  return rows;
}

void scan(benchmark::State& state, const Expr& where, bool flushed, bool newest) {
  Directory directory;
  auto store = open_store(directory);
  fill(*store, kSteps);
  if (flushed) store->commit(*store->flush());
  int64_t end = kStart + kSteps * 15 * kNanosPerSecond;
  TimeRange range = newest ? TimeRange{{end - 300 * kNanosPerSecond}, {end}} : TimeRange{};
  uint64_t rows = 0;
  for (auto _ : state) rows += scan_rows(*store, where, range);
  state.SetItemsProcessed(static_cast<int64_t>(rows));
}

void reopen(benchmark::State& state) {
  Directory directory;
  auto store = open_store(directory);
  fill(*store, kSteps);
  auto change = store->flush();
  store->commit(*change);
  for (auto _ : state) {
    store.reset();
    store = *MetricStore::open(*directory.disk, "metrics", {}, change->new_parts);
  }
}

const Expr kOneMetric =
    Expr::compare(label_column("__name__"), CompareOp::equal, std::string("app_metric_0_total"));
const Expr kOneSeries = Expr::all_of(
    {kOneMetric, Expr::compare(label_column("instance"), CompareOp::equal, std::string("host-000:9100")),
     Expr::compare(label_column("code"), CompareOp::equal, std::string("200")),
     Expr::compare(label_column("path"), CompareOp::equal, std::string("/api/v1/resource3"))});

BENCHMARK(append)->Unit(benchmark::kMillisecond);
BENCHMARK(flush)->Unit(benchmark::kMillisecond);
BENCHMARK(reopen)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(scan, everything_in_head, Expr(), false, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scan, everything_in_part, Expr(), true, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scan, newest_of_all_in_head, Expr(), false, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scan, newest_of_all_in_part, Expr(), true, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scan, one_metric_in_head, kOneMetric, false, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scan, one_metric_in_part, kOneMetric, true, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scan, one_series_in_head, kOneSeries, false, false)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(scan, one_series_in_part, kOneSeries, true, false)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace obelisk
