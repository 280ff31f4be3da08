// Functions that map each sample of an instant vector: mathematics, clamping, rounding, dates and times.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "query/promql/evaluator.h"
#include "query/promql/functions.h"
#include "query/promql/go_float.h"

namespace obelisk::promql {
namespace {

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

// A float as Go's int64(x) has it on amd64: what does not fit, NaN too, is the smallest.
int64_t to_int64(double value) {
  constexpr double kLimit = 9223372036854775808.0;
  return value >= -kLimit && value < kLimit ? static_cast<int64_t>(value) : INT64_MIN;
}

struct Date {
  int64_t year = 0;
  int64_t month = 0;  // 1..12
  int64_t day = 0;    // 1..31
  int64_t day_of_year = 0;
};

bool is_leap(int64_t year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int64_t days_of_month(int64_t year, int64_t month) {
  static constexpr int64_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return kDays[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

// The proleptic Gregorian calendar, counted from the year Go counts from: every int64 of seconds has a date
// (the calendar of <chrono> ends in the year 32767).
constexpr int64_t kYearZero = -292277022399;
constexpr uint64_t kZeroToEpochSeconds = 9223371966579724800ull + 62135596800ull;

Date date_of(uint64_t day) {
  constexpr uint64_t kDaysOf400Years = 146097, kDaysOf100Years = 36524, kDaysOf4Years = 1461;
  int64_t year = static_cast<int64_t>(day / kDaysOf400Years) * 400;
  day %= kDaysOf400Years;
  uint64_t centuries = std::min<uint64_t>(day / kDaysOf100Years, 3);
  day -= centuries * kDaysOf100Years;
  uint64_t fours = day / kDaysOf4Years;
  day -= fours * kDaysOf4Years;
  uint64_t years = std::min<uint64_t>(day / 365, 3);
  day -= years * 365;
  Date date;
  date.year = year + static_cast<int64_t>(centuries * 100 + fours * 4 + years) + kYearZero;
  date.day_of_year = static_cast<int64_t>(day) + 1;
  date.month = 1;
  date.day = date.day_of_year;
  while (date.day > days_of_month(date.year, date.month)) date.day -= days_of_month(date.year, date.month++);
  return date;
}

double date_part(FunctionId id, double unix_seconds) {
  uint64_t since_zero = static_cast<uint64_t>(to_int64(unix_seconds)) + kZeroToEpochSeconds;
  uint64_t day = since_zero / 86400;
  uint64_t second = since_zero % 86400;
  switch (id) {
    case FunctionId::year:
      return static_cast<double>(date_of(day).year);
    case FunctionId::month:
      return static_cast<double>(date_of(day).month);
    case FunctionId::day_of_month:
      return static_cast<double>(date_of(day).day);
    case FunctionId::day_of_week:
      return static_cast<double>((day + 1) % 7);  // the first day was a Monday
    case FunctionId::day_of_year:
      return static_cast<double>(date_of(day).day_of_year);
    case FunctionId::days_in_month: {
      Date date = date_of(day);
      return static_cast<double>(days_of_month(date.year, date.month));
    }
    case FunctionId::hour:
      return static_cast<double>(second / 3600);
    default:
      return static_cast<double>(second % 3600 / 60);
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
        if (scalars[1][step] < scalars[0][step]) return stale_marker();
        return go_max(scalars[0][step], go_min(scalars[1][step], value));
      });
      break;
    case FunctionId::clamp_min:
      map_floats(list, [&](double value, size_t step) { return go_max(scalars[0][step], value); });
      break;
    case FunctionId::clamp_max:
      map_floats(list, [&](double value, size_t step) { return go_min(scalars[0][step], value); });
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
  } else if (const Node& argument = unwrap_parens(*node.children[0]); id == FunctionId::start_timestamp) {
    // Only stored samples have a start, and without the switch it is not read.
    if (argument.kind != Node::Kind::selector || !options_.use_start_timestamps) {
      OBELISK_CHECK_OK(evaluate_vector(argument, steps));
      return list;
    }
    OBELISK_TRY(list, evaluate_selector(argument, steps, SampleAspect::start_time));
  } else if (id == FunctionId::timestamp && argument.kind == Node::Kind::selector) {
    OBELISK_TRY(list, evaluate_selector(argument, steps, SampleAspect::time));
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
  if (id != FunctionId::timestamp && id != FunctionId::start_timestamp)
    map_floats(list, [&](double value, size_t) { return date_part(id, value); });
  for (StepSeries& series : list) drop_name(series);
  OBELISK_CHECK_OK(deduplicate(list));
  return list;
}

}  // namespace obelisk::promql
