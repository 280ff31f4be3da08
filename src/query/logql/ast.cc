#include "query/logql/ast.h"

#include <array>

namespace obelisk::logql {

std::string_view range_op_name(RangeOp op) {
  static constexpr std::array<std::string_view, 15> kNames{"rate",
                                                           "rate_counter",
                                                           "count_over_time",
                                                           "bytes_rate",
                                                           "bytes_over_time",
                                                           "avg_over_time",
                                                           "sum_over_time",
                                                           "min_over_time",
                                                           "max_over_time",
                                                           "stdvar_over_time",
                                                           "stddev_over_time",
                                                           "quantile_over_time",
                                                           "first_over_time",
                                                           "last_over_time",
                                                           "absent_over_time"};
  return kNames[static_cast<size_t>(op)];
}

std::string_view vector_op_name(VectorOp op) {
  static constexpr std::array<std::string_view, 12> kNames{"sum",     "avg",         "min",    "max",
                                                           "count",   "stddev",      "stdvar", "topk",
                                                           "bottomk", "approx_topk", "sort",   "sort_desc"};
  return kNames[static_cast<size_t>(op)];
}

std::string_view binary_op_text(BinaryOp op) {
  static constexpr std::array<std::string_view, 15> kNames{
      "+", "-", "*", "/", "%", "^", "==", "!=", ">", ">=", "<", "<=", "and", "or", "unless"};
  return kNames[static_cast<size_t>(op)];
}

std::string_view match_op_text(MatchOp op) {
  static constexpr std::array<std::string_view, 4> kNames{"=", "!=", "=~", "!~"};
  return kNames[static_cast<size_t>(op)];
}

std::string_view line_filter_op_text(LineFilterOp op) {
  static constexpr std::array<std::string_view, 6> kNames{"|=", "!=", "|~", "!~", "|>", "!>"};
  return kNames[static_cast<size_t>(op)];
}

std::string_view compare_sign_text(CompareSign sign) {
  static constexpr std::array<std::string_view, 6> kNames{"=", "!=", ">", ">=", "<", "<="};
  return kNames[static_cast<size_t>(sign)];
}

}  // namespace obelisk::logql
