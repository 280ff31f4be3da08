#pragma once
// Random scans, and the comparison of two readers by them: the oracle and the store under test must give the
// same rows, traces, series, columns and values. Rows are compared as text, so that a difference can be read.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "plan/test_random_batch.h"
#include "storage/reader.h"

namespace obelisk {

inline std::string value_text(const ColumnData& data, size_t row) {
  switch (data.type) {
    case ColumnType::boolean:
    case ColumnType::int64:
      return fmt::format("{}", data.ints[row]);
    case ColumnType::float64:
      return fmt::format("{:016x}", std::bit_cast<uint64_t>(data.floats[row]));
    case ColumnType::trace_id:
      return data.trace_ids[row].to_hex();
    default:
      return to_hex(data.strings[row]);
  }
}

// "time {labels} scope.name:type=value ...", columns sorted.
inline std::string row_text(const Batch& batch, const Group& group, size_t row) {
  std::vector<std::string> values;
  for (const ColumnData& data : batch.columns) {
    if (data.id == fixed_column(column::kTime) || !data.is_present(row)) continue;
    values.push_back(fmt::format("{}.{}:{}={}", scope_name(data.id.scope), data.id.name,
                                 column_type_name(data.type), value_text(data, row)));
  }
  std::sort(values.begin(), values.end());
  std::string text = fmt::format("{} {}", batch.times()[row], Labels(group.labels).to_string());
  for (const std::string& value : values) text += " " + value;
  return text;
}

struct ScanAnswer {
  std::vector<std::string> rows;
  std::vector<size_t> group_rows;  // of Unit::series and trace: rows of each group
  std::string error;
};

inline ScanAnswer answer_of(Reader& reader, const Scan& scan) {
  ScanAnswer answer;
  Budget budget;
  Cancel cancel;
  auto snapshot = reader.snapshot(scan.tenant);
  auto cursor = open_scan(reader, *snapshot, scan, budget, cancel);
  if (!cursor.ok()) {
    answer.error = std::string(error_code_name(cursor.error().code));
    return answer;
  }
  for (;;) {
    auto batch = (*cursor)->next();
    if (!batch.ok()) {
      answer.error = batch.error().to_string();
      return answer;
    }
    if (!*batch) return answer;
    EXPECT_GT((*batch)->row_count, 0u);
    EXPECT_TRUE((*batch)->check().ok()) << (*batch)->check().error().message;
    for (const Group& group : (*batch)->groups) {
      if (group.row_count == 0) continue;
      answer.group_rows.push_back(group.row_count);
      for (size_t row = group.first_row; row < group.first_row + group.row_count; ++row) {
        answer.rows.push_back(row_text(**batch, group, row));
      }
    }
  }
}

class RandomScans {
 public:
  RandomScans(uint64_t seed, std::vector<TraceId> trace_ids, int64_t begin, int64_t span)
      : random_(seed), trace_ids_(std::move(trace_ids)), begin_(begin), span_(span) {}

  Scan next(Table table) {
    Scan scan;
    scan.table = table;
    if (chance(60)) {
      int64_t from = begin_ + static_cast<int64_t>(below(static_cast<uint64_t>(span_)));
      scan.range = {{from}, {from + static_cast<int64_t>(below(static_cast<uint64_t>(span_)))}};
    }
    scan.all_columns = chance(30);
    while (!scan.all_columns && chance(60)) scan.columns.push_back(any_column());
    uint64_t unit = below(10);
    if (table == Table::spans && unit < 4) {
      scan.unit = Unit::trace;
      for (uint32_t i = 0; chance(60) && i < 3; ++i) {
        scan.marks.push_back(expression(2));
        if (chance(70)) scan.require_marks.push_back(i);
      }
    } else {
      scan.unit = unit < 6 && table == Table::exemplars ? Unit::series : Unit::row;
      if (chance(70)) scan.where = expression(3);
      if (scan.unit == Unit::row) scan.order = static_cast<Order>(below(3));
    }
    if (chance(30)) scan.limit = 1 + below(40);
    return scan;
  }

  Scan next_aggregate(Table table) {
    Scan scan = next(table);
    scan.unit = Unit::row;
    scan.marks.clear();
    scan.require_marks.clear();
    if (chance(50)) scan.where = Expr();
    Aggregate aggregate;
    for (uint64_t parts = below(3); parts > 0; --parts) {
      std::vector<ColumnId> columns = {chance(30) ? label_column(pick({"app", "pod"})) : any_column()};
      if (chance(30))
        columns.push_back(chance(50) ? ColumnId{Scope::resource, "service.name"} : any_column());
      aggregate.by.push_back(std::move(columns));
    }
    aggregate.by_all_labels = chance(20);
    if (chance(25)) aggregate.by_pattern = chance(70) ? fixed_column(column::kLine) : any_column();
    aggregate.times = chance(25);
    if (chance(60)) {
      aggregate.value = {chance(50) ? fixed_column(column::kDuration) : any_column()};
      if (chance(30)) aggregate.value.push_back(ColumnId{Scope::attribute, "ratio"});
      aggregate.value_length = chance(20);
      aggregate.sum = chance(50);
      aggregate.minimum = chance(50);
      aggregate.maximum = chance(50);
      aggregate.histogram = chance(50);
    }
    if (chance(80)) {
      aggregate.first_time = begin_ + static_cast<int64_t>(below(static_cast<uint64_t>(span_)) / 4);
      aggregate.step = 1 + static_cast<int64_t>(below(static_cast<uint64_t>(span_)) / 7);
      aggregate.step_count = 1 + below(20);
    }
    aggregate.distinct_spans = table == Table::spans && chance(70);
    aggregate.exemplar_slots = chance(40) ? static_cast<uint32_t>(1 + below(10)) : 0;
    aggregate.exemplar = static_cast<Aggregate::Exemplar>(aggregate.value.empty() ? 0 : below(3));
    scan.aggregate = std::move(aggregate);
    return scan;
  }

  ColumnId any_column() {
    switch (below(12)) {
      case 0:
        return fixed_column(column::kTraceId);
      case 1:
        return fixed_column(column::kSpanId);
      case 2:
        return fixed_column(column::kLine);
      case 3:
        return fixed_column(column::kName);
      case 4:
        return fixed_column(column::kDuration);
      case 5:
        return fixed_column(column::kValue);
      case 6:
        return {Scope::attribute, "http.method"};
      case 7:
        return {Scope::attribute, "http.status_code"};
      case 8:
        return {Scope::resource, "ratio"};
      case 9:
        return {Scope::attribute, "user.id"};
      case 10:
        return {Scope::attribute, fmt::format("rare.{}", below(30))};
      default:
        return {Scope::attribute, "cached"};
    }
  }

 private:
  uint64_t below(uint64_t bound) { return random_() % bound; }
  bool chance(uint64_t percent) { return below(100) < percent; }
  template <typename T>
  T pick(std::initializer_list<T> choices) {
    return choices.begin()[below(choices.size())];
  }

  CompareOp op() { return static_cast<CompareOp>(below(6)); }

  Expr leaf() {
    switch (below(12)) {
      case 0:
        return Expr::compare(label_column("app"), op(), std::string(pick({"order", "payment", ""})));
      case 1:
        return Expr::matches(label_column(pick({"job", "pod", "level"})),
                             *Regex::compile(pick({"a|b", "pod-1.*", "err.+", ""}), Regex::Mode::anchored));
      case 2:
        return Expr::compare(fixed_column(column::kDuration), op(),
                             static_cast<int64_t>(below(2'000'000'000)));
      case 3:
        return Expr::compare(fixed_column(column::kDuration), op(),
                             static_cast<double>(below(2'000'000'000)));
      case 4:
        return Expr::compare({Scope::attribute, "http.status_code"}, op(),
                             chance(50) ? Literal(int64_t{200}) : Literal(std::string("500")));
      case 5:
        return Expr::contains(fixed_column(column::kLine), pick({"error", "order 1", "xxx", "99 done"}));
      case 6:
        return Expr::matches(
            fixed_column(chance(50) ? column::kName : column::kLine),
            *Regex::compile(pick({"GET.*", "order \\d+ done", "SELECT|publish"}), Regex::Mode::searching));
      case 7:
        return Expr::exists(any_column());
      case 8: {
        auto ids = std::make_shared<TraceIdSet>();
        for (uint64_t i = below(4); i > 0; --i) ids->insert(trace_ids_[below(trace_ids_.size())]);
        return Expr::in_trace_ids(fixed_column(column::kTraceId), ids);
      }
      case 9:
        return Expr::compare(fixed_column(column::kTraceId), op(),
                             std::string(trace_ids_[below(trace_ids_.size())].view()));
      case 10:
        return Expr::compare({Scope::attribute, pick({"ratio", "cached", "extreme"})}, op(),
                             pick<Literal>({5.0, true, int64_t{0}}));
      default:
        return Expr::compare({Scope::resource, "service.name"}, op(),
                             std::string(pick({"order", "payment"})));
    }
  }

  Expr expression(int depth) {
    if (depth == 0 || chance(40)) return leaf();
    switch (below(3)) {
      case 0:
        return Expr::not_of(expression(depth - 1));
      case 1:
        return Expr::any_of({expression(depth - 1), expression(depth - 1)});
      default:
        return Expr::all_of({expression(depth - 1), expression(depth - 1)});
    }
  }

  std::mt19937_64 random_;
  std::vector<TraceId> trace_ids_;
  int64_t begin_;
  int64_t span_;
};

inline void compare_scan(Reader& oracle, Reader& store, const Scan& scan) {
  SCOPED_TRACE(fmt::format("table {} unit {} where {} range [{}, {}) order {} limit {} marks {}",
                           table_name(scan.table), static_cast<int>(scan.unit), scan.where.to_string(),
                           scan.range.begin.value, scan.range.end.value, static_cast<int>(scan.order),
                           scan.limit, scan.marks.size()));
  ScanAnswer expected = answer_of(oracle, scan), actual = answer_of(store, scan);
  ASSERT_EQ(expected.error, actual.error);
  if (scan.unit != Unit::row) {
    ASSERT_EQ(expected.group_rows, actual.group_rows);
    ASSERT_EQ(expected.rows, actual.rows);
  } else if (scan.order == Order::any) {
    ASSERT_EQ(expected.rows.size(), actual.rows.size());
    if (scan.limit != 0) {  // any rows will do, as long as they are rows of the whole answer
      Scan whole = scan;
      whole.limit = 0;
      expected = answer_of(oracle, whole);
    }
    std::sort(expected.rows.begin(), expected.rows.end());
    std::sort(actual.rows.begin(), actual.rows.end());
    ASSERT_TRUE(
        std::includes(expected.rows.begin(), expected.rows.end(), actual.rows.begin(), actual.rows.end()));
  } else {
    ASSERT_EQ(expected.rows, actual.rows);
  }
}

inline std::string key_text(const AggregateKey& key) {
  std::string text;
  for (const AggregateKeyPart& part : key) {
    text += column_type_name(part.type);
    text += ':';
    if (auto* flag = std::get_if<bool>(&part.value)) text += *flag ? "true" : "false";
    if (auto* integer = std::get_if<int64_t>(&part.value)) text += fmt::format("{}", *integer);
    if (auto* number = std::get_if<double>(&part.value))
      text += fmt::format("{:016x}", std::bit_cast<uint64_t>(*number));
    if (auto* words = std::get_if<std::string>(&part.value)) text += to_hex(*words);
    if (auto* labels = std::get_if<Labels>(&part.value)) text += labels->to_string();
    text += part.is_absent() ? "absent " : " ";
  }
  return text;
}

// One line a group and step with rows; sums are left to compare_sums, since additions are in any order.
inline std::vector<std::string> aggregate_texts(const AggregateStates& states) {
  std::vector<std::string> texts;
  for (const AggregateStates::Group& group : states.groups()) {
    for (size_t step = 0; step < group.counts.size(); ++step) {
      if (group.counts[step] == 0) continue;
      std::string text = fmt::format("{}@{} {}", key_text(group.key), step, group.counts[step]);
      if (!group.first_times.empty())
        text += fmt::format(" from {} to {}", group.first_times[step], group.last_times[step]);
      if (!group.minima.empty()) text += fmt::format(" min {}", group.minima[step] + 0.0);  // -0 is 0
      if (!group.maxima.empty()) text += fmt::format(" max {}", group.maxima[step] + 0.0);
      for (const auto& [exponent, counts] : group.histogram) {
        if (counts[step] != 0) text += fmt::format(" 2^{}:{}", exponent, counts[step]);
      }
      texts.push_back(std::move(text));
    }
    for (const AggregateExemplar& exemplar : group.exemplars) {
      bool extreme = states.aggregate().exemplar != Aggregate::Exemplar::first;
      if (exemplar.found)
        texts.push_back(
            fmt::format("{}exemplar {}", key_text(group.key), extreme ? exemplar.value + 0.0 : 0));
    }
  }
  return texts;
}

inline void compare_sums(const AggregateStates& expected, const AggregateStates& actual) {
  for (size_t i = 0; i < expected.groups().size(); ++i) {
    const std::vector<double>&left = expected.groups()[i].sums, &right = actual.groups()[i].sums;
    for (size_t step = 0; step < left.size(); ++step) {
      if (std::isnan(left[step]) || std::isinf(left[step])) {
        ASSERT_EQ(std::isfinite(right[step]), false);
      } else {
        ASSERT_NEAR(left[step], right[step], 1e-9 * std::abs(left[step]) + 1e-9);
      }
    }
  }
}

inline void compare_aggregate(Reader& oracle, Reader& store, const Scan& scan) {
  const Aggregate& aggregate = *scan.aggregate;
  SCOPED_TRACE(fmt::format(
      "aggregate of {} where {} by {} parts, value {}, range [{}, {}) steps from {} by {}, distinct {}",
      table_name(scan.table), scan.where.to_string(), aggregate.by.size(),
      aggregate.value.empty() ? "" : aggregate.value[0].name, scan.range.begin.value, scan.range.end.value,
      aggregate.first_time, aggregate.step, aggregate.distinct_spans));
  Budget budget;
  Cancel cancel;
  auto expected = aggregate_scan(oracle, *oracle.snapshot(scan.tenant), scan, budget, cancel);
  auto actual = aggregate_scan(store, *store.snapshot(scan.tenant), scan, budget, cancel);
  ASSERT_TRUE(expected.ok()) << expected.error().to_string();
  ASSERT_TRUE(actual.ok()) << actual.error().to_string();
  std::vector<std::string> left = aggregate_texts(expected->states), right = aggregate_texts(actual->states);
  for (size_t i = 0; i < left.size() && i < right.size(); ++i) ASSERT_EQ(left[i], right[i]);
  ASSERT_EQ(left.size(), right.size());
  compare_sums(expected->states, actual->states);
}

inline void compare_directories(Reader& oracle, Reader& store, const Scan& scan, const ColumnId& column) {
  Cancel cancel;
  Scan by_row = scan;
  by_row.unit = Unit::row;
  Snapshot left = *oracle.snapshot(scan.tenant), right = *store.snapshot(scan.tenant);
  auto expected_series = oracle.series(left, by_row, cancel), series = store.series(right, by_row, cancel);
  ASSERT_TRUE(series.ok()) << series.error().to_string();
  ASSERT_EQ(*expected_series, *series);
  auto columns_of = [&](Reader& reader, const Snapshot& at) {
    std::vector<std::string> names;
    auto columns = reader.columns(at, by_row);
    EXPECT_TRUE(columns.ok());
    for (const ColumnInfo& info : *columns)
      names.push_back(
          fmt::format("{}.{}:{}", scope_name(info.id.scope), info.id.name, column_type_name(info.type)));
    return names;
  };
  ASSERT_EQ(columns_of(oracle, left), columns_of(store, right));
  auto values_of = [&](Reader& reader, const Snapshot& at, const ColumnId& of, uint64_t limit) {
    std::vector<std::string> texts;
    auto values = reader.values(at, by_row, of, limit, cancel);
    EXPECT_TRUE(values.ok());
    for (const ValueCount& value : *values)
      texts.push_back(
          fmt::format("{}:{}={}", to_hex(value.value), column_type_name(value.type), value.count));
    return texts;
  };
  ASSERT_EQ(values_of(oracle, left, column, 20), values_of(store, right, column, 20)) << column.name;
  std::set<std::string> names = {"of no series"};
  for (const Labels& labels : *series) {
    for (const Label& label : labels) names.insert(label.name);
  }
  for (const std::string& name : names) {
    ColumnId label = label_column(name);
    ASSERT_EQ(values_of(oracle, left, label, 0), values_of(store, right, label, 0)) << name;
    ASSERT_EQ(values_of(oracle, left, label, 2), values_of(store, right, label, 2)) << name;
  }
}

// `count` random scans of each table.
inline void compare_readers(Reader& oracle, Reader& store, RandomScans& scans,
                            const std::vector<Table>& tables, int count) {
  for (Table table : tables) {
    for (int i = 0; i < count; ++i) {
      Scan scan = scans.next(table);
      compare_scan(oracle, store, scan);
      compare_directories(oracle, store, scan, scans.any_column());
      compare_aggregate(oracle, store, scans.next_aggregate(table));
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace obelisk
