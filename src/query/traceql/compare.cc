#include "query/traceql/compare.h"

#include <algorithm>
#include <limits>

namespace obelisk::traceql {

std::string compared_attribute(const ColumnId& id) {
  switch (id.scope) {
    case Scope::resource:
      return Attribute{Intrinsic::none, AttributeScope::resource, false, id.name}.to_string();
    case Scope::attribute:
      return Attribute{Intrinsic::none, AttributeScope::span, false, id.name}.to_string();
    case Scope::instrumentation:
      return Attribute{Intrinsic::none, AttributeScope::instrumentation, false, id.name}.to_string();
    case Scope::event:
    case Scope::link:
    case Scope::label:
      return "";
    case Scope::fixed:
      break;
  }
  if (id.name == column::kName) return "name";
  if (id.name == column::kKind) return "kind";
  if (id.name == column::kStatusCode) return "status";
  if (id.name == column::kStatusMessage) return "statusMessage";
  return "";
}

namespace {

Value value_of(const ColumnData& data, uint32_t row) {
  switch (data.type) {
    case ColumnType::boolean:
      return Value::of_boolean(data.ints[row] != 0);
    case ColumnType::int64:
      return Value::of_integer(data.ints[row]);
    case ColumnType::float64:
      return Value::of_float(data.floats[row]);
    case ColumnType::string:
      return Value::of_string(data.strings[row]);
    default:
      return {};
  }
}

}  // namespace

bool CompareAggregate::is_selected(SpanView& span) const {
  if (expr_.selection_range && !expr_.selection_range->contains({span.time()})) return false;
  return span.holds(*expr_.selection->filter);
}

Result<void> CompareAggregate::add(SpanView& span) {
  size_t point = grid_.point_of(span.time());
  if (point == grid_.count) return {};
  Side& side = is_selected(span) ? selection_ : baseline_;
  side.exemplars.resize(std::min<size_t>(exemplars_max_, grid_.count));
  filling_ = nullptr;
  if (!side.exemplars.empty()) {
    Exemplar& slot = side.exemplars[point * side.exemplars.size() / grid_.count];
    if (slot.time.value == 0) {
      slot = {span.trace_id(), {span.time()}, {}};
      filling_ = &slot;
    }
  }
  return add_values(side, span, point);
}

Result<void> CompareAggregate::add_values(Side& side, SpanView& span, size_t point) {
  // Every span has a kind and a status, also where they are left out because they are 0.
  int64_t kind = 0, status = 0;
  for (const ColumnData& data : span.batch().columns) {
    if (!data.is_present(span.row())) continue;
    if (data.id.scope == Scope::fixed && data.id.name == column::kKind) {
      kind = data.ints[span.row()];
      continue;
    }
    if (data.id.scope == Scope::fixed && data.id.name == column::kStatusCode) {
      status = data.ints[span.row()];
      continue;
    }
    std::string name = compared_attribute(data.id);
    if (name.empty()) continue;
    Value value = value_of(data, span.row());
    if (!value.is_nil()) OBELISK_CHECK_OK(count(side, std::move(name), value, point));
  }
  for (auto [name, slot] :
       {std::pair("rootName", roots_.first), std::pair("rootServiceName", roots_.second)}) {
    Value value = span.read(slot);
    if (!value.is_nil()) OBELISK_CHECK_OK(count(side, name, value, point));
  }
  OBELISK_CHECK_OK(count(side, "kind", Value::of_kind(kind), point));
  return count(side, "status", Value::of_status(status), point);
}

Result<void> CompareAggregate::charge(uint64_t bytes) {
  OBELISK_CHECK_OK(budget_.charge(bytes));
  charged_ += bytes;
  return {};
}

Result<void> CompareAggregate::count(Side& side, std::string name, const Value& value, size_t point) {
  if (filling_ != nullptr) {
    OBELISK_CHECK_OK(charge(name.size() + sizeof(std::string)));
    filling_->attributes.push_back(name);
  }
  AttributeCounts& counts = side.attributes[std::move(name)];
  counts.totals.resize(grid_.count);
  counts.totals[point] += 1;
  if (counts.too_many) return {};
  auto [entry, fresh] = counts.values.try_emplace(StoredValue(value));
  Counted& counted = entry->second;
  if (fresh) {
    OBELISK_CHECK_OK(charge(grid_.count * sizeof(double) + sizeof(Counted) + value.text.size() * 2 + 64));
    counted.counts.assign(grid_.count, 0);
  }
  counted.counts[point] += 1;
  counted.total += 1;
  if (counts.values.size() > kValuesMax) {
    counts.too_many = true;
    counts.values.clear();
  }
  return {};
}

namespace {

void add_series(SeriesLabels labels, std::vector<double> values, std::vector<MetricsExemplar> exemplars,
                SeriesSet& out) {
  MetricsSeries series{labels, std::move(values), std::move(exemplars)};
  out[std::move(labels)] = std::move(series);
}

}  // namespace

// The most frequent values of one attribute. That there are more is said once for both sides.
void CompareAggregate::add_values(const std::string& name, const AttributeCounts& counts,
                                  std::string_view meta, SeriesSet& out) const {
  std::vector<std::pair<const StoredValue*, const Counted*>> ranked;
  for (const auto& [value, counted] : counts.values) ranked.emplace_back(&value, &counted);
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](auto& a, auto& b) { return a.second->total > b.second->total; });
  auto top = static_cast<size_t>(expr_.top);
  if (counts.too_many || ranked.size() > top) {
    add_series({{"__meta_error", StoredValue::of_string("__too_many_values__")},
                {name, StoredValue::of_string("nil")}},
               std::vector<double>(grid_.count, std::numeric_limits<double>::quiet_NaN()), {}, out);
  }
  if (ranked.size() > top) ranked.resize(top);
  for (const auto& [value, counted] : ranked)
    add_series({{"__meta_type", StoredValue::of_string(meta)}, {name, *value}}, counted->counts, {}, out);
}

std::vector<MetricsExemplar> CompareAggregate::exemplars_of(const Side& side, const std::string& name,
                                                            const std::vector<double>& totals) const {
  std::vector<MetricsExemplar> exemplars;
  for (const Exemplar& one : side.exemplars) {
    const std::vector<std::string>& has = one.attributes;
    if (one.time.value == 0 || std::find(has.begin(), has.end(), name) == has.end()) continue;
    exemplars.push_back({one.trace, totals[grid_.point_of(one.time.value)], one.time});
  }
  return exemplars;
}

void CompareAggregate::add_side(const Side& side, std::string_view meta, SeriesSet& out) const {
  NamedValue total_label("__meta_type", StoredValue::of_string(std::string(meta) + "_total"));
  for (const auto& [name, counts] : side.attributes) {
    add_values(name, counts, meta, out);
    add_series({total_label, {name, StoredValue::of_string("nil")}}, counts.totals,
               exemplars_of(side, name, counts.totals), out);
  }
}

SeriesSet CompareAggregate::finish() const {
  SeriesSet series;
  add_side(baseline_, "baseline", series);
  add_side(selection_, "selection", series);
  return series;
}

}  // namespace obelisk::traceql
