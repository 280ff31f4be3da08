#include "storage/embedded/events/chunk_pruning.h"

#include <algorithm>

#include "storage/embedded/events/value_filter.h"

namespace obelisk {
namespace {

// How a comparison with `value` turns out for values between `low` and `high`.
template <typename T>
Decision compare_range(CompareOp op, const T& low, const T& high, const T& value) {
  auto decide = [](bool all, bool none) {
    return all ? Decision::yes : none ? Decision::no : Decision::depends;
  };
  switch (op) {
    case CompareOp::equal:
      return decide(low == value && high == value, value < low || high < value);
    case CompareOp::not_equal:
      return decide(value < low || high < value, low == value && high == value);
    case CompareOp::less:
      return decide(high < value, value <= low);
    case CompareOp::less_equal:
      return decide(high <= value, value < low);
    case CompareOp::greater:
      return decide(value < low, high <= value);
    case CompareOp::greater_equal:
      return decide(value <= low, high < value);
  }
  return Decision::depends;
}

// A literal as the number an integer or double column is compared with.
std::optional<double> as_double(const Literal& literal) {
  if (auto* real = std::get_if<double>(&literal)) return *real;
  if (auto* integer = std::get_if<int64_t>(&literal)) return static_cast<double>(*integer);
  return std::nullopt;
}

Decision compare_ints(const Expr& expr, ColumnType type, const std::pair<int64_t, int64_t>& range) {
  const Literal& literal = expr.literal();
  if (type == ColumnType::boolean) {
    const bool* flag = std::get_if<bool>(&literal);
    return flag == nullptr ? Decision::no
                           : compare_range<int64_t>(expr.op(), range.first, range.second, *flag ? 1 : 0);
  }
  if (auto* integer = std::get_if<int64_t>(&literal))
    return compare_range(expr.op(), range.first, range.second, *integer);
  auto* real = std::get_if<double>(&literal);
  if (real == nullptr) return Decision::no;
  return compare_range(expr.op(), static_cast<double>(range.first), static_cast<double>(range.second), *real);
}

Decision compare_chunk(const Expr& expr, ColumnType type, const ChunkStats& stats) {
  const std::string* text = std::get_if<std::string>(&expr.literal());
  switch (type) {
    case ColumnType::boolean:
    case ColumnType::int64:
      if (auto* range = std::get_if<1>(&stats.range)) return compare_ints(expr, type, *range);
      return Decision::depends;
    case ColumnType::float64: {
      auto value = as_double(expr.literal());
      if (!value) return Decision::no;
      if (auto* range = std::get_if<2>(&stats.range))
        return compare_range(expr.op(), range->first, range->second, *value);
      return Decision::depends;
    }
    case ColumnType::trace_id:
      if (text == nullptr) return Decision::no;
      if (auto* range = std::get_if<3>(&stats.range)) {
        return compare_range<std::string_view>(expr.op(), range->first.view(), range->second.view(), *text);
      }
      return Decision::depends;
    case ColumnType::string:
    case ColumnType::bytes: {
      if (text == nullptr) return Decision::no;
      auto* filter = std::get_if<5>(&stats.range);
      bool absent = filter != nullptr && expr.op() == CompareOp::equal && !may_have_value(*filter, *text);
      return absent ? Decision::no : Decision::depends;
    }
    case ColumnType::any:
      return Decision::no;
  }
  return Decision::depends;
}

Decision decide_ids(const TraceIdSet& ids, const ChunkStats& stats) {
  auto* range = std::get_if<3>(&stats.range);
  if (range == nullptr || ids.size() > 1024) return Decision::depends;
  bool any = std::any_of(ids.begin(), ids.end(),
                         [&](const TraceId& id) { return range->first <= id && id <= range->second; });
  return any ? Decision::depends : Decision::no;
}

Decision decide_chunk(const Expr& expr, ColumnType type, const ChunkStats& stats) {
  switch (expr.kind()) {
    case Expr::Kind::compare:
      return compare_chunk(expr, type, stats);
    case Expr::Kind::exists:
      return expr.counts_type(type) ? Decision::yes : Decision::no;
    case Expr::Kind::contains:
    case Expr::Kind::matches:
      return type == ColumnType::string || type == ColumnType::bytes ? Decision::depends : Decision::no;
    case Expr::Kind::in_trace_ids:
      return type == ColumnType::trace_id ? decide_ids(*expr.trace_ids(), stats) : Decision::no;
    default:
      return Decision::depends;
  }
}

// Of all chunks of the column: no when none can hold; yes when one holds for every row.
Decision decide_leaf(const Expr& expr, const EventPartDirectory& part, const RowGroupInfo& group) {
  if (expr.column().scope == Scope::label) return Decision::depends;
  Decision result = Decision::no;
  for (uint32_t number : part.columns_named(expr.column())) {
    const ChunkInfo* chunk = group.find(number);
    if (chunk == nullptr) continue;
    Decision decision = decide_chunk(expr, part.columns[number].type, chunk->stats);
    if (decision == Decision::no) continue;
    if (decision == Decision::yes && chunk->stats.present_count == group.row_count) return Decision::yes;
    result = Decision::depends;
  }
  return result;
}

}  // namespace

Decision decide_by_stats(const Expr& expr, const EventPartDirectory& part, const RowGroupInfo& group) {
  switch (expr.kind()) {
    case Expr::Kind::always:
      return Decision::yes;
    case Expr::Kind::all_of: {
      Decision result = Decision::yes;
      for (const Expr& child : expr.children()) {
        Decision decision = decide_by_stats(child, part, group);
        if (decision == Decision::no) return Decision::no;
        if (decision == Decision::depends) result = Decision::depends;
      }
      return result;
    }
    case Expr::Kind::any_of: {
      Decision result = Decision::no;
      for (const Expr& child : expr.children()) {
        Decision decision = decide_by_stats(child, part, group);
        if (decision == Decision::yes) return Decision::yes;
        if (decision == Decision::depends) result = Decision::depends;
      }
      return result;
    }
    case Expr::Kind::not_of: {
      Decision decision = decide_by_stats(expr.children()[0], part, group);
      if (decision == Decision::depends) return decision;
      return decision == Decision::yes ? Decision::no : Decision::yes;
    }
    default:
      return decide_leaf(expr, part, group);
  }
}

std::optional<std::vector<TraceId>> required_trace_ids(const Expr& expr) {
  switch (expr.kind()) {
    case Expr::Kind::in_trace_ids:
      if (expr.column() != fixed_column(column::kTraceId)) return std::nullopt;
      return std::vector<TraceId>(expr.trace_ids()->begin(), expr.trace_ids()->end());
    case Expr::Kind::compare: {
      const std::string* text = std::get_if<std::string>(&expr.literal());
      if (expr.op() != CompareOp::equal || text == nullptr || expr.column() != fixed_column(column::kTraceId))
        return std::nullopt;
      auto id = TraceId::from_bytes(*text);
      return id ? std::vector<TraceId>{*id} : std::vector<TraceId>{};
    }
    case Expr::Kind::all_of: {
      std::optional<std::vector<TraceId>> smallest;
      for (const Expr& child : expr.children()) {
        auto ids = required_trace_ids(child);
        if (ids && (!smallest || ids->size() < smallest->size())) smallest = std::move(ids);
      }
      return smallest;
    }
    case Expr::Kind::any_of: {
      std::vector<TraceId> all;
      for (const Expr& child : expr.children()) {
        auto ids = required_trace_ids(child);
        if (!ids) return std::nullopt;
        all.insert(all.end(), ids->begin(), ids->end());
      }
      return all;
    }
    default:
      return std::nullopt;
  }
}

}  // namespace obelisk
