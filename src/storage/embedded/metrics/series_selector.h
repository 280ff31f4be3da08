#pragma once
// Turns the label part of a predicate into the numbers of the series that can have matching rows.
// Expressions on labels are decided on posting lists: one look-up for `=` and for regular expressions that
// are an alternation of literals, otherwise one test for each distinct value of the label. A label that a
// series does not have counts as the empty string. Parts on other columns are unknown: they can only widen
// the answer.
#include "plan/expression.h"
#include "storage/embedded/metrics/label_index.h"

namespace obelisk {

struct SeriesSelection {
  Postings series;    // ascending
  bool exact = true;  // false: these series and their rows must still be tested with the expression
};

Result<SeriesSelection> select_series(const LabelIndex& index, const Expr& where);

// An upper bound of the selected series, from the equality parts alone: for prices, without reading posting
// lists.
Result<uint64_t> estimate_series(const LabelIndex& index, const Expr& where);

}  // namespace obelisk
