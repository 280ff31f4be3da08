#include "query/logql/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "query/core/digit_groups.h"
#include "query/logql/log_query.h"
#include "query/logql/matrix_operations.h"
#include "query/logql/pipeline.h"
#include "query/logql/range_aggregation.h"

namespace obelisk::logql {
namespace {

class MetricEvaluation {
 public:
  // `series_max`: of the answer, known to be too many as soon as they are met where they are the answer.
  MetricEvaluation(QueryContext& context, const Query& root, const StepGrid& grid, size_t series_max,
                   ReadStatistics& statistics)
      : context_(context), root_(root), grid_(grid), series_max_(series_max), statistics_(statistics) {}

  Result<Matrix> evaluate() { return evaluate(root_); }

 private:
  Result<Matrix> evaluate(const Query& query) {
    OBELISK_CHECK_OK(context_.cancel.check());
    switch (query.kind) {
      case Query::Kind::range_aggregation:
        return ranged(query, nullptr, &query == &root_);
      case Query::Kind::vector_aggregation:
        return aggregated(query);
      case Query::Kind::binary:
        return binary(query);
      case Query::Kind::literal:
      case Query::Kind::vector:
        return constant_matrix(query.number, grid_.count);
      case Query::Kind::label_replace: {
        OBELISK_TRY(Matrix input, evaluate(query.children[0]));
        return replace_labels(query.label_replace, std::move(input), grid_.count);
      }
      case Query::Kind::log:
        break;
    }
    return make_error(ErrorCode::invalid_argument, "a log query cannot be part of a metric query");
  }

  Result<Matrix> ranged(const Query& query, const Grouping* outer, bool is_answer) {
    OBELISK_TRY(Matrix matrix,
                evaluate_range(context_, query, grid_, outer, is_answer ? series_max_ : 0, statistics_));
    drop_empty_series(matrix);
    return matrix;
  }

  Result<Matrix> aggregated(const Query& query) {
    const Query& inner = query.children[0];
    bool additive = query.vector_op == VectorOp::sum && inner.kind == Query::Kind::range_aggregation &&
                    can_sum_rows(inner.range_op) && !inner.grouping;
    if (additive) {
      Grouping grouping = query.grouping.value_or(Grouping());
      return ranged(inner, &grouping, &query == &root_);
    }
    OBELISK_TRY(Matrix input, evaluate(inner));
    return aggregate_matrix(context_, query, std::move(input), grid_.count);
  }

  Result<Matrix> binary(const Query& query) {
    const Query& left = query.children[0];
    const Query& right = query.children[1];
    if (left.kind == Query::Kind::literal || right.kind == Query::Kind::literal) {
      bool number_is_left = left.kind == Query::Kind::literal;
      OBELISK_TRY(Matrix input, evaluate(number_is_left ? right : left));
      double number = number_is_left ? left.number : right.number;
      return combine_with_number(query.binary_op, query.returns_bool, std::move(input), number,
                                 number_is_left);
    }
    OBELISK_TRY(Matrix left_result, evaluate(left));
    OBELISK_TRY(Matrix right_result, evaluate(right));
    return combine_matrices(context_, query, std::move(left_result), std::move(right_result), grid_.count);
  }

  QueryContext& context_;
  const Query& root_;
  const StepGrid& grid_;
  const size_t series_max_;
  ReadStatistics& statistics_;
};

Result<LogqlResult> run_metric(QueryContext& context, const Query& query, const StepGrid& grid, bool instant,
                               const LogqlLimits& limits) {
  LogqlResult result;
  result.grid = grid;
  if (query.kind == Query::Kind::literal && instant) {
    result.type = LogqlResult::Type::scalar;
    result.scalar = query.number;
    return result;
  }
  result.type = instant ? LogqlResult::Type::vector : LogqlResult::Type::matrix;
  OBELISK_TRY(result.matrix,
              MetricEvaluation(context, query, grid, limits.series_max, result.statistics).evaluate());
  if (result.matrix.size() > limits.series_max) return too_many_series(limits.series_max);
  if (!instant) {
    std::sort(result.matrix.begin(), result.matrix.end(),
              [](const MatrixSeries& a, const MatrixSeries& b) { return a.labels < b.labels; });
  }
  return result;
}

}  // namespace

Result<LogqlResult> run_range(QueryContext& context, const Query& query, const RangeRequest& request,
                              const LogqlLimits& limits) {
  if (query.is_log()) return run_log_query(context, query.selector, request);
  if (request.step_nanos <= 0) {
    return make_error(
        ErrorCode::invalid_argument,
        "zero or negative query resolution step widths are not accepted. Try a positive integer");
  }
  if (request.end < request.start)
    return make_error(ErrorCode::invalid_argument, "end timestamp must not be before or equal to start time");
  uint64_t span = static_cast<uint64_t>(request.end.value) - static_cast<uint64_t>(request.start.value);
  if (span > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / 2) {
    return make_error(ErrorCode::invalid_argument, "the query time range exceeds the limit of 146 years");
  }
  uint64_t count = span / static_cast<uint64_t>(request.step_nanos) + 1;
  if (count > limits.points_max) {
    return make_error(
        ErrorCode::invalid_argument,
        fmt::format("exceeded maximum resolution of {} points per time series. Try increasing the value of "
                    "the step parameter",
                    with_thousands(limits.points_max)));
  }
  StepGrid grid{request.start.value, request.step_nanos, static_cast<size_t>(count)};
  return run_metric(context, query, grid, false, limits);
}

Result<LogqlResult> run_instant(QueryContext& context, const Query& query, UnixNanos time,
                                const LogqlLimits& limits) {
  if (query.is_log()) {
    return make_error(ErrorCode::invalid_argument,
                      "log queries are not supported as an instant query type, please change your query to a "
                      "range query type");
  }
  return run_metric(context, query, StepGrid{time.value, 1, 1}, true, limits);
}

Result<LogqlResult> query_range(QueryContext& context, std::string_view query, const RangeRequest& request,
                                const LogqlLimits& limits) {
  OBELISK_TRY(Query parsed, parse_and_check(query));
  return run_range(context, parsed, request, limits);
}

Result<LogqlResult> query_instant(QueryContext& context, std::string_view query, UnixNanos time,
                                  const LogqlLimits& limits) {
  OBELISK_TRY(Query parsed, parse_and_check(query));
  return run_instant(context, parsed, time, limits);
}

}  // namespace obelisk::logql
