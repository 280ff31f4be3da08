// What the engine costs: appending, flushing, and the reads an operator waits for, on the real disk in a
// temporary directory. The data are like those of a shop: 12 services, 120 streams, a trace id on half the
// lines, 20 spans a trace.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "env/clock.h"
#include "storage/embedded/engine.h"

namespace obelisk {
namespace {

constexpr int64_t kBegin = 1'700'000'000'000'000'000;
constexpr size_t kBatchRows = 2000;

class Bed {
 public:
  explicit Bed(Durability durability = Durability::sync) {
    std::string pattern = (std::filesystem::temp_directory_path() / "obelisk_bench_XXXXXX").string();
    path_ = mkdtemp(pattern.data());
    disk_ = std::move(*open_posix_disk(path_));
    options_.disk = disk_.get();
    options_.clock = &clock_;
    options_.background = false;
    options_.durability = durability;
    open();
  }
  ~Bed() {
    engine_.reset();
    std::filesystem::remove_all(path_);
  }
  void open() {
    engine_.reset();
    engine_ = std::move(*Engine::open(options_));
  }
  Engine& engine() { return *engine_; }

  void append(Batch batch) {
    WriteRequest request;
    request.batches.push_back(std::move(batch));
    if (!append_and_wait(*engine_, std::move(request)).ok()) std::abort();
  }

  uint64_t part_bytes() const {
    uint64_t total = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_ + "/tenants")) {
      if (entry.is_regular_file()) total += entry.file_size();
    }
    return total;
  }

 private:
  std::string path_;
  SystemClock clock_;
  std::unique_ptr<Disk> disk_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

class Shop {
 public:
  Batch logs(size_t rows) {
    BatchBuilder builder(Table::logs);
    for (size_t i = 0; i < rows; ++i) {
      if (i % 50 == 0) {
        Labels labels{{"service", fmt::format("service-{}", random_() % 12)},
                      {"pod", fmt::format("pod-{}", random_() % 10)}};
        std::vector<LabelRef> view = labels.view();
        builder.begin_group_copy(view);
      }
      builder.add_row({time()});
      builder.set_string(
          Scope::fixed, column::kLine,
          builder.arena().copy(fmt::format(
              "level=info msg=\"order accepted\" order={} customer={} took={}ms items={} trace={:016x}",
              random_() % 1000000, random_() % 50000, random_() % 900, random_() % 9, random_())));
      if (i % 2 == 0) builder.set_trace_id(Scope::fixed, column::kTraceId, trace());
    }
    return builder.finish();
  }

  Batch spans(size_t rows) {
    static constexpr std::string_view kNames[] = {"GET /cart", "POST /order", "SELECT orders", "charge card",
                                                  "publish event"};
    static constexpr std::string_view kServices[] = {"order", "inventory", "payment", "notification"};
    BatchBuilder builder(Table::spans);
    TraceId id = trace();
    for (size_t i = 0; i < rows; ++i) {
      if (i % 20 == 0) id = trace();
      builder.add_row({time()});
      builder.set_trace_id(Scope::fixed, column::kTraceId, id);
      builder.set_int(Scope::fixed, column::kSpanId, static_cast<int64_t>(random_()));
      builder.set_int(Scope::fixed, column::kParentSpanId, static_cast<int64_t>(random_()));
      builder.set_string(Scope::fixed, column::kName, kNames[random_() % 5]);
      builder.set_int(Scope::fixed, column::kKind, static_cast<int64_t>(random_() % 5));
      builder.set_int(Scope::fixed, column::kDuration, static_cast<int64_t>(random_() % 100'000'000));
      builder.set_string(Scope::resource, "service.name", kServices[random_() % 4]);
      builder.set_int(Scope::attribute, "http.status_code", random_() % 50 == 0 ? 500 : 200);
      builder.set_string(Scope::attribute, "user.id",
                         builder.arena().copy(fmt::format("user-{}", random_() % 100000)));
    }
    return builder.finish();
  }

  TraceId trace() {
    TraceId id;
    uint64_t halves[2] = {random_(), random_()};
    std::memcpy(id.bytes.data(), halves, 16);
    last_ = id;
    return id;
  }
  TraceId last() const { return last_; }

 private:
  int64_t time() {
    return kBegin + static_cast<int64_t>(++ticks_) * 100'000 + static_cast<int64_t>(random_() % 1000);
  }

  std::mt19937_64 random_{42};
  uint64_t ticks_ = 0;
  TraceId last_;
};

void append_rows(benchmark::State& state, Table table, Durability durability) {
  Bed bed(durability);
  Shop shop;
  uint64_t rows = 0, since_flush = 0;
  for (auto _ : state) {
    state.PauseTiming();
    Batch batch = table == Table::logs ? shop.logs(kBatchRows) : shop.spans(kBatchRows);
    if ((since_flush += kBatchRows) > 200'000) {
      since_flush = 0;
      if (!bed.engine().flush().ok()) std::abort();
    }
    state.ResumeTiming();
    bed.append(std::move(batch));
    rows += kBatchRows;
  }
  state.SetItemsProcessed(static_cast<int64_t>(rows));
}
BENCHMARK_CAPTURE(append_rows, logs_sync, Table::logs, Durability::sync)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(append_rows, spans_sync, Table::spans, Durability::sync)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(append_rows, spans_off, Table::spans, Durability::off)->Unit(benchmark::kMicrosecond);

void flush_rows(benchmark::State& state, Table table) {
  Bed bed;
  Shop shop;
  uint64_t rows = 0;
  for (auto _ : state) {
    state.PauseTiming();
    for (int i = 0; i < 50; ++i)
      bed.append(table == Table::logs ? shop.logs(kBatchRows) : shop.spans(kBatchRows));
    state.ResumeTiming();
    if (!bed.engine().flush().ok()) std::abort();
    rows += 50 * kBatchRows;
  }
  state.SetItemsProcessed(static_cast<int64_t>(rows));
  state.counters["bytes_per_row"] = static_cast<double>(bed.part_bytes()) / static_cast<double>(rows);
}
BENCHMARK_CAPTURE(flush_rows, logs, Table::logs)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(flush_rows, spans, Table::spans)->Unit(benchmark::kMillisecond);

// Four parts of each table.
struct Stored {
  Bed bed;
  Shop shop;
  Stored() {
    for (int part = 0; part < 4; ++part) {
      for (int i = 0; i < 50; ++i) {
        bed.append(shop.logs(kBatchRows));
        bed.append(shop.spans(kBatchRows));
      }
      if (!bed.engine().flush().ok()) std::abort();
    }
  }
};

Stored& stored() {
  static Stored instance;
  return instance;
}

void scan(benchmark::State& state, const Scan& scan) {
  stored();
  uint64_t rows = 0;
  for (auto _ : state) {
    Budget budget;
    Cancel cancel;
    auto cursor = open_scan(stored().bed.engine(), *stored().bed.engine().snapshot(kDefaultTenant), scan,
                            budget, cancel);
    for (;;) {
      auto batch = (*cursor)->next();
      if (!batch.ok()) std::abort();
      if (!*batch) break;
      rows += (*batch)->row_count;
    }
  }
  state.counters["rows"] = static_cast<double>(rows) / static_cast<double>(state.iterations());
}

void newest_hundred_lines(benchmark::State& state) {
  Scan wanted;
  wanted.table = Table::logs;
  wanted.all_columns = true;
  wanted.where = Expr::compare(label_column("service"), CompareOp::equal, std::string("service-3"));
  wanted.order = Order::time_descending;
  wanted.limit = 100;
  scan(state, wanted);
}
BENCHMARK(newest_hundred_lines)->Unit(benchmark::kMillisecond);

void lines_with_a_needle(benchmark::State& state) {
  Scan wanted;
  wanted.table = Table::logs;
  wanted.all_columns = true;
  wanted.where = Expr::contains(fixed_column(column::kLine), "order=123456 ");
  scan(state, wanted);
}
BENCHMARK(lines_with_a_needle)->Unit(benchmark::kMillisecond);

void trace_by_id(benchmark::State& state) {
  Scan wanted;
  wanted.table = Table::spans;
  wanted.all_columns = true;
  TraceId id = stored().shop.last();
  wanted.where = Expr::compare(fixed_column(column::kTraceId), CompareOp::equal, std::string(id.view()));
  scan(state, wanted);
}
BENCHMARK(trace_by_id)->Unit(benchmark::kMillisecond);

void slow_payment_traces(benchmark::State& state) {
  Scan wanted;
  wanted.table = Table::spans;
  wanted.unit = Unit::trace;
  wanted.columns = {fixed_column(column::kName)};
  wanted.marks = {Expr::compare({Scope::resource, "service.name"}, CompareOp::equal, std::string("payment")),
                  Expr::compare(fixed_column(column::kDuration), CompareOp::greater, int64_t{99'900'000})};
  wanted.require_marks = {0, 1};
  scan(state, wanted);
}
BENCHMARK(slow_payment_traces)->Unit(benchmark::kMillisecond);

void open_again(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    if (!stored().bed.engine().close().ok()) std::abort();
    state.ResumeTiming();
    stored().bed.open();
  }
  state.counters["stored_bytes"] = static_cast<double>(stored().bed.part_bytes());
}
BENCHMARK(open_again)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace obelisk
