#pragma once
// prometheus.yml: what a server that scrapes a static list of targets and evaluates rules needs of it.
// Every other key is refused by name, with file and line: keys that Prometheus knows as "not supported yet",
// unknown ones with the nearest valid name. Nothing is ignored. The rules follow Prometheus: a scrape timeout
// is at most its interval, job names are unique, settings of `global` are the defaults of every job.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "wire/exposition.h"

namespace obelisk::scrape {

struct StaticTargets {
  std::vector<std::string> addresses;  // "host:port"
  std::map<std::string, std::string> labels;
  bool operator==(const StaticTargets&) const = default;
};

struct ScrapeConfig {
  std::string job_name;
  int64_t interval_nanos = 60 * kNanosPerSecond;
  int64_t timeout_nanos = 10 * kNanosPerSecond;
  std::string scheme = "http";
  std::string metrics_path = "/metrics";
  std::vector<std::pair<std::string, std::string>> params;  // in the order of the file
  bool honor_labels = false;  // the page's labels win over the target's, instead of being renamed exported_*
  bool honor_timestamps = true;  // times on the page are used
  bool follow_redirects = true;
  bool compression = true;
  uint64_t body_bytes_max = 0;                      // after decompression; 0: kBodyBytesMax
  uint64_t sample_count_max = 0;                    // 0: no limit
  std::optional<ExpositionFormat> fallback_format;  // for pages without a usable Content-Type
  std::string user;                                 // basic authentication, when not empty
  std::string password;
  std::string authorization;  // the value of the Authorization header, when not empty
  std::vector<StaticTargets> targets;

  // Prometheus has no limit by default; a page must fit into memory.
  static constexpr uint64_t kBodyBytesMax = uint64_t{256} << 20;

  bool operator==(const ScrapeConfig&) const = default;
};

struct PrometheusConfig {
  int64_t evaluation_interval_nanos = 60 * kNanosPerSecond;
  std::map<std::string, std::string> external_labels;
  std::vector<std::string> rule_files;  // patterns; relative ones are joined to the directory of the file
  std::vector<ScrapeConfig> jobs;
};

// `file` is used in messages, and its directory for relative paths.
Result<PrometheusConfig> parse_prometheus_config(std::string_view text, const std::string& file);

// Reads the file from the real disk.
Result<PrometheusConfig> load_prometheus_config(const std::string& path);

}  // namespace obelisk::scrape
