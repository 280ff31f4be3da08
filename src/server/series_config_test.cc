// Goal: limits of active series are read for all, for tenants and for single metrics and jobs; what cannot be
// is refused with its place.
#include "server/series_config.h"

#include <gtest/gtest.h>

#include "server/config.h"

namespace obelisk::server {
namespace {

Result<Config> parse(std::string_view text) {
  return parse_config(text, "o.yml", "");
}
std::string message(std::string_view text) {
  return parse(text).error().message;
}

TEST(SeriesConfig, TenantsMetricsAndJobsHaveTheirOwn) {
  Result<Config> config = parse(
      "limits:\n"
      "  tenants:\n"
      "    team-a: {series_per_tenant: 5, jobs: {batch: 7}}\n"
      "  series_per_job: 100\n"
      "  metrics: {http_requests_total: 0, \"up\": 3}\n"
      "  jobs: {batch: 1, edge: 2}\n");
  ASSERT_TRUE(config.ok()) << config.error().to_string();
  const SeriesConfig& series = config->series;
  EXPECT_EQ(series.all.per_tenant_max, SeriesBounds().per_tenant_max);
  EXPECT_EQ(series.all.per_job_max, 100u);
  EXPECT_EQ(series.all.of_metric.at("http_requests_total"), 0u);
  EXPECT_EQ(series.all.of_job.at("edge"), 2u);
  ASSERT_TRUE(series.tenants.contains("team-a"));
  const SeriesBounds& own = series.tenants.at("team-a");
  EXPECT_EQ(own.per_tenant_max, 5u);
  EXPECT_EQ(own.per_job_max, 100u) << "as for the others, though that stands below";
  EXPECT_EQ(own.of_job.at("batch"), 7u);
  EXPECT_EQ(own.of_job.at("edge"), 2u);
  EXPECT_EQ(own.of_metric.at("up"), 3u);
}

TEST(SeriesConfig, WhatCannotBeIsRefusedWithItsPlace) {
  EXPECT_EQ(message("limits: {series_per_pod: 1}\n").substr(0, 8), "o.yml:1:");
  EXPECT_NE(message("limits:\n  jobs: {a: many}\n").find("o.yml:2: "), std::string::npos);
  EXPECT_EQ(message("limits: {metrics: [up]}\n"), "o.yml:1: limits.metrics must be a map");
  EXPECT_EQ(message("limits: {tenants: 3}\n"), "o.yml:1: limits.tenants must be a map");
  EXPECT_NE(message("limits: {tenants: {a: {series_per_job: -1}}}\n").find("o.yml:1: limits.tenants.a"),
            std::string::npos);
}

}  // namespace
}  // namespace obelisk::server
