// Goal: groups that came by an API are durable when the call returns, whatever their namespace is called.
#include "rules/rule_store.h"

#include <gtest/gtest.h>

#include "env/fault_disk.h"

namespace obelisk::rules {
namespace {

RuleGroup group_of(const std::string& name, const std::string& more = "") {
  Result<RuleGroup> group =
      parse_rule_group("name: " + name +
                           "\ninterval: 1m30s\nlimit: 7\nlabels: {team: \"a: b\"}\nrules:\n- alert: A\n"
                           "  expr: |\n    sum(rate({app=\"x\"} |= \"a\\\"b\" [5m]))\n      > 3\n  for: 10s\n"
                           "  annotations: {summary: '{{ $value }} # no comment'}\n"
                           "- record: r:x\n  expr: count_over_time({app=\"x\"}[1m])\n" +
                           more,
                       "n", RuleLanguage::logql);
  EXPECT_TRUE(group.ok()) << group.error().to_string();
  return std::move(*group);
}

void expect_same(const RuleGroup& a, const RuleGroup& b) {
  EXPECT_EQ(format_rule_group(a), format_rule_group(b));
  ASSERT_EQ(a.rules.size(), b.rules.size());
  for (size_t i = 0; i < a.rules.size(); ++i) {
    EXPECT_EQ(a.rules[i].expression, b.rules[i].expression);
    EXPECT_EQ(a.rules[i].annotations, b.rules[i].annotations);
    EXPECT_EQ(a.rules[i].for_nanos, b.rules[i].for_nanos);
  }
  EXPECT_EQ(a.interval_nanos, b.interval_nanos);
  EXPECT_EQ(a.limit, b.limit);
  EXPECT_EQ(a.labels, b.labels);
}

TEST(RuleStore, GroupsSurviveALossOfPower) {
  FaultDisk disk;
  const std::vector<std::string> names{"plain", "../../etc", "a/b c", ".", "..", "%2e", "\xc3\xa9", "A", "a"};
  {
    auto store = RuleStore::open(disk, RuleLanguage::logql);
    ASSERT_TRUE(store.ok()) << store.error().to_string();
    int changes = 0;
    (*store)->on_change([&] { ++changes; });
    for (const std::string& name : names)
      ASSERT_TRUE((*store)->set_group("t|1", name, group_of("g")).ok()) << name;
    ASSERT_TRUE((*store)->set_group("t|1", "plain", group_of("h")).ok());
    ASSERT_TRUE((*store)->set_group("other", "plain", group_of("g")).ok());
    EXPECT_EQ(changes, 11);
  }
  disk.drop_unsynced(7);
  auto store = RuleStore::open(disk, RuleLanguage::logql);
  ASSERT_TRUE(store.ok()) << store.error().to_string();
  RuleStore::Namespaces namespaces = (*store)->namespaces("t|1");
  ASSERT_EQ(namespaces.size(), names.size());
  EXPECT_EQ(namespaces["plain"].size(), 2u);
  expect_same(namespaces["a/b c"][0], group_of("g"));
  EXPECT_EQ(namespaces["a/b c"][0].file, "a/b c");
  EXPECT_EQ((*store)->all_groups().size(), names.size() + 2);
  Result<std::vector<std::string>> paths = disk.list("");
  ASSERT_TRUE(paths.ok());
  EXPECT_EQ(*paths, std::vector<std::string>{"rules"});
}

TEST(RuleStore, ReplacesAndRemoves) {
  FaultDisk disk;
  auto store = std::move(*RuleStore::open(disk, RuleLanguage::logql));
  ASSERT_TRUE(store->set_group("t", "n", group_of("g")).ok());
  ASSERT_TRUE(store->set_group("t", "n", group_of("g", "- record: r:y\n  expr: vector(1)\n")).ok());
  ASSERT_EQ(store->namespaces("t")["n"].size(), 1u);
  EXPECT_EQ(store->namespaces("t")["n"][0].rules.size(), 3u);
  EXPECT_EQ(store->remove_group("t", "n", "x").error().code, ErrorCode::not_found);
  EXPECT_EQ(store->remove_namespace("t", "m").error().code, ErrorCode::not_found);
  ASSERT_TRUE(store->remove_group("t", "n", "g").ok());
  disk.drop_unsynced(3);
  auto again = std::move(*RuleStore::open(disk, RuleLanguage::logql));
  EXPECT_TRUE(again->all_groups().empty());
  EXPECT_FALSE(again->set_group("t", "", group_of("g")).ok());
  EXPECT_FALSE(again->set_group("t", std::string(81, 'n'), group_of("g")).ok());
}

// A write that fails leaves the old rules, on disk and in memory.
TEST(RuleStore, AFullDiskChangesNothing) {
  FaultDisk disk;
  auto store = std::move(*RuleStore::open(disk, RuleLanguage::logql));
  ASSERT_TRUE(store->set_group("t", "n", group_of("g")).ok());
  disk.set_free_bytes(0);
  EXPECT_FALSE(store->set_group("t", "n", group_of("h")).ok());
  EXPECT_EQ(store->namespaces("t")["n"].size(), 1u);
  auto again = std::move(*RuleStore::open(disk, RuleLanguage::logql));
  EXPECT_EQ(again->namespaces("t")["n"].size(), 1u);
}

}  // namespace
}  // namespace obelisk::rules
