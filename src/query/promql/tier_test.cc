// Goal: where a tier says that it is exact, answers are those of the samples; where it is approximate it says
// so; what it cannot answer is read from samples while they are there. Method: counters with resets, gauges,
// gaps, ends, native histograms with resets and changes of schema, series that change their kind; the same
// query with tiers and without, and again after the samples are gone.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "env/fault_disk.h"
#include "model/histogram_buckets.h"
#include "query/promql/engine.h"
#include "query/promql/explain.h"
#include "storage/embedded/engine.h"

namespace obelisk {
namespace {

constexpr int64_t kMinute = 60'000;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kBegin = 19'704 * kDay;
constexpr int kDays = 3;
constexpr int64_t kEnd = kBegin + kDays * kDay - 10;  // of samples

class TierTest : public testing::Test {
 protected:
  TierTest() {
    options_.disk = &disk_;
    options_.clock = &clock_;
    options_.background = false;
    options_.retention.metrics_nanos = kDay * kNanosPerMilli;
    options_.retention.tiers = {{5 * kMinute, 0}, {kHour, 0}};
    engine_ = Engine::open(options_).value();
    fill();
    clock_.set(UnixNanos::from_millis(kBegin + kDays * kDay + 2 * kHour));
    EXPECT_TRUE(engine_->flush().ok());
    while (*engine_->downsample()) {
    }
  }

  void drop_samples() {
    clock_.set(UnixNanos::from_millis(kBegin + (kDays + 1) * kDay));
    EXPECT_TRUE(engine_->apply_retention().ok());
  }

  void add_series(const Labels& labels, const std::function<void(BatchBuilder&, int64_t)>& add_row,
                  int64_t step = 30'000) {
    BatchBuilder builder(Table::samples);
    std::vector<LabelRef> view = labels.view();
    builder.begin_group_copy(view);
    std::mt19937_64 gaps(view.size() + 17);
    int64_t offset = static_cast<int64_t>(random_() % 20'000);
    for (int64_t time = kBegin + offset; time < kEnd; time += step) {
      if (gaps() % 400 == 0) time += static_cast<int64_t>(gaps() % (3 * kHour));  // a gap
      if (time >= kEnd) break;
      add_row(builder, time + static_cast<int64_t>(random_() % 3));
    }
    WriteRequest request;
    request.batches.push_back(builder.finish());
    ASSERT_TRUE(append_and_wait(*engine_, std::move(request)).ok());
  }

  static void set_float(BatchBuilder& builder, int64_t time, double value) {
    builder.add_row(UnixNanos::from_millis(time));
    builder.set_float(Scope::fixed, column::kValue, value);
  }
  static void set_histogram(BatchBuilder& builder, int64_t time, const Histogram& histogram) {
    builder.add_row(UnixNanos::from_millis(time));
    builder.set_string(Scope::fixed, column::kHistogram, builder.arena().copy(encode_histogram(histogram)),
                       ColumnType::bytes);
  }

  // A counter: buckets grow, now and then all begins anew, and the schema changes once a day.
  Histogram next_histogram(std::vector<double>& buckets, int64_t time) {
    if (random_() % 150 == 0) buckets = {0, 0, 0};
    Histogram histogram;
    histogram.schema = (time / kDay) % 2 == 0 ? 0 : 1;
    histogram.positive_spans = {{0, 2}, {1, 1}};
    for (double& bucket : buckets) bucket += static_cast<double>(random_() % 5);
    histogram.positive_counts = buckets;
    histogram.zero_count = 1;
    histogram.count = 1 + buckets[0] + buckets[1] + buckets[2];
    histogram.sum = histogram.count * 1.5;
    return histogram;
  }

  void fill() {
    for (const char* instance : {"a", "b", "c"}) {
      double value = 0;
      add_series(Labels{{"__name__", "requests_total"}, {"instance", instance}},
                 [&](BatchBuilder& builder, int64_t time) {
                   if (random_() % 120 == 0) value = 0;
                   value += static_cast<double>(random_() % 10);
                   set_float(builder, time, random_() % 200 == 0 ? stale_marker() : value);
                 });
      double level = 20;
      add_series(Labels{{"__name__", "temperature"}, {"instance", instance}},
                 [&](BatchBuilder& builder, int64_t time) {
                   level += static_cast<double>(random_() % 100) / 50 - 1;
                   set_float(builder, time, random_() % 5000 == 0 ? std::nan("") : level);
                 });
      std::vector<double> buckets(3);
      add_series(
          Labels{{"__name__", "latency_seconds"}, {"instance", instance}},
          [&](BatchBuilder& builder, int64_t time) {
            set_histogram(builder, time, next_histogram(buckets, time));
          },
          2 * kMinute);
    }
    std::vector<double> buckets(3);
    add_series(
        Labels{{"__name__", "changing"}},
        [&](BatchBuilder& builder, int64_t time) {
          if ((time / (7 * kHour)) % 2 == 0) return set_float(builder, time, buckets[0]);
          set_histogram(builder, time, next_histogram(buckets, time));
        },
        kMinute);
    add_series(
        Labels{{"__name__", "queue_size"}},
        [&](BatchBuilder& builder, int64_t time) {
          std::vector<double> sizes{static_cast<double>(random_() % 9), 1,
                                    static_cast<double>(random_() % 3)};
          Histogram histogram = next_histogram(sizes, time);
          histogram.reset_hint = CounterResetHint::gauge;
          set_histogram(builder, time, histogram);
        },
        2 * kMinute);
  }

  Result<MatrixResult> range(std::string_view query, int64_t start, int64_t end, int64_t step,
                             bool use_tiers = true) {
    PromqlOptions options;
    options.use_tiers = use_tiers;
    QueryContext context{*engine_, kDefaultTenant, *engine_->snapshot(kDefaultTenant), budget_, cancel_};
    return PromqlEngine(options).range(context, query, UnixNanos::from_millis(start),
                                       UnixNanos::from_millis(end), step * kNanosPerMilli);
  }

  static bool near(double a, double b) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
    return a == b || std::fabs(a - b) <= 1e-9 * std::max(std::fabs(a), std::fabs(b)) + 1e-9;
  }
  static void expect_near(const Histogram& a, const Histogram& b) {
    EXPECT_TRUE(near(a.count, b.count)) << a.count << " and " << b.count;
    EXPECT_TRUE(near(a.sum, b.sum)) << a.sum << " and " << b.sum;
    EXPECT_EQ(a.schema, b.schema);
    auto buckets_a = buckets_of(a);
    auto buckets_b = buckets_of(b);
    ASSERT_EQ(buckets_a.size(), buckets_b.size());
    for (size_t i = 0; i < buckets_a.size(); ++i) {
      EXPECT_EQ(buckets_a[i].lower, buckets_b[i].lower);
      EXPECT_TRUE(near(buckets_a[i].count, buckets_b[i].count));
    }
  }
  static void expect_near(const MatrixResult& a, const MatrixResult& b) {
    ASSERT_EQ(a.series.size(), b.series.size());
    for (size_t i = 0; i < a.series.size(); ++i) {
      const MatrixSeries& one = a.series[i];
      const MatrixSeries& two = b.series[i];
      SCOPED_TRACE(one.labels.to_string());
      EXPECT_EQ(one.labels, two.labels);
      ASSERT_EQ(one.floats.size(), two.floats.size());
      for (size_t j = 0; j < one.floats.size(); ++j) {
        EXPECT_EQ(one.floats[j].time_ms, two.floats[j].time_ms);
        ASSERT_TRUE(near(one.floats[j].value, two.floats[j].value))
            << one.floats[j].value << " and " << two.floats[j].value << " at "
            << (one.floats[j].time_ms - kBegin) / kMinute << " min";
      }
      ASSERT_EQ(one.histograms.size(), two.histograms.size());
      for (size_t j = 0; j < one.histograms.size(); ++j) {
        EXPECT_EQ(one.histograms[j].time_ms, two.histograms[j].time_ms);
        expect_near(*one.histograms[j].histogram, *two.histograms[j].histogram);
      }
    }
  }
  // Without those that tell of the tier.
  static std::vector<std::string> other_infos(const MatrixResult& result) {
    std::vector<std::string> infos;
    for (const std::string& info : result.annotations.infos) {
      if (info.find("tier of downsampled") == std::string::npos) infos.push_back(info);
    }
    return infos;
  }

  std::mt19937_64 random_{11};
  FaultDisk disk_;
  ManualClock clock_{UnixNanos::from_millis(kBegin)};
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
  Budget budget_{1 << 30};
  Cancel cancel_;
};

constexpr const char* kExact[] = {
    "rate(requests_total[1h])",
    "increase(requests_total[3h])",
    "sum by (instance) (rate(requests_total[2h]))",
    "delta(temperature[1h])",
    "rate(temperature[1h])",
    "min_over_time(temperature[1h])",
    "max_over_time(temperature[5h])",
    "sum_over_time(temperature[2h])",
    "avg_over_time(temperature[1h])",
    "count_over_time(requests_total[1h])",
    "count_over_time(latency_seconds[2h])",
    "count_over_time(changing[1h])",
    "present_over_time(requests_total[1h])",
    "last_over_time(requests_total[2h])",
    "first_over_time(temperature[1h])",
    "ts_of_last_over_time(latency_seconds[1h])",
    "ts_of_first_over_time(requests_total[1h])",
    "requests_total",
    "temperature offset 1h",
    "timestamp(requests_total)",
    "latency_seconds",
    "rate(latency_seconds[1h])",
    "increase(latency_seconds[6h])",
    "histogram_quantile(0.9, sum(rate(latency_seconds[2h])))",
    "sum_over_time(latency_seconds[1h])",
    "avg_over_time(latency_seconds[3h])",
    "last_over_time(latency_seconds[1h])",
    "delta(queue_size[1h])",
    "sum_over_time(queue_size[1h])",
    "rate(changing[1h])",
    "sum_over_time(changing[1h])",
    "avg_over_time(changing[2h])",
    "min_over_time(changing[3h])",
    "last_over_time(changing[1h])",
    "changing",
    "max_over_time(sum(rate(requests_total[1h]))[4h:1h])",
    "requests_total @ 1702600000 + 1",
};

TEST_F(TierTest, AlignedWindowsAnswerAsTheSamplesDo) {
  for (const char* query : kExact) {
    for (int64_t resolution : {kHour, 5 * kMinute}) {
      SCOPED_TRACE(testing::Message() << query << " each " << resolution / kMinute << " min");
      // Five-minute ends keep the hours out.
      int64_t start = kBegin + 8 * kHour + (resolution == kHour ? 0 : 25 * kMinute);
      int64_t step = resolution == kHour ? 2 * kHour : 35 * kMinute;
      auto tiers = range(query, start, start + 60 * kHour, step);
      auto samples = range(query, start, start + 60 * kHour, step, false);
      ASSERT_TRUE(tiers.ok()) << tiers.error().to_string();
      ASSERT_TRUE(samples.ok()) << samples.error().to_string();
      expect_near(*tiers, *samples);
      EXPECT_EQ(other_infos(*tiers), samples->annotations.infos);
      EXPECT_EQ(tiers->annotations.warnings, samples->annotations.warnings);
      EXPECT_FALSE(samples->series.empty());
      EXPECT_TRUE(samples->stats.tiers.empty());
      if (std::string_view(query).find('@') != std::string_view::npos) continue;
      ASSERT_FALSE(tiers->stats.tiers.empty());
      for (const PromqlTierUse& use : tiers->stats.tiers) EXPECT_TRUE(use.exact);
      if (std::string_view(query).find("[4h:") == std::string_view::npos) {
        EXPECT_EQ(tiers->stats.tiers[0].resolution_ms, resolution);
      }
      // Where buckets hold many samples that is what tiers are for.
      if (resolution == kHour) {
        EXPECT_LT(tiers->stats.samples, samples->stats.samples);
      }
    }
    if (HasFailure()) return;
  }
}

TEST_F(TierTest, WhenTheSamplesAreGoneTheAnswersStay) {
  std::vector<MatrixResult> before;
  int64_t start = kBegin + 8 * kHour;
  for (const char* query : kExact)
    before.push_back(*range(query, start, start + 60 * kHour, 2 * kHour, false));
  drop_samples();
  for (size_t i = 0; i < before.size(); ++i) {
    std::string_view query = kExact[i];
    if (query.find('@') != std::string_view::npos) continue;
    SCOPED_TRACE(query);
    auto after = range(query, start, start + 60 * kHour, 2 * kHour);
    ASSERT_TRUE(after.ok());
    expect_near(*after, before[i]);
    EXPECT_TRUE(range(query, start, start + 60 * kHour, 2 * kHour, false)->series.empty());
    if (HasFailure()) return;
  }
}

TEST_F(TierTest, SamplesAreReadWhereATierWouldNotBeExact) {
  int64_t start = kBegin + 8 * kHour;
  for (const char* query : {"stddev_over_time(temperature[1h])", "quantile_over_time(0.5, temperature[1h])",
                            "changes(temperature[1h])", "deriv(temperature[1h])", "irate(requests_total[1h])",
                            "resets(requests_total[1h])", "temperature[1h] offset 1h"}) {
    SCOPED_TRACE(query);
    auto result = range(query, start, start + kDay, 2 * kHour);
    if (!result.ok()) continue;  // the last is for the parser's type check
    EXPECT_TRUE(result->stats.tiers.empty());
  }
  for (auto [first, step] :
       {std::pair(start + 1, 2 * kHour), std::pair(start, 2 * kHour + 1), std::pair(start, kMinute)}) {
    EXPECT_TRUE(range("rate(requests_total[1h])", first, first + 10 * kHour, step)->stats.tiers.empty());
    EXPECT_TRUE(range("temperature", first, first + 10 * kHour, step)->stats.tiers.empty());
  }
  EXPECT_TRUE(range("rate(requests_total[61m])", start, start + kDay, kHour)->stats.tiers.empty());
}

TEST_F(TierTest, WhereOnlyTiersAreLeftTheAnswerSaysThatItIsApproximate) {
  int64_t start = kBegin + 8 * kHour + 17'000;
  auto before = range("avg_over_time(temperature[1h])", start, start + kDay, 90'000, false);
  auto counted = range("count(temperature)", start, start + 12 * kHour, 15'000, false);
  drop_samples();
  for (const char* query :
       {"avg_over_time(temperature[1h])", "temperature", "quantile_over_time(0.5, temperature[1h])",
        "rate(requests_total[1h])", "histogram_quantile(0.5, latency_seconds)",
        "absent_over_time(temperature[1h])", "sum(changes(requests_total[2h]))"}) {
    SCOPED_TRACE(query);
    auto result = range(query, start, start + kDay, 90'000);
    ASSERT_TRUE(result.ok()) << result.error().to_string();
    if (std::string_view(query).find("absent") == std::string_view::npos) {
      EXPECT_FALSE(result->series.empty());
    }
    ASSERT_EQ(result->stats.tiers.size(), 1u);
    EXPECT_FALSE(result->stats.tiers[0].exact);
    EXPECT_EQ(result->stats.tiers[0].resolution_ms, 5 * kMinute);
    bool told = false;
    for (const std::string& info : result->annotations.infos)
      told |= info.find("the 5m tier of downsampled samples was read from ") != std::string::npos &&
              info.find("the answer is approximate") != std::string::npos;
    EXPECT_TRUE(told);
  }
  // It is near: a bucket of twelve is cut at either end.
  auto after = range("avg_over_time(temperature[1h])", start, start + kDay, 90'000);
  ASSERT_EQ(after->series.size(), before->series.size());
  for (size_t i = 0; i < after->series.size(); ++i) {
    ASSERT_GT(after->series[i].floats.size(), before->series[i].floats.size() * 9 / 10);
    size_t j = 0;
    for (const FloatPoint& point : after->series[i].floats) {
      while (j < before->series[i].floats.size() && before->series[i].floats[j].time_ms < point.time_ms) ++j;
      if (j == before->series[i].floats.size() || before->series[i].floats[j].time_ms != point.time_ms)
        continue;
      double value = before->series[i].floats[j].value;
      if (std::isnan(point.value) || std::isnan(value)) continue;
      EXPECT_NEAR(point.value, value, 3);
    }
  }
  // Instants see the newest sample known, and no gap between the buckets.
  auto instants = range("count(temperature)", start, start + 12 * kHour, 15'000);
  ASSERT_EQ(instants->series.size(), 1u);
  ASSERT_GT(counted->series.at(0).floats.size(), 1000u);
  EXPECT_GE(instants->series[0].floats.size(), counted->series[0].floats.size());
}

TEST_F(TierTest, AWindowMayReachFromTiersIntoSamples) {
  // Two of three days go; the third day's samples stay, and hours of a fourth.
  auto before = range("increase(requests_total[2d])", kBegin + 2 * kDay, kBegin + 3 * kDay, kHour, false);
  BatchBuilder builder(Table::samples);
  WriteRequest request;
  Labels labels{{"__name__", "requests_total"}, {"instance", "a"}};
  std::vector<LabelRef> view = labels.view();
  builder.begin_group_copy(view);
  double value = 1e6;
  for (int64_t time = kBegin + 3 * kDay + 20'000; time < kBegin + 3 * kDay + 2 * kHour; time += 30'000)
    set_float(builder, time, value += 3);
  request.batches.push_back(builder.finish());
  ASSERT_TRUE(append_and_wait(*engine_, std::move(request)).ok());
  ASSERT_TRUE(engine_->flush().ok());
  int64_t end = kBegin + 3 * kDay + 2 * kHour;
  auto samples = range("increase(requests_total{instance=\"a\"}[2d])", end, end, kHour, false);
  drop_samples();
  auto mixed = range("increase(requests_total{instance=\"a\"}[2d])", end, end, kHour);
  expect_near(*mixed, *samples);
  ASSERT_EQ(mixed->stats.tiers.size(), 1u);
  EXPECT_TRUE(mixed->stats.tiers[0].exact);
  EXPECT_EQ(mixed->stats.tiers[0].until_ms, kBegin + 3 * kDay);
}

TEST_F(TierTest, ExplainSaysWhichTierAndWhen) {
  PromqlOptions options;
  QueryContext context{*engine_, kDefaultTenant, *engine_->snapshot(kDefaultTenant), budget_, cancel_};
  int64_t start = kBegin + 8 * kHour;
  auto explained =
      explain_query(options, context, "sum(rate(requests_total[1h]))", UnixNanos::from_millis(start),
                    UnixNanos::from_millis(start + kDay), kHour * kNanosPerMilli);
  ASSERT_TRUE(explained.ok());
  ASSERT_EQ(explained->stats.tiers.size(), 1u);
  EXPECT_EQ(explained->stats.tiers[0].selector, "requests_total[1h]");
  const ExplainedNode* node = &explained->nodes.at(0);
  while (!node->operands.empty()) node = &node->operands[0];
  EXPECT_EQ(node->kind, "matrix");
  EXPECT_EQ(node->series_read, 3u);
  EXPECT_GT(node->samples_read, 0u);
  ASSERT_EQ(node->notes.size(), 1u);
  EXPECT_NE(node->notes[0].find("the 1h tier"), std::string::npos);
}

}  // namespace
}  // namespace obelisk
