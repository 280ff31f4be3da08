#pragma once
// What a reader is asked for. A query language lowers its selectors onto this; no store knows a language.
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "model/tenant.h"
#include "plan/aggregate.h"
#include "plan/columns.h"
#include "plan/expression.h"
#include "plan/tier.h"

namespace obelisk {

// What a cursor never splits across batches.
enum class Unit : uint8_t {
  row,     // rows as they lie; groups name the series or stream of the rows
  series,  // samples and exemplars: all rows of a series in the range, in one group, in time order
  trace,   // spans: all rows of a trace in one group, ordered by (time, span id); group labels are empty
};

enum class Order : uint8_t { any, time_ascending, time_descending };

// How rows of a trace must lie to each other: a row with mark `right` is a child (a descendant) of one with
// `left`.
struct TraceRelation {
  enum class Kind : uint8_t { child, descendant };
  Kind kind = Kind::child;
  uint32_t left = 0;
  uint32_t right = 0;
};

struct Scan {
  Tenant tenant = kDefaultTenant;
  Table table = Table::logs;
  TimeRange range;  // rows with time inside; with Unit::trace a trace counts when one of its spans is inside,
                    // and is then returned whole
  Expr where;       // rows to return. With Unit::trace `where` is not allowed: use marks and having.

  // Unit::trace: boolean columns "mark.0", "mark.1", ... (Scope::fixed) computed for every returned row, and
  // the condition on them: a trace is returned when for every index i in require_marks at least one of its
  // rows inside `range` has mark i. An empty require_marks returns every trace.
  std::vector<Expr> marks;
  std::vector<uint32_t> require_marks;
  // Unit::trace: only traces in which, for each of these, some rows inside `range` are so related are wanted.
  // A store leaves out what it can tell without putting traces together; it may then return traces that have
  // not all of this or of require_marks.
  std::vector<TraceRelation> require_relations;

  Unit unit = Unit::row;
  bool all_columns = false;  // return everything stored
  std::vector<ColumnId>
      columns;  // else these (every type they occur with); time and the group labels always come
  // Unit::series: of each series only the newest row in the range is wanted. A store may return more of them.
  bool newest_only = false;
  // Unit::row: order of rows over the whole answer. Unit::trace: time_descending asks for traces that begin
  // late first, as far as Cursor::latest_begin_left then says.
  Order order = Order::any;
  uint64_t limit = 0;  // Unit::row: rows; Unit::trace and series: groups; 0 = all
  // Of Table::samples by series: not the samples, but an aspect of a tier that Reader::tiers() names.
  std::optional<TierRead> tier;

  // Not the rows that `where` selects, but what is computed from them: with aggregate_scan
  // (storage/reader.h). Unit::row; columns, order and limit are then not looked at.
  std::optional<Aggregate> aggregate;
};

std::string mark_column_name(size_t index);  // "mark.0"

}  // namespace obelisk
