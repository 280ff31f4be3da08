#include "server/retention_config.h"

#include <gtest/gtest.h>

#include "server/config.h"

namespace obelisk::server {
namespace {

constexpr int64_t kDay = 86'400 * kNanosPerSecond;

Result<Config> parse(std::string_view text) {
  return parse_config(text, "o.yml", "");
}
std::string message(std::string_view text) {
  return parse(text).error().message;
}

TEST(RetentionConfig, EachSignalTierAndTenantHasItsOwn) {
  Result<Config> config = parse(
      "retention:\n"
      "  tenants:\n"
      "    team-a: {metrics: 30d, metrics_tiers: []}\n"
      "  metrics: 10d\n"
      "  metrics_tiers:\n"
      "    - {resolution: 1h, keep: 400d}\n"
      "    - {resolution: 10m}\n"
      "  size: 20GB\n"
      "  logs: 3d\n");
  ASSERT_TRUE(config.ok()) << config.error().to_string();
  const RetentionConfig& retention = config->retention;
  EXPECT_EQ(retention.metrics_nanos, 10 * kDay);
  EXPECT_EQ(retention.bytes, 20ull << 30);
  std::vector<TierRetention> tiers{{600 * kNanosPerSecond, 0}, {3600 * kNanosPerSecond, 400 * kDay}};
  EXPECT_EQ(retention.metrics_tiers, tiers);
  ASSERT_TRUE(retention.tenants.contains("team-a"));
  const SignalRetention& own = retention.tenants.at("team-a");
  EXPECT_EQ(own.metrics_nanos, 30 * kDay);
  EXPECT_TRUE(own.metrics_tiers.empty());
  EXPECT_EQ(own.logs_nanos, 3 * kDay) << "as for the others, though that stands below";
}

TEST(RetentionConfig, OneValueIsForAllSignals) {
  Result<Config> config = parse("retention: 2d\n");
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->retention.metrics_nanos, 2 * kDay);
  EXPECT_EQ(config->retention.traces_nanos, 2 * kDay);
  EXPECT_EQ(config->retention.metrics_tiers, SignalRetention().metrics_tiers);
}

TEST(RetentionConfig, WhatCannotBeIsRefusedWithItsPlace) {
  EXPECT_EQ(message("retention:\n  metrics_tiers: [{resolution: 7m}]\n"),
            "o.yml:2: retention.metrics_tiers: a resolution is 1m to 1d and divides a day, as 5m and 1h do");
  EXPECT_EQ(message("retention:\n  metrics_tiers: [{resolution: 5m}, {resolution: 300s}]\n"),
            "o.yml:2: retention.metrics_tiers: the same resolution twice");
  EXPECT_EQ(message("retention: {metrics_tiers: [{resolution: 5m, keep: 1h}]}\n"),
            "o.yml:1: retention.metrics_tiers: a tier is kept for a day at least");
  EXPECT_EQ(message("retention: {tenants: {a: {size: 1GB}}}\n"),
            "o.yml:1: retention.tenants.a: unknown key \"size\"");
  EXPECT_EQ(message("retention: {tenants: {a: {traces: 0}}}\n"),
            "o.yml:1: retention.tenants.a.traces must be longer than 0");
}

}  // namespace
}  // namespace obelisk::server
