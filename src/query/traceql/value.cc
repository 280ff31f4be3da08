#include "query/traceql/value.h"

#include <fmt/format.h>

#include <cmath>

namespace obelisk::traceql {
namespace {

constexpr std::string_view kStatusNames[] = {"unset", "ok", "error"};
constexpr std::string_view kKindNames[] = {"unspecified", "internal", "server",
                                           "client",      "producer", "consumer"};

int64_t wrapped(ArithmeticOp op, int64_t left, int64_t right) {
  auto a = static_cast<uint64_t>(left);
  auto b = static_cast<uint64_t>(right);
  switch (op) {
    case ArithmeticOp::add:
      return static_cast<int64_t>(a + b);
    case ArithmeticOp::subtract:
      return static_cast<int64_t>(a - b);
    default:
      return static_cast<int64_t>(a * b);
  }
}

double apply_to_doubles(ArithmeticOp op, double a, double b) {
  switch (op) {
    case ArithmeticOp::add:
      return a + b;
    case ArithmeticOp::subtract:
      return a - b;
    case ArithmeticOp::multiply:
      return a * b;
    case ArithmeticOp::divide:
      return a / b;
    case ArithmeticOp::modulo:
      return std::fmod(a, b);
    case ArithmeticOp::power:
      return std::pow(a, b);
  }
  return 0;
}

Value apply_to_integers(ArithmeticOp op, int64_t a, int64_t b) {
  switch (op) {
    case ArithmeticOp::divide:
      if (b == 0) return {};
      return Value::of_integer(b == -1 ? wrapped(ArithmeticOp::subtract, 0, a) : a / b);
    case ArithmeticOp::modulo:
      if (b == 0) return {};
      return Value::of_integer(b == -1 ? 0 : a % b);
    case ArithmeticOp::power: {
      double result = std::pow(static_cast<double>(a), static_cast<double>(b));
      if (std::abs(result) < 9e18 && b >= 0) return Value::of_integer(static_cast<int64_t>(result));
      return Value::of_float(result);
    }
    default:
      return Value::of_integer(wrapped(op, a, b));
  }
}

// Whether the result of mixing durations and plain numbers is a time again: 2 * 3s is, 6s / 3s is a ratio.
bool is_duration_result(ArithmeticOp op, const Value& left, const Value& right) {
  bool a = left.type == ValueType::duration;
  bool b = right.type == ValueType::duration;
  switch (op) {
    case ArithmeticOp::add:
    case ArithmeticOp::subtract:
      return a || b;
    case ArithmeticOp::multiply:
      return a != b;
    case ArithmeticOp::divide:
      return a && !b;
    case ArithmeticOp::modulo:
      return a;
    case ArithmeticOp::power:
      return false;
  }
  return false;
}

template <typename T>
Ordering order_of(const T& a, const T& b) {
  if (a < b) return Ordering::less;
  if (b < a) return Ordering::greater;
  return a == b ? Ordering::equal : Ordering::unordered;
}

// A fraction without trailing zeros: 1500 of 1000 is "1.5".
std::string with_fraction(int64_t whole, int64_t fraction, int digits) {
  if (fraction == 0) return fmt::format("{}", whole);
  std::string text = fmt::format("{}.{:0{}}", whole, fraction, digits);
  while (text.back() == '0') text.pop_back();
  return text;
}

}  // namespace

std::string_view value_type_name(ValueType type) {
  static constexpr std::string_view kNames[] = {"nil",    "boolean", "integer", "float", "duration",
                                                "string", "status",  "kind",    "list"};
  return kNames[static_cast<int>(type)];
}

std::string_view status_text(int64_t code) {
  return code >= 0 && code < 3 ? kStatusNames[code] : "unset";
}
std::string_view kind_text(int64_t code) {
  return code >= 0 && code < 6 ? kKindNames[code] : "unspecified";
}

std::string format_go_duration(int64_t nanos) {
  if (nanos == 0) return "0s";
  std::string sign = nanos < 0 ? "-" : "";
  // The magnitude of the smallest integer does not fit; one nanosecond is given up there.
  int64_t magnitude = nanos < 0 ? -(nanos + (nanos == INT64_MIN ? 1 : 0)) : nanos;
  if (magnitude < 1000) return sign + fmt::format("{}ns", magnitude);
  if (magnitude < 1'000'000) return sign + with_fraction(magnitude / 1000, magnitude % 1000, 3) + "µs";
  if (magnitude < 1'000'000'000)
    return sign + with_fraction(magnitude / 1'000'000, magnitude % 1'000'000, 6) + "ms";
  int64_t seconds = magnitude / 1'000'000'000;
  std::string text = sign;
  if (seconds >= 3600) text += fmt::format("{}h", seconds / 3600);
  if (seconds >= 60) text += fmt::format("{}m", seconds / 60 % 60);
  return text + with_fraction(seconds % 60, magnitude % 1'000'000'000, 9) + "s";
}

std::string value_text(const Value& value) {
  switch (value.type) {
    case ValueType::nil:
      return "nil";
    case ValueType::boolean:
      return value.integer != 0 ? "true" : "false";
    case ValueType::integer:
      return fmt::format("{}", value.integer);
    case ValueType::floating:
      return fmt::format("{}", value.number);
    case ValueType::duration:
      return format_go_duration(value.integer);
    case ValueType::string:
      return std::string(value.text);
    case ValueType::status:
      return std::string(status_text(value.integer));
    case ValueType::kind:
      return std::string(kind_text(value.integer));
    case ValueType::list: {
      std::string text;
      for (const Value& element : *value.list) text += (text.empty() ? "[" : ", ") + value_text(element);
      return text + "]";
    }
  }
  return "";
}

StoredValue::StoredValue(const Value& value)
    : type(value.type), integer(value.integer), number(value.number) {
  if (value.type == ValueType::list) {
    type = ValueType::string;
    text = value_text(value);
  } else {
    text = value.text;
  }
}

Value StoredValue::view() const {
  return {type, integer, number, text, nullptr};
}

Value apply_arithmetic(ArithmeticOp op, const Value& left, const Value& right) {
  if (!left.is_number() || !right.is_number()) return {};
  if (left.type == ValueType::integer && right.type == ValueType::integer) {
    return apply_to_integers(op, left.integer, right.integer);
  }
  double result = apply_to_doubles(op, left.as_number(), right.as_number());
  if (is_duration_result(op, left, right) && std::abs(result) < 9e18) {
    return Value::of_duration(static_cast<int64_t>(std::llround(result)));
  }
  return Value::of_float(result);
}

Ordering compare_values(const Value& left, const Value& right) {
  if (left.is_number() && right.is_number()) {
    if (left.type != ValueType::floating && right.type != ValueType::floating) {
      return order_of(left.integer, right.integer);
    }
    return order_of(left.as_number(), right.as_number());
  }
  if (left.type != right.type) return Ordering::unordered;
  switch (left.type) {
    case ValueType::nil:
      return Ordering::equal;
    case ValueType::string:
      return order_of(left.text, right.text);
    case ValueType::boolean:
    case ValueType::status:
    case ValueType::kind:
      return order_of(left.integer, right.integer);
    default:
      return Ordering::unordered;
  }
}

}  // namespace obelisk::traceql
