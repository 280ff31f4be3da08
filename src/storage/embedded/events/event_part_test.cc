// Goal: the documents of the part and its trace index show real bytes; chunks of every type and coding come
// back; cut and damaged parts are refused.
#include "storage/embedded/events/event_part.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <limits>
#include <map>
#include <random>

#include "env/fault_disk.h"
#include "plan/test_random_batch.h"
#include "storage/embedded/events/part_writer.h"
#include "storage/embedded/events/row_group_reader.h"
#include "storage/embedded/events/trace_filter.h"
#include "storage/test_document_hexdump.h"

namespace obelisk {
namespace {

// A part with the rows of one batch.
std::string written_part(FaultDisk& disk, const std::string& path, Batch batch, size_t rows_a_group = 1000) {
  std::vector<BatchPtr> batches = {std::make_shared<const Batch>(std::move(batch))};
  LabelRanks ranks;
  for (const Group& group : batches[0]->groups) ranks.add(group.labels, group.labels_hash);
  ranks.sort();
  std::vector<OrderedRow> rows;
  append_ordered_rows(*batches[0], 0, ranks, rows);
  std::stable_sort(rows.begin(), rows.end(), [](auto& a, auto& b) { return a.before(b); });
  RowGroupLimits limits;
  limits.log_rows = limits.span_rows = rows_a_group;
  auto writer = PartWriter::create(disk, path, batches[0]->table, 7);
  EXPECT_TRUE(writer.ok());
  EXPECT_TRUE(write_rows(**writer, batches[0]->table, limits, batches, rows, ranks).ok());
  EXPECT_TRUE((*writer)->finish().ok());
  return *read_file(disk, path, 1 << 24);
}

void put_file(FaultDisk& disk, const std::string& path, std::string_view bytes) {
  ASSERT_TRUE(disk.remove(path).ok());
  auto file = disk.open(path, Disk::Mode::create_new);
  ASSERT_TRUE((*file)->write_at(0, bytes).ok());
}

// Two spans of one trace.
Batch example_spans() {
  BatchBuilder builder(Table::spans);
  for (int i = 0; i < 2; ++i) {
    builder.add_row({1000 + i * 10});
    builder.set_trace_id(Scope::fixed, column::kTraceId,
                         *TraceId::from_hex("0102030405060708090a0b0c0d0e0f10"));
    builder.set_int(Scope::fixed, column::kSpanId, i + 1);
    builder.set_string(Scope::fixed, column::kName, i == 0 ? "GET /" : "SELECT");
  }
  return builder.finish();
}

TEST(EventPart, TheDocumentShowsARealPart) {
  FaultDisk disk;
  std::string written = written_part(disk, "p/example", example_spans());
  std::string documented = bytes_of_document("docs/formats/event_part.md", "## Worked example");
  // Everything up to the labels is ours to the byte; labels and directory are zstd frames, which another
  // version of the library may write differently and any reads.
  auto real = EventPart::open(disk, "p", "example");
  ASSERT_TRUE(real.ok());
  size_t chunks_end = (*real)->directory().labels.offset;
  ASSERT_EQ(to_hex(documented.substr(0, chunks_end)), to_hex(written.substr(0, chunks_end)))
      << "docs/formats/event_part.md should show:\n"
      << hexdump_text(written);
  put_file(disk, "p/documented", documented);
  auto part = EventPart::open(disk, "p", "documented");
  ASSERT_TRUE(part.ok()) << part.error().to_string() << "; docs/formats/event_part.md should show:\n"
                         << hexdump_text(written);
  EXPECT_EQ((*part)->directory().row_count, 2u);
  EXPECT_EQ((*part)->directory().order_key, 7u);
  Budget budget;
  ReadCounts counts;
  RowGroupReader reader(*part, 0, *(*part)->labels(), budget, counts);
  auto batch = reader.materialise({0, 1}, nullptr);
  ASSERT_TRUE(batch.ok()) << batch.error().to_string();
  EXPECT_EQ(batch->times(), (std::vector<int64_t>{1000, 1010}));
  EXPECT_EQ(batch->find_fixed(column::kName)->strings[1], "SELECT");
  auto found = (*part)->row_groups_of_traces(
      std::vector<uint64_t>{trace_key(*TraceId::from_hex("0102030405060708090a0b0c0d0e0f10"))});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(*found, (std::vector<uint32_t>{0}));
}

TEST(TraceIndex, TheDocumentShowsARealIndexAndEveryTraceIsFound) {
  TraceIndexBuilder example;
  example.add(*TraceId::from_hex("1"), 0);
  example.add(*TraceId::from_hex("1"), 2);
  example.add(*TraceId::from_hex("2"), 1);
  std::string written = example.encode();
  std::string documented = bytes_of_document("docs/formats/trace_index.md", "## Worked example");
  ASSERT_EQ(documented, written) << "docs/formats/trace_index.md should show:\n" << hexdump_text(written);
  auto directory = parse_trace_index_directory(
      documented.substr(documented.size() -
                        *trace_index_directory_bytes(
                            std::string_view(documented).substr(documented.size() - kTraceIndexTailBytes),
                            documented.size())),
      documented.size());
  ASSERT_TRUE(directory.ok()) << directory.error().to_string();
  EXPECT_EQ(directory->entry_count, 3u);

  RandomBatches random(5);
  FaultDisk disk;
  BatchBuilder builder(Table::exemplars);
  std::map<TraceId, int> rows;
  for (int i = 0; i < 5000; ++i) {
    TraceId id;
    for (size_t byte = 12; byte < 16; ++byte) id.bytes[byte] = static_cast<uint8_t>(random.below(256));
    builder.add_row({i});
    builder.set_trace_id(Scope::fixed, column::kTraceId, id);
    rows[id] = i;
  }
  written_part(disk, "p/many", builder.finish(), 100);
  auto part = EventPart::open(disk, "p", "many");
  ASSERT_TRUE(part.ok());
  EXPECT_GT((*(*part)->trace_index_directory())->block_count(), 3u);
  for (const auto& [id, row] : rows) {
    std::vector<uint64_t> key = {trace_key(id)};
    auto found = (*part)->row_groups_of_traces(key);
    ASSERT_TRUE(found.ok());
    ASSERT_TRUE(std::find(found->begin(), found->end(), static_cast<uint32_t>(row / 100)) != found->end());
  }
}

TEST(RowGroupInfo, FindsTheChunkOfEveryColumnAndNoOther) {
  std::mt19937_64 random(11);
  for (uint32_t columns : {0u, 1u, 2u, 3u, 40u, 300u}) {
    for (uint32_t absent_of_8 = 0; absent_of_8 < 8; ++absent_of_8) {
      RowGroupInfo info;
      std::map<uint32_t, size_t> places;
      for (uint32_t column = 0; column < columns; ++column) {
        if (random() % 8 < absent_of_8) continue;
        places[column] = info.chunks.size();
        info.chunks.emplace_back().column = column;
      }
      for (uint32_t column = 0; column <= columns + 1; ++column) {
        auto place = places.find(column);
        const ChunkInfo* expected = place == places.end() ? nullptr : &info.chunks[place->second];
        ASSERT_EQ(info.find(column), expected) << column << " of " << columns;
      }
    }
  }
}

TEST(TraceFilter, HasEveryKeyAndFewOthers) {
  RandomBatches random(9);
  for (size_t count : {size_t{1}, size_t{50}, size_t{20'000}}) {
    std::vector<uint64_t> keys;
    for (size_t i = 0; i < count; ++i) keys.push_back(random.below(uint64_t{1} << 40));
    std::string filter = encode_trace_filter(keys);
    ASSERT_TRUE(is_trace_filter_length(filter.size()));
    EXPECT_LE(filter.size(), count * 2 + 64);
    auto has = [&](uint64_t key) {
      TraceFilterPage page = trace_filter_page(key, filter.size());
      auto found = trace_filter_has(std::string_view(filter).substr(page.offset, page.length), page, key);
      return found.ok() && *found;
    };
    for (uint64_t key : keys) ASSERT_TRUE(has(key));
    size_t others = 0;
    for (int i = 0; i < 10'000; ++i) others += has(random.below(uint64_t{1} << 40));
    EXPECT_LT(others, 200u) << count;
    filter[filter.size() / 2] = static_cast<char>(filter[filter.size() / 2] ^ 1);
    size_t refused = 0;
    for (uint64_t key : keys) {
      TraceFilterPage page = trace_filter_page(key, filter.size());
      refused += !trace_filter_has(std::string_view(filter).substr(page.offset, page.length), page, key).ok();
    }
    EXPECT_GT(refused, 0u);
  }
}

TEST(ColumnChunk, ValuesOfEveryTypeComeBack) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    RandomBatches random(seed);
    size_t rows = 1 + random.below(3000);
    for (ColumnType type : {ColumnType::boolean, ColumnType::int64, ColumnType::float64, ColumnType::string,
                            ColumnType::trace_id}) {
      ColumnValues values;
      values.type = type;
      uint64_t present_percent = std::vector<uint64_t>{100, 90, 50, 2}[random.below(4)];
      uint64_t distinct = std::vector<uint64_t>{1, 3, 200, 1'000'000}[random.below(4)];
      ColumnData expected;
      for (size_t row = 0; row < rows; ++row) {
        bool present = row == 0 || random.chance(present_percent);
        values.present.push_back(present);
        expected.ints.push_back(0), expected.floats.push_back(0), expected.strings.push_back({}),
            expected.trace_ids.push_back({});
        if (!present) continue;
        static std::deque<std::string> texts;
        int64_t number = static_cast<int64_t>(random.below(distinct)) - 7;
        texts.push_back(std::string(random.below(3) * 30, 'y') + std::to_string(number));
        TraceId id;
        std::memcpy(id.bytes.data(), &number, 8);
        if (type == ColumnType::boolean) number &= 1;
        switch (type) {
          case ColumnType::float64:
            values.floats.push_back(expected.floats.back() = static_cast<double>(number) / 8);
            break;
          case ColumnType::string:
            values.strings.push_back(expected.strings.back() = texts.back());
            break;
          case ColumnType::trace_id:
            values.trace_ids.push_back(expected.trace_ids.back() = id);
            break;
          default:
            values.ints.push_back(expected.ints.back() = number);
        }
      }
      std::vector<uint8_t> present = values.present;
      if (values.value_count() == rows) values.present.clear();
      std::string bytes;
      ChunkStats stats;
      encode_chunk(values, rows, bytes, stats);
      auto chunk = ColumnChunk::parse(bytes, nullptr, type, rows);
      ASSERT_TRUE(chunk.ok()) << chunk.error().to_string();
      std::vector<uint32_t> wanted;
      for (uint32_t row = 0; row < rows; row += 1 + static_cast<uint32_t>(random.below(3)))
        wanted.push_back(row);
      auto data = chunk->gather({Scope::attribute, "x"}, wanted);
      ASSERT_TRUE(data.ok());
      for (size_t i = 0; i < wanted.size(); ++i) {
        ASSERT_EQ(data->is_present(i), present[wanted[i]] != 0);
        switch (type) {
          case ColumnType::float64:
            ASSERT_EQ(data->floats[i], expected.floats[wanted[i]]);
            break;
          case ColumnType::string:
            ASSERT_EQ(data->strings[i], expected.strings[wanted[i]]);
            break;
          case ColumnType::trace_id:
            ASSERT_EQ(data->trace_ids[i], expected.trace_ids[wanted[i]]);
            break;
          default:
            ASSERT_EQ(data->ints[i], expected.ints[wanted[i]]);
        }
      }
      // Of a few rows the same values come as of all.
      RowSpan few = {random.below(rows), 0};
      few.last = few.first + random.below(rows - few.first + 1);
      auto narrow = ColumnChunk::parse(bytes, nullptr, type, rows, nullptr, few);
      ASSERT_TRUE(narrow.ok()) << narrow.error().to_string();
      std::vector<uint32_t> inside;
      for (uint32_t row : wanted) {
        if (row >= few.first && row < few.last) inside.push_back(row);
      }
      auto whole = chunk->gather({Scope::attribute, "x"}, inside);
      auto part = narrow->gather({Scope::attribute, "x"}, inside);
      ASSERT_TRUE(whole.ok() && part.ok());
      ASSERT_EQ(whole->present, part->present);
      ASSERT_TRUE(whole->ints == part->ints && whole->floats == part->floats &&
                  whole->strings == part->strings && whole->trace_ids == part->trace_ids);
      for (size_t cut : {size_t{0}, bytes.size() / 2, bytes.size() - 1}) {
        EXPECT_FALSE(ColumnChunk::parse(std::string_view(bytes).substr(0, cut), nullptr, type, rows).ok());
      }
    }
  }
}

TEST(EventPart, CutPartsAndUnknownVersionsAreRefused) {
  FaultDisk disk;
  std::string bytes = written_part(disk, "p/x", example_spans());
  for (size_t length = 0; length < bytes.size(); ++length) {
    put_file(disk, "p/cut", std::string_view(bytes).substr(0, length));
    auto part = EventPart::open(disk, "p", "cut");
    ASSERT_FALSE(part.ok()) << length;
    EXPECT_EQ(part.error().code, ErrorCode::corrupt);
    EXPECT_NE(part.error().message.find("p/cut"), std::string::npos);
  }
  bytes[bytes.size() - 24] = 9;  // the version in the tail
  put_file(disk, "p/newer", bytes);
  auto newer = EventPart::open(disk, "p", "newer");
  ASSERT_FALSE(newer.ok());
  EXPECT_EQ(newer.error().code, ErrorCode::unsupported) << newer.error().to_string();
  EXPECT_NE(newer.error().message.find("version 9"), std::string::npos);
}

TEST(PartWriter, AnUnfinishedFileIsRemoved) {
  FaultDisk disk;
  {
    auto writer = PartWriter::create(disk, "p/half", Table::logs, 1);
    ASSERT_TRUE(writer.ok());
    EXPECT_TRUE(*disk.exists("p/half"));
  }
  EXPECT_FALSE(*disk.exists("p/half"));
}

}  // namespace
}  // namespace obelisk
