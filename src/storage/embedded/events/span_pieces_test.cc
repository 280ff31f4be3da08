// Goal: pieces hold every row once, each trace in one piece and in the order of a part, whatever their size,
// and know the batches they need. Method: random batches of traces that are scattered over few or many of
// them, against order_spans over all rows.
#include "storage/embedded/events/span_pieces.h"

#include <gtest/gtest.h>

#include <map>

#include "model/trace_id_order.h"
#include "plan/batch_codec.h"
#include "storage/embedded/events/part_writer.h"
#include "storage/test_reader_compare.h"

namespace obelisk {
namespace {

constexpr int64_t kBegin = 1'700'000'000'000'000'000;

// Rows of traces `first_trace` to `first_trace + traces`, some spans twice.
Batch make_batch(RandomBatches& random, uint64_t first_trace, uint64_t traces, int64_t from, int64_t nanos) {
  Batch batch = random.spans(1 + random.below(300));
  for (ColumnData& data : batch.columns) {
    if (data.id == fixed_column(column::kTraceId) || data.id == fixed_column(column::kSpanId))
      data.present.clear();
    for (TraceId& id : data.trace_ids) {
      if (data.id != fixed_column(column::kTraceId)) continue;
      uint64_t number = first_trace + random.below(traces);
      id.bytes.fill(static_cast<uint8_t>(number * 37));
      id.bytes[3] = static_cast<uint8_t>(number);
      id.bytes[7] = static_cast<uint8_t>(number >> 8);
      id.bytes[15] = 1;
    }
    for (int64_t& value : data.ints) {
      if (data.id == fixed_column(column::kTime)) value = from + static_cast<int64_t>(random.below(nanos));
      if (data.id == fixed_column(column::kSpanId)) value = 1 + static_cast<int64_t>(random.below(50));
    }
  }
  return batch;
}

struct Flush {
  std::vector<Batch> batches;
  std::vector<PackedBatchPtr> packed;
  LabelRanks ranks;

  void finish() {
    for (const Batch& batch : batches) {
      auto bytes = std::make_shared<std::string>();
      encode_batch(batch, BatchCompression::none, *bytes);
      packed.push_back(std::make_shared<const PackedBatch>(*PackedBatch::open(*bytes, bytes)));
      for (const Group& group : packed.back()->groups()) ranks.add(group.labels, group.labels_hash);
    }
    ranks.sort();
  }
  std::vector<OrderedRow> as_merges_order() const {
    std::vector<OrderedRow> rows;
    for (uint32_t i = 0; i < batches.size(); ++i) append_ordered_rows(batches[i], i, ranks, rows);
    order_spans(rows);
    return rows;
  }
};

void expect_same(const OrderedRow& a, const OrderedRow& b) {
  EXPECT_EQ(a.ref.batch, b.ref.batch);
  EXPECT_EQ(a.ref.row, b.ref.row);
  EXPECT_EQ(a.window, b.window);
  EXPECT_EQ(a.key, b.key);
  EXPECT_EQ(a.time, b.time);
  EXPECT_EQ(a.span_id, b.span_id);
  EXPECT_EQ(a.group, b.group);
}

TEST(SpanPieces, OnePieceIsTheOrderOfMerges) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomBatches random(seed, kBegin, 5'000'000'000);
    Flush flush;
    for (int i = 0; i < 4; ++i) flush.batches.push_back(make_batch(random, 1, 40, kBegin, 5'000'000'000));
    flush.finish();
    auto pieces = SpanPieces::make(flush.packed);
    ASSERT_TRUE(pieces.ok() && *pieces);
    ASSERT_EQ((*pieces)->size(), 1u);
    std::vector<OrderedRow> found, expected = flush.as_merges_order();
    ASSERT_TRUE((*pieces)->load(0, flush.ranks, found).ok());
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) expect_same(found[i], expected[i]);
  }
}

TEST(SpanPieces, EveryRowIsInOnePieceWithItsTrace) {
  size_t most_pieces = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomBatches random(seed, kBegin, 5'000'000'000);
    bool scattered = seed % 4 == 0;  // every trace in every batch: one piece is all that pays
    Flush flush;
    for (uint64_t i = 0; i < 30; ++i) {
      flush.batches.push_back(make_batch(random, scattered ? 1 : 1 + i * 5, scattered ? 60 : 6,
                                         kBegin + static_cast<int64_t>(i) * 100'000'000, 200'000'000));
    }
    flush.finish();
    auto made = SpanPieces::make(flush.packed, 500);
    ASSERT_TRUE(made.ok() && *made);
    SpanPieces& pieces = **made;
    if (scattered) {
      EXPECT_EQ(pieces.size(), 1u);
    }
    most_pieces = std::max(most_pieces, pieces.size());
    std::map<TraceId, std::vector<OrderedRow>> expected, found;
    for (const OrderedRow& row : flush.as_merges_order()) expected[row.key].push_back(row);
    size_t batches_read = 0;
    int64_t window = 0;
    for (size_t i = 0; i < pieces.size(); ++i) {
      std::vector<OrderedRow> rows;
      ASSERT_TRUE(pieces.load(i, flush.ranks, rows).ok());
      ASSERT_FALSE(rows.empty());
      const std::vector<uint32_t>& batches = pieces.batches_of(i);
      EXPECT_TRUE(std::is_sorted(batches.begin(), batches.end()));
      batches_read += batches.size();
      for (size_t at = 0; at < rows.size(); ++at) {
        const OrderedRow& row = rows[at];
        EXPECT_TRUE(std::binary_search(batches.begin(), batches.end(), row.ref.batch));
        bool begins = at == 0 || row.key != rows[at - 1].key;
        if (begins) {
          EXPECT_FALSE(found.contains(row.key)) << "a trace lies in two places";
        }
        found[row.key].push_back(row);
        EXPECT_GE(row.window, window);
        window = row.window;
      }
    }
    EXPECT_LE(batches_read, 3 * flush.batches.size());
    ASSERT_EQ(found.size(), expected.size());
    for (const auto& [id, rows] : expected) {
      ASSERT_EQ(found[id].size(), rows.size());
      for (size_t i = 0; i < rows.size(); ++i) expect_same(found[id][i], rows[i]);
    }
  }
  EXPECT_GT(most_pieces, 4u);
}

TEST(SpanPieces, RowsWithoutATraceAndSeveralDaysAreLeftToTheWholeFlush) {
  RandomBatches random(3, kBegin, 5'000'000'000);
  Flush without;
  without.batches.push_back(make_batch(random, 1, 5, kBegin, 1000));
  for (ColumnData& data : without.batches[0].columns) {
    if (data.id == fixed_column(column::kTraceId)) data.trace_ids[0] = TraceId{};
  }
  without.finish();
  auto none = SpanPieces::make(without.packed);
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(*none);
  Flush days;
  days.batches.push_back(make_batch(random, 1, 5, kBegin, 1000));
  days.batches.push_back(make_batch(random, 1, 5, kBegin + 86'400'000'000'000, 1000));
  days.finish();
  none = SpanPieces::make(days.packed);
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(*none);
}

// Goal: row groups of spans are about as large as each other, none over the limit, and end where a trace does
// unless it is large. Method: traces of random sizes, and one of more rows than a row group may have.
TEST(SpanPieces, RowGroupsAreEvenAndEndWithTraces) {
  constexpr size_t kRowsMax = 256;
  RowGroupLimits limits;
  limits.span_rows = kRowsMax;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomBatches random(seed, kBegin, 5'000'000'000);
    std::vector<BatchPtr> none;
    BatchRowSource source(none);
    std::vector<OrderedRow> rows;
    bool has_large = seed % 5 == 0;
    for (uint8_t trace = 1; trace < 200; ++trace) {
      size_t count = has_large && trace == 77 ? 1000 : 1 + random.below(12);
      for (size_t i = 0; i < count; ++i) rows.emplace_back().key.bytes.fill(trace);
    }
    auto cutter = RowGroupCutter::make(Table::spans, limits, source);
    ASSERT_TRUE(cutter.ok());
    std::vector<size_t> ends = cutter->cut(rows);
    ASSERT_FALSE(ends.empty());
    EXPECT_EQ(ends.back(), rows.size());
    for (size_t i = 0, begin = 0; i < ends.size(); begin = ends[i++]) {
      ASSERT_GT(ends[i], begin);
      EXPECT_LE(ends[i] - begin, kRowsMax);
      if (has_large) continue;
      EXPECT_GE(ends[i] - begin, kRowsMax / 2);
      if (ends[i] < rows.size()) {
        EXPECT_NE(rows[ends[i]].key, rows[ends[i] - 1].key);
      }
    }
  }
}

}  // namespace
}  // namespace obelisk
