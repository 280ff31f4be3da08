#pragma once
// The values of columns over whole parts with their counts, kept for the next question: an editor completes
// the same attribute key after key, and the parts it is about do not change. A list stands for one set of
// parts and one column; what is in the head, or in parts that a range covers in part, is counted each time
// and merged with it.
//
// Bounds: lists of at most kValueListMax values, and kValueListBytesMax over all tenants; of a column with
// more values only that is kept that it has. Lists of parts that are gone are dropped when another is asked
// for or kept. Thread safe.
#include <memory>
#include <vector>

#include "base/thread_annotations.h"
#include "storage/embedded/events/event_part.h"
#include "storage/reader.h"

namespace obelisk {

inline constexpr size_t kValueListMax = 128 << 10;
inline constexpr size_t kValueListBytesMax = 12 << 20;

struct ValueList {
  bool too_many = false;           // to be kept; the list is empty then
  std::vector<ValueCount> values;  // by value, then type
  std::vector<uint32_t> by_count;  // the same, most frequent first; equally frequent ones as above

  size_t memory_bytes() const;
};
using ValueListPtr = std::shared_ptr<const ValueList>;

// From values by value and type.
ValueListPtr make_value_list(std::vector<ValueCount> values);
// The `limit` (0: all) most frequent.
std::vector<ValueCount> most_frequent_of(const ValueList& list, uint64_t limit);
// The counts of both, each by value and type, together.
std::vector<ValueCount> merge_values(const std::vector<ValueCount>& a, const std::vector<ValueCount>& b);

class ValueListCache {
 public:
  ~ValueListCache();
  // Null when it is not known.
  ValueListPtr of(const std::vector<EventPartPtr>& parts, const ColumnId& column) EXCLUDES(mutex_);
  void keep(const std::vector<EventPartPtr>& parts, const ColumnId& column, ValueListPtr list)
      EXCLUDES(mutex_);

 private:
  struct Known {
    std::vector<std::weak_ptr<const EventPart>> parts;
    ColumnId column;
    ValueListPtr list;
  };
  void drop_old() REQUIRES(mutex_);

  Mutex mutex_;
  std::vector<Known> known_ GUARDED_BY(mutex_);  // the one used last at the end
};

}  // namespace obelisk
