#pragma once
// The summary of a comparison of two traces (trace-summary-v0-native), and the pieces that it shares with the
// other formats (trace_diff_json.cc). Pure functions.
#include "base/json_writer.h"
#include "query/traceql/trace_diff.h"

namespace obelisk::tempo {

struct DiffCounts {
  uint64_t matched = 0, modified = 0, added = 0, removed = 0;
  uint64_t fields = 0, attributes = 0, events = 0;  // changes
};
DiffCounts count_changes(const traceql::TraceDiff& diff);

enum class DurationUnit : uint8_t { nanoseconds, milliseconds };

std::string_view status_name(int64_t status);
// "service", "name" and "kind" of the span.
void write_span_identity(JsonWriter& out, const traceql::DiffSide& side, uint32_t span);
// {"path", "service", "name", "kind"}
void write_span_place(JsonWriter& out, const traceql::DiffSide& side, uint32_t span);
// The list of a node's changes.
void write_changes(JsonWriter& out, const traceql::TraceDiff& diff, const traceql::DiffNode& node,
                   DurationUnit unit);
// What to know before the comparison is believed: [{"code", "message"}].
void write_warnings(JsonWriter& out, const traceql::TraceDiff& diff);
void write_diff_summary(JsonWriter& out, const traceql::TraceDiff& diff);

}  // namespace obelisk::tempo
