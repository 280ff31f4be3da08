#pragma once
// Runs the discoveries of all jobs: one thread for each distinct configuration (jobs with equal ones share
// it), and hands a job's groups over when they change. A reload keeps the threads, and what they found, of
// configurations that stay. A discovery that fails keeps what it found before, is counted
// (obelisk_discovery_failures_total) and logged when it begins to fail. At most kDiscoveriesMax threads: a
// configuration with more is refused. Thread safe.
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_annotations.h"
#include "collect/config/prometheus_config.h"
#include "collect/discovery/discoverer.h"

namespace obelisk::collect {

class DiscoveryManager {
 public:
  static constexpr size_t kDiscoveriesMax = 500;
  // All groups of a job, from any thread; one call at a time.
  using Publish = std::function<void(const std::string& job_name, std::vector<TargetGroup> groups)>;

  explicit DiscoveryManager(Publish publish, HttpFetcher::Transport transport = {});
  ~DiscoveryManager();

  // With an error nothing changes.
  Result<void> check(const PrometheusConfig& config) const;
  // Starts and ends discoveries as the jobs ask for. Jobs whose discoveries have found something already are
  // published before this returns.
  void apply(const PrometheusConfig& config);
  void stop();

 private:
  struct Provider;
  using ProviderPtr = std::shared_ptr<Provider>;

  void run(const ProviderPtr& provider);
  void found(const ProviderPtr& provider, Result<std::vector<TargetGroup>> groups);
  void publish_jobs_of(const Provider* provider);

  const Publish publish_;
  HttpFetcher fetcher_;
  Mutex publish_mutex_;  // one publication at a time, in the order of the changes; taken before mutex_
  Mutex mutex_;
  bool stopped_ GUARDED_BY(mutex_) = false;
  std::vector<ProviderPtr> providers_ GUARDED_BY(mutex_);
  std::map<std::string, std::vector<ProviderPtr>> jobs_ GUARDED_BY(mutex_);
};

}  // namespace obelisk::collect
