#pragma once
// TraceQL for callers: searches, metrics, tag names and values, and whole traces. All functions are thread
// safe; each call reads one snapshot, stops on cancellation, and ends with too_large when it needs more than
// its budget.
//
// Meaning of the time range: only spans that start in it take part in a query's conditions; facts of the
// whole trace (root, duration, who is whose parent) count all its spans. Answers are complete over the range,
// or their coverage says why not. Rows with one span id in one trace are one span.
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "model/ids.h"
#include "query/core/query_context.h"
#include "query/traceql/value.h"

namespace obelisk::traceql {

// What an answer cost and covers.
struct ScanStatistics {
  uint64_t traces = 0;
  uint64_t spans = 0;
  uint64_t bytes = 0;
  bool complete = true;
  std::string reason;  // why it is not
};

using NamedValue = std::pair<std::string, StoredValue>;

struct FoundSpan {
  SpanId id;
  std::string name;
  UnixNanos start;
  int64_t duration = 0;
  std::vector<NamedValue> attributes;  // those the query names and the span has
};

struct FoundSpanset {
  std::vector<FoundSpan> spans;  // the first spans_per_spanset, in time order
  uint64_t matched = 0;          // how many there are
  std::vector<NamedValue> attributes;
};

struct ServiceStats {
  uint32_t span_count = 0;
  uint32_t error_count = 0;
};

struct FoundTrace {
  TraceId id;
  std::string root_service;  // kRootNotReceived (attribute_reader.h) while there is no root
  std::string root_name;
  UnixNanos start;
  int64_t duration = 0;
  std::vector<FoundSpanset> spansets;
  std::map<std::string, ServiceStats> services;
};

// Which traces of the whole range an answer shows, and in which order.
enum class SearchOrder : uint8_t { most_recent, slowest };

struct SearchOptions {
  TimeRange range;
  uint32_t limit = 20;
  uint32_t spans_per_spanset = 3;
  SearchOrder order = SearchOrder::most_recent;
};

struct SearchResult {
  std::vector<FoundTrace> traces;  // as SearchOptions::order says
  ScanStatistics statistics;
};

Result<SearchResult> search(const QueryContext& context, std::string_view query,
                            const SearchOptions& options);

struct MetricsOptions {
  TimeRange range;
  int64_t step = 0;       // ns; 0: default_metrics_step
  bool instant = false;   // one value over the whole range
  bool holds_end = true;  // of an instant query: false where windows adjoin, as those of rules do
  uint32_t exemplars_max = 100;
  uint32_t series_max = 1000;
};

struct MetricsExemplar {
  TraceId trace_id;
  double value = 0;
  UnixNanos time;
};

struct MetricsSeries {
  std::vector<NamedValue> labels;
  std::vector<double> values;  // one a point; NaN: none
  std::vector<MetricsExemplar> exemplars;
};

// Point i stands at first + i * step and covers the spans that start in (that - step, that], as Tempo has it;
// the first one also those at the very begin of the range, which are in no point of Tempo's. Borders are
// multiples of the step; the only point of an instant query covers its range with both ends.
struct MetricsResult {
  UnixNanos first;
  int64_t step = 0;
  size_t point_count = 0;
  std::vector<MetricsSeries> series;  // sorted by labels
  bool partial = false;
  std::string message;  // why
  ScanStatistics statistics;
};

inline constexpr size_t kPointsMax = 11'000;  // of a series, as Prometheus
Result<MetricsResult> evaluate_metrics(const QueryContext& context, std::string_view query,
                                       const MetricsOptions& options);
// Range / 240, cut to a multiple of 1h, 5m, 1m, 15s, 5s, 1s or, below a minute of range, 50 ms.
int64_t default_metrics_step(int64_t range_nanos);
// Whether the query is one for evaluate_metrics. Errors as prepare().
Result<bool> is_metrics_query(std::string_view query);

struct TagScope {
  std::string name;  // resource, span, event, link, instrumentation, intrinsic
  std::vector<std::string> tags;
};
// `scope` empty: all; "none" as empty. `filter` as in tag_values().
Result<std::vector<TagScope>> tag_names(const QueryContext& context, std::string_view scope,
                                        std::string_view filter, TimeRange range, ScanStatistics& statistics);

struct TagValue {
  std::string_view type;  // string, int, float, bool, duration, keyword
  std::string value;
  uint64_t count = 0;  // of spans that have it, exactly; 0: keywords, which are not counted
};
// `tag` as it is written in a query ("resource.service.name", ".x", "name"). `filter` narrows to spans that
// fit it: one spanset filter; of text that does not parse the conditions that do are kept (an editor asks
// while a user types). Most frequent first; limit 0: all.
Result<std::vector<TagValue>> tag_values(const QueryContext& context, std::string_view tag,
                                         std::string_view filter, TimeRange range, uint64_t limit,
                                         ScanStatistics& statistics);

// Every span of a trace with all its columns, in time order; empty when there is none.
Result<std::vector<BatchPtr>> fetch_trace(const QueryContext& context, const TraceId& id);

}  // namespace obelisk::traceql
