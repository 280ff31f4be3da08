#include "query/promql/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "query/core/digit_groups.h"
#include "query/promql/evaluator.h"
#include "query/promql/extended_range.h"
#include "query/promql/parser.h"

namespace obelisk {
namespace {

using promql::Evaluator;
using promql::Node;
using promql::SeriesList;
using promql::Steps;
using promql::StepSeries;
using promql::Value;

MatrixSeries to_matrix_series(StepSeries series, const Steps& steps) {
  MatrixSeries out;
  out.labels = std::move(series.labels);
  for (size_t step = 0; step < steps.count; ++step) {
    if (series.histogram(step) != nullptr) {
      out.histograms.push_back({steps.time(step), std::move(series.histograms[step])});
    } else if (series.has_float(step)) {
      out.floats.push_back({steps.time(step), series.values[step]});
    }
  }
  return out;
}

void sort_by_labels(std::vector<MatrixSeries>& series) {
  auto by_labels = [](const MatrixSeries& a, const MatrixSeries& b) { return a.labels < b.labels; };
  if (!std::is_sorted(series.begin(), series.end(), by_labels))
    std::sort(series.begin(), series.end(), by_labels);
}

promql::ParserOptions parser_options(const PromqlOptions& options) {
  return {options.experimental_functions};
}

PromqlType public_type(promql::ValueType type) {
  switch (type) {
    case promql::ValueType::scalar:
      return PromqlType::scalar;
    case promql::ValueType::string:
      return PromqlType::string;
    case promql::ValueType::matrix:
      return PromqlType::matrix;
    default:
      return PromqlType::vector;
  }
}

// The samples of a range selector or subquery at one instant, as they are.
Result<void> read_matrix(Evaluator& evaluator, const Node& node, const Steps& steps, int64_t lookback_ms,
                         InstantResult& result) {
  OBELISK_TRY(promql::RangeData data, evaluator.read_counted_range(node, steps));
  OBELISK_TRY(int64_t end, evaluator.reference_time(data.node->time, steps.start_ms));
  int64_t start = end - data.range_ms;
  for (const promql::RawSeries& raw : data.series) {
    MatrixSeries series;
    series.labels = raw.labels;
    if (raw.drop_name) promql::remove_metric_labels(series.labels);
    if (data.node->range_mode != promql::RangeMode::plain) {
      bool smoothed = data.node->range_mode == promql::RangeMode::smoothed;
      OBELISK_TRY(promql::ExtendedSamples samples,
                  promql::extended_samples(raw, {start, end, lookback_ms, smoothed}));
      for (size_t i = 0; i < samples.times.size(); ++i)
        series.floats.push_back({samples.times[i], samples.values[i]});
      if (!series.floats.empty()) result.matrix.push_back(std::move(series));
      continue;
    }
    for (size_t i = 0; i < raw.floats.size(); ++i) {
      if (raw.float_times[i] > start && raw.float_times[i] <= end)
        series.floats.push_back({raw.float_times[i], raw.floats[i]});
    }
    for (size_t i = 0; i < raw.histograms.size(); ++i) {
      if (raw.histogram_times[i] > start && raw.histogram_times[i] <= end) {
        series.histograms.push_back({raw.histogram_times[i], raw.histograms[i]});
      }
    }
    if (!series.floats.empty() || !series.histograms.empty()) result.matrix.push_back(std::move(series));
  }
  sort_by_labels(result.matrix);
  for (size_t i = 1; i < result.matrix.size(); ++i) {
    if (result.matrix[i].labels == result.matrix[i - 1].labels) {
      return make_error(ErrorCode::execution, "vector cannot contain metrics with the same labelset");
    }
  }
  return {};
}

Result<void> evaluate_instant(Evaluator& evaluator, const Node& node, const Steps& steps, int64_t lookback_ms,
                              InstantResult& result) {
  if (result.type == PromqlType::matrix) return read_matrix(evaluator, node, steps, lookback_ms, result);
  OBELISK_TRY(Value value, evaluator.evaluate(node, steps));
  if (const promql::ScalarSteps* scalar = std::get_if<promql::ScalarSteps>(&value)) {
    result.scalar = scalar->front();
  } else if (std::string* text = std::get_if<std::string>(&value)) {
    result.text = std::move(*text);
  } else {
    SeriesList& list = std::get<SeriesList>(value);
    OBELISK_CHECK_OK(evaluator.finish(list));
    for (StepSeries& series : list) {
      if (!series.has(0)) continue;
      VectorSample sample;
      sample.labels = std::move(series.labels);
      if (series.histogram(0) != nullptr) {
        sample.histogram = std::move(series.histograms[0]);
      } else {
        sample.value = series.values[0];
      }
      result.vector.push_back(std::move(sample));
    }
  }
  return {};
}

}  // namespace

std::string_view promql_type_name(PromqlType type) {
  static constexpr std::string_view kNames[] = {"scalar", "string", "vector", "matrix"};
  return kNames[static_cast<int>(type)];
}

Result<PromqlType> PromqlEngine::check(std::string_view query) const {
  OBELISK_TRY(promql::NodePtr node, promql::parse(query, parser_options(options_)));
  return public_type(node->type());
}

Result<InstantResult> PromqlEngine::instant(const QueryContext& context, std::string_view query,
                                            UnixNanos time) const {
  OBELISK_TRY(promql::NodePtr node, promql::parse(query, parser_options(options_)));
  return run_instant(context, query, *node, time, nullptr);
}

Result<InstantResult> PromqlEngine::instant_traced(const QueryContext& context, std::string_view query,
                                                   const Node& node, UnixNanos time,
                                                   promql::EvaluationTrace& trace) const {
  return run_instant(context, query, node, time, &trace);
}

Result<InstantResult> PromqlEngine::run_instant(const QueryContext& context, std::string_view query,
                                                const Node& node, UnixNanos time,
                                                promql::EvaluationTrace* trace) const {
  InstantResult result;
  result.type = public_type(node.type());
  result.time_ms = time.to_millis();
  Steps steps{result.time_ms, 1, 1};
  Evaluator evaluator(context, options_, query, steps, true);
  evaluator.set_trace(trace);
  OBELISK_CHECK_OK(evaluate_instant(evaluator, node, steps, options_.lookback_ms, result));
  result.annotations = evaluator.annotations().take();
  result.stats = evaluator.stats();
  return result;
}

Result<MatrixResult> PromqlEngine::range(const QueryContext& context, std::string_view query, UnixNanos start,
                                         UnixNanos end, int64_t step_nanos) const {
  OBELISK_TRY(promql::NodePtr node, promql::parse(query, parser_options(options_)));
  return run_range(context, query, *node, start, end, step_nanos, nullptr);
}

Result<MatrixResult> PromqlEngine::range_traced(const QueryContext& context, std::string_view query,
                                                const Node& node, UnixNanos start, UnixNanos end,
                                                int64_t step_nanos, promql::EvaluationTrace& trace) const {
  return run_range(context, query, node, start, end, step_nanos, &trace);
}

Result<MatrixResult> PromqlEngine::run_range(const QueryContext& context, std::string_view query,
                                             const Node& node, UnixNanos start, UnixNanos end,
                                             int64_t step_nanos, promql::EvaluationTrace* trace) const {
  promql::ValueType type = node.type();
  if (type != promql::ValueType::scalar && type != promql::ValueType::vector) {
    return make_error(
        ErrorCode::invalid_argument,
        fmt::format("invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
                    promql::documented_type(type)));
  }
  int64_t step_ms = step_nanos / kNanosPerMilli;
  if (step_ms <= 0) {
    return make_error(
        ErrorCode::invalid_argument,
        "zero or negative query resolution step widths are not accepted. Try a positive integer");
  }
  int64_t start_ms = start.to_millis();
  int64_t end_ms = end.to_millis();
  if (end_ms < start_ms)
    return make_error(ErrorCode::invalid_argument, "end timestamp must not be before start time");
  uint64_t points = static_cast<uint64_t>((end_ms - start_ms) / step_ms) + 1;
  // Prometheus counts intervals: 11,000 of them, 11,001 points, are allowed.
  if (points > options_.points_per_series_max + 1) {
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("exceeded maximum resolution of {} points per timeseries. Try decreasing "
                                  "the query resolution (?step=XX)",
                                  with_thousands(options_.points_per_series_max)));
  }
  // The steps a query sees end at the last one evaluated; @ end() means the end asked for.
  Steps steps{start_ms, step_ms, static_cast<size_t>(points)};
  Evaluator evaluator(context, options_, query, steps, false);
  evaluator.set_query_end(end_ms);
  evaluator.set_trace(trace);
  OBELISK_TRY(Value value, evaluator.evaluate(node, steps));
  SeriesList list;
  if (promql::ScalarSteps* scalar = std::get_if<promql::ScalarSteps>(&value)) {
    list.resize(1);
    list[0].values = std::move(*scalar);
  } else {
    list = std::get<SeriesList>(std::move(value));
    OBELISK_CHECK_OK(evaluator.finish(list));
  }
  MatrixResult result;
  for (StepSeries& series : list) {
    MatrixSeries out = to_matrix_series(std::move(series), steps);
    if (!out.floats.empty() || !out.histograms.empty()) result.series.push_back(std::move(out));
  }
  sort_by_labels(result.series);
  result.annotations = evaluator.annotations().take();
  result.stats = evaluator.stats();
  return result;
}

}  // namespace obelisk
