#include "server/configured_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "collect/scrape/scrape_target.h"

namespace obelisk::server {
namespace {

Result<Watched> load_watched(const Config& config) {
  Watched watched;
  if (!config.prometheus_config.empty()) {
    OBELISK_TRY(watched.prometheus, collect::load_prometheus_config(config.prometheus_config));
    OBELISK_CHECK_OK(scrape::check_static_targets(watched.prometheus));
    OBELISK_TRY(watched.rule_groups, rules::load_rule_files(watched.prometheus.rule_files));
  }
  for (auto [files, language] : {std::pair(&config.logs.rule_files, rules::RuleLanguage::logql),
                                 std::pair(&config.trace_rule_files, rules::RuleLanguage::traceql)}) {
    OBELISK_TRY(std::vector<rules::RuleGroup> groups, rules::load_rule_files(*files, language));
    std::move(groups.begin(), groups.end(), std::back_inserter(watched.rule_groups));
  }
  return watched;
}

}  // namespace

Result<std::optional<alerting::AlertmanagerConfig>> load_alertmanager(const Config& config) {
  if (config.alertmanager_config.empty()) return std::optional<alerting::AlertmanagerConfig>();
  OBELISK_TRY(std::string text, read_text_file(config.alertmanager_config));
  OBELISK_TRY(alerting::AlertmanagerConfig parsed,
              alerting::parse_alertmanager_config(text, config.alertmanager_config));
  return std::optional(std::move(parsed));
}

Result<SamplingStrategies> load_sampling(const Config& config) {
  if (config.jaeger_sampling_strategies.empty()) return SamplingStrategies();
  OBELISK_TRY(std::string text, read_text_file(config.jaeger_sampling_strategies));
  return SamplingStrategies::parse(text, config.jaeger_sampling_strategies);
}

Result<Watched> load_served(const Config& config) {
  OBELISK_TRY(Watched watched, load_watched(config));
  OBELISK_CHECK_OK(watched.prometheus.can_be_served());
  for (const collect::Notice& notice : watched.prometheus.notices) log_warning("config", notice.text);
  return watched;
}

Result<std::string> check_configuration(const Config& config, bool strict) {
  OBELISK_TRY(Watched watched, load_watched(config));
  if (strict) OBELISK_CHECK_OK(watched.prometheus.can_be_served());
  OBELISK_TRY(std::optional<alerting::AlertmanagerConfig> alertmanager, load_alertmanager(config));
  OBELISK_TRY([[maybe_unused]] SamplingStrategies sampling, load_sampling(config));
  size_t targets = 0;
  std::string notices;
  for (const collect::ScrapeConfig& job : watched.prometheus.jobs) {
    for (const collect::TargetGroup& group : job.discovery.static_groups) targets += group.targets.size();
  }
  for (const collect::Notice& notice : watched.prometheus.notices)
    notices +=
        fmt::format("{}: {}\n", notice.refuses_start ? "a start is refused" : "not served", notice.text);
  size_t rule_count = 0;
  for (const rules::RuleGroup& group : watched.rule_groups) rule_count += group.rules.size();
  return fmt::format("{}ok: {} scrape jobs with {} targets, {} rule groups with {} rules, {} receivers\n",
                     notices, watched.prometheus.jobs.size(), targets, watched.rule_groups.size(), rule_count,
                     alertmanager ? alertmanager->receivers.size() : 0);
}

}  // namespace obelisk::server
