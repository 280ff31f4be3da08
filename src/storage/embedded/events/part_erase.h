#pragma once
// Takes chosen rows out of a part by writing it anew without them. What is erased is gone from the disk when
// the old file is removed, which is when the last snapshot that may read it lets go.
#include <string>

#include "plan/expression.h"
#include "storage/embedded/events/event_part.h"
#include "storage/embedded/events/part_writer.h"

namespace obelisk {

enum class ErasedPart : uint8_t {
  untouched,  // no row is chosen: nothing was written
  rewritten,  // the file at `path` holds the rows that are left
  emptied,    // no row is left: nothing was written
};

// Chosen are the rows with a time in `range` for which `where` holds. Writes the file at `path`, synced. One
// row group in memory at a time.
Result<ErasedPart> erase_from_part(Disk& disk, const std::string& path, const EventPartPtr& part,
                                   const TimeRange& range, const Expr& where, const RowGroupLimits& limits);

}  // namespace obelisk
