#include "plan/expression.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json_writer.h"
#include "base/text.h"
#include "plan/batch.h"

namespace obelisk {
namespace {

const std::vector<Expr> kNoChildren;

template <typename T>
bool holds(CompareOp op, const T& a, const T& b) {
  switch (op) {
    case CompareOp::equal:
      return a == b;
    case CompareOp::not_equal:
      return a != b;
    case CompareOp::less:
      return a < b;
    case CompareOp::less_equal:
      return a <= b;
    case CompareOp::greater:
      return a > b;
    case CompareOp::greater_equal:
      return a >= b;
  }
  return false;
}

std::string_view op_text(CompareOp op) {
  static constexpr std::string_view kNames[] = {"=", "!=", "<", "<=", ">", ">="};
  return kNames[static_cast<int>(op)];
}

// Applies `test(row)` to the rows of a column that are present and have this column's type.
template <typename Test>
void mark_rows(const ColumnData& data, std::vector<uint8_t>& out, Test test) {
  for (size_t row = 0; row < out.size(); ++row) {
    if (data.is_present(row) && test(row)) out[row] = 1;
  }
}

void compare_column(const ColumnData& data, CompareOp op, const Literal& literal, std::vector<uint8_t>& out) {
  switch (data.type) {
    case ColumnType::boolean:
      if (const bool* flag = std::get_if<bool>(&literal)) {
        mark_rows(data, out, [&](size_t row) { return holds<int64_t>(op, data.ints[row], *flag ? 1 : 0); });
      }
      break;
    case ColumnType::int64:
      if (const int64_t* number = std::get_if<int64_t>(&literal)) {
        mark_rows(data, out, [&](size_t row) { return holds(op, data.ints[row], *number); });
      } else if (const double* real = std::get_if<double>(&literal)) {
        mark_rows(data, out,
                  [&](size_t row) { return holds(op, static_cast<double>(data.ints[row]), *real); });
      }
      break;
    case ColumnType::float64: {
      double number = 0;
      if (const double* real = std::get_if<double>(&literal)) {
        number = *real;
      } else if (const int64_t* integer = std::get_if<int64_t>(&literal)) {
        number = static_cast<double>(*integer);
      } else {
        return;
      }
      mark_rows(data, out, [&](size_t row) { return holds(op, data.floats[row], number); });
      break;
    }
    case ColumnType::string:
    case ColumnType::bytes:
      if (const std::string* text = std::get_if<std::string>(&literal)) {
        std::string_view wanted = *text;
        mark_rows(data, out, [&](size_t row) { return holds(op, data.strings[row], wanted); });
      }
      break;
    case ColumnType::trace_id:
      if (const std::string* text = std::get_if<std::string>(&literal)) {
        std::string_view wanted = *text;
        mark_rows(data, out, [&](size_t row) { return holds(op, data.trace_ids[row].view(), wanted); });
      }
      break;
    case ColumnType::any:
      break;
  }
}

bool is_text(ColumnType type) {
  return type == ColumnType::string || type == ColumnType::bytes;
}

// A predicate on one text (a label or a string value); `nullopt`-free: absent labels arrive as the empty
// string.
bool test_text(const Expr& expr, std::string_view text) {
  switch (expr.kind()) {
    case Expr::Kind::compare: {
      const std::string* wanted = std::get_if<std::string>(&expr.literal());
      return wanted != nullptr && holds<std::string_view>(expr.op(), text, *wanted);
    }
    case Expr::Kind::contains:
      return text.find(std::get<std::string>(expr.literal())) != std::string_view::npos;
    case Expr::Kind::matches:
      return expr.regex()->matches(text);
    case Expr::Kind::exists:
      return !text.empty();
    default:
      return false;
  }
}

void evaluate_leaf(const Expr& expr, const Batch& batch, std::vector<uint8_t>& out) {
  if (expr.column().scope == Scope::label) {
    for (const Group& group : batch.groups) {
      if (!test_text(expr, label_value(group.labels, expr.column().name))) continue;
      std::fill_n(out.begin() + group.first_row, group.row_count, 1);
    }
    return;
  }
  for (const ColumnData& data : batch.columns) {
    if (data.id != expr.column()) continue;
    switch (expr.kind()) {
      case Expr::Kind::compare:
        compare_column(data, expr.op(), expr.literal(), out);
        break;
      case Expr::Kind::exists:
        if (expr.counts_type(data.type)) mark_rows(data, out, [](size_t) { return true; });
        break;
      case Expr::Kind::contains:
      case Expr::Kind::matches:
        if (is_text(data.type))
          mark_rows(data, out, [&](size_t row) { return test_text(expr, data.strings[row]); });
        break;
      case Expr::Kind::in_trace_ids:
        if (data.type == ColumnType::trace_id) {
          mark_rows(data, out, [&](size_t row) { return expr.trace_ids()->contains(data.trace_ids[row]); });
        }
        break;
      default:
        break;
    }
  }
}

}  // namespace

Expr Expr::compare(ColumnId column, CompareOp op, Literal literal) {
  Expr expr;
  expr.kind_ = Kind::compare;
  expr.column_ = std::move(column);
  expr.op_ = op;
  expr.literal_ = std::move(literal);
  return expr;
}

Expr Expr::contains(ColumnId column, std::string needle) {
  Expr expr;
  expr.kind_ = Kind::contains;
  expr.column_ = std::move(column);
  expr.literal_ = std::move(needle);
  return expr;
}

Expr Expr::matches(ColumnId column, std::shared_ptr<const Regex> regex) {
  Expr expr;
  expr.kind_ = Kind::matches;
  expr.column_ = std::move(column);
  expr.regex_ = std::move(regex);
  return expr;
}

Expr Expr::exists(ColumnId column) {
  Expr expr;
  expr.kind_ = Kind::exists;
  expr.column_ = std::move(column);
  return expr;
}

Expr Expr::exists(ColumnId column, ColumnType type) {
  Expr expr = exists(std::move(column));
  expr.type_ = type;
  return expr;
}

Expr Expr::in_trace_ids(ColumnId column, std::shared_ptr<const TraceIdSet> ids) {
  Expr expr;
  expr.kind_ = Kind::in_trace_ids;
  expr.column_ = std::move(column);
  expr.trace_ids_ = std::move(ids);
  return expr;
}

Expr Expr::all_of(std::vector<Expr> children) {
  std::erase_if(children, [](const Expr& child) { return child.is_always(); });
  if (children.empty()) return Expr();
  if (children.size() == 1) return std::move(children[0]);
  Expr expr;
  expr.kind_ = Kind::all_of;
  expr.children_ = std::make_shared<const std::vector<Expr>>(std::move(children));
  return expr;
}

Expr Expr::any_of(std::vector<Expr> children) {
  if (children.size() == 1) return std::move(children[0]);
  Expr expr;
  expr.kind_ = Kind::any_of;
  expr.children_ = std::make_shared<const std::vector<Expr>>(std::move(children));
  return expr;
}

Expr Expr::not_of(Expr child) {
  std::vector<Expr> children;
  children.push_back(std::move(child));
  Expr expr;
  expr.kind_ = Kind::not_of;
  expr.children_ = std::make_shared<const std::vector<Expr>>(std::move(children));
  return expr;
}

const std::vector<Expr>& Expr::children() const {
  return children_ ? *children_ : kNoChildren;
}

void Expr::collect_columns(std::vector<ColumnId>& out) const {
  for (const Expr& child : children()) child.collect_columns(out);
  if (kind_ != Kind::always && children().empty() && kind_ != Kind::any_of) out.push_back(column_);
}

std::string Expr::to_string() const {
  std::string name = column_.scope == Scope::fixed
                         ? column_.name
                         : fmt::format("{}.{}", scope_name(column_.scope), column_.name);
  auto join = [&](std::string_view word) {
    std::string out = "(";
    for (const Expr& child : children())
      out += (out.size() > 1 ? fmt::format(" {} ", word) : "") + child.to_string();
    return out + ")";
  };
  switch (kind_) {
    case Kind::always:
      return "true";
    case Kind::compare: {
      std::string value = std::visit(
          [](const auto& literal) -> std::string {
            using T = std::decay_t<decltype(literal)>;
            if constexpr (std::is_same_v<T, std::string>) {
              std::string quoted;
              append_json_string(quoted, literal);
              return quoted;
            } else {
              return fmt::format("{}", literal);
            }
          },
          literal_);
      return fmt::format("{} {} {}", name, op_text(op_), value);
    }
    case Kind::contains: {
      std::string quoted;
      append_json_string(quoted, std::get<std::string>(literal_));
      return fmt::format("{} contains {}", name, quoted);
    }
    case Kind::matches:
      return fmt::format("{} =~ {}", name, regex_->pattern());
    case Kind::exists:
      return type_ ? fmt::format("exists {} of type {}", name, column_type_name(*type_))
                   : fmt::format("exists {}", name);
    case Kind::in_trace_ids:
      return fmt::format("{} in {} trace ids", name, trace_ids_->size());
    case Kind::all_of:
      return join("and");
    case Kind::any_of:
      return children().empty() ? "false" : join("or");
    case Kind::not_of:
      return "not " + children()[0].to_string();
  }
  return "";
}

std::vector<uint8_t> evaluate(const Expr& expr, const Batch& batch) {
  std::vector<uint8_t> out(batch.row_count, 0);
  switch (expr.kind()) {
    case Expr::Kind::always:
      std::fill(out.begin(), out.end(), 1);
      break;
    case Expr::Kind::all_of:
      std::fill(out.begin(), out.end(), 1);
      for (const Expr& child : expr.children()) {
        std::vector<uint8_t> part = evaluate(child, batch);
        for (size_t row = 0; row < out.size(); ++row) out[row] &= part[row];
      }
      break;
    case Expr::Kind::any_of:
      for (const Expr& child : expr.children()) {
        std::vector<uint8_t> part = evaluate(child, batch);
        for (size_t row = 0; row < out.size(); ++row) out[row] |= part[row];
      }
      break;
    case Expr::Kind::not_of:
      out = evaluate(expr.children()[0], batch);
      for (uint8_t& value : out) value ^= 1;
      break;
    default:
      evaluate_leaf(expr, batch, out);
  }
  return out;
}

Decision decide_by_labels(const Expr& expr, LabelsView labels) {
  switch (expr.kind()) {
    case Expr::Kind::always:
      return Decision::yes;
    case Expr::Kind::all_of: {
      Decision result = Decision::yes;
      for (const Expr& child : expr.children()) {
        Decision part = decide_by_labels(child, labels);
        if (part == Decision::no) return Decision::no;
        if (part == Decision::depends) result = Decision::depends;
      }
      return result;
    }
    case Expr::Kind::any_of: {
      Decision result = Decision::no;
      for (const Expr& child : expr.children()) {
        Decision part = decide_by_labels(child, labels);
        if (part == Decision::yes) return Decision::yes;
        if (part == Decision::depends) result = Decision::depends;
      }
      return result;
    }
    case Expr::Kind::not_of: {
      Decision part = decide_by_labels(expr.children()[0], labels);
      if (part == Decision::depends) return part;
      return part == Decision::yes ? Decision::no : Decision::yes;
    }
    default:
      if (expr.column().scope != Scope::label) return Decision::depends;
      return test_text(expr, label_value(labels, expr.column().name)) ? Decision::yes : Decision::no;
  }
}

}  // namespace obelisk
