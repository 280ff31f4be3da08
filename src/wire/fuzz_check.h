#pragma once
// What every decoder's fuzz target asks of the batches it got. Not part of the server.
#include <vector>

#include "base/assert.h"
#include "plan/batch.h"

namespace obelisk {

// The batches keep their invariants, and every byte they point to is readable (a sanitizer build sees when it
// is not). Gives the number of rows.
inline size_t check_decoded(const std::vector<Batch>& batches) {
  size_t rows = 0;
  size_t bytes = 0;
  for (const Batch& batch : batches) {
    Result<void> checked = batch.check();
    OBELISK_ASSERT(checked.ok());
    OBELISK_ASSERT(batch.row_count > 0);
    rows += batch.row_count;
    for (const ColumnData& data : batch.columns) {
      for (std::string_view text : data.strings) {
        for (char c : text) bytes += static_cast<unsigned char>(c);
      }
    }
    for (const Group& group : batch.groups) {
      for (const LabelRef& label : group.labels) {
        OBELISK_ASSERT(!label.name.empty() && !label.value.empty());
        for (char c : label.value) bytes += static_cast<unsigned char>(c);
      }
    }
  }
  volatile size_t keep = bytes;
  (void)keep;
  return rows;
}

}  // namespace obelisk
