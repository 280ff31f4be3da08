// Goal: samples come back from a frame as they were, with the numbers of their series; cut and damaged frames
// are refused or give a sound batch. Method: random batches, every prefix, every byte changed.
#include "plan/sample_frame.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "plan/test_random_batch.h"

namespace obelisk {
namespace {

std::string encoded(const Batch& batch, const std::vector<uint32_t>& series,
                    const std::vector<uint32_t>& defined) {
  std::string out;
  encode_sample_frame(batch, 7, series, defined, out);
  return out;
}

void expect_same_column(const Batch& a, const Batch& b, std::string_view name) {
  const ColumnData* left = a.find_fixed(name);
  const ColumnData* right = b.find_fixed(name);
  ASSERT_EQ(left == nullptr, right == nullptr) << name;
  for (size_t row = 0; left != nullptr && row < a.row_count; ++row) {
    ASSERT_EQ(left->is_present(row), right->is_present(row)) << name << " row " << row;
    if (!left->is_present(row)) continue;
    bool same = left->type == ColumnType::int64 ? left->ints[row] == right->ints[row]
                : left->type == ColumnType::bytes
                    ? left->strings[row] == right->strings[row]
                    : std::memcmp(&left->floats[row], &right->floats[row], sizeof(double)) == 0;
    EXPECT_TRUE(same) << name << " row " << row;
  }
}

TEST(SampleFrame, RandomBatchesRoundTrip) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    RandomBatches random(seed);
    Batch batch = random.samples(1 + random.below(300));
    ASSERT_TRUE(can_be_sample_frame(batch));
    std::vector<uint32_t> series, defined;
    uint32_t number = static_cast<uint32_t>(random.below(1000));
    for (uint32_t i = 0; i < batch.groups.size(); ++i) {
      number = random.chance(80) ? number + 1 : static_cast<uint32_t>(random.below(1u << 31));
      series.push_back(number);
      if (random.chance(30)) defined.push_back(i);
    }
    auto bytes = std::make_shared<std::string>(encoded(batch, series, defined));
    auto frame = decode_sample_frame(*bytes, bytes);
    ASSERT_TRUE(frame.ok()) << frame.error().to_string();
    EXPECT_EQ(frame->numbering, 7u);
    EXPECT_EQ(frame->series, series);
    ASSERT_TRUE(frame->batch.check().ok()) << frame->batch.check().error().message;
    ASSERT_EQ(frame->batch.row_count, batch.row_count);
    for (size_t i = 0; i < series.size(); ++i) {
      EXPECT_EQ(frame->batch.groups[i].first_row, batch.groups[i].first_row);
      EXPECT_EQ(frame->batch.groups[i].row_count, batch.groups[i].row_count);
    }
    for (std::string_view name : {column::kTime, column::kValue, column::kHistogram, column::kStartTime})
      expect_same_column(batch, frame->batch, name);
    ASSERT_EQ(frame->definitions.size(), defined.size());
    for (size_t i = 0; i < defined.size(); ++i) {
      EXPECT_EQ(frame->definitions[i].number, series[defined[i]]);
      EXPECT_TRUE(labels_equal(frame->definitions[i].labels, batch.groups[defined[i]].labels));
    }
    auto only = decode_sample_frame(*bytes, bytes, SampleFramePart::definitions);
    ASSERT_TRUE(only.ok());
    EXPECT_EQ(only->definitions.size(), defined.size());
    EXPECT_EQ(only->batch.row_count, 0u);
  }
}

TEST(SampleFrame, CutFramesAreRefused) {
  RandomBatches random(3);
  Batch batch = random.samples(40);
  std::vector<uint32_t> series(batch.groups.size());
  std::iota(series.begin(), series.end(), 5);
  std::string bytes = encoded(batch, series, {0, 1});
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_sample_frame(bytes.substr(0, size), nullptr).ok()) << size;
  EXPECT_FALSE(decode_sample_frame(bytes + "x", nullptr).ok());
  std::string later = bytes;
  later[1] = 2;
  EXPECT_EQ(decode_sample_frame(later, nullptr).error().code, ErrorCode::unsupported);
}

TEST(SampleFrame, OtherColumnsAreNotTaken) {
  BatchBuilder builder(Table::samples);
  builder.begin_group_copy(Labels({{"__name__", "m"}}).view());
  builder.add_row({1});
  builder.set_float(Scope::fixed, column::kValue, 1);
  builder.set_int(Scope::fixed, column::kTemporality, column::kTemporalityDelta);
  EXPECT_FALSE(can_be_sample_frame(builder.finish()));
  RandomBatches random(1);
  EXPECT_FALSE(can_be_sample_frame(random.logs(3)));
}

}  // namespace
}  // namespace obelisk
