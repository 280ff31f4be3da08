#pragma once
// Counts distinct values of a column over row groups: a dictionary's entries are added with how many rows
// have them, so that each is looked up once a row group. Texts are copied once. One thread. Bound: `most`
// distinct values; one more is not taken, and is_over() says so. Of several passes over the same values each
// counter takes those of one part of the hashes.
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "plan/batch.h"
#include "storage/reader.h"

namespace obelisk {

inline constexpr size_t kEventValuesMax = 1 << 20;

class ValueCounter {
 public:
  explicit ValueCounter(size_t most, uint32_t passes = 1, uint32_t pass = 0)
      : most_(most), passes_(passes), pass_(pass), slots_(1024) {}
  Result<void> add(std::string_view value, ColumnType type, uint64_t count);
  // A dictionary's entries, each with how many rows have it; 0: not to be added.
  void add_entries(std::span<const std::string_view> entries, ColumnType type,
                   std::span<const uint64_t> counts);
  Result<void> add_rows(const ColumnData& data);
  bool is_over() const { return over_; }
  // Equally frequent ones by value, then type. Limit 0: all.
  std::vector<ValueCount> most_frequent(uint64_t limit) const { return ordered(limit, true); }
  // All, by value, then type.
  std::vector<ValueCount> by_value() const { return ordered(0, false); }

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
  std::vector<ValueCount> ordered(uint64_t limit, bool by_count) const;
  Result<void> add_integers(const ColumnData& data);
  void add_hashed(std::string_view value, ColumnType type, uint64_t count, uint64_t wide_hash);
  void grow();

  const size_t most_;
  const uint32_t passes_;
  const uint32_t pass_;
  bool over_ = false;
  Arena arena_;
  std::vector<Entry> entries_;
  std::vector<Slot> slots_;       // a power of two
  std::vector<uint64_t> hashes_;  // of the entries at hand
};

// The `limit` (0: all) most frequent of the values that `count_all` adds to a counter, which is asked again
// for every pass, and may stop once the counter is over. Holds `most` values at a time: where there are more,
// they are counted in several passes, and the most frequent of each together have the most frequent of all.
// too_large when all are wanted of more than `most`, or of more than 64 times as many.
Result<std::vector<ValueCount>> most_frequent_values(
    uint64_t limit, size_t most, const std::function<Result<void>(ValueCounter&)>& count_all);

}  // namespace obelisk
