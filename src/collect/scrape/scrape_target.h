#pragma once
// One thing to scrape: what a job and one of its addresses come to, as Prometheus computes it without
// relabelling. The discovered labels are those of the static config with job, __address__, __scheme__,
// __metrics_path__,
// __scrape_interval__, __scrape_timeout__ and __param_* added where it does not set them; the URL, interval
// and timeout come from them; the target's labels are those that do not start with "__", with instance = the
// address where absent. A plain value.
#include <string>
#include <vector>

#include "base/result.h"
#include "collect/scrape/prometheus_config.h"
#include "model/labels.h"

namespace obelisk::scrape {

struct ScrapeTarget {
  ScrapeConfig job;  // without its targets
  Labels discovered_labels;
  Labels labels;
  std::string url;
  int64_t interval_nanos = 0;
  int64_t timeout_nanos = 0;

  bool operator==(const ScrapeTarget&) const = default;
  // Two targets with the same key would write the same series.
  std::string key() const { return labels.to_string() + " " + url; }
  // Where in its interval this target is scraped: the same in every run, spread over the interval by its
  // labels and URL, so that targets are not all scraped at once.
  int64_t offset_nanos() const;
  // The first scrape time at or after `now`.
  UnixNanos first_scrape(UnixNanos now) const;
};

// Errors name the job and the label that does not fit.
Result<ScrapeTarget> make_target(const ScrapeConfig& job, const std::string& address,
                                 const std::map<std::string, std::string>& labels);

// All targets of all jobs; of targets with the same key the first stays.
Result<std::vector<ScrapeTarget>> make_targets(const PrometheusConfig& config);

}  // namespace obelisk::scrape
