#include "plan/batch.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "plan/expression.h"

namespace obelisk {
namespace {

Batch example() {
  BatchBuilder builder(Table::logs);
  Labels a{{"app", "a"}};
  Labels b{{"app", "b"}};
  std::vector<LabelRef> a_view = a.view(), b_view = b.view();
  builder.begin_group_copy(a_view);
  builder.add_row({10});
  builder.set_string(Scope::fixed, column::kLine, "first line");
  builder.set_int(Scope::attribute, "code", 200);
  builder.begin_group_copy(b_view);
  builder.add_row({20});
  builder.set_string(Scope::fixed, column::kLine, "second");
  builder.set_string(Scope::attribute, "code", "200");
  builder.add_row({30});
  builder.set_float(Scope::attribute, "code", 200.5);
  return builder.finish();
}

std::vector<uint8_t> rows(std::initializer_list<int> values) {
  return {values.begin(), values.end()};
}

TEST(BatchBuilder, PadsSparseColumnsAndKeepsTypesApart) {
  Batch batch = example();
  ASSERT_TRUE(batch.check().ok()) << batch.check().error().message;
  EXPECT_EQ(batch.row_count, 3u);
  EXPECT_EQ(batch.groups.size(), 2u);
  EXPECT_NE(batch.find({Scope::attribute, "code"}, ColumnType::int64), nullptr);
  EXPECT_NE(batch.find({Scope::attribute, "code"}, ColumnType::float64), nullptr);
  EXPECT_FALSE(batch.find_fixed(column::kLine)->is_present(2));
}

TEST(BatchBuilder, DropRowForgetsItsValues) {
  BatchBuilder builder(Table::logs);
  builder.add_row({1});
  builder.set_string(Scope::fixed, column::kLine, "kept");
  builder.add_row({2});
  builder.set_string(Scope::fixed, column::kLine, "dropped");
  builder.drop_row();
  Batch batch = builder.finish();
  ASSERT_TRUE(batch.check().ok());
  EXPECT_EQ(batch.row_count, 1u);
}

// Goal: whatever is set, filled and dropped in whatever order, a row has what it was given last. Method:
// random rows of more columns than rows share, beside a map.
TEST(BatchBuilder, RowsHaveWhatTheyWereGivenLast) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    auto below = [&](uint64_t end) { return random() % end; };
    size_t rows_wanted = seed % 10 == 0 ? 3000 : 1 + below(80);
    BatchBuilder builder(Table::spans);
    std::vector<std::map<std::string, int64_t>> expected;
    size_t first_row = 0;
    for (size_t i = 0; i < rows_wanted; ++i) {
      builder.add_row(UnixNanos{static_cast<int64_t>(i)});
      std::map<std::string, int64_t>& row = expected.emplace_back();
      for (uint64_t set = below(6); set > 0; --set) {
        std::string name = "column " + std::to_string(below(12));
        int64_t value = static_cast<int64_t>(below(1000));
        builder.set_int(Scope::attribute, name, value);
        builder.set_string(Scope::resource, name, "text");
        row[name] = value;
      }
      if (below(5) == 0) {
        builder.drop_row();
        expected.pop_back();
      }
      if (below(20) != 0) continue;
      std::string name = "column " + std::to_string(below(14));
      builder.fill_int(first_row, Scope::attribute, name, -1);
      builder.fill_string(first_row, Scope::resource, name, "text");
      for (size_t at = first_row; at < expected.size(); ++at) expected[at][name] = -1;
      first_row = expected.size();
    }
    if (expected.empty()) continue;
    Batch batch = builder.finish();
    ASSERT_TRUE(batch.check().ok()) << batch.check().error().message;
    ASSERT_EQ(batch.row_count, expected.size());
    for (int column = 0; column < 14; ++column) {
      std::string name = "column " + std::to_string(column);
      const ColumnData* numbers = batch.find({Scope::attribute, name}, ColumnType::int64);
      const ColumnData* texts = batch.find({Scope::resource, name}, ColumnType::string);
      ASSERT_EQ(numbers == nullptr, texts == nullptr);
      for (size_t row = 0; row < expected.size(); ++row) {
        auto found = expected[row].find(name);
        bool has_value = numbers != nullptr && numbers->is_present(row);
        ASSERT_EQ(has_value, found != expected[row].end()) << name << " of row " << row;
        if (numbers == nullptr) continue;
        EXPECT_EQ(texts->is_present(row), has_value);
        EXPECT_EQ(numbers->ints[row], has_value ? found->second : 0);
        EXPECT_EQ(texts->strings[row], has_value ? "text" : "");
      }
    }
  }
}

TEST(Expression, ComparesByTypeAndTreatsAbsenceAsDocumented) {
  Batch batch = example();
  ColumnId code{Scope::attribute, "code"};
  EXPECT_EQ(evaluate(Expr::compare(code, CompareOp::equal, int64_t{200}), batch), rows({1, 0, 0}));
  EXPECT_EQ(evaluate(Expr::compare(code, CompareOp::greater, 200.0), batch), rows({0, 0, 1}));
  EXPECT_EQ(evaluate(Expr::compare(code, CompareOp::equal, std::string("200")), batch), rows({0, 1, 0}));
  EXPECT_EQ(evaluate(Expr::not_of(Expr::exists(fixed_column(column::kLine))), batch), rows({0, 0, 1}));
  EXPECT_EQ(evaluate(Expr::exists(code, ColumnType::string), batch), rows({0, 1, 0}));
  EXPECT_EQ(evaluate(Expr::exists(code, ColumnType::any), batch), rows({0, 0, 0}));
  EXPECT_EQ(evaluate(Expr::contains(fixed_column(column::kLine), "line"), batch), rows({1, 0, 0}));
  auto regex = *Regex::compile("a|c", Regex::Mode::anchored);
  EXPECT_EQ(evaluate(Expr::matches(label_column("app"), regex), batch), rows({1, 0, 0}));
  EXPECT_EQ(evaluate(Expr::compare(label_column("none"), CompareOp::equal, std::string()), batch),
            rows({1, 1, 1}));
  EXPECT_EQ(evaluate(Expr::any_of({}), batch), rows({0, 0, 0}));
}

TEST(Expression, DecidesByLabelsWhereItCan) {
  Batch batch = example();
  Expr app_a = Expr::compare(label_column("app"), CompareOp::equal, std::string("a"));
  Expr line = Expr::contains(fixed_column(column::kLine), "x");
  EXPECT_EQ(decide_by_labels(Expr::all_of({app_a, line}), batch.groups[1].labels), Decision::no);
  EXPECT_EQ(decide_by_labels(Expr::all_of({app_a, line}), batch.groups[0].labels), Decision::depends);
  EXPECT_EQ(decide_by_labels(Expr::not_of(app_a), batch.groups[1].labels), Decision::yes);
}

TEST(Regex, AnchorsRecognisesLiteralsAndReportsErrors) {
  auto literal = *Regex::compile("foo|bar", Regex::Mode::anchored);
  EXPECT_EQ(literal->literals().size(), 2u);
  EXPECT_TRUE(literal->matches("bar"));
  EXPECT_FALSE(literal->matches("barx"));
  auto searching = *Regex::compile("o+b", Regex::Mode::searching);
  EXPECT_TRUE(searching->matches("xfoobx"));
  auto named = *Regex::compile("(?P<a>x+)(y)?", Regex::Mode::searching);
  EXPECT_EQ(named->group_names(), (std::vector<std::string>{"a", ""}));
  EXPECT_EQ(named->captures("zxx")[1], "xx");
  EXPECT_FALSE(Regex::compile("(", Regex::Mode::anchored).ok());
}

}  // namespace
}  // namespace obelisk
