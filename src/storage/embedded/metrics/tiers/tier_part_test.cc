// Goal: names come back from their texts and nothing else is one; a part gives back what it was given, aspect
// by aspect and range by range; the document's example is what is written.
#include "env/fault_disk.h"  // ahead of what brings names of its own for thread_annotations.h

#include "storage/embedded/metrics/tiers/tier_part.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace obelisk {
namespace {

constexpr int64_t kFive = 300'000;
const TierPartName kName{kFive, 19'704, 1, 0x2a};
const int64_t kMidnight = 19'704 * kDayMillis;

TEST(TierPart, NamesSayWhatAPartHolds) {
  EXPECT_EQ(kName.text(), "300000-19704-1-000000000000002a.tier");
  std::optional<TierPartName> parsed = parse_tier_part_name(kName.text());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->text(), kName.text());
  EXPECT_EQ(parsed->span(), (TierSpan{kMidnight, kMidnight + kDayMillis}));
  ASSERT_TRUE(parse_tier_part_name("3600000--2-8-0000000000000001.tier"));
  EXPECT_EQ(parse_tier_part_name("3600000--2-8-0000000000000001.tier")->first_day, -2);
  for (const char* wrong :
       {"", "300000-19704-1-2a", "300000-19704-1-000000000000002a.metrics", "7-19704-1-2a.tier",
        "300000-19704-0-2a.tier", "300000-19704-9999-2a.tier", "300000-99999999-1-2a.tier",
        "-300000-19704-1-2a.tier", "300000-19704-1-2a.tier2"})
    EXPECT_FALSE(parse_tier_part_name(wrong)) << wrong;
}

TEST(TierPart, ADayHoldsTheMidnightThatEndsIt) {
  EXPECT_EQ(tier_day(kMidnight), 19'703);
  EXPECT_EQ(tier_day(kMidnight + 1), 19'704);
  EXPECT_EQ(tier_day(0), -1);
  EXPECT_EQ(tier_day(-kDayMillis), -2);
}

class TierPartFile : public testing::Test {
 protected:
  TierPartFile() {
    EXPECT_TRUE(disk_.create_directories("tiers").ok());
    auto file = disk_.open("tiers/" + kName.text(), Disk::Mode::create_new);
    TierPartBuilder builder(**file, kName, {{"__name__", "up"}, {"a", "1"}, {"a", "2"}}, 7, 0);
    for (const char* value : {"1", "2"}) {
      std::vector<LabelRef> labels{{"__name__", "up"}, {"a", value}};
      builder.begin_series(labels);
      Samples last, minimum;
      last.add(kMidnight + 585'123, 5, 3);
      last.add(kMidnight + kDayMillis, 6, 0);
      minimum.add(kMidnight + 600'000, 4, 0);
      minimum.add(kMidnight + kDayMillis, 6, 0);
      EXPECT_TRUE(builder.add(TierAspect::last, last).ok());
      EXPECT_TRUE(builder.add(TierAspect::minimum, minimum).ok());
      EXPECT_TRUE(builder.end_series().ok());
    }
    EXPECT_TRUE(builder.finish().ok());
    file->reset();
    part_ = MetricPart::open(disk_, "tiers", kName.text()).value();
  }

  Samples read(TierAspect aspect, const TimeRange& range = {}) {
    TierSource source(part_, kName, {1}, aspect);
    EXPECT_TRUE(*source.next());
    Samples out;
    Arena arena;
    EXPECT_TRUE(source.read(range, true, out, arena).ok());
    return out;
  }
  static UnixNanos at(int64_t ms) { return UnixNanos::from_millis(kMidnight + ms); }

  FaultDisk disk_;
  std::shared_ptr<const MetricPart> part_;
};

TEST_F(TierPartFile, GivesBackEachAspect) {
  EXPECT_EQ(part_->footer().first_sequence, 7u);
  Samples last = read(TierAspect::last);
  EXPECT_EQ(last.times, (std::vector<int64_t>{at(585'123).value, at(kDayMillis).value}));
  EXPECT_EQ(last.values, (std::vector<double>{5, 6}));
  EXPECT_EQ(last.start_times, (std::vector<int64_t>{3, 0}));
  EXPECT_EQ(read(TierAspect::minimum).values, (std::vector<double>{4, 6}));
  EXPECT_EQ(read(TierAspect::maximum).size(), 0u);
  EXPECT_EQ(read(TierAspect::first).size(), 0u);
  // Ranges are half open, in nanoseconds.
  EXPECT_EQ(read(TierAspect::minimum, {at(600'000), at(600'001)}).values, (std::vector<double>{4}));
  EXPECT_EQ(read(TierAspect::minimum, {{at(600'000).value + 1}, at(kDayMillis)}).size(), 0u);
  EXPECT_EQ(read(TierAspect::minimum, {at(600'001), {at(kDayMillis).value + 1}}).values,
            (std::vector<double>{6}));
  EXPECT_EQ(read(TierAspect::minimum, {at(kDayMillis + 1), at(2 * kDayMillis)}).size(), 0u);
}

TEST_F(TierPartFile, TheDocumentsExampleIsWhatIsWritten) {
  EXPECT_EQ(part_->footer().min_time, 68'720'061'859'000'000 - 0);
  PartSource source(part_, {0});
  ASSERT_TRUE(*source.next());
  ASSERT_EQ(source.blocks().size(), 2u);
  EXPECT_EQ(source.blocks()[0].min_time, 68'720'061'859'000'000);
  EXPECT_EQ(source.blocks()[1].min_time, 137'439'553'472'000'000);
  std::ifstream file("docs/formats/metric_tier.md");
  ASSERT_TRUE(file.good());
  std::string text(std::istreambuf_iterator<char>(file), {});
  for (const char* shown :
       {"300000-19704-1-000000000000002a.tier", "68,720,061,859,000,000", "137,439,553,472,000,000"})
    EXPECT_NE(text.find(shown), std::string::npos) << shown;
}

TEST(TierErasure, TakesEveryBucketThatItTouches) {
  Erasure erasure;
  auto widened = [&](int64_t begin, int64_t end) {
    erasure.record.range = {{begin}, {end}};
    TimeRange range = widened_to_buckets(erasure, kFive)->record.range;
    return std::pair(range.begin.value, range.end.value);
  };
  constexpr int64_t kMs = kNanosPerMilli;
  EXPECT_EQ(widened(1 * kMs, 2 * kMs), std::pair(1 * kMs, (kFive + 1) * kMs));
  EXPECT_EQ(widened(0, kMs), std::pair((1 - kFive) * kMs, 1 * kMs)) << "the end belongs to the bucket before";
  EXPECT_EQ(widened(kFive * kMs, (kFive + 1) * kMs + 1), std::pair(1 * kMs, (2 * kFive + 1) * kMs));
  EXPECT_EQ(widened(INT64_MIN, INT64_MAX), std::pair(INT64_MIN, INT64_MAX));
}

}  // namespace
}  // namespace obelisk
