#pragma once
// Encodes the columns of row groups, one column over all row groups after the other: a column's values of all
// rows are small enough for the cache, all columns of them are not.
#include <span>
#include <string>
#include <vector>

#include "storage/embedded/events/column_chunk.h"
#include "storage/embedded/events/part_format.h"
#include "storage/embedded/events/row_order.h"
#include "storage/embedded/events/row_source.h"

namespace obelisk {

struct EncodedChunk {
  PartColumn column;
  std::string bytes;
  ChunkStats stats;
};

struct EncodedRowGroup {
  std::vector<EncodedChunk> chunks;  // of the columns that have a value
  std::vector<uint64_t> trace_keys;  // of the trace ids, in the order of rows, neighbours not repeated
};

// Row group i has the rows from ends[i - 1] (0 for the first) to ends[i].
Result<std::vector<EncodedRowGroup>> encode_row_groups(Table table, RowSource& source,
                                                       std::span<const OrderedRow> rows,
                                                       const std::vector<size_t>& ends,
                                                       message::MessageEncoder& messages);

}  // namespace obelisk
