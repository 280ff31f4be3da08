#include "storage/embedded/events/scan_units.h"

#include <algorithm>
#include <numeric>

#include "plan/read_progress.h"
#include "storage/embedded/events/chunk_pruning.h"
#include "storage/embedded/events/column_union.h"
#include "storage/embedded/events/head_search.h"
#include "storage/embedded/events/row_group_pruning.h"
#include "storage/embedded/events/trace_index_block.h"

namespace obelisk {
namespace {

std::vector<uint64_t> sorted_keys(const std::vector<TraceId>& ids) {
  std::vector<uint64_t> keys;
  keys.reserve(ids.size());
  for (const TraceId& id : ids) keys.push_back(trace_key(id));
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

Result<std::shared_ptr<const PartContext>> make_context(const EventTableView& table, const EventPartPtr& part,
                                                        const Expr& where) {
  auto context = std::make_shared<PartContext>();
  context->part = part;
  context->visible = table.visible_in(*part);
  OBELISK_TRY(context->labels, part->labels());
  context->where =
      settle_labels(context->visible ? Expr::all_of({where, *context->visible}) : where, *context->labels);
  context->decisions = decide_sets(context->where, *context->labels);
  return std::shared_ptr<const PartContext>(std::move(context));
}

bool has_wanted_group(const RowGroupInfo& group, const std::vector<Decision>& decisions) {
  return std::any_of(group.runs.begin(), group.runs.end(),
                     [&](const GroupRun& run) { return decisions[run.group] != Decision::no; });
}

ScanUnit unit_of(std::shared_ptr<const PartContext> context, uint32_t row_group, uint32_t rank) {
  const RowGroupInfo& info = context->part->directory().row_groups[row_group];
  return {std::move(context), row_group, nullptr,           info.min_time,
          info.max_time,      rank,      Decision::depends, nullptr};
}

// Null for an empty batch.
std::optional<ScanUnit> unit_of(const HeadBatchPtr& batch, uint32_t rank) {
  if (batch->row_count() == 0) return std::nullopt;
  return ScanUnit{nullptr, 0, batch, batch->min_time(), batch->max_time(), rank, Decision::depends, nullptr};
}

bool overlaps(const TimeRange& range, int64_t min_time, int64_t max_time) {
  return range.begin.value <= max_time && min_time < range.end.value;
}

// Keeps the first `limit` of `rows` by time (ties: as they lie), in the order they lie.
void keep_first_by_time(std::vector<uint32_t>& rows, const std::vector<int64_t>& times, Order order,
                        uint64_t limit) {
  if (limit == 0 || rows.size() <= limit) return;
  if (order != Order::any) {
    auto before = [&](uint32_t a, uint32_t b) {
      if (times[a] != times[b])
        return order == Order::time_ascending ? times[a] < times[b] : times[a] > times[b];
      return a < b;
    };
    std::nth_element(rows.begin(), rows.begin() + static_cast<ptrdiff_t>(limit), rows.end(), before);
  }
  rows.resize(limit);
  std::sort(rows.begin(), rows.end());
}

Result<BatchPtr> read_batch(const ScanUnit& unit, const Expr& where, const TimeRange& range,
                            const std::vector<ColumnId>* wanted, Order order, uint64_t row_limit,
                            ReadCounts& counts, const std::vector<uint32_t>* left_out) {
  counts.rows += unit.head->row_count();
  note_read({unit.head->row_count(), 0});
  std::vector<ColumnId> columns;
  if (wanted != nullptr) columns = *wanted;
  where.collect_columns(columns);
  BatchPtr batch = head_rows_of(unit, wanted == nullptr ? nullptr : &columns, left_out);
  if (batch == nullptr) return batch;
  const std::vector<int64_t>& times = batch->times();
  std::vector<uint8_t> keep = evaluate(where, *batch);
  std::vector<uint32_t> rows;
  for (uint32_t row = 0; row < keep.size(); ++row) {
    if (keep[row] != 0 && range.contains({times[row]})) rows.push_back(row);
  }
  if (rows.empty()) return BatchPtr();
  if (rows.size() == batch->row_count && wanted == nullptr && (row_limit == 0 || rows.size() <= row_limit))
    return batch;
  keep_first_by_time(rows, times, order, row_limit);
  std::vector<RowRef> refs;
  for (uint32_t row : rows) refs.push_back({0, row});
  return std::make_shared<const Batch>(gather_columns(batch->table, {batch}, refs, wanted, false));
}

}  // namespace

BatchPtr head_rows_of(const ScanUnit& unit, const std::vector<ColumnId>* wanted,
                      const std::vector<uint32_t>* left_out) {
  bool leaves_out = left_out != nullptr && !left_out->empty();
  if (unit.head_rows == nullptr && !leaves_out) return unit.head->batch(wanted);
  std::vector<uint32_t> rows;
  if (unit.head_rows != nullptr) {
    rows = *unit.head_rows;
  } else {
    rows.resize(unit.head->row_count());
    std::iota(rows.begin(), rows.end(), 0u);
  }
  if (leaves_out) {
    std::erase_if(rows,
                  [&](uint32_t row) { return std::binary_search(left_out->begin(), left_out->end(), row); });
  }
  if (rows.empty()) return nullptr;
  return unit.head->rows(rows, wanted);
}

uint64_t ScanUnit::row_count() const {
  return context ? context->part->directory().row_groups[row_group].row_count : head->row_count();
}

Result<std::vector<ScanUnit>> list_scan_units(const EventTableView& table, const TimeRange& range,
                                              const Expr& where, const Cancel& cancel) {
  std::vector<ScanUnit> units;
  uint32_t rank = 0;
  // Parts with a trace index are asked for all row groups at once; log parts row group by row group
  // (decide_row_group).
  std::optional<std::vector<TraceId>> ids;
  if (!table.parts.empty() && table.parts[0]->directory().table != Table::logs)
    ids = required_trace_ids(where);
  std::vector<uint64_t> keys;
  if (ids) keys = sorted_keys(*ids);
  for (const EventPartPtr& part : table.parts) {
    OBELISK_CHECK_OK(cancel.check());
    const EventPartDirectory& directory = part->directory();
    rank += static_cast<uint32_t>(directory.row_groups.size());
    if (!overlaps(range, directory.min_time, directory.max_time)) continue;
    std::vector<uint32_t> with_trace;
    if (ids) {
      OBELISK_TRY(with_trace, part->row_groups_of_traces(keys));
      if (with_trace.empty()) continue;
    }
    std::shared_ptr<const PartContext> context;
    for (uint32_t i = 0; i < directory.row_groups.size(); ++i) {
      const RowGroupInfo& group = directory.row_groups[i];
      if (!overlaps(range, group.min_time, group.max_time)) continue;
      if (ids && !std::binary_search(with_trace.begin(), with_trace.end(), i)) continue;
      if (!context) {
        // Parts of which no row group can hold need no context; decide_row_group looks at the same.
        if (decide_by_stats(where, directory, group) == Decision::no) continue;
        OBELISK_TRY(context, make_context(table, part, where));
      }
      if (!has_wanted_group(group, context->decisions)) continue;
      OBELISK_TRY(Decision decision,
                  decide_row_group(context->where, *part, i, *context->labels, context->decisions));
      if (decision == Decision::no) continue;
      units.push_back(unit_of(context, i, rank - static_cast<uint32_t>(directory.row_groups.size()) + i));
      units.back().decision = decision;
    }
  }
  for (const HeadBatchPtr& batch : table.head) {
    auto unit = unit_of(batch, rank++);
    if (!unit || !overlaps(range, unit->min_time, unit->max_time)) continue;
    OBELISK_CHECK_OK(cancel.check());
    OBELISK_TRY(std::optional<std::vector<uint32_t>> rows, rows_that_may_hold(*batch, where));
    if (rows && rows->empty()) continue;
    if (rows) unit->head_rows = std::make_shared<const std::vector<uint32_t>>(std::move(*rows));
    units.push_back(std::move(*unit));
  }
  return units;
}

Result<std::vector<ScanUnit>> list_trace_units(const EventTableView& table, const std::vector<TraceId>& ids,
                                               const Cancel& cancel) {
  std::vector<ScanUnit> units;
  std::vector<uint64_t> keys = sorted_keys(ids);
  uint32_t rank = 0;
  for (const EventPartPtr& part : table.parts) {
    OBELISK_CHECK_OK(cancel.check());
    OBELISK_TRY(std::vector<uint32_t> row_groups, part->row_groups_of_traces(keys));
    std::shared_ptr<const PartContext> context;
    if (!row_groups.empty()) {
      OBELISK_TRY(context, make_context(table, part, Expr()));
    }
    for (uint32_t row_group : row_groups) units.push_back(unit_of(context, row_group, rank + row_group));
    rank += static_cast<uint32_t>(part->directory().row_groups.size());
  }
  for (const HeadBatchPtr& batch : table.head) {
    if (auto unit = unit_of(batch, rank++)) units.push_back(std::move(*unit));
  }
  return units;
}

Result<BatchPtr> read_scan_unit(const ScanUnit& unit, const Expr& where, const TimeRange& range,
                                const std::vector<ColumnId>* wanted, Order order, uint64_t row_limit,
                                Budget& budget, ReadCounts& counts, const std::vector<uint32_t>* left_out,
                                ScanReadAhead* ahead) {
  // Units with a context were listed for this condition, which the context holds.
  if (!unit.context) return read_batch(unit, where, range, wanted, order, row_limit, counts, left_out);
  const PartContext& context = *unit.context;
  RowGroupReader reader(context.part, unit.row_group, context.labels, budget, counts);
  reader.note_reads_in(ahead);
  // The trace index has named this row group, so its rows will be wanted: all in one read.
  bool by_trace = context.part->directory().trace_index.length > 0 && required_trace_ids(where).has_value();
  if (by_trace && wanted != nullptr) {
    std::vector<ColumnId> columns = *wanted;
    where.collect_columns(columns);
    OBELISK_CHECK_OK(reader.fetch(&columns));
  } else if (by_trace) {
    OBELISK_CHECK_OK(reader.fetch(nullptr));
  }
  OBELISK_TRY(RowMask mask, reader.candidates(range, context.decisions));
  if (unit.decision != Decision::yes) {
    OBELISK_TRY(mask, reader.evaluate(context.where, mask));
  }
  if (left_out != nullptr) {
    for (uint32_t row : *left_out) mask[row] = 0;
  }
  std::vector<uint32_t> rows = rows_of(mask);
  if (rows.empty()) return BatchPtr();
  if (row_limit != 0 && rows.size() > row_limit) {
    OBELISK_TRY(const std::vector<int64_t>* times, reader.times());
    keep_first_by_time(rows, *times, order, row_limit);
  }
  reader.narrow({rows.front(), rows.back() + size_t{1}});
  OBELISK_TRY(Batch batch, reader.materialise(rows, wanted));
  return std::make_shared<const Batch>(std::move(batch));
}

Result<RowMask> visible_rows(const PartContext& context, RowGroupReader& reader, const TimeRange& range) {
  OBELISK_TRY(RowMask mask, reader.candidates(range, {}));
  if (context.visible && any_row(mask)) {
    OBELISK_TRY(mask, reader.evaluate(*context.visible, mask));
  }
  return mask;
}

Result<std::shared_ptr<const RepeatedLines>> repeated_lines_of(const EventTableView& table,
                                                               const std::vector<ScanUnit>& units,
                                                               Budget& budget, const Cancel& cancel) {
  if (units.empty()) return std::make_shared<const RepeatedLines>();
  std::vector<EventPartPtr> parts;
  VisibleParts visible;
  std::vector<HeadBatchPtr> head;
  for (const ScanUnit& unit : units) {
    if (!unit.context) {
      head.push_back(unit.head);
    } else if (parts.empty() || parts.back() != unit.context->part) {
      parts.push_back(unit.context->part);
      visible.push_back(unit.context->visible);
    }
  }
  return table.repeated_lines->of(parts, visible, head, budget, cancel);
}

const std::vector<uint32_t>* repeated_rows_of(const RepeatedLines& lines, const ScanUnit& unit) {
  return unit.context ? lines.of(*unit.context->part, unit.row_group) : lines.of(*unit.head);
}

}  // namespace obelisk
