#pragma once
// The block `limits` of obelisk.yaml: how many active series of metrics there may be, and what differs for a
// tenant, a metric or a job.
#include <map>
#include <string>

#include "base/result.h"
#include "base/yaml.h"
#include "ingest/intake.h"

namespace obelisk::server {

struct SeriesConfig {
  SeriesBounds all;
  std::map<std::string, SeriesBounds> tenants;  // those that differ, complete
};

Result<SeriesConfig> parse_series_limits(const YamlNode& node, const std::string& file);

}  // namespace obelisk::server
