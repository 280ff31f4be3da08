#pragma once
// Which hosts send spans, as Tempo's metrics generator has it: the gauge traces_host_info with the labels
// grafana_host_id (of the first identifying resource attribute) and host_source (its name). Bounds:
// derived_series.h. Thread safe.
#include "pipeline/derived_metrics_flusher.h"
#include "pipeline/pipeline.h"

namespace obelisk {

struct HostInfoOptions {
  std::vector<std::string> host_identifiers = {"k8s.node.name", "host.id"};
  std::string metric_name = "traces_host_info";
  DerivedSeries::Options series;
};

class HostInfo : public SpanTap, public TenantMetricsSource {
 public:
  HostInfo(const Clock& clock, HostInfoOptions options);

  std::function<void()> prepare(const Tenant& tenant, const Batch& spans) override;
  std::vector<TenantBatches> collect(UnixNanos now) override { return series_->collect(now); }
  std::vector<TenantBatches> end(const Tenant& tenant, UnixNanos at) override {
    return series_->end(tenant, at);
  }
  void begin(const Tenant& tenant, UnixNanos not_before) override { series_->begin(tenant, not_before); }

 private:
  const Clock& clock_;
  const HostInfoOptions options_;
  const std::shared_ptr<DerivedSeries> series_;  // shared with observations under way
};

}  // namespace obelisk
