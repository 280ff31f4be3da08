// index/stats, index/shards, index/volume, index/volume_range.
#include <algorithm>
#include <map>

#include "api/loki/loki_call.h"
#include "api/loki/loki_handlers.h"
#include "api/loki/loki_json.h"
#include "api/loki/stream_lookup.h"

namespace obelisk::loki {
namespace {

constexpr int64_t kHour = 3600 * kNanosPerSecond;
constexpr uint64_t kVolumeSeriesMax =
    1'000'000;  // of streams whose volumes are added up; the budget bounds them first

struct StreamStatistics {
  uint64_t streams = 0;
  Cost cost;
};

Result<uint64_t> count_lines(LokiCall& call, Scan scan) {
  Aggregate& aggregate = scan.aggregate.emplace();
  aggregate.first_time = scan.range.begin.value;
  aggregate.step = scan.range.end - scan.range.begin;
  aggregate.step_count = 1;
  QueryContext context = call.query_context();
  OBELISK_TRY(AggregateAnswer answer,
              aggregate_scan(context.reader, context.at, scan, context.budget, context.cancel));
  uint64_t lines = 0;
  for (const AggregateStates::Group& group : answer.states.groups()) {
    for (uint64_t count : group.counts) lines += count;
  }
  return lines;
}

// Without reading lines: streams and entries are exact, bytes are their share of what the store would read.
Result<StreamStatistics> measure_streams(LokiCall& call) {
  OBELISK_TRY(TimeRange range, range_of(call, kHour));
  OBELISK_TRY(std::string_view query, query_text_of(call.parameters));
  OBELISK_TRY(std::vector<logql::Matcher> matchers, selector_matchers(query));
  OBELISK_TRY(Scan scan, stream_scan(call, matchers, range));
  StreamStatistics statistics;
  OBELISK_CHECK_OK(visit_streams(
      call, scan, [&](const std::vector<Labels>& streams, size_t) { statistics.streams += streams.size(); }));
  if (statistics.streams == 0) return statistics;
  scan.columns.push_back(fixed_column(column::kLine));
  OBELISK_TRY(Plan plan, call.api.reader.plan(call.run->at, scan));
  OBELISK_TRY(statistics.cost.rows, count_lines(call, scan));
  double share =
      static_cast<double>(statistics.cost.rows) / static_cast<double>(std::max<uint64_t>(plan.cost.rows, 1));
  statistics.cost.bytes = static_cast<uint64_t>(static_cast<double>(plan.cost.bytes) * std::min(share, 1.0));
  return statistics;
}

void write_statistics(JsonWriter& out, const StreamStatistics& statistics) {
  out.begin_object().field("streams", statistics.streams);
  out.field("chunks", 0)
      .field("entries", statistics.cost.rows)
      .field("bytes", statistics.cost.bytes)
      .end_object();
}

Result<HttpResponse> stats(LokiCall& call, const PathParameters&) {
  OBELISK_TRY(StreamStatistics statistics, measure_streams(call));
  JsonWriter out;
  write_statistics(out, statistics);
  return json_response(out.take());
}

// How a query could be split among queriers. There is one process, which splits its work itself: one shard
// with everything in it.
Result<HttpResponse> shards(LokiCall& call, const PathParameters&) {
  OBELISK_TRY(StreamStatistics statistics, measure_streams(call));
  OBELISK_TRY(uint64_t target, count_of(call.parameters, "targetBytesPerShard", 1, UINT64_MAX));
  (void)target;  // checked; no number of bytes would be worth a second shard
  JsonWriter out;
  out.begin_object().key("shards").begin_array();
  out.begin_object().key("bounds").begin_object();
  out.field("min", uint64_t{0}).field("max", UINT64_MAX).end_object().key("stats");
  write_statistics(out, statistics);
  out.end_object().end_array().key("statistics").begin_object().end_object().end_object();
  return json_response(out.take());
}

struct VolumeRequest {
  std::vector<logql::Matcher> matchers;
  std::vector<std::string> target_labels;  // empty: those of the matchers
  bool by_label_name = false;              // aggregateBy=labels
  uint64_t limit = 100;
};

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    size_t comma = list.find(',');
    std::string_view name = list.substr(0, comma);
    if (!name.empty()) names.emplace_back(name);
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return names;
}

Result<VolumeRequest> volume_request(const LokiCall& call) {
  VolumeRequest request;
  OBELISK_TRY(std::string_view query, query_text_of(call.parameters));
  OBELISK_TRY(request.matchers, selector_matchers(query));
  request.target_labels = split(call.parameters.get_or("targetLabels", ""));
  std::string_view aggregate_by = call.parameters.get_or("aggregateBy", "");
  if (!aggregate_by.empty() && aggregate_by != "series" && aggregate_by != "labels")
    return make_error(ErrorCode::invalid_argument, "invalid aggregation option: it must be series or labels");
  request.by_label_name = aggregate_by == "labels";
  OBELISK_TRY(request.limit, count_of(call.parameters, "limit", 100, 5000));
  return request;
}

// By what volumes are added up: the labels asked for, else those of the matchers. Per stream (by every label
// that a stream has, so that structured metadata takes no part) when label names are to be added up, or when
// nothing says by what.
Result<Grouping> volume_grouping(LokiCall& call, const VolumeRequest& request, const TimeRange& range) {
  Grouping grouping{false, request.target_labels};
  if (grouping.labels.empty()) {
    for (const logql::Matcher& matcher : request.matchers) grouping.labels.push_back(matcher.name);
  }
  if (!grouping.labels.empty() && !request.by_label_name) return grouping;
  OBELISK_TRY(Scan scan, stream_scan(call, request.matchers, range));
  OBELISK_TRY(std::vector<ValueCount> names,
              call.api.reader.values(call.run->at, scan, label_column(""), 0, call.run->cancel));
  for (ValueCount& name : names) grouping.labels.push_back(std::move(name.value));
  return grouping;
}

// bytes_over_time of the streams, summed by the labels that the request names. `window` is the range of each
// step.
Result<logql::LogqlResult> measure(LokiCall& call, const VolumeRequest& request, const TimeRange& range,
                                   const logql::StepGrid& grid, int64_t window) {
  logql::Query bytes;
  bytes.kind = logql::Query::Kind::range_aggregation;
  bytes.range_op = logql::RangeOp::bytes;
  bytes.range.selector.matchers = request.matchers;
  bytes.range.range_nanos = window;
  logql::Query sum;
  sum.kind = logql::Query::Kind::vector_aggregation;
  sum.vector_op = logql::VectorOp::sum;
  OBELISK_TRY(sum.grouping, volume_grouping(call, request, range));
  sum.children.push_back(std::move(bytes));
  QueryContext context = call.query_context();
  logql::LogqlLimits limits{kVolumeSeriesMax, call.api.limits.points_per_series_max};
  logql::RangeRequest steps;
  steps.start = {grid.start};
  steps.end = {grid.at(grid.count - 1)};
  steps.step_nanos = grid.step;
  return logql::run_range(context, sum, steps, limits);
}

// The volume of a label is that of all streams that have it, whatever its value.
logql::Matrix by_label_names(const logql::Matrix& streams, const VolumeRequest& request, size_t step_count) {
  std::map<std::string, logql::MatrixSeries> sums;
  for (const logql::MatrixSeries& stream : streams) {
    for (const Label& label : stream.labels) {
      bool wanted = request.target_labels.empty() ||
                    std::find(request.target_labels.begin(), request.target_labels.end(), label.name) !=
                        request.target_labels.end();
      if (!wanted) continue;
      logql::MatrixSeries& sum = sums[label.name];
      sum.values.resize(step_count);
      sum.present.resize(step_count);
      for (size_t step = 0; step < step_count; ++step) {
        sum.values[step] += stream.present[step] ? stream.values[step] : 0;
        sum.present[step] |= stream.present[step];
      }
    }
  }
  logql::Matrix out;
  for (auto& [name, sum] : sums) {
    LabelRef label{name, ""};
    sum.labels = Labels(LabelsView(&label, 1));
    out.push_back(std::move(sum));
  }
  return out;
}

// The largest first, at most the request's limit.
void keep_largest(logql::Matrix& matrix, uint64_t limit) {
  auto total = [](const logql::MatrixSeries& series) {
    double sum = 0;
    for (double value : series.values) sum += value;
    return sum;
  };
  std::stable_sort(
      matrix.begin(), matrix.end(),
      [&](const logql::MatrixSeries& a, const logql::MatrixSeries& b) { return total(a) > total(b); });
  if (matrix.size() > limit) matrix.resize(limit);
}

Result<HttpResponse> volume(LokiCall& call, const PathParameters&) {
  OBELISK_TRY(TimeRange range, range_of(call, kHour));
  OBELISK_TRY(VolumeRequest request, volume_request(call));
  // The window is (end - length, end]; a nanosecond back makes it [start, end).
  logql::StepGrid grid{range.end.value - 1, 1, 1};
  OBELISK_TRY(logql::LogqlResult result, measure(call, request, range, grid, range.end - range.begin));
  if (request.by_label_name) result.matrix = by_label_names(result.matrix, request, 1);
  keep_largest(result.matrix, request.limit);
  result.type = logql::LogqlResult::Type::vector;
  result.grid.start = range.end.value;
  return json_response(query_answer(result, false, 0));
}

Result<HttpResponse> volume_range(LokiCall& call, const PathParameters&) {
  OBELISK_TRY(TimeRange range, range_of(call, kHour));
  OBELISK_TRY(int64_t step, step_of(call.parameters, range));
  OBELISK_TRY(VolumeRequest request, volume_request(call));
  int64_t span = range.end - range.begin;
  logql::StepGrid grid{range.begin.value + std::min(step, span) - 1, step,
                       static_cast<size_t>((span + step - 1) / step)};
  OBELISK_TRY(logql::LogqlResult result, measure(call, request, range, grid, step));
  if (request.by_label_name) result.matrix = by_label_names(result.matrix, request, result.grid.count);
  keep_largest(result.matrix, request.limit);
  ++result.grid.start;
  return json_response(query_answer(result, false, 0));
}

}  // namespace

void register_index_routes(Router& router, ApiContext& context) {
  add_query_route(router, context, "/loki/api/v1/index/stats", stats);
  add_query_route(router, context, "/loki/api/v1/index/shards", shards);
  add_query_route(router, context, "/loki/api/v1/index/volume", volume);
  add_query_route(router, context, "/loki/api/v1/index/volume_range", volume_range);
}

}  // namespace obelisk::loki
