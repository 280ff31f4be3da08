// Goal: grouping and every operator on small vectors whose results are worked out by hand.
#include "query/core/aggregate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace obelisk {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

SampleVector jobs(std::initializer_list<std::tuple<const char*, const char*, double>> samples) {
  SampleVector out;
  for (const auto& [job, instance, value] : samples) {
    out.push_back({Labels{{"__name__", "up"}, {"job", job}, {"instance", instance}}, value, nullptr, false});
  }
  return out;
}

double one(AggregateOp op, std::initializer_list<double> values, double parameter = 0) {
  SampleVector input;
  int i = 0;
  for (double value : values) {
    input.push_back({Labels{{"i", std::to_string(i++)}}, value, nullptr, false});
  }
  auto result = aggregate(op, {}, parameter, "", input, nullptr);
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result->size(), 1u);
  return result->empty() ? -1 : (*result)[0].value;
}

TEST(Aggregate, GroupsByAndWithoutLabelsAndSortsTheGroups) {
  SampleVector input = jobs({{"b", "1", 1}, {"a", "1", 2}, {"b", "2", 4}});
  SampleVector by = *aggregate(AggregateOp::sum, {false, {"job"}}, 0, "", input, nullptr);
  ASSERT_EQ(by.size(), 2u);
  EXPECT_EQ(by[0].labels, (Labels{{"job", "a"}}));
  EXPECT_EQ(by[0].value, 2);
  EXPECT_EQ(by[1].value, 5);
  SampleVector without = *aggregate(AggregateOp::count, {true, {"instance"}}, 0, "", input, nullptr);
  ASSERT_EQ(without.size(), 2u);
  EXPECT_EQ(without[1].labels, (Labels{{"job", "b"}})) << "without drops the metric name as well";
  EXPECT_EQ(without[1].value, 2);
  EXPECT_EQ(group_labels(input[0].labels, {false, {"__name__", "absent"}}), (Labels{{"__name__", "up"}}));
}

TEST(Aggregate, SumsWithoutLosingSmallTerms) {
  EXPECT_EQ(one(AggregateOp::sum, {1e100, 1, -1e100}), 1);
  EXPECT_EQ(one(AggregateOp::avg, {1e100, 1, -1e100, 3}), 1);
  double huge = std::numeric_limits<double>::max();
  EXPECT_DOUBLE_EQ(one(AggregateOp::avg, {huge, huge, huge}), huge)
      << "the mean of an overflowing sum is kept incrementally";
  EXPECT_EQ(one(AggregateOp::sum, {kInf, 1}), kInf);
}

TEST(Aggregate, MinAndMaxIgnoreNanUnlessAllAre) {
  EXPECT_EQ(one(AggregateOp::min, {kNan, 3, 2}), 2);
  EXPECT_EQ(one(AggregateOp::max, {2, kNan, 3}), 3);
  EXPECT_TRUE(std::isnan(one(AggregateOp::max, {kNan, kNan})));
}

TEST(Aggregate, SpreadAndQuantile) {
  EXPECT_EQ(one(AggregateOp::stdvar, {1, 2, 3, 4}), 1.25);
  EXPECT_DOUBLE_EQ(one(AggregateOp::stddev, {1, 2, 3, 4}), std::sqrt(1.25));
  EXPECT_EQ(one(AggregateOp::group, {7, 8}), 1);
  EXPECT_EQ(one(AggregateOp::quantile, {1, 2, 3, 4}, 0.5), 2.5);
  EXPECT_EQ(quantile_of(-0.1, {1}), -kInf);
  EXPECT_EQ(quantile_of(1.1, {1}), kInf);
  EXPECT_TRUE(std::isnan(quantile_of(0.5, {})));
  EXPECT_TRUE(std::isnan(quantile_of(0, {1, kNan}))) << "NaN ranks lowest";
}

TEST(Aggregate, TopAndBottomKeepLabelsAndPutNanLast) {
  SampleVector input = jobs({{"a", "1", 1}, {"a", "2", kNan}, {"a", "3", 3}, {"b", "1", 9}, {"b", "2", 9}});
  SampleVector top = *aggregate(AggregateOp::topk, {false, {"job"}}, 1, "", input, nullptr);
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].labels.get("instance"), "3");
  EXPECT_EQ(top[0].labels.get("__name__"), "up");
  EXPECT_EQ(top[1].labels.get("instance"), "1") << "the earlier of equals stays";
  SampleVector bottom = *aggregate(AggregateOp::bottomk, {}, 10, "", input, nullptr);
  ASSERT_EQ(bottom.size(), 5u);
  EXPECT_EQ(bottom[0].value, 1);
  EXPECT_TRUE(std::isnan(bottom[4].value));
  EXPECT_TRUE(aggregate(AggregateOp::topk, {}, 0.5, "", input, nullptr)->empty());
  EXPECT_EQ(aggregate(AggregateOp::topk, {}, kNan, "", input, nullptr).error().code, ErrorCode::execution);
  EXPECT_EQ(aggregate(AggregateOp::topk, {}, 1e30, "", input, nullptr).error().code, ErrorCode::execution);
}

TEST(Aggregate, CountValuesLabelsByThePlainNumber) {
  SampleVector input = jobs({{"a", "1", 1e6}, {"a", "2", 1e6}, {"a", "3", 0.5}});
  SampleVector counted = *aggregate(AggregateOp::count_values, {false, {"job"}}, 0, "value", input, nullptr);
  ASSERT_EQ(counted.size(), 2u);
  EXPECT_EQ(counted[1].labels, (Labels{{"job", "a"}, {"value", "1000000"}}));
  EXPECT_EQ(counted[1].value, 2);
}

TEST(Aggregate, HistogramsAreSummedCountedOrLeftOut) {
  auto histogram = std::make_shared<Histogram>();
  histogram->count = 4;
  histogram->sum = 5;
  histogram->positive_spans = {{0, 3}};
  histogram->positive_counts = {1, 2, 1};
  SampleVector input;
  input.push_back({Labels{{"i", "1"}}, 0, histogram, false});
  input.push_back({Labels{{"i", "2"}}, 0, histogram, false});
  SampleVector sum = *aggregate(AggregateOp::sum, {}, 0, "", input, nullptr);
  ASSERT_EQ(sum.size(), 1u);
  EXPECT_EQ(sum[0].histogram->positive_counts, (std::vector<double>{2, 4, 2}));
  EXPECT_EQ(sum[0].histogram->sum, 10);
  EXPECT_EQ((*aggregate(AggregateOp::avg, {}, 0, "", input, nullptr))[0].histogram->count, 4);
  input.push_back({Labels{{"i", "3"}}, 7, nullptr, false});
  EXPECT_TRUE(aggregate(AggregateOp::sum, {}, 0, "", input, nullptr)->empty())
      << "floats and histograms do not mix";
  bool ignored = false;
  SampleVector max = *aggregate(AggregateOp::max, {}, 0, "", input, &ignored);
  EXPECT_TRUE(ignored);
  ASSERT_EQ(max.size(), 1u);
  EXPECT_EQ(max[0].value, 7);
  EXPECT_EQ((*aggregate(AggregateOp::count, {}, 0, "", input, &ignored))[0].value, 3);
  EXPECT_FALSE(ignored);
}

}  // namespace
}  // namespace obelisk
