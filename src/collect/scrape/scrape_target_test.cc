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

// The target of one address, which must not be dropped.
Result<ScrapeTarget> make_target(const ScrapeConfig& job, const std::string& address,
                                 const std::map<std::string, std::string>& labels) {
  Labels group;
  for (const auto& [name, value] : labels) group.set(name, value);
  auto shared = std::make_shared<const ScrapeConfig>(job);
  OBELISK_TRY(std::optional<ScrapeTarget> target,
              scrape::make_target(shared, discovered_labels(job, Labels{{"__address__", address}}, group)));
  OBELISK_ASSERT(target.has_value());
  return std::move(*target);
}

TargetGroup group_of(std::vector<std::string> addresses, Labels labels = {}) {
  TargetGroup group;
  for (const std::string& address : addresses) group.targets.push_back(Labels{{"__address__", address}});
  group.labels = std::move(labels);
  return group;
}

collect::RelabelRule rule(const std::string& yaml) {
  return *collect::read_relabel_rule(*parse_yaml(yaml, "r"), "r", collect::NameScheme::utf8);
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

TEST(JobTargets, KeepsOneOfEqualTargets) {
  auto job = std::make_shared<const ScrapeConfig>(job_named("a"));
  JobTargets targets =
      make_job_targets(job, {group_of({"x:1", "y:1", "x:1"}), group_of({"x:1"}, Labels{{"env", "e"}})});
  std::vector<std::string> keys;
  for (const ScrapeTarget& target : targets.active) keys.push_back(target.key());
  EXPECT_EQ(keys, (std::vector<std::string>{R"({instance="x:1", job="a"} http://x:1/metrics)",
                                            R"({instance="y:1", job="a"} http://y:1/metrics)",
                                            R"({env="e", instance="x:1", job="a"} http://x:1/metrics)"}));
}

TEST(JobTargets, RelabelsBeforeAnythingElse) {
  ScrapeConfig job = job_named("a");
  job.relabel = {rule("{source_labels: [__meta_port], target_label: __address__, replacement: 'host:$1'}"),
                 rule("{source_labels: [__meta_skip], regex: yes, action: drop}"),
                 rule("{target_label: __metrics_path__, replacement: /other}"),
                 rule("{target_label: __scrape_interval__, replacement: 30s}"),
                 rule("{target_label: __param_q, replacement: v}"),
                 rule("{target_label: __tmp_x, replacement: v}")};
  JobTargets targets = make_job_targets(std::make_shared<const ScrapeConfig>(job),
                                        {group_of({"http://odd/"}, Labels{{"__meta_port", "80"}}),
                                         group_of({"b:1"}, Labels{{"__meta_skip", "yes"}})});
  ASSERT_EQ(targets.active.size(), 1u) << testing::PrintToString(targets.errors);
  EXPECT_EQ(targets.active[0].url, "http://host:80/other?q=v");
  EXPECT_EQ(targets.active[0].interval_nanos, 30 * kNanosPerSecond);
  EXPECT_EQ(targets.active[0].labels, (Labels{{"instance", "host:80"}, {"job", "a"}}));
  EXPECT_EQ(targets.dropped_count, 1u);
  EXPECT_EQ(targets.dropped.at(0).get("__address__"), "b:1");
}

TEST(JobTargets, KeepsTheLimits) {
  ScrapeConfig job = job_named("a");
  job.limits.targets = 2;
  job.limits.dropped_targets = 1;
  JobTargets over =
      make_job_targets(std::make_shared<const ScrapeConfig>(job), {group_of({"x:1", "y:1", "z:1"})});
  ASSERT_EQ(over.active.size(), 3u);
  for (const ScrapeTarget& target : over.active)
    EXPECT_EQ(target.refusal, "target_limit exceeded (number of targets: 3, limit: 2)");
  job.relabel = {rule("{action: drop, regex: ''}")};
  JobTargets dropped =
      make_job_targets(std::make_shared<const ScrapeConfig>(job), {group_of({"x:1", "y:1", "z:1"})});
  EXPECT_EQ(dropped.dropped_count, 3u);
  EXPECT_EQ(dropped.dropped.size(), 1u);
}

}  // namespace
}  // namespace obelisk::scrape
