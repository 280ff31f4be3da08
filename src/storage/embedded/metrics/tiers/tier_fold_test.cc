// Goal: what a bucket keeps is what its samples say. Method: by hand.
#include "storage/embedded/metrics/tiers/tier_fold.h"

#include <gtest/gtest.h>

#include <cmath>

namespace obelisk {
namespace {

constexpr int64_t kFive = 300'000;

Histogram histogram(double count, int32_t schema = 0) {
  Histogram value;
  value.schema = schema;
  value.count = value.sum = count;
  value.positive_spans = {{1, 1}};
  value.positive_counts = {count};
  return value;
}

TEST(TierFold, FloatsOfABucket) {
  TierFold fold(kFive);
  int64_t time = 0;
  for (double value : {7.0, 9.0, 2.0, 3.0, 1.0}) fold.add_float(time += 60'000, value, 0);
  fold.add_float(kFive + 1, 8, 0);
  fold.finish();
  EXPECT_EQ(fold.rows(TierAspect::first).times, (std::vector<int64_t>{60'000, kFive + 1}));
  EXPECT_EQ(fold.rows(TierAspect::first).values, (std::vector<double>{7, 8}));
  EXPECT_EQ(fold.rows(TierAspect::last).times, (std::vector<int64_t>{kFive, kFive + 1}));
  EXPECT_EQ(fold.rows(TierAspect::last).values, (std::vector<double>{1, 8}));
  EXPECT_EQ(fold.rows(TierAspect::minimum).times, (std::vector<int64_t>{kFive, 2 * kFive}));
  EXPECT_EQ(fold.rows(TierAspect::minimum).values, (std::vector<double>{1, 8}));
  EXPECT_EQ(fold.rows(TierAspect::maximum).values, (std::vector<double>{9, 8}));
  EXPECT_EQ(fold.rows(TierAspect::sum).values, (std::vector<double>{22, 8}));
  EXPECT_EQ(fold.rows(TierAspect::count).values, (std::vector<double>{5, 1}));
  EXPECT_EQ(fold.rows(TierAspect::lost).times, (std::vector<int64_t>{kFive}));
  EXPECT_EQ(fold.rows(TierAspect::lost).values, (std::vector<double>{9 + 3}))
      << "1 - 7 + 12 is what it gained";
  EXPECT_EQ(fold.rows(TierAspect::ended).size(), 0u);
}

TEST(TierFold, NotANumberIsTheLeastOfNothing) {
  TierFold fold(kFive);
  fold.add_float(1, NAN, 0);
  fold.add_float(2, 5, 0);
  fold.add_float(3, NAN, 0);
  fold.add_float(kFive + 1, NAN, 0);
  fold.finish();
  EXPECT_EQ(fold.rows(TierAspect::minimum).values[0], 5);
  EXPECT_EQ(fold.rows(TierAspect::maximum).values[0], 5);
  EXPECT_TRUE(std::isnan(fold.rows(TierAspect::sum).values[0]));
  EXPECT_TRUE(std::isnan(fold.rows(TierAspect::maximum).values[1]));
}

TEST(TierFold, AnEndIsKeptWhereNothingFollowsIt) {
  TierFold fold(kFive);
  fold.add_float(1, 1, 0);
  fold.add_float(2, stale_marker(), 0);
  fold.add_float(3, 1, 0);
  fold.add_float(kFive + 1, 1, 0);
  fold.add_float(kFive + 2, stale_marker(), 0);
  fold.add_float(2 * kFive + 1, stale_marker(), 0);
  fold.finish();
  EXPECT_EQ(fold.rows(TierAspect::ended).times, (std::vector<int64_t>{kFive + 2, 2 * kFive + 1}));
  EXPECT_EQ(fold.rows(TierAspect::count).values, (std::vector<double>{2, 1}));
}

TEST(TierFold, HistogramsOfABucketAndWhereTheyTurn) {
  TierFold fold(kFive);
  std::vector<std::string> bytes;
  for (const Histogram& value : {histogram(1), histogram(4), histogram(2), histogram(3), histogram(3, 1)})
    bytes.push_back(encode_histogram(value));
  for (size_t i = 0; i < bytes.size(); ++i)
    ASSERT_TRUE(fold.add_histogram(static_cast<int64_t>(i + 1) * 1000, bytes[i], 0).ok());
  fold.finish();
  EXPECT_EQ(fold.rows(TierAspect::histogram_first).times, (std::vector<int64_t>{1000}));
  EXPECT_EQ(fold.rows(TierAspect::histogram_last).times, (std::vector<int64_t>{5000}));
  EXPECT_EQ(fold.rows(TierAspect::histogram_count).values, (std::vector<double>{5}));
  EXPECT_EQ(fold.rows(TierAspect::histogram_turns).times, (std::vector<int64_t>{2000, 3000, 4000, 5000}));
  ASSERT_EQ(fold.rows(TierAspect::histogram_sum).size(), 1u);
  auto sum = decode_histogram(fold.rows(TierAspect::histogram_sum).histograms[0]);
  ASSERT_TRUE(sum.ok());
  EXPECT_EQ(sum->count, 13);
  EXPECT_EQ(sum->schema, 0);
  EXPECT_FALSE(fold.add_histogram(9000, "no histogram", 0).ok());
}

TEST(TierFold, HistogramsThatDoNotMixHaveNoSum) {
  TierFold fold(kFive);
  Histogram custom = histogram(1);
  custom.schema = Histogram::kCustomBoundsSchema;
  custom.custom_bounds = {1, 2};
  custom.positive_spans = {{0, 1}};
  std::string one = encode_histogram(histogram(1));
  std::string two = encode_histogram(custom);
  ASSERT_TRUE(fold.add_histogram(1, one, 0).ok());
  ASSERT_TRUE(fold.add_histogram(2, two, 0).ok());
  fold.finish();
  EXPECT_EQ(fold.rows(TierAspect::histogram_sum).size(), 0u);
  EXPECT_EQ(fold.rows(TierAspect::histogram_count).values, (std::vector<double>{2}));
}

TEST(TierFold, OneObjectFoldsOneSeriesAfterTheOther) {
  TierFold fold(kFive);
  fold.add_float(1, 1, 0);
  fold.finish();
  fold.clear();
  fold.add_float(1, 2, 0);
  fold.finish();
  EXPECT_EQ(fold.rows(TierAspect::sum).values, (std::vector<double>{2}));
}

}  // namespace
}  // namespace obelisk
