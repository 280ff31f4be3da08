#include "query/core/histogram_text.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

TEST(HistogramText, PrintsBucketsFromTheLowest) {
  Histogram histogram;
  histogram.count = 2;
  histogram.sum = 3;
  histogram.positive_spans = {{1, 1}};
  histogram.positive_counts = {2};
  histogram.zero_count = 1;
  histogram.zero_threshold = 0.001;
  histogram.negative_spans = {{0, 1}};
  histogram.negative_counts = {1};
  EXPECT_EQ(histogram_text(histogram), "{count:2, sum:3, [-1,-0.5):1, [-0.001,0.001]:1, (1,2]:2}");
}

}  // namespace
}  // namespace obelisk
