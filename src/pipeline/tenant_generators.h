#pragma once
// The metrics that are derived from spans, by tenant: all tenants share one set of generators with the
// server's settings, and a tenant with settings of its own has a set for itself. When settings change, the
// set that was in use ends at that moment: what it has counted is written with the next write, as of that
// end, and what the new set writes lies after it and begins at 0. So no series is written by two sets in one
// moment, and of settings that are replaced before their first write nothing is lost either; up to
// kEndedSetsMax of them, beyond which obelisk_derived_sets_dropped_total counts. Spans that are on their way
// to the store while their set ends are not counted. Thread safe; settings are
// changed while spans come in.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/host_info.h"
#include "pipeline/service_graph.h"
#include "pipeline/span_metrics.h"
#include "pipeline/usage_tracker.h"

namespace obelisk {

struct GeneratorOptions {
  bool span_metrics = true;
  bool service_graph = true;
  bool host_info = false;
  SpanMetricsOptions span_metrics_options;
  ServiceGraphOptions service_graph_options;
  HostInfoOptions host_info_options;
  // Spans that end further than this from now, before or after, are left out; 0: none.
  int64_t ingestion_slack_nanos = 0;
};

// What a tenant may have of its own.
struct TenantSettings {
  GeneratorOptions generator;
  bool writes = true;          // false: counted, and not written
  int64_t interval_nanos = 0;  // between writes; 0: at every flush, as for all
  std::vector<UsageDimension> usage_dimensions;
};

class TenantGenerators : public SpanTap, public DerivedMetricsSource {
 public:
  static constexpr size_t kEndedSetsMax = 100;  // of a tenant, between two writes
  TenantGenerators(const Clock& clock, const GeneratorOptions& of_all);

  void set(const Tenant& tenant, TenantSettings settings);
  // Back to what all tenants share.
  void reset(const Tenant& tenant);

  std::function<void()> prepare(const Tenant& tenant, const Batch& spans) override;
  std::vector<TenantBatches> collect(UnixNanos now) override;

  std::shared_ptr<const GraphRules> graph_rules(const Tenant& tenant) const override;

  struct TenantUsage {
    Tenant tenant;
    UsageTracker::Usage usage;
  };
  std::vector<TenantUsage> usage() const;

 private:
  struct Set;
  using SetPtr = std::shared_ptr<Set>;
  SetPtr set_of(const Tenant& tenant) const;
  void replace(const Tenant& tenant, SetPtr with);
  UnixNanos end_now(const Tenant& tenant, const Set& set) REQUIRES(mutex_);

  const Clock& clock_;
  const SetPtr shared_;
  mutable Mutex mutex_;
  std::map<Tenant, SetPtr, std::less<>> own_ GUARDED_BY(mutex_);
  // What sets that have ended since the last write have left, one list a set.
  std::map<Tenant, std::vector<std::vector<TenantBatches>>, std::less<>> ended_ GUARDED_BY(mutex_);
  // Since when a tenant has the set it has; only of those whose settings have changed.
  std::map<Tenant, UnixNanos, std::less<>> begins_ GUARDED_BY(mutex_);
  UnixNanos collected_ GUARDED_BY(mutex_){0};
};

}  // namespace obelisk
