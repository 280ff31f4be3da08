// Goal: rows found in the bytes of a packed batch are those that the decoded batch has, and rows unpacked
// alone are the rows of the whole. Method: random batches of all tables, needles cut out of their texts or
// made up, and a loop over the decoded values as the oracle.
#include "plan/packed_search.h"

#include <gtest/gtest.h>

#include "plan/test_random_batch.h"

namespace obelisk {
namespace {

struct Packed {
  std::shared_ptr<std::string> bytes = std::make_shared<std::string>();
  std::unique_ptr<PackedBatch> packed;
  Batch plain;

  explicit Packed(Batch batch) : plain(std::move(batch)) {
    encode_batch(plain, BatchCompression::none, *bytes);
    Result<PackedBatch> opened = PackedBatch::open(*bytes, bytes);
    OBELISK_ASSERT(opened.ok());
    packed = std::make_unique<PackedBatch>(std::move(*opened));
  }
};

bool has_value(const ColumnData& data, size_t row) {
  return data.present.empty() || data.present[row] != 0;
}

void expect_texts_found(const Packed& batch, const ColumnData& data, std::string_view needle) {
  const PackedBatch::Column* column = batch.packed->find(data.id.scope, data.id.name, data.type);
  ASSERT_NE(column, nullptr);
  for (TextRelation relation : {TextRelation::contains, TextRelation::equals}) {
    std::vector<uint32_t> wanted;
    for (uint32_t row = 0; row < batch.plain.row_count; ++row) {
      if (!has_value(data, row)) continue;
      bool holds = relation == TextRelation::equals
                       ? data.strings[row] == needle
                       : data.strings[row].find(needle) != std::string_view::npos;
      if (holds) wanted.push_back(row);
    }
    auto found = rows_with_text(*batch.packed, *column, needle, relation);
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(*found, wanted) << data.id.name << ": " << needle;
    auto few = rows_with_text(*batch.packed, *column, needle, relation, 2);
    ASSERT_TRUE(few.ok());
    if (wanted.size() > 3) wanted.resize(3);
    EXPECT_EQ(*few, wanted) << data.id.name << ": " << needle;
  }
}

TEST(PackedSearch, FindsTheRowsOfTextsAndTraceIds) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    RandomBatches random(seed);
    Packed batch(seed % 2 == 0 ? random.logs(400) : random.spans(300));
    for (const ColumnData& data : batch.plain.columns) {
      if (data.type == ColumnType::trace_id) {
        std::vector<TraceId> ids = {random.known_trace_id(),
                                    data.trace_ids[random.below(data.trace_ids.size())]};
        std::vector<uint32_t> wanted;
        for (uint32_t row = 0; row < batch.plain.row_count; ++row) {
          if (has_value(data, row) && (data.trace_ids[row] == ids[0] || data.trace_ids[row] == ids[1]))
            wanted.push_back(row);
        }
        auto found = rows_with_trace_id(*batch.packed,
                                        *batch.packed->find(data.id.scope, data.id.name, data.type), ids);
        ASSERT_TRUE(found.ok());
        EXPECT_EQ(*found, wanted);
      }
      if (data.type != ColumnType::string && data.type != ColumnType::bytes) continue;
      for (int i = 0; i < 20; ++i) {
        std::string_view from = data.strings[random.below(data.strings.size())];
        if (from.empty()) continue;
        size_t begin = i % 3 == 0 ? 0 : random.below(from.size());
        std::string_view needle = from.substr(begin, i % 3 == 0 ? from.size() : 1 + random.below(12));
        expect_texts_found(batch, data, needle);
      }
      expect_texts_found(batch, data, "nowhere to be found");
    }
  }
}

TEST(PackedSearch, RowsUnpackedAloneAreThoseOfTheWhole) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    RandomBatches random(seed);
    Packed batch(seed % 2 == 0 ? random.logs(200) : random.spans(200));
    std::vector<uint32_t> rows;
    for (uint32_t row = 0; row < batch.plain.row_count; ++row) {
      if (random.chance(seed * 4)) rows.push_back(row);
    }
    Result<Batch> part = batch.packed->unpack_rows(rows, nullptr);
    ASSERT_TRUE(part.ok());
    ASSERT_TRUE(part->check().ok());
    ASSERT_EQ(part->row_count, rows.size());
    for (const ColumnData& data : batch.plain.columns) {
      const ColumnData* alone = part->find(data.id, data.type);
      for (size_t i = 0; i < rows.size(); ++i) {
        bool here = alone != nullptr && has_value(*alone, i);
        ASSERT_EQ(here, has_value(data, rows[i])) << data.id.name;
        if (!here) continue;
        if (!data.strings.empty()) {
          EXPECT_EQ(alone->strings[i], data.strings[rows[i]]);
        }
        if (!data.ints.empty()) {
          EXPECT_EQ(alone->ints[i], data.ints[rows[i]]);
        }
        if (!data.trace_ids.empty()) {
          EXPECT_EQ(alone->trace_ids[i], data.trace_ids[rows[i]]);
        }
      }
    }
    size_t next = 0;
    for (const Group& group : batch.plain.groups) {
      for (uint32_t row = group.first_row; row < group.first_row + group.row_count; ++row) {
        if (next == rows.size() || rows[next] != row) continue;
        auto of = std::find_if(part->groups.begin(), part->groups.end(), [&](const Group& found) {
          return found.first_row <= next && next < found.first_row + found.row_count;
        });
        ASSERT_NE(of, part->groups.end());
        EXPECT_TRUE(labels_equal(of->labels, group.labels));
        ++next;
      }
    }
  }
}

}  // namespace
}  // namespace obelisk
