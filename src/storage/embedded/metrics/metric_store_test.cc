// Goal: the metric store answers as the brute-force memory store does, whatever was written (late, duplicate,
// stale, histograms, start times) and wherever the samples lie (head, frozen, flushed, merged, reopened).
// Random writes and scans by a seed that is printed (base/test_seed.h).
#include "storage/embedded/metrics/metric_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "base/self_metrics.h"
#include "base/test_seed.h"
#include "env/fault_disk.h"
#include "model/histogram.h"
#include "storage/memory/memory_store.h"

namespace obelisk {
namespace {

constexpr const char* kDirectory = "tenant/metrics";

struct Row {
  Labels labels;
  int64_t time = 0;
  uint64_t value_bits = 0;
  std::string histogram;
  int64_t start_time = 0;
  auto operator<=>(const Row&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.labels.to_string() << " @" << row.time << " " << std::bit_cast<double>(row.value_bits)
             << " histogram of " << row.histogram.size() << " bytes, start " << row.start_time;
}

void append_rows(const Batch& batch, const std::vector<uint8_t>* keep, std::vector<Row>& rows) {
  const ColumnData* values = batch.find_fixed(column::kValue);
  const ColumnData* histograms = batch.find_fixed(column::kHistogram);
  const ColumnData* starts = batch.find_fixed(column::kStartTime);
  for (const Group& group : batch.groups) {
    for (uint32_t i = group.first_row; i < group.first_row + group.row_count; ++i) {
      if (keep != nullptr && !(*keep)[i]) continue;
      Row row;
      row.labels = Labels(group.labels);
      row.time = batch.times()[i];
      if (values != nullptr && values->is_present(i))
        row.value_bits = std::bit_cast<uint64_t>(values->floats[i]);
      if (histograms != nullptr && histograms->is_present(i)) row.histogram = histograms->strings[i];
      if (starts != nullptr && starts->is_present(i)) row.start_time = starts->ints[i];
      rows.push_back(std::move(row));
    }
  }
}

std::vector<Row> read_all(const MetricStore& store, const Scan& scan) {
  Budget budget;
  Cancel cancel;
  std::vector<Row> rows;
  {
    auto cursor = store.open(0, scan, budget, cancel);
    EXPECT_TRUE(cursor.ok()) << cursor.error().to_string();
    if (!cursor.ok()) return {};
    for (;;) {
      auto batch = (*cursor)->next();
      EXPECT_TRUE(batch.ok()) << batch.error().to_string();
      if (!batch.ok() || !*batch) break;
      EXPECT_TRUE((*batch)->check().ok()) << (*batch)->check().error().to_string();
      append_rows(**batch, nullptr, rows);
    }
  }
  EXPECT_EQ(budget.used_bytes(), 0u);
  return rows;
}

// The oracle drops superseded samples after it has applied `where`; the rule is that only the last one
// exists. So it is asked by labels alone and the rest is applied here.
std::vector<Row> read_oracle(MemoryStore& oracle, Scan scan) {
  Expr where = std::exchange(scan.where, Expr());
  scan.all_columns = true;
  scan.unit = Unit::series;
  uint64_t limit = std::exchange(scan.limit, 0);
  Budget budget(1ull << 40);
  Cancel cancel;
  auto cursor = open_scan(oracle, *oracle.snapshot(scan.tenant), scan, budget, cancel);
  std::vector<Row> rows;
  while (BatchPtr batch = *(*cursor)->next()) {
    std::vector<uint8_t> keep = evaluate(where, *batch);
    append_rows(*batch, &keep, rows);
  }
  if (limit == 0) return rows;
  std::vector<Row> limited;
  uint64_t series = 0;
  for (Row& row : rows) {
    if (limited.empty() || limited.back().labels != row.labels) ++series;
    if (series > limit) break;
    limited.push_back(std::move(row));
  }
  return limited;
}

void commit_flush(MetricStore& store) {
  auto flush = store.flush();
  ASSERT_TRUE(flush.ok()) << flush.error().to_string();
  store.commit(*flush);
}

std::unique_ptr<MetricStore> open_store(Disk& disk, std::vector<std::string> parts = {}) {
  auto store = MetricStore::open(disk, kDirectory, {}, std::move(parts));
  EXPECT_TRUE(store.ok()) << store.error().to_string();
  return std::move(*store);
}

Batch one_sample(Labels labels, int64_t time, double value) {
  BatchBuilder builder(Table::samples);
  std::vector<LabelRef> view = labels.view();
  builder.begin_group_copy(view);
  builder.add_row({time});
  builder.set_float(Scope::fixed, column::kValue, value);
  return builder.finish();
}

BatchPtr share(Batch batch) {
  return std::make_shared<const Batch>(std::move(batch));
}

Scan samples_scan() {
  Scan scan;
  scan.table = Table::samples;
  scan.unit = Unit::series;
  scan.all_columns = true;
  return scan;
}

// Writes the same random data to a metric store and to the oracle, and moves the store through its states.
class World {
 public:
  explicit World(uint64_t seed) : random_(seed), store_(open_store(disk_)) {
    const char* names[] = {"up", "requests_total", "latency", "temperature"};
    for (int i = 0; i < 24; ++i) {
      Labels labels{{"__name__", names[i % 4]}, {"instance", "host-" + std::to_string(i / 4)}};
      if (i % 3 == 0) labels.set("job", "api");
      if (i % 5 == 0) labels.set("zone", "z" + std::to_string(i));
      pool_.push_back(labels);
    }
    pool_.push_back(Labels());
  }

  void step() {
    uint64_t choice = random_() % 16;
    if (choice < 3) flush(true);
    if (choice == 3) flush(false);
    if (choice == 4 || choice == 5) merge();
    if (choice == 6) reopen();
    if (choice > 6) write();
  }

  void flush(bool commit) {
    auto flush = store_->flush();
    ASSERT_TRUE(flush.ok()) << flush.error().to_string();
    if (random_() % 2 == 0) write();  // into the new head, while the old one is frozen
    if (!commit) return store_->abandon(*flush);
    store_->commit(*flush);
    note(*flush);
    std::erase_if(log_, [&](const auto& entry) { return entry.first <= flush->through_sequence; });
  }

  void merge() {
    auto change = store_->merge();
    ASSERT_TRUE(change.ok()) << change.error().to_string();
    if (!*change) return;
    ++merges;
    if (random_() % 4 == 0) return store_->abandon(**change);
    store_->commit(**change);
    note(**change);
  }

  // What the write-ahead log would bring back is applied again.
  void reopen() {
    store_.reset();
    disk_.drop_unsynced(random_());
    store_ = open_store(disk_, parts_);
    for (const auto& [sequence, batch] : log_) store_->apply(batch, sequence);
  }

  void write() {
    BatchBuilder builder(Table::samples);
    clock_ += static_cast<int64_t>(random_() % 30) * kNanosPerSecond;
    bool ns = random_() % 10 == 0;
    for (const Labels& labels : pool_) {
      if (random_() % 3 == 0) continue;
      std::vector<LabelRef> view = labels.view();
      builder.begin_group_copy(view);
      uint64_t rows = random_() % 10 == 0 ? random_() % 400 : 1 + random_() % 3;
      for (uint64_t i = 0; i < rows; ++i) add_row(builder, ns);
    }
    BatchPtr batch = share(builder.finish());
    store_->apply(batch, ++sequence_);
    log_.emplace_back(sequence_, batch);
    WriteRequest request;
    Batch clone;
    clone.table = batch->table;
    clone.row_count = batch->row_count;
    clone.columns = batch->columns;
    clone.groups = batch->groups;
    clone.owners.push_back(batch);
    request.batches.push_back(std::move(clone));
    ASSERT_TRUE(append_and_wait(oracle_, std::move(request)).ok());
  }

  void compare() {
    Scan scan = random_scan();
    SCOPED_TRACE(scan.where.to_string());
    std::vector<Row> expected_rows = read_oracle(oracle_, scan);
    ASSERT_EQ(read_all(*store_, scan), expected_rows);
    compared_rows += expected_rows.size();
    scan.limit = 0;
    Scan rows = scan;
    rows.unit = Unit::row;
    ASSERT_EQ(read_all(*store_, rows), read_oracle(oracle_, rows));
    Cancel cancel;
    ASSERT_EQ(*store_->series(scan, cancel), *oracle_.series(Snapshot{~0ull, nullptr}, scan, cancel));
    Scan everything = samples_scan();
    auto columns = store_->columns(everything);
    auto expected = oracle_.columns(Snapshot{~0ull, nullptr}, everything);
    ASSERT_EQ(columns->size(), expected->size());
    for (size_t i = 0; i < columns->size(); ++i) ASSERT_EQ((*columns)[i].id, (*expected)[i].id);
    auto plan = store_->plan(Snapshot{}, scan);
    ASSERT_TRUE(plan.ok());
    ASSERT_GE(plan->cost.rows, scan.where.is_always() ? read_all(*store_, scan).size() : 0);
  }

  int merges = 0;
  uint64_t compared_rows = 0;

 private:
  void add_row(BatchBuilder& builder, bool ns) {
    int64_t time =
        clock_ - static_cast<int64_t>(random_() % 4 == 0 ? random_() % 600 : random_() % 3) * kNanosPerSecond;
    if (ns) time += static_cast<int64_t>(random_() % 1000);
    builder.add_row({time});
    uint64_t kind = random_() % 12;
    if (kind == 0) {
      builder.set_string(Scope::fixed, column::kHistogram, builder.arena().copy(random_histogram()),
                         ColumnType::bytes);
    } else if (kind == 1) {
      builder.set_float(Scope::fixed, column::kValue, stale_marker());
    } else if (kind == 2) {
      builder.set_float(Scope::fixed, column::kValue, std::bit_cast<double>(random_()));
    } else if (kind < 6) {
      builder.set_float(Scope::fixed, column::kValue, static_cast<double>(random_() % 10000) / 100);
    } else {
      builder.set_float(Scope::fixed, column::kValue, static_cast<double>(random_() % 50));
    }
    if (random_() % 3 == 0)
      builder.set_int(Scope::fixed, column::kStartTime, clock_ / 1'000'000'000'000 * 1'000'000'000'000);
  }

  std::string random_histogram() {
    if (random_() % 10 == 0) return "not a histogram";
    Histogram histogram;
    histogram.schema = static_cast<int32_t>(random_() % 3);
    histogram.count = static_cast<double>(random_() % 1000);
    histogram.sum = static_cast<double>(random_() % 1000) / 8;
    histogram.positive_spans = {{0, 2}, {3, 1}};
    histogram.positive_counts = {1, static_cast<double>(random_() % 9), 2};
    return encode_histogram(histogram);
  }

  Scan random_scan() {
    Scan scan = samples_scan();
    if (random_() % 2 == 0) {
      int64_t begin =
          start_ - 700 * kNanosPerSecond +
          static_cast<int64_t>(random_() % static_cast<uint64_t>(clock_ - start_ + kNanosPerSecond));
      scan.range = {{begin}, {begin + static_cast<int64_t>(random_() % 2000) * kNanosPerSecond}};
    }
    if (random_() % 3 != 0) scan.where = random_expression(2);
    if (random_() % 4 == 0) scan.limit = 1 + random_() % 5;
    return scan;
  }

  Expr random_expression(int depth) {
    auto regex = [](const char* pattern) { return *Regex::compile(pattern, Regex::Mode::anchored); };
    auto text = [](const char* value) { return std::string(value); };
    switch (random_() % (depth == 0 ? 9 : 12)) {
      case 0:
        return Expr::compare(label_column("__name__"), CompareOp::equal, text("up"));
      case 1:
        return Expr::compare(label_column("job"), CompareOp::not_equal, text("api"));
      case 2:
        return Expr::compare(label_column("job"), CompareOp::equal, text(""));
      case 3:
        return Expr::matches(label_column("instance"), regex("host-[1-3]"));
      case 4:
        return Expr::matches(label_column("zone"), regex("z5|z10||"));
      case 5:
        return Expr::not_of(Expr::matches(label_column("zone"), regex(".+")));
      case 6:
        return Expr::compare(fixed_column(column::kValue), CompareOp::greater, 25.0);
      case 7:
        return Expr::exists(label_column("zone"));
      case 8:
        return Expr::exists(fixed_column(column::kHistogram));
      case 9:
        return Expr::all_of({random_expression(depth - 1), random_expression(depth - 1)});
      case 10:
        return Expr::any_of({random_expression(depth - 1), random_expression(depth - 1)});
      default:
        return Expr::not_of(random_expression(depth - 1));
    }
  }

  void note(const MetricStore::Flush& change) {
    std::erase_if(parts_, [&](const std::string& name) {
      return std::find(change.removed_parts.begin(), change.removed_parts.end(), name) !=
             change.removed_parts.end();
    });
    parts_.insert(parts_.end(), change.new_parts.begin(), change.new_parts.end());
  }

  std::mt19937_64 random_;
  FaultDisk disk_;
  std::unique_ptr<MetricStore> store_;
  MemoryStore oracle_;
  std::vector<Labels> pool_;
  std::vector<std::string> parts_;                  // what the manifest would say
  std::vector<std::pair<uint64_t, BatchPtr>> log_;  // what the write-ahead log would hold
  uint64_t sequence_ = 0;
  static constexpr int64_t start_ = 1'714'718'277'000'000'000;
  int64_t clock_ = start_;
};

TEST(MetricStore, AnswersAsTheMemoryStoreInEveryState) {
  uint64_t seed = test_seed();
  int merges = 0;
  uint64_t compared_rows = 0;
  for (uint64_t round = 0; round < 4; ++round) {
    World world(seed + round);
    for (int i = 0; i < 100; ++i) {
      world.step();
      if (i % 4 == 0) world.compare();
      if (HasFailure()) return;
    }
    merges += world.merges;
    compared_rows += world.compared_rows;
  }
  EXPECT_GT(merges, 0);
  EXPECT_GT(compared_rows, 10'000u);
}

TEST(MetricStore, ABatchIsSeenWhollyOrNotAtAllWhileFlushesAndMergesRun) {
  FaultDisk disk;
  auto store = open_store(disk);
  constexpr int kSeries = 20;
  constexpr int64_t kBatches = 600;
  std::atomic<bool> written{false};
  std::jthread writer([&] {
    for (int64_t time = 1; time <= kBatches; ++time) {
      BatchBuilder builder(Table::samples);
      for (int i = 0; i < kSeries; ++i) {
        Labels labels{{"__name__", "up"}, {"instance", std::to_string(i)}};
        std::vector<LabelRef> view = labels.view();
        builder.begin_group_copy(view);
        builder.add_row({time * kNanosPerMilli});
        builder.set_float(Scope::fixed, column::kValue, static_cast<double>(time));
      }
      store->apply(share(builder.finish()), static_cast<uint64_t>(time));
    }
    written = true;
  });
  std::jthread flusher([&] {
    while (!written) {
      commit_flush(*store);
      auto change = store->merge();
      ASSERT_TRUE(change.ok());
      if (*change) store->commit(**change);
    }
  });
  size_t last = 0;
  while (!written) {
    std::vector<Row> rows = read_all(*store, samples_scan());
    ASSERT_EQ(rows.size() % kSeries, 0u);
    ASSERT_GE(rows.size(), last);
    last = rows.size();
  }
  writer.join();
  flusher.join();
  EXPECT_EQ(read_all(*store, samples_scan()).size(), static_cast<size_t>(kSeries * kBatches));
}

// Which of two samples of one time stands, wherever the first of them lies by then: the one that came last,
// early or late. Each that was replaced is counted once.
TEST(MetricStore, OfSamplesOfOneTimeTheOneThatCameLastStands) {
  Counter& same = counter("obelisk_metrics_samples_replaced_total", "", {{"value", "same"}});
  Counter& other = counter("obelisk_metrics_samples_replaced_total", "", {{"value", "other"}});
  uint64_t same_before = same.value(), other_before = other.value();
  FaultDisk disk;
  auto store = open_store(disk);
  uint64_t sequence = 0;
  std::map<int64_t, double> expected;
  auto write = [&](int64_t time, double value) {
    store->apply(share(one_sample({{"__name__", "up"}}, time, value)), ++sequence);
    expected[time] = value;
  };
  auto check = [&](const char* where) {
    std::vector<Row> rows = read_all(*store, samples_scan());
    ASSERT_EQ(rows.size(), expected.size()) << where;
    size_t i = 0;
    for (const auto& [time, value] : expected) {
      EXPECT_EQ(rows[i].time, time) << where;
      EXPECT_EQ(std::bit_cast<double>(rows[i++].value_bits), value) << where;
    }
  };
  for (int64_t time = 1; time <= 301; ++time) write(time, 1);
  check("head");
  write(301, 1);  // sent again, as after a timeout
  write(301, 2);
  write(200, 3);  // late
  write(200, 4);
  write(5, 5);
  check("head, replaced");
  commit_flush(*store);
  check("flushed");
  write(301, 6);
  write(5, 7);
  check("part and head");
  ASSERT_TRUE(store->flush().ok());  // never committed: frozen
  check("part and frozen head");
  auto parts = store->parts();
  store = open_store(disk, {parts[0]->name()});  // what was not committed comes back from the log
  expected[301] = 2;
  expected[5] = 5;
  check("reopened");
  sequence = 306;
  write(301, 6);
  write(5, 7);
  commit_flush(*store);
  write(301, 6);
  commit_flush(*store);
  check("three parts");
  uint64_t found = other.value();
  for (;;) {
    auto merge = store->merge();
    ASSERT_TRUE(merge.ok());
    if (!*merge) break;
    store->commit(**merge);
  }
  check("merged");
  EXPECT_EQ(found - other_before, 4u);  // 301, twice 200, 5: in memory
  EXPECT_EQ(other.value() - found, 2u);
  EXPECT_EQ(same.value() - same_before, 2u);
}

TEST(MetricStore, AFailedFlushLosesNothingAndTheNextOneWritesIt) {
  FaultDisk disk;
  auto store = open_store(disk);
  store->apply(share(one_sample({{"__name__", "up"}}, 5, 1)), 1);
  disk.fail_after(1, ErrorCode::no_space, FaultDisk::Failing::once);
  auto failed = store->flush();
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::no_space);
  EXPECT_EQ(read_all(*store, samples_scan()).size(), 1u);
  EXPECT_GT(store->head_bytes(), 0u);
  store->apply(share(one_sample({{"__name__", "up"}}, 6, 2)), 2);
  auto flush = store->flush();
  ASSERT_TRUE(flush.ok());
  EXPECT_EQ(flush->through_sequence, 2u);
  EXPECT_FALSE(store->flush().ok());  // one at a time
  store->commit(*flush);
  auto parts = flush->new_parts;
  store = open_store(disk, parts);
  EXPECT_EQ(read_all(*store, samples_scan()).size(), 2u);
  EXPECT_EQ(disk.list(kDirectory)->size(), 1u);
}

TEST(MetricStore, OpenRemovesFilesThatNoManifestNames) {
  FaultDisk disk;
  auto store = open_store(disk);
  store->apply(share(one_sample({{"__name__", "up"}}, 5, 1)), 1);
  ASSERT_TRUE(store->flush().ok());  // neither committed nor abandoned: the server stopped here
  store = open_store(disk);
  EXPECT_TRUE(disk.list(kDirectory)->empty());
  EXPECT_TRUE(read_all(*store, samples_scan()).empty());
  auto missing = MetricStore::open(disk, kDirectory, {}, {"gone.metrics"});
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message.find("gone.metrics"), std::string::npos);
}

TEST(MetricStore, RetentionDropsPartsAndCursorsKeepTheirFiles) {
  FaultDisk disk;
  auto store = open_store(disk);
  for (int64_t day = 0; day < 3; ++day) {
    store->apply(
        share(one_sample({{"__name__", "up"}}, day * 86'400 * kNanosPerSecond + 1, static_cast<double>(day))),
        static_cast<uint64_t>(day + 1));
    commit_flush(*store);
  }
  Budget budget;
  Cancel cancel;
  auto cursor = store->open(0, samples_scan(), budget, cancel);
  auto change = store->apply_retention({2 * 86'400 * kNanosPerSecond});
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(change->removed_parts.size(), 2u);
  EXPECT_EQ(read_all(*store, samples_scan()).size(), 3u);
  store->commit(*change);
  EXPECT_EQ(read_all(*store, samples_scan()).size(), 1u);
  EXPECT_EQ(disk.list(kDirectory)->size(), 3u);  // the open cursor still reads them
  EXPECT_EQ((*(*cursor)->next())->row_count, 3u);
  (*cursor).reset();
  EXPECT_EQ(disk.list(kDirectory)->size(), 1u);
}

TEST(MetricStore, MetadataKeepsEachRowOnceInTheOrderOfItsLastAppearance) {
  FaultDisk disk;
  auto store = open_store(disk);
  std::vector<std::string> parts;
  auto metadata = [](int64_t time, const char* family, const char* type) {
    BatchBuilder builder(Table::metadata);
    builder.add_row({time});
    builder.set_string(Scope::fixed, column::kMetricFamily, family);
    builder.set_string(Scope::fixed, column::kMetricType, type);
    return share(builder.finish());
  };
  for (int64_t time = 1; time <= 50; ++time) {
    store->apply(metadata(time, "up", "gauge"), static_cast<uint64_t>(time * 3));
    if (time == 20) store->apply(metadata(time, "up", "counter"), 61);
    if (time % 10 == 0) {
      auto flush = store->flush();
      ASSERT_TRUE(flush.ok());
      store->commit(*flush);
      parts.insert(parts.end(), flush->new_parts.begin(), flush->new_parts.end());
    }
  }
  Scan scan;
  scan.table = Table::metadata;
  scan.all_columns = true;
  auto types = [&](TimeRange range) {
    scan.range = range;
    Budget budget;
    Cancel cancel;
    auto cursor = store->open(0, scan, budget, cancel);
    BatchPtr batch = *(*cursor)->next();
    std::vector<std::string> found;
    if (batch) {
      for (std::string_view type : batch->find_fixed(column::kMetricType)->strings) found.emplace_back(type);
    }
    return found;
  };
  EXPECT_EQ(types({}), (std::vector<std::string>{"counter", "gauge"}));
  EXPECT_EQ(types({{5}, {6}}), (std::vector<std::string>{"gauge"}));
  EXPECT_TRUE(types({{51}, {60}}).empty());
  store = open_store(disk, parts);
  EXPECT_EQ(types({}), (std::vector<std::string>{"counter", "gauge"}));
}

TEST(MetricStore, RefusesWhatItCannotRead) {
  FaultDisk disk;
  auto store = open_store(disk);
  Scan scan = samples_scan();
  scan.unit = Unit::trace;
  EXPECT_EQ(store->plan(Snapshot{}, scan).error().code, ErrorCode::invalid_argument);
  scan = samples_scan();
  scan.table = Table::logs;
  EXPECT_EQ(store->plan(Snapshot{}, scan).error().code, ErrorCode::invalid_argument);
  store->apply(share(one_sample({{"__name__", "up"}}, 5, 1)), 1);
  Budget tiny(10);
  Cancel cancel;
  auto cursor = store->open(0, samples_scan(), tiny, cancel);
  EXPECT_EQ(cursor.error().code, ErrorCode::too_large);
  EXPECT_EQ(tiny.used_bytes(), 0u);
}

TEST(MetricStore, RowsWithoutValueAreNotSeries) {
  FaultDisk disk;
  auto store = open_store(disk);
  BatchBuilder builder(Table::samples);
  Labels labels{{"__name__", "empty"}};
  std::vector<LabelRef> view = labels.view();
  builder.begin_group_copy(view);
  builder.add_row({1});
  store->apply(share(builder.finish()), 1);
  store->apply(share(one_sample({{"__name__", "up"}}, INT64_MAX, 1)), 2);
  store->apply(share(one_sample({{"__name__", "up"}}, 1, 1)), 3);
  commit_flush(*store);
  EXPECT_EQ(read_all(*store, samples_scan()).size(), 1u);
  EXPECT_EQ(store->statistics().part_samples, 1u);
}

}  // namespace
}  // namespace obelisk
