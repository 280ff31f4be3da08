#include "server/config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>

#include "base/yaml.h"

namespace obelisk::server {
namespace {

TEST(Config, DefaultsAndRelativePaths) {
  Result<Config> config =
      parse_config("data_dir: d\nprometheus_config: /etc/p.yml\nretention: {logs: 1d}\n", "o.yml", "/conf");
  ASSERT_TRUE(config.ok()) << config.error().to_string();
  EXPECT_EQ(config->listen, "127.0.0.1:4319");
  EXPECT_EQ(config->data_dir, "/conf/d");
  EXPECT_EQ(config->prometheus_config, "/etc/p.yml");
  EXPECT_EQ(config->logs_retention_nanos, 86400 * kNanosPerSecond);
  EXPECT_TRUE(parse_config("", "o.yml", "").ok());
}

TEST(Config, ErrorsNameFileLineAndNearestKey) {
  auto message = [](std::string_view text) { return parse_config(text, "o.yml", "").error().message; };
  EXPECT_EQ(message("\nlistn: x\n"),
            "o.yml:2: configuration: unknown key \"listn\", did you mean \"listen\"?");
  EXPECT_EQ(message("listen: nowhere\n"),
            "o.yml:1: listen: an address such as 127.0.0.1:4319, not \"nowhere\"");
  EXPECT_EQ(message("durability: maybe\n"),
            "o.yml:1: durability must be sync, interval or off, not \"maybe\"");
  EXPECT_EQ(message("retention: {logs: 0}\n"), "o.yml:1: retention.logs must be longer than 0");
}

// Every key of the reference is accepted by the parser: the example there is parsed as it stands.
TEST(Config, TheReferencesExampleParses) {
  std::ifstream file("docs/CONFIGURATION.md");
  ASSERT_TRUE(file.good());
  std::string text(std::istreambuf_iterator<char>(file), {});
  size_t start = text.find("```yaml\n");
  ASSERT_NE(start, std::string::npos);
  start += 8;
  std::string example = text.substr(start, text.find("```", start) - start);
  Result<Config> config = parse_config(example, "docs/CONFIGURATION.md", "");
  ASSERT_TRUE(config.ok()) << config.error().to_string();
  // The example spells out the defaults.
  EXPECT_EQ(config->listen, Config().listen);
  EXPECT_EQ(config->query_memory_bytes, Config().query_memory_bytes);
  EXPECT_EQ(config->metrics_retention_nanos, Config().metrics_retention_nanos);
  EXPECT_EQ(config->span_metrics_interval_nanos, Config().span_metrics_interval_nanos);
}

}  // namespace
}  // namespace obelisk::server
