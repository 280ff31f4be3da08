// The functions of log templates that work on numbers.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "query/logql/literals.h"
#include "query/logql/template_arguments.h"

namespace obelisk::logql {
namespace {

using template_arguments::failed;
using template_arguments::text_at;
using template_arguments::to_integer;
using template_arguments::to_real;
using Value = Result<TemplateValue>;
using Arguments = TemplateArguments;
using Scope = TemplateScope;

template <typename Operation>
TemplateFunctionEntry integers(Operation operation, int least = 1) {
  return {least, -1, [operation](Arguments arguments, const Scope&) -> Value {
            int64_t total = to_integer(arguments[0]);
            for (size_t i = 1; i < arguments.size(); ++i) total = operation(total, to_integer(arguments[i]));
            return TemplateValue(total);
          }};
}

int64_t wrapped(uint64_t value) {
  return static_cast<int64_t>(value);
}

template <bool kModulo>
Value divide(Arguments arguments, const Scope&) {
  int64_t left = to_integer(arguments[0]);
  int64_t right = to_integer(arguments[1]);
  if (right == 0) return failed("runtime error: integer divide by zero");
  if (right == -1) return TemplateValue(kModulo ? int64_t{0} : wrapped(~static_cast<uint64_t>(left) + 1));
  return TemplateValue(kModulo ? left % right : left / right);
}

// The reference adds in decimal, so that 0.1 + 0.2 prints as 0.3; fifteen digits are what every double keeps.
double as_decimal(double value) {
  return std::isfinite(value) ? parse_float(fmt::format("{:.15g}", value)).value_or(value) : value;
}

template <typename Operation>
TemplateFunctionEntry reals(Operation operation) {
  return {1, -1, [operation](Arguments arguments, const Scope&) -> Value {
            double total = to_real(arguments[0]);
            for (size_t i = 1; i < arguments.size(); ++i) total = operation(total, to_real(arguments[i]));
            return TemplateValue(as_decimal(total));
          }};
}

Value round_to(Arguments arguments, const Scope&) {
  double power = std::pow(10.0, static_cast<double>(std::clamp<int64_t>(
                                    arguments.size() > 1 ? to_integer(arguments[1]) : 0, -300, 300)));
  double limit = arguments.size() > 2 ? to_real(arguments[2]) : 0.5;
  double scaled = to_real(arguments[0]) * power;
  double whole = 0;
  double rest = std::modf(scaled, &whole);
  return TemplateValue((std::fabs(rest) >= limit ? whole + (rest < 0 ? -1 : 1) : whole) / power);
}

Value bytes_of(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view text, text_at(arguments, 0));
  OBELISK_TRY(uint64_t size, parse_bytes(text));
  return TemplateValue(static_cast<double>(size));
}

Value seconds_of(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view text, text_at(arguments, 0));
  OBELISK_TRY(int64_t nanos, parse_duration_value(text));
  return TemplateValue(static_cast<double>(nanos) / 1e9);
}

}  // namespace

void add_number_functions(TemplateFunctions& table) {
  auto u = [](int64_t value) { return static_cast<uint64_t>(value); };
  table["add"] = integers([u](int64_t a, int64_t b) { return wrapped(u(a) + u(b)); });
  table["sub"] = integers([u](int64_t a, int64_t b) { return wrapped(u(a) - u(b)); }, 2);
  table["mul"] = integers([u](int64_t a, int64_t b) { return wrapped(u(a) * u(b)); });
  table["max"] = integers([](int64_t a, int64_t b) { return std::max(a, b); });
  table["min"] = integers([](int64_t a, int64_t b) { return std::min(a, b); });
  table["div"] = {2, 2, divide<false>};
  table["mod"] = {2, 2, divide<true>};
  table["addf"] = reals([](double a, double b) { return a + b; });
  table["subf"] = reals([](double a, double b) { return a - b; });
  table["mulf"] = reals([](double a, double b) { return a * b; });
  table["divf"] =
      reals([](double a, double b) { return b == 0 ? std::numeric_limits<double>::quiet_NaN() : a / b; });
  table["maxf"] = reals([](double a, double b) { return std::max(a, b); });
  table["minf"] = reals([](double a, double b) { return std::min(a, b); });
  table["ceil"] = {
      1, 1, [](Arguments a, const Scope&) -> Value { return TemplateValue(std::ceil(to_real(a[0]))); }};
  table["floor"] = {
      1, 1, [](Arguments a, const Scope&) -> Value { return TemplateValue(std::floor(to_real(a[0]))); }};
  table["round"] = {1, 3, round_to};
  table["int"] = {1, 1, [](Arguments a, const Scope&) -> Value { return TemplateValue(to_integer(a[0])); }};
  table["float64"] = {1, 1, [](Arguments a, const Scope&) -> Value { return TemplateValue(to_real(a[0])); }};
  table["bytes"] = {1, 1, bytes_of};
  table["duration"] = table["duration_seconds"] = {1, 1, seconds_of};
}

}  // namespace obelisk::logql
