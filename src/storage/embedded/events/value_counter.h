#pragma once
// Counts distinct values of a column over row groups: a dictionary's entries are added with how many rows
// have them, so that each is looked up once a row group. Texts are copied once. One thread. Bound:
// kEventValuesMax distinct values.
#include <vector>

#include "base/arena.h"
#include "plan/batch.h"
#include "storage/reader.h"

namespace obelisk {

inline constexpr size_t kEventValuesMax = 1 << 20;

class ValueCounter {
 public:
  ValueCounter() : slots_(1024) {}
  Result<void> add(std::string_view value, ColumnType type, uint64_t count);
  Result<void> add_rows(const ColumnData& data);
  // Equally frequent ones by value, then type.
  std::vector<ValueCount> most_frequent(uint64_t limit) const;

 private:
  struct Entry {
    std::string_view value;
    ColumnType type = ColumnType::string;
    uint64_t count = 0;
  };
  struct Slot {
    uint32_t hash = 0;
    uint32_t entry_plus_one = 0;  // 0: free
  };
  void grow();

  Arena arena_;
  std::vector<Entry> entries_;
  std::vector<Slot> slots_;  // a power of two
};

}  // namespace obelisk
