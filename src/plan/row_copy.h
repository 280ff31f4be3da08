#pragma once
// Copies rows of a batch, with all or some of its columns, into a builder: how filters, merges and sorts make
// new batches. Strings are borrowed, not copied, unless asked; the caller keeps the source alive
// (BatchBuilder::keep_alive).
#include <vector>

#include "plan/batch.h"

namespace obelisk {

class RowCopier {
 public:
  // `wanted` null: all columns. `copy_strings`: into the target's arena.
  RowCopier(BatchBuilder& target, const std::vector<ColumnId>* wanted, bool copy_strings)
      : target_(target), wanted_(wanted), copy_strings_(copy_strings) {}

  // Appends row `row` of `source`; the caller has begun the group.
  void copy(const Batch& source, size_t row);

 private:
  bool is_wanted(const ColumnId& id) const;

  BatchBuilder& target_;
  const std::vector<ColumnId>* wanted_;
  bool copy_strings_;
};

}  // namespace obelisk
