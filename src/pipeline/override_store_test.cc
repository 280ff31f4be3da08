// Goal: settings of tenants are durable when the call returns, and nobody's change is overwritten unseen.
#include "pipeline/override_store.h"

#include <gtest/gtest.h>

#include "env/fault_disk.h"

namespace obelisk {
namespace {

using Change = OverrideStore::Change;

struct Fixture : testing::Test {
  void open() {
    Result<std::unique_ptr<OverrideStore>> opened = OverrideStore::open(disk, clock);
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    store = std::move(*opened);
  }
  Change set(const Tenant& tenant, std::string text, std::string& version) {
    Result<Change> change = store->set(tenant, std::move(text), version);
    EXPECT_TRUE(change.ok());
    return change.ok() ? *change : Change::missing;
  }

  FaultDisk disk;
  ManualClock clock{UnixNanos{1'700'000'000 * kNanosPerSecond}};
  std::unique_ptr<OverrideStore> store;
};

TEST_F(Fixture, ChangesNameTheVersionTheyReplace) {
  open();
  std::string first = "0";
  ASSERT_EQ(set("a", R"({"x":1})", first), Change::done);
  EXPECT_NE(first, "0");
  std::string again = "0", wrong = "17", second = first;
  EXPECT_EQ(set("a", "{}", again), Change::other_version);
  EXPECT_EQ(set("a", "{}", wrong), Change::other_version);
  EXPECT_EQ(set("b", "{}", wrong), Change::other_version);
  ASSERT_EQ(set("a", R"({"x":2})", second), Change::done);
  EXPECT_EQ(store->get("a")->text, R"({"x":2})");
  EXPECT_EQ(*store->remove("a", first), Change::other_version);
  EXPECT_EQ(*store->remove("b", first), Change::missing);
  ASSERT_EQ(*store->remove("a", second), Change::done);
  EXPECT_FALSE(store->get("a"));
  std::string third = "0";
  ASSERT_EQ(set("a", "{}", third), Change::done);
  EXPECT_NE(third, first);  // a version does not come again
  EXPECT_NE(third, second);
}

TEST_F(Fixture, SurvivesALossOfPower) {
  open();
  std::vector<Tenant> changed;
  store->on_change([&](const Tenant& tenant) { changed.push_back(tenant); });
  std::string version = "0", odd = "0", gone = "0";
  ASSERT_EQ(set("team", R"({"metrics_generator":{"processors":["span-metrics"]}})", version), Change::done);
  ASSERT_EQ(set("..", R"({"a":"}\n, \"limits\": "})", odd), Change::done);
  ASSERT_EQ(set("gone", "{}", gone), Change::done);
  ASSERT_EQ(*store->remove("gone", gone), Change::done);
  EXPECT_EQ(changed, (std::vector<Tenant>{"team", "..", "gone", "gone"}));
  disk.drop_unsynced(7);
  open();
  EXPECT_EQ(store->tenants(), (std::vector<Tenant>{"..", "team"}));
  EXPECT_EQ(store->get("team")->version, version);
  EXPECT_EQ(store->get("..")->text, R"({"a":"}\n, \"limits\": "})");
}

TEST_F(Fixture, ADamagedFileStopsTheStart) {
  open();
  std::string version = "0";
  ASSERT_EQ(set("a", "{}", version), Change::done);
  ASSERT_TRUE(replace_file(disk, "overrides/a.json", "{}").ok());
  Result<std::unique_ptr<OverrideStore>> opened = OverrideStore::open(disk, clock);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::corrupt);
  std::string big(OverrideStore::kTextBytesMax + 1, ' '), none = "0";
  EXPECT_EQ(store->set("b", big, none).error().code, ErrorCode::too_large);
}

}  // namespace
}  // namespace obelisk
