#pragma once
// The order of rows in a part: logs and exemplars by labels, then time; spans by trace, then time, then span
// id. Rows that are equal in that keep the order they came in.
#include <cstdint>
#include <vector>

#include "plan/batch.h"
#include "storage/row_sort.h"

namespace obelisk {

struct OrderedRow {
  TraceId key;  // the trace id, or the rank of the labels
  int64_t time = 0;
  uint64_t span_id = 0;
  uint32_t group = 0;  // rank of the labels
  RowRef ref;

  bool before(const OrderedRow& other) const {
    if (key != other.key) return key < other.key;
    if (time != other.time) return time < other.time;
    return span_id < other.span_id;
  }
};

// The distinct label sets of batches, sorted; ranks are positions in it.
class LabelRanks {
 public:
  void add(LabelsView labels, uint64_t hash);
  void sort();
  uint32_t rank(LabelsView labels, uint64_t hash) const;
  LabelsView labels(uint32_t rank) const { return sorted_[rank].labels; }
  uint64_t hash(uint32_t rank) const { return sorted_[rank].hash; }

 private:
  struct Entry {
    LabelsView labels;
    uint64_t hash = 0;
  };
  std::vector<Entry> sorted_;
  std::vector<std::pair<uint64_t, uint32_t>> by_hash_;  // sorted
};

// Appends the rows of `batch`, which is number `index` of the batches being ordered, as they lie.
void append_ordered_rows(const Batch& batch, uint32_t index, const LabelRanks& ranks,
                         std::vector<OrderedRow>& rows);

}  // namespace obelisk
