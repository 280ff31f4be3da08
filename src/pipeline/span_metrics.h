#pragma once
// Rate, errors and duration of every operation, derived from its spans as Tempo's metrics generator does:
//   traces_spanmetrics_calls_total, traces_spanmetrics_latency (seconds), traces_spanmetrics_size_total
//   (bytes)
// with labels service, span_name, span_kind (SPAN_KIND_SERVER) and status_code (STATUS_CODE_ERROR), and own
// dimensions; latency buckets carry the latest trace as exemplar. Sizes are those of a span's values and
// attribute names, without its resource. With target_info every resource that names a job or an instance
// also gives traces_target_info with its attributes, and these two are labels of the other series.
// Bounds: derived_series.h. Thread safe.
#include "pipeline/derived_metrics_flusher.h"
#include "pipeline/pipeline.h"
#include "query/core/span_dimensions.h"
#include "query/core/span_filter.h"
#include "query/core/span_multiplier.h"

namespace obelisk {

// What happens to names of spans (span_names.h): nothing; they are counted where they would change; they
// change.
enum class SpanNameSanitization : uint8_t { disabled, dry_run, enabled };

struct SpanMetricsOptions {
  DerivedSeries::Options series = {};
  std::vector<double> bounds = {};  // of the latency in seconds, ascending; none: 2 ms, doubling, 14 of them
  // Which of its own facts a span is told apart by.
  bool service = true;
  bool span_name = true;
  bool span_kind = true;
  bool status_code = true;
  bool status_message = false;
  SpanNameSanitization sanitization = SpanNameSanitization::disabled;
  std::vector<std::string> dimensions = {};
  std::vector<DimensionMapping> dimension_mappings = {};
  std::vector<SpanFilterPolicy> filter_policies = {};
  SpanMultiplierOptions multiplier = {};
  bool latency = true;
  bool count = true;
  bool size = true;
  bool target_info = false;
  bool instance_label = true;
  std::vector<std::string> target_info_excluded_dimensions = {};  // attributes
};

class SpanMetrics : public SpanTap, public TenantMetricsSource {
 public:
  explicit SpanMetrics(const Clock& clock, SpanMetricsOptions options = {});

  std::function<void()> prepare(const Tenant& tenant, const Batch& spans) override;
  std::vector<TenantBatches> collect(UnixNanos now) override;
  std::vector<TenantBatches> end(const Tenant& tenant, UnixNanos at) override;
  void begin(const Tenant& tenant, UnixNanos not_before) override;

 private:
  class Reader;
  struct State;
  const Clock& clock_;
  const std::shared_ptr<const State> state_;  // shared with observations under way
};

}  // namespace obelisk
