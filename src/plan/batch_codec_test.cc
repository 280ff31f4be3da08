// Goal: every batch comes back from its bytes as it was, in place; damaged and cut bytes are refused. Method:
// random batches of all tables, compared row by row; every prefix of an encoding decoded.
#include "plan/batch_codec.h"

#include <gtest/gtest.h>

#include <cstring>

#include "plan/packed_batch.h"
#include "plan/test_random_batch.h"

namespace obelisk {
namespace {

void expect_equal(const Batch& a, const Batch& b) {
  ASSERT_EQ(a.table, b.table);
  ASSERT_EQ(a.row_count, b.row_count);
  ASSERT_EQ(a.groups.size(), b.groups.size());
  for (size_t i = 0; i < a.groups.size(); ++i) {
    EXPECT_TRUE(labels_equal(a.groups[i].labels, b.groups[i].labels));
    EXPECT_EQ(a.groups[i].labels_hash, b.groups[i].labels_hash);
    EXPECT_EQ(a.groups[i].row_count, b.groups[i].row_count);
    EXPECT_EQ(a.groups[i].first_row, b.groups[i].first_row);
  }
  ASSERT_EQ(a.columns.size(), b.columns.size());
  for (size_t i = 0; i < a.columns.size(); ++i) {
    const ColumnData &left = a.columns[i], &right = b.columns[i];
    EXPECT_EQ(left.id, right.id);
    EXPECT_EQ(left.type, right.type);
    EXPECT_EQ(left.present, right.present) << left.id.name;
    EXPECT_EQ(left.ints, right.ints) << left.id.name;
    EXPECT_EQ(left.strings, right.strings) << left.id.name;
    EXPECT_EQ(left.trace_ids, right.trace_ids) << left.id.name;
    ASSERT_EQ(left.floats.size(), right.floats.size());
    bool same_bits = left.floats.empty() ||
                     std::memcmp(left.floats.data(), right.floats.data(), left.floats.size() * 8) == 0;
    EXPECT_TRUE(same_bits) << left.id.name;
  }
}

std::string encoded(const Batch& batch, BatchCompression compression = BatchCompression::none) {
  std::string out;
  encode_batch(batch, compression, out);
  return out;
}

void expect_round_trip(const Batch& batch) {
  ASSERT_TRUE(batch.check().ok()) << batch.check().error().message;
  for (BatchCompression compression : {BatchCompression::none, BatchCompression::zstd}) {
    auto bytes = std::make_shared<std::string>(encoded(batch, compression));
    auto back = decode_batch(*bytes, bytes);
    ASSERT_TRUE(back.ok()) << back.error().to_string();
    ASSERT_TRUE(back->check().ok());
    expect_equal(batch, *back);
  }
}

TEST(BatchCodec, RandomBatchesRoundTrip) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    RandomBatches random(seed);
    size_t rows = random.below(300);
    expect_round_trip(random.logs(rows));
    expect_round_trip(random.spans(rows));
    expect_round_trip(random.exemplars(rows));
    expect_round_trip(random.samples(rows));
  }
}

TEST(BatchCodec, TheLongestTextIsReadFromTheLengths) {
  auto longest_of = [](const Batch& batch, const std::string& bytes) {
    Result<PackedBatch> packed = PackedBatch::open(bytes, nullptr);
    ASSERT_TRUE(packed.ok());
    for (const PackedBatch::Column& column : packed->columns()) {
      const ColumnData* data = batch.find({column.scope, std::string(column.name)}, column.type);
      ASSERT_NE(data, nullptr);
      if (data->strings.size() != batch.row_count) continue;
      size_t longest = 0;
      for (std::string_view text : data->strings) longest = std::max(longest, text.size());
      Result<size_t> found = packed->longest_text(column);
      ASSERT_TRUE(found.ok()) << column.name;
      EXPECT_EQ(*found, longest) << column.name;
    }
  };
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomBatches random(seed);
    Batch batch = random.spans(1 + random.below(300));
    longest_of(batch, encoded(batch));
  }
  // Lengths of one, two and four bytes, all rows and some.
  std::string texts[] = {std::string(200, 'a'), std::string(3000, 'b'), std::string(70'000, 'c')};
  for (const std::string& text : texts) {
    BatchBuilder rows(Table::logs);
    for (size_t i = 0; i < 40; ++i) {
      rows.add_row(UnixNanos{1000});
      rows.set_string(Scope::attribute, "all", std::string_view(text).substr(i));
      if (i % 3 == 1) rows.set_string(Scope::attribute, "some", std::string_view(text).substr(i));
    }
    Batch batch = rows.finish();
    longest_of(batch, encoded(batch));
  }
}

TEST(BatchCodec, StringsAreViewsIntoTheBytes) {
  RandomBatches random(1);
  auto bytes = std::make_shared<std::string>(encoded(random.logs(20)));
  auto batch = decode_batch(*bytes, bytes);
  ASSERT_TRUE(batch.ok());
  std::string_view line = batch->find_fixed(column::kLine)->strings[0];
  EXPECT_GE(line.data(), bytes->data());
  EXPECT_LE(line.data() + line.size(), bytes->data() + bytes->size());
  EXPECT_FALSE(batch->owners.empty());
}

TEST(BatchCodec, RepetitiveColumnsAreSmall) {
  BatchBuilder builder(Table::spans);
  for (int i = 0; i < 1000; ++i) {
    builder.add_row({1'700'000'000'000'000'000 + i * 1000});
    builder.set_string(Scope::fixed, column::kName,
                       i % 2 == 0 ? "GET /a/very/long/route/name" : "POST /another/route");
    builder.set_int(Scope::fixed, column::kKind, 2);
  }
  EXPECT_LT(encoded(builder.finish()).size(), 1000 * 3 + 200u);
}

TEST(BatchCodec, EveryPrefixAndAnUnknownVersionAreRefused) {
  RandomBatches random(3);
  std::string bytes = encoded(random.spans(20));
  for (size_t length = 0; length < bytes.size(); ++length) {
    auto batch = decode_batch(std::string_view(bytes).substr(0, length), nullptr);
    ASSERT_FALSE(batch.ok()) << length;
    EXPECT_EQ(batch.error().code, ErrorCode::corrupt);
  }
  EXPECT_FALSE(decode_batch(bytes + "x", nullptr).ok());
  bytes[0] = 9;
  auto newer = decode_batch(bytes, nullptr);
  EXPECT_EQ(newer.error().code, ErrorCode::unsupported);
  EXPECT_NE(newer.error().message.find("version 9"), std::string::npos);
}

TEST(BatchCodec, DecodedSizeIsBounded) {
  BatchBuilder builder(Table::logs);
  for (int i = 0; i < 10000; ++i) builder.add_row({5});  // a constant column: few bytes, many rows
  std::string bytes = encoded(builder.finish());
  EXPECT_LT(bytes.size(), 100u);
  EXPECT_EQ(decode_batch(bytes, nullptr, {1 << 20, 100'000}).error().code, ErrorCode::too_large);
  EXPECT_EQ(decode_batch(bytes, nullptr, {5000, 1 << 30}).error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace obelisk
