#pragma once
// The metrics that are derived from spans, by tenant: all tenants share one set of generators with the
// server's settings, and a tenant with settings of its own has a set for itself. When settings change, the
// set that was in use writes once more what it has counted, and the next write is the new set's, whose
// counters begin at 0: two sets never write one series in the same
// moment. Of settings that are replaced before their first write nothing is written. Thread safe; settings
// are changed while spans come in.
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

  const Clock& clock_;
  const SetPtr shared_;
  mutable Mutex mutex_;
  std::map<Tenant, SetPtr, std::less<>> own_ GUARDED_BY(mutex_);
  // Sets that have been replaced since the last write: what they hold of their tenant is still to be written.
  std::map<Tenant, SetPtr, std::less<>> replaced_ GUARDED_BY(mutex_);
};

}  // namespace obelisk
