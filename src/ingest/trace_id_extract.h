#pragma once
// Finds the trace (and span) a log line or exemplar belongs to when the sender did not say so in a field of
// its own, and puts it into the fixed columns, so that pivots between the signals work without configuration.
// Where it looks, in this order: attributes trace_id, traceId, traceID; then, for logs, the line: the same
// names and trace.id as a JSON or logfmt key. A trace id is 32 hexadecimal digits, not all zero; a span id
// 16, under the names with "span". Lines are searched as bytes, not parsed. Pure functions.
#include <optional>
#include <string_view>

#include "model/ids.h"
#include "plan/batch.h"

namespace obelisk {

std::optional<TraceId> find_trace_id(std::string_view line);
std::optional<SpanId> find_span_id(std::string_view line);

// Fills column::kTraceId and column::kSpanId of a batch of logs or exemplars in rows where no trace id is
// set.
void extract_trace_ids(Batch& batch);

}  // namespace obelisk
