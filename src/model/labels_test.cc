#include "model/labels.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

TEST(Labels, SortsDropsEmptyAndKeepsTheLastDuplicate) {
  Labels labels{{"b", "2"}, {"a", "1"}, {"b", "3"}, {"c", ""}};
  EXPECT_EQ(labels.to_string(), "{a=\"1\", b=\"3\"}");
  EXPECT_EQ(labels.get("b"), "3");
  EXPECT_FALSE(labels.has("c"));
}

TEST(Labels, OwnedAndBorrowedHashAlike) {
  Labels labels{{"__name__", "up"}, {"job", "x"}};
  std::vector<LabelRef> view = labels.view();
  EXPECT_EQ(labels.hash(), hash_labels(view));
  EXPECT_EQ(Labels(LabelsView(view)), labels);
  EXPECT_EQ(label_value(view, "job"), "x");
  EXPECT_NE((Labels{{"a", "bc"}}).hash(), (Labels{{"ab", "c"}}).hash());
  EXPECT_EQ(labels.to_string(), "up{job=\"x\"}");
}

TEST(Labels, SetReplacesAndRemoves) {
  Labels labels{{"a", "1"}};
  labels.set("b", "2");
  labels.set("a", "3");
  EXPECT_EQ(labels.get("a"), "3");
  labels.set("a", "");
  EXPECT_EQ(labels, (Labels{{"b", "2"}}));
}

}  // namespace
}  // namespace obelisk
