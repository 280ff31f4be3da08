// Goal: what scripts cannot say: bounds, cancellation, snapshots, several batches, options and positions of
// annotations.
#include "query/promql/engine.h"

#include <gtest/gtest.h>

#include <chrono>

#include "storage/memory/memory_store.h"

namespace obelisk {
namespace {

class EngineTest : public testing::Test {
 protected:
  void add(const Labels& labels, int64_t from_ms, int64_t step_ms, size_t count, double value = 1) {
    BatchBuilder builder(Table::samples);
    std::vector<LabelRef> view = labels.view();
    builder.begin_group_copy(view);
    for (size_t i = 0; i < count; ++i) {
      builder.add_row(UnixNanos::from_millis(from_ms + static_cast<int64_t>(i) * step_ms));
      builder.set_float(Scope::fixed, column::kValue, value);
    }
    WriteRequest request;
    request.batches.push_back(builder.finish());
    ASSERT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }

  Result<InstantResult> instant(std::string_view query, int64_t time_ms,
                                const PromqlEngine& engine = PromqlEngine()) {
    return engine.instant(context(), query, UnixNanos::from_millis(time_ms));
  }
  Result<MatrixResult> range(std::string_view query, int64_t start_ms, int64_t end_ms, int64_t step_ms,
                             const PromqlEngine& engine = PromqlEngine()) {
    return engine.range(context(), query, UnixNanos::from_millis(start_ms), UnixNanos::from_millis(end_ms),
                        step_ms * kNanosPerMilli);
  }
  QueryContext context() {
    return {store_, kDefaultTenant, *store_.snapshot(kDefaultTenant), budget_, cancel_};
  }

  MemoryStore store_;
  Budget budget_{64 << 20};
  Cancel cancel_;
};

TEST_F(EngineTest, RangeLimits) {
  EXPECT_EQ(range("vector(1)", 0, 11'000'000, 1000)->series[0].floats.size(), 11'001u);
  EXPECT_EQ(range("vector(1)", 0, 11'001'000, 1000).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(range("vector(1)", 1, 0, 1000).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(range("vector(1)", 0, 1, 0).error().code, ErrorCode::invalid_argument);
  auto wrong_type = range("\"x\"", 0, 1, 1);
  EXPECT_EQ(wrong_type.error().message,
            "invalid expression type \"string\" for range query, must be Scalar or instant Vector");
}

TEST_F(EngineTest, SamplesAndMemoryAreBounded) {
  add(Labels{{"__name__", "x"}}, 0, 1000, 1000);
  PromqlOptions few;
  few.samples_max = 500;
  EXPECT_EQ(instant("count_over_time(x[1h])", 1'000'000, PromqlEngine(few)).error().code,
            ErrorCode::too_large);
  // A subquery with a billion steps is refused before it is built.
  EXPECT_EQ(instant("count_over_time(vector(1)[100y:1ms])", 0).error().code, ErrorCode::too_large);
  EXPECT_EQ(instant("count_over_time(vector(1)[10h:1ms])", 0).error().code, ErrorCode::too_large);
  uint64_t before = budget_.used_bytes();
  EXPECT_TRUE(instant("sum(x) + sum(x)", 1'000'000).ok());
  EXPECT_LT(budget_.used_bytes() - before, 1u << 20);
}

TEST_F(EngineTest, CancelStopsAQuery) {
  cancel_.cancel();
  EXPECT_EQ(instant("1", 0).error().code, ErrorCode::cancelled);
}

// Queries that work for many seconds on one series or two, each its own way, end soon after their deadline:
// what is counted between two looks at the clock is work, not series.
TEST_F(EngineTest, AQueryEndsSoonAfterItsDeadlineWhereverItWorks) {
  constexpr int64_t kSamples = 100'000;
  add(Labels{{"__name__", "x"}, {"i", "1"}}, 0, 1000, kSamples);
  add(Labels{{"__name__", "x"}, {"i", "2"}}, 0, 1000, kSamples);
  for (const char* query : {
           "quantile_over_time(0.5, x{i=\"1\"}[20h])",                  // wide windows, many steps
           "quantile_over_time(0.5, (x{i=\"1\"} * 2)[20h:1s])",         // the same of a subquery
           "max_over_time(quantile_over_time(0.5, x[1h])[26h:2s])",     // many inner steps
           "quantile_over_time(0.9, stddev_over_time(x[2h])[20h:1s])",  // both
       }) {
    SCOPED_TRACE(query);
    auto started = Cancel::Clock::now();
    Cancel cancel(started + std::chrono::milliseconds(50));
    Budget budget(1ull << 30);
    QueryContext context{store_, kDefaultTenant, *store_.snapshot(kDefaultTenant), budget, cancel};
    Result<MatrixResult> result =
        PromqlEngine().range(context, query, UnixNanos::from_millis(kSamples * 1000 - 11'000'000),
                             UnixNanos::from_millis(kSamples * 1000), kNanosPerSecond);
    ASSERT_FALSE(result.ok()) << "it was no long work";
    EXPECT_EQ(result.error().code, ErrorCode::timeout) << result.error().to_string();
    EXPECT_LT(std::chrono::duration<double>(Cancel::Clock::now() - started).count(), 3);
  }
}

TEST_F(EngineTest, ASeriesMayComeInSeveralBatchesAndMilliseconds) {
  Labels labels{{"__name__", "x_total"}};
  add(labels, 0, 1000, 5, 1);
  add(labels, 5000, 1000, 5, 3);
  EXPECT_EQ(instant("count_over_time(x_total[1m])", 60'000 - 1)->vector[0].value, 10);
  EXPECT_EQ(instant("changes(x_total[1m])", 50'000)->vector[0].value, 1);
  // Two rows inside one millisecond are one sample, the later one.
  BatchBuilder builder(Table::samples);
  std::vector<LabelRef> view = labels.view();
  builder.begin_group_copy(view);
  for (int64_t nanos : {100, 900}) {
    builder.add_row(UnixNanos::from_millis(20'000) + nanos);
    builder.set_float(Scope::fixed, column::kValue, static_cast<double>(nanos));
  }
  WriteRequest request;
  request.batches.push_back(builder.finish());
  ASSERT_TRUE(append_and_wait(store_, std::move(request)).ok());
  EXPECT_EQ(instant("count_over_time(x_total[5s])", 20'000)->vector[0].value, 1);
  EXPECT_EQ(instant("x_total", 20'000)->vector[0].value, 900);
  EXPECT_EQ(instant("timestamp(x_total)", 30'000)->vector[0].value, 20);
}

// Goal: each step's samples are counted as the reference does: what selectors find, what lies in windows, of
// a subquery its results.
TEST_F(EngineTest, QueryableSamplesAreCountedByStep) {
  add(Labels{{"__name__", "x"}, {"i", "1"}}, 0, 10'000, 31);
  add(Labels{{"__name__", "x"}, {"i", "2"}}, 20'000, 10'000, 1);
  PromqlOptions options;
  options.count_queryable_samples = true;
  PromqlEngine engine(options);
  using Counts = std::vector<uint64_t>;
  auto counts = [&](std::string_view query) {
    return range(query, 0, 40'000, 20'000, engine)->stats.queryable_per_step;
  };
  EXPECT_EQ(counts("x"), (Counts{1, 2, 2}));
  EXPECT_EQ(counts("sum(x) + sum(x)"), (Counts{2, 4, 4}));
  EXPECT_EQ(counts("rate(x[30s])"), (Counts{1, 4, 4}));
  EXPECT_EQ(counts("sum by (i) (rate(x[30s]))"), (Counts{1, 4, 4}));
  EXPECT_EQ(counts("count_over_time(x[30s] @ 30)"), (Counts{4, 4, 4}));
  EXPECT_EQ(counts("max_over_time(sum(x)[20s:10s])"), (Counts{1, 2, 2}));
  EXPECT_EQ(counts("vector(1)"), (Counts{0, 0, 0}));
  EXPECT_EQ(instant("x[25s]", 30'000, engine)->stats.queryable_per_step, (Counts{4}));
  EXPECT_TRUE(instant("x[25s]", 30'000)->stats.queryable_per_step.empty());
}

TEST_F(EngineTest, LookbackIsAnOption) {
  add(Labels{{"__name__", "x"}}, 0, 1000, 1);
  EXPECT_EQ(instant("x", 299'999)->vector.size(), 1u);
  EXPECT_EQ(instant("x", 300'000)->vector.size(), 0u);
  PromqlOptions options;
  options.lookback_ms = 1000;
  EXPECT_EQ(instant("x", 1000, PromqlEngine(options))->vector.size(), 0u);
}

TEST_F(EngineTest, AnnotationsNameThePlace) {
  add(Labels{{"__name__", "requests"}}, 0, 1000, 10);
  auto result = instant("sum(\n  rate(requests[10s])\n)", 9000);
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->annotations.infos.size(), 1u);
  EXPECT_EQ(result->annotations.infos[0],
            "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
            "\"requests\" (2:8)");
  EXPECT_EQ(result->stats.series, 1u);
  EXPECT_EQ(result->stats.samples, 10u);
}

TEST_F(EngineTest, StartTimesNeedTheirSwitch) {
  add(Labels{{"__name__", "x"}}, 0, 1000, 1);
  auto result = instant("start_timestamp(x)", 0);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->vector.empty());
}

TEST_F(EngineTest, CheckGivesTheType) {
  PromqlEngine engine;
  EXPECT_EQ(*engine.check("sum(x) > 0"), PromqlType::vector);
  EXPECT_EQ(*engine.check("1 + 1"), PromqlType::scalar);
  EXPECT_EQ(*engine.check("x[5m]"), PromqlType::matrix);
  EXPECT_EQ(engine.check("sum(").error().code, ErrorCode::parse_error);
}

TEST_F(EngineTest, EndMeansTheEndAskedFor) {
  add(Labels{{"__name__", "x"}}, 0, 1000, 1);
  auto result = range("end()", 0, 25'000, 10'000);
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->series[0].floats.size(), 3u);
  EXPECT_EQ(result->series[0].floats[0].value, 25);
}

}  // namespace
}  // namespace obelisk
