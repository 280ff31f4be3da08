// Goal: combining, resets and what is read off a histogram, each on a case small enough to check by hand.
#include "model/histogram_arithmetic.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "model/histogram_buckets.h"
#include "model/histogram_spread.h"
#include "model/histogram_sum.h"

namespace obelisk {
namespace {

Histogram exponential(int32_t schema, int32_t offset, std::vector<double> counts) {
  Histogram histogram;
  histogram.schema = schema;
  histogram.positive_spans = {{offset, static_cast<uint32_t>(counts.size())}};
  for (double count : counts) histogram.count += count;
  histogram.positive_counts = std::move(counts);
  return histogram;
}

Histogram custom(std::vector<double> bounds, std::vector<double> counts) {
  Histogram histogram = exponential(Histogram::kCustomBoundsSchema, 0, std::move(counts));
  histogram.custom_bounds = std::move(bounds);
  return histogram;
}

TEST(HistogramArithmetic, AddsAtTheCoarserSchema) {
  Histogram low = exponential(-1, 1, {1});     // (1,4]: 1
  Histogram high = exponential(0, 1, {2, 2});  // (1,2]: 2, (2,4]: 2
  EXPECT_FALSE(add_histograms(low, high, 1).incompatible);
  EXPECT_EQ(low.schema, -1);
  EXPECT_EQ(low.positive_counts, (std::vector<double>{5}));
  EXPECT_EQ(low.positive_spans, (std::vector<BucketSpan>{{1, 1}}));
  EXPECT_EQ(low.count, 5);
}

TEST(HistogramArithmetic, WidensTheZeroBucketToTheEndOfAPopulatedBucket) {
  Histogram wide;
  wide.zero_threshold = 0.6;
  wide.zero_count = 1;
  wide.count = 1;
  Histogram narrow = exponential(0, 0, {4});  // (0.5,1]: 4, which 0.6 would cut
  add_histograms(wide, narrow, 1);
  EXPECT_EQ(wide.zero_threshold, 1);
  EXPECT_EQ(wide.zero_count, 5);
  EXPECT_TRUE(wide.positive_counts.empty());
}

TEST(HistogramArithmetic, CutsCustomBoundsToTheCommonOnes) {
  Histogram left = custom({2, 4, 6}, {1, 2, 5, 7});
  Histogram right = custom({1, 2, 3, 4}, {10, 20, 30, 40, 50});
  HistogramNotes notes = add_histograms(left, right, 1);
  EXPECT_TRUE(notes.bounds_reconciled);
  EXPECT_EQ(left.custom_bounds, (std::vector<double>{2, 4}));
  EXPECT_EQ(left.positive_counts, (std::vector<double>{31, 72, 62}));
  EXPECT_TRUE(add_histograms(left, exponential(0, 0, {1}), 1).incompatible);
}

TEST(HistogramArithmetic, TellsResets) {
  Histogram before = exponential(0, 0, {1, 2, 1});
  Histogram after = exponential(0, 0, {1, 1, 3});
  EXPECT_TRUE(is_counter_reset(after, before)) << "one bucket fell though the count rose";
  EXPECT_FALSE(is_counter_reset(exponential(0, 0, {1, 2, 1, 5}), before));
  EXPECT_TRUE(is_counter_reset(exponential(1, 0, {9, 9, 9}), before)) << "a finer schema means a new start";
  after.reset_hint = CounterResetHint::no;
  EXPECT_FALSE(is_counter_reset(after, before)) << "a hint is believed";
  EXPECT_TRUE(is_counter_reset(custom({5}, {1, 1}), before));
}

TEST(HistogramArithmetic, AveragesPastTheLargestDouble) {
  HistogramSum sum;
  Histogram huge = exponential(0, 0, {1});
  huge.count = std::numeric_limits<double>::max();
  for (int i = 0; i < 3; ++i) sum.add(huge);
  EXPECT_TRUE(std::isinf(sum.sum().count));
  EXPECT_DOUBLE_EQ(sum.mean().count, huge.count);
  EXPECT_DOUBLE_EQ(sum.mean().positive_counts[0], 1);
}

TEST(HistogramBuckets, BoundsOfExtremeIndices) {
  EXPECT_EQ(buckets::exponential_bound(0, 0), 1);
  EXPECT_EQ(buckets::exponential_bound(3, 0), 8);
  EXPECT_EQ(buckets::exponential_bound(2, -1), 16);
  EXPECT_DOUBLE_EQ(buckets::exponential_bound(1, 1), std::sqrt(2));
  EXPECT_EQ(buckets::exponential_bound(1024, 0), std::numeric_limits<double>::max());
  EXPECT_TRUE(std::isinf(buckets::exponential_bound(1025, 0)));
  EXPECT_TRUE(std::isinf(buckets::exponential_bound(std::numeric_limits<int32_t>::max(), -4)));
  EXPECT_EQ(buckets::exponential_bound(std::numeric_limits<int32_t>::min(), -4), 0);
}

TEST(HistogramBuckets, QuantileAndFractionAreInverse) {
  Histogram histogram = exponential(0, 0, {1, 2, 1});
  EXPECT_DOUBLE_EQ(histogram_quantile(0.5, histogram, nullptr), std::sqrt(2));
  EXPECT_DOUBLE_EQ(histogram_fraction(-INFINITY, std::sqrt(2), histogram, nullptr), 0.5);
  EXPECT_EQ(histogram_quantile(0, histogram, nullptr), 0.5);
  EXPECT_EQ(histogram_quantile(1, histogram, nullptr), 4);
  EXPECT_TRUE(std::isnan(histogram_quantile(0.5, Histogram(), nullptr)));
  Histogram bounds = custom({5, 10}, {1, 2, 1});
  EXPECT_EQ(histogram_quantile(0.5, bounds, nullptr), 7.5);
  EXPECT_EQ(histogram_quantile(1, bounds, nullptr), 10) << "the last bucket has no end";
}

TEST(HistogramBuckets, NanObservationsRankAboveEverything) {
  Histogram histogram = exponential(0, 0, {12});
  histogram.count = 15;
  histogram.sum = std::numeric_limits<double>::quiet_NaN();
  NanObservations nans = NanObservations::none;
  EXPECT_TRUE(std::isnan(histogram_quantile(0.81, histogram, &nans)));
  EXPECT_EQ(nans, NanObservations::make_result_nan);
  EXPECT_EQ(histogram_quantile(0.8, histogram, &nans), 1);
  EXPECT_EQ(nans, NanObservations::skew_result);
  EXPECT_DOUBLE_EQ(histogram_fraction(-INFINITY, INFINITY, histogram, &nans), 0.8);
}

TEST(HistogramBuckets, TrimKeepsAPartOfABucket) {
  Histogram bounds = custom({5, 10, 15, 20}, {1, 6, 4, 3, 1});
  Histogram low = trim_histogram(bounds, 13, true);
  EXPECT_DOUBLE_EQ(low.count, 9.4);
  EXPECT_DOUBLE_EQ(low.sum, 2.5 + 45 + 2.4 * 11.5);
  Histogram high = trim_histogram(bounds, 13, false);
  EXPECT_DOUBLE_EQ(high.count, 5.6);
  EXPECT_EQ(trim_histogram(bounds, INFINITY, true), bounds);
  EXPECT_EQ(trim_histogram(bounds, INFINITY, false).count, 0);
}

}  // namespace
}  // namespace obelisk
