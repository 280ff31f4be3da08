#pragma once
// The order of rows in a part: logs and exemplars by stream, then time; spans by the second in which their
// trace begins, then trace, then time, then span id: row groups of a busy store hold a moment, so that time
// ranges and steps select whole ones, and a trace lies together. Rows that are equal in that keep the order
// they came in. Streams are ordered by their service, then by all their labels: lines of one service are
// alike, and a row group that holds few services stores and searches them best.
// Within a second a flush may put traces by when they came before it puts them by their id (span_pieces.h):
// readers rely on a trace lying together, and on nothing else.
#include <cstdint>
#include <span>
#include <vector>

#include "plan/batch.h"
#include "storage/row_sort.h"

namespace obelisk {

struct OrderedRow {
  int64_t window = 0;  // spans: when the trace begins, in units of kTraceWindowNanos
  TraceId key;         // the trace id, or the rank of the labels
  int64_t time = 0;
  uint64_t span_id = 0;
  uint32_t group = 0;  // rank of the labels
  RowRef ref;

  bool before(const OrderedRow& other) const {
    if (window != other.window) return window < other.window;
    if (key != other.key) return key < other.key;
    if (time != other.time) return time < other.time;
    return span_id < other.span_id;
  }
};

inline constexpr int64_t kTraceWindowNanos = kNanosPerSecond;
int64_t trace_window_of(int64_t time);
// Rows of spans into the order of a part, with their windows: of the first row of their trace among `rows`;
// of their own time without a trace. Stable.
void order_spans(std::vector<OrderedRow>& rows);

// The value of the label that names a stream's service, by the names in use; empty when it has none.
std::string_view service_of(LabelsView labels);

// The distinct label sets of batches, sorted (by service, then all labels); ranks are positions in it.
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
    std::string_view service = {};
  };
  std::vector<Entry> sorted_;
  std::vector<std::pair<uint64_t, uint32_t>> by_hash_;  // sorted
};

// Appends the rows of `batch`, which is number `index` of the batches being ordered, as they lie.
void append_ordered_rows(const Batch& batch, uint32_t index, const LabelRanks& ranks,
                         std::vector<OrderedRow>& rows);
// Rows of logs and exemplars into the order of a part. Stable.
void sort_rows(std::vector<OrderedRow>& rows);

}  // namespace obelisk
