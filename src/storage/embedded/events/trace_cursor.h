#pragma once
// Whole traces of a scan (Unit::trace). First the ids: rows in the range are tested against the required
// marks and the traces that have them all are kept, sorted by id. Then the traces, some at a time: the trace
// index says which row groups hold them, whatever their time, and each batch holds whole traces only. Rows
// without a trace id belong to no trace.
#include <memory>

#include "storage/embedded/events/event_view.h"
#include "storage/reader.h"

namespace obelisk {

// invalid_argument when there are more than 64 required marks or the scan has a `where`.
Result<std::unique_ptr<Cursor>> make_trace_cursor(EventViewPtr view, const Scan& scan, Budget& budget,
                                                  const Cancel& cancel);

}  // namespace obelisk
