// Values of a column with their counts. Row groups whose rows all count give a dictionary's entries with how
// many rows have each, without decoding rows; what whole parts have is kept (value_lists.h). A span that was
// sent twice counts once.
#include <algorithm>
#include <optional>

#include "plan/budget.h"
#include "storage/embedded/events/event_scan.h"
#include "storage/embedded/events/repeated_spans.h"
#include "storage/embedded/events/scan_read_ahead.h"
#include "storage/embedded/events/scan_units.h"
#include "storage/embedded/events/unit_pipeline.h"
#include "storage/embedded/events/value_counter.h"

namespace obelisk {
namespace {

// Calls that have no budget of their own read one row group at a time, and remember spans, within this.
constexpr uint64_t kUnitBudgetBytes = 2ull << 30;
// Fewer row groups are read alone: that takes less than it takes a thread to wake up.
constexpr size_t kUnitsHelped = 16;

class ValueScan {
 public:
  ValueScan(const EventTableView& table, const Scan& scan, const ColumnId& column)
      : scan_(scan), column_(column), budget_(kUnitBudgetBytes) {
    if (scan.table == Table::spans) spans_.emplace(table, budget_);
  }

  Result<void> find_repeats(const std::vector<ScanUnit>& units) {
    if (!spans_) return {};
    return spans_->find(units, parts_of(units));
  }
  // Units are then counted from the first one again.
  void begin() {
    if (spans_) spans_->forget_met();
  }

  // The entries of the unit's dictionaries with how many rows have each, when all rows count and no chunk has
  // another coding: null otherwise. Helpers call it too.
  struct EntryCounts {
    ColumnChunk chunk;
    std::vector<uint64_t> counts;
  };
  using UnitCounts = std::shared_ptr<const std::vector<EntryCounts>>;
  Result<UnitCounts> count_entries(const ScanUnit& unit, ScanReadAhead& ahead) {
    if (!unit.context) return UnitCounts();
    const PartContext& context = *unit.context;
    bool every_row = scan_.where.is_always() && !context.visible && scan_.range.contains({unit.min_time}) &&
                     scan_.range.contains({unit.max_time}) && !(spans_ && spans_->may_repeat(unit));
    if (!every_row) return UnitCounts();
    ReadCounts counts;
    RowGroupReader reader(context.part, unit.row_group, context.labels, budget_, counts);
    reader.note_reads_in(&ahead);
    reader.narrow({0, 0});
    OBELISK_TRY(auto chunks, reader.chunks_of(column_));
    auto counted = std::make_shared<std::vector<EntryCounts>>();
    for (auto& [number, chunk] : chunks) {
      if (!chunk->has_dictionary()) return UnitCounts();
      std::vector<uint64_t> by_entry;
      OBELISK_CHECK_OK(chunk->count_entries(by_entry));
      counted->push_back({std::move(*chunk), std::move(by_entry)});
    }
    return UnitCounts(std::move(counted));
  }

  // `entries`: what count_entries() gave for it.
  Result<void> count(const ScanUnit& unit, const UnitCounts& entries, ScanReadAhead& ahead,
                     ValueCounter& counter) {
    ReadCounts counts;
    if (!unit.context) return count_batch(unit, counts, counter);
    if (entries != nullptr) {
      for (const EntryCounts& part : *entries)
        counter.add_entries(part.chunk.entries(), part.chunk.type(), part.counts);
      return {};
    }
    RowGroupReader reader(unit.context->part, unit.row_group, unit.context->labels, budget_, counts);
    reader.note_reads_in(&ahead);
    return count_rows(unit, reader, counter);
  }

  // Remembers the spans of a unit, all of whose rows count, that others may repeat.
  Result<void> note(const ScanUnit& unit) {
    if (!spans_ || !spans_->may_repeat(unit)) return {};
    ReadCounts counts;
    RowGroupReader reader(unit.context->part, unit.row_group, unit.context->labels, budget_, counts);
    RowMask mask(reader.info().row_count, 1);
    OBELISK_TRY(auto chunks, reader.chunks_of(column_));
    keep_present(chunks, mask);
    return spans_->drop(unit, reader, mask);
  }

 private:
  using Chunks = std::vector<std::pair<uint32_t, ColumnChunk*>>;

  static void keep_present(const Chunks& chunks, RowMask& mask) {
    for (size_t row = 0; row < mask.size(); ++row) {
      bool present = std::any_of(chunks.begin(), chunks.end(),
                                 [&](const auto& chunk) { return chunk.second->is_present(row); });
      mask[row] &= present ? 1 : 0;
    }
  }

  Result<void> count_batch(const ScanUnit& unit, ReadCounts& counts, ValueCounter& counter) {
    std::vector<ColumnId> wanted = {column_};
    if (spans_) {
      wanted.push_back(fixed_column(column::kTraceId));
      wanted.push_back(fixed_column(column::kSpanId));
    }
    OBELISK_TRY(BatchPtr batch,
                read_scan_unit(unit, scan_.where, scan_.range, &wanted, Order::any, 0, budget_, counts));
    if (!batch) return {};
    std::vector<const ColumnData*> found;
    for (const ColumnData& data : batch->columns) {
      if (data.id == column_) found.push_back(&data);
    }
    if (found.empty()) return {};
    RowMask repeated;
    if (spans_) {
      OBELISK_TRY(repeated, repeated_rows(*batch, found));
    }
    for (const ColumnData* data : found) {
      if (!any_row(repeated)) {
        OBELISK_CHECK_OK(counter.add_rows(*data));
        continue;
      }
      ColumnData fresh = *data;
      if (fresh.present.empty()) fresh.present.assign(batch->row_count, 1);
      for (size_t row = 0; row < repeated.size(); ++row) {
        if (repeated[row] != 0) fresh.present[row] = 0;
      }
      OBELISK_CHECK_OK(counter.add_rows(fresh));
    }
    return {};
  }

  // Of the rows that have a value.
  Result<RowMask> repeated_rows(const Batch& batch, const std::vector<const ColumnData*>& found) {
    RowMask repeated(batch.row_count, 0);
    const ColumnData* traces = batch.find(fixed_column(column::kTraceId), ColumnType::trace_id);
    const ColumnData* ids = batch.find(fixed_column(column::kSpanId), ColumnType::int64);
    for (size_t row = 0; traces != nullptr && row < batch.row_count; ++row) {
      bool present = std::any_of(found.begin(), found.end(),
                                 [&](const ColumnData* data) { return data->is_present(row); });
      if (!present) continue;
      int64_t id = ids == nullptr || !ids->is_present(row) ? 0 : ids->ints[row];
      OBELISK_TRY(bool fresh, spans_->met().insert(traces->trace_ids[row], id));
      repeated[row] = fresh ? 0 : 1;
    }
    return repeated;
  }

  Result<void> count_rows(const ScanUnit& unit, RowGroupReader& reader, ValueCounter& counter) {
    const PartContext& context = *unit.context;
    OBELISK_TRY(RowMask mask, reader.candidates(scan_.range, context.decisions));
    OBELISK_TRY(mask, reader.evaluate(scan_.where, mask));
    if (context.visible && any_row(mask)) {
      OBELISK_TRY(mask, reader.evaluate(*context.visible, mask));
    }
    if (!any_row(mask)) return {};
    OBELISK_TRY(auto chunks, reader.chunks_of(column_));
    if (spans_ && spans_->may_repeat(unit)) {
      keep_present(chunks, mask);
      OBELISK_CHECK_OK(spans_->drop(unit, reader, mask));
    }
    for (auto& [number, chunk] : chunks) {
      if (!chunk->has_dictionary()) {
        OBELISK_TRY(ColumnData data, chunk->gather(column_, rows_of(mask)));
        OBELISK_CHECK_OK(counter.add_rows(data));
        continue;
      }
      std::vector<uint64_t> by_entry(chunk->entries().size());
      for (size_t row = 0; row < mask.size(); ++row) {
        if (mask[row] != 0 && chunk->is_present(row)) ++by_entry[chunk->entry_of(row)];
      }
      counter.add_entries(chunk->entries(), chunk->type(), by_entry);
    }
    return {};
  }

  const Scan& scan_;
  const ColumnId& column_;
  Budget budget_;
  std::optional<RepeatedSpans> spans_;
};

Result<void> count_all(const std::vector<ScanUnit>& units, ValueScan& values, const Cancel& cancel,
                       ValueCounter& counter) {
  ScanReadAhead ahead(units);
  UnitPipeline<Result<ValueScan::UnitCounts>> pipeline(units.size(), [&](size_t unit) {
    ahead.enter(unit);
    return values.count_entries(units[unit], ahead);
  });
  std::optional<UnitPipeline<Result<ValueScan::UnitCounts>>::Helped> help;
  if (units.size() >= kUnitsHelped) help.emplace(pipeline);
  while (!pipeline.done()) {
    OBELISK_CHECK_OK(cancel.check());
    const ScanUnit& unit = units[pipeline.next_unit()];
    OBELISK_TRY(ValueScan::UnitCounts entries, pipeline.take());
    OBELISK_CHECK_OK(values.count(unit, entries, ahead, counter));
    if (counter.is_over()) break;
  }
  return {};
}

// The list of the whole parts that `units` are of, from the cache or counted and kept.
Result<ValueListPtr> list_of_parts(ValueListCache& cache, const std::vector<ScanUnit>& units,
                                   const ColumnId& column, bool others_follow, ValueScan& values,
                                   const Cancel& cancel) {
  std::vector<EventPartPtr> parts = parts_of(units);
  if (ValueListPtr known = cache.of(parts, column)) {
    for (const ScanUnit& unit : units) {
      if (!others_follow || known->too_many) break;
      OBELISK_CHECK_OK(values.note(unit));
    }
    return known;
  }
  ValueCounter counter(kValueListMax);
  OBELISK_CHECK_OK(count_all(units, values, cancel, counter));
  ValueListPtr list;
  if (counter.is_over()) {
    auto many = std::make_shared<ValueList>();
    many->too_many = true;
    list = std::move(many);
  } else {
    list = make_value_list(counter.by_value());
  }
  cache.keep(parts, column, list);
  return list;
}

// Nullopt when no part can be answered for as a whole, or has too many values for that.
Result<std::optional<std::vector<ValueCount>>> values_by_lists(const EventTableView& table, const Scan& scan,
                                                               const ColumnId& column, uint64_t limit,
                                                               const std::vector<ScanUnit>& units,
                                                               ValueScan& values, const Cancel& cancel) {
  std::optional<std::vector<ValueCount>> none;
  if (!scan.where.is_always() || table.value_lists == nullptr) return none;
  std::vector<ScanUnit> whole, others;
  for (const ScanUnit& unit : units) {
    bool is_whole = unit.context && !unit.context->visible &&
                    scan.range.contains({unit.context->part->directory().min_time}) &&
                    scan.range.contains({unit.context->part->directory().max_time});
    (is_whole ? whole : others).push_back(unit);
  }
  if (whole.empty()) return none;
  values.begin();
  OBELISK_TRY(ValueListPtr list,
              list_of_parts(*table.value_lists, whole, column, !others.empty(), values, cancel));
  if (list->too_many) return none;
  if (others.empty()) return std::optional(most_frequent_of(*list, limit));
  ValueCounter counter(kEventValuesMax - std::min(kEventValuesMax, list->values.size()));
  OBELISK_CHECK_OK(count_all(others, values, cancel, counter));
  if (counter.is_over()) return none;
  std::vector<ValueCount> merged = merge_values(list->values, counter.by_value());
  return std::optional(most_frequent_of(*make_value_list(std::move(merged)), limit));
}

}  // namespace

Result<std::vector<ValueCount>> event_values(const EventView& view, const Scan& scan, const ColumnId& column,
                                             uint64_t limit, const Cancel& cancel) {
  if (column.scope == Scope::label) return event_label_values(view, scan, column.name, limit, cancel);
  const EventTableView& table = view.of(scan.table);
  Expr where = Expr::all_of({scan.where, Expr::exists(column)});
  OBELISK_TRY(std::vector<ScanUnit> units, list_scan_units(table, scan.range, where, cancel));
  ValueScan values(table, scan, column);
  OBELISK_CHECK_OK(values.find_repeats(units));
  OBELISK_TRY(std::optional<std::vector<ValueCount>> listed,
              values_by_lists(table, scan, column, limit, units, values, cancel));
  if (listed) return std::move(*listed);
  return most_frequent_values(limit, kEventValuesMax, [&](ValueCounter& counter) -> Result<void> {
    values.begin();
    return count_all(units, values, cancel, counter);
  });
}

}  // namespace obelisk
