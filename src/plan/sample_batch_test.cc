#include "plan/sample_batch.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

// The same rows as BatchBuilder makes of them, column by column.
TEST(SampleBatch, IsWhatBatchBuilderMakes) {
  std::vector<LabelRef> one = {{"__name__", "a"}}, two = {{"__name__", "b"}, {"x", "y"}};
  SampleBatchBuilder fast;
  fast.reserve(4, 2);
  BatchBuilder slow(Table::samples);
  fast.begin_series(one, hash_labels_wide(one));
  slow.begin_group(one);
  fast.add(1, 1.5);
  slow.add_row(UnixNanos{1});
  slow.set_float(Scope::fixed, column::kValue, 1.5);
  fast.begin_series(two, hash_labels_wide(two));
  fast.begin_series(two, hash_labels_wide(two));
  slow.begin_group(two);
  fast.add_histogram(2, "hist", 7);
  slow.add_row(UnixNanos{2});
  slow.set_string(Scope::fixed, column::kHistogram, "hist", ColumnType::bytes);
  slow.set_int(Scope::fixed, column::kStartTime, 7);
  fast.add(3, 2.5);
  slow.add_row(UnixNanos{3});
  slow.set_float(Scope::fixed, column::kValue, 2.5);
  EXPECT_EQ(fast.row_count(), 3u);
  Batch made = fast.finish();
  Batch expected = slow.finish();
  ASSERT_TRUE(made.check().ok()) << made.check().error().to_string();
  ASSERT_EQ(made.groups.size(), expected.groups.size());
  for (size_t i = 0; i < made.groups.size(); ++i) {
    EXPECT_EQ(made.groups[i].labels_hash, expected.groups[i].labels_hash);
    EXPECT_EQ(made.groups[i].labels_hash_high, expected.groups[i].labels_hash_high);
    EXPECT_EQ(made.groups[i].first_row, expected.groups[i].first_row);
    EXPECT_EQ(made.groups[i].row_count, expected.groups[i].row_count);
  }
  ASSERT_EQ(made.columns.size(), expected.columns.size());
  for (const ColumnData& column : expected.columns) {
    const ColumnData* other = made.find(column.id, column.type);
    ASSERT_NE(other, nullptr) << column.id.name;
    EXPECT_EQ(other->present, column.present) << column.id.name;
    EXPECT_EQ(other->ints, column.ints) << column.id.name;
    EXPECT_EQ(other->floats, column.floats) << column.id.name;
    EXPECT_EQ(other->strings, column.strings) << column.id.name;
  }
  EXPECT_EQ(fast.row_count(), 0u);
}

TEST(SampleBatch, OneKindOfRowNeedsNoPresence) {
  std::vector<LabelRef> labels = {{"__name__", "a"}};
  SampleBatchBuilder rows;
  rows.begin_series(labels, hash_labels_wide(labels));
  rows.add(1, 1, 5);
  rows.add(2, 2, 5);
  Batch floats = rows.finish();
  EXPECT_TRUE(floats.check().ok());
  EXPECT_EQ(floats.columns.size(), 3u);
  for (const ColumnData& column : floats.columns) EXPECT_TRUE(column.present.empty()) << column.id.name;
  rows.begin_series(labels, hash_labels_wide(labels));
  rows.add_histogram(1, "h");
  Batch histograms = rows.finish();
  EXPECT_TRUE(histograms.check().ok());
  EXPECT_EQ(histograms.find_fixed(column::kValue), nullptr);
  EXPECT_EQ(histograms.find_fixed(column::kHistogram)->strings[0], "h");
}

TEST(SampleBatchBuilder, TheRowAddedLastCanBeChanged) {
  Labels labels{{"__name__", "m"}};
  std::vector<LabelRef> view = labels.view();
  SampleBatchBuilder builder;
  for (int64_t time = 1; time <= 3; ++time) {
    builder.begin_series(view, hash_labels_wide(view));
    builder.add(time, 0.5);
    if (time == 2) builder.set_histogram("h");
    if (time == 3) builder.set_start(2);
    builder.set_start(0);  // unknown: changes nothing
  }
  Batch batch = builder.finish();
  ASSERT_TRUE(batch.check().ok());
  EXPECT_EQ(batch.find_fixed(column::kValue)->present, (std::vector<uint8_t>{1, 0, 1}));
  EXPECT_EQ(batch.find_fixed(column::kHistogram)->strings[1], "h");
  EXPECT_EQ(batch.find_fixed(column::kStartTime)->present, (std::vector<uint8_t>{0, 0, 1}));
  EXPECT_EQ(batch.find_fixed(column::kStartTime)->ints[2], 2);
}

}  // namespace
}  // namespace obelisk
