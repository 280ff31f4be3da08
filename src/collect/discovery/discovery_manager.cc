#include "collect/discovery/discovery_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <set>
#include <thread>

#include "base/log.h"
#include "base/self_metrics.h"

namespace obelisk::collect {
namespace {

// After a failure at least this long, whatever the refresh interval: a server that refuses is not flooded.
constexpr int64_t kFailurePauseNanos = 5 * kNanosPerSecond;

Counter& failures(std::string_view kind) {
  return counter("obelisk_discovery_failures_total", "Rounds of discovery that failed; their targets stay.",
                 {{"kind", std::string(kind)}});
}
Counter& rounds(std::string_view kind) {
  return counter("obelisk_discovery_rounds_total", "Rounds of discovery that succeeded.",
                 {{"kind", std::string(kind)}});
}

}  // namespace

struct DiscoveryManager::Provider {
  Discovery settings;
  std::unique_ptr<Discoverer> discoverer;  // the thread's
  std::atomic<bool> stopping{false};
  Mutex wait_mutex;
  std::condition_variable stopped;
  std::thread thread;
  // Guarded by DiscoveryManager::mutex_.
  std::vector<TargetGroup> groups;
  bool ever_found = false;
  bool failing = false;

  void end() {
    {
      MutexLock lock(wait_mutex);
      stopping = true;
    }
    stopped.notify_all();
  }
  void join() {
    if (thread.joinable()) thread.join();
  }
};

DiscoveryManager::DiscoveryManager(Publish publish, HttpFetcher::Transport transport)
    : publish_(std::move(publish)), fetcher_(std::move(transport)) {}

DiscoveryManager::~DiscoveryManager() {
  stop();
}

void DiscoveryManager::stop() {
  std::vector<ProviderPtr> all;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    all = std::move(providers_);
    providers_.clear();
    jobs_.clear();
  }
  for (const ProviderPtr& provider : all) provider->end();
  for (const ProviderPtr& provider : all) provider->join();
}

Result<void> DiscoveryManager::check(const PrometheusConfig& config) const {
  size_t count = 0;
  for (const ScrapeConfig& job : config.jobs) count += job.discovery.discoveries.size();
  if (count <= kDiscoveriesMax) return {};
  return make_error(
      ErrorCode::too_large,
      fmt::format("{} service discovery configurations; at most {} are served", count, kDiscoveriesMax));
}

void DiscoveryManager::apply(const PrometheusConfig& config) {
  std::vector<ProviderPtr> gone;
  {
    MutexLock lock(mutex_);
    if (stopped_) return;
    std::vector<ProviderPtr> before = std::move(providers_);
    providers_.clear();
    jobs_.clear();
    auto find = [](const std::vector<ProviderPtr>& in, const Discovery& settings) {
      auto it = std::find_if(in.begin(), in.end(),
                             [&](const ProviderPtr& one) { return one->settings == settings; });
      return it == in.end() ? nullptr : *it;
    };
    for (const ScrapeConfig& job : config.jobs) {
      for (const Discovery& settings : job.discovery.discoveries) {
        ProviderPtr provider = find(providers_, settings);
        if (!provider) {
          provider = find(before, settings);
          if (!provider) {
            provider = std::make_shared<Provider>();
            provider->settings = settings;
            provider->discoverer = make_discoverer(settings, fetcher_);
            provider->thread = std::thread([this, provider] { run(provider); });
          }
          providers_.push_back(provider);
        }
        jobs_[job.job_name].push_back(provider);
      }
    }
    for (ProviderPtr& provider : before) {
      if (!find(providers_, provider->settings)) gone.push_back(std::move(provider));
    }
  }
  for (const ProviderPtr& provider : gone) provider->end();
  for (const ProviderPtr& provider : gone) provider->join();
  publish_jobs_of(nullptr);
}

void DiscoveryManager::run(const ProviderPtr& provider) {
  while (!provider->stopping) {
    Result<std::vector<TargetGroup>> groups = provider->discoverer->discover(provider->stopping);
    if (provider->stopping) return;
    int64_t pause = provider->discoverer->pause_nanos();
    if (!groups.ok()) pause = std::max(pause, kFailurePauseNanos);
    found(provider, std::move(groups));
    MutexLock lock(provider->wait_mutex);
    auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(pause);
    while (!provider->stopping && std::chrono::steady_clock::now() < until)
      lock.wait_for(provider->stopped, until - std::chrono::steady_clock::now());
  }
}

void DiscoveryManager::found(const ProviderPtr& provider, Result<std::vector<TargetGroup>> groups) {
  std::string_view kind = discovery_kind(provider->settings);
  (groups.ok() ? rounds(kind) : failures(kind)).add();
  {
    MutexLock lock(mutex_);
    bool failed_before = std::exchange(provider->failing, !groups.ok());
    if (!groups.ok()) {
      if (!failed_before) log_warning("discovery", fmt::format("{}: {}", kind, groups.error().to_string()));
      return;
    }
    if (provider->ever_found && provider->groups == *groups) return;
    provider->groups = std::move(*groups);
    provider->ever_found = true;
  }
  publish_jobs_of(provider.get());
}

// Of every job when `provider` is null. A job is published once one of its discoveries has found something.
void DiscoveryManager::publish_jobs_of(const Provider* provider) {
  MutexLock publishing(publish_mutex_);
  std::map<std::string, std::vector<TargetGroup>> changed;
  {
    MutexLock lock(mutex_);
    for (const auto& [name, providers] : jobs_) {
      bool mine = provider == nullptr;
      bool any = false;
      for (const ProviderPtr& one : providers) {
        mine = mine || one.get() == provider;
        any = any || one->ever_found;
      }
      if (!mine || !any) continue;
      std::vector<TargetGroup>& groups = changed[name];
      for (const ProviderPtr& one : providers)
        groups.insert(groups.end(), one->groups.begin(), one->groups.end());
    }
  }
  for (auto& [name, groups] : changed) publish_(name, std::move(groups));
}

}  // namespace obelisk::collect
