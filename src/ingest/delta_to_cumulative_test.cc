#include "ingest/delta_to_cumulative.h"

#include <gtest/gtest.h>

#include "storage/memory/memory_store.h"

namespace obelisk {
namespace {

using Refusal = DeltaToCumulative::Refusal;

Batch histogram_batch(int64_t time, const Histogram& histogram) {
  BatchBuilder rows(Table::samples);
  rows.begin_group_copy(Labels{{"__name__", "h"}}.view());
  rows.add_row(UnixNanos{time});
  rows.set_int(Scope::fixed, column::kTemporality, column::kTemporalityDelta);
  rows.set_string(Scope::fixed, column::kHistogram, rows.arena().copy(encode_histogram(histogram)),
                  ColumnType::bytes);
  return rows.finish();
}

Batch value_batch(const std::string& name, std::initializer_list<std::pair<int64_t, double>> points) {
  BatchBuilder rows(Table::samples);
  rows.begin_group_copy(Labels{{"__name__", name}}.view());
  for (auto [time, value] : points) {
    rows.add_row(UnixNanos{time});
    rows.set_int(Scope::fixed, column::kTemporality, column::kTemporalityDelta);
    rows.set_float(Scope::fixed, column::kValue, value);
  }
  return rows.finish();
}

TEST(DeltaToCumulative, AddsUpWithinAndAcrossBatches) {
  DeltaToCumulative deltas;
  Batch first = value_batch("a", {{10, 1}, {20, 2}, {20, 100}, {15, 100}});
  EXPECT_EQ(deltas.convert("t", first, {0}),
            (std::vector<Refusal>{Refusal::none, Refusal::none, Refusal::not_later, Refusal::not_later}));
  EXPECT_EQ(first.find_fixed(column::kValue)->floats[1], 3);
  Batch second = value_batch("a", {{30, 4}});
  deltas.convert("t", second, {0});
  EXPECT_EQ(second.find_fixed(column::kValue)->floats[0], 7);
  EXPECT_EQ(second.find_fixed(column::kStartTime)->ints[0], 10);
  Batch other_tenant = value_batch("a", {{30, 4}});
  deltas.convert("u", other_tenant, {0});
  EXPECT_EQ(other_tenant.find_fixed(column::kValue)->floats[0], 4);
}

TEST(DeltaToCumulative, AStaleMarkerEndsTheSum) {
  DeltaToCumulative deltas;
  Batch batch = value_batch("a", {{10, 5}, {20, stale_marker()}, {30, 1}});
  EXPECT_EQ(deltas.convert("t", batch, {0}), std::vector<Refusal>(3, Refusal::none));
  const std::vector<double>& values = batch.find_fixed(column::kValue)->floats;
  EXPECT_TRUE(is_stale_marker(values[1]));
  EXPECT_EQ(values[2], 1);
}

Histogram histogram_of(int32_t schema, int32_t first, std::vector<double> counts) {
  Histogram histogram;
  histogram.schema = schema;
  histogram.positive_spans = {{first, static_cast<uint32_t>(counts.size())}};
  histogram.positive_counts = std::move(counts);
  for (double count : histogram.positive_counts) histogram.count += count;
  histogram.sum = histogram.count * 2;
  return histogram;
}

TEST(DeltaToCumulative, HistogramsAreAddedAtTheLowerResolution) {
  DeltaToCumulative deltas;
  Batch first = histogram_batch(10, histogram_of(1, 1, {1, 2, 3, 4}));
  deltas.convert("t", first, {0});
  Batch second = histogram_batch(20, histogram_of(0, 2, {10}));
  EXPECT_EQ(deltas.convert("t", second, {0}), std::vector<Refusal>{Refusal::none});
  Result<Histogram> sum = decode_histogram(second.find_fixed(column::kHistogram)->strings[0]);
  ASSERT_TRUE(sum.ok());
  EXPECT_EQ(sum->schema, 0);
  EXPECT_EQ(sum->positive_spans, (std::vector<BucketSpan>{{1, 2}}));
  EXPECT_EQ(sum->positive_counts, (std::vector<double>{3, 17}));
  EXPECT_EQ(sum->count, 20);
  EXPECT_EQ(sum->sum, 40);
}

TEST(DeltaToCumulative, TheNumberOfSeriesIsBounded) {
  DeltaToCumulative deltas(2);
  UnixNanos now{kNanosPerSecond};
  for (const char* name : {"a", "b"}) {
    Batch batch = value_batch(name, {{10, 1}});
    EXPECT_EQ(deltas.convert("t", batch, now)[0], Refusal::none);
  }
  Batch third = value_batch("c", {{10, 1}});
  EXPECT_EQ(deltas.convert("t", third, now)[0], Refusal::too_many_series);
  EXPECT_EQ(deltas.series_count(), 2u);
  // Idle series make room.
  Batch later = value_batch("c", {{10, 1}});
  EXPECT_EQ(deltas.convert("t", later, now + DeltaToCumulative::kIdleNanos + kNanosPerSecond)[0],
            Refusal::none);
}

// Goal: a sum goes on where the store has it, once, and only there. Method: what one converter made is
// stored, and another, as after a start, converts the next points.
class ResumedDeltas : public testing::Test {
 protected:
  void store(Batch batch) {
    WriteRequest request;
    request.tenant = "t";
    request.batches.push_back(std::move(batch));
    ASSERT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }
  MemoryStore store_;
};

TEST_F(ResumedDeltas, AValueGoesOn) {
  DeltaToCumulative before;
  Batch first = value_batch("a", {{10, 1}, {20, 2}});
  before.convert("t", first, {0});
  store(std::move(first));
  DeltaToCumulative after(10);
  after.resume_from(std::make_unique<const StoredSums>(store_));
  Batch second = value_batch("a", {{20, 2}, {30, 4}});
  EXPECT_EQ(after.convert("t", second, {40}), (std::vector<Refusal>{Refusal::not_later, Refusal::none}));
  EXPECT_EQ(second.find_fixed(column::kValue)->floats[1], 7);
  EXPECT_EQ(second.find_fixed(column::kStartTime)->ints[1], 10);
  // Others do not: another tenant, another series, and what is too long ago.
  Batch other = value_batch("a", {{30, 4}});
  after.convert("u", other, {40});
  EXPECT_EQ(other.find_fixed(column::kValue)->floats[0], 4);
  DeltaToCumulative late(10);
  late.resume_from(std::make_unique<const StoredSums>(store_));
  Batch much_later = value_batch("a", {{30, 4}});
  late.convert("t", much_later, {DeltaToCumulative::kResumeNanos + 21});
  EXPECT_EQ(much_later.find_fixed(column::kValue)->floats[0], 4);
}

TEST_F(ResumedDeltas, AHistogramGoesOn) {
  DeltaToCumulative before;
  Batch first = histogram_batch(10, histogram_of(0, 1, {1, 2}));
  before.convert("t", first, {0});
  store(std::move(first));
  DeltaToCumulative after(10);
  after.resume_from(std::make_unique<const StoredSums>(store_));
  Batch second = histogram_batch(20, histogram_of(0, 2, {5}));
  after.convert("t", second, {30});
  auto sum = decode_histogram(second.find_fixed(column::kHistogram)->strings[0]);
  ASSERT_TRUE(sum.ok());
  EXPECT_EQ(sum->count, 8);
  EXPECT_EQ(sum->positive_counts, (std::vector<double>{1, 7}));
}

TEST_F(ResumedDeltas, CumulativeAndEndedSeriesAreNotTakenUp) {
  BatchBuilder rows(Table::samples);
  rows.begin_group_copy(Labels{{"__name__", "a"}}.view());
  rows.add_row(UnixNanos{10});
  rows.set_float(Scope::fixed, column::kValue, 100);  // without a start time
  store(rows.finish());
  DeltaToCumulative before;
  Batch ended = value_batch("b", {{10, 5}, {20, stale_marker()}});
  before.convert("t", ended, {0});
  store(std::move(ended));
  DeltaToCumulative after(10);
  after.resume_from(std::make_unique<const StoredSums>(store_));
  for (const char* name : {"a", "b"}) {
    Batch batch = value_batch(name, {{30, 4}});
    after.convert("t", batch, {40});
    EXPECT_EQ(batch.find_fixed(column::kValue)->floats[0], 4) << name;
  }
}

TEST_F(ResumedDeltas, ManySeriesOfAMetricAreReadAtOnce) {
  auto many = [](int64_t time) {
    BatchBuilder rows(Table::samples);
    for (int i = 0; i < 100; ++i) {
      rows.begin_group_copy(Labels{{"__name__", "a"}, {"i", std::to_string(i)}}.view());
      rows.add_row(UnixNanos{time});
      rows.set_int(Scope::fixed, column::kTemporality, column::kTemporalityDelta);
      rows.set_float(Scope::fixed, column::kValue, i);
    }
    return rows.finish();
  };
  DeltaToCumulative before;
  Batch first = many(10);
  before.convert("t", first, {0});
  store(std::move(first));
  DeltaToCumulative after;
  after.resume_from(std::make_unique<const StoredSums>(store_));
  Batch second = many(20);
  after.convert("t", second, {30});
  for (size_t i = 0; i < 100; ++i)
    EXPECT_EQ(second.find_fixed(column::kValue)->floats[i], 2 * static_cast<double>(i));
}

}  // namespace
}  // namespace obelisk
