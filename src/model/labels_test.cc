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

// The hash is that of the bytes a remote write sender writes, so that they need not be taken apart to be
// hashed.
TEST(Labels, HashIsThatOfTheCanonicalEncoding) {
  std::string long_value(200, 'x');
  std::vector<LabelRef> labels = {{"a", "1"}, {"job", long_value}};
  std::string encoded =
      "\x0a\x06\x0a\x01"
      "a\x12\x01"
      "1";
  encoded += "\x0a\xd0\x01\x0a\x03job\x12\xc8\x01" + long_value;
  EXPECT_EQ(hash_labels_wide(labels), hash_encoded_labels(encoded));
  EXPECT_EQ(hash_labels(labels), hash_encoded_labels(encoded).low);
  std::string huge(100'000, 'y');
  std::vector<LabelRef> two = {{"a", huge}};
  EXPECT_EQ((Labels{{"a", huge}}).hash(), hash_labels(two));
  EXPECT_NE(hash_labels({}), hash_labels(two));
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
