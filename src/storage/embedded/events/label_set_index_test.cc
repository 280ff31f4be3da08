// Goal: what the index of a part's label sets says is what looking at every set says. Method: parts of few
// and of many sets, with labels that all have, that some have and that are all different; conditions of every
// kind on them, settled and decided, against decide_by_labels set by set.
#include "storage/embedded/events/label_set_index.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "storage/embedded/events/label_table.h"

namespace obelisk {
namespace {

std::shared_ptr<const LabelTable> table_of(size_t count) {
  LabelTableBuilder builder;
  for (size_t i = 0; i < count; ++i) {
    Labels labels{
        {"app", "checkout"}, {"order", fmt::format("order-{}", i)}, {"zone", i % 3 == 0 ? "" : "a"}};
    if (i % 5 == 0) labels.set("pod", fmt::format("pod-{}", i % 50));
    std::vector<LabelRef> view = labels.view();
    EXPECT_EQ(builder.add(view, labels.hash()), i);
    EXPECT_EQ(builder.add(view, labels.hash()), i);
  }
  auto table = LabelTable::parse(builder.encode(), count);
  EXPECT_TRUE(table.ok());
  return *table;
}

Expr leaf(std::mt19937_64& random) {
  static const char* const kNames[] = {"app", "order", "zone", "pod", "nobody"};
  ColumnId name = label_column(kNames[random() % 5]);
  static const char* const kValues[] = {"checkout", "order-77", "order-2999", "a", "", "pod-5", "nothing"};
  std::string value = kValues[random() % 7];
  static const char* const kPatterns[] = {".+", ".*", "", "order-1.*", "pod-5|pod-10", "checkout", "a|"};
  switch (random() % 5) {
    case 0:
      return Expr::compare(name, CompareOp::not_equal, value);
    case 1:
      return Expr::matches(name, *Regex::compile(kPatterns[random() % 7], Regex::Mode::anchored));
    case 2:
      return Expr::contains(fixed_column(column::kLine), "x");
    default:
      return Expr::compare(name, CompareOp::equal, value);
  }
}

Expr condition(std::mt19937_64& random, int depth) {
  if (depth == 0 || random() % 3 == 0) return leaf(random);
  std::vector<Expr> children;
  for (uint64_t i = 1 + random() % 3; i > 0; --i) children.push_back(condition(random, depth - 1));
  switch (random() % 3) {
    case 0:
      return Expr::any_of(std::move(children));
    case 1:
      return Expr::not_of(std::move(children[0]));
    default:
      return Expr::all_of(std::move(children));
  }
}

TEST(LabelSetIndex, SaysWhatEverySetSays) {
  for (size_t count : {1, 40, 3000}) {
    std::shared_ptr<const LabelTable> table = table_of(count);
    ASSERT_EQ(table->size(), count);
    std::mt19937_64 random(count);
    for (int i = 0; i < 300; ++i) {
      Expr expr = condition(random, 3);
      Expr settled = settle_labels(expr, *table);
      std::vector<Decision> decisions = decide_sets(settled, *table);
      ASSERT_EQ(decisions.size(), count);
      for (uint32_t set = 0; set < count; ++set) {
        ASSERT_EQ(decisions[set], decide_by_labels(expr, table->labels(set)))
            << expr.to_string() << " settled " << settled.to_string() << " set " << set;
      }
    }
  }
}

TEST(LabelSetIndex, FindsOneAmongMany) {
  std::shared_ptr<const LabelTable> table = table_of(3000);
  EXPECT_EQ(table->index().common_value("app"), "checkout");
  EXPECT_EQ(table->index().common_value("nobody"), "");
  EXPECT_EQ(table->index().common_value("zone"), std::nullopt);
  EXPECT_EQ(table->index().sets_with("order", "order-1234"), std::vector<uint32_t>{1234});
  EXPECT_EQ(table->index().sets_with("pod", "pod-45").size(), 60u);
  EXPECT_TRUE(
      settle_labels(Expr::compare(label_column("app"), CompareOp::equal, std::string("checkout")), *table)
          .is_always());
}

}  // namespace
}  // namespace obelisk
