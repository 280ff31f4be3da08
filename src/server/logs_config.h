#pragma once
// The `logs` block of obelisk.yaml: what is made of pushed log lines. Names and defaults are those of Loki's
// limits_config where it has them.
#include <cstdint>
#include <string>
#include <vector>

#include "api/loki/delete_service.h"
#include "api/request/log_limits.h"
#include "base/yaml.h"
#include "wire/log_mapping.h"

namespace obelisk::server {

struct LogsConfig {
  // Off where Loki 3 has it on: detected_level joins the labels of every ungrouped metric query and so splits
  // series that people know as one, and it costs a search of every line.
  bool discover_log_levels = false;
  uint64_t max_line_size_bytes = 256 * 1024;
  bool max_line_size_truncate = false;
  LogMapping mapping;                   // discover_service_name and otlp
  std::vector<std::string> rule_files;  // rule groups whose expressions are LogQL
  int64_t delete_request_cancel_period_nanos = 0;
  std::vector<loki::RetentionRule> retention_stream;
  LogLimits limits;  // of queries
};

Result<LogsConfig> parse_logs_config(const YamlNode& node, const std::string& file);

}  // namespace obelisk::server
