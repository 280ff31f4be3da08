// Goal: a flush orders spans as a merge does. Method: random batches, with rows of no trace in some of them,
// ordered both ways.
#include "storage/embedded/events/row_order.h"

#include <gtest/gtest.h>

#include "model/trace_id_order.h"
#include "storage/test_reader_compare.h"

namespace obelisk {
namespace {

constexpr int64_t kBegin = 1'700'000'000'000'000'000;

TEST(RowOrder, SpansOfBatchesLieAsSortedRows) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomBatches random(seed, kBegin, 5'000'000'000);
    std::vector<Batch> batches;
    for (int i = 0; i < 4; ++i) batches.push_back(random.spans(1 + random.below(200)));
    if (seed % 2 == 0) {  // traces only, and spans that come twice
      for (Batch& batch : batches) {
        for (ColumnData& data : batch.columns) {
          if (data.type != ColumnType::trace_id) continue;
          data.present.clear();
          for (size_t row = 0; row < data.trace_ids.size(); ++row)
            data.trace_ids[row].bytes = {1, static_cast<uint8_t>(row % 7), static_cast<uint8_t>(seed)};
        }
      }
      batches.push_back(random.spans(0));
    }
    LabelRanks ranks;
    for (const Batch& batch : batches) {
      for (const Group& group : batch.groups) ranks.add(group.labels, group.labels_hash);
    }
    ranks.sort();
    std::vector<OrderedRow> expected;
    for (uint32_t i = 0; i < batches.size(); ++i) append_ordered_rows(batches[i], i, ranks, expected);
    order_spans(expected);
    std::vector<OrderedRow> found = ordered_spans(batches, ranks);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].ref.batch, expected[i].ref.batch) << i;
      EXPECT_EQ(found[i].ref.row, expected[i].ref.row) << i;
      EXPECT_EQ(found[i].window, expected[i].window) << i;
      EXPECT_EQ(found[i].group, expected[i].group) << i;
      if (i > 0) {
        EXPECT_FALSE(found[i].before(found[i - 1])) << i;
      }
    }
  }
}

TEST(RowOrder, TraceIdsCompareAsTheirBytesDo) {
  std::vector<TraceId> ids;
  for (size_t at : {size_t{0}, size_t{7}, size_t{8}, size_t{15}}) {
    for (int value : {0, 1, 127, 128, 255}) {
      TraceId id;
      id.bytes.fill(9);
      id.bytes[at] = static_cast<uint8_t>(value);
      ids.push_back(id);
    }
  }
  for (const TraceId& a : ids) {
    for (const TraceId& b : ids) {
      EXPECT_EQ(same_trace(a, b), a == b);
      EXPECT_EQ(trace_before(a, b), a < b);
    }
  }
}

}  // namespace
}  // namespace obelisk
