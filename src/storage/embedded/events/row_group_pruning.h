#pragma once
// What is known of a row group before its columns are read: the ranges in the directory, the trace filter,
// and what was kept of its texts from an earlier reading (templates, dictionaries). Reads at most pages of
// the trace filter. Any thread.
#include "plan/expression.h"
#include "storage/embedded/events/event_part.h"
#include "storage/embedded/events/label_table.h"

namespace obelisk {

// Of the rows whose group is not decided no by `decisions` (one a group): yes: all of them satisfy `expr`;
// no: none does.
Result<Decision> decide_row_group(const Expr& expr, const EventPart& part, size_t row_group,
                                  const LabelTable& labels, const std::vector<Decision>& decisions);

}  // namespace obelisk
