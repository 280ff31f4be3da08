// Goal: Alertmanager's group timing, driven with a hand-moved clock and a sender that writes down what it is
// given.
#include "alerting/dispatcher.h"

#include <gtest/gtest.h>

namespace obelisk::alerting {
namespace {

constexpr int64_t kSecond = kNanosPerSecond;

class DispatcherTest : public testing::Test {
 protected:
  DispatcherTest()
      : clock_({1000 * kSecond}),
        dispatcher_(*parse_alertmanager_config(
                        "route: {receiver: r, group_by: [alertname], group_wait: 2s, group_interval: 5s, "
                        "repeat_interval: 20s}\nreceivers: [{name: r}]\n",
                        "am.yml"),
                    "http://x", clock_,
                    [this](const Receiver&, const Notification& notification) -> Result<void> {
                      if (fail_) return make_error(ErrorCode::unavailable, "down");
                      sent_.push_back(notification);
                      return {};
                    }) {}

  rules::FiredAlert alert(const char* instance, bool resolved = false) {
    rules::FiredAlert out;
    out.labels = Labels{{"alertname", "X"}, {"instance", instance}};
    out.starts_at = clock_.now();
    out.ends_at = clock_.now() + (resolved ? 0 : 3600 * kSecond);
    out.resolved = resolved;
    return out;
  }

  void at(int64_t seconds) {
    clock_.set({(1000 + seconds) * kSecond});
    dispatcher_.flush_due(clock_.now());
  }

  ManualClock clock_;
  std::vector<Notification> sent_;
  bool fail_ = false;
  Dispatcher dispatcher_;
};

TEST_F(DispatcherTest, WaitsThenTellsOnceThenRepeatsAndTellsTheEnd) {
  dispatcher_.post({alert("a")});
  at(1);
  EXPECT_TRUE(sent_.empty());
  dispatcher_.post({alert("b")});
  at(2);
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(sent_[0].alerts.size(), 2u);
  EXPECT_EQ(sent_[0].group_key, "{}:{alertname=\"X\"}");
  at(7);
  EXPECT_EQ(sent_.size(), 1u);  // nothing new
  dispatcher_.post({alert("c")});
  at(8);
  EXPECT_EQ(sent_.size(), 1u);  // only on the tick
  at(12);
  ASSERT_EQ(sent_.size(), 2u);
  at(32);
  ASSERT_EQ(sent_.size(), 3u);  // repeat_interval
  dispatcher_.post({alert("a", true), alert("b", true), alert("c", true)});
  at(37);
  ASSERT_EQ(sent_.size(), 4u);
  EXPECT_TRUE(sent_[3].is_resolved());
  EXPECT_EQ(sent_[3].alerts.size(), 3u);
  at(100);
  EXPECT_EQ(sent_.size(), 4u);
}

TEST_F(DispatcherTest, ResolvedWithinTheWaitIsNeverTold) {
  dispatcher_.post({alert("a")});
  dispatcher_.post({alert("a", true)});
  at(2);
  at(10);
  EXPECT_TRUE(sent_.empty());
}

TEST_F(DispatcherTest, FailuresAreRetriedBeforeTheNextTick) {
  fail_ = true;
  dispatcher_.post({alert("a")});
  at(2);
  fail_ = false;
  at(3);
  ASSERT_EQ(sent_.size(), 1u);
}

TEST_F(DispatcherTest, AnAlertWhoseSenderFellSilentResolves) {
  rules::FiredAlert silent = alert("a");
  silent.ends_at = clock_.now() + 4 * kSecond;
  dispatcher_.post({silent});
  at(2);
  at(7);
  ASSERT_EQ(sent_.size(), 2u);
  EXPECT_TRUE(sent_[1].is_resolved());
}

}  // namespace
}  // namespace obelisk::alerting
