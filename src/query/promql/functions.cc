#include "query/promql/functions.h"

#include <algorithm>

namespace obelisk::promql {
namespace {

constexpr ValueType kScalar = ValueType::scalar;
constexpr ValueType kString = ValueType::string;
constexpr ValueType kVector = ValueType::vector;
constexpr ValueType kMatrix = ValueType::matrix;

// Sorted by name: find_function searches it by halves.
const std::vector<Function>& table() {
  using F = FunctionId;
  static const std::vector<Function> functions = {
      {"abs", F::abs, kVector, {kVector}},
      {"absent", F::absent, kVector, {kVector}},
      {"absent_over_time", F::absent_over_time, kVector, {kMatrix}},
      {"acos", F::acos, kVector, {kVector}},
      {"acosh", F::acosh, kVector, {kVector}},
      {"asin", F::asin, kVector, {kVector}},
      {"asinh", F::asinh, kVector, {kVector}},
      {"atan", F::atan, kVector, {kVector}},
      {"atanh", F::atanh, kVector, {kVector}},
      {"avg_over_time", F::avg_over_time, kVector, {kMatrix}},
      {"ceil", F::ceil, kVector, {kVector}},
      {"changes", F::changes, kVector, {kMatrix}},
      {"clamp", F::clamp, kVector, {kVector, kScalar, kScalar}},
      {"clamp_max", F::clamp_max, kVector, {kVector, kScalar}},
      {"clamp_min", F::clamp_min, kVector, {kVector, kScalar}},
      {"cos", F::cos, kVector, {kVector}},
      {"cosh", F::cosh, kVector, {kVector}},
      {"count_over_time", F::count_over_time, kVector, {kMatrix}},
      {"day_of_month", F::day_of_month, kVector, {kVector}, 1},
      {"day_of_week", F::day_of_week, kVector, {kVector}, 1},
      {"day_of_year", F::day_of_year, kVector, {kVector}, 1},
      {"days_in_month", F::days_in_month, kVector, {kVector}, 1},
      {"deg", F::deg, kVector, {kVector}},
      {"delta", F::delta, kVector, {kMatrix}},
      {"deriv", F::deriv, kVector, {kMatrix}},
      {"double_exponential_smoothing",
       F::double_exponential_smoothing,
       kVector,
       {kMatrix, kScalar, kScalar},
       0,
       true},
      {"end", F::end, kScalar, {}, 0, true},
      {"exp", F::exp, kVector, {kVector}},
      {"first_over_time", F::first_over_time, kVector, {kMatrix}},
      {"floor", F::floor, kVector, {kVector}},
      {"histogram_avg", F::histogram_avg, kVector, {kVector}},
      {"histogram_count", F::histogram_count, kVector, {kVector}},
      {"histogram_fraction", F::histogram_fraction, kVector, {kScalar, kScalar, kVector}},
      {"histogram_quantile", F::histogram_quantile, kVector, {kScalar, kVector}},
      {"histogram_quantiles", F::histogram_quantiles, kVector, {kVector, kString, kScalar, kScalar}, 9, true},
      {"histogram_stddev", F::histogram_stddev, kVector, {kVector}},
      {"histogram_stdvar", F::histogram_stdvar, kVector, {kVector}},
      {"histogram_sum", F::histogram_sum, kVector, {kVector}},
      {"hour", F::hour, kVector, {kVector}, 1},
      {"idelta", F::idelta, kVector, {kMatrix}},
      {"increase", F::increase, kVector, {kMatrix}},
      {"info", F::info, kVector, {kVector, kVector}, 1, true},
      {"irate", F::irate, kVector, {kMatrix}},
      {"label_join", F::label_join, kVector, {kVector, kString, kString, kString}, -1},
      {"label_replace", F::label_replace, kVector, {kVector, kString, kString, kString, kString}},
      {"last_over_time", F::last_over_time, kVector, {kMatrix}},
      {"ln", F::ln, kVector, {kVector}},
      {"log10", F::log10, kVector, {kVector}},
      {"log2", F::log2, kVector, {kVector}},
      {"mad_over_time", F::mad_over_time, kVector, {kMatrix}, 0, true},
      {"max_of", F::max_of, kScalar, {kScalar, kScalar}, 0, true},
      {"max_over_time", F::max_over_time, kVector, {kMatrix}},
      {"min_of", F::min_of, kScalar, {kScalar, kScalar}, 0, true},
      {"min_over_time", F::min_over_time, kVector, {kMatrix}},
      {"minute", F::minute, kVector, {kVector}, 1},
      {"month", F::month, kVector, {kVector}, 1},
      {"pi", F::pi, kScalar, {}},
      {"predict_linear", F::predict_linear, kVector, {kMatrix, kScalar}},
      {"present_over_time", F::present_over_time, kVector, {kMatrix}},
      {"quantile_over_time", F::quantile_over_time, kVector, {kScalar, kMatrix}},
      {"rad", F::rad, kVector, {kVector}},
      {"range", F::range, kScalar, {}, 0, true},
      {"rate", F::rate, kVector, {kMatrix}},
      {"resets", F::resets, kVector, {kMatrix}},
      {"round", F::round, kVector, {kVector, kScalar}, 1},
      {"scalar", F::scalar, kScalar, {kVector}},
      {"sgn", F::sgn, kVector, {kVector}},
      {"sin", F::sin, kVector, {kVector}},
      {"sinh", F::sinh, kVector, {kVector}},
      {"sort", F::sort, kVector, {kVector}},
      {"sort_by_label", F::sort_by_label, kVector, {kVector, kString}, -1, true},
      {"sort_by_label_desc", F::sort_by_label_desc, kVector, {kVector, kString}, -1, true},
      {"sort_desc", F::sort_desc, kVector, {kVector}},
      {"sqrt", F::sqrt, kVector, {kVector}},
      {"start", F::start, kScalar, {}, 0, true},
      {"start_timestamp", F::start_timestamp, kVector, {kVector}, 0, true},
      {"stddev_over_time", F::stddev_over_time, kVector, {kMatrix}},
      {"stdvar_over_time", F::stdvar_over_time, kVector, {kMatrix}},
      {"step", F::step, kScalar, {}, 0, true},
      {"sum_over_time", F::sum_over_time, kVector, {kMatrix}},
      {"tan", F::tan, kVector, {kVector}},
      {"tanh", F::tanh, kVector, {kVector}},
      {"time", F::time, kScalar, {}},
      {"timestamp", F::timestamp, kVector, {kVector}},
      {"ts_of_first_over_time", F::ts_of_first_over_time, kVector, {kMatrix}, 0, true},
      {"ts_of_last_over_time", F::ts_of_last_over_time, kVector, {kMatrix}, 0, true},
      {"ts_of_max_over_time", F::ts_of_max_over_time, kVector, {kMatrix}, 0, true},
      {"ts_of_min_over_time", F::ts_of_min_over_time, kVector, {kMatrix}, 0, true},
      {"vector", F::vector, kVector, {kScalar}},
      {"year", F::year, kVector, {kVector}, 1},
  };
  return functions;
}

}  // namespace

const Function* find_function(std::string_view name) {
  const std::vector<Function>& functions = table();
  auto found = std::lower_bound(
      functions.begin(), functions.end(), name,
      [](const Function& function, std::string_view wanted) { return function.name < wanted; });
  return found != functions.end() && found->name == name ? &*found : nullptr;
}

std::span<const Function> all_functions() {
  return table();
}

}  // namespace obelisk::promql
