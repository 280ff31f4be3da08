// Goal: the exact points of Prometheus' alert state machine, driven evaluation by evaluation.
#include "rules/alert_state.h"

#include <gtest/gtest.h>

namespace obelisk::rules {
namespace {

constexpr int64_t kSecond = kNanosPerSecond;

Alert element(double value = 1) {
  Alert alert;
  alert.labels = Labels{{"alertname", "X"}, {"job", "a"}};
  alert.value = value;
  return alert;
}

AlertPhase phase_of(const AlertStates& states) {
  return states.alerts().begin()->second.phase;
}

TEST(AlertStates, ForZeroFiresInTheFirstEvaluation) {
  AlertStates states(0, 0);
  states.update({10 * kSecond}, {element()});
  EXPECT_EQ(phase_of(states), AlertPhase::firing);
  EXPECT_EQ(states.alerts().begin()->second.active_at.value, 10 * kSecond);
}

TEST(AlertStates, PendingBecomesFiringWhenForHasPassedAndVanishesWhenMissedOnce) {
  AlertStates states(20 * kSecond, 0);
  states.update({0}, {element()});
  states.update({10 * kSecond}, {element()});
  EXPECT_EQ(phase_of(states), AlertPhase::pending);
  states.update({15 * kSecond}, {});
  EXPECT_TRUE(states.alerts().empty());
  states.update({20 * kSecond}, {element()});
  states.update({40 * kSecond}, {element(7)});
  EXPECT_EQ(phase_of(states), AlertPhase::firing);
  EXPECT_EQ(states.alerts().begin()->second.value, 7);
}

TEST(AlertStates, ResolvedStaysKnownForFifteenMinutesAndMayFireAgain) {
  AlertStates states(0, 0);
  states.update({kSecond}, {element()});
  states.update({2 * kSecond}, {});
  EXPECT_EQ(phase_of(states), AlertPhase::inactive);
  EXPECT_EQ(states.alerts().begin()->second.resolved_at.value, 2 * kSecond);
  EXPECT_TRUE(states.active().empty());
  states.update({3 * kSecond}, {element()});
  EXPECT_EQ(phase_of(states), AlertPhase::firing);
  EXPECT_EQ(states.alerts().begin()->second.active_at.value, 3 * kSecond);
  states.update({4 * kSecond}, {});
  states.update({4 * kSecond + AlertStates::kResolvedRetentionNanos + 1}, {});
  EXPECT_TRUE(states.alerts().empty());
}

TEST(AlertStates, KeepFiringForBridgesGaps) {
  AlertStates states(0, 10 * kSecond);
  states.update({kSecond}, {element()});
  states.update({2 * kSecond}, {});
  states.update({11 * kSecond}, {});
  EXPECT_EQ(phase_of(states), AlertPhase::firing);
  states.update({11 * kSecond + 1}, {element()});  // the condition returns: the clock starts again
  states.update({12 * kSecond}, {});
  states.update({21 * kSecond}, {});
  EXPECT_EQ(phase_of(states), AlertPhase::firing);
  states.update({22 * kSecond}, {});
  EXPECT_EQ(phase_of(states), AlertPhase::inactive);
}

}  // namespace
}  // namespace obelisk::rules
