#pragma once
// Tables and their columns: the vocabulary that decoders, stores and query engines share.
//
// A table's rows are grouped: samples and exemplars by series, log records by stream, spans by nothing on the
// way in and by trace where a scan asks for it. The labels of a series or stream belong to the group,
// everything else is a column. Fixed columns (Scope::fixed) are named below; resource, instrumentation-scope
// and record attributes are one column for each (scope, name, type) that occurs, typed as they were sent.
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace obelisk {

enum class Table : uint8_t { samples, exemplars, logs, spans, metadata };
inline constexpr int kTableCount = 5;
std::string_view table_name(Table table);

enum class Scope : uint8_t {
  fixed,            // named below
  label,            // a label of the row's series or stream; lives in the group, not in a column
  resource,         // OTLP resource attribute
  instrumentation,  // OTLP instrumentation-scope attribute
  attribute,        // span attribute, log-record attribute (Loki: structured metadata), exemplar label
  event,            // attribute of a span's events
  link,             // attribute of a span's links
};
inline constexpr Scope kScopeMax = Scope::link;  // of what is stored as a number
std::string_view scope_name(Scope scope);

enum class ColumnType : uint8_t {
  boolean,   // in ints, 0 or 1
  int64,     // in ints
  float64,   // in floats
  string,    // in strings, UTF-8 expected but not guaranteed
  bytes,     // in strings
  trace_id,  // in trace_ids
  any,       // in strings: an OTLP AnyValue message (arrays and maps), protobuf bytes
};
std::string_view column_type_name(ColumnType type);

struct ColumnId {
  Scope scope = Scope::fixed;
  std::string name;
  auto operator<=>(const ColumnId&) const = default;
};

namespace column {
// Every table: when, in ns since the epoch. int64. For spans the start.
inline constexpr std::string_view kTime = "time";

// samples: value float64 or histogram bytes (model/histogram.h), one of the two present; start_time int64 ns
// (0 or absent = unknown).
inline constexpr std::string_view kValue = "value";
inline constexpr std::string_view kHistogram = "histogram";
inline constexpr std::string_view kStartTime = "start_time";
// int64, only between a decoder and the intake, which turns such rows into cumulative ones and removes the
// column: all rows of the batch have it, with the value kTemporalityDelta.
inline constexpr std::string_view kTemporality = "temporality";
inline constexpr int64_t kTemporalityDelta = 1;

// exemplars: value float64, trace_id, span_id; all labels of the exemplar as attributes, as they were sent.
// logs and spans: trace_id trace_id; span_id int64 (SpanId::value bit for bit).
inline constexpr std::string_view kTraceId = "trace_id";
inline constexpr std::string_view kSpanId = "span_id";

// logs: line string. trace_id is set whenever the record names a trace, wherever it was found (OTLP field,
// structured metadata, body), and is what pivots use; origin int64 says what LogQL may show of it (0 Loki
// push: nothing beyond the attributes; 1 OTLP: trace_id, span_id, severity_* and scope_* are structured
// metadata).
inline constexpr std::string_view kLine = "line";
inline constexpr std::string_view kOrigin = "origin";
inline constexpr std::string_view kObservedTime = "observed_time";
inline constexpr std::string_view kSeverityNumber = "severity_number";
inline constexpr std::string_view kSeverityText = "severity_text";
inline constexpr std::string_view kEventName = "event_name";
inline constexpr std::string_view kFlags = "flags";                                      // also spans
inline constexpr std::string_view kDroppedAttributesCount = "dropped_attributes_count";  // also spans
inline constexpr std::string_view kScopeName = "scope_name";                             // also spans
inline constexpr std::string_view kScopeVersion = "scope_version";                       // also spans

// spans. kind and status_code are the OTLP enum numbers, int64. What events and links say is in columns of
// their own (wire/span_nested.h puts them together again): names, times (int64 ns since the span's start),
// ids (as hexadecimal text) and attributes (Scope::event and link). A span that says something once has the
// value; one that says it several times an array of the values, in order, as ColumnType::any. events and
// links are bytes: what tells which event or link said what, and what is rarely asked for.
inline constexpr std::string_view kDuration = "duration";            // int64 ns, never negative
inline constexpr std::string_view kParentSpanId = "parent_span_id";  // int64, 0 or absent = root
inline constexpr std::string_view kName = "name";
inline constexpr std::string_view kKind = "kind";
inline constexpr std::string_view kStatusCode = "status_code";
inline constexpr std::string_view kStatusMessage = "status_message";
inline constexpr std::string_view kTraceState = "trace_state";
inline constexpr std::string_view kEvents = "events";
inline constexpr std::string_view kEventNames = "event_names";
inline constexpr std::string_view kEventTimes = "event_times";
inline constexpr std::string_view kLinks = "links";
inline constexpr std::string_view kLinkTraceIds = "link_trace_ids";
inline constexpr std::string_view kLinkSpanIds = "link_span_ids";
inline constexpr std::string_view kDroppedEventsCount = "dropped_events_count";
inline constexpr std::string_view kDroppedLinksCount = "dropped_links_count";

// metadata: one row says what a metric family is. string columns; type is counter, gauge, histogram,
// gaugehistogram, summary, info, stateset or unknown.
inline constexpr std::string_view kMetricFamily = "metric_family";
inline constexpr std::string_view kMetricType = "metric_type";
inline constexpr std::string_view kHelp = "help";
inline constexpr std::string_view kUnit = "unit";
}  // namespace column

inline ColumnId fixed_column(std::string_view name) {
  return {Scope::fixed, std::string(name)};
}
inline ColumnId label_column(std::string_view name) {
  return {Scope::label, std::string(name)};
}

}  // namespace obelisk
