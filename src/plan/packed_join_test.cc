// Goal: a joined batch has the rows of its batches, one after the other, and nothing else. Method: random
// batches of all tables are packed, joined and decoded, and every value is compared with where it came from;
// a join of joins must not differ from one of all, nor from one after joins of other tables.
#include "plan/packed_join.h"

#include <gtest/gtest.h>

#include <array>

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

// Rows of one text column and of trace ids, of which the batch has that many distinct ones from `first` on.
Batch rows_with_values(size_t row_count, size_t distinct, size_t first) {
  BatchBuilder rows(Table::spans);
  for (size_t i = 0; i < row_count; ++i) {
    rows.add_row(UnixNanos{static_cast<int64_t>(i)});
    std::string text = "value " + std::to_string(first + i % distinct);
    rows.set_string(Scope::attribute, "text", rows.arena().copy(text));
    if (i % 3 != 0) rows.set_string(Scope::attribute, "sometimes", rows.arena().copy(text));
    TraceId id;
    id.bytes[0] = 1;
    id.bytes[1] = static_cast<uint8_t>(i % distinct);
    id.bytes[2] = static_cast<uint8_t>(first / 256);
    id.bytes[3] = static_cast<uint8_t>(first % 256);
    rows.set_trace_id(Scope::fixed, column::kTraceId, id);
  }
  return rows.finish();
}

// Batches that have their values by number, with the same and with other entries, and batches that have them
// one after the other, in every order; with entries that are one, few, more than a byte numbers, and too many
// to be worth it.
TEST(PackedJoin, PutsEntriesTogether) {
  auto join_of = [](std::vector<std::array<size_t, 3>> shapes) {
    std::vector<Batch> parts;
    for (auto [rows, distinct, first] : shapes) parts.push_back(rows_with_values(rows, distinct, first));
    expect_joined(parts);
  };
  join_of({{40, 5, 0}, {40, 5, 0}, {60, 7, 3}});
  join_of({{40, 1, 0}, {30, 1, 0}});
  join_of({{40, 1, 0}, {30, 1, 1}, {1, 1, 0}});
  join_of({{40, 5, 0}, {20, 20, 0}, {40, 5, 2}});
  join_of({{20, 20, 0}, {40, 5, 0}, {40, 1, 9}});
  std::vector<std::array<size_t, 3>> single, many;
  for (size_t i = 0; i < 30; ++i) single.push_back({1, 1, i});
  join_of(single);
  for (size_t i = 0; i < 20; ++i) many.push_back({50, 20, i * 20});
  join_of(many);
}

// A column that is repetitive in each batch takes as few bytes as if its rows had come together.
TEST(PackedJoin, EntriesAreWrittenOnce) {
  std::vector<PackedPtr> parts;
  for (size_t i = 0; i < 10; ++i) parts.push_back(pack(rows_with_values(60, 6, 0)));
  std::string all = joined_bytes(parts);
  size_t places = 0;
  for (size_t at = all.find("value 4"); at != std::string::npos; at = all.find("value 4", at + 1)) ++places;
  EXPECT_EQ(places, 2u);  // one a column of text
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
