#pragma once
// compare(): how often each value of each attribute occurs on the selected spans and on the others, over
// time. Not thread safe. Bounds: at most kValuesMax values of one attribute are counted exactly; an attribute
// with more is reported as such (__meta_error) and without values. What is counted is charged to the budget.
#include <string>
#include <unordered_map>

#include "query/traceql/metrics_series.h"
#include "query/traceql/span_scan.h"

namespace obelisk::traceql {

// A column as an attribute of TraceQL; empty for those that comparisons leave out (ids, times, nested
// messages).
std::string compared_attribute(const ColumnId& id);

class CompareAggregate {
 public:
  static constexpr size_t kValuesMax = 10'000;
  CompareAggregate(const MetricsExpr& expr, const PointGrid& grid, Budget& budget)
      : expr_(expr), grid_(grid), budget_(budget) {}
  ~CompareAggregate() { budget_.release(charged_); }
  CompareAggregate(const CompareAggregate&) = delete;
  CompareAggregate& operator=(const CompareAggregate&) = delete;

  // `span` of a batch with all columns.
  Result<void> add(SpanView& span);
  SeriesSet finish() const;

 private:
  struct Counted {
    StoredValue value;
    std::vector<double> counts;
    double total = 0;
  };
  struct AttributeCounts {
    std::map<StoredValue, Counted> values;
    std::vector<double> totals;
    bool too_many = false;
  };
  using Side = std::map<std::string, AttributeCounts>;  // by attribute as it is written in a query

  Result<void> count(Side& side, std::string name, const Value& value, size_t point);
  bool is_selected(SpanView& span) const;
  void add_side(const Side& side, std::string_view meta, SeriesSet& out) const;

  const MetricsExpr& expr_;
  const PointGrid& grid_;
  Budget& budget_;
  uint64_t charged_ = 0;
  Side baseline_;
  Side selection_;
};

}  // namespace obelisk::traceql
