// States of an aggregate gathered in parts, as by several threads, are those gathered at once.
#include "plan/aggregate.h"

#include <gtest/gtest.h>

#include <limits>

namespace obelisk {
namespace {

constexpr int64_t kNone = std::numeric_limits<int64_t>::max();
constexpr int64_t kNever = std::numeric_limits<int64_t>::min();

Aggregate three_steps() {
  Aggregate aggregate;
  aggregate.step = 100;
  aggregate.step_count = 3;
  aggregate.times = true;
  aggregate.minimum = true;
  aggregate.maximum = true;
  return aggregate;
}

void add_row(AggregateStates& states, size_t step, int64_t time, double value) {
  auto number = states.group_of({});
  ASSERT_TRUE(number.ok());
  states.add(states.group(*number), step, value);
  AggregateStates::note_time(states.group(*number), step, time);
}

TEST(AggregateStates, StepsWithoutRowsOfOnePartLeaveTheOtherAsItIs) {
  AggregateStates first(three_steps()), second(three_steps());
  add_row(first, 0, 7, 2);
  add_row(first, 0, 5, -1);
  add_row(second, 1, 130, 4);
  for (int way = 0; way < 2; ++way) {
    SCOPED_TRACE(way);
    AggregateStates merged(three_steps());
    ASSERT_TRUE(merged.merge(way == 0 ? first : second).ok());
    ASSERT_TRUE(merged.merge(way == 0 ? second : first).ok());
    ASSERT_EQ(merged.groups().size(), 1u);
    const AggregateStates::Group& group = merged.groups()[0];
    EXPECT_EQ(group.counts, (std::vector<uint64_t>{2, 1, 0}));
    EXPECT_EQ(group.first_times, (std::vector<int64_t>{5, 130, kNone}));
    EXPECT_EQ(group.last_times, (std::vector<int64_t>{7, 130, kNever}));
    EXPECT_EQ(group.minima, (std::vector<double>{-1, 4, std::numeric_limits<double>::infinity()}));
    EXPECT_EQ(group.maxima, (std::vector<double>{2, 4, -std::numeric_limits<double>::infinity()}));
  }
}

TEST(AggregateStates, TheSameStepOfBothPartsHasTheOuterTimes) {
  AggregateStates first(three_steps()), second(three_steps());
  add_row(first, 2, 220, 1);
  add_row(second, 2, 210, 1);
  add_row(second, 2, 290, 1);
  ASSERT_TRUE(first.merge(second).ok());
  EXPECT_EQ(first.groups()[0].first_times[2], 210);
  EXPECT_EQ(first.groups()[0].last_times[2], 290);
  EXPECT_EQ(first.groups()[0].counts[2], 3u);
}

}  // namespace
}  // namespace obelisk
