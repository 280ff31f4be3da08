#pragma once
// The functions of PromQL: names, signatures and whether each is experimental. One table; what each computes
// is in the file of its family (range_functions.cc, vector_functions.cc, ...), found by id.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "query/promql/ast.h"

namespace obelisk::promql {

enum class FunctionId : uint8_t {
  abs,
  absent,
  absent_over_time,
  acos,
  acosh,
  asin,
  asinh,
  atan,
  atanh,
  avg_over_time,
  ceil,
  changes,
  clamp,
  clamp_max,
  clamp_min,
  cos,
  cosh,
  count_over_time,
  day_of_month,
  day_of_week,
  day_of_year,
  days_in_month,
  deg,
  delta,
  deriv,
  double_exponential_smoothing,
  end,
  exp,
  first_over_time,
  floor,
  histogram_avg,
  histogram_count,
  histogram_fraction,
  histogram_quantile,
  histogram_quantiles,
  histogram_stddev,
  histogram_stdvar,
  histogram_sum,
  hour,
  idelta,
  increase,
  info,
  irate,
  label_join,
  label_replace,
  last_over_time,
  ln,
  log10,
  log2,
  mad_over_time,
  max_of,
  max_over_time,
  min_of,
  min_over_time,
  minute,
  month,
  pi,
  predict_linear,
  present_over_time,
  quantile_over_time,
  rad,
  range,
  rate,
  resets,
  round,
  scalar,
  sgn,
  sin,
  sinh,
  sort,
  sort_by_label,
  sort_by_label_desc,
  sort_desc,
  sqrt,
  start,
  start_timestamp,
  stddev_over_time,
  stdvar_over_time,
  step,
  sum_over_time,
  tan,
  tanh,
  time,
  timestamp,
  ts_of_first_over_time,
  ts_of_last_over_time,
  ts_of_max_over_time,
  ts_of_min_over_time,
  vector,
  year,
};

struct Function {
  std::string_view name;
  FunctionId id;
  ValueType returns;
  std::vector<ValueType> arguments;
  // 0: exactly `arguments`. -1: the last may be left out or repeated any number of times. n > 0: up to n of
  // the last arguments may be left out or added (as Prometheus counts: arguments.size() + n - 1 at most, size
  // - 1 at least).
  int variadic = 0;
  bool experimental = false;
};

// Null when there is none.
const Function* find_function(std::string_view name);
std::span<const Function> all_functions();

}  // namespace obelisk::promql
