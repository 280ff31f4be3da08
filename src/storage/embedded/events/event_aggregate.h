#pragma once
// Aggregates of event rows (plan/aggregate.h), computed from row groups without building rows: the predicate
// gives a selection, dictionary entry numbers are the key, a row group whose times lie in one step does not
// read them, and a column that the directory says is constant is not read at all. Heads are folded as
// batches. Distinct spans cost a comparison of ids only where a span can be repeated: in traces that lie in
// several parts (trace_overlap.h), in row groups that are known to hold repeated ones, and in the head.
#include "storage/embedded/events/event_view.h"
#include "storage/reader.h"

namespace obelisk {

Result<AggregateAnswer> aggregate_events(const EventView& view, const Scan& scan, Budget& budget,
                                         const Cancel& cancel);

}  // namespace obelisk
