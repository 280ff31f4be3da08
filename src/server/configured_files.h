#pragma once
// The files that obelisk.yaml names, read and checked: prometheus.yml with its rule files, alertmanager.yml,
// rule files of logs and traces, Jaeger's sampling strategies. Read at the start, again at a reload, and by
// `obelisk check`.
#include <optional>
#include <string>
#include <vector>

#include "alerting/alertmanager_config.h"
#include "api/jaeger/sampling_strategies.h"
#include "base/result.h"
#include "collect/config/prometheus_config.h"
#include "rules/rule_file.h"
#include "server/config.h"

namespace obelisk::server {

// Everything of prometheus.yml that the server runs.
struct Watched {
  collect::PrometheusConfig prometheus;
  std::vector<rules::RuleGroup> rule_groups;
};

// For serving: refused when the files ask for what a start cannot do without; lesser things are told in the
// log.
Result<Watched> load_served(const Config& config);
Result<std::optional<alerting::AlertmanagerConfig>> load_alertmanager(const Config& config);
Result<SamplingStrategies> load_sampling(const Config& config);

// Reads everything that a start would read, without starting: for `obelisk check`.
// `strict`: an error also where the files are valid and ask for something that makes a start impossible.
Result<std::string> check_configuration(const Config& config, bool strict = false);

}  // namespace obelisk::server
