// Functions that map each sample of an instant vector: mathematics, clamping, rounding, dates and times.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>

#include "query/promql/evaluator.h"
#include "query/promql/functions.h"

namespace obelisk::promql {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Applies `map(value, step)` to every float; histograms have no such value and are left out.
template <typename Map>
void map_floats(SeriesList& list, Map map) {
  for (StepSeries& series : list) {
    for (size_t step = 0; step < series.values.size(); ++step) {
      if (!series.has_float(step)) {
        series.clear(step);
      } else {
        series.values[step] = map(series.values[step], step);
      }
    }
    series.histograms.clear();
  }
  std::erase_if(list, [](const StepSeries& series) {
    return std::all_of(series.values.begin(), series.values.end(),
                       [](double value) { return is_absent(value); });
  });
}

double sign(double value) {
  return value < 0 ? -1 : value > 0 ? 1 : value;
}

// Go's math.Max and math.Min: NaN wins.
double larger(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? kNan : std::fmax(a, b);
}
double smaller(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? kNan : std::fmin(a, b);
}

double (*math_function(FunctionId id))(double) {
  switch (id) {
    case FunctionId::abs:
      return [](double x) { return std::fabs(x); };
    case FunctionId::ceil:
      return [](double x) { return std::ceil(x); };
    case FunctionId::floor:
      return [](double x) { return std::floor(x); };
    case FunctionId::exp:
      return [](double x) { return std::exp(x); };
    case FunctionId::sqrt:
      return [](double x) { return std::sqrt(x); };
    case FunctionId::ln:
      return [](double x) { return std::log(x); };
    case FunctionId::log2:
      return [](double x) { return std::log2(x); };
    case FunctionId::log10:
      return [](double x) { return std::log10(x); };
    case FunctionId::sin:
      return [](double x) { return std::sin(x); };
    case FunctionId::cos:
      return [](double x) { return std::cos(x); };
    case FunctionId::tan:
      return [](double x) { return std::tan(x); };
    case FunctionId::asin:
      return [](double x) { return std::asin(x); };
    case FunctionId::acos:
      return [](double x) { return std::acos(x); };
    case FunctionId::atan:
      return [](double x) { return std::atan(x); };
    case FunctionId::sinh:
      return [](double x) { return std::sinh(x); };
    case FunctionId::cosh:
      return [](double x) { return std::cosh(x); };
    case FunctionId::tanh:
      return [](double x) { return std::tanh(x); };
    case FunctionId::asinh:
      return [](double x) { return std::asinh(x); };
    case FunctionId::acosh:
      return [](double x) { return std::acosh(x); };
    case FunctionId::atanh:
      return [](double x) { return std::atanh(x); };
    case FunctionId::rad:
      return [](double x) { return x * std::numbers::pi / 180; };
    case FunctionId::deg:
      return [](double x) { return x * 180 / std::numbers::pi; };
    case FunctionId::sgn:
      return sign;
    default:
      return nullptr;
  }
}

double date_part(FunctionId id, double unix_seconds) {
  namespace chrono = std::chrono;
  // Years past what the calendar can hold (and NaN) have no date.
  constexpr double kSecondsMax = 9.0e11;
  if (!(std::fabs(unix_seconds) < kSecondsMax)) return kNan;
  chrono::sys_seconds time{chrono::seconds(static_cast<int64_t>(unix_seconds))};
  chrono::sys_days day = chrono::floor<chrono::days>(time);
  chrono::year_month_day date(day);
  chrono::hh_mm_ss clock(time - day);
  auto unsigned_value = [](auto part) { return static_cast<double>(static_cast<unsigned>(part)); };
  switch (id) {
    case FunctionId::year:
      return static_cast<double>(static_cast<int>(date.year()));
    case FunctionId::month:
      return unsigned_value(date.month());
    case FunctionId::day_of_month:
      return unsigned_value(date.day());
    case FunctionId::day_of_week:
      return static_cast<double>(chrono::weekday(day).c_encoding());
    case FunctionId::day_of_year:
      return static_cast<double>((day - chrono::sys_days(date.year() / 1 / 1)).count() + 1);
    case FunctionId::days_in_month:
      return unsigned_value((date.year() / date.month() / chrono::last).day());
    case FunctionId::hour:
      return static_cast<double>(clock.hours().count());
    default:
      return static_cast<double>(clock.minutes().count());
  }
}

}  // namespace

Result<SeriesList> Evaluator::call_vector_function(const Node& node, const Steps& steps) {
  OBELISK_TRY(SeriesList list, evaluate_vector(*node.children[0], steps));
  std::vector<ScalarSteps> scalars;
  for (size_t i = 1; i < node.children.size(); ++i) {
    OBELISK_TRY(ScalarSteps values, evaluate_scalar(*node.children[i], steps));
    scalars.push_back(std::move(values));
  }
  FunctionId id = node.function->id;
  switch (id) {
    case FunctionId::clamp:
      map_floats(list, [&](double value, size_t step) {
        // An empty interval leaves nothing.
        if (scalars[0][step] > scalars[1][step]) return stale_marker();
        return larger(scalars[0][step], smaller(scalars[1][step], value));
      });
      break;
    case FunctionId::clamp_min:
      map_floats(list, [&](double value, size_t step) { return larger(scalars[0][step], value); });
      break;
    case FunctionId::clamp_max:
      map_floats(list, [&](double value, size_t step) { return smaller(scalars[0][step], value); });
      break;
    case FunctionId::round:
      map_floats(list, [&](double value, size_t step) {
        double inverse = 1 / (scalars.empty() ? 1 : scalars[0][step]);
        return std::floor(value * inverse + 0.5) / inverse;
      });
      break;
    default: {
      auto* function = math_function(id);
      if (function == nullptr) {
        return Error{ErrorCode::unsupported, "unsupported: " + std::string(node.function->name) + "()",
                     position_of(query_, node.source.begin)};
      }
      map_floats(list, [&](double value, size_t) { return function(value); });
    }
  }
  for (StepSeries& series : list) drop_name(series);
  OBELISK_CHECK_OK(deduplicate(list));
  return list;
}

Result<SeriesList> Evaluator::call_time_function(const Node& node, const Steps& steps) {
  FunctionId id = node.function->id;
  SeriesList list;
  if (node.children.empty()) {
    StepSeries now;
    now.values.resize(steps.count);
    for (size_t step = 0; step < steps.count; ++step)
      now.values[step] = static_cast<double>(steps.time(step)) / 1000;
    list.push_back(std::move(now));
  } else if (const Node& argument = unwrap_parens(*node.children[0]);
             id == FunctionId::timestamp && argument.kind == Node::Kind::selector) {
    OBELISK_TRY(list, evaluate_selector(argument, steps, true));
  } else {
    OBELISK_TRY(list, evaluate_vector(*node.children[0], steps));
    if (id == FunctionId::timestamp) {
      for (StepSeries& series : list) {
        for (size_t step = 0; step < steps.count; ++step) {
          if (series.has(step)) series.values[step] = static_cast<double>(steps.time(step)) / 1000;
        }
        series.histograms.clear();
      }
    }
  }
  if (id != FunctionId::timestamp)
    map_floats(list, [&](double value, size_t) { return date_part(id, value); });
  for (StepSeries& series : list) drop_name(series);
  OBELISK_CHECK_OK(deduplicate(list));
  return list;
}

}  // namespace obelisk::promql
