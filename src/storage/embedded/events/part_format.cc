#include "storage/embedded/events/part_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "codec/byte_reader.h"
#include "codec/checksum.h"
#include "codec/compression.h"
#include "codec/varint.h"
#include "storage/embedded/events/trace_filter.h"

namespace obelisk {
namespace {

constexpr std::string_view kHeaderMagic("OBLKEVT\n", 8);
constexpr std::string_view kTailMagic("\nTVEKLBO", 8);
constexpr uint64_t kColumnsMax = 1 << 20;

Error wrong(std::string_view what) {
  return make_error(ErrorCode::corrupt, fmt::format("part directory: {}", what));
}

void put_stats(const ChunkStats& stats, std::string& out) {
  append_varint(out, stats.present_count);
  out.push_back(static_cast<char>(stats.range.index()));
  if (auto* ints = std::get_if<1>(&stats.range)) {
    append_signed_varint(out, ints->first);
    append_signed_varint(out, ints->second);
  } else if (auto* floats = std::get_if<2>(&stats.range)) {
    append_fixed(out, floats->first);
    append_fixed(out, floats->second);
  } else if (auto* ids = std::get_if<3>(&stats.range)) {
    out.append(ids->first.view());
    out.append(ids->second.view());
  } else if (auto* filter = std::get_if<5>(&stats.range)) {
    append_text(out, *filter);
  }
}

ChunkStats get_stats(ByteReader& reader, uint64_t row_count) {
  ChunkStats stats;
  stats.present_count = reader.varint_up_to(row_count);
  switch (reader.u8()) {
    case 0:
      break;
    case 1: {
      int64_t low = reader.signed_varint();
      stats.range = std::pair(low, reader.signed_varint());
      break;
    }
    case 2: {
      double low = reader.fixed<double>();
      stats.range = std::pair(low, reader.fixed<double>());
      break;
    }
    case 3: {
      TraceId low = reader.fixed<TraceId>();
      stats.range = std::pair(low, reader.fixed<TraceId>());
      break;
    }
    case 4:
      stats.range = IdText();
      break;
    case 5:
      stats.range = std::string(reader.text());
      break;
    default:
      reader.fail();
  }
  return stats;
}

void put_row_group(const RowGroupInfo& group, std::string& out) {
  append_varint(out, group.row_count);
  append_signed_varint(out, group.min_time);
  append_varint(out, static_cast<uint64_t>(group.max_time) - static_cast<uint64_t>(group.min_time));
  out.push_back(group.has_repeated_spans ? 1 : 0);
  append_varint(out, group.runs.size());
  for (const GroupRun& run : group.runs) {
    append_varint(out, run.group);
    append_varint(out, run.row_count);
  }
  append_varint(out, group.chunks.size());
  append_varint(out, group.chunks.empty() ? 0 : group.chunks.front().offset);
  for (const ChunkInfo& chunk : group.chunks) {
    append_varint(out, chunk.column);
    append_varint(out, chunk.length);
    put_stats(chunk.stats, out);
  }
  append_varint(out, group.trace_filter.length);
}

bool get_row_group(ByteReader& reader, const EventPartDirectory& part, uint64_t chunks_end,
                   RowGroupInfo& group) {
  group.row_count = reader.varint_up_to(kRowGroupRowsMax);
  group.min_time = reader.signed_varint();
  group.max_time = static_cast<int64_t>(static_cast<uint64_t>(group.min_time) + reader.varint());
  if (group.max_time < group.min_time || group.row_count == 0) return false;
  uint8_t repeated = reader.u8();
  if (repeated > 1) return false;
  group.has_repeated_spans = repeated == 1;
  uint64_t run_count = reader.varint_up_to(std::min<uint64_t>(group.row_count, reader.left() / 2));
  group.runs.reserve(run_count);
  uint64_t covered = 0;
  for (uint64_t i = 0; i < run_count; ++i) {
    GroupRun run;
    run.group = static_cast<uint32_t>(reader.varint());
    run.row_count = static_cast<uint32_t>(reader.varint_up_to(group.row_count - covered));
    if (run.group >= part.group_count) return false;
    covered += run.row_count;
    group.runs.push_back(run);
  }
  if (covered != group.row_count) return false;
  uint64_t chunk_count = reader.varint_up_to(std::min<uint64_t>(part.columns.size(), reader.left() / 3));
  uint64_t offset = reader.varint();
  if (offset < kEventPartHeaderBytes && chunk_count > 0) return false;
  group.chunks.reserve(chunk_count);
  for (uint64_t i = 0; i < chunk_count && !reader.failed(); ++i) {
    ChunkInfo chunk;
    uint64_t column = reader.varint();
    chunk.offset = offset;
    chunk.length = reader.varint();
    chunk.stats = get_stats(reader, group.row_count);
    if (column >= part.columns.size() || (i > 0 && column <= group.chunks.back().column)) return false;
    if (offset > chunks_end || chunk.length > chunks_end - offset) return false;
    chunk.column = static_cast<uint32_t>(column);
    offset += chunk.length;
    group.chunks.push_back(chunk);
  }
  group.trace_filter = {offset, reader.varint()};
  if (group.trace_filter.length == 0) {
    group.trace_filter = {};
  } else if (offset > chunks_end || group.trace_filter.length > chunks_end - offset ||
             !is_trace_filter_length(group.trace_filter.length)) {
    return false;
  }
  return !reader.failed();
}

void put_extent(const Extent& extent, std::string& out) {
  append_varint(out, extent.offset);
  append_varint(out, extent.length);
}

bool get_extent(ByteReader& reader, uint64_t end, Extent& extent) {
  extent.offset = reader.varint_up_to(end);
  extent.length = reader.varint_up_to(end - extent.offset);
  return !reader.failed();
}

}  // namespace

// Chunks ascend by column, so that a column's lies at its number or before it: close by, since most columns
// have a value in every row group.
const ChunkInfo* RowGroupInfo::find(uint32_t column) const {
  if (chunks.empty()) return nullptr;
  size_t high = std::min<size_t>(column, chunks.size() - 1);
  if (chunks[high].column <= column) return chunks[high].column == column ? &chunks[high] : nullptr;
  size_t low = high;
  for (size_t step = 1; low > 0 && chunks[low].column > column; step *= 2) {
    high = low;
    low -= std::min(step, low);
  }
  auto it = std::lower_bound(chunks.begin() + static_cast<ptrdiff_t>(low),
                             chunks.begin() + static_cast<ptrdiff_t>(high), column,
                             [](const ChunkInfo& chunk, uint32_t wanted) { return chunk.column < wanted; });
  return it->column == column ? &*it : nullptr;
}

std::vector<uint32_t> EventPartDirectory::columns_named(const ColumnId& id) const {
  std::vector<uint32_t> found;
  for (uint32_t i = 0; i < columns.size(); ++i) {
    if (columns[i].id == id) found.push_back(i);
  }
  return found;
}

std::string encode_event_part_header(Table table) {
  std::string out(kHeaderMagic);
  append_fixed<uint32_t>(out, kEventPartVersion);
  append_fixed<uint32_t>(out, static_cast<uint32_t>(table));
  return out;
}

std::string encode_directory_bytes(const EventPartDirectory& part) {
  std::string raw;
  raw.push_back(static_cast<char>(part.table));
  append_varint(raw, part.row_count);
  append_signed_varint(raw, part.min_time);
  append_varint(raw, static_cast<uint64_t>(part.max_time) - static_cast<uint64_t>(part.min_time));
  append_varint(raw, part.order_key);
  append_varint(raw, part.group_count);
  put_extent(part.labels, raw);
  put_extent(part.trace_index, raw);
  append_varint(raw, part.columns.size());
  for (const PartColumn& column : part.columns) {
    raw.push_back(static_cast<char>(column.id.scope));
    raw.push_back(static_cast<char>(column.type));
    append_text(raw, column.id.name);
  }
  append_varint(raw, part.row_groups.size());
  for (const RowGroupInfo& group : part.row_groups) put_row_group(group, raw);

  return raw;
}

std::string encode_event_part_end(const EventPartDirectory& part, uint64_t directory_offset) {
  std::string raw = encode_directory_bytes(part);
  std::string out;
  zstd_compress(raw, out);
  uint64_t stored = out.size();
  size_t tail_start = out.size();
  append_fixed(out, directory_offset);
  append_fixed(out, stored);
  append_fixed<uint64_t>(out, raw.size());
  append_fixed<uint32_t>(out, kEventPartVersion);
  append_fixed<uint32_t>(out, static_cast<uint32_t>(part.table));
  uint64_t directory_sum = checksum64(std::string_view(out).substr(0, stored));
  append_fixed(out, checksum64(std::string_view(out).substr(tail_start), directory_sum));
  out.append(kTailMagic);
  return out;
}

Result<EventPartTail> parse_event_part_tail(std::string_view bytes, uint64_t file_bytes) {
  if (bytes.size() != kEventPartTailBytes || bytes.substr(kEventPartTailBytes - 8) != kTailMagic) {
    return make_error(ErrorCode::corrupt, "not an event part, or cut off");
  }
  ByteReader reader(bytes);
  EventPartTail tail;
  tail.directory.offset = reader.u64();
  tail.directory.length = reader.u64();
  tail.directory_bytes = reader.u64();
  uint32_t version = reader.u32();
  tail.table = reader.u32();
  tail.checksum = reader.u64();
  if (version != kEventPartVersion) {
    return make_error(
        ErrorCode::unsupported,
        fmt::format("event part of format version {}, this server reads {}", version, kEventPartVersion));
  }
  if (tail.directory.offset > file_bytes || tail.directory.length > kDirectoryBytesMax ||
      tail.directory_bytes > kDirectoryBytesMax ||
      tail.directory.offset + tail.directory.length + kEventPartTailBytes != file_bytes) {
    return make_error(ErrorCode::corrupt, "part tail: lengths do not fit the file");
  }
  return tail;
}

namespace {

// The tail's first 32 bytes, which the checksum covers after the directory.
std::string checked_tail(const EventPartTail& tail) {
  std::string out;
  append_fixed(out, tail.directory.offset);
  append_fixed(out, tail.directory.length);
  append_fixed(out, tail.directory_bytes);
  append_fixed<uint32_t>(out, kEventPartVersion);
  append_fixed<uint32_t>(out, tail.table);
  return out;
}

}  // namespace

Result<EventPartDirectory> parse_event_part_directory(std::string_view stored, const EventPartTail& tail,
                                                      uint64_t file_bytes) {
  if (checksum64(checked_tail(tail), checksum64(stored)) != tail.checksum) return wrong("checksum mismatch");
  std::string raw(tail.directory_bytes, '\0');
  OBELISK_CHECK_OK(zstd_decompress(stored, raw.size(), raw.data()));
  OBELISK_TRY(EventPartDirectory part, parse_directory_bytes(raw, tail.directory.offset));
  part.file_bytes = file_bytes;
  return part;
}

Result<EventPartDirectory> parse_directory_bytes(std::string_view raw, uint64_t chunks_end) {
  ByteReader reader(raw);
  EventPartDirectory part;
  uint8_t table = reader.u8();
  if (table >= kTableCount) return wrong("unknown table");
  part.table = static_cast<Table>(table);
  part.row_count = reader.varint();
  part.min_time = reader.signed_varint();
  part.max_time = static_cast<int64_t>(static_cast<uint64_t>(part.min_time) + reader.varint());
  part.order_key = reader.varint();
  part.group_count = reader.varint_up_to(UINT32_MAX);
  if (!get_extent(reader, chunks_end, part.labels) || !get_extent(reader, chunks_end, part.trace_index))
    return wrong("extents");
  uint64_t column_count = reader.varint_up_to(std::min<uint64_t>(kColumnsMax, reader.left() / 3));
  for (uint64_t i = 0; i < column_count; ++i) {
    uint8_t scope = reader.u8(), type = reader.u8();
    std::string_view name = reader.text();
    if (scope > static_cast<uint8_t>(kScopeMax) || type > static_cast<uint8_t>(ColumnType::any))
      return wrong("column");
    part.columns.push_back({{static_cast<Scope>(scope), std::string(name)}, static_cast<ColumnType>(type)});
  }
  uint64_t group_count = reader.varint_up_to(reader.left());
  uint64_t rows = 0;
  for (uint64_t i = 0; i < group_count; ++i) {
    RowGroupInfo group;
    if (!get_row_group(reader, part, chunks_end, group)) return wrong(fmt::format("row group {}", i));
    if (group.min_time < part.min_time || group.max_time > part.max_time)
      return wrong("times of a row group");
    rows += group.row_count;
    part.row_groups.push_back(std::move(group));
  }
  if (!reader.at_end() || rows != part.row_count) return wrong("row groups do not add up");
  return part;
}

}  // namespace obelisk
