#pragma once
// Rate, errors and duration of every operation, derived from its spans as Tempo's metrics generator does:
//   traces_spanmetrics_calls_total, traces_spanmetrics_latency (seconds), traces_spanmetrics_size_total
//   (bytes)
// with labels service, span_name, span_kind (SPAN_KIND_SERVER) and status_code (STATUS_CODE_ERROR); latency
// buckets carry the latest trace as exemplar. Sizes are those of a span's values and attribute names, without
// its resource. Bounds: derived_series.h. Thread safe.
#include "pipeline/derived_metrics_flusher.h"
#include "pipeline/pipeline.h"

namespace obelisk {

class SpanMetrics : public SpanTap, public DerivedMetricsSource {
 public:
  explicit SpanMetrics(const Clock& clock, DerivedSeries::Options options = {});

  std::function<void()> prepare(const Tenant& tenant, const Batch& spans) override;
  std::vector<TenantBatches> collect(UnixNanos now) override { return series_->collect(now); }

 private:
  const Clock& clock_;
  const std::shared_ptr<DerivedSeries> series_;  // shared with observations under way
};

}  // namespace obelisk
