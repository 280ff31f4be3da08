#include "storage/embedded/events/event_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "storage/embedded/events/row_cursor.h"
#include "storage/embedded/events/scan_read_ahead.h"
#include "storage/embedded/events/scan_units.h"
#include "storage/embedded/events/trace_cursor.h"
#include "storage/memory/batch_scan.h"

namespace obelisk {
namespace {

// Calls that have no budget of their own read one row group at a time within this.
constexpr uint64_t kUnitBudgetBytes = 2ull << 30;

bool inside(const TimeRange& range, const ScanUnit& unit) {
  return range.contains({unit.min_time}) && range.contains({unit.max_time});
}

// Rows of every series together: read what the scan selects, then order it as the memory store does.
Result<std::unique_ptr<Cursor>> open_series_scan(const EventView& view, const Scan& scan, Budget& budget,
                                                 const Cancel& cancel) {
  OBELISK_TRY(std::vector<ScanUnit> units,
              list_scan_units(view.of(scan.table), scan.range, scan.where, cancel));
  const std::vector<ColumnId>* wanted = scan.all_columns ? nullptr : &scan.columns;
  std::vector<BatchPtr> batches;
  ReadCounts counts;
  ScanReadAhead ahead(units);
  for (size_t i = 0; i < units.size(); ++i) {
    OBELISK_CHECK_OK(cancel.check());
    ahead.enter(i);
    OBELISK_TRY(BatchPtr batch, read_scan_unit(units[i], scan.where, scan.range, wanted, Order::any, 0,
                                               budget, counts, nullptr, &ahead));
    if (batch) batches.push_back(std::move(batch));
  }
  Scan selected = scan;
  selected.where = Expr();
  return scan_batches(std::move(batches), selected, budget, cancel);
}

using ColumnSet = std::set<std::pair<ColumnId, ColumnType>>;

Result<void> add_columns(const ScanUnit& unit, const TimeRange& range, ColumnSet& found) {
  const PartContext& context = *unit.context;
  const EventPartDirectory& directory = context.part->directory();
  const RowGroupInfo& info = directory.row_groups[unit.row_group];
  if (inside(range, unit) && !context.visible) {
    for (const ChunkInfo& chunk : info.chunks)
      found.insert({directory.columns[chunk.column].id, directory.columns[chunk.column].type});
    return {};
  }
  Budget budget(kUnitBudgetBytes);
  ReadCounts counts;
  RowGroupReader reader(context.part, unit.row_group, context.labels, budget, counts);
  OBELISK_TRY(RowMask mask, visible_rows(context, reader, range));
  if (!any_row(mask)) return {};
  for (const ChunkInfo& info_of_chunk : info.chunks) {
    const PartColumn& column = directory.columns[info_of_chunk.column];
    if (found.contains({column.id, column.type})) continue;
    OBELISK_TRY(auto chunks, reader.chunks_of(column.id));
    for (auto& [number, chunk] : chunks) {
      if (number != info_of_chunk.column) continue;
      for (size_t row = 0; row < mask.size(); ++row) {
        if (mask[row] == 0 || !chunk->is_present(row)) continue;
        found.insert({column.id, column.type});
        break;
      }
    }
  }
  return {};
}

}  // namespace

Cost event_scan_cost(const EventView& view, const Scan& scan) {
  Cost cost;
  const EventTableView& table = view.of(scan.table);
  for (const EventPartPtr& part : table.parts) {
    const EventPartDirectory& directory = part->directory();
    if (scan.range.contains({directory.min_time}) && scan.range.contains({directory.max_time})) {
      cost.rows += directory.row_count;
      cost.bytes += part->chunk_bytes();
      continue;
    }
    for (const RowGroupInfo& group : directory.row_groups) {
      if (group.max_time < scan.range.begin.value || group.min_time >= scan.range.end.value) continue;
      cost.rows += group.row_count;
      cost.bytes += group.chunk_bytes();
    }
  }
  for (const HeadBatchPtr& batch : table.head) {
    cost.rows += batch->row_count();
    cost.bytes += batch->memory_bytes();
  }
  return cost;
}

Result<std::unique_ptr<Cursor>> open_event_scan(EventViewPtr view, const Scan& scan, Budget& budget,
                                                const Cancel& cancel) {
  OBELISK_CHECK_OK(cancel.check());
  switch (scan.unit) {
    case Unit::trace:
      return make_trace_cursor(std::move(view), scan, budget, cancel);
    case Unit::series:
      return open_series_scan(*view, scan, budget, cancel);
    case Unit::row:
      break;
  }
  OBELISK_TRY(std::vector<ScanUnit> units,
              list_scan_units(view->of(scan.table), scan.range, scan.where, cancel));
  return make_row_cursor(std::move(view), scan, std::move(units), budget, cancel);
}

Result<std::vector<ColumnInfo>> event_columns(const EventView& view, const Scan& scan) {
  Cancel cancel;
  OBELISK_TRY(std::vector<ScanUnit> units, list_scan_units(view.of(scan.table), scan.range, Expr(), cancel));
  ColumnSet found;
  // Row groups of a part mostly have the same columns, and these are in `found` after the first.
  const PartContext* context = nullptr;
  std::vector<uint8_t> known;
  size_t unknown = 0;
  for (const ScanUnit& unit : units) {
    if (unit.context) {
      if (unit.context.get() != context) {
        context = unit.context.get();
        known.assign(context->part->directory().columns.size(), 0);
        unknown = known.size();
      }
      if (unknown == 0) continue;
      const RowGroupInfo& info = context->part->directory().row_groups[unit.row_group];
      bool news = std::any_of(info.chunks.begin(), info.chunks.end(),
                              [&](const ChunkInfo& chunk) { return known[chunk.column] == 0; });
      if (!news) continue;
      OBELISK_CHECK_OK(add_columns(unit, scan.range, found));
      for (const ChunkInfo& chunk : info.chunks) {
        const PartColumn& column = context->part->directory().columns[chunk.column];
        if (known[chunk.column] != 0 || !found.contains({column.id, column.type})) continue;
        known[chunk.column] = 1;
        --unknown;
      }
    } else {
      for (const ColumnInfo& info : columns_of_batches({unit.head->batch(nullptr)}, scan))
        found.insert({info.id, info.type});
    }
  }
  std::vector<ColumnInfo> infos;
  for (const auto& [id, type] : found) infos.push_back({id, type});
  return infos;
}

}  // namespace obelisk
