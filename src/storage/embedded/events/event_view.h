#pragma once
// The rows of one tenant's event tables at a moment: batches still in memory and the parts, in the order they
// came. Immutable; holding it keeps the parts' files.
#include <array>
#include <map>
#include <memory>
#include <vector>

#include "plan/batch.h"
#include "plan/expression.h"
#include "storage/embedded/events/event_part.h"
#include "storage/embedded/events/head_batch.h"
#include "storage/embedded/events/repeated_lines.h"
#include "storage/embedded/events/trace_overlap.h"
#include "storage/embedded/events/value_lists.h"

namespace obelisk {

inline constexpr std::array<Table, 3> kEventTables = {Table::spans, Table::logs, Table::exemplars};
constexpr bool is_event_table(Table table) {
  return table == Table::spans || table == Table::logs || table == Table::exemplars;
}
constexpr size_t event_table_index(Table table) {
  return table == Table::spans ? 0 : table == Table::logs ? 1 : 2;
}

// Of parts with erased rows that are still in the file: the condition that the other rows satisfy.
using VisibleRows = std::map<const EventPart*, std::shared_ptr<const Expr>>;

struct EventTableView {
  std::vector<EventPartPtr> parts;  // by order key
  std::vector<HeadBatchPtr> head;
  std::shared_ptr<TraceOverlapCache> overlaps;  // shared by the views of a store
  std::shared_ptr<RepeatedLinesCache> repeated_lines;
  std::shared_ptr<ValueListCache> value_lists;
  std::shared_ptr<const VisibleRows> visible;  // null: every row of every part is

  // Null: all rows of the part.
  std::shared_ptr<const Expr> visible_in(const EventPart& part) const {
    if (visible == nullptr) return nullptr;
    auto found = visible->find(&part);
    return found == visible->end() ? nullptr : found->second;
  }
};

struct EventView {
  std::array<EventTableView, 3> tables;
  const EventTableView& of(Table table) const { return tables[event_table_index(table)]; }
};

using EventViewPtr = std::shared_ptr<const EventView>;

}  // namespace obelisk
