#pragma once
// Warnings and infos gathered while one query runs: each text once, with the place of the sub-expression that
// raised it. Bounded: past kKinds different texts of a level the rest are dropped (a query over many metric
// names could otherwise gather one for each); the API tells only the first ten anyway.
#include <set>
#include <string>
#include <string_view>

#include "query/promql/ast.h"
#include "query/promql/engine.h"

namespace obelisk::promql {

class Annotations {
 public:
  static constexpr size_t kKinds = 1000;
  explicit Annotations(std::string_view query) : query_(query) {}

  void warn(const Node& at, const std::string& message) { add(warnings_, "PromQL warning: ", at, message); }
  void info(const Node& at, const std::string& message) { add(infos_, "PromQL info: ", at, message); }
  PromqlAnnotations take();

  // The texts that are raised in more than one place; `metric` is the metric name, may be empty.
  void mixed_range(const Node& at, std::string_view metric);
  void mixed_schemas(const Node& at, std::string_view metric);
  void not_a_counter(const Node& at, std::string_view metric);
  void not_a_gauge(const Node& at, std::string_view metric);
  void ignored_in_mixed_range(const Node& at, std::string_view metric);
  void ignored_in_aggregation(const Node& at, std::string_view op);
  void bounds_reconciled(const Node& at, std::string_view operation);
  void reset_collision(const Node& at, std::string_view operation);
  void overlapping_starts(const Node& at, std::string_view metric);
  void bad_quantile(const Node& at, double phi);

 private:
  std::string place(const Node& at) const;
  void add(std::set<std::string>& to, std::string_view prefix, const Node& at, const std::string& message);

  std::string_view query_;
  std::set<std::string> warnings_;
  std::set<std::string> infos_;
};

}  // namespace obelisk::promql
