#include "model/histogram.h"

#include <gtest/gtest.h>

#include <cmath>

namespace obelisk {
namespace {

Histogram example() {
  Histogram histogram;
  histogram.schema = 3;
  histogram.zero_threshold = 1e-6;
  histogram.zero_count = 2;
  histogram.count = 9;
  histogram.sum = 12.5;
  histogram.positive_spans = {{-2, 2}, {3, 1}};
  histogram.positive_counts = {1, 2, 4};
  return histogram;
}

TEST(Histogram, EncodingRoundTripsAndRefusesEveryTruncation) {
  std::string bytes = encode_histogram(example());
  EXPECT_EQ(*decode_histogram(bytes), example());
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode_histogram(std::string_view(bytes).substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(decode_histogram(bytes + "x").ok());
}

TEST(Histogram, RefusesCountsThatDoNotMatchTheSpans) {
  Histogram histogram = example();
  histogram.positive_counts.push_back(1);
  EXPECT_FALSE(decode_histogram(encode_histogram(histogram)).ok());
}

TEST(StaleMarker, IsOneParticularNan) {
  EXPECT_TRUE(is_stale_marker(stale_marker()));
  EXPECT_TRUE(std::isnan(stale_marker()));
  EXPECT_FALSE(is_stale_marker(NAN));
}

}  // namespace
}  // namespace obelisk
