#pragma once
// prometheus.yml, unchanged: the whole file format of Prometheus 3. Unknown keys are refused with file, line
// and the nearest valid name, and every rule of the reference about single values and their combination is
// checked. What the file asks for and this server does not do is in `notices`: most are only said (at start,
// on reload and by `obelisk check`); those with refuses_start, discovery kinds that are not served, make
// serving impossible, because their targets would be missing without a trace. So a file that Prometheus loads
// loads here, too, and a server that cannot do what it says does not start with it.
//
// Relative paths are joined to the directory of the file that names them. scrape_config_files may add at most
// kScrapeConfigFilesMax files.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "collect/config/scrape_config.h"
#include "wire/otlp_translation.h"

namespace obelisk::collect {

inline constexpr size_t kScrapeConfigFilesMax = 1'000;

struct PrometheusConfig {
  int64_t evaluation_interval_nanos = 60 * kNanosPerSecond;
  std::map<std::string, std::string> external_labels;  // environment variables are filled in
  std::vector<std::string> rule_files;                 // patterns
  std::vector<ScrapeConfig> jobs;
  std::optional<OtlpTranslation> otlp;  // how OTLP metrics become series
  std::vector<Notice> notices;
  std::string yaml;  // the file's content, secrets hidden

  // An error that lists what makes serving this file impossible.
  Result<void> can_be_served() const;
};

// `file` is used in messages, and its directory for relative paths. Reads the scrape_config_files.
Result<PrometheusConfig> parse_prometheus_config(std::string_view text, const std::string& file);

// Reads the file from the real disk.
Result<PrometheusConfig> load_prometheus_config(const std::string& path);

}  // namespace obelisk::collect
