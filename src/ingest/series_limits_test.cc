// Goal: new series beyond a limit are refused by name, known ones never, and quiet ones make room.
#include "ingest/series_limits.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

constexpr int64_t kHour = 3600 * kNanosPerSecond;

Batch samples(const std::vector<Labels>& series) {
  BatchBuilder rows(Table::samples);
  for (const Labels& labels : series) {
    rows.begin_group_copy(labels.view());
    rows.add_row({1});
    rows.set_float(Scope::fixed, column::kValue, 1);
  }
  return rows.finish();
}

Labels pod(const char* metric, const char* job, int number) {
  return {{"__name__", metric}, {"job", job}, {"pod", std::to_string(number)}};
}

class SeriesLimitsTest : public testing::Test {
 protected:
  SeriesLimitsTest() {
    limits_.series.per_tenant_max = 10;
    limits_.series.per_metric_max = 6;
    limits_.series.per_job_max = 4;
    limits_.series_window_nanos = kHour;
  }
  // How many of pods first..last are refused, and the message of the first.
  std::pair<uint64_t, std::string> offer(const char* metric, const char* job, int first, int last,
                                         const Tenant& tenant = "t") {
    if (!checked_) checked_ = std::make_unique<SeriesLimits>(limits_);
    std::vector<Labels> series;
    for (int i = first; i <= last; ++i) series.push_back(pod(metric, job, i));
    RefusedRows refused;
    checked_->check(tenant, samples(series), now_, refused);
    return {refused.count, refused.first_message};
  }

  IntakeLimits limits_;
  std::unique_ptr<SeriesLimits> checked_;
  UnixNanos now_{100 * kHour};
};

TEST_F(SeriesLimitsTest, EachLimitNamesItselfAndKnownSeriesGoOn) {
  EXPECT_EQ(offer("a", "x", 1, 4).first, 0u);
  auto [by_job, job_message] = offer("a", "x", 1, 6);
  EXPECT_EQ(by_job, 2u);
  EXPECT_NE(job_message.find("job \"x\" has 4 active series, limit 4 (limits.series_per_job)"),
            std::string::npos)
      << job_message;
  EXPECT_EQ(offer("a", "y", 1, 2).first, 0u);
  auto [by_metric, metric_message] = offer("a", "z", 1, 1);
  EXPECT_EQ(by_metric, 1u);
  EXPECT_NE(metric_message.find("metric \"a\""), std::string::npos) << metric_message;
  EXPECT_EQ(offer("b", "y", 11, 12).first, 0u);
  EXPECT_EQ(offer("b", "z", 21, 22).first, 0u);
  auto [by_tenant, tenant_message] = offer("c", "w", 1, 3);
  EXPECT_EQ(by_tenant, 3u);
  EXPECT_NE(tenant_message.find("tenant \"t\""), std::string::npos) << tenant_message;
  EXPECT_EQ(offer("a", "x", 1, 4).first, 0u);
  EXPECT_EQ(offer("c", "w", 1, 3, "other").first, 0u);
  EXPECT_EQ(checked_->active_series(), 13u);
}

TEST_F(SeriesLimitsTest, QuietSeriesMakeRoomAfterTwoWindows) {
  EXPECT_EQ(offer("a", "x", 1, 4).first, 0u);
  now_.value += kHour;
  EXPECT_EQ(offer("a", "x", 1, 2).first, 0u);
  EXPECT_EQ(offer("a", "x", 5, 5).first, 1u);  // 3 and 4 still count
  now_.value += kHour;
  EXPECT_EQ(offer("a", "x", 5, 6).first, 0u);
  EXPECT_EQ(offer("a", "x", 7, 7).first, 1u);
  EXPECT_EQ(offer("a", "x", 1, 2).first, 0u);
  now_.value += 5 * kHour;
  EXPECT_EQ(offer("a", "x", 11, 14).first, 0u);
}

TEST_F(SeriesLimitsTest, TenantsMetricsAndJobsMayDiffer) {
  limits_.series.of_metric["wide"] = 0;
  limits_.series.of_job["small"] = 2;
  SeriesBounds own = limits_.series;
  own.per_tenant_max = 30;
  own.of_job = {{"x", 20}};
  limits_.tenant_series["own"] = own;
  EXPECT_EQ(offer("a", "small", 1, 3).first, 1u);
  EXPECT_NE(
      offer("a", "small", 4, 4).second.find("job \"small\" has 2 active series, limit 2 (limits.jobs.small)"),
      std::string::npos);
  EXPECT_EQ(offer("wide", "y", 1, 4).first, 0u);
  EXPECT_EQ(offer("wide", "z", 1, 4).first, 0u) << "eight of one metric, whose limit would be six";
  EXPECT_EQ(offer("wide", "x", 1, 21, "own").first, 1u);
  EXPECT_NE(offer("wide", "x", 21, 21, "own").second.find("(limits.tenants.own.jobs.x)"), std::string::npos);
  EXPECT_EQ(offer("a", "y", 1, 5, "own").first, 1u) << "what is not said of a tenant is as for the others";
  EXPECT_EQ(offer("wide", "z", 1, 7, "own").first, 3u);
  auto [refused, message] = offer("wide", "w", 1, 4, "own");
  EXPECT_EQ(refused, 2u) << message;
  EXPECT_NE(
      message.find("tenant \"own\" has 30 active series, limit 30 (limits.tenants.own.series_per_tenant)"),
      std::string::npos)
      << message;
}

TEST_F(SeriesLimitsTest, ZeroMeansNone) {
  limits_.series.per_tenant_max = limits_.series.per_metric_max = limits_.series.per_job_max = 0;
  EXPECT_EQ(offer("a", "x", 1, 1000).first, 0u);
}

}  // namespace
}  // namespace obelisk
