#include "query/traceql/attribute_comparison.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/text.h"
#include "query/traceql/compare.h"
#include "query/traceql/tag_type.h"
#include "query/traceql/trace_scan.h"
#include "query/traceql/validate.h"
#include "storage/reader.h"

namespace obelisk::traceql {
namespace {

// Of a value with a share below 1 in kComparedValuesMax on both sides.
constexpr double kEffectOfRareValues = 0.07;
constexpr double kNormal95 = 1.959963984540054;

using ValueKey = std::pair<ColumnType, std::string>;
using ValueCounts = std::map<ValueKey, uint64_t>;

std::string_view type_name(const ColumnId& column, ColumnType type) {
  if (column.scope == Scope::fixed && type == ColumnType::int64) return "keyword";
  return tag_type_of(type);
}

std::string shown_value(const ColumnId& column, const ValueKey& key) {
  if (column.scope != Scope::fixed || key.first != ColumnType::int64) return key.second;
  int64_t number = parse_int64(key.second).value_or(0);
  return std::string(column.name == column::kKind ? kind_text(number) : status_text(number));
}

std::optional<Literal> literal_of(const ValueKey& key) {
  switch (key.first) {
    case ColumnType::string:
      return Literal(key.second);
    case ColumnType::boolean:
      return Literal(key.second == "true");
    case ColumnType::int64:
      if (auto number = parse_int64(key.second)) return Literal(*number);
      return std::nullopt;
    case ColumnType::float64:
      if (auto number = parse_float(key.second)) return Literal(*number);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

// Beyond what compare() looks at: what the span's events and links say.
std::string name_of(const ColumnId& id) {
  if (id.scope == Scope::event)
    return Attribute{Intrinsic::none, AttributeScope::event, false, id.name}.to_string();
  if (id.scope == Scope::link)
    return Attribute{Intrinsic::none, AttributeScope::link, false, id.name}.to_string();
  if (id == fixed_column(column::kEventNames)) return "event:name";
  return compared_attribute(id);
}

class Comparison {
 public:
  Comparison(const QueryContext& context, TimeRange range, Expr all, const Expr& selection)
      : context_(context), range_(range), all_(std::move(all)), selected_(Expr::all_of({all_, selection})) {}

  Result<AttributeComparison> run(uint64_t limit) {
    OBELISK_TRY(uint64_t total, count_rows(all_));
    OBELISK_TRY(result_.selected, count_rows(selected_));
    result_.others = total - std::min(total, result_.selected);
    if (result_.selected == 0 || result_.others == 0) return std::move(result_);
    OBELISK_TRY(std::vector<ColumnInfo> infos, context_.reader.columns(context_.at, scan_of(Expr())));
    std::set<ColumnId> columns;
    for (const ColumnInfo& info : infos) columns.insert(info.id);
    for (const ColumnId& column : columns) {
      std::string attribute = name_of(column);
      if (attribute.empty()) continue;
      OBELISK_CHECK_OK(context_.cancel.check());
      OBELISK_CHECK_OK(compare(column, attribute));
    }
    result_.compared = result_.values.size();
    std::stable_sort(result_.values.begin(), result_.values.end(),
                     [](auto& a, auto& b) { return std::abs(a.effect) > std::abs(b.effect); });
    if (limit != 0 && result_.values.size() > limit) result_.values.resize(limit);
    return std::move(result_);
  }

 private:
  Scan scan_of(Expr where) const {
    Scan scan;
    scan.tenant = context_.tenant;
    scan.table = Table::spans;
    scan.range = range_;
    scan.where = std::move(where);
    return scan;
  }

  Result<uint64_t> count_rows(const Expr& where) {
    Scan scan = scan_of(where);
    scan.aggregate.emplace();
    scan.aggregate->first_time = std::max<int64_t>(range_.begin.value, 0);
    scan.aggregate->distinct_spans = true;
    OBELISK_TRY(AggregateAnswer answer,
                aggregate_scan(context_.reader, context_.at, scan, context_.budget, context_.cancel));
    uint64_t count = 0;
    for (const auto& group : answer.states.groups()) {
      for (uint64_t of_step : group.counts) count += of_step;
    }
    return count;
  }

  Result<ValueCounts> count_values(const Expr& where, const ColumnId& column, uint64_t limit) {
    OBELISK_TRY(std::vector<ValueCount> values,
                context_.reader.values(context_.at, scan_of(where), column, limit, context_.cancel));
    ValueCounts counts;
    for (ValueCount& value : values) {
      bool compared = value.type != ColumnType::any && value.type != ColumnType::bytes;
      if (compared) counts[{value.type, std::move(value.value)}] += value.count;
    }
    return counts;
  }

  double effect_of(uint64_t selected, uint64_t others) const {
    auto share = [](uint64_t part, uint64_t whole) {
      return std::min(1.0, static_cast<double>(part) / static_cast<double>(whole));
    };
    return 2 * std::asin(std::sqrt(share(selected, result_.selected))) -
           2 * std::asin(std::sqrt(share(others, result_.others)));
  }

  // Whether the effect of a value that is in one list and was cut from the other may count: `held` is what
  // the list says of it, `most` the least that the other has of any value, and so the most it can have of
  // this.
  bool may_matter(uint64_t held, uint64_t most, bool held_are_selected) const {
    double low = held_are_selected ? effect_of(held, 0) : effect_of(0, held);
    double high = held_are_selected ? effect_of(held, most) : effect_of(most, held - std::min(held, most));
    return std::max(std::abs(low), std::abs(high)) >= kEffectOfRareValues;
  }

  // The counts under `where` of those values of `from` that may matter and that `known` lacks because it was
  // cut off.
  Result<void> complete(const Expr& where, const ColumnId& column, const ValueCounts& from,
                        ValueCounts& known, bool from_selected) {
    if (known.size() < kComparedValuesMax) return {};
    uint64_t least = UINT64_MAX;
    for (const auto& [key, count] : known) least = std::min(least, count);
    std::vector<Expr> wanted;
    std::vector<ValueKey> asked;
    for (const auto& [key, count] : from) {
      if (known.contains(key) || !may_matter(count, least, from_selected)) continue;
      std::optional<Literal> literal = literal_of(key);
      if (!literal) continue;
      asked.push_back(key);
      wanted.push_back(Expr::compare(column, CompareOp::equal, std::move(*literal)));
    }
    if (wanted.empty()) return {};
    OBELISK_TRY(ValueCounts more,
                count_values(Expr::all_of({where, Expr::any_of(std::move(wanted))}), column, 0));
    known.merge(more);
    for (const ValueKey& key : asked) known.try_emplace(key, 0);  // looked for, and there are none
    return {};
  }

  Result<void> compare(const ColumnId& column, const std::string& attribute) {
    OBELISK_TRY(ValueCounts all, count_values(all_, column, kComparedValuesMax));
    OBELISK_TRY(ValueCounts selected, count_values(selected_, column, kComparedValuesMax));
    const bool selected_are_all = selected.size() < kComparedValuesMax;
    const ValueCounts frequent = selected;
    OBELISK_CHECK_OK(complete(selected_, column, all, selected, false));
    OBELISK_CHECK_OK(complete(all_, column, frequent, all, true));
    for (const auto& [key, count] : all) {
      auto found = selected.find(key);
      if (found == selected.end() && !selected_are_all) continue;  // too rare to matter
      ComparedValue value;
      value.selected = found == selected.end() ? 0 : found->second;
      value.others = count - std::min(count, value.selected);
      value.effect = effect_of(value.selected, value.others);
      double error =
          std::sqrt(1 / static_cast<double>(result_.selected) + 1 / static_cast<double>(result_.others));
      value.significant = std::abs(value.effect) > kNormal95 * error;
      value.attribute = attribute;
      value.type = type_name(column, key.first);
      value.value = shown_value(column, key);
      OBELISK_CHECK_OK(context_.budget.charge(sizeof(ComparedValue) + value.value.size() + attribute.size()));
      result_.values.push_back(std::move(value));
    }
    return {};
  }

  const QueryContext& context_;
  const TimeRange range_;
  const Expr all_;
  const Expr selected_;
  AttributeComparison result_;
};

// The condition of a query that is one spanset filter, as a store applies it.
Result<Expr> condition_of(const QueryContext& context, std::string_view text, TimeRange range) {
  OBELISK_TRY(Query query, prepare(text));
  bool is_filter = query.pipeline && query.pipeline->stages.size() == 1 &&
                   query.pipeline->stages[0].spanset &&
                   query.pipeline->stages[0].spanset->kind == SpansetExpr::Kind::filter;
  if (!is_filter)
    return make_error(ErrorCode::invalid_argument,
                      "a comparison takes spanset filters, such as { status = error }");
  OBELISK_TRY(std::vector<Lowered> leaves, lower_leaves(context, query, *query.pipeline, range));
  if (!leaves[0].exact) {
    return make_error(
        ErrorCode::unsupported,
        "unsupported: a comparison by more than attributes and intrinsics of the span itself; the "
        "metrics function compare() takes any filter");
  }
  return leaves[0].expr;
}

}  // namespace

Result<AttributeComparison> compare_attributes(const QueryContext& context, std::string_view of,
                                               std::string_view selection, TimeRange range, uint64_t limit) {
  OBELISK_TRY(Expr all, condition_of(context, of, range));
  OBELISK_TRY(Expr selected, condition_of(context, selection, range));
  return Comparison(context, range, std::move(all), selected).run(limit);
}

}  // namespace obelisk::traceql
