#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>

#include "api/prometheus/ast_json.h"
#include "api/prometheus/handlers.h"
#include "api/prometheus/result_json.h"
#include "api/request/column_text.h"
#include "base/text.h"
#include "query/promql/evaluation_trace.h"
#include "query/promql/evaluator.h"
#include "query/promql/parser.h"
#include "query/promql/printer.h"

namespace obelisk::prometheus_api {
namespace {

constexpr size_t kAnnotationsMax = 10;  // of each level, as Prometheus answers

// Parse errors as Prometheus words them, under the parameter's name.
Error query_error(const Error& error) {
  if (error.code != ErrorCode::parse_error) return error;
  return invalid_parameter("query", promql::parse_error_text(error));
}

Result<PromqlEngine> engine_of(const ApiCall& call) {
  OBELISK_TRY(PromqlOptions options, promql_options_of(call));
  options.count_queryable_samples = !call.parameters.get_or("stats", "").empty();
  return PromqlEngine(options);
}

std::vector<std::string> shorten(std::vector<std::string> messages, std::string_view kind) {
  if (messages.size() <= kAnnotationsMax) return messages;
  size_t omitted = messages.size() - kAnnotationsMax;
  messages.resize(kAnnotationsMax);
  messages.push_back(fmt::format("{} more {} annotations omitted", omitted, kind));
  return messages;
}

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// The steps of a query: an instant is one.
struct StepTimes {
  int64_t start_ms = 0;
  int64_t step_ms = 0;
};

// What is measured: the time of the whole evaluation, the samples read from the store, and the samples that
// the steps looked at; those step by step with stats=all.
void write_stats(JsonWriter& json, const ApiCall& call, const PromqlStats& stats, const StepTimes& times,
                 const Stopwatch& watch) {
  std::string_view wanted = call.parameters.get_or("stats", "");
  if (wanted.empty()) return;
  json.key("stats").begin_object();
  json.key("timings")
      .begin_object()
      .field("evalTotalTime", watch.seconds())
      .field("execTotalTime", watch.seconds())
      .end_object();
  const std::vector<uint64_t>& per_step = stats.queryable_per_step;
  json.key("samples").begin_object();
  if (wanted == "all") {
    json.key("totalQueryableSamplesPerStep").begin_array();
    for (size_t step = 0; step < per_step.size(); ++step) {
      json.begin_array().raw(format_time(times.start_ms + static_cast<int64_t>(step) * times.step_ms));
      json.raw(fmt::format("{}", per_step[step])).end_array();
    }
    json.end_array();
  }
  json.field("totalQueryableSamples", std::accumulate(per_step.begin(), per_step.end(), uint64_t{0}));
  json.field("samplesRead", stats.samples);
  json.end_object();
  write_tiers(json, stats.tiers);
  json.end_object();
}

// Beyond Prometheus: `explain` in the request adds to the answer what each part of the query cost and gave,
// and why its result is empty.
bool wants_explanation(const ApiCall& call) {
  std::optional<std::string_view> asked = call.parameters.get("explain");
  return asked && *asked != "false" && *asked != "0";
}

// Runs `query` by one of the engine's two ways, with a trace when it is to be explained.
template <typename Run, typename RunTraced>
auto run_query(ApiCall& call, const QueryContext& context, const PromqlEngine& engine, Run run,
               RunTraced run_traced, std::optional<Explanation>& explanation) -> decltype(run(context)) {
  if (!wants_explanation(call)) return run(context);
  promql::ParserOptions options{engine.options().experimental_functions};
  OBELISK_TRY(promql::NodePtr node, promql::parse(call.parameters.get_or("query", ""), options));
  promql::EvaluationTrace trace;
  auto result = run_traced(context, *node, trace);
  if (!result.ok()) return result;
  explanation.emplace();
  OBELISK_CHECK_OK(explain_trace(context, trace, *explanation));
  return result;
}

template <typename QueryResult>
Answer answer_of(const ApiCall& call, const QueryResult& result, const StepTimes& times, uint64_t limit,
                 const Stopwatch& watch, const std::optional<Explanation>& explanation) {
  Answer answer;
  answer.warnings = shorten(result.annotations.warnings, "warning");
  answer.infos = shorten(result.annotations.infos, "info");
  JsonWriter json;
  json.begin_object();
  if (write_result(json, result, limit)) answer.warnings.emplace_back(kTruncated);
  write_stats(json, call, result.stats, times, watch);
  if (explanation) {
    json.key("explain").begin_object();
    write_explanation(json, *explanation);
    json.end_object();
  }
  json.end_object();
  if (!result.stats.complete)
    answer.warnings.push_back("the answer is not complete: " + result.stats.incomplete_reason);
  answer.data = json.take();
  return answer;
}

void collect_selectors(const promql::Node& node, std::vector<Expr>& out) {
  if (node.kind == promql::Node::Kind::selector) out.push_back(promql::predicate_of(node.matchers));
  for (const promql::NodePtr& child : node.children) collect_selectors(*child, out);
}

void write_exemplars(JsonWriter& json, const Batch& batch, const Group& group) {
  const ColumnData* values = batch.find_fixed(column::kValue);
  json.begin_object().key("seriesLabels");
  write_labels(json, Labels(group.labels));
  json.key("exemplars").begin_array();
  for (uint32_t row = group.first_row; row < group.first_row + group.row_count; ++row) {
    json.begin_object().key("labels").begin_object();
    for (const ColumnData& data : batch.columns) {
      if (data.id.scope == Scope::attribute && data.is_present(row))
        json.field(data.id.name, column_text(data, row));
    }
    json.end_object();
    double value = values != nullptr && values->is_present(row) ? values->floats[row] : 0;
    json.field("value", format_sample_value(value))
        .key("timestamp")
        .raw(format_time(UnixNanos{batch.times()[row]}.to_millis()));
    json.end_object();
  }
  json.end_array().end_object();
}

}  // namespace

Result<Answer> handle_query(ApiCall& call, const PathParameters&) {
  Stopwatch watch;
  OBELISK_TRY(uint64_t limit, limit_of(call.parameters));
  OBELISK_TRY(UnixNanos time, time_of(call.parameters, "time", call.service.context.clock.now()));
  OBELISK_TRY(PromqlEngine engine, engine_of(call));
  OBELISK_TRY(std::shared_ptr<QueryRun> run, call.begin());
  std::string_view query = call.parameters.get_or("query", "");
  std::optional<Explanation> explanation;
  Result<InstantResult> result = run_query(
      call, call.query_context(*run), engine,
      [&](const QueryContext& context) { return engine.instant(context, query, time); },
      [&](const QueryContext& context, const promql::Node& node, promql::EvaluationTrace& trace) {
        return engine.instant_traced(context, query, node, time, trace);
      },
      explanation);
  if (!result.ok()) return query_error(result.error());
  return answer_of(call, *result, {time.to_millis(), 0}, limit, watch, explanation);
}

Result<Answer> handle_query_range(ApiCall& call, const PathParameters&) {
  Stopwatch watch;
  OBELISK_TRY(uint64_t limit, limit_of(call.parameters));
  OBELISK_TRY(UnixNanos start, required_time_of(call.parameters, "start"));
  OBELISK_TRY(UnixNanos end, required_time_of(call.parameters, "end"));
  if (end < start) return invalid_parameter("end", "end timestamp must not be before start time");
  if (call.parameters.get_or("step", "").empty())
    return invalid_parameter("step", "cannot parse \"\" to a valid duration");
  OBELISK_TRY(int64_t step, duration_of(call.parameters, "step", 0));
  if (step < kNanosPerMilli) {
    return invalid_parameter(
        "step", "zero or negative query resolution step widths are not accepted. Try a positive integer");
  }
  OBELISK_TRY(PromqlEngine engine, engine_of(call));
  OBELISK_TRY(std::shared_ptr<QueryRun> run, call.begin());
  std::string_view query = call.parameters.get_or("query", "");
  std::optional<Explanation> explanation;
  Result<MatrixResult> result = run_query(
      call, call.query_context(*run), engine,
      [&](const QueryContext& context) { return engine.range(context, query, start, end, step); },
      [&](const QueryContext& context, const promql::Node& node, promql::EvaluationTrace& trace) {
        return engine.range_traced(context, query, node, start, end, step, trace);
      },
      explanation);
  if (!result.ok()) return query_error(result.error());
  return answer_of(call, *result, {start.to_millis(), step / kNanosPerMilli}, limit, watch, explanation);
}

Result<Answer> handle_query_exemplars(ApiCall& call, const PathParameters&) {
  OBELISK_TRY(TimeRange range, range_of(call.parameters));
  if (range.begin == range.end)
    return make_error(ErrorCode::invalid_argument, "end timestamp must not be before start timestamp");
  Result<promql::NodePtr> node = promql::parse(call.parameters.get_or("query", ""));
  if (!node.ok()) return query_error(node.error());
  std::vector<Expr> selectors;
  collect_selectors(**node, selectors);
  JsonWriter json;
  json.begin_array();
  if (!selectors.empty()) {
    OBELISK_TRY(std::shared_ptr<QueryRun> run, call.begin());
    Scan scan;
    scan.tenant = run->tenant;
    scan.table = Table::exemplars;
    scan.range = range;
    scan.where = Expr::any_of(std::move(selectors));
    scan.unit = Unit::series;
    scan.all_columns = true;
    OBELISK_TRY(std::unique_ptr<Cursor> cursor,
                open_scan(call.service.context.reader, run->at, scan, run->budget, run->cancel));
    for (;;) {
      OBELISK_TRY(BatchPtr batch, cursor->next());
      if (!batch) break;
      for (const Group& group : batch->groups) write_exemplars(json, *batch, group);
    }
  }
  json.end_array();
  return Answer{json.take(), {}, {}};
}

Result<Answer> handle_format_query(ApiCall& call, const PathParameters&) {
  Result<promql::NodePtr> node = promql::parse(call.parameters.get_or("query", ""));
  if (!node.ok()) return query_error(node.error());
  JsonWriter json;
  json.value(promql::pretty(**node));
  return Answer{json.take(), {}, {}};
}

Result<Answer> handle_parse_query(ApiCall& call, const PathParameters&) {
  Result<promql::NodePtr> node = promql::parse(call.parameters.get_or("query", ""));
  if (!node.ok()) return query_error(node.error());
  JsonWriter json;
  write_ast(json, **node);
  return Answer{json.take(), {}, {}};
}

}  // namespace obelisk::prometheus_api
