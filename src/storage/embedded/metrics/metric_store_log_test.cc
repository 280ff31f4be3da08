// Goal: what a store encodes for the log brings another store to the same samples; a segment stands for
// itself; nothing counts on what did not reach the log. Method: frames of one store replayed into another.
#include <gtest/gtest.h>

#include "env/fault_disk.h"
#include "storage/embedded/metrics/metric_store.h"

namespace obelisk {
namespace {

constexpr int64_t kSecond = kNanosPerSecond;

BatchPtr samples_at(int64_t second, int series_begin, int series_end) {
  BatchBuilder builder(Table::samples);
  for (int i = series_begin; i < series_end; ++i) {
    builder.begin_group_copy(Labels({{"__name__", "m"}, {"i", std::to_string(i)}}).view());
    builder.add_row({second * kSecond});
    builder.set_float(Scope::fixed, column::kValue, i + 0.5);
  }
  return std::make_shared<const Batch>(builder.finish());
}

struct Store {
  FaultDisk disk;
  std::unique_ptr<MetricStore> store;
  uint64_t sequence = 0;

  Store() {
    auto opened = MetricStore::open(disk, "m", {}, {});
    EXPECT_TRUE(opened.ok());
    store = std::move(*opened);
  }
  std::string write(const BatchPtr& batch, uint64_t segment) {
    std::string frame;
    MetricStore::SeriesNumbers numbers = store->encode_for_log(*batch, segment, frame);
    store->apply(std::span(&batch, 1), ++sequence, std::span(&numbers, 1));
    return frame;
  }
  MetricStore::Replayed replay(const std::string& frame, uint64_t segment, bool definitions_only = false) {
    auto replayed = store->replay(frame, segment, ++sequence, definitions_only);
    EXPECT_TRUE(replayed.ok());
    return *replayed;
  }
  // "labels time value" of every sample.
  std::vector<std::string> everything() const {
    Scan scan;
    scan.table = Table::samples;
    scan.unit = Unit::series;
    scan.all_columns = true;
    Budget budget;
    Cancel cancel;
    auto cursor = store->open(0, scan, budget, cancel);
    EXPECT_TRUE(cursor.ok());
    std::vector<std::string> rows;
    for (;;) {
      auto batch = (*cursor)->next();
      EXPECT_TRUE(batch.ok());
      if (!*batch) return rows;
      for (const Group& group : (*batch)->groups) {
        for (uint32_t row = group.first_row; row < group.first_row + group.row_count; ++row) {
          rows.push_back(Labels(group.labels).to_string() + " " + std::to_string((*batch)->times()[row]) +
                         " " + std::to_string((*batch)->find_fixed(column::kValue)->floats[row]));
        }
      }
    }
  }
};

TEST(MetricStoreLog, ReplayBringsTheSameSamples) {
  Store store, again;
  for (int second = 1; second <= 30; ++second) {
    uint64_t segment = 1 + static_cast<uint64_t>(second) / 10;
    std::string frame = store.write(samples_at(second, second % 3, 50 + second), segment);
    EXPECT_EQ(again.replay(frame, segment).rows_undefined, 0u);
  }
  EXPECT_EQ(again.everything(), store.everything());
  EXPECT_EQ(store.everything().size(), 30u * 50 + 30 * 31 / 2 - 30);
}

TEST(MetricStoreLog, LabelsAreWrittenOnceASegment) {
  Store store;
  size_t first = store.write(samples_at(1, 0, 500), 1).size();
  size_t second = store.write(samples_at(2, 0, 500), 1).size();
  EXPECT_LT(second, 500u * 8 + 64);
  EXPECT_GT(first, second + 500 * 4);
  EXPECT_GT(store.write(samples_at(3, 0, 500), 2).size(), second + 500 * 4);
}

TEST(MetricStoreLog, ASegmentIsReadWithoutThoseBeforeIt) {
  Store store, again;
  store.write(samples_at(1, 0, 20), 1);
  std::string frame = store.write(samples_at(2, 0, 20), 2);
  EXPECT_EQ(again.replay(frame, 2).rows_undefined, 0u);
  EXPECT_EQ(again.everything().size(), 20u);
}

TEST(MetricStoreLog, WhatWasNotWrittenDefinesNothing) {
  Store store, again;
  std::string lost;
  store.store->encode_for_log(*samples_at(1, 0, 20), 1, lost);
  store.store->forget_logged();
  EXPECT_EQ(again.replay(store.write(samples_at(2, 0, 20), 1), 1).rows_undefined, 0u);
  EXPECT_EQ(again.everything().size(), 20u);
}

TEST(MetricStoreLog, AFlushThatBeginsANewIndexBeginsNewNumbers) {
  Store store, again;
  std::vector<std::string> frames;
  frames.push_back(store.write(samples_at(1, 0, 100), 1));
  for (int i = 0; i < 2; ++i) {  // the second head has a few of the series alone
    auto flush = store.store->flush();
    ASSERT_TRUE(flush.ok());
    store.store->commit(*flush);
    frames.push_back(store.write(samples_at(2 + i, 90, 95), 1));
  }
  auto flush = store.store->flush();
  ASSERT_TRUE(flush.ok());
  store.store->commit(*flush);
  frames.push_back(store.write(samples_at(9, 50, 150), 1));
  for (const std::string& frame : frames) EXPECT_EQ(again.replay(frame, 1).rows_undefined, 0u);
  EXPECT_EQ(again.everything(), store.everything());
}

TEST(MetricStoreLog, NumbersLearnedBeforeAFlushAreLookedUpAnew) {
  Store store;
  store.write(samples_at(1, 0, 100), 1);
  auto flush = store.store->flush();
  ASSERT_TRUE(flush.ok());
  store.store->commit(*flush);
  BatchPtr batch = samples_at(2, 10, 12);
  std::string frame;
  MetricStore::SeriesNumbers numbers = store.store->encode_for_log(*batch, 1, frame);
  flush = store.store->flush();  // nothing to write, but were there a new index
  ASSERT_TRUE(flush.ok());
  store.store->commit(*flush);
  store.store->apply(std::span(&batch, 1), ++store.sequence, std::span(&numbers, 1));
  EXPECT_EQ(store.everything().size(), 102u);
}

TEST(MetricStoreLog, RowsWhoseDefinitionIsGoneAreCounted) {
  Store store, again;
  store.write(samples_at(1, 0, 10), 1);
  std::string frame = store.write(samples_at(2, 5, 20), 1);
  EXPECT_EQ(again.replay(frame, 1).rows_undefined, 5u);
  EXPECT_EQ(again.everything().size(), 10u);
}

TEST(MetricStoreLog, DefinitionsAloneAddNoSamples) {
  Store store, again;
  EXPECT_EQ(again.replay(store.write(samples_at(1, 0, 10), 1), 1, true).rows_undefined, 0u);
  EXPECT_EQ(again.everything().size(), 0u);
  EXPECT_EQ(again.replay(store.write(samples_at(2, 0, 10), 1), 1).rows_undefined, 0u);
  EXPECT_EQ(again.everything().size(), 10u);
}

}  // namespace
}  // namespace obelisk
