// Goal: a joined batch has the rows of its batches, one after the other, and nothing else. Method: random
// batches of all tables are packed, joined and decoded, and every value is compared with where it came from;
// a join of joins must not differ from one of all, nor from one after joins of other tables.
#include "plan/packed_join.h"

#include <gtest/gtest.h>

#include "plan/test_random_batch.h"

namespace obelisk {
namespace {

using PackedPtr = std::shared_ptr<const PackedBatch>;

PackedPtr open_packed(std::string text) {
  auto bytes = std::make_shared<const std::string>(std::move(text));
  auto packed = PackedBatch::open(*bytes, bytes);
  EXPECT_TRUE(packed.ok());
  return std::make_shared<const PackedBatch>(std::move(*packed));
}

PackedPtr pack(const Batch& batch) {
  std::string bytes;
  encode_batch(batch, BatchCompression::none, bytes);
  return open_packed(std::move(bytes));
}

std::string joined_bytes(const std::vector<PackedPtr>& batches) {
  std::vector<const PackedBatch*> all;
  for (const PackedPtr& batch : batches) all.push_back(batch.get());
  std::string bytes;
  join_packed(all, bytes);
  return bytes;
}

PackedPtr join(const std::vector<PackedPtr>& batches) {
  return open_packed(joined_bytes(batches));
}

Batch unpacked(const PackedBatch& packed) {
  EXPECT_TRUE(packed.check().ok());
  auto batch = packed.unpack(nullptr);
  EXPECT_TRUE(batch.ok() && batch->check().ok());
  return std::move(*batch);
}

std::string text_of(const ColumnData* data, size_t row) {
  if (data == nullptr || !data->is_present(row)) return "absent";
  if (!data->ints.empty()) return std::to_string(data->ints[row]);
  if (!data->floats.empty()) return std::to_string(std::bit_cast<uint64_t>(data->floats[row]));
  if (!data->trace_ids.empty()) return std::string(data->trace_ids[row].view());
  return "text " + std::string(data->strings[row]);
}

const Group& group_at(const Batch& batch, size_t row) {
  size_t i = 0;
  while (row >= batch.groups[i].first_row + batch.groups[i].row_count) ++i;
  return batch.groups[i];
}

// Row `at` and those after it are the rows of `part`.
void expect_rows(const Batch& joined, size_t at, const Batch& part) {
  ASSERT_LE(at + part.row_count, joined.row_count);
  for (size_t row = 0; row < part.row_count; ++row) {
    EXPECT_TRUE(labels_equal(group_at(joined, at + row).labels, group_at(part, row).labels));
    EXPECT_EQ(group_at(joined, at + row).labels_hash, group_at(part, row).labels_hash);
  }
  for (const ColumnData& data : part.columns)
    ASSERT_NE(joined.find(data.id, data.type), nullptr) << data.id.name;
  for (const ColumnData& data : joined.columns) {
    const ColumnData* from = part.find(data.id, data.type);
    for (size_t row = 0; row < part.row_count; ++row)
      ASSERT_EQ(text_of(&data, at + row), text_of(from, row)) << data.id.name << " of row " << row;
  }
}

void expect_joined(const std::vector<Batch>& parts) {
  std::vector<PackedPtr> packed;
  for (const Batch& part : parts) packed.push_back(pack(part));
  Batch joined = unpacked(*join(packed));
  EXPECT_EQ(joined.table, parts[0].table);
  size_t at = 0;
  for (const Batch& part : parts) {
    expect_rows(joined, at, part);
    at += part.row_count;
  }
  EXPECT_EQ(joined.row_count, at);

  size_t half = (packed.size() + 1) / 2;
  std::vector<PackedPtr> halves{join({packed.begin(), packed.begin() + static_cast<ptrdiff_t>(half)})};
  if (half < packed.size())
    halves.push_back(join({packed.begin() + static_cast<ptrdiff_t>(half), packed.end()}));
  Batch twice = unpacked(*join(halves));
  expect_rows(twice, 0, joined);
  EXPECT_EQ(twice.row_count, joined.row_count);
}

TEST(PackedJoin, HasTheRowsOfAllBatches) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    RandomBatches random(seed);
    for (int table = 0; table < 3; ++table) {
      std::vector<Batch> parts;
      for (uint64_t i = 0, count = 1 + random.below(30); i < count; ++i) {
        size_t rows = 1 + random.below(40);
        parts.push_back(table == 0   ? random.spans(rows)
                        : table == 1 ? random.logs(rows)
                                     : random.exemplars(rows));
      }
      expect_joined(parts);
    }
  }
}

// Columns that the first batches do not have, and that the last ones do not.
TEST(PackedJoin, PadsWhatABatchDoesNotHave) {
  std::vector<Batch> parts;
  for (int i = 0; i < 4; ++i) {
    BatchBuilder rows(Table::spans);
    rows.add_row(UnixNanos{i});
    if (i == 1 || i == 2) rows.set_string(Scope::attribute, "some", "text");
    if (i == 2) rows.set_int(Scope::attribute, "some", i);
    if (i == 0) rows.set_float(Scope::resource, "first", 0.5);
    rows.add_row(UnixNanos{10 + i});
    if (i == 3) rows.set_int(Scope::attribute, "flag", 1, ColumnType::boolean);
    parts.push_back(rows.finish());
  }
  expect_joined(parts);
}

// What is remembered from other joins does not show.
TEST(PackedJoin, DoesNotDependOnEarlierJoins) {
  RandomBatches random(7);
  std::vector<PackedPtr> spans{pack(random.spans(20)), pack(random.spans(30))};
  std::string first = joined_bytes(spans);
  std::vector<PackedPtr> logs{pack(random.logs(20)), pack(random.logs(200))};
  join(logs);
  expect_rows(unpacked(*open_packed(joined_bytes(spans))), 0, unpacked(*open_packed(first)));
  EXPECT_EQ(first.size(), joined_bytes(spans).size());
}

}  // namespace
}  // namespace obelisk
