#pragma once
// Rows of Table::spans back to OTLP: what the trace-by-id endpoints answer. The inverse of otlp_traces.h.
// Rows with equal resource (all resource attributes) and equal instrumentation scope are put into one
// ResourceSpans / ScopeSpans; groups come in the order of their first row and rows keep their order within.
// Pure functions. The batches are only read.
#include <memory>
#include <span>
#include <string>

#include "base/json_writer.h"
#include "plan/batch.h"

namespace obelisk {

// TracesData (= ExportTraceServiceRequest = tempopb.Trace): field 1, repeated ResourceSpans.
std::string encode_traces_data(std::span<const BatchPtr> batches);

// How ids and enums look in JSON.
enum class OtlpJsonStyle : uint8_t {
  otlp,   // OTLP/JSON: hex ids, enums as numbers
  tempo,  // Tempo's API (protobuf's own JSON mapping): base64 ids, enums by name
};

// Writes the array of ResourceSpans: the value of "resourceSpans" (or of Tempo's "batches").
void write_resource_spans_json(JsonWriter& out, std::span<const BatchPtr> batches, OtlpJsonStyle style);

}  // namespace obelisk
