#include "server/logs_config.h"

#include <gtest/gtest.h>

namespace obelisk::server {
namespace {

Result<LogsConfig> parse(std::string_view text) {
  OBELISK_TRY(YamlNode root, parse_yaml(text, "o.yml"));
  return parse_logs_config(root, "o.yml");
}

TEST(LogsConfig, DefaultsAreLokis) {
  Result<LogsConfig> config = parse("{}");
  ASSERT_TRUE(config.ok());
  EXPECT_TRUE(!config->discover_log_levels && config->mapping.discover_service_name);
  EXPECT_FALSE(config->max_line_size_truncate);
  EXPECT_EQ(config->max_line_size_bytes, 256u * 1024);
  EXPECT_EQ(config->mapping.resource_action("service.name"), LogAttributeAction::index_label);
  EXPECT_EQ(config->mapping.resource_action("host.name"), LogAttributeAction::structured_metadata);
  EXPECT_EQ(config->mapping.record_action("service.name"), LogAttributeAction::structured_metadata);
}

TEST(LogsConfig, TheFirstRuleThatNamesAnAttributeDecides) {
  Result<LogsConfig> config = parse(R"(
discover_service_name: false
max_line_size: 1KB
otlp:
  resource_attributes:
    ignore_defaults: true
    attributes_config:
      - {action: drop, attributes: [host.id, service.name]}
      - {action: index_label, regex: 'service\..*|host.*'}
  scope_attributes:
    - {action: drop, regex: '.*'}
  log_attributes:
    - {action: index_label, attributes: [team]}
  severity_text_as_label: true
)");
  ASSERT_TRUE(config.ok()) << config.error().to_string();
  const LogMapping& mapping = config->mapping;
  EXPECT_FALSE(mapping.discover_service_name);
  EXPECT_EQ(mapping.resource_action("service.name"), LogAttributeAction::drop);
  EXPECT_EQ(mapping.resource_action("service.version"), LogAttributeAction::index_label);
  EXPECT_EQ(mapping.resource_action("k8s.pod.name"), LogAttributeAction::structured_metadata) << "no default";
  EXPECT_EQ(mapping.scope_action("x"), LogAttributeAction::drop);
  EXPECT_EQ(mapping.record_action("team"), LogAttributeAction::index_label);
  EXPECT_TRUE(mapping.labels_of_records());
}

TEST(LogsConfig, RetentionBySelector) {
  Result<LogsConfig> config = parse(R"(
delete_request_cancel_period: 1h
retention_stream:
  - {selector: '{app="x"} | detected_level="debug"', period: 24h}
  - {tenant: red, selector: '{app="y"} |= "noise"', period: 3d}
)");
  ASSERT_TRUE(config.ok()) << config.error().to_string();
  EXPECT_EQ(config->delete_request_cancel_period_nanos, 3600 * kNanosPerSecond);
  ASSERT_EQ(config->retention_stream.size(), 2u);
  EXPECT_EQ(config->retention_stream[0].tenant, kDefaultTenant);
  EXPECT_EQ(config->retention_stream[1].period_nanos, 3 * 86'400 * kNanosPerSecond);
  auto message = [](std::string_view text) { return parse(text).error().message; };
  EXPECT_NE(message("retention_stream: [{selector: '{a=\"b\"}', period: 1h}]").find("at least 24h"),
            std::string::npos);
  EXPECT_NE(
      message("retention_stream: [{selector: '{a=\"b\"} | json', period: 2d}]").find("cannot delete by"),
      std::string::npos);
}

TEST(LogsConfig, LimitsOfQueries) {
  Result<LogsConfig> config = parse(R"(
limits:
  max_query_bytes_read: 2GB
  max_query_length: 721h
  tenants:
    red: {max_query_series: 9, max_query_lines_read: 1000, max_query_length: 0s}
)");
  ASSERT_TRUE(config.ok()) << config.error().to_string();
  EXPECT_EQ(config->limits.all.bytes_read_max, uint64_t{2} << 30);
  EXPECT_EQ(config->limits.all.series_max, 500u);
  EXPECT_EQ(config->limits.of("blue").length_nanos_max, 721 * 3600 * kNanosPerSecond);
  LogQueryLimits red = config->limits.of("red");
  EXPECT_EQ(red.bytes_read_max, uint64_t{2} << 30);
  EXPECT_EQ(red.series_max, 9u);
  EXPECT_EQ(red.lines_read_max, 1000u);
  EXPECT_EQ(red.length_nanos_max, 0);
  auto message = [](std::string_view text) { return parse(text).error().message; };
  EXPECT_NE(message("limits: {max_query_bytes: 1}").find("max_query_bytes"), std::string::npos);
  EXPECT_NE(message("limits: {max_query_series: 0}").find("max_query_series"), std::string::npos);
  EXPECT_NE(message("limits: {tenants: [red]}").find("must be a map"), std::string::npos);
}

TEST(LogsConfig, ErrorsNameTheLine) {
  auto message = [](std::string_view text) { return parse(text).error().message; };
  EXPECT_NE(message("otlp:\n  scope_attributes:\n  - {action: index_label, attributes: [a]}\n")
                .find("o.yml:3: action must be structured_metadata or drop"),
            std::string::npos);
  EXPECT_NE(message("otlp:\n  log_attributes:\n  - {action: drop}\n").find("either attributes or a regex"),
            std::string::npos);
  EXPECT_NE(message("otlp:\n  log_attributes:\n  - {action: drop, regex: '('}\n").find("o.yml:3: regex:"),
            std::string::npos);
  EXPECT_NE(message("discover_levels: true\n").find("did you mean"), std::string::npos);
  EXPECT_NE(message("max_line_size: 0\n").find("larger than 0"), std::string::npos);
}

}  // namespace
}  // namespace obelisk::server
