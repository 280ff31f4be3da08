#pragma once
// Rows of Table::spans in the JSON of other trace systems: what their query APIs answer. The batches hold the
// spans of one trace and are only read. Pure functions.
#include <span>

#include "base/json_writer.h"
#include "plan/batch.h"

namespace obelisk {

// One trace as Jaeger's UI reads it: {"traceID", "spans", "processes"}. Times and durations in microseconds.
void write_jaeger_trace(JsonWriter& out, std::span<const BatchPtr> batches);

// One trace as Zipkin's API v2 gives it: an array of spans. Server spans get ids of their own here, never
// `shared`.
void write_zipkin_trace(JsonWriter& out, std::span<const BatchPtr> batches);

}  // namespace obelisk
