#pragma once
// The values that a template of go_template.h works on, with Go's rules for truth, comparison and printing.
// Values are immutable and cheap to copy (lists and maps are shared). Not thread safe while being built.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace obelisk {

class TemplateValue;
using TemplateList = std::vector<TemplateValue>;
using TemplateMap = std::map<std::string, TemplateValue, std::less<>>;

// Something whose fields are looked up when asked for (the labels of a log line, an alert), so that a
// template which reads two of fifty labels costs two.
class TemplateObject {
 public:
  virtual ~TemplateObject() = default;
  virtual std::optional<TemplateValue> field(std::string_view name) const = 0;
  // Everything, for `range` and for printing it whole.
  virtual TemplateMap all() const = 0;
  // What a missing field is: the empty string for a map of strings, nil otherwise.
  virtual TemplateValue missing() const;
};

class TemplateValue {
 public:
  enum class Kind { nil, boolean, integer, real, text, time, list, map, object };

  TemplateValue() = default;
  TemplateValue(bool value) : state_(value) {}
  TemplateValue(int value) : state_(static_cast<int64_t>(value)) {}
  TemplateValue(int64_t value) : state_(value) {}
  TemplateValue(double value) : state_(value) {}
  TemplateValue(std::string value) : state_(std::move(value)) {}
  TemplateValue(std::string_view value) : state_(std::string(value)) {}
  TemplateValue(const char* value) : state_(std::string(value)) {}
  TemplateValue(UnixNanos value) : state_(value) {}
  TemplateValue(TemplateList value) : state_(std::make_shared<const TemplateList>(std::move(value))) {}
  TemplateValue(TemplateMap value) : state_(std::make_shared<const TemplateMap>(std::move(value))) {}
  // The object must outlive the execution.
  TemplateValue(const TemplateObject* value) : state_(value) {}

  Kind kind() const { return static_cast<Kind>(state_.index()); }
  bool is_nil() const { return kind() == Kind::nil; }
  bool is_number() const { return kind() == Kind::integer || kind() == Kind::real; }

  bool boolean() const { return std::get<bool>(state_); }
  int64_t integer() const { return std::get<int64_t>(state_); }
  double real() const { return std::get<double>(state_); }
  const std::string& text() const { return std::get<std::string>(state_); }
  UnixNanos time() const { return std::get<UnixNanos>(state_); }
  const TemplateList& list() const { return *std::get<std::shared_ptr<const TemplateList>>(state_); }
  const TemplateMap& map() const { return *std::get<std::shared_ptr<const TemplateMap>>(state_); }
  const TemplateObject& object() const { return *std::get<const TemplateObject*>(state_); }

  // Go's truth: false, 0, "", nil and empty collections are false.
  bool is_true() const;
  // As Go's fmt prints it with %v; nil is "<no value>".
  std::string to_text() const;
  // Appends to_text() without a temporary for text.
  void append_to(std::string& out) const;
  // Go's type name, for messages: "string", "int", "float64", "map", ...
  std::string_view type_name() const;

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, UnixNanos,
               std::shared_ptr<const TemplateList>, std::shared_ptr<const TemplateMap>, const TemplateObject*>
      state_;
};

// Go's basic equality (eq, ne): kinds must be comparable, else an error. Integers and reals do not mix.
Result<bool> template_equal(const TemplateValue& a, const TemplateValue& b);
// Go's ordering (lt and friends) of integers, reals and text.
Result<bool> template_less(const TemplateValue& a, const TemplateValue& b);

}  // namespace obelisk
