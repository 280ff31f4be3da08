#include "api/obelisk/trace_parts.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/obelisk/outline_cache.h"
#include "api/obelisk/own_answer.h"
#include "api/request/archive_view.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "query/traceql/outline_timeline.h"
#include "query/traceql/search_in_trace.h"
#include "query/traceql/trace_outline.h"
#include "wire/otlp_encode.h"

namespace obelisk {
namespace {

using traceql::AggregatedSpan;
using traceql::kNoSpan;
using traceql::OutlinePage;
using traceql::OutlineSpan;
using traceql::TraceOutline;

constexpr int64_t kLimitDefault = 200;
constexpr int64_t kLimitMax = 10'000;  // an answer stays readable by a browser
constexpr int64_t kDepthMax = 1'000'000;

struct Call {
  const ApiContext& context;
  std::shared_ptr<QueryRun> run;
  Parameters parameters;
  std::shared_ptr<const TraceOutline> outline;
};

Result<int64_t> number_of(const Parameters& parameters, std::string_view name, int64_t fallback, int64_t low,
                          int64_t high) {
  std::optional<std::string_view> text = parameters.get(name);
  if (!text || text->empty()) return fallback;
  std::optional<int64_t> value = parse_int64(*text);
  if (!value || *value < low || *value > high) {
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("invalid {}: a number from {} to {} is one", name, low, high));
  }
  return *value;
}

struct PageRequest {
  size_t offset = 0;
  size_t limit = 0;
};

Result<PageRequest> page_of(const Parameters& parameters) {
  OBELISK_TRY(int64_t offset, number_of(parameters, "offset", 0, 0, INT64_MAX));
  OBELISK_TRY(int64_t limit, number_of(parameters, "limit", kLimitDefault, 1, kLimitMax));
  return PageRequest{static_cast<size_t>(offset), static_cast<size_t>(limit)};
}

// Without its end, for more fields.
void begin_span(JsonWriter& out, const TraceOutline& outline, const OutlineSpan& span) {
  out.begin_object();
  out.field("spanId", SpanId{span.id}.to_hex());
  if (span.parent != kNoSpan) out.field("parentSpanId", SpanId{outline.spans[span.parent].id}.to_hex());
  out.field("name", outline.names[span.name]).field("service", outline.services[span.service]);
  out.field("startUnixNano", fmt::format("{}", span.start))
      .field("durationNanos", fmt::format("{}", span.duration));
  out.field("selfTimeNanos", fmt::format("{}", span.self_time));
  out.field("kind", static_cast<int64_t>(span.kind)).field("status", static_cast<int64_t>(span.status));
  out.field("depth", static_cast<int64_t>(span.depth))
      .field("children", static_cast<int64_t>(span.child_count));
  out.field("subtreeSpans", static_cast<int64_t>(span.size));
  out.field("subtreeErrors", static_cast<int64_t>(span.errors)).field("critical", span.critical);
}

void write_page(JsonWriter& out, const TraceOutline& outline, const OutlinePage& page) {
  out.field("total", static_cast<int64_t>(page.total)).key("spans").begin_array();
  for (uint32_t position : page.spans) {
    begin_span(out, outline, outline.spans[position]);
    out.end_object();
  }
  out.end_array();
}

Result<void> write_overview(const Call& call, JsonWriter& out) {
  const TraceOutline& outline = *call.outline;
  struct Sums {
    int64_t spans = 0, errors = 0, self_time = 0;
  };
  std::vector<Sums> services(outline.services.size());
  int64_t errors = 0, deepest = 0, tops = 0;
  for (const OutlineSpan& span : outline.spans) {
    Sums& sums = services[span.service];
    ++sums.spans;
    sums.self_time += span.self_time;
    if (span.status == 2) ++sums.errors;
    deepest = std::max<int64_t>(deepest, span.depth + 1);
    if (span.parent == kNoSpan) ++tops;
  }
  for (const Sums& sums : services) errors += sums.errors;
  out.field("startUnixNano", fmt::format("{}", outline.start));
  out.field("durationNanos", fmt::format("{}", outline.end - outline.start));
  out.field("spans", static_cast<int64_t>(outline.spans.size())).field("errors", errors);
  out.field("levels", deepest).field("tops", tops);
  out.key("services").begin_array();
  for (size_t i = 0; i < services.size(); ++i) {
    out.begin_object().field("name", outline.services[i]).field("spans", services[i].spans);
    out.field("errors", services[i].errors).field("selfTimeNanos", fmt::format("{}", services[i].self_time));
    out.end_object();
  }
  out.end_array();
  return {};
}

// kNoSpan when the request names none.
Result<uint32_t> span_of(const Call& call) {
  std::string_view text = call.parameters.get_or("span", "");
  if (text.empty()) return kNoSpan;
  std::optional<SpanId> id = text.size() == 16 ? SpanId::from_hex(text) : std::nullopt;
  if (!id) return make_error(ErrorCode::invalid_argument, "invalid span: 16 hexadecimal digits are one");
  uint32_t position = call.outline->find(id->value);
  if (position == kNoSpan) return make_error(ErrorCode::not_found, "the trace has no such span");
  return position;
}

Result<uint32_t> required_span_of(const Call& call) {
  OBELISK_TRY(uint32_t position, span_of(call));
  if (position == kNoSpan) return make_error(ErrorCode::invalid_argument, "the parameter span is missing");
  return position;
}

Result<void> write_tree(const Call& call, JsonWriter& out) {
  OBELISK_TRY(PageRequest page, page_of(call.parameters));
  OBELISK_TRY(int64_t depth, number_of(call.parameters, "depth", 2, 1, kDepthMax));
  OBELISK_TRY(uint32_t top, span_of(call));
  std::string_view text = call.parameters.get_or("find", "");
  std::string_view failed = call.parameters.get_or("failed", "false");
  if (failed != "true" && failed != "false")
    return make_error(ErrorCode::invalid_argument, "invalid failed: true or false");
  OutlinePage found;
  if (!text.empty()) {
    found = traceql::find_in_outline(*call.outline, text, page.offset, page.limit);
  } else if (failed == "true") {
    found = traceql::failures_of(*call.outline, page.offset, page.limit);
  } else {
    found =
        traceql::page_of_outline(*call.outline, top, static_cast<uint32_t>(depth), page.offset, page.limit);
  }
  write_page(out, *call.outline, found);
  return {};
}

// Spans that a TraceQL search (q) or a text finds, each with its place in the trace's pre-order.
Result<void> write_search(const Call& call, JsonWriter& out) {
  OBELISK_TRY(PageRequest page, page_of(call.parameters));
  std::string_view query = call.parameters.get_or("q", ""), text = call.parameters.get_or("text", "");
  if (query.empty() == text.empty())
    return make_error(ErrorCode::invalid_argument,
                      "a search within a trace takes one of q (TraceQL) and text");
  const QueryContext context{call.context.reader, call.run->tenant, call.run->at, call.run->budget,
                             call.run->cancel};
  auto search = query.empty() ? traceql::search_outline_for_text : traceql::search_outline;
  OBELISK_TRY(OutlinePage found,
              search(context, *call.outline, query.empty() ? text : query, page.offset, page.limit));
  out.field("total", static_cast<int64_t>(found.total)).key("spans").begin_array();
  for (uint32_t position : found.spans) {
    begin_span(out, *call.outline, call.outline->spans[position]);
    out.field("position", static_cast<int64_t>(position)).end_object();
  }
  out.end_array();
  return {};
}

Result<void> write_way(const Call& call, JsonWriter& out) {
  OBELISK_TRY(uint32_t position, required_span_of(call));
  out.key("spans").begin_array();
  for (const traceql::OutlineStep& step : traceql::way_to(*call.outline, position)) {
    begin_span(out, *call.outline, call.outline->spans[step.position]);
    out.field("place", static_cast<int64_t>(step.place)).end_object();
  }
  out.end_array();
  return {};
}

// All that is stored of one span: read by its time, which leaves few row groups of a large trace.
Result<void> write_stored_span(const Call& call, JsonWriter& out) {
  OBELISK_TRY(uint32_t position, required_span_of(call));
  const OutlineSpan& span = call.outline->spans[position];
  Scan scan;
  scan.tenant = call.run->tenant;
  scan.table = Table::spans;
  scan.range = {{span.start}, {span.start + 1}};
  auto ids = std::make_shared<TraceIdSet>();
  ids->insert(call.outline->id);
  scan.where = Expr::all_of(
      {Expr::in_trace_ids(fixed_column(column::kTraceId), std::move(ids)),
       Expr::compare(fixed_column(column::kSpanId), CompareOp::equal, static_cast<int64_t>(span.id))});
  scan.all_columns = true;
  scan.limit = 1;
  OBELISK_TRY(std::unique_ptr<Cursor> cursor,
              open_scan(call.context.reader, call.run->at, scan, call.run->budget, call.run->cancel));
  OBELISK_TRY(BatchPtr batch, cursor->next());
  std::vector<BatchPtr> batches;
  if (batch) batches.push_back(std::move(batch));
  out.key("resourceSpans");
  write_resource_spans_json(out, batches, OtlpJsonStyle::otlp);
  return {};
}

Result<void> write_timeline(const Call& call, JsonWriter& out) {
  const TraceOutline& outline = *call.outline;
  int64_t length = std::max<int64_t>(outline.end - outline.start, 1);
  traceql::TimelineRequest request;
  OBELISK_TRY(int64_t begin, number_of(call.parameters, "begin", 0, 0, length - 1));
  OBELISK_TRY(int64_t end, number_of(call.parameters, "end", length, 1, length));
  if (begin >= end) return make_error(ErrorCode::invalid_argument, "invalid end: it must be after begin");
  OBELISK_TRY(int64_t columns, number_of(call.parameters, "columns", 240, 1, traceql::kTimelineColumnsMax));
  OBELISK_TRY(int64_t levels, number_of(call.parameters, "levels", 12, 1, traceql::kTimelineLevelsMax));
  request.begin = outline.start + begin;
  request.end = outline.start + end;
  request.columns = static_cast<size_t>(columns);
  request.levels = static_cast<size_t>(levels);
  traceql::Timeline timeline = traceql::timeline_of_outline(outline, request);
  auto write_numbers = [&](std::string_view name, const auto& numbers) {
    out.key(name).begin_array();
    for (auto number : numbers) out.value(static_cast<int64_t>(number));
    out.end_array();
  };
  out.field("beginNanos", fmt::format("{}", begin)).field("endNanos", fmt::format("{}", end));
  out.key("services").begin_array();
  for (const std::string& service : outline.services) out.value(service);
  out.end_array().key("levels").begin_array();
  for (const std::vector<int32_t>& level : timeline.services) {
    out.begin_array();
    for (int32_t service : level) out.value(static_cast<int64_t>(service));
    out.end_array();
  }
  out.end_array();
  write_numbers("spans", timeline.spans);
  write_numbers("errors", timeline.errors);
  return {};
}

Result<void> write_critical_path(const Call& call, JsonWriter& out) {
  OBELISK_TRY(PageRequest page, page_of(call.parameters));
  write_page(out, *call.outline, traceql::critical_path_of(*call.outline, page.offset, page.limit));
  return {};
}

Result<void> write_aggregate(const Call& call, JsonWriter& out) {
  OBELISK_TRY(int64_t limit, number_of(call.parameters, "limit", 1'000, 1, kLimitMax));
  traceql::AggregatedTrace tree = traceql::aggregate_outline(*call.outline, static_cast<size_t>(limit));
  out.field("leftOutSpans", static_cast<int64_t>(tree.left_out)).key("nodes").begin_array();
  for (const AggregatedSpan& node : tree.nodes) {
    out.begin_object().field("parent",
                             node.parent == kNoSpan ? int64_t{-1} : static_cast<int64_t>(node.parent));
    out.field("depth", static_cast<int64_t>(node.depth)).field("name", call.outline->names[node.name]);
    out.field("service", call.outline->services[node.service])
        .field("count", static_cast<int64_t>(node.count));
    out.field("errors", static_cast<int64_t>(node.errors))
        .field("durationNanos", fmt::format("{}", node.duration));
    out.field("selfTimeNanos", fmt::format("{}", node.self_time));
    out.field("longestNanos", fmt::format("{}", node.longest)).end_object();
  }
  out.end_array();
  return {};
}

Result<Call> begin(const ApiContext& context, const HttpExchangePtr& exchange, const PathParameters& path,
                   OutlineCache& cache, bool fresh) {
  std::optional<TraceId> id = TraceId::from_hex(path.get("id"));
  if (!id || id->is_none()) {
    return make_error(ErrorCode::invalid_argument,
                      "invalid trace id: 1 to 32 hexadecimal digits, not all zero, are one");
  }
  Call call{context, nullptr, {}, nullptr};
  OBELISK_TRY(call.parameters, parameters_of(exchange->request()));
  OBELISK_TRY(call.run, begin_query(context, exchange));
  QueryRun& run = *call.run;
  OBELISK_CHECK_OK(include_archive(context.reader, run));
  QueryContext query{context.reader, run.tenant, run.at, run.budget, run.cancel};
  OBELISK_TRY(call.outline, cache.get(run.tenant, *id, fresh, context.clock.now().value, run.cancel,
                                      [&] { return traceql::outline_of_trace(query, *id); }));
  if (!call.outline) return make_error(ErrorCode::not_found, "trace not found");
  return call;
}

using PartWriter = Result<void> (*)(const Call&, JsonWriter&);

Result<std::string> answer(const Call& call, PartWriter write) {
  JsonWriter out;
  out.begin_object().field("traceId", call.outline->id.to_hex());
  OBELISK_CHECK_OK(write(call, out));
  out.end_object();
  return out.take();
}

}  // namespace

void register_trace_parts(Router& router, ApiContext& context) {
  auto cache = std::make_shared<OutlineCache>();
  // Opening a trace shows what has come by now; its other parts show the same state of it.
  auto add = [&](std::string_view part, PartWriter write, bool fresh = false) {
    router.add("GET", fmt::format("/obelisk/api/v1/traces/{{id}}/{}", part),
               [&context, cache, write, fresh](HttpExchangePtr exchange, const PathParameters& path) {
                 Result<Call> call = begin(context, exchange, path, *cache, fresh);
                 respond_own(exchange, call.ok() ? answer(*call, write) : Result<std::string>(call.error()));
               });
  };
  add("overview", write_overview, true);
  add("timeline", write_timeline);
  add("tree", write_tree);
  add("search", write_search);
  add("way", write_way);
  add("span", write_stored_span);
  add("critical-path", write_critical_path);
  add("aggregate", write_aggregate);
}

}  // namespace obelisk
