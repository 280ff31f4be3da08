#include "storage/embedded/events/head_search.h"

#include <algorithm>

#include "plan/packed_search.h"

namespace obelisk {
namespace {

using Rows = std::vector<uint32_t>;
using MaybeRows = std::optional<Rows>;

// A batch is decoded whole for more than one row in so many.
constexpr size_t kRowsPerFind = 8;
// So few rows are not made fewer by another search.
constexpr size_t kFewRows = 64;
// More ids are looked for in the rows.
constexpr size_t kTraceIdsMax = 16;

// What a condition costs here, cheapest first; what cannot be searched last.
int rank_of(const Expr& expr) {
  switch (expr.kind()) {
    case Expr::Kind::in_trace_ids:
      return 1;
    case Expr::Kind::compare:
      return expr.column().scope == Scope::label ? 4 : 2;
    case Expr::Kind::contains:
      return expr.column().scope == Scope::label ? 4 : 3;
    case Expr::Kind::matches:
      return 4;
    case Expr::Kind::all_of:
    case Expr::Kind::any_of: {
      int rank = 0;
      for (const Expr& child : expr.children()) rank = std::max(rank, rank_of(child));
      return rank;
    }
    case Expr::Kind::always:
    case Expr::Kind::exists:
    case Expr::Kind::not_of:
      break;
  }
  return 5;
}

class HeadSearch {
 public:
  explicit HeadSearch(const HeadBatch& batch)
      : filter_(batch.label_filter()),
        packed_(*batch.packed()),
        rows_max_(std::max(kFewRows, batch.row_count() / kRowsPerFind)) {}

  Result<MaybeRows> of(const Expr& expr) {
    switch (expr.kind()) {
      case Expr::Kind::all_of:
        return of_all(expr.children());
      case Expr::Kind::any_of:
        return of_any(expr.children());
      case Expr::Kind::always:
      case Expr::Kind::not_of:
        return MaybeRows();
      default:
        break;
    }
    MaybeRows rows;
    if (expr.column().scope == Scope::label) {
      rows = of_label(expr);
    } else {
      OBELISK_TRY(rows, of_column(expr));
    }
    if (rows && rows->size() > rows_max_) rows.reset();
    return rows;
  }

 private:
  // The values that a condition on a label asks for one of; nullopt: others satisfy it too.
  static std::optional<std::vector<std::string>> wanted_values(const Expr& expr) {
    std::vector<std::string> values;
    if (expr.kind() == Expr::Kind::compare && expr.op() == CompareOp::equal) {
      const std::string* text = std::get_if<std::string>(&expr.literal());
      if (text == nullptr) return values;  // no label is a number
      values.push_back(*text);
    } else if (expr.kind() == Expr::Kind::matches && expr.regex()->mode() == Regex::Mode::anchored) {
      values = expr.regex()->literals();
    }
    bool may_be_absent = std::find(values.begin(), values.end(), "") != values.end();
    if (values.empty() || may_be_absent) return std::nullopt;
    return values;
  }

  // False when the filter says that no group has a label that is wanted.
  bool may_have_label(const Expr& expr) const {
    if (expr.column().scope != Scope::label) return true;
    auto values = wanted_values(expr);
    if (!values) return true;
    return std::any_of(values->begin(), values->end(),
                       [&](const std::string& value) { return filter_.may_have(expr.column().name, value); });
  }

  MaybeRows of_label(const Expr& expr) const {
    if (!may_have_label(expr)) return Rows();
    Rows rows;
    for (const Group& group : packed_.groups()) {
      if (decide_by_labels(expr, group.labels) == Decision::no) continue;
      if (rows.size() + group.row_count > rows_max_) return std::nullopt;
      for (uint32_t row = 0; row < group.row_count; ++row) rows.push_back(group.first_row + row);
    }
    return rows;
  }

  Result<MaybeRows> of_column(const Expr& expr) const {
    Rows rows;
    for (const PackedBatch::Column& column : packed_.columns()) {
      if (!column.is(expr.column())) continue;
      OBELISK_TRY(MaybeRows found, of_values(expr, column));
      if (!found) return found;
      rows = either(rows, *found);
    }
    return MaybeRows(std::move(rows));
  }

  Result<MaybeRows> of_values(const Expr& expr, const PackedBatch::Column& column) const {
    if (!expr.counts_type(column.type)) return MaybeRows(Rows());
    bool is_text = column.type == ColumnType::string || column.type == ColumnType::bytes;
    bool is_id = column.type == ColumnType::trace_id;
    if (expr.kind() == Expr::Kind::in_trace_ids) {
      if (!is_id) return MaybeRows(Rows());
      if (expr.trace_ids()->size() > kTraceIdsMax) return MaybeRows();
      return with_ids(column, {expr.trace_ids()->begin(), expr.trace_ids()->end()});
    }
    const std::string* text = std::get_if<std::string>(&expr.literal());
    bool equal = expr.kind() == Expr::Kind::compare && expr.op() == CompareOp::equal;
    bool searches = (equal || expr.kind() == Expr::Kind::contains) && text != nullptr && !text->empty();
    if (!searches) return MaybeRows();
    if (is_id && equal) {
      auto id = TraceId::from_bytes(*text);
      return with_ids(column, id ? std::vector<TraceId>{*id} : std::vector<TraceId>());
    }
    if (!is_text) return MaybeRows(Rows());  // no number is equal to a text, or contains one
    OBELISK_TRY(Rows rows, rows_with_text(packed_, column, *text,
                                          equal ? TextRelation::equals : TextRelation::contains, rows_max_));
    return MaybeRows(std::move(rows));
  }

  Result<MaybeRows> with_ids(const PackedBatch::Column& column, const std::vector<TraceId>& ids) const {
    OBELISK_TRY(Rows rows, rows_with_trace_id(packed_, column, ids));
    return MaybeRows(std::move(rows));
  }

  Result<MaybeRows> of_all(const std::vector<Expr>& children) {
    for (const Expr& child : children) {
      if (!may_have_label(child)) return MaybeRows(Rows());
    }
    std::vector<const Expr*> ordered;
    for (const Expr& child : children) ordered.push_back(&child);
    std::stable_sort(ordered.begin(), ordered.end(),
                     [](const Expr* a, const Expr* b) { return rank_of(*a) < rank_of(*b); });
    MaybeRows left;
    for (const Expr* child : ordered) {
      if (left && left->size() <= kFewRows) break;
      OBELISK_TRY(MaybeRows rows, of(*child));
      if (!rows) continue;
      left = left ? both(*left, *rows) : std::move(*rows);
    }
    return left;
  }

  Result<MaybeRows> of_any(const std::vector<Expr>& children) {
    Rows all;
    for (const Expr& child : children) {
      OBELISK_TRY(MaybeRows rows, of(child));
      if (!rows) return rows;
      all = either(all, *rows);
    }
    if (all.size() > rows_max_) return MaybeRows();
    return MaybeRows(std::move(all));
  }

  static Rows either(const Rows& a, const Rows& b) {
    Rows rows;
    std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rows));
    return rows;
  }

  static Rows both(const Rows& a, const Rows& b) {
    Rows rows;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rows));
    return rows;
  }

  const LabelFilter& filter_;
  const PackedBatch& packed_;
  const size_t rows_max_;
};

}  // namespace

Result<std::optional<std::vector<uint32_t>>> rows_that_may_hold(const HeadBatch& batch, const Expr& where) {
  return HeadSearch(batch).of(where);
}

}  // namespace obelisk
