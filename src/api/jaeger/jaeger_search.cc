#include "api/jaeger/jaeger_search.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/request/archive_view.h"
#include "api/request/graph_rules.h"
#include "api/tempo/traceql_text.h"
#include "query/core/span_columns.h"
#include "query/traceql/trace_rows.h"
#include "query/traceql/trace_tree.h"

namespace obelisk::jaeger {
namespace {

constexpr std::string_view kKinds[] = {"server", "client", "producer", "consumer", "internal"};

Result<std::vector<traceql::TagValue>> values(const tempo::TempoCall& call, std::string_view tag,
                                              std::string_view filter) {
  traceql::ScanStatistics statistics;
  return traceql::tag_values(call.query_context(), tag, filter, tempo::seconds_range(0, 0), 0, statistics);
}

std::string condition_of(const std::string& name, const std::string& value) {
  if (name == "error" && value == "true") return "status = error";
  bool is_kind = std::find(std::begin(kKinds), std::end(kKinds), value) != std::end(kKinds);
  if (name == "span.kind" && is_kind) return "kind = " + value;
  return tempo::traceql_tag_equals(name, value);
}

}  // namespace

std::string traceql_of(const TraceConditions& conditions) {
  std::vector<std::string> parts;
  if (!conditions.service.empty())
    parts.push_back("resource.service.name = " + tempo::traceql_string(conditions.service));
  if (!conditions.operation.empty()) parts.push_back("name = " + tempo::traceql_string(conditions.operation));
  for (const auto& [name, value] : conditions.tags) parts.push_back(condition_of(name, value));
  if (conditions.duration_min > 0) parts.push_back(fmt::format("duration >= {}ns", conditions.duration_min));
  if (conditions.duration_max > 0) parts.push_back(fmt::format("duration <= {}ns", conditions.duration_max));
  if (!conditions.filter.empty()) parts.push_back(conditions.filter);
  return parts.empty() ? "{}" : fmt::format("{{ {} }}", fmt::join(parts, " && "));
}

Result<void> use_filter(const FilterNode& filter, TraceConditions& conditions) {
  bool alone = conditions.service.empty() && conditions.operation.empty() && conditions.tags.empty() &&
               conditions.duration_min == 0 && conditions.duration_max == 0;
  if (!alone)
    return make_error(ErrorCode::invalid_argument,
                      "a filter cannot be combined with service, operation, attributes or durations");
  OBELISK_TRY(conditions.filter, condition_of_filter(filter));
  return {};
}

Result<std::vector<std::string>> services(const tempo::TempoCall& call) {
  OBELISK_TRY(std::vector<traceql::TagValue> found, values(call, "resource.service.name", ""));
  std::vector<std::string> names;
  for (traceql::TagValue& value : found) names.push_back(std::move(value.value));
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

Result<std::vector<Operation>> operations(const tempo::TempoCall& call, const std::string& service,
                                          const std::string& kind) {
  std::vector<Operation> found;
  auto add_of = [&](std::string_view of_kind, std::string_view label) -> Result<void> {
    std::string filter =
        fmt::format("{{ resource.service.name = {} && kind = {} }}", tempo::traceql_string(service), of_kind);
    OBELISK_TRY(std::vector<traceql::TagValue> names, values(call, "name", filter));
    for (traceql::TagValue& name : names) found.push_back({std::move(name.value), std::string(label)});
    return {};
  };
  for (std::string_view each : kKinds) {
    if (kind.empty() || kind == each) OBELISK_CHECK_OK(add_of(each, each));
  }
  if (kind.empty()) OBELISK_CHECK_OK(add_of("unspecified", ""));
  std::sort(found.begin(), found.end(), [](const Operation& a, const Operation& b) {
    return std::tie(a.name, a.kind) < std::tie(b.name, b.kind);
  });
  return found;
}

Result<std::vector<std::vector<BatchPtr>>> find_traces(const tempo::TempoCall& call,
                                                       const TraceConditions& conditions) {
  traceql::SearchOptions options;
  options.range = conditions.range;
  options.limit = conditions.limit;
  options.spans_per_spanset = 1;
  OBELISK_TRY(traceql::SearchResult found,
              traceql::search(call.query_context(), traceql_of(conditions), options));
  std::vector<std::vector<BatchPtr>> traces;
  OBELISK_TRY(const QueryContext whole, with_archive(call.query_context()));
  for (const traceql::FoundTrace& trace : found.traces) {
    OBELISK_TRY(std::vector<BatchPtr> spans, traceql::fetch_trace(whole, trace.id));
    if (!spans.empty()) traces.push_back(std::move(spans));
  }
  return traces;
}

TraceSummary summary_of(const std::vector<BatchPtr>& trace) {
  BatchPtr batch = traceql::joined_rows(trace);
  traceql::TraceTree tree(*batch, traceql::whole_batch(*batch));
  tree.link();
  SpanColumns columns(*batch);
  TraceSummary summary;
  summary.id = tree.trace_id();
  summary.start = {tree.start()};
  summary.end = {tree.start() + tree.duration()};
  summary.spans = tree.span_count();
  uint32_t root = tree.root() == traceql::kNoSpan ? 0 : tree.row(tree.root());
  summary.root_service = columns.service(root);
  summary.root_name = columns.name(root);
  for (uint32_t span = 0; span < tree.span_count(); ++span) {
    bool failed = columns.status(tree.row(span)) == kSpanStatusError;
    traceql::ServiceStats& stats = summary.services[std::string(columns.service(tree.row(span)))];
    ++stats.span_count;
    stats.error_count += failed ? 1 : 0;
    summary.errors += failed ? 1 : 0;
    if (tree.parent(span) == traceql::kNoSpan && tree.parent_id(span) != 0) ++summary.orphans;
  }
  return summary;
}

Result<std::vector<traceql::GraphEdge>> dependencies(const tempo::TempoCall& call, TimeRange range) {
  // One link for each two services: what splits edges further is left out.
  GraphRules rules = graph_rules_of(call.api, call.run->tenant);
  rules.dimensions.clear();
  rules.virtual_node_label = false;
  OBELISK_TRY(traceql::ServiceGraphResult graph,
              traceql::service_graph(call.query_context(), "{}", range, rules));
  std::erase_if(graph.edges, [](const traceql::GraphEdge& edge) {
    return edge.type == "virtual_node" && edge.client == "user";
  });
  return std::move(graph.edges);
}

Result<TimeRange> lookback_range_of(const tempo::TempoCall& call, int64_t lookback_default_ms) {
  int64_t now = call.api.clock.now().value / kNanosPerMilli + 1;
  OBELISK_TRY(int64_t end, tempo::integer_of(call.parameters, "endTs", now, 1));
  OBELISK_TRY(int64_t lookback, tempo::integer_of(call.parameters, "lookback", lookback_default_ms, 1));
  constexpr int64_t kMillisMax = INT64_MAX / kNanosPerMilli;
  if (end > kMillisMax || lookback > kMillisMax)
    return make_error(ErrorCode::invalid_argument, "endTs and lookback are milliseconds");
  int64_t begin = std::max<int64_t>(0, end - lookback);
  return TimeRange{UnixNanos{begin * kNanosPerMilli}, UnixNanos{end * kNanosPerMilli}};
}

Result<TraceId> trace_id_of(std::string_view digits) {
  std::optional<TraceId> id = TraceId::from_hex(digits);
  if (id && !id->is_none()) return *id;
  return make_error(ErrorCode::invalid_argument, "a trace id is 1 to 32 hexadecimal digits, not all zero");
}

Result<std::vector<BatchPtr>> trace_by_id(const tempo::TempoCall& call, const std::string& id) {
  OBELISK_TRY(TraceId trace_id, trace_id_of(id));
  OBELISK_TRY(const QueryContext context, with_archive(call.query_context()));
  OBELISK_TRY(std::vector<BatchPtr> spans, traceql::fetch_trace(context, trace_id));
  if (spans.empty()) return make_error(ErrorCode::not_found, "trace not found");
  return spans;
}

}  // namespace obelisk::jaeger
