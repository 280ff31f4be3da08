#include "wire/otlp_json_schema.h"

namespace obelisk {
namespace {

using enum JsonKind;
constexpr bool kRepeated = true;

// AnyValue, ArrayValue, KeyValueList and KeyValue refer to each other.
extern const JsonMessage kAnyValue;
extern const JsonMessage kKeyValue;

constexpr JsonField kArrayValueFields[] = {{"values", 1, message, kRepeated, &kAnyValue}};
constexpr JsonMessage kArrayValue{kArrayValueFields};
constexpr JsonField kKeyValueListFields[] = {{"values", 1, message, kRepeated, &kKeyValue}};
constexpr JsonMessage kKeyValueList{kKeyValueListFields};
constexpr JsonField kAnyValueFields[] = {{"stringValue", 1, text},
                                         {"boolValue", 2, boolean},
                                         {"intValue", 3, int64},
                                         {"doubleValue", 4, float64},
                                         {"arrayValue", 5, message, false, &kArrayValue},
                                         {"kvlistValue", 6, message, false, &kKeyValueList},
                                         {"bytesValue", 7, base64}};
const JsonMessage kAnyValue{kAnyValueFields};
constexpr JsonField kKeyValueFields[] = {{"key", 1, text}, {"value", 2, message, false, &kAnyValue}};
const JsonMessage kKeyValue{kKeyValueFields};

constexpr JsonField attributes_at(uint32_t number) {
  return {"attributes", number, message, kRepeated, &kKeyValue};
}
constexpr JsonField dropped_attributes_at(uint32_t number) {
  return {"droppedAttributesCount", number, uint32};
}

constexpr JsonField kResourceFields[] = {attributes_at(1), dropped_attributes_at(2)};
constexpr JsonMessage kResource{kResourceFields};
constexpr JsonField kScopeFields[] = {
    {"name", 1, text}, {"version", 2, text}, attributes_at(3), dropped_attributes_at(4)};
constexpr JsonMessage kScope{kScopeFields};

// Traces.
constexpr JsonField kEventFields[] = {
    {"timeUnixNano", 1, fixed64}, {"name", 2, text}, attributes_at(3), dropped_attributes_at(4)};
constexpr JsonMessage kEvent{kEventFields};
constexpr JsonField kLinkFields[] = {{"traceId", 1, hex}, {"spanId", 2, hex},       {"traceState", 3, text},
                                     attributes_at(4),    dropped_attributes_at(5), {"flags", 6, fixed32}};
constexpr JsonMessage kLink{kLinkFields};
constexpr JsonField kStatusFields[] = {{"message", 2, text}, {"code", 3, int32}};
constexpr JsonMessage kStatus{kStatusFields};
constexpr JsonField kSpanFields[] = {{"traceId", 1, hex},
                                     {"spanId", 2, hex},
                                     {"traceState", 3, text},
                                     {"parentSpanId", 4, hex},
                                     {"name", 5, text},
                                     {"kind", 6, int32},
                                     {"startTimeUnixNano", 7, fixed64},
                                     {"endTimeUnixNano", 8, fixed64},
                                     attributes_at(9),
                                     dropped_attributes_at(10),
                                     {"events", 11, message, kRepeated, &kEvent},
                                     {"droppedEventsCount", 12, uint32},
                                     {"links", 13, message, kRepeated, &kLink},
                                     {"droppedLinksCount", 14, uint32},
                                     {"status", 15, message, false, &kStatus},
                                     {"flags", 16, fixed32}};
constexpr JsonMessage kSpan{kSpanFields};
constexpr JsonField kScopeSpansFields[] = {{"scope", 1, message, false, &kScope},
                                           {"spans", 2, message, kRepeated, &kSpan}};
constexpr JsonMessage kScopeSpans{kScopeSpansFields};
constexpr JsonField kResourceSpansFields[] = {{"resource", 1, message, false, &kResource},
                                              {"scopeSpans", 2, message, kRepeated, &kScopeSpans}};
constexpr JsonMessage kResourceSpans{kResourceSpansFields};
constexpr JsonField kTracesFields[] = {{"resourceSpans", 1, message, kRepeated, &kResourceSpans}};
constexpr JsonMessage kTraces{kTracesFields};

// Logs.
constexpr JsonField kLogRecordFields[] = {{"timeUnixNano", 1, fixed64},
                                          {"severityNumber", 2, int32},
                                          {"severityText", 3, text},
                                          {"body", 5, message, false, &kAnyValue},
                                          attributes_at(6),
                                          dropped_attributes_at(7),
                                          {"flags", 8, fixed32},
                                          {"traceId", 9, hex},
                                          {"spanId", 10, hex},
                                          {"observedTimeUnixNano", 11, fixed64},
                                          {"eventName", 12, text}};
constexpr JsonMessage kLogRecord{kLogRecordFields};
constexpr JsonField kScopeLogsFields[] = {{"scope", 1, message, false, &kScope},
                                          {"logRecords", 2, message, kRepeated, &kLogRecord}};
constexpr JsonMessage kScopeLogs{kScopeLogsFields};
constexpr JsonField kResourceLogsFields[] = {{"resource", 1, message, false, &kResource},
                                             {"scopeLogs", 2, message, kRepeated, &kScopeLogs}};
constexpr JsonMessage kResourceLogs{kResourceLogsFields};
constexpr JsonField kLogsFields[] = {{"resourceLogs", 1, message, kRepeated, &kResourceLogs}};
constexpr JsonMessage kLogs{kLogsFields};

// Metrics.
constexpr JsonField kExemplarFields[] = {
    {"timeUnixNano", 2, fixed64}, {"asDouble", 3, float64},
    {"spanId", 4, hex},           {"traceId", 5, hex},
    {"asInt", 6, sfixed64},       {"filteredAttributes", 7, message, kRepeated, &kKeyValue}};
constexpr JsonMessage kExemplar{kExemplarFields};
constexpr JsonField kNumberPointFields[] = {{"startTimeUnixNano", 2, fixed64},
                                            {"timeUnixNano", 3, fixed64},
                                            {"asDouble", 4, float64},
                                            {"exemplars", 5, message, kRepeated, &kExemplar},
                                            {"asInt", 6, sfixed64},
                                            attributes_at(7),
                                            {"flags", 8, uint32}};
constexpr JsonMessage kNumberPoint{kNumberPointFields};
constexpr JsonField kHistogramPointFields[] = {{"startTimeUnixNano", 2, fixed64},
                                               {"timeUnixNano", 3, fixed64},
                                               {"count", 4, fixed64},
                                               {"sum", 5, float64},
                                               {"bucketCounts", 6, fixed64, kRepeated},
                                               {"explicitBounds", 7, float64, kRepeated},
                                               {"exemplars", 8, message, kRepeated, &kExemplar},
                                               attributes_at(9),
                                               {"flags", 10, uint32},
                                               {"min", 11, float64},
                                               {"max", 12, float64}};
constexpr JsonMessage kHistogramPoint{kHistogramPointFields};
constexpr JsonField kBucketsFields[] = {{"offset", 1, sint32}, {"bucketCounts", 2, uint64, kRepeated}};
constexpr JsonMessage kBuckets{kBucketsFields};
constexpr JsonField kExponentialPointFields[] = {attributes_at(1),
                                                 {"startTimeUnixNano", 2, fixed64},
                                                 {"timeUnixNano", 3, fixed64},
                                                 {"count", 4, fixed64},
                                                 {"sum", 5, float64},
                                                 {"scale", 6, sint32},
                                                 {"zeroCount", 7, fixed64},
                                                 {"positive", 8, message, false, &kBuckets},
                                                 {"negative", 9, message, false, &kBuckets},
                                                 {"flags", 10, uint32},
                                                 {"exemplars", 11, message, kRepeated, &kExemplar},
                                                 {"min", 12, float64},
                                                 {"max", 13, float64},
                                                 {"zeroThreshold", 14, float64}};
constexpr JsonMessage kExponentialPoint{kExponentialPointFields};
constexpr JsonField kQuantileFields[] = {{"quantile", 1, float64}, {"value", 2, float64}};
constexpr JsonMessage kQuantile{kQuantileFields};
constexpr JsonField kSummaryPointFields[] = {{"startTimeUnixNano", 2, fixed64},
                                             {"timeUnixNano", 3, fixed64},
                                             {"count", 4, fixed64},
                                             {"sum", 5, float64},
                                             {"quantileValues", 6, message, kRepeated, &kQuantile},
                                             attributes_at(7),
                                             {"flags", 8, uint32}};
constexpr JsonMessage kSummaryPoint{kSummaryPointFields};
constexpr JsonField kGaugeFields[] = {{"dataPoints", 1, message, kRepeated, &kNumberPoint}};
constexpr JsonMessage kGauge{kGaugeFields};
constexpr JsonField kSumFields[] = {{"dataPoints", 1, message, kRepeated, &kNumberPoint},
                                    {"aggregationTemporality", 2, int32},
                                    {"isMonotonic", 3, boolean}};
constexpr JsonMessage kSum{kSumFields};
constexpr JsonField kHistogramFields[] = {{"dataPoints", 1, message, kRepeated, &kHistogramPoint},
                                          {"aggregationTemporality", 2, int32}};
constexpr JsonMessage kHistogram{kHistogramFields};
constexpr JsonField kExponentialFields[] = {{"dataPoints", 1, message, kRepeated, &kExponentialPoint},
                                            {"aggregationTemporality", 2, int32}};
constexpr JsonMessage kExponential{kExponentialFields};
constexpr JsonField kSummaryFields[] = {{"dataPoints", 1, message, kRepeated, &kSummaryPoint}};
constexpr JsonMessage kSummary{kSummaryFields};
constexpr JsonField kMetricFields[] = {{"name", 1, text},
                                       {"description", 2, text},
                                       {"unit", 3, text},
                                       {"gauge", 5, message, false, &kGauge},
                                       {"sum", 7, message, false, &kSum},
                                       {"histogram", 9, message, false, &kHistogram},
                                       {"exponentialHistogram", 10, message, false, &kExponential},
                                       {"summary", 11, message, false, &kSummary}};
constexpr JsonMessage kMetric{kMetricFields};
constexpr JsonField kScopeMetricsFields[] = {{"scope", 1, message, false, &kScope},
                                             {"metrics", 2, message, kRepeated, &kMetric}};
constexpr JsonMessage kScopeMetrics{kScopeMetricsFields};
constexpr JsonField kResourceMetricsFields[] = {{"resource", 1, message, false, &kResource},
                                                {"scopeMetrics", 2, message, kRepeated, &kScopeMetrics}};
constexpr JsonMessage kResourceMetrics{kResourceMetricsFields};
constexpr JsonField kMetricsFields[] = {{"resourceMetrics", 1, message, kRepeated, &kResourceMetrics}};
constexpr JsonMessage kMetrics{kMetricsFields};

}  // namespace

const JsonMessage& otlp_json_request(OtlpSignal signal) {
  switch (signal) {
    case OtlpSignal::traces:
      return kTraces;
    case OtlpSignal::logs:
      return kLogs;
    case OtlpSignal::metrics:
      return kMetrics;
  }
  return kTraces;
}

}  // namespace obelisk
