#pragma once
// compare(): how often each value of each attribute, and of the root's name and service, occurs on the
// selected spans and on the others, over time. An attribute with more values than are shown is named as such
// (__meta_error), as in Tempo. Exemplars of a side stand at its totals, those of every attribute that the
// span has. Not thread safe. Bounds: at most kValuesMax values of one attribute are counted; an attribute
// with more is shown without values. What is counted is charged to the budget.
#include <string>
#include <utility>

#include "query/traceql/metrics_series.h"
#include "query/traceql/span_scan.h"

namespace obelisk::traceql {

// A column as an attribute of TraceQL; empty for those that comparisons leave out (ids, times, nested
// messages).
std::string compared_attribute(const ColumnId& id);

class CompareAggregate {
 public:
  static constexpr size_t kValuesMax = 10'000;
  // `roots`: the slots of rootName and rootServiceName.
  CompareAggregate(const MetricsExpr& expr, const PointGrid& grid, std::pair<size_t, size_t> roots,
                   uint32_t exemplars_max, Budget& budget)
      : expr_(expr), grid_(grid), roots_(roots), exemplars_max_(exemplars_max), budget_(budget) {}
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
    std::map<StoredValue, Counted, ValueOrder> values;
    std::vector<double> totals;
    bool too_many = false;
  };
  struct Exemplar {
    TraceId trace;
    UnixNanos time;  // 0: none yet
    std::vector<std::string> attributes;
  };
  struct Side {
    std::map<std::string, AttributeCounts> attributes;  // as they are written in a query
    std::vector<Exemplar> exemplars;                    // the first of each slot of the range
  };
  // Where one attribute is counted, looked up once: names and values repeat from span to span.
  struct Place {
    std::string name;
    const ColumnData* column = nullptr;  // of the batch; null for what is read otherwise
    struct OfSide {
      AttributeCounts* counts = nullptr;
      std::map<StoredValue, Counted, ValueOrder>::value_type* last = nullptr;  // the value counted last
    };
    OfSide baseline;
    OfSide selection;
  };

  void bind(SpanView& span);
  Result<void> add_values(Side& side, SpanView& span, size_t point);
  Result<void> count(Side& side, Place& place, const Value& value, size_t point);
  Result<void> charge(uint64_t bytes);
  bool is_selected(SpanView& span) const;
  void add_side(const Side& side, std::string_view meta, SeriesSet& out) const;
  void add_values(const std::string& name, const AttributeCounts& counts, std::string_view meta,
                  SeriesSet& out) const;
  std::vector<MetricsExemplar> exemplars_of(const Side& side, const std::string& name,
                                            const std::vector<double>& totals) const;

  const MetricsExpr& expr_;
  const PointGrid& grid_;
  const std::pair<size_t, size_t> roots_;
  const uint32_t exemplars_max_;
  Budget& budget_;
  uint64_t charged_ = 0;
  Exemplar* filling_ = nullptr;  // the exemplar that the span is to be
  Side baseline_;
  Side selection_;
  std::vector<Place> places_;  // of the attributes that are columns of the bound batch
  uint64_t bound_batches_ = 0;
  const ColumnData* kinds_ = nullptr;
  const ColumnData* statuses_ = nullptr;
  Place kind_{"kind", nullptr, {}, {}};
  Place status_{"status", nullptr, {}, {}};
  Place root_name_{"rootName", nullptr, {}, {}};
  Place root_service_{"rootServiceName", nullptr, {}, {}};
};

}  // namespace obelisk::traceql
