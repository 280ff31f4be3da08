// Values of a column with their counts. Row groups whose rows all count give a dictionary's entries with how
// many rows have each, without decoding rows.
#include "plan/budget.h"
#include "storage/embedded/events/event_scan.h"
#include "storage/embedded/events/scan_units.h"
#include "storage/embedded/events/value_counter.h"

namespace obelisk {
namespace {

// Calls that have no budget of their own read one row group at a time within this.
constexpr uint64_t kUnitBudgetBytes = 2ull << 30;

class ValueScan {
 public:
  ValueScan(const Scan& scan, const ColumnId& column) : scan_(scan), column_(column) {}

  Result<void> count(const ScanUnit& unit, ValueCounter& counter) const {
    Budget budget(kUnitBudgetBytes);
    ReadCounts counts;
    if (!unit.context) return count_batch(unit, budget, counts, counter);
    const PartContext& context = *unit.context;
    bool every_row = scan_.where.is_always() && !context.visible && scan_.range.contains({unit.min_time}) &&
                     scan_.range.contains({unit.max_time});
    if (every_row) {
      RowGroupReader reader(context.part, unit.row_group, context.labels, budget, counts);
      OBELISK_TRY(bool done, count_dictionaries(reader, counter));
      if (done) return {};
    }
    RowGroupReader reader(context.part, unit.row_group, context.labels, budget, counts);
    return count_rows(context, reader, counter);
  }

 private:
  Result<void> count_batch(const ScanUnit& unit, Budget& budget, ReadCounts& counts,
                           ValueCounter& counter) const {
    std::vector<ColumnId> wanted = {column_};
    OBELISK_TRY(BatchPtr batch,
                read_scan_unit(unit, scan_.where, scan_.range, &wanted, Order::any, 0, budget, counts));
    if (!batch) return {};
    for (const ColumnData& data : batch->columns) {
      if (data.id == column_) OBELISK_CHECK_OK(counter.add_rows(data));
    }
    return {};
  }

  // False, with nothing counted, when a chunk of the column has no dictionary.
  Result<bool> count_dictionaries(RowGroupReader& reader, ValueCounter& counter) const {
    reader.narrow({0, 0});
    OBELISK_TRY(auto chunks, reader.chunks_of(column_));
    for (auto& [number, chunk] : chunks) {
      if (!chunk->has_dictionary()) return false;
    }
    for (auto& [number, chunk] : chunks) {
      std::vector<uint64_t> by_entry;
      OBELISK_CHECK_OK(chunk->count_entries(by_entry));
      counter.add_entries(chunk->entries(), chunk->type(), by_entry);
    }
    return true;
  }

  Result<void> count_rows(const PartContext& context, RowGroupReader& reader, ValueCounter& counter) const {
    OBELISK_TRY(RowMask mask, reader.candidates(scan_.range, context.decisions));
    OBELISK_TRY(mask, reader.evaluate(scan_.where, mask));
    if (context.visible && any_row(mask)) {
      OBELISK_TRY(mask, reader.evaluate(*context.visible, mask));
    }
    if (!any_row(mask)) return {};
    OBELISK_TRY(auto chunks, reader.chunks_of(column_));
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
};

}  // namespace

Result<std::vector<ValueCount>> event_values(const EventView& view, const Scan& scan, const ColumnId& column,
                                             uint64_t limit, const Cancel& cancel) {
  if (column.scope == Scope::label) return event_label_values(view, scan, column.name, limit, cancel);
  Expr where = Expr::all_of({scan.where, Expr::exists(column)});
  OBELISK_TRY(std::vector<ScanUnit> units, list_scan_units(view.of(scan.table), scan.range, where, cancel));
  ValueScan values(scan, column);
  return most_frequent_values(limit, kEventValuesMax, [&](ValueCounter& counter) -> Result<void> {
    for (const ScanUnit& unit : units) {
      OBELISK_CHECK_OK(cancel.check());
      OBELISK_CHECK_OK(values.count(unit, counter));
      if (counter.is_over()) break;
    }
    return {};
  });
}

}  // namespace obelisk
