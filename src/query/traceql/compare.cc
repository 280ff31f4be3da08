#include "query/traceql/compare.h"

#include <algorithm>

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
  OBELISK_CHECK_OK(count(side, "kind", Value::of_kind(kind), point));
  return count(side, "status", Value::of_status(status), point);
}

Result<void> CompareAggregate::count(Side& side, std::string name, const Value& value, size_t point) {
  AttributeCounts& counts = side[std::move(name)];
  counts.totals.resize(grid_.count);
  counts.totals[point] += 1;
  if (counts.too_many) return {};
  auto [entry, fresh] = counts.values.try_emplace(StoredValue(value));
  Counted& counted = entry->second;
  if (fresh) {
    uint64_t bytes = grid_.count * sizeof(double) + sizeof(Counted) + value.text.size() * 2 + 64;
    OBELISK_CHECK_OK(budget_.charge(bytes));
    charged_ += bytes;
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

void CompareAggregate::add_side(const Side& side, std::string_view meta, SeriesSet& out) const {
  auto add = [&](SeriesLabels labels, std::vector<double> values) {
    MetricsSeries series{labels, std::move(values), {}};
    out[std::move(labels)] = std::move(series);
  };
  for (const auto& [name, counts] : side) {
    NamedValue meta_label("__meta_type", StoredValue::of_string(meta));
    if (counts.too_many) {
      add({meta_label,
           {"__meta_error", StoredValue::of_string("__too_many_values__")},
           {name, StoredValue::of_string("nil")}},
          std::vector<double>(grid_.count, 0));
    }
    std::vector<std::pair<const StoredValue*, const Counted*>> ranked;
    for (const auto& [value, counted] : counts.values) ranked.emplace_back(&value, &counted);
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](auto& a, auto& b) { return a.second->total > b.second->total; });
    if (ranked.size() > static_cast<size_t>(expr_.top)) ranked.resize(static_cast<size_t>(expr_.top));
    for (const auto& [value, counted] : ranked) add({meta_label, {name, *value}}, counted->counts);
    NamedValue total_label("__meta_type", StoredValue::of_string(std::string(meta) + "_total"));
    add({total_label, {name, StoredValue::of_string("nil")}}, counts.totals);
  }
}

SeriesSet CompareAggregate::finish() const {
  SeriesSet series;
  add_side(baseline_, "baseline", series);
  add_side(selection_, "selection", series);
  return series;
}

}  // namespace obelisk::traceql
