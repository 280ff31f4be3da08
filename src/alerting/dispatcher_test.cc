// Goal: Alertmanager's group timing, driven with a hand-moved clock and a sender that writes down what it is
// given.
#include "alerting/dispatcher.h"

#include <gtest/gtest.h>

#include "env/fault_disk.h"

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

TEST_F(DispatcherTest, AClockThatIsSetBackDelaysNothing) {
  dispatcher_.post({alert("a")});
  at(2);
  ASSERT_EQ(sent_.size(), 1u);
  at(-900);
  dispatcher_.post({alert("b")});
  at(-895);
  ASSERT_EQ(sent_.size(), 2u);  // on the next tick
  EXPECT_EQ(sent_[1].alerts.size(), 2u);
  at(-874);
  ASSERT_EQ(sent_.size(), 3u);  // and repeated after its time
}

// A restart goes on where the last one was: what is known is not told again, and ends are told.
TEST(DispatcherRestart, ReceiversAreToldOnceAndLearnOfTheEnd) {
  FaultDisk disk;
  ManualClock clock({1000 * kSecond});
  std::vector<Notification> sent;
  auto make = [&](NotificationLog& log) {
    return std::make_unique<Dispatcher>(
        *parse_alertmanager_config("route: {receiver: r, group_by: [alertname], group_wait: 2s, "
                                   "group_interval: 5s, repeat_interval: 60s}\nreceivers: [{name: r}]\n",
                                   "am.yml"),
        "http://x", clock,
        [&](const Receiver&, const Notification& notification) -> Result<void> {
          sent.push_back(notification);
          return {};
        },
        &log);
  };
  auto alert = [&](bool resolved) {
    rules::FiredAlert out;
    out.labels = Labels{{"alertname", "X"}, {"quote", "a\"\n\\:{}"}};
    out.starts_at = {900 * kSecond};
    out.ends_at = clock.now() + (resolved ? 0 : 3600 * kSecond);
    out.resolved = resolved;
    return out;
  };
  {
    NotificationLog log(disk);
    auto dispatcher = make(log);
    dispatcher->post({alert(false)});
    dispatcher->flush_due(clock.now());
    ASSERT_EQ(sent.size(), 1u);
  }
  clock.advance(10 * kSecond);
  {
    NotificationLog log(disk);
    auto dispatcher = make(log);
    dispatcher->post({alert(false)});
    dispatcher->flush_due(clock.now());
    EXPECT_EQ(sent.size(), 1u) << "told again after a restart";
    clock.advance(60 * kSecond);
    dispatcher->post({alert(false)});
    dispatcher->flush_due(clock.now());
    EXPECT_EQ(sent.size(), 2u) << "repeat_interval has passed since the last restart's notification";
  }
  clock.advance(5 * kSecond);
  NotificationLog log(disk);
  auto dispatcher = make(log);
  dispatcher->post({alert(true)});
  dispatcher->flush_due(clock.now());
  ASSERT_EQ(sent.size(), 3u) << "the end is told, although this process never saw the beginning";
  EXPECT_TRUE(sent[2].alerts[0].resolved);
  dispatcher->post({alert(true)});
  clock.advance(60 * kSecond);
  dispatcher->flush_due(clock.now());
  EXPECT_EQ(sent.size(), 3u);
}

TEST(NotificationLog, KeepsWhatWasToldForFiveDays) {
  FaultDisk disk;
  NotificationLog log(disk);
  UnixNanos now{1'700'000'000 * kSecond};
  EXPECT_TRUE(log.load(now).empty());
  NotificationLog::Groups groups;
  groups["r:{a=\"b\"}"] = {now, {{Labels{{"a", "b"}}, false}, {Labels{{"a", "c"}}, true}}};
  groups["old"] = {{now.value - NotificationLog::kRetentionNanos - 1}, {{Labels{{"a", "b"}}, false}}};
  ASSERT_TRUE(log.save(groups, now).ok());
  disk.drop_unsynced(1);
  NotificationLog::Groups loaded = NotificationLog(disk).load(now);
  ASSERT_EQ(loaded.size(), 1u);
  EXPECT_EQ(loaded.begin()->second.told, groups["r:{a=\"b\"}"].told);
  EXPECT_EQ(loaded.begin()->second.last_told, now);
  // A damaged file is set aside.
  ASSERT_TRUE(replace_file(disk, "notifications.json", "{\"groups\": 3").ok());
  EXPECT_TRUE(NotificationLog(disk).load(now).empty());
  EXPECT_TRUE(*disk.exists("notifications.json.damaged"));
}

}  // namespace
}  // namespace obelisk::alerting
