#pragma once
// Values of TraceQL: what literals are and what attributes of a span evaluate to.
// Value borrows its text and list (from a batch, a query, or the evaluator's scratch); StoredValue owns its
// text. Pure data, safe from any thread.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace obelisk::traceql {

enum class ValueType : uint8_t {
  nil,      // absent
  boolean,  // in integer, 0 or 1
  integer,
  floating,  // in number
  duration,  // ns, in integer
  string,    // in text
  status,    // OTLP's number: 0 unset, 1 ok, 2 error
  kind,      // OTLP's number: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer
  list,      // an array attribute, or an attribute of several events or links
};
std::string_view value_type_name(ValueType type);

struct Value {
  ValueType type = ValueType::nil;
  int64_t integer = 0;
  double number = 0;
  std::string_view text;
  const std::vector<Value>* list = nullptr;

  static Value of_boolean(bool flag) { return {ValueType::boolean, flag ? 1 : 0, 0, {}, nullptr}; }
  static Value of_integer(int64_t value) { return {ValueType::integer, value, 0, {}, nullptr}; }
  static Value of_float(double value) { return {ValueType::floating, 0, value, {}, nullptr}; }
  static Value of_duration(int64_t nanos) { return {ValueType::duration, nanos, 0, {}, nullptr}; }
  static Value of_string(std::string_view text) { return {ValueType::string, 0, 0, text, nullptr}; }
  static Value of_status(int64_t code) { return {ValueType::status, code, 0, {}, nullptr}; }
  static Value of_kind(int64_t code) { return {ValueType::kind, code, 0, {}, nullptr}; }

  bool is_nil() const { return type == ValueType::nil; }
  bool is_true() const { return type == ValueType::boolean && integer != 0; }
  bool is_number() const {
    return type == ValueType::integer || type == ValueType::floating || type == ValueType::duration;
  }
  // Of a number; durations in ns.
  double as_number() const { return type == ValueType::floating ? number : static_cast<double>(integer); }
};

// What comparisons and aggregates look at: the elements of a list, else the value itself.
inline std::span<const Value> elements_of(const Value& value) {
  if (value.type == ValueType::list) return *value.list;
  return {&value, 1};
}

struct StoredValue {
  ValueType type = ValueType::nil;
  int64_t integer = 0;
  double number = 0;
  std::string text;

  StoredValue() = default;
  // A list is stored as the text of its elements.
  explicit StoredValue(const Value& value);
  static StoredValue of_string(std::string_view text) { return StoredValue(Value::of_string(text)); }
  // Valid while this object lives and is not changed. Never a list.
  Value view() const;
  auto operator<=>(const StoredValue&) const = default;
  bool operator==(const StoredValue&) const = default;
};

// As a person reads it: strings as they are, durations as Go prints them, status and kind by name, "nil".
std::string value_text(const Value& value);
std::string_view status_text(int64_t code);
std::string_view kind_text(int64_t code);
// Go's time.Duration.String: 1h0m0s, 1.5s, 250ms, 3µs, 0s.
std::string format_go_duration(int64_t nanos);

enum class ArithmeticOp : uint8_t { add, subtract, multiply, divide, modulo, power };
// Nil unless both are numbers. Integers stay integers (division truncates, overflow wraps); a division or
// modulo of integers by zero is nil.
Value apply_arithmetic(ArithmeticOp op, const Value& left, const Value& right);

enum class Ordering : uint8_t { less, equal, greater, unordered };
// Numbers compare as numbers, strings byte-wise, the others by identity; unordered: different kinds of value,
// or NaN.
Ordering compare_values(const Value& left, const Value& right);

}  // namespace obelisk::traceql
