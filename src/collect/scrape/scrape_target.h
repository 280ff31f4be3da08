#pragma once
// What a job and the groups that discovery found come to: the targets to scrape and those that relabelling
// dropped, computed as Prometheus does. Plain values.
//
// Discovered labels: the target's own, the group's where it has none of that name, then job, __scheme__,
// __metrics_path__, __scrape_interval__, __scrape_timeout__ and __param_* where absent. After relabelling the
// URL, interval and timeout come from those special labels; __meta_* are dropped; instance is the address
// where absent; the target's labels are those that do not start with "__". __unix_socket__ names a socket to
// connect to instead of the host.
//
// Bounds: kTargetsPerJobMax targets a job, so that a runaway discovery cannot take memory; those over it are
// counted and named in the errors.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "collect/config/prometheus_config.h"
#include "model/labels.h"

namespace obelisk::scrape {

using collect::PrometheusConfig;
using collect::ScrapeConfig;
using collect::TargetGroup;

inline constexpr size_t kTargetsPerJobMax = 100'000;

struct ScrapeTarget {
  std::shared_ptr<const ScrapeConfig> job;
  Labels discovered_labels;
  Labels labels;
  std::string url;
  std::string unix_socket_path;
  int64_t interval_nanos = 0;
  int64_t timeout_nanos = 0;
  std::string refusal;  // why it is not scraped (target_limit), when not empty

  // Two targets with the same key would write the same series.
  std::string key() const { return labels.to_string() + " " + url; }
  // Where in its interval this target is scraped: the same in every run, spread over the interval by its
  // labels and URL, so that targets are not all scraped at once.
  int64_t offset_nanos() const;
  // The first scrape time at or after `now`.
  UnixNanos first_scrape(UnixNanos now) const;
};

struct JobTargets {
  std::vector<ScrapeTarget> active;
  std::vector<Labels> dropped;  // discovered labels, at most keep_dropped_targets where that is set
  size_t dropped_count = 0;
  std::vector<std::string> errors;  // of targets that cannot be scraped
};

// The labels before relabelling.
Labels discovered_labels(const ScrapeConfig& job, const Labels& target, const Labels& group);

// nullopt: dropped by relabelling. Errors name the job and the label that does not fit.
Result<std::optional<ScrapeTarget>> make_target(std::shared_ptr<const ScrapeConfig> job, Labels discovered);

// Of targets with the same key the first stays.
JobTargets make_job_targets(const std::shared_ptr<const ScrapeConfig>& job,
                            const std::vector<TargetGroup>& groups);

// The first target of static_configs that cannot be scraped: what a reload refuses.
Result<void> check_static_targets(const PrometheusConfig& config);

}  // namespace obelisk::scrape
