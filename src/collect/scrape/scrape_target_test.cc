#include "collect/scrape/scrape_target.h"

#include <gtest/gtest.h>

namespace obelisk::scrape {
namespace {

ScrapeConfig job_named(std::string name) {
  ScrapeConfig job;
  job.job_name = std::move(name);
  job.interval_nanos = 15 * kNanosPerSecond;
  return job;
}

TEST(ScrapeTarget, HasLabelsAndUrl) {
  ScrapeConfig job = job_named("shop");
  job.metrics_path = "/m";
  job.params = {{"x", "1 2"}, {"module", "a"}, {"module", "b"}};
  auto target = make_target(job, "order:8080", {{"env", "prod"}});
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->url, "http://order:8080/m?module=a&module=b&x=1%202");
  EXPECT_EQ(target->labels, (Labels{{"env", "prod"}, {"instance", "order:8080"}, {"job", "shop"}}));
  EXPECT_EQ(target->discovered_labels, (Labels{{"__address__", "order:8080"},
                                               {"__metrics_path__", "/m"},
                                               {"__param_module", "a"},
                                               {"__param_x", "1 2"},
                                               {"__scheme__", "http"},
                                               {"__scrape_interval__", "15s"},
                                               {"__scrape_timeout__", "10s"},
                                               {"env", "prod"},
                                               {"job", "shop"}}));
}

TEST(ScrapeTarget, LabelsOverrideTheJob) {
  auto target = make_target(job_named("shop"), "a:1",
                            {{"job", "other"},
                             {"instance", "x"},
                             {"__metrics_path__", "/p"},
                             {"__scheme__", "https"},
                             {"__param_q", "v"},
                             {"__scrape_interval__", "30s"},
                             {"__scrape_timeout__", "3s"}});
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->url, "https://a:1/p?q=v");
  EXPECT_EQ(target->labels, (Labels{{"instance", "x"}, {"job", "other"}}));
  EXPECT_EQ(target->interval_nanos, 30 * kNanosPerSecond);
  EXPECT_EQ(target->timeout_nanos, 3 * kNanosPerSecond);
  for (auto& [name, value] : std::map<std::string, std::string>{{"__scheme__", "ftp"},
                                                                {"__scrape_interval__", "0s"},
                                                                {"__scrape_interval__", "x"},
                                                                {"__scrape_timeout__", "1h"}}) {
    auto bad = make_target(job_named("shop"), "a:1", {{name, value}});
    ASSERT_FALSE(bad.ok()) << name;
    EXPECT_NE(bad.error().message.find("job \"shop\", target a:1"), std::string::npos) << bad.error().message;
    EXPECT_NE(bad.error().message.find(name), std::string::npos) << bad.error().message;
  }
}

TEST(ScrapeTarget, OffsetsAreSpreadAndStable) {
  std::vector<int> buckets(10);
  for (int i = 0; i < 1000; ++i) {
    auto target = make_target(job_named("shop"), "host-" + std::to_string(i) + ":80", {});
    auto again = make_target(job_named("shop"), "host-" + std::to_string(i) + ":80", {});
    EXPECT_EQ(target->offset_nanos(), again->offset_nanos());
    ++buckets[static_cast<size_t>(target->offset_nanos() * 10 / target->interval_nanos)];
  }
  for (int count : buckets) EXPECT_GT(count, 50);
}

TEST(ScrapeTarget, TheFirstScrapeIsWithinAnInterval) {
  auto target = make_target(job_named("shop"), "a:1", {});
  for (int64_t seconds : {0, 1, 7, 14, 15, 1000003}) {
    UnixNanos now{seconds * kNanosPerSecond};
    UnixNanos first = target->first_scrape(now);
    EXPECT_GE(first, now);
    EXPECT_LT(first - now, target->interval_nanos);
    EXPECT_EQ(first.value % target->interval_nanos, target->offset_nanos());
  }
}

TEST(MakeTargets, KeepsOneOfEqualTargets) {
  PrometheusConfig config;
  config.jobs = {job_named("a"), job_named("b")};
  config.jobs[0].targets = {{{"x:1", "y:1", "x:1"}, {}}, {{"x:1"}, {{"env", "e"}}}};
  config.jobs[1].targets = {{{"x:1"}, {}}};
  auto targets = make_targets(config);
  ASSERT_TRUE(targets.ok());
  std::vector<std::string> keys;
  for (const ScrapeTarget& target : *targets) keys.push_back(target.key());
  EXPECT_EQ(keys, (std::vector<std::string>{R"({instance="x:1", job="a"} http://x:1/metrics)",
                                            R"({instance="y:1", job="a"} http://y:1/metrics)",
                                            R"({env="e", instance="x:1", job="a"} http://x:1/metrics)",
                                            R"({instance="x:1", job="b"} http://x:1/metrics)"}));
}

}  // namespace
}  // namespace obelisk::scrape
