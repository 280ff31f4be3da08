#pragma once
// The directory of an event part: everything about a part but its values, and its bytes. A part file is
//   header (16 bytes) | row groups (column chunks side by side, a trace filter) | labels | trace index |
//   directory | tail (48 bytes)
// and is opened from its tail. Pure functions; parsing trusts nothing. Format: docs/formats/event_part.md.
//
// Invariants (checked when parsed): row counts and times of the row groups add up to the part's; chunks lie
// inside the row-group area; runs cover each row group's rows and name groups of the part.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plan/columns.h"
#include "storage/embedded/events/column_chunk.h"

namespace obelisk {

inline constexpr uint32_t kEventPartVersion = 5;
inline constexpr size_t kEventPartHeaderBytes = 16;
inline constexpr size_t kEventPartTailBytes = 48;
// A row group has at most this many rows: selections hold row numbers in 32 bits, and a reader may size
// buffers by it.
inline constexpr uint64_t kRowGroupRowsMax = 1 << 20;
inline constexpr uint64_t kDirectoryBytesMax = 1ull << 30;

struct PartColumn {
  ColumnId id;
  ColumnType type = ColumnType::string;
};

struct ChunkInfo {
  uint32_t column = 0;  // index into EventPartDirectory::columns
  uint64_t offset = 0;  // in the file
  uint64_t length = 0;
  ChunkStats stats;
};

// Consecutive rows of one group (stream or series).
struct GroupRun {
  uint32_t group = 0;
  uint32_t row_count = 0;
};

struct Extent {
  uint64_t offset = 0;
  uint64_t length = 0;
};

struct RowGroupInfo {
  uint64_t row_count = 0;
  int64_t min_time = 0;
  int64_t max_time = 0;
  // Spans: a span here may have the trace id and span id of another span of the part (a retried request, or a
  // trace that a merge has left in several places). Logs: two rows of one stream have one time.
  bool has_repeated_spans = false;
  std::vector<GroupRun> runs;
  std::vector<ChunkInfo> chunks;  // ascending by column; a column without a value here has none

  Extent trace_filter;  // behind the chunks; length 0: none

  const ChunkInfo* find(uint32_t column) const;
  // Of all chunks, which lie side by side.
  uint64_t chunk_bytes() const {
    return chunks.empty() ? 0 : chunks.back().offset + chunks.back().length - chunks.front().offset;
  }
};

struct EventPartDirectory {
  Table table = Table::logs;
  uint64_t row_count = 0;
  int64_t min_time = 0;
  int64_t max_time = 0;
  // Parts of a table are read in this order, so that rows of one stream with one time keep the order they
  // came in: the first log sequence of the rows.
  uint64_t order_key = 0;
  std::vector<PartColumn> columns;
  std::vector<RowGroupInfo> row_groups;
  uint64_t group_count = 0;
  Extent labels;
  Extent trace_index;  // length 0: no trace ids
  uint64_t file_bytes = 0;

  // Every column with this name, whatever its type.
  std::vector<uint32_t> columns_named(const ColumnId& id) const;
};

std::string encode_event_part_header(Table table);
// The directory as it is before compression.
std::string encode_directory_bytes(const EventPartDirectory& directory);
// Directory and tail, to follow at `directory_offset`.
std::string encode_event_part_end(const EventPartDirectory& directory, uint64_t directory_offset);

struct EventPartTail {
  Extent directory;              // stored bytes
  uint64_t directory_bytes = 0;  // once decompressed
  uint32_t table = 0;
  uint64_t checksum = 0;
};
// `bytes` are the last kEventPartTailBytes of a file of `file_bytes`. unsupported for an unknown version.
Result<EventPartTail> parse_event_part_tail(std::string_view bytes, uint64_t file_bytes);
Result<EventPartDirectory> parse_event_part_directory(std::string_view stored, const EventPartTail& tail,
                                                      uint64_t file_bytes);
// The same from decompressed bytes whose checksum was compared; chunks must end before `chunks_end`.
Result<EventPartDirectory> parse_directory_bytes(std::string_view raw, uint64_t chunks_end);

}  // namespace obelisk
