#pragma once
// Parent span ids as distances to the parent's row: rows of a trace lie together, so nearly every parent is
// some rows away, and its id need not be stored a second time. What is stored for a row that has a parent:
// its row minus the parent's row, or 0 where the parent is not among these rows; then the ids of those
// parents, as they are. Format: docs/formats/event_part.md, "Column chunk", coding 7. Pure functions.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "codec/byte_reader.h"
#include "model/ids.h"

namespace obelisk {

struct SpanRow {
  TraceId trace_id;
  int64_t span_id = 0;
};

// Distances of `rows` (those that have a parent id, ascending) with the ids in `parents`, one each.
void encode_parent_rows(std::span<const SpanRow> spans, std::span<const uint32_t> rows,
                        std::span<const int64_t> parents, std::string& out);

struct ParentRows {
  std::vector<int64_t> distances;  // of each row that has a parent id
  std::vector<int64_t> elsewhere;  // ids of the parents that have no row here, in order

  // The ids of rows.size() distances from number `first` on; `rows` as they were encoded. False when a
  // distance leads out of the rows.
  bool resolve(std::span<const uint32_t> rows, size_t first, std::span<const int64_t> span_ids,
               std::vector<int64_t>& parents) const;
};
bool decode_parent_rows(ByteReader& reader, size_t count, ParentRows& out);

}  // namespace obelisk
