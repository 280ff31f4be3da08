// Arbitrary bytes as a part (directory, labels, trace index, chunks) and, with a correct checksum put behind
// them, as a column chunk: refused or read, never a crash.
#include <fmt/format.h>

#include "base/assert.h"
#include "base/fuzz_driver.h"
#include "codec/checksum.h"
#include "codec/compression.h"
#include "codec/varint.h"
#include "env/fault_disk.h"
#include "plan/test_random_batch.h"
#include "storage/embedded/events/event_part.h"
#include "storage/embedded/events/event_part_inspect.h"
#include "storage/embedded/events/label_table.h"
#include "storage/embedded/events/message/text_predicate.h"
#include "storage/embedded/events/part_writer.h"

using namespace obelisk;

namespace {

// First byte: 0 a part file, 8 a directory, 9 a trace index block, 10 labels; else a chunk, its type from the
// byte, its rows from the next two.
void read_chunk(std::string_view bytes) {
  if (bytes.size() < 3) return;
  ColumnType type = static_cast<ColumnType>(static_cast<uint8_t>(bytes[0] - 1) % 7);
  size_t rows = static_cast<uint8_t>(bytes[1]) | static_cast<size_t>(static_cast<uint8_t>(bytes[2])) << 8;
  std::string chunk(bytes.substr(3));
  append_fixed(chunk, checksum64(chunk));
  auto parsed = ColumnChunk::parse(chunk, nullptr, type, rows);
  if (!parsed.ok()) return;
  std::vector<int64_t> times(rows, 1'700'000'000'123'456'789);
  if (parsed->needs_times()) parsed->set_times(times);
  if (message::MessageBlock* lines = parsed->message(); lines != nullptr) {
    Expr needle = Expr::contains(fixed_column(column::kLine), "1 to");
    std::vector<uint8_t> open = parsed->marks_of_values(std::vector<uint8_t>(rows, 1)), found(open.size());
    (void)message::mark_texts(*lines, message::predicate_for(needle), open, found).ok();
  }
  std::vector<uint32_t> all(rows);
  for (uint32_t row = 0; row < rows; ++row) all[row] = row;
  auto data = parsed->gather({Scope::attribute, "x"}, all);
  size_t text = 0;
  if (data.ok()) {
    for (std::string_view value : data->strings)
      text += value.empty() ? 0 : static_cast<uint8_t>(value.back());
  }
  OBELISK_ASSERT(text != ~size_t{0});  // keeps the reads
}

void read_directory(std::string_view bytes) {
  auto directory = parse_directory_bytes(bytes, 1 << 20);
  if (!directory.ok()) return;
  // What is accepted is sound: it comes back from its own bytes.
  auto again = parse_directory_bytes(encode_directory_bytes(*directory), 1 << 20);
  OBELISK_ASSERT(again.ok() && again->row_count == directory->row_count);
}

void read_index_block(std::string_view bytes) {
  std::string block(bytes);
  append_fixed(block, checksum64(block));
  for (size_t entries : {size_t{1}, size_t{3}, kTraceIndexBlockEntries}) {
    auto parsed = parse_trace_index_block(block, entries);
    OBELISK_ASSERT(!parsed.ok() || parsed->keys.size() == entries);
  }
  auto directory = parse_trace_index_directory(block, block.size() + 64);
  if (directory.ok()) OBELISK_ASSERT(directory->offsets.size() == directory->block_count() + 1);
}

void read_labels(std::string_view bytes) {
  std::string stored;
  append_varint(stored, bytes.size());
  zstd_compress(bytes, stored);
  append_fixed(stored, checksum64(stored));
  for (uint64_t groups : {1, 3}) {
    auto labels = LabelTable::parse(stored, groups);
    OBELISK_ASSERT(!labels.ok() || (*labels)->size() == groups);
  }
}

EventPartDirectory directory_of(const std::string& part) {
  FaultDisk disk;
  {
    auto file = disk.open("x", Disk::Mode::create_new);
    OBELISK_ASSERT((*file)->write_at(0, part).ok());
  }
  return (*EventPart::open(disk, "", "x"))->directory();
}

std::string part_of(Batch batch) {
  FaultDisk disk;
  std::vector<BatchPtr> batches = {std::make_shared<const Batch>(std::move(batch))};
  LabelRanks ranks;
  for (const Group& group : batches[0]->groups) ranks.add(group.labels, group.labels_hash);
  ranks.sort();
  std::vector<OrderedRow> rows;
  append_ordered_rows(*batches[0], 0, ranks, rows);
  auto writer = PartWriter::create(disk, "p/x", batches[0]->table, 1);
  RowGroupLimits limits;
  limits.log_rows = 20;
  OBELISK_ASSERT(write_rows(**writer, batches[0]->table, limits, batches, rows, ranks).ok() &&
                 (*writer)->finish().ok());
  return *read_file(disk, "p/x", 1 << 24);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  switch (bytes[0]) {
    case 0:
      break;
    case 8:
      return read_directory(bytes.substr(1)), 0;
    case 9:
      return read_index_block(bytes.substr(1)), 0;
    case 10:
      return read_labels(bytes.substr(1)), 0;
    default:
      return read_chunk(bytes), 0;
  }
  FaultDisk disk;
  {
    auto file = disk.open("part", Disk::Mode::create_new);
    OBELISK_ASSERT((*file)->write_at(0, bytes.substr(1)).ok());
  }
  auto text = inspect_event_part(disk, "part");
  (void)text;
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  std::vector<std::string> seeds;
  RandomBatches random(1);
  seeds.push_back(std::string(1, '\0') + part_of(random.logs(50)));
  seeds.push_back(std::string(1, '\0') + part_of(random.spans(20)));
  seeds.push_back("\x08" + encode_directory_bytes(directory_of(part_of(random.logs(30)))));
  TraceIndexBuilder index;
  for (uint32_t i = 0; i < 3; ++i) index.add(random.known_trace_id(), i);
  std::string encoded = index.encode();
  seeds.push_back("\x09" + encoded.substr(0, 30));
  seeds.push_back("\x09" + encoded.substr(encoded.size() - 26, 18));
  seeds.push_back(
      std::string("\x0a\x02\x01"
                  "a"
                  "\x01"
                  "b"
                  "\x01\x00\x01",
                  9));
  Batch batch = random.spans(100);
  for (const ColumnData& column : batch.columns) {
    ColumnValues values;
    values.type = column.type;
    values.present = column.present;
    for (size_t row = 0; row < batch.row_count; ++row) {
      if (!column.is_present(row)) continue;
      if (!column.ints.empty()) values.ints.push_back(column.ints[row]);
      if (!column.floats.empty()) values.floats.push_back(column.floats[row]);
      if (!column.strings.empty()) values.strings.push_back(column.strings[row]);
      if (!column.trace_ids.empty()) values.trace_ids.push_back(column.trace_ids[row]);
    }
    std::string chunk = {static_cast<char>(static_cast<int>(column.type) + 1), 100, 0};
    ChunkStats stats;
    encode_chunk(values, batch.row_count, chunk, stats);
    chunk.resize(chunk.size() - 8);
    seeds.push_back(chunk);
  }
  // Lines with a variable of every kind.
  std::vector<std::string> lines;
  for (int i = 0; i < 120; ++i) {
    lines.push_back(fmt::format(
        "12:00:{:02} request {} to {:08x}-0000-4000-8000-0123456789ab id {:016x} by u{} {}", i % 60, i,
        i * 77, i * 0x9e3779b97f4a7c15ull, i % 3, i % 40 == 0 ? "odd " + std::to_string(i) : "x9"));
  }
  ColumnValues values;
  values.strings.assign(lines.begin(), lines.end());
  std::vector<int64_t> times(lines.size(), 5);
  values.times = times.data();
  std::string chunk = {static_cast<char>(static_cast<int>(ColumnType::string) + 1), 120, 0};
  ChunkStats stats;
  encode_chunk(values, lines.size(), chunk, stats);
  chunk.resize(chunk.size() - 8);
  seeds.push_back(chunk);
  return seeds;
}
