#pragma once
// OTLP ExportMetricsServiceRequest (protobuf) to Prometheus series: rows of samples, exemplars and metadata.
// Names and labels as Prometheus' OTLP receiver makes them by its settings (otlp_translation.h,
// prometheus_names.h). Pure function.
//   gauge                   one series
//   sum                     one series; monotonic ones end in _total
//   histogram               _bucket with le, _sum (when the point has one), _count; exemplars go to their
//   bucket exponential histogram   native histogram (model/histogram.h); scales above 8 are reduced to 8,
//   below -4 refused summary                 quantile series, _sum, _count resource target_info with the
//   attributes that are neither job nor instance
// With convert_histograms_to_nhcb histograms become native ones with custom bounds; bounds that do not ascend
// or are not finite are rejected then. Delta sums and histograms come in batches of their own, marked by
// column::kTemporality; the intake turns them into cumulative series. A point flagged as without a recorded
// value becomes a stale marker. A point without a time or value, a metric without a temporality or a name,
// and a scale that does not fit are rejected and counted.
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "plan/batch.h"
#include "wire/otlp_translation.h"

namespace obelisk {

struct DecodedMetrics {
  std::vector<Batch> batches;
  uint64_t rejected_points = 0;
  std::string rejection;  // why the first one was rejected
};

Result<DecodedMetrics> decode_otlp_metrics(std::shared_ptr<const std::string> body, UnixNanos now,
                                           const OtlpTranslation& translation = {});

}  // namespace obelisk
