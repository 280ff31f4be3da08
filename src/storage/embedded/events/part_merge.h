#pragma once
// Merges several parts of one table and day into one, in sorted order, a few row groups of each input in
// memory at a time. Rows that are equal in the order of row_order.h come in the order of `inputs`.
// Row groups of logs that are large already (half of what the limits allow, or kCopiedRowGroupBytes) are
// copied as they are, in the order of `inputs`, and only smaller neighbours are put together: coding lines
// costs most of what a log store does, and once is enough. Such a part is sorted within its row groups only.
// Row groups of spans are copied in the order of time, and sorted again only where they are small.
#include <string>
#include <vector>

#include "storage/embedded/events/event_part.h"
#include "storage/embedded/events/part_writer.h"

namespace obelisk {

// Row groups of wide lines are large with few rows; decoding several would take hundreds of MiB.
inline constexpr uint64_t kCopiedRowGroupBytes = 2 << 20;

// Writes the file at `path`, synced, and returns its size. `inputs` in order of their order keys.
Result<uint64_t> merge_parts(Disk& disk, const std::string& path, const std::vector<EventPartPtr>& inputs,
                             const RowGroupLimits& limits);

// Which of the parts of one day (in order) to merge now: a run of neighbours of similar size, empty when none
// pays.
struct MergePolicy {
  size_t parts_min = 4;   // fewer are not worth rewriting
  size_t parts_max = 16;  // bounds what a merge holds in memory
  // A part of this size is left alone: rewriting it again gains nothing.
  uint64_t bytes_max = 512ull << 20;
  uint64_t rows_max = 32ull << 20;
};
std::vector<size_t> choose_merge(const std::vector<EventPartPtr>& parts, const MergePolicy& policy);

}  // namespace obelisk
