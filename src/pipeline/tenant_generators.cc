#include "pipeline/tenant_generators.h"

namespace obelisk {

struct TenantGenerators::Set {
  Set(const Clock& clock, const TenantSettings& of) : settings(of) {
    auto add = [this](auto tap) {
      taps.push_back(tap);
      sources.push_back(tap);
    };
    const GeneratorOptions& options = settings.generator;
    if (options.span_metrics) add(std::make_shared<SpanMetrics>(clock, options.span_metrics_options));
    if (options.service_graph) add(std::make_shared<ServiceGraph>(clock, options.service_graph_options));
    if (options.host_info) add(std::make_shared<HostInfo>(clock, options.host_info_options));
    if (settings.usage_dimensions.empty()) return;
    usage = std::make_shared<UsageTracker>(settings.usage_dimensions);
    taps.push_back(usage);
  }

  std::vector<TenantBatches> collect(UnixNanos now) const {
    std::vector<TenantBatches> collected;
    for (const std::shared_ptr<DerivedMetricsSource>& source : sources) {
      for (TenantBatches& one : source->collect(now)) collected.push_back(std::move(one));
    }
    return collected;
  }

  const TenantSettings settings;
  std::vector<std::shared_ptr<SpanTap>> taps;
  std::vector<std::shared_ptr<DerivedMetricsSource>> sources;
  std::shared_ptr<UsageTracker> usage;  // null: bytes are not counted
  UnixNanos written{0};                 // under the mutex of TenantGenerators
};

TenantGenerators::TenantGenerators(const Clock& clock, const GeneratorOptions& of_all)
    : clock_(clock), shared_(std::make_shared<Set>(clock, TenantSettings{of_all, true, 0, {}})) {}

void TenantGenerators::set(const Tenant& tenant, TenantSettings settings) {
  replace(tenant, std::make_shared<Set>(clock_, settings));
}

void TenantGenerators::reset(const Tenant& tenant) {
  replace(tenant, nullptr);
}

void TenantGenerators::replace(const Tenant& tenant, SetPtr with) {
  MutexLock lock(mutex_);
  auto found = own_.find(tenant);
  if (found == own_.end() && !with) return;
  replaced_.try_emplace(tenant, found == own_.end() ? shared_ : found->second);
  if (found != own_.end()) own_.erase(found);
  if (with) own_.emplace(tenant, std::move(with));
}

TenantGenerators::SetPtr TenantGenerators::set_of(const Tenant& tenant) const {
  MutexLock lock(mutex_);
  auto found = own_.find(tenant);
  return found == own_.end() ? shared_ : found->second;
}

std::function<void()> TenantGenerators::prepare(const Tenant& tenant, const Batch& spans) {
  SetPtr set = set_of(tenant);
  std::vector<std::function<void()>> observations;
  for (const std::shared_ptr<SpanTap>& tap : set->taps) {
    if (std::function<void()> observation = tap->prepare(tenant, spans))
      observations.push_back(std::move(observation));
  }
  if (observations.size() <= 1) return observations.empty() ? nullptr : std::move(observations[0]);
  return [observations = std::move(observations)] {
    for (const std::function<void()>& observation : observations) observation();
  };
}

std::vector<TenantBatches> TenantGenerators::collect(UnixNanos now) {
  std::map<Tenant, SetPtr, std::less<>> own, replaced;
  {
    MutexLock lock(mutex_);
    own = own_;
    replaced.swap(replaced_);
  }
  std::vector<TenantBatches> collected;
  auto take = [&](const Set& set, auto&& wanted) {
    for (TenantBatches& one : set.collect(now)) {
      if (wanted(one.tenant)) collected.push_back(std::move(one));
    }
  };
  take(*shared_, [&](const Tenant& tenant) {
    auto before = replaced.find(tenant);
    return before != replaced.end() ? before->second == shared_ : !own.contains(tenant);
  });
  for (const auto& [tenant, set] : replaced) {
    if (set != shared_ && set->settings.writes) take(*set, [&](const Tenant& of) { return of == tenant; });
  }
  for (const auto& [tenant, set] : own) {
    if (replaced.contains(tenant)) continue;
    {
      MutexLock lock(mutex_);
      if (now - set->written < set->settings.interval_nanos) continue;
      set->written = now;
    }
    take(*set, [&](const Tenant& of) { return of == tenant && set->settings.writes; });
  }
  return collected;
}

std::shared_ptr<const GraphRules> TenantGenerators::graph_rules(const Tenant& tenant) const {
  SetPtr set = set_of(tenant);
  if (set == shared_) return nullptr;
  return std::make_shared<const GraphRules>(set->settings.generator.service_graph_options.rules);
}

std::vector<TenantGenerators::TenantUsage> TenantGenerators::usage() const {
  std::map<Tenant, SetPtr, std::less<>> own;
  {
    MutexLock lock(mutex_);
    own = own_;
  }
  std::vector<TenantUsage> all;
  for (const auto& [tenant, set] : own) {
    if (!set->usage) continue;
    for (UsageTracker::Usage& usage : set->usage->usage()) all.push_back({tenant, std::move(usage)});
  }
  return all;
}

}  // namespace obelisk
