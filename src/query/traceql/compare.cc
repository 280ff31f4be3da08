#include "query/traceql/compare.h"

#include <algorithm>
#include <cmath>
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
  bind(span);
  const uint32_t row = span.row();
  for (Place& place : places_) {
    if (!place.column->is_present(row)) continue;
    Value value = value_of(*place.column, row);
    if (!value.is_nil()) OBELISK_CHECK_OK(count(side, place, value, point));
  }
  for (auto [place, slot] :
       {std::pair(&root_name_, roots_.first), std::pair(&root_service_, roots_.second)}) {
    Value value = span.read(slot);
    if (!value.is_nil()) OBELISK_CHECK_OK(count(side, *place, value, point));
  }
  // Every span has a kind and a status, also where they are left out because they are 0.
  OBELISK_CHECK_OK(count(side, kind_, Value::of_kind(int_at(kinds_, row)), point));
  return count(side, status_, Value::of_status(int_at(statuses_, row)), point);
}

void CompareAggregate::bind(SpanView& span) {
  if (bound_batches_ == span.bound_batches()) return;
  bound_batches_ = span.bound_batches();
  const Batch& batch = span.batch();
  kinds_ = batch.find_fixed(column::kKind);
  statuses_ = batch.find_fixed(column::kStatusCode);
  places_.clear();
  for (const ColumnData& data : batch.columns) {
    if (&data == kinds_ || &data == statuses_) continue;
    std::string name = compared_attribute(data.id);
    if (!name.empty()) places_.push_back({std::move(name), &data, {}, {}});
  }
}

Result<void> CompareAggregate::charge(uint64_t bytes) {
  OBELISK_CHECK_OK(budget_.charge(bytes));
  charged_ += bytes;
  return {};
}

namespace {

// As ValueOrder has it.
bool is_one(const StoredValue& held, const Value& value) {
  bool same_number = held.number == value.number || (std::isnan(held.number) && std::isnan(value.number));
  return held.type == value.type && held.integer == value.integer && same_number && held.text == value.text;
}

}  // namespace

Result<void> CompareAggregate::count(Side& side, Place& place, const Value& value, size_t point) {
  if (filling_ != nullptr) {
    OBELISK_CHECK_OK(charge(place.name.size() + sizeof(std::string)));
    filling_->attributes.push_back(place.name);
  }
  Place::OfSide& of_side = &side == &selection_ ? place.selection : place.baseline;
  if (of_side.counts == nullptr) {
    of_side.counts = &side.attributes[place.name];
    of_side.counts->totals.resize(grid_.count);
  }
  AttributeCounts& counts = *of_side.counts;
  counts.totals[point] += 1;
  if (counts.too_many) return {};
  if (of_side.last == nullptr || !is_one(of_side.last->first, value)) {
    auto entry = counts.values.find(value);
    if (entry == counts.values.end()) {
      OBELISK_CHECK_OK(charge(grid_.count * sizeof(double) + sizeof(Counted) + value.text.size() * 2 + 64));
      entry = counts.values.try_emplace(StoredValue(value)).first;
      entry->second.counts.assign(grid_.count, 0);
    }
    of_side.last = &*entry;
  }
  Counted& counted = of_side.last->second;
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
