#pragma once
// What a scan has to look at: row groups of parts and batches of the head, after pruning by time, labels,
// value ranges and the trace index. And how to read one of them.
#include <memory>
#include <optional>
#include <vector>

#include "plan/budget.h"
#include "plan/scan.h"
#include "storage/embedded/events/event_view.h"
#include "storage/embedded/events/row_group_reader.h"

namespace obelisk {

// A part with what the scan knows of it.
struct PartContext {
  EventPartPtr part;
  std::shared_ptr<const LabelTable> labels;
  std::vector<Decision> decisions;  // by group
  // The scan's condition without what the labels of the part decide alike for all groups, and that the row is
  // not erased.
  Expr where;
  // That the row is not erased, alone; null: none is. Whoever looks at rows without `where` must ask for it.
  std::shared_ptr<const Expr> visible;
};

// Either a row group (context set) or a batch of the head.
struct ScanUnit {
  std::shared_ptr<const PartContext> context;
  uint32_t row_group = 0;
  HeadBatchPtr head;
  int64_t min_time = 0;
  int64_t max_time = 0;
  uint32_t rank = 0;  // the order rows came in
  // Of a row group: what is known of the condition before it is read; not `no`.
  Decision decision = Decision::depends;
  // Of a batch of the head: the rows that may satisfy the condition (ascending); null: all may.
  std::shared_ptr<const std::vector<uint32_t>> head_rows;
  uint64_t row_count() const;
};

// Units with rows in `range` that may satisfy `where`.
Result<std::vector<ScanUnit>> list_scan_units(const EventTableView& table, const TimeRange& range,
                                              const Expr& where, const Cancel& cancel);
// The units that hold one of the traces (sorted ids), whatever their time.
Result<std::vector<ScanUnit>> list_trace_units(const EventTableView& table, const std::vector<TraceId>& ids,
                                               const Cancel& cancel);

// The rows of a unit of the head that may satisfy its condition, but not those `left_out` (ascending, or
// null), with the columns `wanted`. Whether each is in the range and satisfies it is left to be asked. Null
// when there are none.
BatchPtr head_rows_of(const ScanUnit& unit, const std::vector<ColumnId>* wanted,
                      const std::vector<uint32_t>* left_out);
// At most `row_limit` rows (0: all) that satisfy `where` in `range`: the first by `order` (any: as they lie).
// Rows stay in the order they lie; null when there are none. `left_out`: rows that do not count (ascending),
// or null.
Result<BatchPtr> read_scan_unit(const ScanUnit& unit, const Expr& where, const TimeRange& range,
                                const std::vector<ColumnId>* wanted, Order order, uint64_t row_limit,
                                Budget& budget, ReadCounts& counts,
                                const std::vector<uint32_t>* left_out = nullptr,
                                ScanReadAhead* ahead = nullptr);
// The rows of a row group in the range that are not erased.
Result<RowMask> visible_rows(const PartContext& context, RowGroupReader& reader, const TimeRange& range);
// The rows of log units that repeat a line (repeated_lines.h).
Result<std::shared_ptr<const RepeatedLines>> repeated_lines_of(const EventTableView& table,
                                                               const std::vector<ScanUnit>& units,
                                                               Budget& budget, const Cancel& cancel);
const std::vector<uint32_t>* repeated_rows_of(const RepeatedLines& lines, const ScanUnit& unit);

}  // namespace obelisk
